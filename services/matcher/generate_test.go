package matcher

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// dice is where random worlds come from: rapid, which shrinks what fails, or a seeded generator for many rows.
type dice interface{ below(n int) int }

type rapidDice struct{ t *rapid.T }

func (d rapidDice) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "d") }

type seededDice struct{ r *rand.Rand }

func (d seededDice) below(n int) int { return d.r.IntN(n) }

func seeded(seed uint64) seededDice { return seededDice{rand.New(rand.NewPCG(seed, 1))} }

func one[T any](d dice, pool []T) T { return pool[d.below(len(pool))] }

func some[T any](d dice, pool []T, most int) []T {
	var out []T
	for range d.below(most + 1) {
		out = append(out, one(d, pool))
	}
	return out
}

func maybe[T any](d dice, make func() T) *T {
	if d.below(2) == 0 {
		return nil
	}
	v := make()
	return &v
}

// Pools are small, so that pairs often match and bounds are often hit exactly.
var (
	regionPool     = []string{"440305", "440300", "440000", "440106", "110108", "110105", "110000", "429004", "429005", "420000", "310103", "999999", ""}
	industryPool   = []string{"I", "I65", "I651", "I6513", "I64", "C", "C39", "C391", "C3919", "M73", "Z99", ""}
	stagePool      = []string{"seed", "startup", "growth", "expansion", "mature", "", "retired"}
	titlePool      = []string{"high_tech", "technology_sme", "little_giant", "innovative_sme", "no_such_title"}
	focusPool      = []string{"strategic_emerging", "sei_materials", "sei_biology", "future_industries", "future_energy", "innovation_highlands", "no_such_area"}
	securityPool   = []string{"credit", "ip_pledge", "real_estate", "receivables", "no_such_security"}
	usePool        = []string{"rnd", "equipment", "working_capital", "", "no_such_use"}
	instrumentPool = []string{"credit_loan", "ip_pledge_loan", "vc_equity", "angel_equity", "guarantee", "tech_bond"}
	currencyPool   = []string{"CNY", "CNY", "CNY", "USD"}
	toolPool       = []string{"relending_tech", "ip_pledge_pool", "guarantee_plan", "no_such_tool"}
	amountPool     = []int64{1, 2, 99, 100, 101, 150, 200, 50_000, 100_000, 100_001, 1_000_000, 30_000_000_00, math.MaxInt64 / 4}
	numberPool     = []int64{0, 1, 12, 59, 60, 61, 100, 299, 300, 301, 333, 334, 400, 500, 10_000}
	dayPool        = []events.Date{"2016-02-29", "2021-03-31", "2021-04-01", "2026-02-28", "2026-03-30", "2026-03-31", "2026-04-01", "2030-01-01"}
	instantPool    = []time.Time{
		time.Date(2026, 3, 31, 15, 59, 59, 999_999_999, time.UTC), // the last instant of 31 March in Beijing
		time.Date(2026, 3, 31, 16, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 31, 16, 0, 0, 1, time.UTC),
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	}
)

func asOfFrom(d dice) time.Time { return instantPool[d.below(3)] }

func monthsFrom(d dice) events.Months {
	m := events.Months{Min: one(d, []int{0, 1, 6, 12, 35, 36})}
	if d.below(3) > 0 {
		m.Max = m.Min + one(d, []int{1, 6, 24, 36})
	}
	return m
}

func offerFrom(d dice, id string) *events.OfferPublished {
	currency := one(d, currencyPool)
	cash := func() events.Money { return events.Money{Minor: one(d, amountPool), Currency: currency} }
	o := &events.OfferPublished{ID: id, Party: "party-" + fmt.Sprint(d.below(5))}
	o.Instrument = one(d, instrumentPool)
	o.MinTicket, o.MaxTicket, o.Capacity = cash(), cash(), cash()
	if o.MinTicket.Minor > o.MaxTicket.Minor && d.below(8) > 0 {
		o.MinTicket, o.MaxTicket = o.MaxTicket, o.MinTicket
	}
	o.Capacity.Minor = max(o.Capacity.Minor, o.MinTicket.Minor*int64(d.below(2)))
	o.TermMonths = maybe(d, func() events.Months { return monthsFrom(d) })
	o.MinPriceBP = maybe(d, func() int { return one(d, []int{0, 299, 300, 301, 450}) })
	o.ValidUntil = one(d, instantPool)
	o.PolicyTools = some(d, toolPool, 2)
	o.Facts = events.PartyFacts{Kind: "bank", Name: "示例银行", Region: one(d, regionPool), Suspended: d.below(20) == 0}
	for range d.below(3) {
		o.Facts.Licences = append(o.Facts.Licences, events.Licence{
			Licence: one(d, []string{"bank", "pe_vc_fund_manager", "guarantor", "angel_investor"}),
			ValidTo: one(d, []events.Date{"", "2026-03-30", "2026-03-31", "2030-01-01"}),
		})
	}
	for range d.below(3) {
		o.Eligibility = append(o.Eligibility, clauseFrom(d))
	}
	for range d.below(4) {
		o.Appetite = append(o.Appetite, preferenceFrom(d))
	}
	return o
}

func clauseFrom(d dice) events.Clause {
	c := events.Clause{Visibility: one(d, []string{"", events.VisiblePublic, events.VisibleMatched, events.VisiblePrivate})}
	number := func() *int64 { n := one(d, numberPool); return &n }
	c.Field = one(d, []string{
		events.FieldRegion, events.FieldIndustry, events.FieldStage, events.FieldUse, events.FieldTitle, events.FieldFocus, events.FieldSecurity,
		events.FieldEmployees, events.FieldRevenue, events.FieldRDRatio, events.FieldPatents, events.FieldAge, "a_newer_field",
	})
	switch c.Field {
	case events.FieldRegion:
		c.Op, c.Values = events.OpIn, some(d, regionPool, 4)
	case events.FieldIndustry:
		c.Op, c.Values = events.OpIn, some(d, industryPool, 4)
	case events.FieldStage:
		c.Op, c.Values = events.OpIn, some(d, stagePool, 4)
	case events.FieldUse:
		c.Op, c.Values = events.OpIn, some(d, usePool, 3)
	case events.FieldTitle:
		c.Op, c.Values = one(d, []string{events.OpAny, events.OpAll}), some(d, titlePool, 3)
	case events.FieldFocus:
		c.Op, c.Values = one(d, []string{events.OpAny, events.OpAll}), some(d, focusPool, 2)
	case events.FieldSecurity:
		c.Op, c.Values = one(d, []string{events.OpAny, events.OpAll}), some(d, securityPool, 2)
	default:
		c.Op = one(d, []string{events.OpMin, events.OpMax})
		if d.below(20) > 0 {
			c.Number = number()
		}
	}
	if d.below(40) == 0 {
		c.Op = "a_newer_operator"
	}
	return c
}

func preferenceFrom(d dice) events.Preference {
	p := events.Preference{Weight: 1 + d.below(100)}
	switch p.Field = one(d, []string{events.FieldRegion, events.FieldIndustry, events.FieldStage, events.FieldTitle, events.FieldFocus}); p.Field {
	case events.FieldRegion:
		p.Values = some(d, regionPool, 3)
	case events.FieldIndustry:
		p.Values = some(d, industryPool, 3)
	case events.FieldStage:
		p.Values = some(d, stagePool, 3)
	case events.FieldTitle:
		p.Values = some(d, titlePool, 3)
	case events.FieldFocus:
		p.Values = some(d, focusPool, 3)
	}
	return p
}

func demandFrom(d dice, id string) *events.DemandPublished {
	currency := one(d, currencyPool)
	cash := func() events.Money { return events.Money{Minor: one(d, amountPool), Currency: currency} }
	e := &events.DemandPublished{ID: id, Enterprise: "x-" + id, Region: one(d, regionPool), Industry: one(d, industryPool)}
	e.Instruments = append(some(d, instrumentPool, 3), one(d, instrumentPool))
	e.Amount = cash()
	e.MinAmount = maybe(d, cash)
	if e.MinAmount != nil && e.MinAmount.Minor > e.Amount.Minor {
		e.Amount, *e.MinAmount = *e.MinAmount, e.Amount
	}
	e.TermMonths = maybe(d, func() events.Months { return monthsFrom(d) })
	e.MaxPriceBP = maybe(d, func() int { return one(d, []int{0, 299, 300, 301, 450}) })
	e.Use = one(d, usePool)
	e.Security = some(d, securityPool, 2)
	e.Focus = some(d, focusPool, 2)
	e.ValidUntil = one(d, instantPool[1:])
	e.Facts = events.EnterpriseFacts{
		Name: "示例科技有限公司", Region: one(d, regionPool), Industry: one(d, industryPool), Stage: one(d, stagePool),
		Focus: some(d, focusPool, 2), Employees: int(one(d, numberPool)), Patents: int(one(d, numberPool)),
	}
	if d.below(4) > 0 {
		e.Facts.Founded = one(d, dayPool)
	}
	e.Facts.Revenue = maybe(d, func() events.Money {
		return events.Money{Minor: one(d, append(amountPool, 0)), Currency: one(d, currencyPool)}
	})
	e.Facts.RDExpense = maybe(d, func() events.Money {
		return events.Money{Minor: one(d, append(amountPool, 0)), Currency: one(d, currencyPool)}
	})
	for range d.below(3) {
		e.Facts.Titles = append(e.Facts.Titles, events.Title{Title: one(d, titlePool), ValidFrom: one(d, dayPool), ValidTo: one(d, dayPool)})
	}
	return e
}

func rulesFor(t fataler) *RuleSets {
	t.Helper()
	rules, err := LoadRules(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// with is the offer after a change of its standing.
func (o *Offer) with(version uint64, change func(*OfferStanding)) *Offer {
	s := o.OfferStanding
	s.Version = version
	change(&s)
	return o.standing(s)
}

// with is the demand after a change of what is held and filled.
func (d *Demand) with(version uint64, held, filled int64) *Demand {
	return d.standing(d.after(version, held, filled))
}

func openDemands(s *Service) (ids []string) {
	s.index.EachDemand(func(d HeldDemand) bool {
		ids = append(ids, d.ID)
		return true
	})
	return ids
}
