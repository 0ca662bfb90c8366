package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/jieli-bus/jieli/events"
)

// agreeOn fails when quick accepts what the library refuses; it returns what quick said.
func agreeOn(t *testing.T, c *checked, name string, data []byte) bool {
	t.Helper()
	q, err := c.quick()
	if err != nil {
		t.Fatal(err)
	}
	accepted := q.accepts(data)
	if err := c.judge(data); accepted && err != nil {
		t.Fatalf("%s: accepted, and the library refuses it: %v\n%s", name, err, data)
	}
	return accepted
}

func TestQuickAgreesWithTheLibrary(t *testing.T) {
	v := newValidator(t)
	eachExample(t, func(name string, e events.Entry, data []byte) {
		c := v.types[e.Type]
		if strings.HasPrefix(path.Base(name), "valid-") {
			var compact, indented bytes.Buffer
			if err := errors.Join(json.Compact(&compact, data), json.Indent(&indented, data, "\r\n", " \t")); err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{data, compact.Bytes(), []byte(" \t\r\n" + indented.String() + "\n")} {
				if !agreeOn(t, c, name, text) && !bytes.ContainsRune(text, '\\') { // escapes are read the slow way
					t.Errorf("%s is valid and goes the slow way\n%s", name, text)
				}
			}
			return
		}
		var ex struct{ Data json.RawMessage }
		if err := json.Unmarshal(data, &ex); err != nil {
			t.Fatal(err)
		}
		if agreeOn(t, c, name, ex.Data) {
			t.Errorf("%s is accepted", name)
		}
	})
}

// Every place of every valid example gets a value of every kind: whatever quick still accepts, the library must accept.
func TestQuickAgreesOnWrongValuesInEveryPlace(t *testing.T) {
	v := newValidator(t)
	wrong := []json.RawMessage{}
	for _, text := range []string{`null`, `true`, `false`, `""`, `"x"`, `"X.Y"`, `"2027-06-30"`, `"` + strings.Repeat("字", 600) + `"`, `"\u0061"`, `"a\tb"`, `"\""`, `"\\"`, `"\u3000字　"`,
		`0`, `-0`, `-1`, `9007199254740992`, `1.0`, `1.5`, `1e0`, `1E-999999999`, `[]`, `["a","a"]`, `["a", "\u0061"]`, `["a","b"]`, `[1]`, `[1,1]`, `{}`, `[{}]`, `[[]]`,
		`{"amount":"1.00","currency":"CNY"}`, `{"amount":"1.00","\u0063urrency":"CNY"}`, `{"amount":"1.00"}`, `{"min":0,"max":600}`, `{"min":0,"max":601}`} {
		wrong = append(wrong, json.RawMessage(text))
	}
	tried, accepted := 0, 0
	eachExample(t, func(name string, e events.Entry, data []byte) {
		if !strings.HasPrefix(path.Base(name), "valid-") {
			return
		}
		root, p := decodeAny(data)
		if p != nil {
			t.Fatal(p)
		}
		everyPlace(root, func(set func(any)) {
			for _, w := range wrong {
				set(w)
				text, err := json.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				tried++
				if agreeOn(t, v.types[e.Type], name, text) {
					accepted++
				}
			}
		})
	})
	if accepted == 0 || accepted == tried {
		t.Errorf("%d of %d accepted: the test has lost its point", accepted, tried)
	}
}

// everyPlace visits every value inside a value with a way to put another there, and every object with one field missing;
// afterwards the value is as before.
func everyPlace(v any, visit func(set func(any))) {
	switch x := v.(type) {
	case map[string]any:
		for k, old := range x {
			visit(func(w any) { x[k] = w })
			delete(x, k)
			visit(func(w any) { x["colour"] = w })
			delete(x, "colour")
			visit(func(any) {})
			x[k] = old
			everyPlace(old, visit)
		}
		visit(func(w any) { x["colour"] = w })
		delete(x, "colour")
	case []any:
		for i, old := range x {
			visit(func(w any) { x[i] = w })
			x[i] = old
			everyPlace(old, visit)
		}
	}
}

// The bounds of schemas, of decodeAny and of quick itself: on each side of each, quick says what it should and the library agrees.
func TestQuickHoldsBounds(t *testing.T) {
	list := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	same := func(int) string { return `"a"` }
	each := func(i int) string { return fmt.Sprintf(`"a%d"`, i) }
	lastTwice := func(i int) string { return fmt.Sprintf(`"a%d"`, i%(uniqueMax-1)) }
	const texts = `{"type": "array", "items": {"type": "string"}`
	const open = `{"type": "object", "additionalProperties": false, "patternProperties": {"^k[0-9]+$": {"type": "integer"}}`
	for _, c := range []struct {
		schema, text string
		want         bool
	}{
		{texts + `, "minItems": 1, "maxItems": 2}`, `[]`, false},
		{texts + `, "minItems": 1, "maxItems": 2}`, list(1, same), true},
		{texts + `, "minItems": 1, "maxItems": 2}`, list(2, same), true},
		{texts + `, "minItems": 1, "maxItems": 2}`, list(3, same), false},
		{texts + `}`, list(itemsMax, same), true},
		{texts + `}`, list(itemsMax+1, same), false},
		{texts + `, "uniqueItems": true, "minItems": 1, "maxItems": 2}`, `[ ]`, false},
		{texts + `, "uniqueItems": true, "minItems": 1, "maxItems": 2}`, ` [ "a" , "b" ] `, true},
		{texts + `, "uniqueItems": true, "minItems": 1, "maxItems": 2}`, list(3, each), false},
		{texts + `, "uniqueItems": true}`, list(2, same), false},
		{texts + `, "uniqueItems": true}`, `["a", "aa", "", "A"]`, true},
		{texts + `, "uniqueItems": true}`, `["", ""]`, false},
		{texts + `, "uniqueItems": true}`, list(uniqueMax, each), true},
		{texts + `, "uniqueItems": true}`, list(uniqueMax, lastTwice), false},
		{texts + `, "uniqueItems": true}`, list(uniqueMax+1, each), false}, // valid, and left to the library
		{texts + `, "uniqueItems": true}`, `["a", 1]`, false},
		{open + `}`, `{` + manyFields(fieldsMax) + `}`, true},
		{open + `}`, `{` + manyFields(fieldsMax+1) + `}`, false},
		{open + `, "minProperties": 1, "maxProperties": 2}`, `{}`, false},
		{open + `, "minProperties": 1, "maxProperties": 2}`, `{` + manyFields(1) + `}`, true},
		{open + `, "minProperties": 1, "maxProperties": 2}`, `{` + manyFields(2) + `}`, true},
		{open + `, "minProperties": 1, "maxProperties": 2}`, `{` + manyFields(3) + `}`, false},
		{open + `}`, `{"k": 1}`, false},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"a"`, false},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"字"`, false},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"😀"`, false},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"字字"`, true},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"😀😀😀"`, true},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"abcd"`, false},
		{`{"type": "string", "minLength": 2, "maxLength": 3}`, `"😀😀😀😀"`, false},
		{`{"type": "string", "enum": ["a", "字"]}`, `"字"`, true},
		{`{"type": "string", "enum": ["a", "字"]}`, `"b"`, false},
		{`{"type": "string", "enum": ["a", "字"]}`, `""`, false},
		{`{"type": "string", "enum": []}`, `""`, false},
		{`{"type": "integer", "minimum": -1, "maximum": 600}`, `-1`, true},
		{`{"type": "integer", "minimum": -1, "maximum": 600}`, `-2`, false},
		{`{"type": "integer", "minimum": -1, "maximum": 600}`, `-0`, true},
		{`{"type": "integer", "minimum": -1, "maximum": 600}`, `600`, true},
		{`{"type": "integer", "minimum": -1, "maximum": 600}`, `601`, false},
		{`{"type": "integer", "minimum": -1, "maximum": 600}`, `6e2`, false}, // valid, and left to the library
		{`{"type": "integer"}`, `-9007199254740992`, true},
		{`{"type": "integer"}`, `-`, false},
		{`{"type": "integer"}`, strings.Repeat("9", digitsMax), true},
		{`{"type": "integer"}`, strings.Repeat("9", digitsMax+1), false},
		{`{"type": "boolean"}`, ` true`, true},
		{`{"type": "boolean"}`, `false `, true},
		{`{"type": "boolean"}`, `null`, false},
	} {
		doc, p := decodeAny([]byte(c.schema))
		if p != nil {
			t.Fatal(p)
		}
		q, err := quickOf(doc, map[string]*quick{})
		if err != nil {
			t.Fatalf("%s: %v", c.schema, err)
		}
		if got := q.accepts([]byte(c.text)); got != c.want {
			t.Errorf("%s: %.80s is %v, want %v", c.schema, c.text, got, c.want)
		}
		if !c.want {
			continue
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource("urn:test", doc); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile("urn:test")
		if err != nil {
			t.Fatal(err)
		}
		value, p := decodeAny([]byte(c.text))
		if p != nil {
			t.Fatalf("%s: %.80s: %v", c.schema, c.text, p)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: the library refuses %.80s: %v", c.schema, c.text, err)
		}
	}
}

func TestQuickAllocatesNothing(t *testing.T) {
	v := newValidator(t)
	eachExample(t, func(name string, e events.Entry, data []byte) {
		q, err := v.types[e.Type].quick()
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() { q.accepts(data) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	})
}

func TestQuickKnowsWhatItDoesNotKnow(t *testing.T) {
	for _, schema := range []string{
		`{"type": "object"}`, `{"type": "object", "additionalProperties": true}`, `{"type": "string", "format": "date"}`, `{"not": {}}`, `true`,
		`{"type": ["string", "null"]}`, `{"$ref": "urn:jieli:schema:defs:imagined:v1"}`, `{"$ref": 1}`,
		`{"$ref": "urn:jieli:schema:defs:id:v1", "type": "string"}`, `{"$ref": "urn:jieli:schema:defs:id:v1", "maxLength": 3}`,
		`{}`, `{"type": "null"}`, `{"type": "string", "pattern": "("}`, `{"type": "string", "minItems": 1}`, `{"type": "integer", "enum": ["1"]}`, `{"type": "array"}`,
		`{"type": "array", "items": {"type": "integer"}, "uniqueItems": true}`, `{"type": "integer", "minimum": 1.5}`, `{"type": "string", "enum": [1]}`,
		`{"type": "object", "additionalProperties": false, "required": ["a"]}`, `{"type": "object", "additionalProperties": false, "properties": {` + manySchemas(propertiesMax+1) + `}}`,
		`{"type": "object", "additionalProperties": false, "patternProperties": {"a": {"type": "string"}, "b": {"type": "string"}}}`,
	} {
		doc, p := decodeAny([]byte(schema))
		if p != nil {
			t.Fatal(p)
		}
		if _, err := quickOf(doc, map[string]*quick{}); err == nil {
			t.Errorf("%s was taken", schema)
		}
	}
}

func manySchemas(n int) string {
	return strings.ReplaceAll(manyFields(n), ": 1", `: {"type": "boolean"}`)
}

func FuzzQuick(f *testing.F) {
	v := newValidator(f)
	types := []string{events.TypePublishDemand, events.TypePublishOffer, events.TypeGrant, events.TypeRecommend}
	for i, name := range []string{"demand/publish/valid-loan.json", "offer/publish/valid-ip-loan.json", "sharing/grant/valid-statistics.json", "match/recommend/valid-two-offers.json"} {
		f.Add(uint8(i), readExample(f, name))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		if events.CheckJSON(data, events.MaxDepth) != nil {
			return
		}
		agreeOn(t, v.types[types[int(which)%len(types)]], "fuzz", data)
	})
}
