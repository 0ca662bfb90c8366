package matcher

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
)

func TestExplanationAgreesWithJudgement(t *testing.T) {
	rules, x := rulesFor(t), newOracle(t)
	fits := 0
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDice{t}
		o := offerFrom(d, "offer")
		demand, p := demandHalf(d, demandFrom(d, "demand"), asOfFrom(d))
		p.o = o
		if d.below(2) == 0 { // as such pairs seldom fit, half of them are made to fit in the commonest ways to fail
			o.Instrument, o.ValidUntil = p.d.Instruments[0], instantPool[3]
			o.Capacity.Currency, o.MinTicket, o.MaxTicket = p.d.Amount.Currency, events.Money{Minor: 1, Currency: p.d.Amount.Currency}, p.d.Amount
			o.Capacity.Minor, o.TermMonths, o.MinPriceBP, o.Facts.Licences, o.Facts.Suspended = p.d.Amount.Minor, nil, nil, nil, false
		}
		offer := NewOffer(o, 1)
		index := NewReference(rules)
		index.PutOffer(offer)
		ranked, eligible := index.Top(demand, p.at, 1)
		e := rules.Explain(demand, offer, p.at)

		if e.Eligible != (eligible == 1) || e.Eligible != x.eligible(p) {
			t.Fatalf("explained as %v, %d eligible", e.Eligible, eligible)
		}
		passed := true
		for _, c := range e.Clauses {
			passed = passed && c.Passed
		}
		if passed != e.Eligible {
			t.Fatalf("clauses say %v, the whole says %v", passed, e.Eligible)
		}
		q := newQuery(demand, rules, p.at)
		judged := q.judged(offer)
		explicit := judged[len(judged)-len(o.Eligibility):]
		for i, c := range o.Eligibility {
			if explicit[i].Passed != x.holds(p, c) || explicit[i].Field != c.Field || !explicit[i].Explicit {
				t.Fatalf("clause %+v explained as %+v", c, explicit[i])
			}
		}
		if !e.Eligible {
			if e.Score != 0 || e.Terms != nil {
				t.Fatalf("a pair that does not match has a score: %+v", e)
			}
			return
		}
		fits++
		want, terms := x.score(p)
		sum := 0
		for _, term := range e.Terms {
			sum += term.Points
			if term.Points != terms[term.Term] || term.Points < 0 || term.Points > term.Most {
				t.Fatalf("term %+v, want %d", term, terms[term.Term])
			}
		}
		if len(e.Terms) != len(terms) || sum != e.Score || e.Score != want || ranked[0].Score != e.Score {
			t.Fatalf("score %d, terms %d, index %d, oracle %d", e.Score, sum, ranked[0].Score, want)
		}
	})
	t.Logf("%d pairs fitted", fits)
	if fits < 5 {
		t.Fatalf("only %d pairs fitted: the pools test too little", fits)
	}
}

// canaries are bounds that no text may show. None of their digits can come from anywhere else.
const (
	canaryNumber   = int64(7_316_408_295_117)
	canaryRegion   = "653222"
	canaryIndustry = "R8972"
	canaryCapacity = int64(8_253_917_406_629)
)

func TestPrivateBoundsNeverLeave(t *testing.T) {
	rules := rulesFor(t)
	number := canaryNumber
	private := []events.Clause{
		{Field: events.FieldRevenue, Op: events.OpMin, Number: &number},
		{Field: events.FieldRevenue, Op: events.OpMax, Number: &number},
		{Field: events.FieldEmployees, Op: events.OpMax, Number: &number},
		{Field: events.FieldPatents, Op: events.OpMin, Number: &number},
		{Field: events.FieldRDRatio, Op: events.OpMax, Number: &number},
		{Field: events.FieldAge, Op: events.OpMin, Number: &number},
		{Field: events.FieldRegion, Op: events.OpIn, Values: []string{canaryRegion}},
		{Field: events.FieldRegion, Op: events.OpIn, Values: []string{canaryRegion, "440000"}},
		{Field: events.FieldIndustry, Op: events.OpIn, Values: []string{canaryIndustry, "I"}},
		{Field: events.FieldTitle, Op: events.OpAny, Values: []string{"manufacturing_champion"}},
		{Field: events.FieldSecurity, Op: events.OpAll, Values: []string{"controller_guarantee"}},
	}
	canaries := []string{
		strconv.FormatInt(canaryNumber, 10), events.Money{Minor: canaryNumber, Currency: "CNY"}.Amount(), canaryRegion, canaryIndustry, "民丰", "南疆",
		"manufacturing_champion", "controller_guarantee", strconv.FormatInt(canaryCapacity, 10), events.Money{Minor: canaryCapacity, Currency: "CNY"}.Amount(),
	}
	for _, visibility := range []string{events.VisiblePrivate, events.VisibleMatched, "a_newer_visibility"} {
		for i := range private {
			for _, fits := range []bool{true, false} {
				o := plainOffer("o")
				o.Capacity.Minor = canaryCapacity
				c := private[i]
				c.Visibility = visibility
				o.Eligibility = []events.Clause{c}
				d := plainDemand("d")
				d.Facts.Revenue = &events.Money{Minor: canaryNumber, Currency: "CNY"} // equal to the bound: even the value would tell it
				if !fits {
					d.Instruments = []string{"vc_equity"}
				}
				e := rules.Explain(NewDemand(d, 1), NewOffer(o, 1), instantPool[0])
				shows := slices.ContainsFunc(e.Clauses, func(got ClauseResult) bool { return got.Explicit && got.Field == c.Field })
				if visibility == events.VisibleMatched && e.Eligible {
					if !shows {
						t.Errorf("%+v is withheld from a demand that matches", c)
					}
					continue
				}
				if shows {
					t.Errorf("%+v explained as %+v", c, e.Clauses)
				}
				b, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range []string{string(b), e.Text(Chinese), e.Text(English), e.Reasons(Chinese), e.Reasons(English)} {
					for _, canary := range canaries {
						if strings.Contains(text, canary) {
							t.Errorf("%+v: %s appears in %s", c, canary, text)
						}
					}
				}
			}
		}
	}
}

// TestPrivateClausesMoveNoScore: of two offers that differ in a private clause only, both met, the scores are the same.
func TestPrivateClausesMoveNoScore(t *testing.T) {
	rules := rulesFor(t)
	d := NewDemand(plainDemand("d"), 1)
	open := rules.Explain(d, NewOffer(plainOffer("o"), 1), instantPool[0])
	for _, c := range []events.Clause{
		{Field: events.FieldRegion, Op: events.OpIn, Values: []string{"440305"}},
		{Field: events.FieldIndustry, Op: events.OpIn, Values: []string{"I6513"}},
		{Field: events.FieldStage, Op: events.OpIn, Values: []string{"growth"}},
		{Field: events.FieldEmployees, Op: events.OpMax, Number: new(int64(80))},
	} {
		c.Visibility = events.VisiblePrivate
		o := plainOffer("o")
		o.Eligibility = []events.Clause{c}
		if e := rules.Explain(d, NewOffer(o, 1), instantPool[0]); !e.Eligible || e.Score != open.Score {
			t.Errorf("%+v: eligible %v, score %d instead of %d", c, e.Eligible, e.Score, open.Score)
		}
	}
	// Nor does what others took of the capacity.
	used := NewOffer(plainOffer("o"), 1).standing(OfferStanding{Version: 2, Reserved: 94_000_000_00})
	if e := rules.Explain(d, used, instantPool[0]); !e.Eligible || e.Score != open.Score {
		t.Errorf("reserved capacity: eligible %v, score %d instead of %d", e.Eligible, e.Score, open.Score)
	}
}

func TestExplanationForPeople(t *testing.T) {
	rules := rulesFor(t)
	o := plainOffer("offer-1")
	o.Eligibility = []events.Clause{
		{Field: events.FieldRegion, Op: events.OpIn, Values: []string{"440000"}},
		{Field: events.FieldIndustry, Op: events.OpIn, Values: []string{"I65"}},
		{Field: events.FieldEmployees, Op: events.OpMax, Number: new(int64(500)), Visibility: events.VisiblePrivate},
	}
	o.Appetite = []events.Preference{{Field: events.FieldIndustry, Values: []string{"I651"}, Weight: 10}}
	o.PolicyTools = []string{"ip_pledge_pool"}
	d := NewDemand(plainDemand("demand-1"), 4)
	e := rules.Explain(d, NewOffer(o, 2), instantPool[0])
	e.Positions = []string{"demand.0:7", "offer.0:9"}
	const reasons = "知识产权质押贷款｜额度合适 +17｜行业对口 +13｜符合机构偏好 +12｜同市 +9｜期限合适 +8｜价格有余地 +5｜阶段合适 +4｜投小 +4｜投长期 +3｜政策工具支持 +3"
	if got := e.Reasons(Chinese); got != reasons {
		t.Errorf("reasons:\n got %s\nwant %s", got, reasons)
	}
	for lang, wants := range map[string][]string{
		Chinese: {
			"需求 demand-1（第 4 版） → 方案 offer-1（第 2 版），知识产权质押贷款 示例银行\n", "全部 14 项条件符合\n",
			"  ✓ 地区：440305，要求 ∈ 440000（440000 广东省）\n", "  ✓ 不公开的条件（含剩余额度）\n",
			"  +9 / 12  同市（广东省 深圳市）\n", "匹配度 78\n", "不是信用评分", "规则 matching.2024-06-28（", "读至 demand.0:7 offer.0:9\n",
		},
		English: {
			"all 14 conditions hold\n", "  ✓ private conditions (with the capacity left)\n", "score 78\n", "not a credit score", "read up to demand.0:7 offer.0:9\n",
		},
	} {
		text := e.Text(lang)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", lang, want, text)
			}
		}
	}

	bad := plainDemand("demand-2")
	bad.Amount = cny(500_000_00)
	bad.Facts.Employees = 0
	e = rules.Explain(NewDemand(bad, 1), NewOffer(o, 2), instantPool[0])
	if got, want := e.Reasons(Chinese), "知识产权质押贷款｜不符合：单户下限"; got != want {
		t.Errorf("reasons: got %s, want %s", got, want)
	}
	if got, want := e.Reasons(English), "intellectual property pledge loan | not met: smallest ticket"; got != want {
		t.Errorf("reasons: got %s, want %s", got, want)
	}
	if text := e.Text(Chinese); !strings.Contains(text, "13 项条件中 1 项不符合\n") || !strings.Contains(text, "  ✗ 单户下限：500000.00 CNY，要求 ≥ 1000000.00 CNY\n") || strings.Contains(text, "匹配度") {
		t.Errorf("of a pair that does not match:\n%s", text)
	}
}

func TestBoundaries(t *testing.T) {
	rules := rulesFor(t)
	lastInstant, midnight := instantPool[0], instantPool[1]
	for _, c := range []struct {
		name   string
		change func(*events.DemandPublished, *events.OfferPublished)
		at     int
		want   bool
	}{
		{"plain", nil, 0, true},
		{"a title counts to the last instant of its last day", withTitle("2026-03-31"), 0, true},
		{"a title that expired does not count", withTitle("2026-03-31"), 1, false},
		{"an offer is valid until its instant, not at it", func(_ *events.DemandPublished, o *events.OfferPublished) { o.ValidUntil = midnight }, 0, true},
		{"an offer is over at its instant", func(_ *events.DemandPublished, o *events.OfferPublished) { o.ValidUntil = midnight }, 1, false},
		{"a demand is over at its instant", func(d *events.DemandPublished, _ *events.OfferPublished) { d.ValidUntil = lastInstant }, 0, false},
		{"terms that touch overlap", func(d *events.DemandPublished, _ *events.OfferPublished) {
			d.TermMonths = &events.Months{Min: 36, Max: 48}
		}, 0, true},
		{"terms that do not touch", func(d *events.DemandPublished, _ *events.OfferPublished) { d.TermMonths = &events.Months{Min: 37} }, 0, false},
		{"a price at the limit", withPrices(400, 400), 0, true},
		{"a price above the limit", withPrices(399, 400), 0, false},
		{"the largest ticket just covers the least", func(d *events.DemandPublished, o *events.OfferPublished) {
			d.Amount, d.MinAmount = cny(90_000_000_00), &o.MaxTicket
		}, 0, true},
		{"the least is a fen above the largest ticket", func(d *events.DemandPublished, o *events.OfferPublished) {
			least := cny(o.MaxTicket.Minor + 1)
			d.Amount, d.MinAmount = cny(90_000_000_00), &least
		}, 0, false},
		{"an R&D intensity of exactly 5 %", withResearch(500_00, 10_000_00, events.OpMin, 500), 0, true},
		{"a fen below 5 %", withResearch(499_99, 10_000_00, events.OpMin, 500), 0, false},
		{"a fen above 5 % is above a maximum of 5 %", withResearch(500_01, 10_000_00, events.OpMax, 500), 0, false},
		{"an unknown fact fails", func(d *events.DemandPublished, o *events.OfferPublished) {
			o.Eligibility = []events.Clause{{Field: events.FieldAge, Op: events.OpMin, Number: new(int64(0))}}
		}, 0, false},
		{"a licence counts to its last day", withLicence("2026-03-31"), 0, true},
		{"a licence that expired", withLicence("2026-03-31"), 1, false},
		{"a revoked region keeps its old province", func(d *events.DemandPublished, o *events.OfferPublished) {
			d.Region = "310103"
			o.Eligibility = []events.Clause{{Field: events.FieldRegion, Op: events.OpIn, Values: []string{"310000"}}}
		}, 0, true},
		{"a field of a focus area is in the area", func(d *events.DemandPublished, o *events.OfferPublished) {
			d.Focus = []string{"sei_materials"}
			o.Eligibility = []events.Clause{{Field: events.FieldFocus, Op: events.OpAll, Values: []string{"strategic_emerging"}}}
		}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := plainDemand("d"), plainOffer("o")
			if c.change != nil {
				c.change(d, o)
			}
			e := rules.Explain(NewDemand(d, 1), NewOffer(o, 1), instantPool[c.at])
			if e.Eligible != c.want {
				t.Errorf("eligible %v:\n%s", e.Eligible, e.Text(English))
			}
		})
	}
}

// TestADemandFilledInPartWantsTheRest, even where the rest is less than the least it first asked for.
func TestADemandFilledInPartWantsTheRest(t *testing.T) {
	rules := rulesFor(t)
	d, o := plainDemand("d"), plainOffer("o")
	least := cny(4_000_000_00)
	d.MinAmount, o.MaxTicket = &least, cny(2_000_000_00)
	demand, offer := NewDemand(d, 1), NewOffer(o, 1)
	if e := rules.Explain(demand, offer, instantPool[0]); e.Eligible {
		t.Errorf("the largest ticket is below the least that is of use:\n%s", e.Text(English))
	}
	if e := rules.Explain(demand.standing(demand.after(2, 0, 3_500_000_00)), offer, instantPool[0]); !e.Eligible {
		t.Errorf("the ticket covers the rest:\n%s", e.Text(English))
	}
}

func withTitle(to events.Date) func(*events.DemandPublished, *events.OfferPublished) {
	return func(d *events.DemandPublished, o *events.OfferPublished) {
		d.Facts.Titles = []events.Title{{Title: "high_tech", ValidFrom: "2023-04-01", ValidTo: to}}
		o.Eligibility = []events.Clause{{Field: events.FieldTitle, Op: events.OpAny, Values: []string{"high_tech", "little_giant"}}}
	}
}

func withPrices(most, from int) func(*events.DemandPublished, *events.OfferPublished) {
	return func(d *events.DemandPublished, o *events.OfferPublished) { d.MaxPriceBP, o.MinPriceBP = &most, &from }
}

func withResearch(expense, revenue int64, op string, number int64) func(*events.DemandPublished, *events.OfferPublished) {
	return func(d *events.DemandPublished, o *events.OfferPublished) {
		spent, earned := cny(expense), cny(revenue)
		d.Facts.RDExpense, d.Facts.Revenue = &spent, &earned
		o.Eligibility = []events.Clause{{Field: events.FieldRDRatio, Op: op, Number: &number}}
	}
}

func withLicence(to events.Date) func(*events.DemandPublished, *events.OfferPublished) {
	return func(_ *events.DemandPublished, o *events.OfferPublished) {
		o.Facts.Licences = []events.Licence{{Licence: "insurer"}, {Licence: "bank", Number: "B0001", ValidTo: to}}
	}
}
