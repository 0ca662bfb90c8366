package webapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jieli-bus/jieli/events"
)

// Doc is what the API reference says of a route; its query parameters are also what the frame takes: any other is refused.
type Doc struct {
	ID      string // operationId
	Tag     string // the group it stands in: a collection's path, or one of the frame's
	Summary Text
	About   Text
	Query   []Param
	Headers []Param
	Path    []Param // by name; "id" needs none
	Body    []Body  // by content type; none: the route takes no content
	Answers []Answer
	Refuses []events.ProblemKind // besides those that any route may give
}

// Text is said in both languages.
type Text struct{ ZH, EN string }

// Param is one parameter.
type Param struct {
	Name     string
	About    Text
	Type     string // of JSON Schema: string, integer
	Enum     []string
	Min, Max int // of an integer
	Example  string
	Required bool
	Repeats  bool // it may be given several times
}

// Body is one form of a request's content.
type Body struct {
	ContentType string
	Command     string            // the type whose schema and examples it follows, or
	Schema      map[string]any    // a JSON Schema
	Examples    map[string][]byte // JSON, by name
	Optional    bool
}

// Answer is one answer that is no refusal.
type Answer struct {
	Status      int
	About       Text
	ContentType string         // "" for no content
	Value       any            // a value of the Go type it is the JSON of, or
	Schema      map[string]any // a JSON Schema; both nil: only the content type is said
	Headers     []Param
}

// Sets of refusals.
var (
	refusesAny     = []events.ProblemKind{events.ErrMalformed, events.ErrHeader, events.ErrUnauthorised, events.ErrForbidden, events.ErrOverloaded, events.ErrUnavailable, events.ErrInternal}
	refusesRead    = []events.ProblemKind{events.ErrStale}
	refusesCommand = CommandRefusals()
)

// CommandRefusals are all kinds that a command may meet at the edge or in its decision.
func CommandRefusals() []events.ProblemKind {
	var list []events.ProblemKind
	for _, k := range events.Problems {
		switch k.Code {
		case events.ErrMethod.Code, events.ErrStale.Code, events.ErrCursor.Code, events.ErrPrecondition.Code, events.ErrInternalType.Code:
			continue
		}
		list = append(list, k)
	}
	return list
}

// AllRefusals are what the route may refuse, by status and code.
func (d *Doc) AllRefusals() []events.ProblemKind {
	list := slices.Concat(refusesAny, d.Refuses)
	slices.SortFunc(list, func(a, b events.ProblemKind) int { return cmp.Or(a.Status-b.Status, strings.Compare(a.Code, b.Code)) })
	return slices.Compact(list)
}

// takes says whether the route takes a query parameter, and whether more than once.
func (d *Doc) takes(name string) (known, repeats bool) {
	i := slices.IndexFunc(d.Query, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return false, false
	}
	return true, d.Query[i].Repeats
}

// Parameters that several routes share.
var (
	PositionQuery = Param{Name: "position", About: Text{"读到此账本位置之后再应答，可用逗号列出多个领域的位置；也可用报文头 Jieli-Position", "answer once this ledger position has been read; several, of several contexts, are separated by commas; the header Jieli-Position does the same"}, Example: "demand.0:1234"}
	LangQuery     = Param{Name: "lang", About: Text{"文字所用的语言", "language of the sentences"}, Enum: []string{"zh", "en"}, Example: "zh"}

	positionHeader    = Param{Name: HeaderPosition, About: Text{"同查询参数 position", "as the query parameter position"}, Example: "demand.0:1234"}
	noneMatchHeader   = Param{Name: "If-None-Match", About: Text{"已有的 ETag；内容未变时应答 304", "an ETag that is held: 304 while nothing has changed"}, Example: `"3"`}
	keyHeader         = Param{Name: HeaderKey, About: Text{"幂等键：UUIDv7，或任意 1 至 200 个可显示字符；30 天内以同一键重发得到第一次的结果", "idempotency key: a UUIDv7 or any 1 to 200 printable characters; a repeat within 30 days gets the first outcome"}, Example: "0190d3a4-0000-7000-8000-000000000001"}
	actorHeader       = Param{Name: HeaderActor, About: Text{"操作人：operator、party:<编号> 或 user:<代号>", "who gives the command: operator, party:<id> or user:<pseudonym>"}, Example: "party:bank-1"}
	matchHeader       = Param{Name: HeaderMatch, About: Text{"所依据的版本（ETag）；版本已变化则拒绝", "the version (ETag) it is based on; refused once that has changed"}, Example: `"3"`}
	amendHeader       = Param{Name: HeaderMatch, About: Text{"所依据的版本（ETag），或 * 表示任何现有版本；缺少则以 428 拒绝", "the version (ETag) it is based on, or * for whichever there is; without it: 428"}, Example: `"3"`, Required: true}
	traceHeader       = Param{Name: "traceparent", About: Text{"W3C 链路追踪", "W3C trace context"}, Example: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	etagAnswer        = Param{Name: "ETag", About: Text{"版本", "version"}, Example: `"3"`}
	PositionAnswer    = Param{Name: HeaderPosition, About: Text{"账本位置：命令所在的提交，或读取时已经读到之处", "ledger position: of the command's commit, or as far as the answer had read"}, Example: "demand.0:1234"}
	locationAnswer    = Param{Name: "Location", About: Text{"新对象的路径", "path of the new entity"}, Example: "/v1/demands/d-1"}
	commandHeaders    = []Param{keyHeader, matchHeader, actorHeader, traceHeader}
	amendmentHeaders  = []Param{keyHeader, amendHeader, actorHeader, traceHeader}
	readHeaders       = []Param{positionHeader, noneMatchHeader}
	readAnswerHeaders = []Param{etagAnswer, PositionAnswer}
)

// ReadHeaders are the headers that a route with Reads takes.
func ReadHeaders() []Param { return slices.Clone(readHeaders) }

// AskHeaders are the headers of a question that somebody in particular asks.
func AskHeaders() []Param { return append(ReadHeaders(), actorHeader) }

// ReadAnswers are the answers of a route whose handler uses WriteRead.
func ReadAnswers(about Text, value any) []Answer {
	return []Answer{
		{Status: 200, About: about, ContentType: "application/json", Value: value, Headers: readAnswerHeaders},
		{Status: 304, About: Text{"内容未变", "nothing has changed"}, Headers: readAnswerHeaders},
	}
}
