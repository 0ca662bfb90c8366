package edge

import (
	"encoding/json"
	"strconv"

	"github.com/jieli-bus/jieli/events"
)

// Bounds of one array and one object, above what any schema allows. They are held before the schema is asked: the library words
// every single fault, which for 60,000 wrong items takes a second that no sender is worth.
const (
	itemsMax  = 1000
	fieldsMax = 200
)

// decodeAny reads JSON text that events.CheckJSON has found well formed into what the schema library takes. Whole numbers stay
// text, and so exact. Numbers with a point or exponent become float64: the library computes with exact fractions, and
// 1e-999999999 as an exact fraction would take all memory.
func decodeAny(checked []byte) (any, *events.Problem) {
	r := reader{b: checked}
	return r.value()
}

// reader walks checked text: it looks for what ends a thing and trusts the rest.
type reader struct {
	b []byte
	i int
}

func (r *reader) value() (any, *events.Problem) {
	switch c := r.next(); c {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		return r.text(), nil
	case 't':
		r.i += len("true")
		return true, nil
	case 'f':
		r.i += len("false")
		return false, nil
	case 'n':
		r.i += len("null")
		return nil, nil
	default:
		return r.number(), nil
	}
}

// next skips blanks and returns the byte it stops at.
func (r *reader) next() byte {
	for {
		switch c := r.b[r.i]; c {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return c
		}
	}
}

func (r *reader) object() (any, *events.Problem) {
	fields := make(map[string]any, 8)
	for r.i++; r.next() != '}'; {
		if r.b[r.i] == ',' {
			r.i++
			r.next()
		}
		key := r.text()
		r.next() // the colon
		r.i++
		v, p := r.value()
		if p != nil {
			p.Field = "/" + escape(key) + p.Field
			return nil, p
		}
		if fields[key] = v; len(fields) > fieldsMax {
			return nil, events.ErrSchema.Refusef("", "对象最多 %d 个字段", "an object has at most %d fields", fieldsMax)
		}
	}
	r.i++
	return fields, nil
}

func (r *reader) array() (any, *events.Problem) {
	items := []any{}
	for r.i++; r.next() != ']'; {
		if r.b[r.i] == ',' {
			r.i++
		}
		v, p := r.value()
		if p != nil {
			p.Field = "/" + strconv.Itoa(len(items)) + p.Field
			return nil, p
		}
		if items = append(items, v); len(items) > itemsMax {
			return nil, events.ErrSchema.Refusef("", "列表最多 %d 项", "a list has at most %d items", itemsMax)
		}
	}
	r.i++
	return items, nil
}

func (r *reader) text() string {
	start, escaped := r.i, false
	for r.i++; r.b[r.i] != '"'; r.i++ {
		if r.b[r.i] == '\\' {
			escaped = true
			r.i++
		}
	}
	r.i++
	if !escaped {
		return string(r.b[start+1 : r.i-1])
	}
	var s string
	_ = json.Unmarshal(r.b[start:r.i], &s) // a well-formed string always decodes
	return s
}

func (r *reader) number() any {
	start, whole := r.i, true
scan:
	for ; r.i < len(r.b); r.i++ {
		switch c := r.b[r.i]; {
		case c >= '0' && c <= '9', c == '-':
		case c == '.', c == 'e', c == 'E', c == '+':
			whole = false
		default:
			break scan
		}
	}
	if whole {
		return json.Number(r.b[start:r.i])
	}
	f, _ := strconv.ParseFloat(string(r.b[start:r.i]), 64) // CheckJSON has bounded it; too small is 0
	return f
}
