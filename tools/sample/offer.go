package sample

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// line is one funding product: which sizes it follows and what it costs, in 0.01 % of the instrument's price unit.
type line struct {
	instrument     string
	size           []quantile
	priceLow, high int
	stages         []string // that it is meant for
	tools          []string
}

var (
	early  = []string{"seed", "startup"}
	middle = []string{"startup", "growth"}
	late   = []string{"growth", "expansion", "mature"}
)

// lines are the products of each kind of institution. Prices are assumptions.
var lines = map[string][]line{
	"bank": {
		{"credit_loan", loanUSD, 300, 480, middle, []string{"relending_tech", "relending_small", "sme_coordination"}},
		{"ip_pledge_loan", loanUSD, 310, 470, middle, []string{"sme_coordination", "ip_pledge_pool"}},
		{"guaranteed_loan", loanUSD, 300, 450, middle, []string{"guarantee_plan", "sme_coordination"}},
		{"secured_loan", loanUSD, 280, 430, late, []string{"relending_tech", "sme_coordination"}},
		{"renovation_loan", loanUSD, 260, 400, late, []string{"relending_tech"}},
	},
	"vc":        {{"vc_equity", seedUSD, 0, 0, middle, nil}, {"vc_equity", peUSD, 0, 0, middle, nil}},
	"pe":        {{"pe_equity", peUSD, 0, 0, late, nil}},
	"angel":     {{"angel_equity", seedUSD, 0, 0, early, nil}},
	"aic":       {{"aic_equity", peUSD, 0, 0, late, []string{"aic_equity_pilot"}}},
	"insurer":   {{"insurance_loan_guarantee", loanUSD, 80, 220, middle, nil}, {"insurance_rnd_cost", loanUSD, 150, 400, middle, nil}, {"insurance_ip", loanUSD, 60, 200, late, nil}},
	"guarantor": {{"guarantee", loanUSD, 50, 150, middle, []string{"guarantee_plan"}}},
	"leasing":   {{"leasing", loanUSD, 400, 700, late, nil}},
	"underwriter": {
		{"tech_note", peUSD, 200, 380, late, []string{"tech_bond_tool"}},
		{"tech_bond", peUSD, 210, 400, late, []string{"tech_bond_tool"}},
	},
}

// Offer is row i of the sample offers (示例产品) of the first parties institutions, parties >= 1.
func Offer(seed uint64, i, parties int) events.PublishOffer {
	owner := Party(seed, i%parties)
	d := newDraw(seed, streamOffer, i)
	products := lines[owner.Kind]
	product := products[d.n(len(products))]
	instrument, _ := codes.Instrument(product.instrument) // a test holds lines to the list
	least := yuan(product.size, 0.35*d.unit())
	most := yuan(product.size, 0.60+0.395*d.unit())
	o := events.PublishOffer{
		ID:    fmt.Sprintf("sample-offer-%06d", i+1),
		Party: owner.ID,
		OfferTerms: events.OfferTerms{
			Instrument: product.instrument,
			MinTicket:  least,
			MaxTicket:  most,
			Capacity:   events.Money{Minor: most.Minor * int64(d.between(5, 40)), Currency: most.Currency},
			Title:      instrument.Zh + "（示例" + strconv.Itoa(i+1) + "）",
			ValidUntil: validUntilDay,
		},
		Source: Source,
	}
	if instrument.HasTerm {
		o.TermMonths = &events.Months{Min: min(12, months(0.02+0.2*d.unit())), Max: months(0.5 + 0.49*d.unit())}
	}
	if instrument.PriceUnit != codes.NoPrice && product.high > 0 {
		low := d.between(product.priceLow, (product.priceLow+product.high)/2)
		high := d.between(low, product.high)
		o.MinPriceBP, o.MaxPriceBP = &low, &high
	}
	for _, tool := range product.tools {
		if d.percent(30) {
			o.PolicyTools = append(o.PolicyTools, tool)
		}
	}
	o.Eligibility = eligibility(d, owner, product)
	o.Appetite = appetite(d, owner, product)
	return o
}

// eligibility draws few hard clauses: every further one halves the market.
func eligibility(d *draw, owner events.RegisterParty, product line) []events.Clause {
	var out []events.Clause
	if d.percent(30) {
		out = append(out, events.Clause{Field: events.FieldRegion, Op: events.OpIn, Values: []string{province(owner.Region)}, Visibility: events.VisiblePublic})
	}
	if d.percent(20) {
		out = append(out, events.Clause{Field: events.FieldIndustry, Op: events.OpIn, Values: d.several(6, industryMix), Visibility: events.VisiblePublic})
	}
	switch {
	case d.percent(25):
		out = append(out, events.Clause{Field: events.FieldTitle, Op: events.OpAny,
			Values: []string{"high_tech", "technology_sme", "specialised_new", "little_giant"}, Visibility: events.VisiblePublic})
	case d.percent(25):
		out = append(out, events.Clause{Field: events.FieldStage, Op: events.OpIn, Values: slices.Clone(product.stages), Visibility: events.VisiblePublic})
	}
	number := func(field string, value int64, visibility string) {
		out = append(out, events.Clause{Field: field, Op: events.OpMin, Number: &value, Visibility: visibility})
	}
	if d.percent(20) {
		number(events.FieldEmployees, int64(d.between(3, 20)), events.VisibleMatched)
	}
	if d.percent(15) {
		number(events.FieldAge, int64(12*d.between(1, 3)), events.VisiblePublic)
	}
	if d.percent(15) {
		number(events.FieldRevenue, fen(int64(d.between(1, 10))*1_000_000).Minor, events.VisiblePrivate)
	}
	return out
}

func appetite(d *draw, owner events.RegisterParty, product line) []events.Preference {
	out := []events.Preference{
		{Field: events.FieldIndustry, Values: d.several(d.between(2, 4), industryMix), Weight: d.between(20, 100)},
		{Field: events.FieldStage, Values: slices.Clone(product.stages), Weight: d.between(20, 80)},
	}
	if d.percent(60) {
		out = append(out, events.Preference{Field: events.FieldRegion, Values: []string{province(owner.Region)}, Weight: d.between(20, 100)})
	}
	if d.percent(40) {
		out = append(out, events.Preference{Field: events.FieldFocus, Values: []string{focusOf[d.mix(industryMix)]}, Weight: d.between(10, 60)})
	}
	return out
}
