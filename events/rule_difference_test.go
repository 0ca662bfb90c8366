package events

import (
	"fmt"
	"strings"
	"testing"
)

// ruleFile is a rule file of a day that says rest.
func ruleFile(from, rest string) string {
	return `{"id":"limits.` + from + `","effective_from":"` + from + `","effective_to":null,"document":"` + from + `","confidence":"unconfirmed","summary":{"zh":"` + from + `","en":"x"},` + rest + `}`
}

const (
	oneRate   = `"rows":[{"kind":"firm","parameter":"1"},{"kind":"bank","parameter":"0.8"}],"days":3`
	otherRate = `"rows":[{"kind":"bank","parameter":"0.8"},{"kind":"firm","parameter":"1.25"}],"days":3`
)

func TestRuleDifferences(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"a value of a named member, wherever it stands", oneRate, otherRate, `[{/rows/firm/parameter "1" "1.25"}]`},
		{"added and taken away", `"a":1`, `"b":{"c":[1,2]}`, `[{/a 1 } {/b  {"c":[1,2]}}]`},
		{"a list of values is one value", `"codes":["x","y"]`, `"codes":["x"]`, `[{/codes ["x","y"] ["x"]}]`},
		{"members without names go by place", `"l":[{"n":1},{"n":2}]`, `"l":[{"n":1},{"n":3}]`, `[{/l/1/n 2 3}]`},
		{"a gate of bonds", `"gates":[{"issuer_kind":"a","venue":"x","min":1}]`, `"gates":[{"issuer_kind":"a","venue":"x","min":2}]`, `[{/gates/a@x/min 1 2}]`},
		{"a name with a slash", `"a/b":1`, `"a/b":2`, `[{/a~1b 1 2}]`},
		{"another kind of value", `"a":{"x":1}`, `"a":"x"`, `[{/a {"x":1} "x"}]`},
		{"numbers as they are written", `"a":9007199254740993`, `"a":9007199254740992`, `[{/a 9007199254740993 9007199254740992}]`},
		{"nothing", oneRate, oneRate, `[]`},
	} {
		if got := fmt.Sprint(RuleDifferences(ruleFile("2020-01-01", c.before), ruleFile("2021-01-01", c.after))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	long := RuleDifferences(ruleFile("2020-01-01", `"a":1`), ruleFile("2021-01-01", `"a":"`+strings.Repeat("长", 600)+`"`))
	if len(long) != 1 || len([]rune(long[0].After)) != ruleValueMax {
		t.Errorf("a long value has %d characters", len([]rune(long[0].After)))
	}
	if RuleDifferences("{", "{}") != nil {
		t.Error("what cannot be read has differences")
	}
}

func TestRuleValue(t *testing.T) {
	content := ruleFile("2020-01-01", otherRate+`,"a/b":{"c":[1,2]}`)
	for path, want := range map[string]string{"/rows/firm/parameter": `"1.25"`, "/rows/bank": `{"kind":"bank","parameter":"0.8"}`, "/days": "3", "/a~1b/c": "[1,2]"} {
		if got, ok := RuleValue(content, path); !ok || got != want {
			t.Errorf("%s: %s %v", path, got, ok)
		}
	}
	for _, path := range []string{"/rows/moon", "/days/x", "/none", ""} {
		if got, ok := RuleValue(content, path); ok {
			t.Errorf("%s: %s", path, got)
		}
	}
	if _, ok := RuleValue("{", "/x"); ok {
		t.Error("what cannot be read has a value")
	}
}
