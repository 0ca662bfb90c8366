package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is a line of `go test -json` (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

// outputBytesMax bounds what is kept of one test's output: its end says why it failed.
const outputBytesMax = 256 << 10

// expected are the tests that may skip in CI. An entry that no skip matches any more fails the run there.
type expected struct {
	pkg    string // end of the package's path
	says   string // part of the test's output
	reason string
}

// suiteOf is the package that runs Watermill's suite: its features are declared there, and the suite skips what they leave out.
const suiteOf = "services/internal/chassis/bus"

var expectedSkips = []expected{
	{suiteOf, "order is not guaranteed", "in lanes the events of one entity stay in order, those of a topic do not; the suite in order runs beside it"},
	{suiteOf, "guaranteed order is required for this test", "as above"},
	{suiteOf, "no RestartServiceCommand provided", "the suite's own test has a data race; TestBrokerKilledUnderLoad does the same work, always"},
	{suiteOf, "only subscribers with TestNewSubscriberReceivesOldMessages", "the suite's other tests share one group; TestSuiteNewGroupReceivesOldMessages runs this one by itself"},
}

// report reads events and writes what a person wants to know.
type report struct {
	out      io.Writer
	strict   bool // a skip fails
	expected []expected
	used     []bool
	output   map[[2]string][]byte // by package and test
	skipped  map[string][]string  // by "<package>: <reason>": tests
	passed   int
	skips    int
	failed   int // tests
	packages int
	broken   int // packages that failed
	refused  int // skips that fail the run
}

func newReport(out io.Writer, strict bool) *report {
	return &report{out: out, strict: strict, expected: expectedSkips, used: make([]bool, len(expectedSkips)),
		output: make(map[[2]string][]byte), skipped: make(map[string][]string)}
}

func (r *report) line(b []byte) {
	var e event
	if err := json.Unmarshal(b, &e); err != nil || e.Action == "" {
		if text := strings.TrimSpace(string(b)); text != "" {
			fmt.Fprintln(r.out, text)
		}
		return
	}
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "output":
		kept := append(r.output[key], e.Output...)
		if over := len(kept) - outputBytesMax; over > 0 {
			kept = kept[over:]
		}
		r.output[key] = kept
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
		delete(r.output, key)
	}
}

func (r *report) endTest(e event) {
	output := string(r.output[[2]string{e.Package, e.Test}])
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprintf(r.out, "--- FAIL: %s %s\n%s", short(e.Package), e.Test, output)
	case "skip":
		r.skips++
		allowed := false
		for i, x := range r.expected {
			if strings.HasSuffix(e.Package, x.pkg) && strings.Contains(output, x.says) {
				allowed, r.used[i] = true, true
			}
		}
		if r.strict && !allowed {
			r.refused++
		}
		key := short(e.Package) + ": " + reason(output)
		r.skipped[key] = append(r.skipped[key], e.Test)
	}
}

// reason is what a skipped test said: its output without the lines the testing package writes by itself.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return said[len(said)-1]
}

func (r *report) endPackage(e event) {
	output := string(r.output[[2]string{e.Package, ""}])
	switch e.Action {
	case "pass":
		r.packages++
		cached := ""
		if strings.Contains(output, "(cached)") {
			cached = " (cached)"
		}
		fmt.Fprintf(r.out, "ok    %-45s %6.1f s%s\n", short(e.Package), e.Elapsed, cached)
	case "fail":
		r.packages++
		r.broken++
		fmt.Fprintf(r.out, "%sFAIL  %-45s %6.1f s\n", output, short(e.Package), e.Elapsed)
	case "skip": // it has no tests
	}
	for key := range r.output { // of tests that never ended: a panic or a timeout took the process
		if key[0] == e.Package && key[1] != "" && e.Action == "fail" {
			fmt.Fprintf(r.out, "--- not finished: %s %s\n%s", short(e.Package), key[1], r.output[key])
		}
	}
}

func short(pkg string) string { return strings.TrimPrefix(pkg, "github.com/jieli-bus/jieli/") }

// summary writes the end and reports whether all is well.
func (r *report) summary(took time.Duration) bool {
	keys := make([]string, 0, len(r.skipped))
	for key := range r.skipped {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprintf(r.out, "skip  %s (%d: %s)\n", key, len(r.skipped[key]), strings.Join(r.skipped[key][:min(3, len(r.skipped[key]))], ", "))
	}
	ok := r.failed == 0 && r.broken == 0 && r.packages > 0
	if r.strict {
		if r.refused > 0 {
			ok = false
			fmt.Fprintf(r.out, "FAIL  %d tests were skipped, and CI skips nothing\n", r.refused)
		}
		for i, x := range r.expected {
			if !r.used[i] {
				ok = false
				fmt.Fprintf(r.out, "FAIL  no test of %s skips with %q any more: take the entry out of the list of expected skips\n", x.pkg, x.says)
			}
		}
	}
	fmt.Fprintf(r.out, "%s: %d tests passed, %d failed, %d skipped, in %d packages (%d failed), %s\n",
		map[bool]string{true: "OK", false: "FAILED"}[ok], r.passed, r.failed, r.skips, r.packages, r.broken, took.Round(time.Second/10))
	return ok
}
