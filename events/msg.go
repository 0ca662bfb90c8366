package events

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// Content types of the structured and batch modes.
const (
	ContentTypeEvent = "application/cloudevents+json"
	ContentTypeBatch = "application/cloudevents-batch+json"
)

// Bounds of the headers of a message at the door.
const (
	MaxHeaders     = 64
	MaxHeaderBytes = 16 << 10 // names and values together
)

const (
	attributePrefix = "ce-"
	contentType     = "content-type"
)

// ToMsg puts an event into a NATS message in binary mode: every attribute is a header "ce-" + name, the body is the data. This
// follows the NATS protocol binding of CloudEvents (datacontenttype is ce-datacontenttype; characters outside U+0021 to U+007E,
// double quotes and percent signs are percent-encoded) and is what the Go SDK writes too, except that the SDK neither encodes
// nor decodes percent signs. Data is shared with the event. e must be valid.
func ToMsg(subject string, e *Event) *nats.Msg {
	b := MsgBuffer{msg: nats.Msg{Header: make(nats.Header, 8+len(e.Extensions))}, values: make([]string, 0, 8+len(e.Extensions))}
	return b.Fill(subject, e)
}

// MsgBuffer makes messages one after the other in the same memory, for a writer of many.
type MsgBuffer struct {
	msg    nats.Msg
	values []string // of all headers, in one piece of memory
}

// Fill is ToMsg; the message before is lost with it.
func (b *MsgBuffer) Fill(subject string, e *Event) *nats.Msg {
	if b.msg.Header == nil {
		b.msg.Header = make(nats.Header, 16)
	}
	clear(b.msg.Header)
	b.values = b.values[:0]
	b.msg = nats.Msg{Subject: subject, Header: b.msg.Header, Data: e.Data}
	b.set("ce-specversion", "1.0")
	b.set("ce-id", e.ID)
	b.set("ce-source", e.Source)
	b.set("ce-type", e.Type)
	b.setPresent("ce-subject", e.Subject)
	if !e.Time.IsZero() {
		b.set("ce-time", e.Time.UTC().Format(time.RFC3339Nano))
	}
	b.setPresent("ce-datacontenttype", e.DataContentType)
	b.setPresent("ce-dataschema", e.DataSchema)
	for i := range e.Extensions {
		b.set(headerName(e.Extensions[i].Name), e.Extensions[i].Value)
	}
	return &b.msg
}

// Set adds a header beside the event's to the message of the last Fill. The value must need no encoding.
func (b *MsgBuffer) Set(name, value string) {
	n := len(b.values)
	b.values = append(b.values, value)
	b.msg.Header[name] = b.values[n : n+1 : n+1]
}

func (b *MsgBuffer) set(name, value string) { b.Set(name, percentEncode(value)) }

func (b *MsgBuffer) setPresent(name, value string) {
	if value != "" {
		b.set(name, value)
	}
}

// StructuredMsg puts an event into a NATS message in structured mode: the body is its JSON format.
func StructuredMsg(subject string, e *Event) *nats.Msg {
	return &nats.Msg{
		Subject: subject,
		Header:  nats.Header{contentType: {ContentTypeEvent}},
		Data:    AppendJSON(make([]byte, 0, 512+len(e.Data)), e),
	}
}

// headerName spares the names of the bus's own extensions an allocation.
func headerName(extension string) string {
	switch extension {
	case ExtRegion:
		return attributePrefix + ExtRegion
	case ExtIndustry:
		return attributePrefix + ExtIndustry
	case ExtStage:
		return attributePrefix + ExtStage
	case ExtInstrument:
		return attributePrefix + ExtInstrument
	case ExtAmountWan:
		return attributePrefix + ExtAmountWan
	case ExtCurrency:
		return attributePrefix + ExtCurrency
	case ExtDataClass:
		return attributePrefix + ExtDataClass
	case ExtSequence:
		return attributePrefix + ExtSequence
	case ExtCorrelation:
		return attributePrefix + ExtCorrelation
	case ExtCausation:
		return attributePrefix + ExtCausation
	case ExtTraceParent:
		return attributePrefix + ExtTraceParent
	case ExtActor:
		return attributePrefix + ExtActor
	case ExtExpected:
		return attributePrefix + ExtExpected
	}
	return attributePrefix + extension
}

func mustEncode(c byte) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '%' }

func percentEncode(s string) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if mustEncode(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const upper = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := 0; i < len(s); i++ {
		if c := s[i]; mustEncode(c) {
			b = append(b, '%', upper[c>>4], upper[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// percentDecode resolves a double-quoted header value (which older versions of the binding wrote) and one round of
// percent-encoding. Whether the result is UTF-8 is judged with the other rules for values.
func percentDecode(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var ok bool
		if s, ok = unquote(s[1 : len(s)-1]); !ok {
			return "", false
		}
	}
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if len(s)-i < 3 {
				return "", false
			}
			r := hex4([]byte{'0', '0', s[i+1], s[i+2]})
			if r < 0 {
				return "", false
			}
			c = byte(r)
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

func unquote(s string) (string, bool) {
	if !strings.ContainsAny(s, `"\`) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return "", false
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b = append(b, s[i])
	}
	return string(b), true
}

// FromMsg reads the event in a NATS message and trusts nothing: it is the door's decoder. Binary mode has a header
// ce-specversion; structured mode has the content type application/cloudevents+json, or no CloudEvents header at all, as
// clients of the first NATS binding send. A message that two readers could take in two ways is refused: any header that is
// repeated (names differ in more than case), both modes at once, two data content types. In binary mode every extension is a
// String, since headers have no other type. What FromMsg accepts, Validate accepts, and JSON data has passed CheckJSON.
// Data is shared with the message. In binary mode an event whose data alone is wrong is returned beside the error, so that its sender
// can be told which it was. The error is a *Problem; its Field is the name of an attribute or header, or a JSON pointer
// into the data.
func FromMsg(m *nats.Msg) (Event, error) {
	if len(m.Data) > MaxDataBytes+MaxHeaderBytes {
		return Event{}, ErrTooLarge.Refusef("", "报文最多 %d 字节", "at most %d bytes of body", MaxDataBytes+MaxHeaderBytes)
	}
	if p := checkHeaders(m.Header); p != nil {
		return Event{}, p
	}
	r := headerReader{e: Event{Data: m.Data}}
	for name, values := range m.Header {
		if p := r.header(name, values[0]); p != nil {
			return Event{}, p
		}
	}
	media, _, _ := strings.Cut(r.contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	cloudEvents := strings.HasPrefix(media, "application/cloudevents")
	switch {
	case cloudEvents && r.attributes > 0:
		return Event{}, ErrHeader.Refuse(contentType, "报文同时采用二进制与结构化两种模式", "the message is in binary and in structured mode at once")
	case media == ContentTypeEvent, r.attributes == 0 && r.contentType == "":
		return DecodeJSON(m.Data)
	case cloudEvents:
		return Event{}, ErrMalformed.Refuse(contentType, "只接受单个 JSON 格式的事件", "only a single event in JSON format is taken")
	}
	return r.binary()
}

// checkHeaders refuses what readers could take in two ways.
func checkHeaders(h nats.Header) *Problem {
	if len(h) > MaxHeaders {
		return ErrTooLarge.Refusef("", "报文头最多 %d 个", "at most %d headers", MaxHeaders)
	}
	size := 0
	for name, values := range h {
		if len(values) != 1 {
			return ErrHeader.Refuse(quotable(name), "报文头重复", "a header is repeated")
		}
		if size += len(name) + len(values[0]); size > MaxHeaderBytes {
			return ErrTooLarge.Refusef("", "报文头最多 %d 字节", "at most %d bytes of headers", MaxHeaderBytes)
		}
		if lower := lowerASCII(name); lower != name {
			if _, twice := h[lower]; twice || foldedTwice(h, name) {
				return ErrHeader.Refuse(quotable(lower), "报文头重复（仅大小写不同）", "a header is repeated in another case")
			}
		}
	}
	return nil
}

// foldedTwice looks for another name that differs in case only. Names in lower case, as this system writes them, never need it.
func foldedTwice(h nats.Header, name string) bool {
	for other := range h {
		if other != name && strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

func quotable(name string) string {
	if len(name) > 64 || !utf8.ValidString(name) {
		return "" // a refusal repeats nothing long or unreadable
	}
	return name
}

// headerReader collects the attributes of a message in binary mode.
type headerReader struct {
	e           Event
	attributes  int // how many ce- headers there were
	specVersion string
	time        string
	contentType string
}

func (r *headerReader) header(name, value string) *Problem {
	name = lowerASCII(name)
	if name == contentType {
		r.contentType = strings.TrimSpace(value)
		return nil
	}
	name, ok := strings.CutPrefix(name, attributePrefix)
	if !ok {
		return nil // the broker's, or somebody's own
	}
	r.attributes++
	value, ok = percentDecode(strings.Trim(value, " \t"))
	if !ok {
		return ErrHeader.Refuse(quotable(name), "报文头的百分号编码或引号不正确", "the header's percent-encoding or quoting is wrong")
	}
	switch name {
	case "id":
		r.e.ID = value
	case "source":
		r.e.Source = value
	case "specversion":
		r.specVersion = value
	case "type":
		r.e.Type = value
	case "subject":
		r.e.Subject = value
	case "time":
		r.time = value
	case "datacontenttype":
		r.e.DataContentType = value
	case "dataschema":
		r.e.DataSchema = value
	default:
		return r.extension(name, value)
	}
	return nil
}

// extension keeps the order by name: headers come in none.
func (r *headerReader) extension(name, value string) *Problem {
	if !validName(name) {
		return badName(name)
	}
	if r.e.Extensions == nil {
		r.e.Extensions = make([]Extension, 0, 12)
	}
	r.e.Extensions = append(r.e.Extensions, Extension{Name: name, Value: value})
	x := r.e.Extensions
	for i := len(x) - 1; i > 0 && x[i-1].Name > x[i].Name; i-- {
		x[i-1], x[i] = x[i], x[i-1]
	}
	return nil
}

// binary judges the whole. The content type is ce-datacontenttype after the NATS binding; clients that follow the HTTP binding
// write content-type.
func (r *headerReader) binary() (Event, error) {
	e := r.e
	switch {
	case r.specVersion == "":
		return Event{}, missing("specversion")
	case r.specVersion != "1.0":
		return Event{}, ErrMalformed.Refuse("specversion", "只支持 CloudEvents 1.0", "only CloudEvents 1.0 is supported")
	case e.DataContentType == "":
		e.DataContentType = r.contentType
	case r.contentType != "" && r.contentType != e.DataContentType:
		return Event{}, ErrHeader.Refuse(contentType, "两个内容类型报文头不一致", "the two headers for the content type differ")
	}
	if p := readTime(&e.Time, []byte(r.time)); p != nil {
		return Event{}, p
	}
	if err := e.Validate(); err != nil {
		return Event{}, err
	}
	switch {
	case len(e.Data) == 0:
		e.Data = nil
	case isJSONType(e.DataContentType):
		if err := CheckJSON(e.Data, MaxDepth); err != nil {
			return e, err
		}
	default:
		e.Binary = !carriesText(e.Data)
	}
	return e, nil
}
