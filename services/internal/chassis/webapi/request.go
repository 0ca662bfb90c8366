package webapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// Request headers of the contract.
const (
	HeaderKey      = "Idempotency-Key"
	HeaderMatch    = "If-Match"
	HeaderActor    = "Jieli-Actor"
	HeaderPosition = "Jieli-Position"
	HeaderRequest  = "X-Request-Id"
	headerTrace    = "Traceparent"
)

// single lists the headers that mean something here: given twice, two readers could take two different ones for valid.
var single = []string{"Authorization", "Content-Type", "Content-Encoding", HeaderKey, HeaderMatch, HeaderActor, HeaderPosition, "If-None-Match",
	"Last-Event-Id", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", HeaderRequest, headerTrace}

func checkRepeated(h http.Header) error {
	for _, name := range single {
		if len(h[name]) > 1 {
			return badHeader(name, "出现了多次", "is repeated")
		}
	}
	return nil
}

func badHeader(name, why, whyEN string) error {
	return events.ErrHeader.Refuse("", "报文头 "+name+" "+why, "the header "+name+" "+whyEN)
}

// commandID follows the rules of the contract. A key that is no version 7 id is hashed with its actor, so that two actors who
// use the same key do not meet.
func commandID(h http.Header, actor step.Actor, now time.Time) (events.UUID, error) {
	if len(h[HeaderKey]) == 0 || planted.On("idempotency_key_ignored") {
		return events.NewUUID7(now), nil
	}
	key := h.Get(HeaderKey)
	if n := utf8.RuneCountInString(key); n == 0 || n > KeyRunesMax || !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return events.UUID{}, badHeader(HeaderKey, "须为 1 至 200 个可显示字符", "must be 1 to 200 printable characters")
	}
	if id, err := events.ParseUUID(key); err == nil && id.Version() == 7 {
		return id, nil
	}
	return DerivedID(actor, key), nil
}

// DerivedID is the id of the command that an actor gave under a key of its own making.
func DerivedID(actor step.Actor, key string) events.UUID {
	return events.DeriveUUID("idempotency-key", string(actor), key)
}

// actorOf reads who gives the command. Only the operator may speak for others, and nobody for the system; a party speaks for itself.
func actorOf(h http.Header, principal string) (step.Actor, error) {
	speaker := step.Operator
	if _, ok := step.Actor(principal).Party(); ok {
		speaker = step.Actor(principal)
	}
	if len(h[HeaderActor]) == 0 {
		return speaker, nil
	}
	actor := step.Actor(h.Get(HeaderActor))
	if speaker != step.Operator && actor != speaker && !planted.On("party_speaks_for_another") {
		return "", events.ErrForbidden.Refusef("", "本令牌属于 %s，不得代他方操作", "this token belongs to %s, which may not act for another", speaker)
	}
	if actor == step.System {
		return "", events.ErrForbidden.Refuse("", "不得以系统身份发出命令", "nobody may speak as the system")
	}
	if !actor.Valid() {
		return "", badHeader(HeaderActor, "须为 operator、party:<编号> 或 user:<代号>", "must be operator, party:<id> or user:<pseudonym>")
	}
	return actor, nil
}

// Asker reads who asks a question: the operator, on behalf of whom the header Jieli-Actor names, or a party for itself.
func Asker(r *http.Request) (step.Actor, error) {
	principal := Principal(r.Context())
	if _, party := step.Actor(principal).Party(); principal != OperatorPrincipal && !party {
		return "", events.ErrForbidden.Refuse("", "部门不得提出此问题", "this question is not for departments")
	}
	return actorOf(r.Header, principal)
}

// ReadJSON reads the whole body of a JSON request, nil where it is empty.
func ReadJSON(r *http.Request) ([]byte, error) { return readBody(r) }

// expectedVersion reads If-Match: one strong tag that this face gave, or * for any. "" when there is none; an amendment, which
// replaces what somebody has read, must have one.
func expectedVersion(h http.Header, amendment bool) (string, error) {
	if len(h[HeaderMatch]) == 0 {
		if amendment {
			return "", events.ErrPrecondition.Refuse("", `请在 If-Match 报文头中提供读取时的 ETag（例如 "3"），或以 * 表示任何版本`, `give the ETag that was read (such as "3") in the If-Match header, or * for any version`)
		}
		return "", nil
	}
	tag := h.Get(HeaderMatch)
	if tag == "*" {
		return "", nil
	}
	if len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		text := tag[1 : len(tag)-1]
		if v, err := strconv.ParseUint(text, 10, 64); err == nil && v > 0 && strconv.FormatUint(v, 10) == text {
			return text, nil
		}
	}
	return "", badHeader(HeaderMatch, `须为一个强 ETag，例如 "3"，或 *`, `must be one strong ETag such as "3", or *`)
}

// traceParent returns a well-formed W3C trace parent; any other is dropped, as the recommendation asks.
func traceParent(h http.Header) string {
	if v := h.Get(headerTrace); trace.Valid(v) {
		return v
	}
	return ""
}

// requestID is the id under which a request is found in the logs: the sender's own when it has a plain form, else a new one. It names
// nothing else: a command has its own id.
func requestID(h http.Header, now time.Time) string {
	id := h.Get(HeaderRequest)
	if id == "" || len(id) > requestIDBytesMax || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") != "" {
		return events.NewUUID7(now).String()
	}
	return id
}

const requestIDBytesMax = 64

// readBody returns the whole body of a JSON request. An empty one is returned as nil, whatever its type.
func readBody(r *http.Request) ([]byte, error) {
	b, err := ReadBody(r)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return b, checkContentType(r.Header)
}

// ReadBody returns the whole body of a request, whatever its type.
func ReadBody(r *http.Request) ([]byte, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, badHeader("Content-Encoding", "不受支持", "is not supported")
	}
	var b []byte
	var err error
	if c, ok := r.Body.(*received); ok {
		b, err = c.all, c.err
	} else {
		b, err = io.ReadAll(r.Body)
	}
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return nil, events.ErrTooLarge.Refusef("", "请求内容最多 %d 字节", "the body may have %d bytes", big.Limit)
		}
		return nil, events.ErrMalformed.Refuse("", "请求内容不完整", "the body is incomplete")
	}
	return b, nil
}

// ActorOf is who speaks in a request, and whether the request names it: the operator may speak for others.
func ActorOf(r *http.Request) (actor step.Actor, named bool, err error) {
	actor, err = actorOf(r.Header, Principal(r.Context()))
	return actor, len(r.Header[HeaderActor]) > 0, err
}

func checkContentType(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return badHeader("Content-Type", "须为 application/json", "must be application/json")
	}
	for name, value := range params {
		if name != "charset" {
			return badHeader("Content-Type", "不接受参数 "+strconv.Quote(short(name)), "takes no parameter "+strconv.Quote(short(name)))
		}
		if !strings.EqualFold(value, "utf-8") {
			return events.ErrEncoding.Refuse("", "字符集须为 utf-8", "the charset must be utf-8")
		}
	}
	return nil
}
