package events

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	wide := func(n int, last string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`"k` + strconv.Itoa(i) + `":0,`)
		}
		return `{` + b.String() + last + `}`
	}
	ok := ProblemKind{}
	for _, c := range []struct {
		in    string
		kind  ProblemKind
		field string
	}{
		{`null`, ok, ""}, {` [ ] `, ok, ""}, {`{"a":{"a":{"a":1}}}`, ok, ""}, {`"\u00e9\ud83d\ude00"`, ok, ""},
		{`-0.5e-3`, ok, ""}, {`9007199254740992`, ok, ""}, {`-9007199254740992`, ok, ""}, {`1e15`, ok, ""}, {`0e999999999`, ok, ""},
		{`["` + strings.Repeat("长", 100) + `"]`, ok, ""}, {wide(100, `"x":1`), ok, ""},
		{``, ErrMalformed, ""}, {`{`, ErrMalformed, ""}, {`[1,]`, ErrMalformed, "/1"}, {`{"a":1,}`, ErrMalformed, ""}, {`[1 2]`, ErrMalformed, ""},
		{`01`, ErrMalformed, ""}, {`-`, ErrMalformed, ""}, {`1.`, ErrMalformed, ""}, {`.5`, ErrMalformed, ""}, {`1e`, ErrMalformed, ""}, {`+1`, ErrMalformed, ""},
		{`NaN`, ErrMalformed, ""}, {`[Infinity]`, ErrMalformed, "/0"}, {`'a'`, ErrMalformed, ""}, {`"a`, ErrMalformed, ""}, {`"\`, ErrMalformed, ""},
		{"\"a\tb\"", ErrMalformed, ""}, {`"\u00g0"`, ErrMalformed, ""}, {`nul`, ErrMalformed, ""}, {`{a:1}`, ErrMalformed, ""}, {`1 1`, ErrMalformed, ""},
		{`{"a":[0,{"b":tru}]}`, ErrMalformed, "/a/1/b"},
		{"\"\xff\"", ErrEncoding, ""}, {"{\"a\":\"\xed\xa0\x80\"}", ErrEncoding, "/a"}, {"{\"\xff\":1}", ErrEncoding, ""}, {"\"\xe4\xb8", ErrEncoding, ""}, {"\xff", ErrEncoding, ""},
		{"\"a\x00\"", ErrEncoding, ""}, {"\x00", ErrEncoding, ""}, {"1\x00", ErrEncoding, ""}, {`{"k":"a\u0000"}`, ErrEncoding, "/k"}, {`{"\u0000":1}`, ErrEncoding, ""},
		{`"\ud800x"`, ErrEncoding, ""}, {`"\ud800\u0041"`, ErrEncoding, ""}, {`"\udc00"`, ErrEncoding, ""}, {`"\ud800\ud800"`, ErrEncoding, ""},
		{`{"a":1,"a":1}`, ErrDuplicateKey, "/a"}, {`{"a":1,"\u0061":1}`, ErrDuplicateKey, "/a"}, {`{"\u0061":1,"a":1}`, ErrDuplicateKey, "/a"},
		{`[{},{"x":{"":1,"":2}}]`, ErrDuplicateKey, "/1/x/"}, {wide(15, `"k3":1`), ErrDuplicateKey, "/k3"}, {wide(16, `"k0":1`), ErrDuplicateKey, "/k0"},
		{wide(200, `"k150":1`), ErrDuplicateKey, "/k150"}, {wide(20, `"\u006b0":1`), ErrDuplicateKey, "/k0"},
		{`[[[[1]]]]`, ok, ""}, {`[[[[[1]]]]]`, ErrTooDeep, "/0/0/0/0"}, {`{"a":{"a":{"a":{"a":{}}}}}`, ErrTooDeep, "/a/a/a/a"},
		{`9007199254740993`, ErrRange, ""}, {`[-9007199254740993]`, ErrRange, "/0"}, {`99999999999999999999999`, ErrRange, ""}, {`1e16`, ErrRange, ""},
		{`9007199254740993.0`, ErrRange, ""}, {`1e400`, ErrRange, ""}, {`{"n":-1E+300}`, ErrRange, "/n"},
	} {
		depth := MaxDepth
		if strings.HasPrefix(c.in, "[[[[") || c.kind == ErrTooDeep {
			depth = 4
		}
		err := CheckJSON([]byte(c.in), depth)
		if c.kind == ok {
			if err != nil {
				t.Errorf("%.60s: %v", c.in, err)
			}
			continue
		}
		t.Run(c.in, func(t *testing.T) { requireProblem(t, err, c.kind, c.field) })
	}
}

// Every place where a stop byte can lie within the eight that are looked at together.
func TestStringStopsEverywhere(t *testing.T) {
	t.Parallel()
	for at := range 24 {
		for _, fill := range []string{"a", "\x7f", "é"} {
			for _, c := range []struct {
				stop string
				ok   bool
			}{{`"`, true}, {`\n"`, true}, {`\`, false}, {"\x1f\"", false}, {" \"", true}, {"!\"", true}, {"#\"", true}, {"]\"", true}, {"[\"", true}} {
				in := []byte(`"` + strings.Repeat(fill, at) + c.stop)
				if got := CheckJSON(in, MaxDepth) == nil; got != c.ok || got != json.Valid(in) {
					t.Errorf("%q: accepted %v", in, got)
				}
			}
		}
	}
}

func TestCheckJSONAcceptsGenerated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := genJSONText().Draw(t, "json")
		if err := CheckJSON(b, MaxDepth); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
	})
}

// One changed byte: either encoding/json minds it too, or the independent judge says why we do.
func TestCheckJSONMutated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(genJSONText().Draw(t, "json"))
		if len(b) > 0 {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.OneOf(rapid.SampledFrom([]byte(`"\{}[]:,0e-.u`)), rapid.Byte()).Draw(t, "byte")
		}
		requireJudged(t, b)
	})
}

var surrogateEscape = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

// requireJudged compares CheckJSON with a judge built on encoding/json. Lone surrogates, which encoding/json replaces, are left out.
func requireJudged(t failer, b []byte) {
	t.Helper()
	err := CheckJSON(b, MaxDepth)
	if err != nil {
		if _, typed := err.(*Problem); !typed {
			t.Fatalf("not a Problem: %v", err)
		}
	}
	if !utf8.Valid(b) || !json.Valid(b) {
		if err == nil {
			t.Fatalf("taken although not valid: %q", b)
		}
		return
	}
	if surrogateEscape.Match(b) {
		return
	}
	want := judge(b)
	if (err == nil) != (want == "") {
		t.Fatalf("%q: CheckJSON says %v, the judge %q", b, err, want)
	}
}

// judge names the first thing that CheckJSON refuses in valid JSON, "" for none.
func judge(b []byte) string {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	type level struct {
		keys map[string]bool // nil: an array
		key  bool            // a key comes next
	}
	var stack []level
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		top := len(stack) - 1
		isKey := top >= 0 && stack[top].keys != nil && stack[top].key
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if top >= 0 {
					stack[top].key = true
				}
				next := level{}
				if v == '{' {
					next = level{keys: map[string]bool{}, key: true}
				}
				if stack = append(stack, next); len(stack) > MaxDepth {
					return "deep"
				}
			default:
				stack = stack[:top]
			}
			continue
		case string:
			if strings.ContainsRune(v, 0) {
				return "NUL"
			}
			if isKey {
				if stack[top].keys[v] {
					return "duplicate " + v
				}
				stack[top].keys[v] = true
				stack[top].key = false
				continue
			}
		case json.Number:
			whole, _, _ := strings.Cut(v.String(), ".")
			if strings.ContainsAny(v.String(), "eE") {
				if f, err := v.Float64(); err != nil || math.Abs(f) > 1<<53 {
					return "number"
				}
			} else if n, ok := new(big.Int).SetString(whole, 10); !ok || n.CmpAbs(big.NewInt(1<<53)) > 0 {
				return "number"
			}
		}
		if top >= 0 {
			stack[top].key = true
		}
	}
}
