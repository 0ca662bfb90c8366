package events

import (
	"encoding/json"
	"fmt"
)

// Problem is a refusal or failure in the form of RFC 9457, the same body over HTTP, NATS and in files. Type is stable and for
// machines; title and detail are sentences in Chinese, their *_en twins in English. Field is a JSON pointer into the payload.
type Problem struct {
	Type     string `json:"type"`
	Status   int    `json:"status"`
	Title    string `json:"title"`
	TitleEN  string `json:"title_en"`
	Detail   string `json:"detail,omitempty"`
	DetailEN string `json:"detail_en,omitempty"`
	Field    string `json:"field,omitempty"`
	Instance string `json:"instance,omitempty"` // the command id, where one is known
}

// Error makes a Problem an error; operators read English.
func (p *Problem) Error() string {
	s := p.Type + ": " + p.TitleEN
	if p.Field != "" {
		s += " (" + p.Field + ")"
	}
	if p.DetailEN != "" {
		s += ": " + p.DetailEN
	}
	return s
}

// ProblemPrefix begins every problem type.
const ProblemPrefix = "urn:jieli:problem:"

// ProblemKind is one line of the catalogue of refusals.
type ProblemKind struct {
	Code    string // the type without its prefix
	Status  int    // HTTP status
	Title   string
	TitleEN string
}

// Refuse words a refusal of this kind about a field ("" for the whole); detail sentences may be empty.
func (k ProblemKind) Refuse(field, detail, detailEN string) *Problem {
	return &Problem{Type: ProblemPrefix + k.Code, Status: k.Status, Title: k.Title, TitleEN: k.TitleEN, Detail: detail, DetailEN: detailEN, Field: field}
}

// Refusef is Refuse with both sentences formatted from the same arguments.
func (k ProblemKind) Refusef(field, detail, detailEN string, args ...any) *Problem {
	return k.Refuse(field, fmt.Sprintf(detail, args...), fmt.Sprintf(detailEN, args...))
}

// Is reports whether err is a Problem of this kind.
func (k ProblemKind) Is(err error) bool {
	p, ok := err.(*Problem)
	return ok && p.Type == ProblemPrefix+k.Code
}

// The catalogue. A code, once released, keeps its meaning.
var (
	// The message itself.
	ErrMalformed    = kind("malformed", 400, "报文无法解析", "the message cannot be read")
	ErrTooLarge     = kind("too-large", 413, "内容超过长度上限", "the content is over the size limit")
	ErrTooDeep      = kind("too-deep", 400, "嵌套层数过多", "nested too deeply")
	ErrDuplicateKey = kind("duplicate-key", 400, "同一对象中字段重复", "a field is repeated in one object")
	ErrEncoding     = kind("encoding", 400, "编码不是合法的 UTF-8", "the text is not valid UTF-8 or contains NUL")
	ErrCursor       = kind("cursor", 400, "翻页游标无效，请从第一页重新开始", "the cursor is not valid for this list: start from its first page")
	ErrHeader       = kind("repeated-header", 400, "报文头重复或非法", "a header is repeated or not allowed")
	ErrUnknownType  = kind("unknown-type", 400, "未知的事件或命令类型", "unknown event or command type")
	ErrInternalType = kind("internal-type", 403, "该命令只能由系统内部发出", "only the system itself may give this command")
	ErrSchema       = kind("schema", 422, "内容不符合契约", "the content does not follow its schema")
	ErrCommandID    = kind("command-id", 400, "命令编号不是 UUID 第 7 版或时间不合理", "the command id is not a plausible UUIDv7")
	ErrExpired      = kind("expired-command", 410, "命令编号早于 30 天，不再受理", "the command id is older than 30 days")
	ErrReusedID     = kind("reused-command-id", 409, "同一命令编号的内容不同", "the command id was used with another body")
	ErrID           = kind("id", 422, "编号含有不允许的字符", "the id has characters that are not allowed")
	ErrMismatch     = kind("subject-mismatch", 422, "主题与内容中的编号不一致", "the subject and the id in the content differ")

	// Values.
	ErrUSCC     = kind("uscc", 422, "统一社会信用代码不正确", "the unified social credit code is not valid")
	ErrRegion   = kind("region", 422, "未知的行政区划代码", "unknown region code")
	ErrIndustry = kind("industry", 422, "未知的行业代码", "unknown industry code")
	ErrCurrency = kind("currency", 422, "未知的货币代码", "unknown currency code")
	ErrMoney    = kind("money", 422, "金额不正确", "the amount is not valid")
	ErrCode     = kind("code", 422, "代码不在代码表中", "the code is not in its list")
	ErrRange    = kind("range", 422, "下限大于上限或超出范围", "the minimum is above the maximum or a bound is exceeded")
	ErrDates    = kind("dates", 422, "日期不正确", "the dates are not valid")
	ErrValidity = kind("validity", 422, "有效期已过", "the validity lies in the past")
	ErrClause   = kind("clause", 422, "准入条件不正确", "the eligibility clause is not valid")

	// State.
	ErrNotFound     = kind("not-found", 404, "对象不存在", "there is no such thing")
	ErrExists       = kind("exists", 409, "对象已存在且内容不同", "it exists already with other content")
	ErrPrecondition = kind("precondition-required", 428, "修改须说明所依据的版本", "an amendment must say which version it is based on")
	ErrVersion      = kind("version", 412, "版本已变化，请重新读取", "the version has changed; read it again")
	ErrState        = kind("state", 409, "当前状态不允许此操作", "its state does not allow this")
	ErrCapacity     = kind("capacity", 409, "剩余额度不足", "not enough capacity is left")
	ErrLicence      = kind("licence", 403, "牌照不覆盖该业务品种", "the licence does not cover this instrument")
	ErrPolicy       = kind("policy", 409, "现行政策规则不允许", "the policy rules in force do not allow it")
	ErrAuthority    = kind("authority", 403, "超出机构层级的审批权限", "beyond the unit's authority limit")
	ErrForbidden    = kind("forbidden", 403, "无权执行此操作", "not allowed")
	ErrUnauthorised = kind("unauthorised", 401, "需要有效的凭证", "a valid credential is needed")

	// Delivery.
	ErrOverloaded  = kind("overloaded", 503, "系统繁忙，命令未执行，请稍后以同一编号重试", "busy: surely not done, try again under the same id")
	ErrUnknown     = kind("unknown", 504, "结果未知，请以同一编号重试", "maybe done: repeat under the same id")
	ErrStale       = kind("stale-read", 503, "读取位置尚未到达，请稍后重试", "the read has not caught up with the position asked for")
	ErrUnavailable = kind("unavailable", 503, "服务不可用", "the service is not available")
	ErrMethod      = kind("method", 405, "不支持的方法", "method not allowed")
	ErrTooMany     = kind("too-many-questions", 429, "提问过于频繁", "too many questions")
	ErrEpoch       = kind("epoch", 409, "位置属于另一份账本", "the position is of other ledgers")
	ErrInternal    = kind("internal", 500, "内部错误", "internal error")
)

// Problems lists the catalogue in the order above.
var Problems []ProblemKind

func kind(code string, status int, title, titleEN string) ProblemKind {
	k := ProblemKind{code, status, title, titleEN}
	Problems = append(Problems, k)
	return k
}

// DecodeProblem reads a problem body; ok is false when the bytes are something else.
func DecodeProblem(b []byte) (*Problem, bool) {
	var p Problem
	if json.Unmarshal(b, &p) != nil || p.Type == "" || p.Status == 0 {
		return nil, false
	}
	return &p, true
}
