package matcher

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
)

// kin makes an offer that a demand nearly fits: what most often keeps a random pair apart is taken away.
func kin(d dice, o *events.OfferPublished, p *events.DemandPublished) {
	o.Instrument, o.ValidUntil, o.Facts.Licences, o.Facts.Suspended = p.Instruments[0], instantPool[3], nil, false
	for _, m := range []*events.Money{&o.Capacity, &o.MinTicket, &o.MaxTicket} {
		m.Currency = p.Amount.Currency
	}
	if d.below(3) > 0 {
		o.MinTicket.Minor, o.MaxTicket.Minor, o.Capacity.Minor = 1, max(o.MinTicket.Minor, o.MaxTicket.Minor), 30_000_000_00
	}
}

// TestANearMissAppliedBecomesAMatch: over random worlds, the near-misses are just the offers that fail one public condition and
// for which a change is known, each change makes its pair a match, they come nearest first, and the counts add up.
func TestANearMissAppliedBecomesAMatch(t *testing.T) {
	rules, x := rulesFor(t), newOracle(t)
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDice{t}
		index := NewReference(rules)
		demand, p := demandHalf(d, demandFrom(d, "demand"), asOfFrom(d))
		offers := map[string]*events.OfferPublished{}
		for i := range 1 + d.below(8) {
			o := offerFrom(d, fmt.Sprintf("offer-%d", i))
			kin(d, o, p.d)
			offers[o.ID] = o
			index.PutOffer(NewOffer(o, 1))
		}
		const limit = 5
		near, removed := rules.missed(index, demand, p.at, limit)
		if len(near) > limit {
			t.Fatalf("%d near-misses of at most %d", len(near), limit)
		}
		if !slices.IsSortedFunc(near, func(a, b NearMiss) int { return byNearness(&a, &b) }) {
			t.Fatalf("not nearest first: %+v", near)
		}
		for _, m := range near {
			o := offers[m.Offer]
			p := p
			p.o = o
			if x.eligible(p) {
				t.Fatalf("%s matches, and is called a near-miss: %+v", m.Offer, m)
			}
			if m.Failed.Visibility != events.VisiblePublic || m.Failed.Passed || m.Failed.Field == "capacity" {
				t.Fatalf("a condition that is not public is shown: %+v", m.Failed)
			}
			mended, err := demand.Changed(&m.Change, p.at)
			if err != nil {
				t.Fatal(err)
			}
			e := rules.Explain(mended, NewOffer(o, 1), p.at)
			if !e.Eligible || e.Score != m.Score {
				t.Fatalf("%s changed by %+v: eligible %v, score %d, promised %d\n%s", m.Offer, m.Change, e.Eligible, e.Score, m.Score, e.Text(English))
			}
			if m.Change.Text.Zh == "" || m.Change.Text.En == "" || strings.Contains(m.Change.Text.Zh+m.Change.Text.En, "%!") {
				t.Fatalf("worded as %q", m.Change.Text)
			}
			seen[m.Change.Field+" "+m.Change.Op]++
		}
		if !demand.validAt(p) {
			return
		}
		counted := 0
		for _, r := range removed {
			counted += r.Offers
		}
		_, eligible := index.Top(demand, p.at, 1)
		standing := 0
		q := newQuery(demand, rules, p.at)
		index.EachOffer(demand.instruments, demand.Terms.Amount.Currency, func(h HeldOffer) bool {
			if q.standing(h.rec) {
				standing++
			}
			return true
		})
		if lost := standing - eligible - counted; lost < 0 || lost >= PrivateStep {
			t.Fatalf("%d offers stand, %d fit, %d are counted as removed", standing, eligible, counted)
		}
	})
	t.Logf("changes: %v", seen)
	if len(seen) < 10 {
		t.Fatalf("only %d kinds of changes: the pools test too little", len(seen))
	}
}

func (d *Demand) validAt(p pair) bool { return p.at.Before(p.d.ValidUntil) && p.open() > 0 }

// TestNearMissTable holds each kind of change to its words and values.
func TestNearMissTable(t *testing.T) {
	rules := rulesFor(t)
	number := func(n int64) *int64 { return &n }
	clause := func(c events.Clause) func(*events.DemandPublished, *events.OfferPublished) {
		return func(_ *events.DemandPublished, o *events.OfferPublished) { o.Eligibility = []events.Clause{c} }
	}
	for _, c := range []struct {
		name                        string
		change                      func(*events.DemandPublished, *events.OfferPublished)
		field, op, from, to, effort string
		zh, en                      string
	}{
		{"amount below the smallest ticket", func(d *events.DemandPublished, o *events.OfferPublished) { d.Amount = cny(500_000_00) },
			"amount", "raise", "500000.00 CNY", "1000000.00 CNY", EffortTerms, "需求金额由 500000.00 CNY 提高到 1000000.00 CNY", "raise amount from 500000.00 CNY to 1000000.00 CNY"},
		{"least above the largest ticket", func(d *events.DemandPublished, o *events.OfferPublished) {
			d.Amount, d.MinAmount = cny(20_000_000_00), new(cny(12_000_000_00))
		}, "min_amount", "lower", "12000000.00 CNY", "10000000.00 CNY", EffortTerms, "", ""},
		{"term too long", func(d *events.DemandPublished, o *events.OfferPublished) { d.TermMonths = &events.Months{Min: 48} },
			"term_months", "widen", "48-", "36-", EffortTerms, "期限（月）由 48- 放宽到 36-", ""},
		{"term too short", func(d *events.DemandPublished, o *events.OfferPublished) {
			d.TermMonths = &events.Months{Min: 1, Max: 3}
		},
			"term_months", "widen", "1-3", "1-6", EffortTerms, "", "widen term (months) from 1-3 to 1-6"},
		{"price", withPrices(399, 400), "max_price_bp", "raise", "399", "400", EffortTerms, "", ""},
		{"security", clause(events.Clause{Field: "security", Op: "all", Values: []string{"ip_pledge", "receivables"}}),
			"security", "add", Unknown, "ip_pledge,receivables", EffortTerms, "", ""},
		{"title", clause(events.Clause{Field: "title", Op: "any", Values: []string{"high_tech", "little_giant"}}),
			"title", "obtain", none, "high_tech", EffortFacts, "资质在 无 之外取得 高新技术企业", ""},
		{"region", clause(events.Clause{Field: "region", Op: "in", Values: []string{"110000", "440106"}}),
			"region", "set", "440305", "440106", EffortCircumstances, "", ""},
		{"unknown age", clause(events.Clause{Field: "age_months", Op: "min", Number: number(24)}),
			"age_months", "state", Unknown, "24", EffortFacts, "", "age in months is unknown: make known 24"},
		{"employees", clause(events.Clause{Field: "employees", Op: "min", Number: number(100)}),
			"employees", "raise", "80", "100", EffortCircumstances, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := plainDemand("d"), plainOffer("o")
			c.change(d, o)
			index := NewReference(rules)
			index.PutOffer(NewOffer(o, 1))
			near, _ := rules.missed(index, NewDemand(d, 1), instantPool[0], 5)
			if len(near) != 1 {
				t.Fatalf("%d near-misses:\n%s", len(near), rules.Explain(NewDemand(d, 1), NewOffer(o, 1), instantPool[0]).Text(English))
			}
			got := near[0].Change
			if got.Field != c.field || got.Op != c.op || got.From != c.from || got.To != c.to || got.Effort != c.effort {
				t.Errorf("got %+v", got)
			}
			if c.zh != "" && got.Text.Zh != c.zh || c.en != "" && got.Text.En != c.en {
				t.Errorf("worded %q, %q", got.Text.Zh, got.Text.En)
			}
		})
	}
}

// TestNothingMendsWhatIsNotPublic: an offer that only a private condition (or the capacity that is left) keeps away is no near-miss
// and is counted in steps, however near the demand comes to the bound.
func TestNothingMendsWhatIsNotPublic(t *testing.T) {
	rules := rulesFor(t)
	for _, visibility := range []string{events.VisiblePrivate, events.VisibleMatched, "a_newer_visibility"} {
		for offers := range 2 * PrivateStep {
			index := NewReference(rules)
			for i := range offers {
				o := plainOffer(fmt.Sprintf("o-%d", i))
				o.Eligibility = []events.Clause{{Field: events.FieldEmployees, Op: events.OpMin, Number: new(canaryNumber), Visibility: visibility}}
				index.PutOffer(NewOffer(o, 1))
			}
			near, removed := rules.missed(index, NewDemand(plainDemand("d"), 1), instantPool[0], 20)
			if len(near) != 0 {
				t.Fatalf("%s: %+v", visibility, near)
			}
			want := []Removed{}
			if offers >= PrivateStep {
				want = append(want, Removed{Withheld, fieldNames[Withheld], PrivateStep})
			}
			if !slices.Equal(removed, want) {
				t.Fatalf("%s, %d offers: %+v", visibility, offers, removed)
			}
		}
	}
	index := NewReference(rules)
	index.PutOffer(NewOffer(plainOffer("o"), 1).standing(OfferStanding{Version: 2, Reserved: 100_000_000_00 - canaryNumber%1_000_000_00}))
	d := plainDemand("d")
	d.MinAmount = new(cny(1_000_000_00))
	near, removed := rules.missed(index, NewDemand(d, 1), instantPool[0], 20)
	if b, _ := json.Marshal(removed); len(near) != 0 || string(b) != "[]" {
		t.Fatalf("capacity: %+v %s", near, b)
	}
}
