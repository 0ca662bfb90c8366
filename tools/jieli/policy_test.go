package main

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestPolicyHistory: the six dated parameters of firms since 2017, and what is asked wrongly is said so.
func TestPolicyHistory(t *testing.T) {
	r := runWith(t, nil, nil, "", "policy", "history", "crossborder", "--value", "/borrowers/firm/parameter", "-o", "json")
	var rows []dated
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	var got []string
	for _, row := range rows {
		got = append(got, string(row.From)+" "+row.Value+" "+string(row.To))
	}
	want := `2017-01-12 "1" 2020-03-10|2020-03-11 "1.25" 2021-01-06|2021-01-07 "1" 2022-10-24|2022-10-25 "1.25" 2023-07-19|2023-07-20 "1.5" 2025-01-12|2025-01-13 "1.75" `
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"all sets":       {[]string{"history", "bond"}, 0, "bond.2026-03-09"},
		"no such value":  {[]string{"history", "bond", "--value", "/x"}, exitUsage, "/x"},
		"no such rules":  {[]string{"history", "moon"}, exitUsage, "crossborder"},
		"of a day":       {[]string{"show", "crossborder", "--as-of", "2024-01-01"}, 0, "crossborder.2023-07-20"},
		"before the law": {[]string{"show", "crossborder", "--as-of", "2016-01-01"}, exitFailed, "2016-01-01"},
		"no day":         {[]string{"show", "crossborder", "--as-of", "today"}, exitUsage, "YYYY-MM-DD"},
		"differences":    {[]string{"diff", "crossborder.2023-07-20", "crossborder.2025-01-13"}, 0, "/borrowers/firm/parameter"},
		"one is unknown": {[]string{"diff", "crossborder.2023-07-20", "crossborder.2025-01-14"}, exitUsage, "crossborder.2025-01-14"},
		"no such file":   {[]string{"adopt", "/nowhere/x.json"}, exitFailed, "/nowhere/x.json"},
		"no JSON":        {[]string{"adopt", writeFile(t, "x.json", "x")}, exitUsage, "JSON"},
	} {
		r := runWith(t, nil, nil, "", append([]string{"policy"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.out+r.err, c.says) {
			t.Errorf("%s: %d %s%s", name, r.code, r.out, r.err)
		}
	}
}

// TestPolicyAdopt: a file goes into a running system's ledger once, and is read from there.
func TestPolicyAdopt(t *testing.T) {
	s, err := allinone.Start(t.Context(), allinone.Options{Dir: t.TempDir(), HTTP: "127.0.0.1:0", NATS: "off", Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	last, err := fs.ReadFile(contracts.Rules(), "bond.2026-03-09.json")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().AddDate(1, 0, 0).Format(time.DateOnly)
	text := strings.ReplaceAll(strings.ReplaceAll(string(last), "bond.2026-03-09", "bond."+day), `"effective_from": "2026-03-09"`, `"effective_from": "`+day+`"`)
	file := writeFile(t, "bond.json", strings.Replace(text, `{"clause": "patents", "min": 30}`, `{"clause": "patents", "min": 31}`, 1))
	run := func(args ...string) result { return runWith(t, nil, nil, "", append(args, "--server", s.HTTP())...) }
	if r := run("policy", "adopt", file); r.code != 0 || !strings.Contains(r.out, "policy.0:") {
		t.Fatalf("%+v", r)
	}
	if r := run("policy", "adopt", file); r.code != 0 || !strings.Contains(r.out, "早已登记") {
		t.Errorf("again: %+v", r)
	}
	if r := run("policy", "adopt", writeFile(t, "edited.json", text)); r.code != exitFailed || !strings.Contains(r.err, "不可修改") {
		t.Errorf("edited: %+v", r)
	}
	if r := run("policy", "diff", "--live", "bond.2026-03-09", "bond."+day); r.code != 0 || !strings.Contains(r.out, "/patents/min") {
		t.Errorf("diff: %+v", r)
	}
	if r := run("policy", "history", "--live", "bond"); r.code != 0 || !strings.Contains(r.out, "bond."+day) {
		t.Errorf("history: %+v", r)
	}
}
