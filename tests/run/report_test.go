package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// feed gives a report events and returns what it wrote and whether all was well.
func feed(t *testing.T, strict bool, expected []expected, list ...event) (string, bool) {
	t.Helper()
	var out strings.Builder
	r := newReport(&out, strict)
	r.expected, r.used = expected, make([]bool, len(expected))
	for _, e := range list {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		r.line(append(b, '\n'))
	}
	ok := r.summary(time.Second)
	return out.String(), ok
}

func TestReport(t *testing.T) {
	t.Parallel()
	said := func(test, text string) event {
		return event{Action: "output", Package: "p/bus", Test: test, Output: text}
	}
	done := func(action, test string) event { return event{Action: action, Package: "p/bus", Test: test} }
	known := []expected{{"bus", "no such feature", "the suite's own"}}
	skip := []event{said("TestB", "=== RUN TestB\n"), said("TestB", "    b_test.go:1: no redis here\n"), said("TestB", "--- SKIP: TestB (0.00s)\n"), done("skip", "TestB"), done("pass", "")}
	feature := []event{said("TestC", "    c.go:1: no such feature\n"), done("skip", "TestC"), done("pass", "")}

	cases := []struct {
		name     string
		strict   bool
		expected []expected
		events   []event
		ok       bool
		says     string
	}{
		{"all well", true, nil, []event{done("pass", "TestA"), done("pass", "")}, true, "OK: 1 tests passed, 0 failed, 0 skipped, in 1 packages"},
		{"a failure shows its output", false, nil, []event{said("TestA", "a_test.go:3: want 1, got 2\n"), done("fail", "TestA"), done("fail", "")}, false, "want 1, got 2"},
		{"a skip shows its reason", false, nil, skip, true, "no redis here (1: TestB)"},
		{"a skip fails in CI", true, nil, skip, false, "CI skips nothing"},
		{"an expected skip", true, known, feature, true, "1 skipped"},
		{"another skip beside an expected one", true, known, append(feature[:len(feature):len(feature)], skip...), false, "1 tests were skipped"},
		{"an expected skip that is gone", true, known, []event{done("pass", "TestA"), done("pass", "")}, false, "any more"},
		{"a package that does not build", false, nil, []event{{Action: "build-output", ImportPath: "p/bus", Output: "undefined: x\n"}, done("fail", "")}, false, "undefined: x"},
		{"a test that takes the process with it", false, nil, []event{said("TestA", "panic: no\n"), done("fail", "")}, false, "not finished: p/bus TestA\npanic: no"},
		{"nothing ran", false, nil, nil, false, "FAILED: 0 tests"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, ok := feed(t, c.strict, c.expected, c.events...)
			if ok != c.ok || !strings.Contains(out, c.says) {
				t.Errorf("ok %v, want %v and %q in:\n%s", ok, c.ok, c.says, out)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	r := newReport(&strings.Builder{}, false)
	line, err := json.Marshal(event{Action: "output", Package: "p", Test: "T", Output: strings.Repeat("x", 100_000)})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		r.line(line)
	}
	if n := len(r.output[[2]string{"p", "T"}]); n != outputBytesMax {
		t.Errorf("kept %d bytes, want %d", n, outputBytesMax)
	}
}
