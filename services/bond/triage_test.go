package bond

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// TestGates holds the bounds of the rules on both sides, as of a day.
func TestGates(t *testing.T) {
	t.Parallel()
	last := func(change func(p *events.Profile)) func(*Facts) {
		return func(f *Facts) {
			list := append([]events.Profile(nil), f.Profiles...)
			change(&list[len(list)-1])
			f.Profiles = list
		}
	}
	year := func(i int, change func(p *events.Profile)) func(*Facts) {
		return func(f *Facts) {
			list := append([]events.Profile(nil), f.Profiles...)
			change(&list[i])
			f.Profiles = list
		}
	}
	exchange := func(d *events.ApplyBond) { d.Venue, d.Instrument = "exchange", "tech_bond" }
	tenor := func(days int) func(*events.ApplyBond) { return func(d *events.ApplyBond) { d.TenorDays = days } }
	invest := func(d *events.ApplyBond) { byFund(d) }
	tests := map[string]struct {
		apply   []func(*events.ApplyBond)
		facts   []func(*Facts)
		fund    bool
		day     string
		open    bool
		gate    string
		clause  string // one to look at
		missing int64
	}{
		"nothing speaks for it":               {day: "2026-06-15", clause: "patents", missing: 18},
		"a title":                             {facts: []func(*Facts){titled("little_giant", "2027-01-01")}, day: "2026-06-15", open: true, gate: "title"},
		"a title on its last day":             {facts: []func(*Facts){titled("little_giant", "2026-06-15")}, day: "2026-06-15", open: true, gate: "title"},
		"a title that ended the day before":   {facts: []func(*Facts){titled("little_giant", "2026-06-14")}, day: "2026-06-15", clause: "title"},
		"a new title before it counts":        {facts: []func(*Facts){titled("smart_factory", "2027-01-01")}, day: "2026-03-08", clause: "title"},
		"a new title from that day on":        {facts: []func(*Facts){titled("smart_factory", "2027-01-01")}, day: "2026-03-09", open: true, gate: "title"},
		"listed on STAR":                      {facts: []func(*Facts){func(f *Facts) { f.Listed = "SSE-STAR:688001" }}, day: "2026-06-15", open: true, gate: "listed"},
		"listed on the main board":            {facts: []func(*Facts){func(f *Facts) { f.Listed = "SSE-MAIN:600001" }}, day: "2026-06-15", clause: "listed"},
		"30 patents":                          {facts: []func(*Facts){last(func(p *events.Profile) { p.Patents = 30 })}, day: "2026-06-15", open: true, gate: "patents"},
		"29 patents":                          {facts: []func(*Facts){last(func(p *events.Profile) { p.Patents = 29 })}, day: "2026-06-15", clause: "patents", missing: 1},
		"30 patents in an earlier year":       {facts: []func(*Facts){year(0, func(p *events.Profile) { p.Patents = 30 })}, day: "2026-06-15", clause: "patents", missing: 18},
		"50 software copyrights":              {facts: []func(*Facts){last(func(p *events.Profile) { p.SoftwareCopyrights = 50 })}, day: "2026-06-15", open: true, gate: "software_copyrights"},
		"no profile at all":                   {facts: []func(*Facts){func(f *Facts) { f.Profiles = nil }}, day: "2026-06-15", clause: "patents"},
		"270 days":                            {apply: []func(*events.ApplyBond){tenor(270)}, facts: []func(*Facts){titled("high_tech", "2027-01-01")}, day: "2026-06-15", open: true, gate: "title"},
		"269 days":                            {apply: []func(*events.ApplyBond){tenor(269)}, facts: []func(*Facts){titled("high_tech", "2027-01-01")}, day: "2026-06-15", clause: "tenor_days", missing: 1},
		"269 days before there was a minimum": {apply: []func(*events.ApplyBond){tenor(269)}, facts: []func(*Facts){titled("high_tech", "2027-01-01")}, day: "2026-03-08", open: true, gate: "title"},
		"exchange: R&D of 4 %":                {apply: []func(*events.ApplyBond){exchange}, day: "2026-06-15", clause: "rd_ratio_3y", missing: 100},
		"exchange: R&D of 5 % over three":     {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { p.RDExpense = money(7_000_000) })}, day: "2026-06-15", open: true, gate: "rd_ratio_3y"},
		"exchange: a fen under 5 %": {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) {
			m := *money(7_000_000)
			m.Minor--
			p.RDExpense = &m
		})}, day: "2026-06-15", clause: "rd_ratio_3y", missing: 1},
		"exchange: 60 m of a huge revenue": {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { p.RDExpense, p.Revenue = money(52_000_000), money(90_000_000_000) })},
			day: "2026-06-15", open: true, gate: "rd_expense_3y"},
		"exchange: a yuan under 60 m": {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { p.RDExpense, p.Revenue = money(51_999_999), money(90_000_000_000) })},
			day: "2026-06-15", clause: "rd_expense_3y", missing: 100},
		"exchange: a year is missing":        {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){year(1, func(p *events.Profile) { p.FiscalYear = 2022 }), last(func(p *events.Profile) { p.RDExpense = money(90_000_000) })}, day: "2026-06-15", clause: "rd_ratio_3y"},
		"exchange: half technology revenue":  {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { p.TechRevenue = money(50_000_000) })}, day: "2026-06-15", open: true, gate: "tech_revenue_ratio"},
		"exchange: liabilities of 80 %":      {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { p.Patents, p.Liabilities = 30, money(160_000_000) })}, day: "2026-06-15", open: true, gate: "patents"},
		"exchange: a fen above 80 %":         {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { m := *money(160_000_000); m.Minor++; p.Patents, p.Liabilities = 30, &m })}, day: "2026-06-15", clause: "liabilities_ratio", missing: 1},
		"exchange: liabilities not known":    {apply: []func(*events.ApplyBond){exchange}, facts: []func(*Facts){last(func(p *events.Profile) { p.Patents, p.Liabilities = 30, nil })}, day: "2026-06-15", clause: "liabilities_ratio"},
		"a fund of three years":              {apply: []func(*events.ApplyBond){invest}, fund: true, day: "2026-06-15", open: true},
		"a fund a day short of three years":  {apply: []func(*events.ApplyBond){invest, tenor(1094)}, fund: true, day: "2026-06-15", clause: "tenor_days", missing: 1},
		"a fund whose registration is of to": {apply: []func(*events.ApplyBond){invest}, fund: true, facts: []func(*Facts){func(f *Facts) { p := *f.Party; p.Licences = nil; f.Party = &p }}, day: "2026-06-15", clause: "licence"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := firm()
			if c.fund {
				facts = fund()
			}
			for _, f := range c.facts {
				f(facts)
			}
			application := say{typ: events.TypeApplyBond, data: applied(c.apply...).data, facts: facts}
			s, version := given(t, application.on(c.day))
			_, decided, err := play(t, s, version, say{typ: events.TypeTriageBond, data: &events.Empty{}, facts: facts}.on(c.day))
			if decided = clockless(decided); err != nil || len(decided) != 1 {
				t.Fatalf("%v %v", decided, err)
			}
			result, open := decided[0].Data.(*events.BondTriage)
			if back, ok := decided[0].Data.(*events.BondReturned); ok {
				result = back.Triage
				if short := len(back.Reasons) == 2; short != (c.clause == "tenor_days") {
					t.Errorf("reasons %v", back.Reasons)
				}
			}
			if open != c.open || result.Gate != c.gate || string(result.AsOf) != c.day || len(result.RuleHash) != 64 {
				t.Fatalf("open %v by %q: %+v", open, result.Gate, result)
			}
			for _, r := range result.Clauses {
				if r.Clause == c.clause && (r.Passed || r.Missing != c.missing) {
					t.Fatalf("%+v, want missing %d", r, c.missing)
				}
			}
			if c.clause != "" && !strings.Contains(mustJSON(t, result), `"clause":"`+c.clause+`"`) {
				t.Fatalf("%s is not among %+v", c.clause, result.Clauses)
			}
		})
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRuleFilesThatAreNotRight(t *testing.T) {
	t.Parallel()
	const name = "bond.2026-03-09.json"
	good, err := fs.ReadFile(contracts.Rules(), name)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"an unknown title":       {`"high_tech"`, `"low_tech"`},
		"an unknown clause":      {`"patents"`, `"patience"`},
		"a negative bound":       {`"min": 30`, `"min": -30`},
		"two bounds":             {`"min": 30`, `"min": 30, "max": 40`},
		"an unknown issuer kind": {`"equity_investor"`, `"investor"`},
		"an unknown currency":    {`"CNY"`, `"YUAN"`},
		"an unknown field":       {`"gates"`, `"doors"`},
		"two gates alike":        {`"venue": "exchange"`, `"venue": "interbank"`},
	} {
		bad := strings.Replace(string(good), change[0], change[1], 1)
		if bad == string(good) {
			t.Fatalf("%s: nothing to replace", what)
		}
		if _, err := LoadRules(fstest.MapFS{name: {Data: []byte(bad)}}); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if _, err := LoadRules(fstest.MapFS{name: {Data: good}}); err != nil {
		t.Fatal(err)
	}
}
