package contracts_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts"
)

func TestSchemasOnlyGainOptionalFieldsSinceTheRelease(t *testing.T) {
	released, current := loadTree(t, contracts.Released()), loadTree(t, contracts.Schemas())
	if len(released) == 0 {
		t.Fatal("nothing has been released")
	}
	for name, old := range released {
		now, ok := current[name]
		if !ok {
			t.Errorf("%s was released and is gone", name)
			continue
		}
		for _, complaint := range breaks(old, now, "") {
			t.Errorf("%s%s", name, complaint)
		}
	}
}

// annotations say something to people and change nothing for programs.
var annotations = []string{"title", "x-title-zh", "description", "x-dataclass"}

// lower and upper bounds: the first may not be raised, the second not lowered, neither may appear anew.
var (
	lower = []string{"minLength", "minimum", "minItems", "minProperties"}
	upper = []string{"maxLength", "maximum", "maxItems", "maxProperties"}
)

// breaks lists what a new schema forbids that the old one allowed, and what it takes away that readers rely on. Optional
// properties may be added, enums and bounds may be widened, words for people may change; everything else is a break.
func breaks(old, now node, at string) []string {
	var out []string
	complain := func(format string, args ...any) { out = append(out, at+": "+fmt.Sprintf(format, args...)) }
	for keyword := range merge(old, now) {
		was, is := old[keyword], now[keyword]
		switch {
		case slices.Contains(annotations, keyword):
		case slices.Contains(lower, keyword):
			if !within(is, was) {
				complain("%s went from %v to %v", keyword, was, is)
			}
		case slices.Contains(upper, keyword):
			if is != nil && (was == nil || !within(was, is)) {
				complain("%s went from %v to %v", keyword, was, is)
			}
		case keyword == "enum":
			for _, v := range list(was) {
				if !slices.Contains(list(is), v) && is != nil {
					complain("enum lost %v", v)
				}
			}
			if was == nil {
				complain("enum is new")
			}
		case keyword == "required":
			if a, b := old.required(), now.required(); !slices.Equal(a, b) {
				complain("required went from %v to %v", a, b)
			}
		case keyword == "uniqueItems":
			if was != true && is == true {
				complain("uniqueItems is new")
			}
		case keyword == "properties":
			out = append(out, breaksProperties(old.properties(), now.properties(), at)...)
		case keyword == "patternProperties":
			if a, b := old.patterns(), now.patterns(); !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
				complain("patternProperties changed")
			} else {
				for pattern := range a {
					out = append(out, breaks(a[pattern], b[pattern], at+"/patternProperties")...)
				}
			}
		case keyword == "items":
			a, isSchema := old.child(keyword)
			b, stillSchema := now.child(keyword)
			if isSchema && stillSchema {
				out = append(out, breaks(a, b, at+"/"+keyword)...)
			} else if !reflect.DeepEqual(was, is) {
				complain("%s went from %v to %v", keyword, was, is)
			}
		default: // type, $ref, $id, $schema, pattern, and any keyword this check does not know
			if !reflect.DeepEqual(was, is) {
				complain("%s went from %v to %v", keyword, was, is)
			}
		}
	}
	slices.Sort(out)
	return out
}

func breaksProperties(old, now map[string]node, at string) []string {
	var out []string
	for name, was := range old {
		is, ok := now[name]
		if !ok {
			out = append(out, at+": property "+name+" is gone")
			continue
		}
		out = append(out, breaks(was, is, at+"/properties/"+name)...)
	}
	return out
}

func merge(a, b node) node {
	out := node{}
	for k, v := range b {
		out[k] = v
	}
	for k, v := range a {
		out[k] = v
	}
	return out
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// within reports a <= b; an absent a is below everything, an absent b is below nothing but an absent a.
func within(a, b any) bool {
	x, okA := a.(float64)
	y, okB := b.(float64)
	return !okA || okB && x <= y
}

func TestBreaks(t *testing.T) {
	const base = `{"$id": "x", "type": "object", "required": ["a"], "additionalProperties": false, "properties": {
		"a": {"type": "string", "pattern": "^x$", "minLength": 1, "maxLength": 9, "enum": ["p", "q"], "description": "old"},
		"n": {"type": "integer", "minimum": 0, "maximum": 9},
		"l": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 5}},
		"m": {"type": "object", "maxProperties": 2, "patternProperties": {"^k": {"type": "integer", "maximum": 4}}}}}`
	cases := []struct {
		name, replace, with string
		breaks              string // part of the complaint; "" means allowed
	}{
		{"nothing", "", "", ""},
		{"description", `"old"`, `"new"`, ""},
		{"optional property added", `"n": {`, `"new": {"type": "string"}, "n": {`, ""},
		{"data class added", `"minLength": 1`, `"x-dataclass": 2, "minLength": 1`, ""},
		{"enum widened", `["p", "q"]`, `["p", "q", "r"]`, ""},
		{"enum dropped", `"enum": ["p", "q"], `, ``, ""},
		{"longer", `"maxLength": 9`, `"maxLength": 10`, ""},
		{"upper bound dropped", `, "maximum": 9`, ``, ""},
		{"lower minimum", `"minimum": 0`, `"minimum": -1`, ""},
		{"lower bound dropped", `"minimum": 0, `, ``, ""},
		{"more items", `"maxItems": 3`, `"maxItems": 4`, ""},

		{"property removed", `"n": {"type": "integer", "minimum": 0, "maximum": 9},`, ``, "property n is gone"},
		{"property renamed", `"n": {`, `"number": {`, "property n is gone"},
		{"new required", `["a"]`, `["a", "n"]`, "required went"},
		{"required dropped: readers rely on it", `["a"]`, `[]`, "required went"},
		{"type changed", `"n": {"type": "integer"`, `"n": {"type": "string"`, "type went"},
		{"pattern changed", `"^x$"`, `"^y$"`, "pattern went"},
		{"pattern added", `"n": {`, `"n": {"pattern": "^y$", `, "pattern went"},
		{"enum narrowed", `["p", "q"]`, `["p"]`, "enum lost q"},
		{"enum added", `"n": {`, `"n": {"enum": [1], `, "enum is new"},
		{"shorter", `"maxLength": 9`, `"maxLength": 8`, "maxLength went"},
		{"minimum length raised", `"minLength": 1`, `"minLength": 2`, "minLength went"},
		{"minimum raised", `"minimum": 0`, `"minimum": 1`, "minimum went"},
		{"maximum lowered", `"maximum": 9`, `"maximum": 8`, "maximum went"},
		{"bound added", `"items": {`, `"minItems": 1, "items": {`, "minItems went"},
		{"upper bound added", `"n": {`, `"n": {"maxLength": 8, `, "maxLength went"},
		{"unique", `"maxItems": 3`, `"maxItems": 3, "uniqueItems": true`, "uniqueItems is new"},
		{"fewer items", `"maxItems": 3`, `"maxItems": 2`, "maxItems went"},
		{"inside items", `"maxLength": 5`, `"maxLength": 4`, "/properties/l/items: maxLength went"},
		{"inside values", `"maximum": 4`, `"maximum": 3`, "/properties/m/patternProperties: maximum went"},
		{"names of properties", `"^k"`, `"^kk"`, "/properties/m: patternProperties changed"},
		{"opened", `"additionalProperties": false`, `"additionalProperties": true`, "additionalProperties went"},
		{"id", `"$id": "x"`, `"$id": "y"`, "$id went"},
		{"unknown keyword", `"$id": "x"`, `"$id": "x", "not": {}`, "not went"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed := base
			if c.replace != "" {
				changed = strings.Replace(base, c.replace, c.with, 1)
				if changed == base {
					t.Fatalf("%s is not in the base schema", c.replace)
				}
			}
			got := strings.Join(breaks(parse(t, base), parse(t, changed), ""), "; ")
			if c.breaks == "" && got != "" || !strings.Contains(got, c.breaks) {
				t.Errorf("got %q, want %q", got, c.breaks)
			}
		})
	}
}

func parse(t *testing.T, s string) node {
	t.Helper()
	var n node
	if err := json.Unmarshal([]byte(s), &n); err != nil {
		t.Fatal(err)
	}
	return n
}
