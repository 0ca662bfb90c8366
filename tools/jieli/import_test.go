package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

func summaryOf(t *testing.T, r result) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		t.Fatalf("%v in %q; stderr %q", err, r.out, r.err)
	}
	return s
}

func TestImportRetriesUnderTheSameKey(t *testing.T) {
	s := newFakeServer(t)
	s.busy = 2
	rows := runCLI(t, s.URL, "", "sample", "enterprises", "--rows", "50").out
	file := writeFile(t, "e.jsonl", rows)
	r := runCLI(t, s.URL, "", "import", "enterprises", file, "-o", "json")
	sum := summaryOf(t, r)
	if r.code != 0 || sum["accepted"] != 50.0 || sum["retries"] != 100.0 {
		t.Fatalf("code %d, %v, %s", r.code, sum, r.err)
	}
	for key, tries := range s.tries {
		if tries != 3 {
			t.Errorf("key %s was tried %d times, want 3", key, tries)
		}
	}
	if len(s.commands) != 50 {
		t.Errorf("%d commands", len(s.commands))
	}
	// The same import again doubles nothing.
	sum = summaryOf(t, runCLI(t, s.URL, "", "import", "enterprises", file, "-o", "json"))
	if sum["repeated"] != 50.0 || sum["accepted"] != 0.0 || len(s.commands) != 50 {
		t.Errorf("again: %v, %d commands", sum, len(s.commands))
	}
}

func TestImportGivesUpAtTheDeadline(t *testing.T) {
	s := newFakeServer(t)
	s.busy = 1 << 30
	t.Chdir(t.TempDir())
	r := runCLI(t, s.URL, `{"id":"x-1","scheme":"private","name":"甲"}`, "import", "enterprises", "-", "--deadline", "100ms", "-o", "json")
	if sum := summaryOf(t, r); r.code != 1 || sum["failed"] != 1.0 {
		t.Errorf("code %d, %v", r.code, sum)
	}
	if !strings.Contains(r.err, "overloaded") {
		t.Errorf("stderr %q", r.err)
	}
}

func TestImportRefusedRowsOfCSV(t *testing.T) {
	s := newFakeServer(t)
	s.refuse = func(_ string, body []byte) *events.Problem {
		if strings.Contains(string(body), "999999") {
			return events.ErrRegion.Refuse("/region", "行政区划 999999 不存在", "there is no region 999999")
		}
		return nil
	}
	content := "id,name,region,industry\nx-1,甲,330106,I65\nx-2,\"乙,丙\",999999,I65\nx-3,丁\n"
	file := writeFile(t, "企业.csv", content)
	dir := t.TempDir()
	t.Chdir(dir)
	r := runCLI(t, s.URL, "", "import", "enterprises", file, "-o", "json")
	if sum := summaryOf(t, r); r.code != 1 || sum["accepted"] != 1.0 || sum["refused"] != 2.0 || sum["read"] != 3.0 {
		t.Fatalf("code %d: %v", r.code, sum)
	}
	for _, want := range []string{"第 3 行", "region", "/region", "999999 不存在", "第 4 行", "malformed"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("stderr lacks %q: %s", want, r.err)
		}
	}
	refused := filepath.Join(dir, "refused-企业.csv")
	b, err := os.ReadFile(refused)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `x-2,"乙,丙",999999,I65,3,urn:jieli:problem:region,/region,`) {
		t.Fatalf("refused file:\n%s", b)
	}
	// Corrected and imported again, it passes; the columns of the problem are ignored.
	fixed := strings.NewReplacer("999999", "110108", "x-3,丁,,", "x-3,丁,110108,C39").Replace(string(b))
	r = runCLI(t, s.URL, "", "import", "enterprises", writeFile(t, "fixed.csv", fixed), "-o", "json")
	if sum := summaryOf(t, r); r.code != 0 || sum["accepted"] != 2.0 {
		t.Errorf("corrected: code %d, %v, %s", r.code, sum, r.err)
	}
}

func TestImportRefusedLinesAndBound(t *testing.T) {
	s := newFakeServer(t)
	s.refuse = func(string, []byte) *events.Problem {
		return events.ErrUSCC.Refuse("/id", "校验位错误", "wrong check digit")
	}
	var content strings.Builder
	for i := range 30 {
		fmt.Fprintf(&content, "{\"id\":\"x%d\",\"name\":\"甲\"}\n", i)
	}
	content.WriteString("not json\n")
	t.Chdir(t.TempDir())
	r := runCLI(t, s.URL, "", "import", "enterprises", writeFile(t, "e.jsonl", content.String()), "--refused", "bad.jsonl", "--lang", "en")
	if r.code != 1 || strings.Count(r.err, "\nline ")+strings.Count(r.err[:5], "line ") != refusalsShown || !strings.Contains(r.err, "and 11 more") {
		t.Errorf("code %d, stderr %s", r.code, r.err)
	}
	b, err := os.ReadFile("bad.jsonl")
	if err != nil || strings.Count(string(b), "\n") != 31 || !strings.Contains(string(b), `"text":"not json"`) {
		t.Errorf("refused file: %v\n%s", err, b)
	}
	s.refuse = nil
	r = runCLI(t, s.URL, "", "import", "enterprises", "bad.jsonl", "-o", "json", "--refused", "worse.jsonl")
	if sum := summaryOf(t, r); sum["accepted"] != 31.0 && sum["accepted"] != 30.0 {
		t.Errorf("again: %v", sum)
	}
}

func TestImportOrderOfMixedKinds(t *testing.T) {
	s := newFakeServer(t)
	all := runCLI(t, s.URL, "", "sample", "all", "--rows", "16").out
	// Worst order: demands first.
	lines := strings.Split(strings.TrimSpace(all), "\n")
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	r := runCLI(t, s.URL, strings.Join(lines, "\n"), "import", "all", "-", "-o", "json")
	if sum := summaryOf(t, r); r.code != 0 || sum["accepted"] != float64(len(lines)) {
		t.Fatalf("code %d, %v, %s", r.code, sum, r.err)
	}
	phase := 0
	for _, path := range s.order {
		at := map[string]int{"enterprises": 0, "parties": 0, "offers": 2, "demands": 3}[strings.Split(path, "/")[2]]
		if strings.Count(path, "/") > 2 {
			at = 1
		}
		if at < phase {
			t.Fatalf("%s came after phase %d", path, phase)
		}
		phase = at
	}
	if phase != 3 {
		t.Errorf("the last phase was %d", phase)
	}
}

func TestImportDryRunLimitAndUsage(t *testing.T) {
	s := newFakeServer(t)
	rows := runCLI(t, s.URL, "", "sample", "demands", "--rows", "30").out
	r := runCLI(t, s.URL, rows, "import", "demands", "-", "--dry-run", "--limit", "10", "-o", "json")
	if sum := summaryOf(t, r); r.code != 0 || sum["read"] != 10.0 || len(s.commands) != 0 {
		t.Errorf("dry run: %v, %d commands", sum, len(s.commands))
	}
	bad := writeFile(t, "a.csv", "id,nmae\nx,y\n")
	for _, args := range [][]string{
		{"import", "enterprises"}, {"import", "shares", bad}, {"import", "rounds", bad}, {"import", "enterprises", t.TempDir()},
		{"import", "enterprises", bad}, {"import", "all", bad}, {"import", "enterprises", bad, "--preset", "none"},
		{"import", "enterprises", bad, "--concurrency", "-1"}, {"import", "enterprises", bad, "--nothing"},
	} {
		if r := runCLI(t, s.URL, "", args...); r.code != 2 || r.err == "" {
			t.Errorf("%v: code %d, %s", args, r.code, r.err)
		}
	}
	if r := runCLI(t, s.URL, "", "import", "enterprises", filepath.Join(t.TempDir(), "none.jsonl")); r.code != 1 {
		t.Errorf("a file that is not there: code %d", r.code)
	}
}

func TestImportStopsWhenSomethingElseAnswers(t *testing.T) {
	s := newFakeServer(t)
	s.refuse = nil
	s.Config.Handler = htmlPage{}
	r := runCLI(t, s.URL, `{"id":"x-1"}`, "import", "enterprises", "-")
	if r.code != 1 || !strings.Contains(r.err, "不是接力系统的回答") {
		t.Errorf("code %d, %s", r.code, r.err)
	}
}
