package events

import (
	"math"
	"mime"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of one event. The broker refuses messages over 1 MiB; one command's events stay under 128 KiB.
const (
	MaxDataBytes          = 128 << 10
	MaxAttributeBytes     = 2048 // value of one attribute
	MaxExtensions         = 32
	MaxExtensionNameBytes = 20 // CloudEvents: SHOULD NOT exceed 20
)

// Validate checks the attributes; the payload is checked against its schema at the edge. What it accepts, the SDK's
// event.Validate accepts. It is stricter than the SDK where CloudEvents is: names of extensions are [a-z0-9]{1,20} and none of
// the envelope's own; values hold no control characters; integers are 32-bit in their canonical form. Sizes are bounded.
// The error is a *Problem whose Field is the attribute's name.
func (e *Event) Validate() error {
	if p := e.validate(); p != nil {
		return p
	}
	return nil
}

func (e *Event) validate() *Problem {
	if p := checkText("id", e.ID); p != nil {
		return p
	}
	if p := checkText("source", e.Source); p != nil {
		return p
	}
	if p := checkText("type", e.Type); p != nil {
		return p
	}
	if p := checkText("subject", e.Subject); p != nil {
		return p
	}
	if p := checkText("datacontenttype", e.DataContentType); p != nil {
		return p
	}
	if p := checkText("dataschema", e.DataSchema); p != nil {
		return p
	}
	switch {
	case blank(e.ID):
		return missing("id")
	case blank(e.Source):
		return missing("source")
	case blank(e.Type):
		return missing("type")
	case e.Subject != "" && blank(e.Subject):
		return missing("subject")
	case !isURIReference(e.Source):
		return ErrMalformed.Refuse("source", "不是 URI 引用", "not a URI reference")
	case e.DataSchema != "" && !isURI(e.DataSchema):
		return ErrMalformed.Refuse("dataschema", "不是绝对 URI", "not an absolute URI")
	case e.DataContentType != "" && !isMediaType(e.DataContentType):
		return ErrMalformed.Refuse("datacontenttype", "不是媒体类型（RFC 2046）", "not a media type (RFC 2046)")
	case !writableTime(e.Time):
		return malformedTime()
	case len(e.Data) > MaxDataBytes:
		return ErrTooLarge.Refusef("", "内容最多 %d 字节", "at most %d bytes of data", MaxDataBytes)
	case len(e.Extensions) > MaxExtensions:
		return ErrTooLarge.Refusef("", "扩展属性最多 %d 个", "at most %d extension attributes", MaxExtensions)
	}
	for i := range e.Extensions {
		x := &e.Extensions[i]
		if !validName(x.Name) {
			return badName(x.Name)
		}
		if i > 0 && x.Name <= e.Extensions[i-1].Name {
			return ErrDuplicateKey.Refuse(x.Name, "扩展属性重复或未按名称排序", "extension attributes are repeated or not in order of name")
		}
		if p := checkText(x.Name, x.Value); p != nil {
			return p
		}
		if x.Kind == Integer && !canonicalInt32(x.Value) {
			return notInt32(x.Name)
		}
		if x.Kind > Boolean || x.Kind == Boolean && x.Value != "true" && x.Value != "false" {
			return ErrMalformed.Refuse(x.Name, "扩展属性的值与其类型不符", "the value is not of the attribute's kind")
		}
	}
	return nil
}

func missing(name string) *Problem {
	return ErrMalformed.Refuse(name, "属性缺失或为空", "the attribute is missing or empty")
}

func badName(name string) *Problem {
	if len(name) > 64 || !utf8.ValidString(name) {
		name = "" // a refusal repeats nothing long or unreadable
	}
	return ErrMalformed.Refuse(name, "扩展属性名须为 1 至 20 个小写字母或数字，且不得与规定的属性同名",
		"an extension's name is 1 to 20 of a-z 0-9 and none of the envelope's own")
}

func notInt32(name string) *Problem {
	return ErrRange.Refuse(name, "整数属性须为 32 位整数", "an integer attribute is a 32-bit integer")
}

func malformedTime() *Problem {
	return ErrMalformed.Refuse("time", "不是 RFC 3339 时间", "not an RFC 3339 timestamp")
}

// blank is what the SDK takes for empty.
func blank(s string) bool {
	if s != "" && s[0] > ' ' && s[0] < utf8.RuneSelf {
		return false
	}
	return strings.TrimSpace(s) == ""
}

// checkText holds an attribute's value to CloudEvents' String: Unicode without control characters and noncharacters.
func checkText(name, s string) *Problem {
	if len(s) > MaxAttributeBytes {
		return ErrTooLarge.Refusef(name, "属性值最多 %d 字节", "an attribute's value is at most %d bytes", MaxAttributeBytes)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			continue
		}
		if !printable(s[i:]) {
			return ErrEncoding.Refuse(name, "属性值含有控制字符或不是合法的 UTF-8", "the value has control characters or is not valid UTF-8")
		}
		break
	}
	return nil
}

func printable(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, r < 0x20, r >= 0x7f && r <= 0x9f, r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
			return false
		}
		i += n
	}
	return true
}

func validName[T string | []byte](name T) bool {
	if len(name) == 0 || len(name) > MaxExtensionNameBytes {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	switch string(name) {
	case "id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema", "data":
		return false
	}
	return true
}

// canonicalInt32 reports whether s is a 32-bit integer without plus sign, leading zeros or "-0".
func canonicalInt32[T string | []byte](s T) bool {
	digits, limit := s, int64(math.MaxInt32)
	if len(s) > 0 && s[0] == '-' {
		digits, limit = s[1:], -math.MinInt32
	}
	if len(digits) == 0 || len(digits) > 10 || digits[0] == '0' && len(s) > 1 {
		return false
	}
	var n int64
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
		n = n*10 + int64(digits[i]-'0')
	}
	return n <= limit
}

// isURIReference accepts what net/url accepts, as the SDK does; nearly all real ones are seen to be plain without parsing.
func isURIReference(s string) bool {
	if _, plain := plainURI(s); plain {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.String() != "" // "#" says nothing
}

func isURI(s string) bool {
	if scheme, plain := plainURI(s); plain {
		return scheme
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

// plainURI recognises paths and URIs without authority made of letters, digits and - . _ ~ / (a colon only after a scheme).
func plainURI(s string) (scheme, plain bool) {
	if strings.HasPrefix(s, "//") {
		return false, false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		switch {
		case letter, c >= '0' && c <= '9', c == '-', c == '.':
		case c == '_', c == '~', c == '/':
		case c == ':' && scheme:
		case c == ':' && i > 0 && isScheme(s[:i]) && !strings.HasPrefix(s[i+1:], "//"):
			scheme = true
		default:
			return false, false
		}
	}
	return scheme, true
}

func isScheme(s string) bool {
	if s[0]|0x20 < 'a' || s[0]|0x20 > 'z' {
		return false
	}
	return !strings.ContainsAny(s, "_~/")
}

func isMediaType(s string) bool {
	switch s {
	case "application/json", "text/plain", "application/octet-stream":
		return true
	}
	_, _, err := mime.ParseMediaType(s)
	return err == nil
}

// isJSONType says whether data of a content type is JSON text: the JSON format's own rule, +json included. (The Go SDK takes
// only application/json, text/json and CloudEvents' own types for JSON; a test names that difference.)
func isJSONType(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
}

// writableTime reports whether RFC 3339 can write an instant: its year has four digits.
func writableTime(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}
