package store

import "fmt"

// Error is a failure of a store: a code for machines and a sentence for people in Chinese and English. Compare with
// errors.Is against the variables below; the cause, where there is one, is reachable with errors.Is and errors.As.
type Error struct {
	Code    string // stable, such as "store-invalid"
	Chinese string
	English string
	cause   error
}

// The kinds of failure. What a method returns may carry more detail than these; errors.Is tells the kind.
var (
	ErrNotFound    = &Error{Code: "store-not-found", Chinese: "没有这条记录", English: "there is no such document"}
	ErrPosition    = &Error{Code: "store-position", Chinese: "已存位置与预期不符", English: "the position stored isn't the one expected"}
	ErrCursor      = &Error{Code: "store-cursor", Chinese: "翻页游标无效，请从第一页重新开始", English: "the cursor isn't valid for this listing: start from its first page"}
	ErrInvalid     = &Error{Code: "store-invalid", Chinese: "请求不合规则", English: "the request isn't valid"}
	ErrTooLarge    = &Error{Code: "store-too-large", Chinese: "数据超过上限", English: "the data exceeds a limit"}
	ErrUnavailable = &Error{Code: "store-unavailable", Chinese: "投影存储暂时无法访问", English: "the projection store can't be reached"}
	ErrDamaged     = &Error{Code: "store-damaged", Chinese: "投影数据已损坏，请重建", English: "the projection's data is damaged: rebuild it"}
	ErrChanged     = &Error{Code: "store-changed", Chinese: "导出期间数据有变动，请重新导出", English: "the data changed during the dump: dump again"}
	ErrClosed      = &Error{Code: "store-closed", Chinese: "投影存储已关闭", English: "the store is closed"}
	ErrURL         = &Error{Code: "store-url", Chinese: "存储地址无效", English: "the store address isn't valid"}
	ErrSetting     = &Error{Code: "store-setting", Chinese: "存储服务的设置不可用", English: "the store server's settings can't be used"}
	ErrBehind      = &Error{Code: "store-behind", Chinese: "数据尚未更新到所需位置，请稍后重试", English: "the read model hasn't reached the position asked for: try again later"}
)

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s（%s）: %v", e.English, e.Chinese, e.cause)
	}
	return fmt.Sprintf("%s（%s）", e.English, e.Chinese)
}

// Is compares by code, so that a detailed error is of its kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func (e *Error) Unwrap() error { return e.cause }

// because gives the same kind of failure with its cause.
func (e *Error) because(cause error) *Error {
	return &Error{Code: e.Code, Chinese: e.Chinese, English: e.English, cause: cause}
}

// detail gives the same kind of failure with more said in both languages.
func (e *Error) detail(chinese, english string) *Error {
	return &Error{Code: e.Code, Chinese: e.Chinese + "：" + chinese, English: e.English + ": " + english, cause: e.cause}
}

// PositionError refuses a batch: the position stored isn't the one its projector believed. The projector goes on from
// Stored if the ledger still has that commit (same stream, same hash at that sequence), else it rebuilds.
type PositionError struct {
	Collection string
	Source     string
	Stored     Position // what is stored
	Expected   Position // the batch's From
	To         Position // the batch's To
}

// Applied says that the position stored is where the batch leads: it was applied before, and its answer got lost.
func (e *PositionError) Applied() bool { return e.Stored.Equal(e.To) }

// Is makes errors.Is(err, ErrPosition) hold.
func (e *PositionError) Is(target error) bool { return target == error(ErrPosition) }

func (e *PositionError) Error() string {
	return fmt.Sprintf("%s（%s）: %s, %s: stored（已存） %s, expected（预期） %s",
		ErrPosition.English, ErrPosition.Chinese, e.Collection, e.Source, e.Stored, e.Expected)
}

func (p Position) String() string {
	if p.IsZero() {
		return "(none 无)"
	}
	return fmt.Sprintf("%d@%s/%s#%d", p.Sequence, p.Created.UTC().Format("2006-01-02T15:04:05.999999999Z"), p.Hash, p.Commit)
}
