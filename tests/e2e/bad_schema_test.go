package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// fault is one payload that its contract does not allow, made from a valid example and the schema.
type fault struct {
	typ    string // command
	number int    // in the list
	class  string // what kind of fault
	at     string // JSON pointer
	body   []byte
	want   []events.ProblemKind // none: any that the edge has for values
	raw    bool                 // of the text itself: a structured event cannot be read at all then
}

func (f *fault) name() string { return f.typ + f.at + " " + f.class }

// valueKinds are what the edge calls a value that its schema or its Go type does not take.
var valueKinds = []events.ProblemKind{events.ErrSchema, events.ErrID, events.ErrUSCC, events.ErrRegion, events.ErrIndustry, events.ErrCurrency, events.ErrMoney, events.ErrCode, events.ErrDates}

// schema is the part of JSON Schema that the contracts use.
type schema struct {
	Ref        string            `json:"$ref"`
	Type       string            `json:"type"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Closed     *bool             `json:"additionalProperties"`
	Items      *schema           `json:"items"`
	Enum       []any             `json:"enum"`
	Pattern    string            `json:"pattern"`
	MinLength  int               `json:"minLength"`
	MaxLength  int               `json:"maxLength"`
	MinItems   int               `json:"minItems"`
	MaxItems   int               `json:"maxItems"`
	Minimum    *json.Number      `json:"minimum"`
	Maximum    *json.Number      `json:"maximum"`
}

// resolve follows references: urn:jieli:schema:defs:money:v1.
func (s schema) resolve(t testing.TB) schema {
	t.Helper()
	for s.Ref != "" {
		parts := strings.Split(s.Ref, ":")
		s = schemaOf(t, parts[3], parts[4])
	}
	return s
}

func schemaOf(t testing.TB, context, what string) (s schema) {
	t.Helper()
	b, err := fs.ReadFile(contracts.Schemas(), context+"/"+what+".v1.json")
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatalf("schema %s/%s: %v", context, what, err)
	}
	return s
}

// faults derives, for every field of every command that has an example, what its contract forbids there.
func faults(t testing.TB) (list []*fault) {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range events.Catalog {
		if e.Kind != events.Command {
			continue
		}
		context, what := events.SplitType(e.Type)
		if e.Internal {
			list = append(list, &fault{typ: e.Type, class: "only the system's", body: []byte("{}"), want: []events.ProblemKind{events.ErrInternalType}})
			continue
		}
		names, err := fs.Glob(contracts.Examples(), context+"/"+what+"/*.json")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s has no examples: %v", e.Type, err)
		}
		for _, name := range names {
			b, err := fs.ReadFile(contracts.Examples(), name)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(name, "/invalid-") {
				var example struct{ Data json.RawMessage }
				var compact bytes.Buffer
				if err := errors.Join(json.Unmarshal(b, &example), json.Compact(&compact, example.Data)); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				list = append(list, &fault{typ: e.Type, class: "an example: " + name[strings.LastIndexByte(name, '/')+1:], body: compact.Bytes(), want: append(slices.Clone(valueKinds), events.ErrEncoding, events.ErrRange), raw: true})
				continue
			}
			m := &maker{t: t, typ: e.Type, seen: seen}
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			if err := d.Decode(&m.root); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			m.walk(schemaOf(t, context, what), m.root, "", func(v any) any { return v })
			m.raw()
			list = append(list, m.list...)
		}
	}
	for i, f := range list {
		f.number = i
	}
	return list
}

// maker makes the faults of one example.
type maker struct {
	t    testing.TB
	typ  string
	root any
	seen map[string]bool
	list []*fault
}

// literal is JSON text that no encoder would write.
type literal string

func (l literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }

func (m *maker) add(class, at string, v any, want ...events.ProblemKind) {
	f := &fault{typ: m.typ, class: class, at: at, want: want, raw: slices.Contains(want, events.ErrRange)} // numbers that no reader may round
	if m.seen[f.name()] {
		return
	}
	m.seen[f.name()] = true
	var err error
	if f.body, err = json.Marshal(v); err != nil {
		m.t.Fatalf("%s: %v", f.name(), err)
	}
	m.list = append(m.list, f)
}

// walk goes through schema and example together; put gives the whole payload with something in the place of what is looked at.
func (m *maker) walk(s schema, have any, at string, put func(any) any) {
	s = s.resolve(m.t)
	if at != "" {
		m.add("null", at, put(nil))
		for _, other := range []any{7, "七", true, []any{}, map[string]any{}} {
			if kindOf(other) != s.Type && !(s.Type == "number" && kindOf(other) == "integer") {
				m.add("of type "+kindOf(other), at, put(other))
			}
		}
	}
	switch v := have.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			child, ok := s.Properties[name]
			if !ok {
				continue // of a pattern
			}
			m.walk(child, v[name], at+"/"+name, func(x any) any {
				changed := maps.Clone(v)
				changed[name] = x
				return put(changed)
			})
			// A demand or offer without an id gets one over HTTP and in a file.
			if slices.Contains(s.Required, name) && at+"/"+name != "/id" {
				without := maps.Clone(v)
				delete(without, name)
				m.add("missing", at+"/"+name, put(without))
			}
		}
		if s.Closed != nil && !*s.Closed {
			more := maps.Clone(v)
			more["zz_unknown"] = 1
			m.add("unknown field", at+"/zz_unknown", put(more), events.ErrSchema)
		}
	case []any:
		if s.MinItems > 0 {
			m.add("too few items", at, put([]any{}))
		}
		if len(v) > 0 && s.MaxItems > 0 {
			m.add("too many items", at, put(slices.Repeat(v[:1], s.MaxItems+1)))
		}
		if len(v) > 0 && s.Items != nil {
			m.walk(*s.Items, v[0], at+"/0", func(x any) any {
				changed := slices.Clone(v)
				changed[0] = x
				return put(changed)
			})
		}
	case string:
		m.text(s, at, put)
	case json.Number:
		m.number(s, at, put)
	}
}

// escapes are how JSON Schema writes a character and Go does not.
var escapes = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

// textMax is where a longer text is over the limit of bodies, which a face may say before anybody reads it.
const textMax = 20_000

func (m *maker) text(s schema, at string, put func(any) any) {
	if s.MaxLength > 0 && s.MaxLength < textMax {
		m.add("too long", at, put(strings.Repeat("a", s.MaxLength+1)))
		m.add("too long in Chinese", at, put(strings.Repeat("长", s.MaxLength+1)))
	}
	if s.MinLength > 0 {
		m.add("empty", at, put(""))
	}
	if s.Enum != nil {
		m.add("not of the list", at, put("zz_unknown"))
	}
	if s.Pattern != "" {
		form, err := regexp.Compile(escapes.ReplaceAllString(s.Pattern, `\x{$1}`)) // where Go cannot read it, none of these fits it
		for class, text := range map[string]string{"a line break": "a\r\nb", "a bell": "a\ab", "a turned direction": "a\u202eb"} {
			if err != nil || !form.MatchString(text) { // a long text may have line breaks
				m.add(class, at, put(text))
			}
		}
	}
}

func (m *maker) number(s schema, at string, put func(any) any) {
	if s.Minimum != nil {
		if n, err := s.Minimum.Int64(); err == nil {
			m.add("too small", at, put(n-1))
		}
	}
	if s.Maximum != nil {
		if n, err := s.Maximum.Int64(); err == nil && n < 1<<53-1 {
			m.add("too big", at, put(n+1))
		}
	}
	m.add("a fraction", at, put(literal("1.5")))
	m.add("beyond 2^53", at, put(literal("9007199254740993")), events.ErrRange)
	m.add("beyond any number", at, put(literal("1e999")), events.ErrRange)
}

// raw are the faults of the text itself.
func (m *maker) raw() {
	fields, ok := m.root.(map[string]any)
	if !ok {
		return
	}
	b, err := json.Marshal(fields)
	if err != nil {
		m.t.Fatal(err)
	}
	text := string(b)
	more := func(field string) string {
		if len(fields) > 0 {
			field += ","
		}
		return "{" + field + text[1:]
	}
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for class, c := range map[string]struct {
		body string
		want events.ProblemKind
	}{
		"a list":            {"[" + text + "]", events.ErrSchema},
		"null":              {"null", events.ErrSchema},
		"a number":          {"7", events.ErrSchema},
		"text":              {`"{}"`, events.ErrSchema},
		"half of it":        {text[:len(text)-1], events.ErrMalformed},
		"more behind it":    {text + "x", events.ErrMalformed},
		"a comma too many":  {text[:len(text)-1] + ",}", events.ErrMalformed},
		"single quotes":     {more(`'zz':1`), events.ErrMalformed},
		"a comment":         {more(`/* */"zz":1`), events.ErrMalformed},
		"NaN":               {more(`"zz":NaN`), events.ErrMalformed},
		"Infinity":          {more(`"zz":-Infinity`), events.ErrMalformed},
		"hexadecimal":       {more(`"zz":0x10`), events.ErrMalformed},
		"a leading zero":    {more(`"zz":01`), events.ErrMalformed},
		"a plus":            {more(`"zz":+1`), events.ErrMalformed},
		"a repeated key":    {more(`"zz":1,"zz":1`), events.ErrDuplicateKey},
		"a key spelt twice": {more(`"zz":1,"\u007az":1`), events.ErrDuplicateKey},
		"nested 65 deep":    {more(`"zz":` + nest(65)), events.ErrTooDeep},
		"nested 1,000 deep": {more(`"zz":` + nest(1000)), events.ErrTooDeep},
		"GB18030":           {more("\"zz\":\"\xd1\xd0\""), events.ErrEncoding},
		"an overlong form":  {more("\"zz\":\"\xc0\xaf\""), events.ErrEncoding},
		"an escaped NUL":    {more(`"zz":"a\u0000b"`), events.ErrEncoding},
		"half a surrogate":  {more(`"zz":"a\ud800b"`), events.ErrEncoding},
		"a NUL byte":        {more("\"zz\":\"\x00\""), events.ErrEncoding},
	} {
		f := &fault{typ: m.typ, class: class, body: []byte(c.body), want: []events.ProblemKind{c.want}, raw: true}
		if !m.seen[f.name()] {
			m.seen[f.name()] = true
			m.list = append(m.list, f)
		}
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case int:
		return "integer"
	case []any:
		return "array"
	}
	return "object"
}

// judge holds one door's answer to what the fault may be called.
func (f *fault) judge(body []byte, status int) (*events.Problem, error) {
	p, ok := events.DecodeProblem(body)
	if !ok {
		return nil, fmt.Errorf("no refusal: %d %.200s", status, body)
	}
	want := f.want
	if want == nil {
		want = valueKinds
	}
	i := slices.IndexFunc(want, func(k events.ProblemKind) bool { return p.Type == events.ProblemPrefix+k.Code })
	if i < 0 {
		return p, fmt.Errorf("refused as %.300s", body)
	}
	return p, (&attempt{want: want[i]}).problem(body, status)
}
