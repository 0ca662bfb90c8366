package edge

import (
	"bytes"
	"unicode/utf8"
)

// accepts reports that text which events.CheckJSON has found well formed surely follows the schema, and keeps the bounds of
// decodeAny; false means that somebody else has to look. It allocates nothing.
func (q *quick) accepts(checked []byte) bool {
	r := reader{b: checked}
	return q.value(&r)
}

// value judges the value that comes next. What follows an unsure value is not looked at, so the reader then stands anywhere.
func (q *quick) value(r *reader) bool {
	switch c := r.next(); q.kind {
	case "object":
		return c == '{' && q.object(r)
	case "array":
		if c != '[' {
			return false
		}
		if q.unique {
			return q.uniqueTexts(r)
		}
		return q.array(r)
	case "string":
		if c != '"' {
			return false
		}
		text, ok := r.plain()
		return ok && q.text(text)
	case "integer":
		n, ok := r.integer()
		return ok && n >= q.minimum && n <= q.maximum
	case "boolean":
		return r.boolean(c)
	}
	return false
}

func (q *quick) object(r *reader) bool {
	var seen uint64
	n := 0
	for r.i++; r.next() != '}'; n++ {
		if r.b[r.i] == ',' {
			r.i++
			r.next()
		}
		name, ok := r.plain()
		if !ok {
			return false
		}
		r.next() // the colon
		r.i++
		p, ok := q.properties[string(name)]
		if !ok {
			if q.names == nil || !q.names.name.Match(name) {
				return false
			}
			p.value = q.names.value
		}
		if !p.value.value(r) {
			return false
		}
		seen |= p.bit // CheckJSON has seen to it that no name comes twice
	}
	r.i++
	return seen&q.required == q.required && n >= q.lengthMin && n <= q.lengthMax
}

func (q *quick) array(r *reader) bool {
	n := 0
	for r.i++; r.next() != ']'; n++ {
		if r.b[r.i] == ',' {
			r.i++
		}
		if n == q.lengthMax || !q.items.value(r) {
			return false
		}
	}
	r.i++
	return n >= q.lengthMin
}

// uniqueTexts is array for strings of which none may come twice. Without escapes equal strings are equal bytes.
func (q *quick) uniqueTexts(r *reader) bool {
	var before [uniqueMax]struct{ from, to int32 }
	n := 0
	for r.i++; r.next() != ']'; n++ {
		if r.b[r.i] == ',' {
			r.i++
		}
		if n == len(before) || n == q.lengthMax || r.next() != '"' {
			return false
		}
		from := r.i
		text, ok := r.plain()
		if !ok || !q.items.text(text) {
			return false
		}
		for _, o := range before[:n] {
			if string(r.b[o.from:o.to]) == string(text) {
				return false
			}
		}
		before[n].from, before[n].to = int32(from+1), int32(from+1+len(text))
	}
	r.i++
	return n >= q.lengthMin
}

func (q *quick) text(text []byte) bool {
	if q.enum != nil {
		found := false
		for _, e := range q.enum {
			if found = e == string(text); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	// A character is one to four bytes: where that decides, nobody counts.
	if n := len(text); n > q.lengthMax || (n+3)/4 < q.lengthMin {
		if n = utf8.RuneCount(text); n > q.lengthMax || n < q.lengthMin {
			return false
		}
	}
	return q.pattern == nil || q.pattern.Match(text)
}

// plain passes a string and returns what is between its quotes; false where it has escapes.
func (r *reader) plain() ([]byte, bool) {
	rest := r.b[r.i+1:]
	rest = rest[:bytes.IndexByte(rest, '"')]
	if bytes.IndexByte(rest, '\\') >= 0 {
		return nil, false
	}
	r.i += len(rest) + 2
	return rest, true
}

// integer passes a number without point and exponent; false where it is another one, too long or no number at all.
func (r *reader) integer() (int64, bool) {
	negative := r.b[r.i] == '-'
	if negative {
		r.i++
	}
	n, start := int64(0), r.i
	for ; r.i < len(r.b); r.i++ {
		c := r.b[r.i]
		if c == '.' || c|0x20 == 'e' {
			return 0, false
		}
		if c < '0' || c > '9' {
			break
		}
		if r.i-start == digitsMax {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, r.i > start
}

func (r *reader) boolean(c byte) bool {
	switch c {
	case 't':
		r.i += len("true")
	case 'f':
		r.i += len("false")
	default:
		return false
	}
	return true
}
