package events

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of JSON text.
const (
	MaxDepth       = 64      // nesting of arrays and objects in a payload
	maxJSONBytes   = 1 << 30 // spans are 32-bit; every door has a far lower bound of its own
	maxSafeInteger = 1 << 53 // beyond it a reader that uses doubles takes one number for another
)

// CheckJSON reports whether b is exactly one JSON text that every reader understands in the same way: valid grammar and UTF-8,
// no NUL (raw or escaped), no lone surrogate, no key twice in one object, at most maxDepth arrays and objects inside each other,
// no number beyond 2^53, nothing after it. The refusal is a *Problem whose Field is a JSON pointer to the place.
func CheckJSON(b []byte, maxDepth int) error {
	if len(b) > maxJSONBytes {
		return ErrTooLarge.Refuse("", "", "")
	}
	s := newScanner(b, true)
	s.maxDepth = maxDepth
	if !s.value(0) || !s.end() {
		s.err.Field = s.pointer()
		return s.err
	}
	return nil
}

// scanner walks JSON text once without building anything. Its methods return false after setting err; the containers on the way
// out then add their keys to path, so the way to a fault costs nothing while there is none.
type scanner struct {
	b        []byte
	i        int
	badUTF8  int // offset of the first byte that is not UTF-8; len(b) when there is none
	maxDepth int
	strict   bool // duplicate keys and the size of numbers are judged too
	err      *Problem
	path     []string // innermost first
}

func newScanner(b []byte, strict bool) scanner {
	return scanner{b: b, badUTF8: firstInvalidUTF8(b), maxDepth: MaxDepth, strict: strict}
}

// firstInvalidUTF8 looks at the whole text at once, far faster than string by string.
func firstInvalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return len(b)
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

func (s *scanner) refuse(k ProblemKind, detail, detailEN string) bool {
	s.err = k.Refuse("", detail, detailEN)
	return false
}

func (s *scanner) syntax(detail, detailEN string) bool {
	return s.refuse(ErrMalformed, detail+"（第 "+strconv.Itoa(s.i)+" 字节）", detailEN+" (byte "+strconv.Itoa(s.i)+")")
}

func (s *scanner) badEncoding() bool {
	return s.refuse(ErrEncoding, "字符串不是合法的 UTF-8", "a string is not valid UTF-8")
}

// pointer is the JSON pointer (RFC 6901) to the fault.
func (s *scanner) pointer() string {
	var p []byte
	for i := len(s.path) - 1; i >= 0; i-- {
		p = append(p, '/')
		p = append(p, pointerEscapes.Replace(s.path[i])...)
	}
	return string(p)
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end; a NUL in the text is no token either, so the two need not be told apart.
func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// end accepts blanks and nothing else.
func (s *scanner) end() bool {
	s.space()
	if s.i < len(s.b) {
		return s.unexpected()
	}
	return true
}

func (s *scanner) unexpected() bool {
	switch {
	case s.i >= len(s.b):
		return s.syntax("内容不完整", "the text ends early")
	case s.b[s.i] == 0:
		return s.refuse(ErrEncoding, "含有 NUL 字符", "the text contains NUL")
	case s.badUTF8 <= s.i:
		return s.badEncoding()
	}
	return s.syntax("此处的字符不符合 JSON 语法", "a character that JSON does not allow here")
}

// value passes one value; depth is how many containers are around it. Blanks before it are passed, those after it are not.
func (s *scanner) value(depth int) bool {
	s.space()
	switch s.peek() {
	case '"':
		_, _, ok := s.text()
		return ok
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number()
	}
	return s.unexpected()
}

func (s *scanner) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return s.unexpected()
	}
	s.i += len(word)
	return true
}

func (s *scanner) tooDeep(depth int) bool {
	if depth <= s.maxDepth {
		return false
	}
	n := strconv.Itoa(s.maxDepth)
	s.refuse(ErrTooDeep, "嵌套最多 "+n+" 层", "at most "+n+" levels")
	return true
}

func (s *scanner) array(depth int) bool {
	if s.tooDeep(depth) {
		return false
	}
	s.i++
	s.space()
	if s.peek() == ']' {
		s.i++
		return true
	}
	for n := 0; ; n++ {
		if !s.value(depth) {
			s.path = append(s.path, strconv.Itoa(n))
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
		case ']':
			s.i++
			return true
		default:
			return s.unexpected()
		}
	}
}

func (s *scanner) object(depth int) bool {
	if s.tooDeep(depth) {
		return false
	}
	var keys keySet
	s.i++
	s.space()
	if s.peek() == '}' {
		s.i++
		return true
	}
	for {
		key, escaped, ok := s.key()
		if !ok {
			return false
		}
		if s.strict && !keys.add(s.b, key, escaped) {
			s.path = append(s.path, s.plain(key, escaped))
			return s.refuse(ErrDuplicateKey, "", "")
		}
		if !s.value(depth) {
			s.path = append(s.path, s.plain(key, escaped))
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.i++
			s.space()
		case '}':
			s.i++
			return true
		default:
			return s.unexpected()
		}
	}
}

// key passes a key and its colon.
func (s *scanner) key() (key span, escaped, ok bool) {
	if s.peek() != '"' {
		return key, false, s.unexpected()
	}
	key, escaped, ok = s.text()
	if !ok {
		return key, escaped, false
	}
	s.space()
	if s.peek() != ':' {
		return key, escaped, s.unexpected()
	}
	s.i++
	return key, escaped, true
}

// plain is the text of a span without its escapes.
func (s *scanner) plain(t span, escaped bool) string {
	if escaped {
		return string(unescape(t.of(s.b)))
	}
	return string(t.of(s.b))
}

// span is a piece of the text, without the quotes where it is a string.
type span struct{ from, to int32 }

func (t span) of(b []byte) []byte { return b[t.from:t.to:t.to] }

// keySet finds a key that comes twice in one object. Nearly all objects are small: comparing is then cheaper than hashing, and
// nothing is allocated. Keys with escapes and large objects go through a map of the plain texts.
type keySet struct {
	n     int
	small [16]span
	large map[string]struct{}
}

func (k *keySet) add(b []byte, key span, escaped bool) bool {
	text := key.of(b)
	if k.large == nil && !escaped && k.n < len(k.small) {
		for _, o := range k.small[:k.n] {
			if o.to-o.from == key.to-key.from && string(o.of(b)) == string(text) {
				return false
			}
		}
		k.small[k.n] = key
		k.n++
		return true
	}
	if k.large == nil {
		k.large = make(map[string]struct{}, 2*len(k.small))
		for _, o := range k.small[:k.n] {
			k.large[string(o.of(b))] = struct{}{}
		}
	}
	if escaped {
		text = unescape(text)
	}
	if _, twice := k.large[string(text)]; twice {
		return false
	}
	k.large[string(text)] = struct{}{}
	return true
}

// number passes a number.
func (s *scanner) number() bool {
	start := s.i
	if s.b[s.i] == '-' {
		s.i++
	}
	whole := s.i
	if s.peek() == '0' {
		s.i++
	} else if s.digits() == 0 {
		return s.unexpected()
	}
	wholeEnd := s.i
	if s.peek() == '.' {
		s.i++
		if s.digits() == 0 {
			return s.unexpected()
		}
	}
	exponent := s.peek()|0x20 == 'e'
	if exponent {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		if s.digits() == 0 {
			return s.unexpected()
		}
	}
	if s.strict && !safeMagnitude(s.b[whole:wholeEnd], s.b[start:s.i], exponent) {
		return s.refuse(ErrRange, "数值超过 2^53，请改用字符串", "the number is beyond 2^53; send it as a string")
	}
	return true
}

func (s *scanner) digits() int {
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - from
}

// safeMagnitude reports whether a number is within 2^53. Only an exponent needs the value itself.
func safeMagnitude(whole, number []byte, exponent bool) bool {
	if exponent {
		f, err := strconv.ParseFloat(string(number), 64)
		return err == nil && math.Abs(f) <= maxSafeInteger
	}
	if len(whole) != 16 { // 2^53 has 16 digits, and there are no leading zeros
		return len(whole) < 16
	}
	var n uint64
	for _, c := range whole {
		n = n*10 + uint64(c-'0')
	}
	return n <= maxSafeInteger
}
