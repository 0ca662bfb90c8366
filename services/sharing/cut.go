package sharing

import (
	"errors"
	"strings"
)

// tree is a set of field paths of a payload; nil children mean the whole value.
type tree struct{ children map[string]*tree }

// add puts a path into the set. An element of an array is named like the array: "offers[].offer" is {"offers":{"offer"}}.
func (t *tree) add(path []string) {
	if t.children == nil {
		t.children = make(map[string]*tree)
	}
	name := strings.TrimSuffix(path[0], "[]")
	child, had := t.children[name]
	switch {
	case len(path) == 1:
		t.children[name] = &tree{}
	case had && child.children == nil: // the whole of it is allowed already
	default:
		if !had {
			child = &tree{}
			t.children[name] = child
		}
		child.add(path[1:])
	}
}

// merge is what either set allows.
func merge(a, b *tree) *tree {
	if a.children == nil || b.children == nil {
		return &tree{}
	}
	out := &tree{children: make(map[string]*tree, len(a.children)+len(b.children))}
	for name, t := range a.children {
		out.children[name] = t
	}
	for name, t := range b.children {
		if have, ok := out.children[name]; ok {
			t = merge(have, t)
		}
		out.children[name] = t
	}
	return out
}

var errPayload = errors.New("sharing: the payload is not the JSON that a ledger holds")

// cut appends to dst what the set allows of a payload, in the payload's order. It reads payloads of the ledger: valid JSON
// without white space or escapes in keys, as the frame writes it. Every event passes here once per department, so it builds nothing
// but its output.
func (t *tree) cut(dst, data []byte) ([]byte, error) {
	dst, rest, err := t.value(dst, data)
	if err == nil && len(rest) > 0 {
		err = errPayload
	}
	return dst, err
}

// value takes one value off b.
func (t *tree) value(dst, b []byte) (out, rest []byte, err error) {
	if t.children != nil && len(b) > 0 {
		switch b[0] {
		case '{':
			return t.object(dst, b[1:])
		case '[':
			return t.array(dst, b[1:])
		}
	}
	end, err := skip(b)
	if err != nil {
		return dst, b, err
	}
	if t.children != nil { // a path that leads into a plain value allows nothing of it
		return append(dst, "null"...), b[end:], nil
	}
	return append(dst, b[:end]...), b[end:], nil
}

func (t *tree) object(dst, b []byte) (out, rest []byte, err error) {
	dst = append(dst, '{')
	first := true
	for {
		if len(b) > 0 && b[0] == '}' {
			return append(dst, '}'), b[1:], nil
		}
		end, err := skipString(b)
		if err != nil || end >= len(b) || b[end] != ':' {
			return dst, b, errPayload
		}
		key := b[:end]
		b = b[end+1:]
		if child, ok := t.children[string(key[1:len(key)-1])]; ok {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, key...), ':')
			if dst, b, err = child.value(dst, b); err != nil {
				return dst, b, err
			}
		} else {
			if end, err = skip(b); err != nil {
				return dst, b, err
			}
			b = b[end:]
		}
		if len(b) > 0 && b[0] == ',' {
			b = b[1:]
		} else if len(b) == 0 || b[0] != '}' {
			return dst, b, errPayload
		}
	}
}

func (t *tree) array(dst, b []byte) (out, rest []byte, err error) {
	dst = append(dst, '[')
	for n := 0; ; n++ {
		if len(b) > 0 && b[0] == ']' {
			return append(dst, ']'), b[1:], nil
		}
		if n > 0 {
			if len(b) == 0 || b[0] != ',' {
				return dst, b, errPayload
			}
			b = b[1:]
			dst = append(dst, ',')
		}
		if dst, b, err = t.value(dst, b); err != nil {
			return dst, b, err
		}
	}
}

// skip is the length of the value at the start of b.
func skip(b []byte) (int, error) {
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			end, err := skipString(b[i:])
			if err != nil {
				return 0, err
			}
			i += end
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':':
			i++
			continue
		default:
			start := i
			for i < len(b) && !strings.ContainsRune(`,:{}[]"`, rune(b[i])) {
				i++
			}
			if i == start {
				return 0, errPayload
			}
		}
		if depth == 0 {
			return i, nil
		}
		if depth < 0 {
			return 0, errPayload
		}
	}
	return 0, errPayload
}

// skipString is the length of the string at the start of b, quotes included.
func skipString(b []byte) (int, error) {
	if len(b) == 0 || b[0] != '"' {
		return 0, errPayload
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1, nil
		}
	}
	return 0, errPayload
}
