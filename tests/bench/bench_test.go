package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

func TestPercentileAndMedian(t *testing.T) {
	var list []time.Duration
	for i := 100; i > 0; i-- {
		list = append(list, time.Duration(i))
	}
	for p, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 0.999: 100, 1: 100} {
		if got := percentile(list, p); got != want {
			t.Errorf("percentile %v: %d, want %d", p, got, want)
		}
	}
	if percentile(nil, 0.5) != 0 || median(nil) != 0 {
		t.Error("nothing has no percentile")
	}
	if median([]float64{3, 1, 2}) != 2 || median([]float64{4, 1, 2, 3}) != 2.5 {
		t.Error("median")
	}
}

func TestMerge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	at := time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC)
	one := section{name: "one", title: "One", command: "make bench", at: at, tables: []table{{head: []string{"a"}, rows: [][]string{{"first"}}}}}
	two := section{name: "two", title: "Two", command: "make bench", at: at, tables: []table{{head: []string{"a"}, notes: []string{"second"}}}}
	if err := writeSections(path, []section{one, two}); err != nil {
		t.Fatal(err)
	}
	one.tables[0].rows[0][0] = "third"
	if err := writeSections(path, []section{one}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if !strings.HasPrefix(text, preamble) || strings.Contains(text, "first") || !strings.Contains(text, "| third |") || !strings.Contains(text, "- second") ||
		strings.Index(text, "## One") > strings.Index(text, "## Two") || strings.Count(text, "## ") != 2 {
		t.Errorf("merged:\n%s", text)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{147625.4: "147,625", 999: "999", 1000: "1,000", 12.345: "12.3", 1: "1"} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1234 * time.Microsecond: "1.23 ms", 12345 * time.Microsecond: "12.3 ms", time.Second: "1000 ms"} {
		if got := millis(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if atLeast(9.9, 10) != ">= 10 x: **not met**" || atMost(time.Second, time.Second) != "<= 1s: met" {
		t.Error("targets")
	}
}

func TestParse(t *testing.T) {
	list := parseBench("goos: linux\nBenchmarkRouter/embedded/adapter-256-lanes-2   \t  50000\t     21473 ns/op\t 3012 B/op\t 41 allocs/op\nPASS\n")
	if len(list) != 1 || list[0].name != "BenchmarkRouter/embedded/adapter-256-lanes" || list[0].by["ns/op"] != 21473 || list[0].by["allocs/op"] != 41 {
		t.Errorf("benchmark %+v", list)
	}
	mounts := "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpx xfs rw 0 0\n"
	for dir, want := range map[string]string{"/work": "ext4", "/tmp/a": "tmpfs", "/tmp": "tmpfs", "/tmpx/a": "xfs"} {
		if got := mountOf(mounts, dir); got != want {
			t.Errorf("%s: %s, want %s", dir, got, want)
		}
	}
	if n, err := parseResident("Name:\tjieli\nVmRSS:\t   25600 kB\n"); err != nil || n != 25600*1024 {
		t.Errorf("resident %d, %v", n, err)
	}
	if _, err := parseResident("Name:\tjieli\n"); err == nil {
		t.Error("memory out of nothing")
	}
	before := parseCounters("# HELP x\njieli_ledger_group_commands_sum{context=\"demand\"} 10\njieli_ledger_group_commands_count{context=\"demand\"} 5\n")
	after := parseCounters("jieli_ledger_group_commands_sum{context=\"demand\"} 1.01e+03\njieli_ledger_group_commands_count{context=\"demand\"} 15\n")
	if got := perCommit(before, after, "demand"); got != 100 {
		t.Errorf("%v commands per commit", got)
	}
}

// What is sent must be what the generators made, under another id.
func TestMoulds(t *testing.T) {
	m, err := castDemands(10, 5)
	if err != nil {
		t.Fatal(err)
	}
	c := m.command(13, "other")
	payload, err := events.DecodeData(c.typ, c.data)
	if err != nil {
		t.Fatalf("%s: %v", c.data, err)
	}
	d, ok := payload.(*events.PublishDemand)
	if !ok || d.ID != "other" || c.subject != "other" || d.Enterprise == "" {
		t.Errorf("%s", c.data)
	}
	if err := accepted(c, []byte(`{"command":"x","status":"accepted","repeated":false}`)); err != nil {
		t.Error(err)
	}
	for _, answer := range []string{`{"status":"accepted","repeated":true}`, `{"type":"x","status":503}`, ``} {
		if accepted(c, []byte(answer)) == nil {
			t.Errorf("%q counts as a first acceptance", answer)
		}
	}
}
