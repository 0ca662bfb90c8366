package preset

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// data finds a real set beside the repository. Without it the test skips, in CI it fails.
func data(t *testing.T, set string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.work above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "..", "shared", "data", set)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the real set is missing: %v", err)
		}
		t.Skipf("the real set is not here: %v", err)
	}
	return path
}

// read opens a set, checks each payload against the code lists and counts by kind; refused rows count as "kind!code".
func read(t *testing.T, name, path string, limit int) (map[string]int, []*rows.Row) {
	t.Helper()
	source, err := Open(name, path, limit)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	var all []*rows.Row
	parties, enterprises, ids := map[string]events.RegisterParty{}, map[string]bool{}, map[string]bool{}
	for r, err := range source.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
		if r.Problem != nil {
			counts[string(r.Kind)+"!"+strings.TrimPrefix(r.Problem.Type, events.ProblemPrefix)]++
			continue
		}
		counts[string(r.Kind)]++
		id := string(r.Kind) + " " + r.ID
		switch r.Kind {
		case rows.Enterprise:
			e := decode[events.RegisterEnterprise](t, r)
			enterprises[e.ID] = true
			id += e.ID
			if e.Scheme != events.SchemePrivate || !strings.HasPrefix(e.ID, "x-") || !events.ValidID(e.ID) || e.Name == "" {
				t.Fatalf("enterprise %+v", e)
			}
			checkPlace(t, e.Region, e.Industry)
			if _, ok := codes.Stage(e.Stage); e.Stage != "" && !ok {
				t.Fatalf("stage %q", e.Stage)
			}
		case rows.Party:
			p := decode[events.RegisterParty](t, r)
			parties[p.ID] = p
			id += p.ID
			if _, ok := codes.PartyKind(p.Kind); !ok || !events.ValidID(p.ID) || len(p.Licences) != 1 {
				t.Fatalf("party %+v", p)
			}
			if _, err := p.Licences[0].ValidFrom.Start(); err != nil {
				t.Fatal(err)
			}
		case rows.Offer:
			o := decode[events.PublishOffer](t, r)
			id += o.ID
			party, ok := parties[o.Party]
			instrument, known := codes.Instrument(o.Instrument)
			if !ok || !known || !instrument.CoveredBy(party.Licences[0].Licence) || !events.ValidID(o.ID) {
				t.Fatalf("offer %+v of %+v", o, party)
			}
			if o.MinTicket.Minor <= 0 || o.MinTicket.Minor > o.MaxTicket.Minor || o.MaxTicket.Minor > o.Capacity.Minor || len(o.Appetite) > 32 {
				t.Fatalf("offer %+v", o)
			}
			if o.TermMonths != nil && (!instrument.HasTerm || o.TermMonths.Min > o.TermMonths.Max) {
				t.Fatalf("offer %s term %+v", o.ID, o.TermMonths)
			}
			for _, a := range o.Appetite {
				if a.Weight < 1 || a.Weight > 100 {
					t.Fatalf("offer %s weight %d", o.ID, a.Weight)
				}
			}
		case rows.Demand:
			d := decode[events.PublishDemand](t, r)
			id += d.ID
			if !enterprises[d.Enterprise] || !events.ValidID(d.ID) || d.Amount.Minor <= 0 || d.Amount.Currency != "USD" || d.Source != name {
				t.Fatalf("demand %+v", d)
			}
			checkPlace(t, d.Region, d.Industry)
		case rows.Profile:
			if p := decode[events.Profile](t, r); !enterprises[r.ID] || p.FiscalYear < 2000 || p.Employees < 1 {
				t.Fatalf("profile %+v of %s", p, r.ID)
			}
		}
		if ids[id] {
			t.Fatalf("%s stands twice", id)
		}
		ids[id] = true
	}
	t.Logf("%s: %v", name, counts)
	return counts, all
}

func decode[T any](t *testing.T, r *rows.Row) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(r.Data, &v); err != nil {
		t.Fatalf("%s: %v", r.Data, err)
	}
	return v
}

func checkPlace(t *testing.T, region, industry string) {
	t.Helper()
	if _, ok := codes.Region(region); !ok {
		t.Fatalf("region %q", region)
	}
	if !codes.IndustryValid(industry) {
		t.Fatalf("industry %q", industry)
	}
}

func TestListedCompanies(t *testing.T) {
	path := data(t, "cn-listed-companies")
	counts, _ := read(t, "listed-companies", path, 0)
	if counts["enterprise"] != 5448 || len(counts) != 1 {
		t.Errorf("counts %v, want all 5,448 companies and no refusal", counts)
	}
	if counts, _ = read(t, "listed-companies", path, 10); counts["enterprise"] != 10 {
		t.Errorf("limit 10 gave %v", counts)
	}
}

func TestFundingRounds(t *testing.T) {
	path := data(t, "funding-rounds")
	counts, all := read(t, "funding-rounds", path, 0)
	if counts["enterprise"] != 1721 || counts["demand"]+counts["demand!money"]+counts["demand!code"] != 2157 || counts["demand!money"] != 789 {
		t.Errorf("counts %v", counts)
	}
	if counts["party"] == 0 || counts["party"] != counts["offer"]+counts["offer!money"] {
		t.Errorf("each firm has one offer or a reason: %v", counts)
	}
	for _, r := range all {
		if r.Kind == rows.Party && strings.Contains(string(r.Data), `"name":"person-`) {
			t.Errorf("a natural person was entered: %s", r.Data)
		}
	}
	// One file alone: no institutions.
	counts, _ = read(t, "funding-rounds", filepath.Join(path, "rounds.csv"), 100)
	if counts["party"] != 0 || counts["demand"]+counts["demand!money"]+counts["demand!code"] != 100 {
		t.Errorf("one file: %v", counts)
	}
}

func TestGuaranteedLoans(t *testing.T) {
	counts, _ := read(t, "sba-loans", data(t, "loans-sba"), 0)
	if counts["enterprise"] != 2101 || counts["demand"] != 2101 || counts["party"] != counts["offer"] || counts["party"] < 100 || counts["profile"] == 0 {
		t.Errorf("counts %v", counts)
	}
}

func TestSameSetSameBytes(t *testing.T) {
	path := data(t, "funding-rounds")
	_, first := read(t, "funding-rounds", path, 0)
	_, second := read(t, "funding-rounds", path, 0)
	if len(first) != len(second) {
		t.Fatalf("%d and %d rows", len(first), len(second))
	}
	for i := range first {
		if first[i].Key() != second[i].Key() {
			t.Fatalf("row %d: %s and %s", i, first[i].Data, second[i].Data)
		}
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rounds.csv", "round_id,date,company,sector,city,state,stage,amount_usd,split\n"+
		"R1,2015-01-01,a co,fintech,,,seed,100000,train\nR2,2015-01-02,a co,fintech,,,seed,,train\nR3,2015-01-03,b,gold,,,pe,5,train\nR4,2015-01-04,c,food,,,series-z,5,train\nR5,2016-01-04,a co,food,,,pe,900000,train\n")
	write("investments.csv", "round_id,investor,investor_kind\nR1,alpha,firm\nR5,alpha,firm\nR1,person-1,person\nR2,beta,firm\n")
	counts, all := read(t, "funding-rounds", dir, 0)
	want := map[string]int{"enterprise": 2, "enterprise!industry": 1, "party": 2, "offer": 1, "offer!money": 1, "demand": 2, "demand!money": 1, "demand!industry": 1, "demand!code": 1}
	for k, n := range want {
		if counts[k] != n {
			t.Errorf("%s: %d, want %d (%v)", k, counts[k], n, counts)
		}
	}
	for _, r := range all {
		if r.Kind == rows.Offer && r.Problem == nil {
			o := decode[events.PublishOffer](t, r)
			if o.Instrument != "vc_equity" || o.MinTicket.Minor != 5_000_000 || o.MaxTicket.Minor != 180_000_000 || o.Capacity.Minor != 20*o.MaxTicket.Minor {
				t.Errorf("alpha's mandate: %+v", o.OfferTerms)
			}
		}
	}
	write("loans.csv", "a,b\n1,2\n")
	if _, err := Open("sba-loans", dir, 0); err == nil || !strings.Contains(err.Error(), "loan_id") {
		t.Errorf("a file of another shape: %v", err)
	}
	if _, err := Open("nothing", dir, 0); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown preset: %v", err)
	}
}

func TestSlug(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"a b", "a-b", "ab", "a.b", "a_b", "A b", "", "公司", "公司2", strings.Repeat("x", 40), strings.Repeat("x", 41)} {
		id := slug("x-round-", name)
		if before, twice := seen[id]; twice || !events.ValidID(id) {
			t.Errorf("%q and %q share %q", before, name, id)
		}
		seen[id] = name
	}
}
