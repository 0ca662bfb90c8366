package eval

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	roundsHead      = "round_id,date,company,sector,industry_raw,subvertical_raw,city,state,stage,amount_usd,n_investors,split\n"
	investmentsHead = "round_id,investor,investor_kind\n"
)

func folder(t *testing.T, rounds, investments string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range map[string]string{"rounds.csv": rounds, "investments.csv": investments} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	s, err := Read(folder(t,
		roundsHead+"B,2016-02-02,beta,food,,,Delhi,Delhi,seed,,9,valid\nA,2016-02-02,alpha,saas_it,x,y,Pune,Maharashtra,pe,2150000.5,1,train\nC,2015-01-01,alpha,other,,,,,seed,1,2,train\n",
		investmentsHead+"A,zeta fund,firm\nA,person-1,person\nA,acme,firm\nA,acme,firm\n"))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, r := range s.Rounds {
		order = append(order, r.ID)
	}
	if got := strings.Join(order, " "); got != "C A B" {
		t.Errorf("the order is %s", got)
	}
	a := s.Rounds[1]
	if a.Day != 16_833 || a.Amount == nil || a.Amount.Minor != 215_000_050 || !slices.Equal(a.Firms, []string{"acme", "zeta fund"}) || s.Rounds[2].Amount != nil {
		t.Errorf("read %+v", a)
	}
	if splits := s.Splits(); !slices.Equal(splits, []string{"valid"}) {
		t.Errorf("splits to measure: %v", splits)
	}
}

func TestReadRefuses(t *testing.T) {
	good := "A,2016-02-02,alpha,saas_it,,,Pune,Maharashtra,pe,2150000,1,train\n"
	for _, c := range []struct{ rounds, investments, says string }{
		{roundsHead + good + good, investmentsHead, `rounds.csv:3: round_id "A" is there twice`},
		{strings.Replace(roundsHead, "city,", "town,", 1) + good, investmentsHead, "no column city"},
		{roundsHead + strings.Replace(good, "2016-02-02", "2.2.2016", 1), investmentsHead, `rounds.csv:2: date "2.2.2016"`},
		{roundsHead + strings.Replace(good, "2016-02-02", "1969-12-31", 1), investmentsHead, "since 1970"},
		{roundsHead + strings.Replace(good, "2150000", "2150000.001", 1), investmentsHead, "amount_usd"},
		{roundsHead + strings.Replace(good, "2150000", "-5", 1), investmentsHead, "amount_usd"},
		{roundsHead + strings.Replace(good, "alpha", "", 1), investmentsHead, "company or split is missing"},
		{roundsHead + "A,2016-02-02\n", investmentsHead, "2 "},
		{roundsHead + good, investmentsHead + "X,acme,firm\n", `investments.csv:2: there is no round "X"`},
		{roundsHead + good, investmentsHead + "A,acme,fund\n", `"fund"`},
		{roundsHead + good, investmentsHead + "A,,firm\n", "investor is missing"},
		{"", investmentsHead, "empty"},
	} {
		if _, err := Read(folder(t, c.rounds, c.investments)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.says, err)
		}
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a folder without files was read")
	}
}

// The number of investors is an outcome: whatever it says, the ranks are the same.
func TestInvestorCountIsUnused(t *testing.T) {
	rows := roundsHead
	investments := investmentsHead
	for i, firms := range [][]string{{"a", "b"}, {"a", "b"}, {"a"}, {"b"}} {
		id := string(rune('A' + i))
		rows += id + ",2016-01-0" + string(rune('1'+i)) + ",co-" + id + ",food,,,Pune,Maharashtra,seed,1000,N,valid\n"
		for _, firm := range firms {
			investments += id + "," + firm + ",firm\n"
		}
	}
	var written [2]string
	for i, n := range []string{"1", "99"} {
		s, err := Read(folder(t, strings.ReplaceAll(rows, ",N,", ","+n+","), investments))
		if err != nil {
			t.Fatal(err)
		}
		rules, set := scoringRules(t)
		report := s.Evaluate("valid", rules, set, 1)
		var b strings.Builder
		if err := WriteRanks(&b, report.Rankings); err != nil {
			t.Fatal(err)
		}
		written[i] = b.String()
	}
	if written[0] != written[1] || !strings.Contains(written[0], "D,1,") {
		t.Errorf("ranks differ or are missing:\n%s\n%s", written[0], written[1])
	}
}
