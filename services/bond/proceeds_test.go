package bond

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// changedFile is a rule file with its first occurrence of a text replaced.
func changedFile(t *testing.T, name, old, with string) fs.FS {
	t.Helper()
	good, err := fs.ReadFile(contracts.Rules(), name)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(good), old, with, 1)
	if old != "" && bad == string(good) {
		t.Fatalf("%s has no %s", name, old)
	}
	return fstest.MapFS{name: {Data: []byte(bad)}}
}

// TestProceeds holds the shares on both sides of their bounds, by kind of issuer, venue, category and day.
func TestProceeds(t *testing.T) {
	t.Parallel()
	uses := func(list ...any) (shares []events.ProceedsShare) {
		for i := 0; i < len(list); i += 2 {
			shares = append(shares, events.ProceedsShare{Use: list[i].(string), ShareBP: list[i+1].(int)})
		}
		return shares
	}
	rd := func(yuan int64) func(*Facts) {
		return func(f *Facts) {
			f.Profiles = slices.Clone(f.Profiles)
			for i := range f.Profiles {
				f.Profiles[i].RDExpense = money(yuan)
			}
		}
	}
	quiet := func(f *Facts) { f.Profiles = nil }
	const before, after = "2026-03-08", "2026-03-09"
	for name, c := range map[string]struct {
		fund, exchange bool
		category       string
		proceeds       []events.ProceedsShare
		facts          func(*Facts)
		day            string
		clause         string // that fails; none: it is let in
		missing        int64
		gate           string
	}{
		"upgrade, 70 %":                            {exchange: true, category: "upgrade", proceeds: uses("rnd", 4000, "technical_renovation", 3000, "refinancing", 3000), day: after, gate: "category"},
		"upgrade, 69.99 %":                         {exchange: true, category: "upgrade", proceeds: uses("rnd", 6999, "refinancing", 3001), day: after, clause: "technology_share", missing: 1},
		"investment, 70 %":                         {exchange: true, category: "investment", proceeds: uses("fund_investment", 7000, "working_capital", 3000), day: before, gate: "category"},
		"investment by a fund, 69.99 %":            {fund: true, exchange: true, category: "investment", proceeds: uses("fund_investment", 6999, "working_capital", 3001), day: before, clause: "technology_share", missing: 1},
		"investment by a fund, 70 %":               {fund: true, exchange: true, category: "investment", proceeds: uses("fund_investment", 7000, "working_capital", 3000), day: before, gate: ""},
		"incubation, park of 30 %":                 {exchange: true, category: "incubation", proceeds: uses("fund_investment", 7000, "park_construction", 3000), day: after, gate: "category"},
		"incubation, park of 30.01 %":              {exchange: true, category: "incubation", proceeds: uses("fund_investment", 6999, "park_construction", 3001), day: after, clause: "park_share", missing: 1},
		"use type, half":                           {category: "use_type", proceeds: uses("rnd", 5000, "refinancing", 5000), day: after, gate: "category"},
		"use type, a hundredth less":               {category: "use_type", proceeds: uses("rnd", 4999, "refinancing", 5001), day: after, clause: "technology_share", missing: 1},
		"R&D below 5 %, half":                      {proceeds: uses("rnd", 5000, "refinancing", 5000), facts: rd(4_999_999), day: after, gate: "title"},
		"R&D below 5 %, a hundredth less":          {proceeds: uses("rnd", 4999, "refinancing", 5001), facts: rd(4_999_999), day: after, clause: "technology_share", missing: 1},
		"the day before there were tiers":          {proceeds: uses("rnd", 1, "refinancing", 9999), facts: rd(4_999_999), day: before, gate: "title"},
		"R&D of 5 %, three tenths":                 {proceeds: uses("rnd", 3000, "refinancing", 7000), facts: rd(5_000_000), day: after, gate: "title"},
		"R&D of 5 %, a hundredth less":             {proceeds: uses("rnd", 2999, "refinancing", 7001), facts: rd(5_000_000), day: after, clause: "technology_share", missing: 1},
		"R&D of 10 %: no share is asked for":       {proceeds: uses("refinancing", 10000), facts: rd(10_000_000), day: after, gate: "title"},
		"R&D not known: the lowest tier":           {proceeds: uses("rnd", 4999, "refinancing", 5001), facts: quiet, day: after, clause: "technology_share", missing: 1},
		"exchange, of the issuer itself: no share": {exchange: true, proceeds: uses("refinancing", 10000), facts: rd(10_000_000), day: after, gate: "rd_ratio_3y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apply := applied(func(d *events.ApplyBond) {
				if d.Category, d.Proceeds = c.category, c.proceeds; c.fund {
					byFund(d)
				}
				if c.exchange {
					d.Venue = "exchange"
				}
			}).on(c.day)
			if c.fund {
				apply.facts = fund()
			}
			triage := triaged().on(c.day)
			if triage.facts = apply.facts; c.facts != nil {
				triage = triage.with(c.facts)
			}
			s, version := given(t, apply)
			s, _, err := play(t, s, version, triage)
			if err != nil {
				t.Fatal(err)
			}
			if c.clause == "" {
				if s.Status != StatusTriaged || s.Triage.Gate != c.gate {
					t.Fatalf("%s by %+v, returned %+v", s.Status, s.Triage, s.Return)
				}
				return
			}
			if s.Status != StatusReturned || !slices.Contains(s.Return.Reasons, "proceeds_unclear") || s.Return.Triage.Gate != "" {
				t.Fatalf("%s %+v", s.Status, s.Return)
			}
			judged := s.Return.Triage.Proceeds
			i := slices.IndexFunc(judged.Clauses, func(r events.ClauseResult) bool { return r.Clause == c.clause })
			if i < 0 || judged.Clauses[i].Passed || judged.Clauses[i].Missing != c.missing || len(judged.RuleHash) != 64 {
				t.Fatalf("%+v", judged)
			}
		})
	}
}
