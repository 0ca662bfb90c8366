package preset

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// guaranteedLoans maps loans.csv to one enterprise a loan (borrowers are not named), a profile where the fiscal year is 2000 or
// later, a demand, and each lender to a bank with one offer of guaranteed loans. Community lenders that are no banks
// (development companies) are entered as banks too: the set does not tell them apart.
func guaranteedLoans(path string, limit int) ([]*rows.Row, error) {
	file, _, err := mainFile(path, "loans.csv")
	if err != nil {
		return nil, err
	}
	records, err := table(file, limit, "loan_id", "state", "naics", "approval_date", "approval_fy", "term_months", "employees",
		"approved_usd", "guarantee_share", "real_estate_backed", "lender")
	if err != nil {
		return nil, err
	}
	var enterprises, profiles, demands []*rows.Row
	lenders := map[string]*lender{}
	for _, r := range records {
		enterprise, problem := loanEnterprise(r)
		if problem != nil {
			enterprises = append(enterprises, refused(r.Row(rows.Enterprise), problem))
			continue
		}
		enterprises = append(enterprises, made(r.Row(rows.Enterprise), enterprise))
		if p, ok := loanProfile(r); ok {
			row := r.Row(rows.Profile)
			row.ID = enterprise.ID
			profiles = append(profiles, made(row, p))
		}
		demand, amount := loanDemand(r, enterprise)
		demands = append(demands, demand)
		if name := r.Get("lender"); name != "" && demand.Problem == nil {
			l := lenders[name]
			if l == nil {
				l = &lender{name: name, first: r.Get("approval_date")}
				lenders[name] = l
			}
			l.add(r, amount)
		}
	}
	var parties, offers []*rows.Row
	for _, name := range slices.Sorted(maps.Keys(lenders)) {
		l := lenders[name]
		parties = append(parties, derived(file, rows.Party, events.RegisterParty{
			ID: l.id("sba-lender-"), Kind: "bank", Name: name, Region: abroad,
			Licences: []events.Licence{{Licence: "bank", Number: recorded, ValidFrom: events.Date(l.first)}},
		}))
		offers = append(offers, derived(file, rows.Offer, l.offer()))
	}
	return slices.Concat(enterprises, parties, profiles, offers, demands), nil
}

func loanEnterprise(r *rows.Record) (events.RegisterEnterprise, *events.Problem) {
	if r.Problem != nil {
		return events.RegisterEnterprise{}, r.Problem
	}
	id, naics := r.Get("loan_id"), r.Get("naics")
	if !events.ValidID(id) {
		return events.RegisterEnterprise{}, events.ErrID.Refusef("/loan_id", "%q 不能作为编号", "%q cannot be an id", id)
	}
	industry, ok := naicsIndustry[naics[:min(4, len(naics))]]
	if !ok {
		return events.RegisterEnterprise{}, events.ErrIndustry.Refusef("/naics", "NAICS %q 未映射到 GB/T 4754", "NAICS %q is not mapped to GB/T 4754", naics)
	}
	return events.RegisterEnterprise{ID: "x-sba-" + id, Scheme: events.SchemePrivate, Name: "SBA borrower " + id, Region: abroad, Industry: industry}, nil
}

func loanProfile(r *rows.Record) (events.Profile, bool) {
	year, err := strconv.Atoi(r.Get("approval_fy"))
	employees, err2 := strconv.Atoi(r.Get("employees"))
	return events.Profile{FiscalYear: year, Employees: employees}, err == nil && err2 == nil && year >= 2000 && employees > 0
}

func loanDemand(r *rows.Record, enterprise events.RegisterEnterprise) (*rows.Row, events.Money) {
	row := r.Row(rows.Demand)
	amount, ok := dollars(r.Get("approved_usd"))
	if !ok {
		return refused(row, events.ErrMoney.Refuse("/approved_usd", "金额未知", "amount unknown")), amount
	}
	d := events.PublishDemand{
		ID: "loan-" + r.Get("loan_id"), Enterprise: enterprise.ID,
		DemandTerms: events.DemandTerms{
			Instruments: []string{"guaranteed_loan", "credit_loan"}, Amount: amount, ValidUntil: validUntil,
			Title: title(r.Get("approval_date"), "SBA loan", r.Get("state"), "guarantee share "+r.Get("guarantee_share")),
		},
		Region: abroad, Industry: enterprise.Industry, Source: "sba-loans",
	}
	if months, err := strconv.Atoi(r.Get("term_months")); err == nil && months > 0 && months <= 600 {
		d.TermMonths = &events.Months{Min: months, Max: months}
	}
	d.Security = []string{"guarantee"}
	if r.Get("real_estate_backed") == "1" {
		d.Security = append(d.Security, "real_estate")
	}
	return made(row, d), amount
}

// lender is what the loans say of a lender.
type lender struct {
	name    string
	first   string // day of its first loan
	amounts []events.Money
	months  []int
	shares  map[string]int // guarantee share -> loans
}

func (l *lender) id(prefix string) string { return slugUpper(prefix, l.name) }

func (l *lender) add(r *rows.Record, amount events.Money) {
	l.first = min(l.first, r.Get("approval_date"))
	l.amounts = append(l.amounts, amount)
	if months, err := strconv.Atoi(r.Get("term_months")); err == nil && months > 0 && months <= 600 {
		l.months = append(l.months, months)
	}
	if l.shares == nil {
		l.shares = map[string]int{}
	}
	l.shares[r.Get("guarantee_share")]++
}

// loansForQuantiles is how many loans make a lender's quantiles worth reading; below it the range is that of ticketRange.
const loansForQuantiles = 20

// offer is what the lender's past loans look like: from the 5 % to the 95 % quantile of the amounts, and all its terms.
func (l *lender) offer() events.PublishOffer {
	slices.SortFunc(l.amounts, func(a, b events.Money) int { return cmp.Compare(a.Minor, b.Minor) })
	least, most := between(l.amounts, 5), between(l.amounts, 95)
	if len(l.amounts) < loansForQuantiles {
		least, most = ticketRange(l.amounts)
	}
	usual := slices.MaxFunc(slices.Sorted(maps.Keys(l.shares)), func(a, b string) int { return cmp.Compare(l.shares[a], l.shares[b]) })
	o := events.PublishOffer{
		ID: l.id("sba-offer-"), Party: l.id("sba-lender-"),
		OfferTerms: events.OfferTerms{
			Instrument: "guaranteed_loan", MinTicket: least, MaxTicket: most,
			Capacity: events.Money{Minor: most.Minor * capacityTickets, Currency: most.Currency},
			Title:    title(l.name, "usual guarantee share "+usual), ValidUntil: validUntil,
		},
		Source: "sba-loans",
	}
	if len(l.months) > 0 {
		o.TermMonths = &events.Months{Min: slices.Min(l.months), Max: slices.Max(l.months)}
	}
	return o
}
