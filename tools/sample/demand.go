package sample

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// need is what an enterprise of a stage asks for: instruments of which any would do, and the sizes they follow.
type need struct {
	instruments []string
	size        []quantile
	weight      int
	use         string
	security    []string
}

// needs follow the relay: early stages ask for equity, later ones for loans and bonds. The weights are assumptions.
var needs = map[string][]need{
	"seed": {
		{[]string{"angel_equity", "vc_equity"}, seedUSD, 70, "rnd", nil},
		{[]string{"credit_loan", "guaranteed_loan"}, loanUSD, 30, "working_capital", []string{"credit", "guarantee"}},
	},
	"startup": {
		{[]string{"vc_equity", "angel_equity"}, seedUSD, 45, "rnd", nil},
		{[]string{"credit_loan", "ip_pledge_loan", "guaranteed_loan"}, loanUSD, 45, "working_capital", []string{"credit", "ip_pledge", "guarantee"}},
		{[]string{"insurance_rnd_cost"}, loanUSD, 10, "rnd", nil},
	},
	"growth": {
		{[]string{"vc_equity", "pe_equity"}, peUSD, 35, "expansion", nil},
		{[]string{"credit_loan", "ip_pledge_loan"}, loanUSD, 40, "working_capital", []string{"credit", "ip_pledge"}},
		{[]string{"secured_loan", "guaranteed_loan", "leasing"}, loanUSD, 25, "equipment", []string{"equipment", "guarantee"}},
	},
	"expansion": {
		{[]string{"pe_equity", "aic_equity"}, peUSD, 30, "expansion", nil},
		{[]string{"secured_loan", "renovation_loan"}, loanUSD, 50, "technical_renovation", []string{"real_estate", "equipment"}},
		{[]string{"leasing"}, loanUSD, 20, "equipment", []string{"equipment"}},
	},
	"mature": {
		{[]string{"tech_bond", "tech_note"}, peUSD, 50, "refinancing", nil},
		{[]string{"renovation_loan", "secured_loan"}, loanUSD, 50, "technical_renovation", []string{"real_estate", "receivables"}},
	},
}

// Demand is row i of the sample demands (示例需求) of the first enterprises enterprises, enterprises >= 1.
func Demand(seed uint64, i, enterprises int) events.PublishDemand {
	owner := Enterprise(seed, i%enterprises)
	d := newDraw(seed, streamDemand, i)
	n := drawNeed(d, needs[owner.Stage])
	first, _ := codes.Instrument(n.instruments[0]) // a test holds needs to the list
	amount := yuan(n.size, d.unit())
	r := events.PublishDemand{
		ID:         fmt.Sprintf("sample-demand-%06d", i+1),
		Enterprise: owner.ID,
		DemandTerms: events.DemandTerms{
			Instruments: slices.Clone(n.instruments),
			Amount:      amount,
			Use:         n.use,
			Security:    slices.Clone(n.security),
			Title:       first.Zh + " " + strconv.FormatInt(amount.Minor/1_000_000, 10) + " 万元（示例" + strconv.Itoa(i+1) + "）",
			ValidUntil:  validUntilDay,
		},
		Source: Source,
	}
	if !slices.ContainsFunc(n.instruments, func(code string) bool { e, _ := codes.Instrument(code); return !e.HasTerm }) {
		m := months(d.unit())
		r.TermMonths = &events.Months{Min: max(3, m/2), Max: m}
	}
	if !slices.ContainsFunc(n.instruments, func(code string) bool { e, _ := codes.Instrument(code); return e.PriceUnit != codes.BPPerYear }) {
		price := d.between(380, 750)
		r.MaxPriceBP = &price
	}
	if d.percent(30) {
		half := fen(max(amount.Minor/200/10_000*10_000, 10_000))
		r.MinAmount = &half
	}
	return r
}

func drawNeed(d *draw, from []need) need {
	total := 0
	for _, n := range from {
		total += n.weight
	}
	at := d.n(total)
	for _, n := range from {
		if at -= n.weight; at < 0 {
			return n
		}
	}
	return from[0]
}
