package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/tools/sample"
)

// asOf is the instant of every question; the sample rows are valid then.
var asOf = time.Date(2026, 9, 1, 4, 0, 0, 0, time.UTC)

// market makes offers and demands without end: the sample rows of tools/sample (their sizes, terms and prices follow real data),
// and on top of their clauses those of the kinds that the sample leaves out. Row i of a seed is always the same.
type market struct {
	seed    uint64
	offers  int
	parties int

	industries []string            // divisions and groups that occur
	below      map[string][]string // division -> its classes
}

func newMarket(seed uint64, offers int) *market {
	m := &market{seed: seed, offers: offers, parties: max(1, offers/20), below: map[string][]string{}}
	divisions := map[string]bool{}
	for i := range 5_000 {
		divisions[sample.Enterprise(seed, i).Industry] = true
	}
	for _, e := range codes.AllIndustries() {
		if len(e.Code) < 3 || !divisions[e.Code[:3]] {
			continue
		}
		switch len(e.Code) {
		case 3, 4:
			m.industries = append(m.industries, e.Code)
		case 5:
			m.below[e.Code[:3]] = append(m.below[e.Code[:3]], e.Code)
		}
	}
	return m
}

func (m *market) dice(stream uint64, i int) *rand.Rand {
	return rand.New(rand.NewPCG(m.seed*31+stream, uint64(i)))
}

// offer is number i as it is published.
func (m *market) offer(i int) *events.OfferPublished {
	row := sample.Offer(m.seed, i, m.parties)
	party := sample.Party(m.seed, i%m.parties)
	r := m.dice(1, i)
	o := &events.OfferPublished{
		ID: fmt.Sprintf("offer-%08d", i), Party: row.Party, OfferTerms: row.OfferTerms, Source: row.Source,
		Facts: events.PartyFacts{Position: "party.0:1", Version: 1, Kind: party.Kind, Name: party.Name, Region: party.Region, Licences: party.Licences},
	}
	clause := func(percent int, c events.Clause) {
		if r.IntN(100) < percent {
			o.Eligibility = append(o.Eligibility, c)
		}
	}
	number := func(n int) *int64 { v := int64(n); return &v }
	// Most money is for the institution's own prefecture or province, and for some industries.
	if !slices.ContainsFunc(o.Eligibility, func(c events.Clause) bool { return c.Field == events.FieldRegion }) {
		within := func(values ...string) {
			clause(100, events.Clause{Field: events.FieldRegion, Op: events.OpIn, Values: values})
		}
		switch n := r.IntN(100); {
		case n < 60:
			within(party.Region[:4] + "00")
		case n < 70:
			within(party.Region[:2] + "0000")
		case n < 80:
			within(pick(r, 4, "110000", "310000", "320000", "330000", "440000", "420000", "510000", "340000", "370000")...)
		}
	}
	if !slices.ContainsFunc(o.Eligibility, func(c events.Clause) bool { return c.Field == events.FieldIndustry }) {
		var values []string
		for range 2 + r.IntN(3) {
			values = append(values, m.industries[r.IntN(len(m.industries))])
		}
		clause(50, events.Clause{Field: events.FieldIndustry, Op: events.OpIn, Values: values})
	}
	if o.TermMonths != nil {
		clause(50, events.Clause{Field: events.FieldSecurity, Op: events.OpAny, Values: pick(r, 3, "credit", "ip_pledge", "guarantee", "equipment", "real_estate", "receivables")})
	}
	clause(20, events.Clause{Field: events.FieldUse, Op: events.OpIn, Values: pick(r, 4, "rnd", "working_capital", "equipment", "expansion", "technical_renovation", "refinancing")})
	clause(12, events.Clause{Field: events.FieldFocus, Op: events.OpAny, Values: []string{"strategic_emerging", "future_industries"}})
	clause(20, events.Clause{Field: events.FieldPatents, Op: events.OpMin, Number: number(1 + r.IntN(5))})
	clause(20, events.Clause{Field: events.FieldRDRatio, Op: events.OpMin, Number: number(100 * (3 + r.IntN(5)))})
	clause(15, events.Clause{Field: events.FieldEmployees, Op: events.OpMax, Number: number(100 * (1 + r.IntN(10)))})
	// A product is for a range of sizes, not for all: a third to three times some size.
	low, high := float64(o.MinTicket.Minor), float64(o.MaxTicket.Minor)
	size := low * math.Pow(high/max(low, 1), r.Float64())
	o.MinTicket.Minor, o.MaxTicket.Minor = max(1, int64(size/3/1e6)*1e6), max(1, int64(size*3/1e6)*1e6)
	for i := range o.Appetite {
		if p := &o.Appetite[i]; p.Field == events.FieldIndustry {
			for range 2 {
				p.Values = append(p.Values, m.industries[r.IntN(len(m.industries))])
			}
		}
	}
	if r.IntN(1000) == 0 {
		o.Facts.Suspended = true
	}
	return o
}

func pick(r *rand.Rand, n int, from ...string) []string {
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:n]
}

// demand is number i as it is published, with what is known of its enterprise.
func (m *market) demand(i int) *events.DemandPublished {
	const enterprises = 1 << 20
	row := sample.Demand(m.seed, i, enterprises)
	owner := sample.Enterprise(m.seed, i%enterprises)
	profile := sample.EnterpriseProfile(m.seed, i%enterprises)
	if classes := m.below[owner.Industry]; len(classes) > 0 {
		owner.Industry = classes[m.dice(2, i%enterprises).IntN(len(classes))]
	}
	return &events.DemandPublished{
		ID: fmt.Sprintf("demand-%08d", i), Enterprise: row.Enterprise, DemandTerms: row.DemandTerms, Region: owner.Region, Industry: owner.Industry, Source: row.Source,
		Facts: events.EnterpriseFacts{
			Position: "enterprise.0:1", Version: 1, Name: owner.Name, Region: owner.Region, Industry: owner.Industry, Stage: owner.Stage, Founded: owner.Founded,
			Focus: owner.Focus, Employees: profile.Employees, Revenue: profile.Revenue, RDExpense: profile.RDExpense, Patents: profile.Patents,
			Titles: sample.EnterpriseTitles(m.seed, i%enterprises),
		},
	}
}

func compiledOffer(e *events.OfferPublished) *matcher.Offer { return matcher.NewOffer(e, 1) }

func compiledDemand(e *events.DemandPublished) *matcher.Demand { return matcher.NewDemand(e, 1) }
