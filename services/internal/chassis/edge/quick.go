package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// quick is one schema in the form that says yes fast. It knows the keywords our schemas use and no other, and it never refuses:
// what it does not accept goes to the schema library, which decides and words the fault. The library alone takes several times
// as long for a valid payload, and nearly all payloads are valid. A test and a fuzz target hold that whatever quick accepts
// the library accepts.
type quick struct {
	kind                 string // object, array, string, integer, boolean; "" where a $ref says it
	ref                  *quick
	properties           map[string]*quick
	patterns             []quickPattern // of property names
	required             []string
	items                *quick
	unique               bool
	enum                 []string
	pattern              *regexp.Regexp
	lengthMin, lengthMax int // characters, items or properties, by kind
	minimum, maximum     int64
}

type quickPattern struct {
	name  *regexp.Regexp
	value *quick
}

// compileQuick reads the schema with an id. An error means that the schema uses something quick does not know: the library
// then judges every payload, slower and as well.
func compileQuick(id string, seen map[string]*quick) (*quick, error) {
	if q, ok := seen[id]; ok {
		if q == nil {
			return nil, fmt.Errorf("edge: %s refers to itself", id)
		}
		return q, nil
	}
	seen[id] = nil
	doc, err := (embedded{}).Load(id)
	if err != nil {
		return nil, err
	}
	q, err := quickOf(doc, seen)
	if err != nil {
		return nil, fmt.Errorf("edge: %s: %w", id, err)
	}
	seen[id] = q
	return q, nil
}

func quickOf(doc any, seen map[string]*quick) (*quick, error) {
	schema, ok := doc.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%v is no schema", doc)
	}
	q := &quick{lengthMax: 1 << 30, minimum: -1 << 62, maximum: 1 << 62}
	for keyword, value := range schema {
		if err := q.keyword(keyword, value, seen); err != nil {
			return nil, fmt.Errorf("%s: %w", keyword, err)
		}
	}
	if q.kind == "object" && schema["additionalProperties"] != false {
		return nil, errors.New("an open object")
	}
	if len(q.patterns) > 1 { // a name may match several, and then all of them count
		return nil, errors.New("more than one pattern of names")
	}
	return q, nil
}

func (q *quick) keyword(keyword string, value any, seen map[string]*quick) (err error) {
	switch keyword {
	case "$schema", "$id", "title", "x-title-zh", "description", "x-dataclass":
	case "type":
		q.kind, err = as[string](value)
	case "$ref":
		var id string
		if id, err = as[string](value); err == nil {
			q.ref, err = compileQuick(id, seen)
		}
	case "properties":
		q.properties = map[string]*quick{}
		var all map[string]any
		all, err = as[map[string]any](value)
		for name, sub := range all {
			if q.properties[name], err = quickOf(sub, seen); err != nil {
				return err
			}
		}
	case "patternProperties":
		var all map[string]any
		all, err = as[map[string]any](value)
		for name, sub := range all {
			p := quickPattern{}
			if p.name, err = regexp.Compile(name); err != nil {
				return err
			}
			if p.value, err = quickOf(sub, seen); err != nil {
				return err
			}
			q.patterns = append(q.patterns, p)
		}
	case "additionalProperties":
		if value != false {
			err = fmt.Errorf("%v is not false", value)
		}
	case "required":
		q.required, err = texts(value)
	case "enum":
		q.enum, err = texts(value)
	case "items":
		q.items, err = quickOf(value, seen)
	case "uniqueItems":
		q.unique, err = as[bool](value)
	case "pattern":
		var s string
		if s, err = as[string](value); err == nil {
			q.pattern, err = regexp.Compile(s)
		}
	case "minLength", "minItems", "minProperties":
		q.lengthMin, err = number[int](value)
	case "maxLength", "maxItems", "maxProperties":
		q.lengthMax, err = number[int](value)
	case "minimum":
		q.minimum, err = number[int64](value)
	case "maximum":
		q.maximum, err = number[int64](value)
	default:
		err = errors.New("unknown keyword")
	}
	return err
}

func as[T any](value any) (T, error) {
	v, ok := value.(T)
	if !ok {
		return v, fmt.Errorf("%v is no %T", value, v)
	}
	return v, nil
}

func texts(value any) ([]string, error) {
	all, err := as[[]any](value)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(all))
	for i, v := range all {
		if out[i], err = as[string](v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func number[T int | int64](value any) (T, error) {
	n, err := as[json.Number](value)
	if err != nil {
		return 0, err
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return T(i), err
}

// accepts reports that v surely follows the schema; false means that somebody else has to look.
func (q *quick) accepts(v any) bool {
	if q.ref != nil && !q.ref.accepts(v) {
		return false
	}
	switch q.kind {
	case "":
		return q.ref != nil
	case "object":
		x, ok := v.(map[string]any)
		return ok && q.acceptsObject(x)
	case "array":
		x, ok := v.([]any)
		return ok && q.acceptsArray(x)
	case "string":
		x, ok := v.(string)
		return ok && q.acceptsText(x)
	case "integer":
		x, ok := v.(json.Number)
		if !ok {
			return false
		}
		n, err := strconv.ParseInt(string(x), 10, 64)
		return err == nil && n >= q.minimum && n <= q.maximum
	case "boolean":
		_, ok := v.(bool)
		return ok
	}
	return false
}

func (q *quick) acceptsObject(x map[string]any) bool {
	if len(x) < q.lengthMin || len(x) > q.lengthMax {
		return false
	}
	for _, name := range q.required {
		if _, ok := x[name]; !ok {
			return false
		}
	}
fields:
	for name, v := range x {
		if p, ok := q.properties[name]; ok {
			if !p.accepts(v) {
				return false
			}
			continue
		}
		for _, p := range q.patterns {
			if p.name.MatchString(name) && p.value.accepts(v) {
				continue fields
			}
		}
		return false
	}
	return true
}

// acceptsArray compares items for uniqueness where they are strings; others are left to the library.
func (q *quick) acceptsArray(x []any) bool {
	if len(x) < q.lengthMin || len(x) > q.lengthMax || q.items == nil {
		return false
	}
	for i, v := range x {
		if !q.items.accepts(v) {
			return false
		}
		if !q.unique {
			continue
		}
		s, ok := v.(string)
		if !ok || i > 32 { // comparing each with each pays for short lists only
			return false
		}
		for _, before := range x[:i] {
			if before == any(s) {
				return false
			}
		}
	}
	return true
}

func (q *quick) acceptsText(x string) bool {
	if q.enum != nil {
		found := false
		for _, e := range q.enum {
			found = found || e == x
		}
		if !found {
			return false
		}
	}
	if n := utf8.RuneCountInString(x); n < q.lengthMin || n > q.lengthMax {
		return false
	}
	return q.pattern == nil || q.pattern.MatchString(x)
}
