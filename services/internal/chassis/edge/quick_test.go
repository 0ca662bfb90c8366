package edge

import (
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

// agreeOn fails when quick accepts what the library refuses; it returns what quick said.
func agreeOn(t *testing.T, c *checked, name string, data []byte) bool {
	t.Helper()
	value, p := decodeAny(data)
	if p != nil {
		return false
	}
	q, err := c.quick()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := c.compile()
	if err != nil {
		t.Fatal(err)
	}
	accepted := q.accepts(value)
	if err := schema.Validate(value); accepted && err != nil {
		t.Fatalf("%s: accepted, and the library refuses it: %v\n%s", name, err, data)
	}
	return accepted
}

func TestQuickAgreesWithTheLibrary(t *testing.T) {
	v := newValidator(t)
	eachExample(t, func(name string, e events.Entry, data []byte) {
		c := v.types[e.Type]
		if strings.HasPrefix(path.Base(name), "valid-") {
			if !agreeOn(t, c, name, data) {
				t.Errorf("%s is valid and goes the slow way", name)
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
	wrong := []any{nil, true, "", "x", "X.Y", "2027-06-30", strings.Repeat("字", 600), json.Number("0"), json.Number("-1"), json.Number("9007199254740992"), 1.0, 1.5,
		[]any{}, []any{"a", "a"}, []any{json.Number("1")}, map[string]any{}, map[string]any{"amount": "1.00", "currency": "CNY"}}
	tried, accepted := 0, 0
	eachExample(t, func(name string, e events.Entry, data []byte) {
		if !strings.HasPrefix(path.Base(name), "valid-") {
			return
		}
		root, p := decodeAny(data)
		if p != nil {
			t.Fatal(p)
		}
		c := v.types[e.Type]
		q, err := c.quick()
		if err != nil {
			t.Fatal(err)
		}
		schema, err := c.compile()
		if err != nil {
			t.Fatal(err)
		}
		everyPlace(root, func(set func(any)) {
			for _, w := range wrong {
				set(w)
				tried++
				if q.accepts(root) {
					accepted++
					if err := schema.Validate(root); err != nil {
						t.Fatalf("%s: accepted with %v, and the library refuses it: %v", name, w, err)
					}
				}
			}
		})
	})
	if accepted == 0 || accepted == tried {
		t.Errorf("%d of %d accepted: the test has lost its point", accepted, tried)
	}
}

// everyPlace visits every value inside a value with a way to put another there; afterwards the value is as before.
func everyPlace(v any, visit func(set func(any))) {
	switch x := v.(type) {
	case map[string]any:
		for k, old := range x {
			visit(func(w any) { x[k] = w })
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

func TestQuickKnowsWhatItDoesNotKnow(t *testing.T) {
	for _, schema := range []string{
		`{"type": "object"}`, `{"type": "object", "additionalProperties": true}`, `{"type": "string", "format": "date"}`, `{"not": {}}`, `true`,
		`{"enum": [1]}`, `{"minimum": 1.5}`, `{"type": ["string", "null"]}`, `{"$ref": "urn:jieli:schema:defs:imagined:v1"}`, `{"pattern": "("}`,
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
