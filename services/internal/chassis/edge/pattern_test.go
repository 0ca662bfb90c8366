package edge

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/contracts"
)

// schemaPatterns are the expressions of all schemas, by the text of the schema and not by what quick made of it.
func schemaPatterns(t testing.TB) []string {
	t.Helper()
	names, err := fs.Glob(contracts.Schemas(), "*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, sub := range x {
				if expr, ok := sub.(string); ok && k == "pattern" {
					out = append(out, expr)
				}
				if names, ok := sub.(map[string]any); ok && k == "patternProperties" {
					for expr := range names {
						out = append(out, expr)
					}
				}
				walk(sub)
			}
		case []any:
			for _, sub := range x {
				walk(sub)
			}
		}
	}
	for _, name := range names {
		b, err := fs.ReadFile(contracts.Schemas(), name)
		if err != nil {
			t.Fatal(err)
		}
		v, p := decodeAny(b)
		if p != nil {
			t.Fatal(name, p)
		}
		walk(v)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) < 15 {
		t.Fatalf("only %d patterns: %q", len(out), out)
	}
	return out
}

// trouble are characters at and beside the bounds of our patterns.
var trouble = []rune("\x00\x1f azAZ09@_~:-+/=.,[](){}TZ12345678é\n\r\t\x7f\u0080\u009f\u00a0\u2027\u2028\u202e\u202f\u2065\u2066\u2069\u206a字\ud7ff\ue000\ufefe\ufeff\uff00\uffff\U00010000😀\U0010ffff")

// What matches, what nearly matches and what does not: the machine says what package regexp says.
func TestMachinesAgreeWithRegexp(t *testing.T) {
	for _, expr := range schemaPatterns(t) {
		t.Run(expr, func(t *testing.T) {
			m, err := compileMachine(expr)
			if err != nil {
				t.Fatalf("a pattern of ours takes the slow way: %v", err)
			}
			slow := regexp.MustCompile(expr)
			agree := func(t interface{ Fatalf(string, ...any) }, text string) {
				if got, want := m.Match([]byte(text)), slow.MatchString(text); got != want {
					t.Fatalf("%q: %v, package regexp says %v", text, got, want)
				}
			}
			agree(t, "")
			for _, r := range trouble {
				agree(t, string(r))
			}
			for c := range 256 { // a byte above 0x7f alone is not UTF-8
				agree(t, string([]byte{byte(c)}))
			}
			matching, any := rapid.StringMatching(expr), rapid.StringOfN(rapid.SampledFrom(trouble), 0, 40, -1)
			rapid.Check(t, func(t *rapid.T) {
				text := []rune(matching.Draw(t, "matching"))
				agree(t, string(text))
				at := rapid.IntRange(0, len(text)).Draw(t, "at")
				agree(t, string(text[:at]))
				odd := rapid.SampledFrom(trouble).Draw(t, "odd")
				agree(t, string(text[:at])+string(odd)+string(text[at:]))
				if at < len(text) {
					agree(t, string(text[:at])+string(odd)+string(text[at+1:]))
					agree(t, string(text[:at])+string(text[at+1:]))
				}
				agree(t, string(text)+any.Draw(t, "more"))
				agree(t, any.Draw(t, "any"))
			})
		})
	}
}

func TestWhatIsBeyondAMachineStaysARegexp(t *testing.T) {
	for _, c := range []struct{ expr, matches, other string }{
		{`a+`, "bab", "b"},
		{`^a`, "ab", "ba"},
		{`a$`, "ba", "ab"},
		{`^a|b$`, "cb", "c"},
		{`(?i)^abc$`, "aBc", "ab"},
		{`(?m)^a$`, "b\na", "b"},
		{`^\bab\b$`, "ab", "a"},
		{`^(a|b)*a(a|b){12}$`, "abbbbbbbbbbbb", "bbbbbbbbbbbbb"}, // 8,192 states
		{`^\p{L}+$`, "字", "1"},                                   // hundreds of classes
	} {
		if _, err := compileMachine(c.expr); err == nil {
			t.Errorf("%s became a machine", c.expr)
		}
		p, err := compilePattern(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Match([]byte(c.matches)) || p.Match([]byte(c.other)) {
			t.Errorf("%s: %q and %q are not told apart", c.expr, c.matches, c.other)
		}
	}
	if _, err := compilePattern("("); err == nil {
		t.Error("( is no expression")
	}
}

// Any expression that becomes a machine matches as package regexp does.
func FuzzMachine(f *testing.F) {
	for _, expr := range append(schemaPatterns(f), `^$`, `^.*$`, `^(?s:.*)$`, `^^a?$$`, `^(?:a|b|)+$`, `^(|a)*$`, `^[^a]{2,}$`, `^a$|^b$`, `^$^`, `^\x{10FFFF}$`, `^[[:^ascii:]]*$`, `^a{0}$`, `^(a*)*$`) {
		f.Add(expr, "a", "2027-06-30T15:59:59Z")
		f.Add(expr, "", "字\n\xff")
	}
	f.Fuzz(func(t *testing.T, expr, text, other string) {
		if len(expr) > 200 || strings.Count(expr, "{") > 4 { // repeats of repeats take long to compile
			return
		}
		m, err := compileMachine(expr)
		if err != nil {
			return
		}
		slow, err := regexp.Compile(expr)
		if err != nil {
			t.Fatalf("%q became a machine and is no regular expression: %v", expr, err)
		}
		for _, s := range []string{text, other, text + other, other + text} {
			if got, want := m.Match([]byte(s)), slow.MatchString(s); got != want {
				t.Fatalf("%q on %q: %v, package regexp says %v", expr, s, got, want)
			}
		}
	})
}

func BenchmarkPattern(b *testing.B) {
	for _, c := range []struct{ name, expr, text string }{
		{"id", `^[A-Za-z0-9_~:-]+$`, "demand-2026-0001"},
		{"money", `^(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?$`, "5000000.00"},
		{"instant", `^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`, "2027-06-30T15:59:59Z"},
		{"line", `^[^\x00-\x1f\x7f-\x9f\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}]+$`, "量子测控整机扩产项目融资（知识产权质押）"},
	} {
		m, err := compileMachine(c.expr)
		if err != nil {
			b.Fatal(err)
		}
		for name, p := range map[string]matcher{"machine": m, "regexp": regexp.MustCompile(c.expr)} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				text := []byte(c.text)
				for b.Loop() {
					if !p.Match(text) {
						b.Fatal("no match")
					}
				}
			})
		}
	}
}
