package events

import (
	"bytes"
	"encoding/base64"
	"time"
	"unicode/utf8"
)

// AppendJSON appends an event in CloudEvents' JSON format. The order of members is fixed and equal events give equal bytes:
// id, source, specversion, type, subject, time, datacontenttype, dataschema, the extensions by name, data. Data of a JSON type
// is embedded as it is: it must be one JSON text (every decoder here has checked it). Other text becomes a string, Binary
// becomes data_base64, and so does text that JSON cannot carry unchanged.
func AppendJSON(dst []byte, e *Event) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, e.ID)
	dst = append(dst, `,"source":`...)
	dst = appendString(dst, e.Source)
	dst = append(dst, `,"specversion":"1.0","type":`...)
	dst = appendString(dst, e.Type)
	if e.Subject != "" {
		dst = append(dst, `,"subject":`...)
		dst = appendString(dst, e.Subject)
	}
	if !e.Time.IsZero() {
		dst = append(dst, `,"time":"`...)
		dst = e.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
		dst = append(dst, '"')
	}
	if e.DataContentType != "" {
		dst = append(dst, `,"datacontenttype":`...)
		dst = appendString(dst, e.DataContentType)
	}
	if e.DataSchema != "" {
		dst = append(dst, `,"dataschema":`...)
		dst = appendString(dst, e.DataSchema)
	}
	for i := range e.Extensions {
		x := &e.Extensions[i]
		dst = append(dst, ',', '"')
		dst = append(dst, x.Name...)
		dst = append(dst, '"', ':')
		if x.Kind == Integer && canonicalInt32(x.Value) || x.Kind == Boolean && (x.Value == "true" || x.Value == "false") {
			dst = append(dst, x.Value...)
		} else {
			dst = appendString(dst, x.Value)
		}
	}
	dst = appendData(dst, e)
	return append(dst, '}')
}

func appendData(dst []byte, e *Event) []byte {
	switch {
	case e.Data == nil:
	case e.Binary:
		dst = appendBase64(dst, e.Data)
	case isJSONType(e.DataContentType):
		if len(e.Data) > 0 { // nothing is no JSON text
			dst = append(dst, `,"data":`...)
			dst = append(dst, e.Data...)
		}
	case carriesText(e.Data):
		dst = append(dst, `,"data":`...)
		dst = appendString(dst, e.Data)
	default:
		dst = appendBase64(dst, e.Data)
	}
	return dst
}

func appendBase64(dst, data []byte) []byte {
	dst = append(dst, `,"data_base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}

// carriesText reports whether a string of JSON can carry the bytes: UTF-8 without NUL.
func carriesText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }

// AppendBatch appends events in CloudEvents' JSON batch format.
func AppendBatch(dst []byte, events []Event) []byte {
	dst = append(dst, '[')
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, &events[i])
	}
	return append(dst, ']')
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string. Bytes that are not UTF-8 become U+FFFD; U+2028 and U+2029 are escaped, since JavaScript
// once took them for ends of line.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[from:i]...)
			dst = appendEscape(dst, c)
			i++
			from = i
			continue
		}
		r, n := decodeRune(s[i:])
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			from = i + n
		}
		i += n
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func decodeRune[T string | []byte](s T) (rune, int) {
	var first [utf8.UTFMax]byte
	return utf8.DecodeRune(first[:copy(first[:], s)])
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
