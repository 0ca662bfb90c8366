package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// roundsFolder is a small set: two firms that did every earlier round, then rounds to rank.
func roundsFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rounds := "round_id,date,company,sector,city,state,stage,amount_usd,n_investors,split\n"
	investments := "round_id,investor,investor_kind\n"
	for i := range 9 {
		split := "train"
		if i >= 6 {
			split = fmt.Sprint("later-", i/8)
		}
		rounds += fmt.Sprintf("R%d,2016-01-%02d,co-%d,food,Pune,Maharashtra,seed,%d,2,%s\n", i, i+1, i, 1000*(i+1), split)
		investments += fmt.Sprintf("R%d,firm-%d,firm\nR%d,both,firm\nR%d,person-1,person\n", i, i%2, i, i)
	}
	for name, body := range map[string]string{"rounds.csv": rounds, "investments.csv": investments} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvalRounds(t *testing.T) {
	dir := roundsFolder(t)
	ranks := filepath.Join(t.TempDir(), "ranks.csv")
	r := runWith(t, nil, nil, "", "eval", "rounds", dir, "--split", "later-0", "--ranks", ranks, "--seed", "7", "--lang", "en")
	if r.code != 0 || !strings.Contains(r.out, "split later-0: 2 rounds, 2 counted; seed 7; parameters appetite.") || !strings.Contains(r.out, "nearest neighbours") || !strings.Contains(r.out, "no credit scores") {
		t.Fatalf("%d %s\n%s", r.code, r.err, r.out)
	}
	file, err := os.Open(ranks)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) != 1+2*3 || strings.Join(rows[0], ",") != "round_id,rank,investor" || strings.Join(rows[1], ",") != "R6,1,both" || rows[4][0] != "R7" {
		t.Errorf("ranks: %v %v", rows, err)
	}

	var reports []struct {
		Split    string
		Rankings []struct {
			Name    string
			Metrics map[string]float64
		}
	}
	r = runWith(t, nil, nil, "", "eval", "rounds", dir, "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &reports); err != nil || len(reports) != 2 || reports[1].Split != "later-1" || reports[0].Rankings[0].Metrics["MRR"] != 1 {
		t.Errorf("%v: %s", err, r.out)
	}
	if r := runWith(t, nil, nil, "", "eval", "rounds", dir); !strings.Contains(r.out, "本系统") || !strings.Contains(r.out, "不是信用评分") {
		t.Errorf("in Chinese: %s", r.out)
	}
}

func TestEvalRefuses(t *testing.T) {
	dir := roundsFolder(t)
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "later-0, later-1", []string{"eval", "rounds", dir, "--split", "train"}},
		{exitUsage, "give --ranks with --split", []string{"eval", "rounds", dir, "--ranks", "x.csv"}},
		{exitUsage, "no appetite set", []string{"eval", "rounds", dir, "--set", "appetite.1999-01-01"}},
		{exitFailed, "rounds.csv", []string{"eval", "rounds", t.TempDir()}},
		{exitFailed, "there is no file", []string{"eval", "rounds", dir, "--rules", t.TempDir()}},
		{exitFailed, "too small", []string{"eval", "tune", dir, "--from", "2026-01-01"}},
		{exitUsage, "--from", []string{"eval", "tune", dir}},
		{exitUsage, "", []string{"eval", "rounds"}},
	} {
		r := runWith(t, nil, nil, "", append(c.args, "--lang", "en")...)
		if r.code != c.code || !strings.Contains(r.err, c.says) || r.err == "" {
			t.Errorf("%v: %d %s", c.args, r.code, r.err)
		}
	}
}
