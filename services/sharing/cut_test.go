package sharing

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func paths(list ...string) *tree {
	t := &tree{}
	for _, p := range list {
		t.add(strings.Split(p, "."))
	}
	return t
}

func TestCut(t *testing.T) {
	const payload = `{"id":"d-1","amount":{"amount":"5.00","currency":"CNY"},"title":"研发 \"A\", {b}","offers":[{"offer":"o-1","party":"p"},{"offer":"o-2"}],"n":-1.5e3,"facts":{"name":"某公司","stage":"growth"},"none":null,"empty":[]}`
	for _, c := range []struct{ name, fields, want string }{
		{"plain fields in the payload's order", "n id", `{"id":"d-1","n":-1.5e3}`},
		{"a whole object", "amount", `{"amount":{"amount":"5.00","currency":"CNY"}}`},
		{"a part of an object", "facts.stage", `{"facts":{"stage":"growth"}}`},
		{"elements of an array", "offers[].offer", `{"offers":[{"offer":"o-1"},{"offer":"o-2"}]}`},
		{"a part and the whole: the whole", "amount.currency amount", `{"amount":{"amount":"5.00","currency":"CNY"}}`},
		{"the whole and a part: the whole", "amount amount.currency", `{"amount":{"amount":"5.00","currency":"CNY"}}`},
		{"text that looks like structure", "title", `{"title":"研发 \"A\", {b}"}`},
		{"what is not there stays away", "missing facts.missing", `{"facts":{}}`},
		{"a path into a plain value", "id.x none.x", `{"id":null,"none":null}`},
		{"null and empty", "none empty", `{"none":null,"empty":[]}`},
	} {
		got, err := paths(strings.Fields(c.fields)...).cut(nil, []byte(payload))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

// oracle cuts with encoding/json, slowly and plainly.
func oracle(t *tree, v any) any {
	if t.children == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, child := range t.children {
			if value, ok := v[name]; ok {
				out[name] = oracle(child, value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = oracle(t, v[i])
		}
		return out
	}
	return nil
}

var names = []string{"a", "b", "amount", "offers", "名"}

func value(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 && kind > 3 {
			kind = 0
		}
		switch kind {
		case 0:
			return rapid.StringOf(rapid.RuneFrom([]rune("ab\"\\{}[],: 中\u2028"))).Draw(t, "text")
		case 1:
			return float64(rapid.IntRange(-1000, 1000).Draw(t, "number"))
		case 2:
			return rapid.Bool().Draw(t, "flag")
		case 3:
			return nil
		case 4:
			return rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "list")
		}
		return rapid.MapOfN(rapid.SampledFrom(names), value(depth-1), 0, 4).Draw(t, "object")
	})
}

func TestCutAgreesWithAnOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		payload := value(4).Draw(t, "payload")
		data, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		fields := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(t, "path"), ".")
		}), 1, 4).Draw(t, "fields")
		set := paths(fields...)
		got, err := set.cut(nil, data)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		var have any
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("%s is no JSON: %v", got, err)
		}
		want, err := json.Marshal(oracle(set, payload))
		if err != nil {
			t.Fatal(err)
		}
		var wanted any
		if err := json.Unmarshal(want, &wanted); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(have, wanted) {
			t.Fatalf("fields %v of %s: %s, want %s", fields, data, got, want)
		}
	})
}

func FuzzCut(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":[1,{"a":"x"}]}}`, `{"a":`, `[`, `"`, `{"a":1}}`, ``, `{"a"1}`, `}{`} {
		f.Add([]byte(seed))
	}
	set := paths("a.b", "b", "offers[].a")
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := set.cut(nil, data)
		var compact bytes.Buffer
		if json.Valid(data) && json.Compact(&compact, data) == nil && bytes.Equal(compact.Bytes(), data) && (err != nil || !json.Valid(got)) {
			t.Errorf("%q: %q, %v", data, got, err)
		}
	})
}
