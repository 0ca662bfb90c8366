package events

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Eight bytes at a time: a set high bit marks a byte below 0x20, a quote or a backslash; the lowest mark is always true.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

func stringStops(x uint64) uint64 {
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((x-ones*0x20)&^x | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// text passes a string and returns what is between its quotes.
func (s *scanner) text() (t span, escaped, ok bool) {
	b, j := s.b, s.i+1
	t.from = int32(j)
	for {
		for len(b)-j >= 8 {
			if m := stringStops(binary.LittleEndian.Uint64(b[j:])); m != 0 {
				j += bits.TrailingZeros64(m) / 8
				break
			}
			j += 8
		}
		if j >= len(b) {
			s.i = len(b)
			if s.badUTF8 < len(b) {
				return t, escaped, s.badEncoding()
			}
			return t, escaped, s.unexpected()
		}
		switch c := b[j]; {
		case c == '"':
			if s.badUTF8 < j {
				return t, escaped, s.badEncoding()
			}
			t.to, s.i = int32(j), j+1
			return t, escaped, true
		case c == '\\':
			s.i = j
			n := s.escape()
			if n == 0 {
				return t, true, false
			}
			escaped = true
			j += n
		case c == 0:
			return t, escaped, s.refuse(ErrEncoding, "含有 NUL 字符", "the text contains NUL")
		case c < 0x20:
			s.i = j
			return t, escaped, s.syntax("字符串中的控制字符未转义", "a control character in a string is not escaped")
		default: // fewer than eight bytes are left
			j++
		}
	}
}

// escape judges the escape sequence at i and returns its length, 0 after a refusal.
func (s *scanner) escape() int {
	rest := s.b[s.i:]
	if len(rest) < 2 {
		s.i = len(s.b)
		s.unexpected()
		return 0
	}
	switch rest[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(rest[2:])
		switch {
		case r < 0:
			s.syntax("\\u 之后不是四位十六进制数", "\\u is not followed by four hexadecimal digits")
			return 0
		case r == 0:
			s.refuse(ErrEncoding, "含有 NUL 字符", "the text contains NUL")
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case len(rest) >= 12 && rest[6] == '\\' && rest[7] == 'u' && utf16.DecodeRune(r, hex4(rest[8:])) != utf8.RuneError:
			return 12
		}
		s.refuse(ErrEncoding, "\\u 代理项不成对", "a \\u surrogate stands alone")
		return 0
	}
	s.syntax("不认识的转义", "an escape that JSON does not have")
	return 0
}

func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unescape resolves the escapes of a string that text has passed.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		switch c = raw[i+1]; c {
		case 'u':
			r := hex4(raw[i+2:])
			i += 6
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(raw[i+2:]))
				i += 6
			}
			out = utf8.AppendRune(out, r)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		out = append(out, c)
		i += 2
	}
	return out
}
