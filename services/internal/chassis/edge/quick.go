package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// quick is one schema in the form that says yes fast: it walks the text of a payload once and builds nothing. It knows the keywords
// our schemas use and no other, and it never refuses: what it does not accept goes to the schema library, which decides and words
// the fault. The library alone takes many times as long for a valid payload, and nearly all payloads are valid. Tests and a fuzz
// target hold that whatever quick accepts the library accepts.
type quick struct {
	kind       string // object, array, string, integer or boolean
	properties map[string]property
	required   uint64         // the bits of the properties that must be there
	names      *namedProperty // how other properties may be called; nil: there are none
	items      *quick
	unique     bool
	enum       []string
	pattern    matcher // nil: every text

	lengthMin, lengthMax int // characters, items or properties, by kind
	minimum, maximum     int64
}

type property struct {
	value *quick
	bit   uint64 // one of its own for each property of an object
}

type namedProperty struct {
	name  matcher
	value *quick
}

// Bounds of what quick takes on.
const (
	propertiesMax = 64 // of one schema: a bit for each
	uniqueMax     = 64 // items of a list without repetition: comparing each with each pays for short lists only
	digitsMax     = 18 // of an integer: 64 bits hold every one of that length
)

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
	if ref, ok := schema["$ref"]; ok {
		return quickRef(ref, schema, seen)
	}
	q := &quick{lengthMax: 1 << 30, minimum: -1 << 62, maximum: 1 << 62}
	var err error
	if q.kind, err = as[string](schema["type"]); err != nil {
		return nil, fmt.Errorf("type: %w", err)
	}
	for keyword, value := range schema {
		if err := q.keyword(keyword, value, seen); err != nil {
			return nil, fmt.Errorf("%s: %w", keyword, err)
		}
	}
	switch q.kind {
	case "object":
		return q, q.finishObject(schema)
	case "array":
		q.lengthMax = min(q.lengthMax, itemsMax) // decodeAny refuses more
		if q.items == nil || q.unique && q.items.kind != "string" {
			return nil, errors.New("a list of anything, or one without repetition of other things than strings")
		}
	case "string", "integer", "boolean":
	default:
		return nil, fmt.Errorf("unknown type %s", q.kind)
	}
	return q, nil
}

// quickRef takes a reference that stands alone: conditions beside it would be a second schema for the same value.
func quickRef(ref any, schema map[string]any, seen map[string]*quick) (*quick, error) {
	for keyword := range schema {
		if keyword != "$ref" && !annotation(keyword) {
			return nil, fmt.Errorf("$ref beside %s", keyword)
		}
	}
	id, err := as[string](ref)
	if err != nil {
		return nil, fmt.Errorf("$ref: %w", err)
	}
	return compileQuick(id, seen)
}

// finishObject does what needs all keywords of an object.
func (q *quick) finishObject(schema map[string]any) error {
	q.lengthMax = min(q.lengthMax, fieldsMax) // decodeAny refuses more
	if schema["additionalProperties"] != false {
		return errors.New("an open object")
	}
	if schema["required"] == nil {
		return nil
	}
	required, err := texts(schema["required"])
	if err != nil {
		return fmt.Errorf("required: %w", err)
	}
	for _, name := range required {
		p, ok := q.properties[name]
		if !ok {
			return fmt.Errorf("required: %s is not described", name)
		}
		q.required |= p.bit
	}
	return nil
}

// annotation reports keywords that hold nobody to anything.
func annotation(keyword string) bool {
	switch keyword {
	case "$schema", "$id", "title", "x-title-zh", "description", "x-dataclass":
		return true
	}
	return false
}

// keywordKinds says what a keyword is about: about anything else it would say nothing.
var keywordKinds = map[string]string{
	"properties": "object", "patternProperties": "object", "additionalProperties": "object", "required": "object", "minProperties": "object", "maxProperties": "object",
	"items": "array", "uniqueItems": "array", "minItems": "array", "maxItems": "array",
	"enum": "string", "pattern": "string", "minLength": "string", "maxLength": "string",
	"minimum": "integer", "maximum": "integer",
}

func (q *quick) keyword(keyword string, value any, seen map[string]*quick) (err error) {
	if keyword == "type" || annotation(keyword) {
		return nil
	}
	if kind := keywordKinds[keyword]; kind != q.kind {
		return fmt.Errorf("unknown keyword of type %s", q.kind)
	}
	switch keyword {
	case "additionalProperties", "required": // finishObject reads them
	case "properties":
		err = q.readProperties(value, seen)
	case "patternProperties":
		err = q.readNames(value, seen)
	case "enum":
		q.enum, err = texts(value)
	case "items":
		q.items, err = quickOf(value, seen)
	case "uniqueItems":
		q.unique, err = as[bool](value)
	case "pattern":
		var expr string
		if expr, err = as[string](value); err == nil {
			q.pattern, err = compilePattern(expr)
		}
	case "minLength", "minItems", "minProperties":
		q.lengthMin, err = number[int](value)
	case "maxLength", "maxItems", "maxProperties":
		q.lengthMax, err = number[int](value)
	case "minimum":
		q.minimum, err = number[int64](value)
	case "maximum":
		q.maximum, err = number[int64](value)
	}
	return err
}

func (q *quick) readProperties(value any, seen map[string]*quick) error {
	all, err := as[map[string]any](value)
	if err != nil {
		return err
	}
	if len(all) > propertiesMax {
		return fmt.Errorf("%d properties", len(all))
	}
	q.properties = make(map[string]property, len(all))
	for name, sub := range all {
		p := property{bit: 1 << len(q.properties)}
		if p.value, err = quickOf(sub, seen); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		q.properties[name] = p
	}
	return nil
}

// readNames takes one pattern of names: a name may match several, and then all of them count.
func (q *quick) readNames(value any, seen map[string]*quick) error {
	all, err := as[map[string]any](value)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("%d patterns of names", len(all))
	}
	for expr, sub := range all {
		q.names = &namedProperty{}
		if q.names.name, err = compilePattern(expr); err != nil {
			return err
		}
		if q.names.value, err = quickOf(sub, seen); err != nil {
			return err
		}
	}
	return nil
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
