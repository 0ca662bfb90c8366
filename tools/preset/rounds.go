package preset

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// fundingRounds maps rounds.csv to enterprises and demands, and, given the whole folder, what each firm did in the rounds of the
// train split (the earlier ones) to an institution and its offer. Investors who are persons are left out.
func fundingRounds(path string, limit int) ([]*rows.Row, error) {
	file, folder, err := mainFile(path, "rounds.csv")
	if err != nil {
		return nil, err
	}
	records, err := table(file, limit, "round_id", "date", "company", "sector", "city", "state", "stage", "amount_usd", "split")
	if err != nil {
		return nil, err
	}
	out := roundEnterprises(records)
	if folder {
		investments, err := table(filepath.Join(path, "investments.csv"), 0, "round_id", "investor", "investor_kind")
		if err != nil {
			return nil, err
		}
		out = append(out, roundOffers(file, records, investments)...)
	}
	for _, r := range records {
		out = append(out, roundDemand(r))
	}
	return out, nil
}

// roundStage is the enterprise's stage of life (生命周期) at a round. The set's "pe" is every round after the seed.
var roundStage = map[string]string{"seed": "startup", "pe": "growth", "debt": "growth"}

// roundInstruments are what would have served the round.
var roundInstruments = map[string][]string{
	"seed": {"angel_equity", "vc_equity"},
	"pe":   {"vc_equity", "pe_equity"},
	"debt": {"credit_loan"},
}

// RoundCodes maps a round's sector and stage to the product's codes, as the import does: industry is empty where the sector is not
// mapped or says only "other", stage and instruments where the kind of round is not known.
func RoundCodes(sector, stage string) (industry, lifeStage string, instruments []string) {
	if industry = roundIndustry[sector]; industry == sectorOther {
		industry = ""
	}
	return industry, roundStage[stage], roundInstruments[stage]
}

// roundEnterprises makes one enterprise a company, as its last round shows it.
func roundEnterprises(records []*rows.Record) []*rows.Row {
	last := map[string]*rows.Record{}
	var order []string
	for _, r := range records {
		company := r.Get("company")
		if r.Problem != nil || company == "" {
			continue
		}
		before, seen := last[company]
		if !seen {
			order = append(order, company)
		}
		if !seen || before.Get("date") <= r.Get("date") {
			last[company] = r
		}
	}
	out := make([]*rows.Row, 0, len(order))
	for _, company := range order {
		r := last[company]
		row := r.Row(rows.Enterprise)
		industry, ok := roundIndustry[r.Get("sector")]
		if !ok {
			out = append(out, refused(row, unknownSector(r)))
			continue
		}
		out = append(out, made(row, events.RegisterEnterprise{
			ID: companyID(company), Scheme: events.SchemePrivate, Name: company,
			Region: abroad, Industry: industry, Stage: roundStage[r.Get("stage")],
		}))
	}
	return out
}

func companyID(company string) string { return slug("x-round-", company) }

func unknownSector(r *rows.Record) *events.Problem {
	return events.ErrIndustry.Refusef("/sector", "行业分类 %q 未映射到 GB/T 4754", "sector %q is not mapped to GB/T 4754", r.Get("sector"))
}

func roundDemand(r *rows.Record) *rows.Row {
	row := r.Row(rows.Demand)
	if row.Problem != nil {
		return row
	}
	amount, known := dollars(r.Get("amount_usd"))
	instruments := roundInstruments[r.Get("stage")]
	industry, mapped := roundIndustry[r.Get("sector")]
	switch {
	case !events.ValidID(r.Get("round_id")) || r.Get("company") == "":
		return refused(row, events.ErrID.Refuse("/round_id", "缺少轮次编号或企业名", "the round's id or company is missing"))
	case !known:
		return refused(row, events.ErrMoney.Refuse("/amount_usd", "金额未知", "amount unknown"))
	case instruments == nil:
		return refused(row, events.ErrCode.Refusef("/stage", "轮次类型未知：%q", "the kind of round is unknown: %q", r.Get("stage")))
	case !mapped:
		return refused(row, unknownSector(r))
	}
	return made(row, events.PublishDemand{
		ID:         "round-" + r.Get("round_id"),
		Enterprise: companyID(r.Get("company")),
		DemandTerms: events.DemandTerms{
			Instruments: instruments, Amount: amount, ValidUntil: validUntil,
			Title: title(r.Get("date"), r.Get("stage")+" round", r.Get("sector"), r.Get("city"), r.Get("state")),
		},
		Region: abroad, Industry: industry, Source: "funding-rounds",
	})
}

// title joins the parts that are there.
func title(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return strings.TrimSpace(s) == "" }), ", ")
}

// firm is what the earlier rounds say of an investor.
type firm struct {
	name    string
	first   string // day of its first round
	rounds  int
	amounts []events.Money
	sectors map[string]int
	stages  map[string]int // of the rounds: seed, pe, debt
}

// roundOffers reads each firm's mandate off its earlier rounds. The set says what whole rounds raised, not what each firm gave.
func roundOffers(file string, records, investments []*rows.Record) []*rows.Row {
	earlier := map[string]*rows.Record{}
	for _, r := range records {
		if r.Problem == nil && r.Get("split") == "train" {
			earlier[r.Get("round_id")] = r
		}
	}
	firms := map[string]*firm{}
	for _, i := range investments {
		round, ok := earlier[i.Get("round_id")]
		if i.Problem != nil || i.Get("investor_kind") != "firm" || i.Get("investor") == "" || !ok {
			continue
		}
		f := firms[i.Get("investor")]
		if f == nil {
			f = &firm{name: i.Get("investor"), first: round.Get("date"), sectors: map[string]int{}, stages: map[string]int{}}
			firms[f.name] = f
		}
		f.rounds++
		f.first = min(f.first, round.Get("date"))
		f.sectors[round.Get("sector")]++
		f.stages[round.Get("stage")]++
		if amount, ok := dollars(round.Get("amount_usd")); ok {
			f.amounts = append(f.amounts, amount)
		}
	}
	var parties, offers []*rows.Row
	for _, name := range slices.Sorted(maps.Keys(firms)) {
		f := firms[name]
		kind, licence, instrument := f.kind()
		parties = append(parties, derived(file, rows.Party, events.RegisterParty{
			ID: slug("round-firm-", name), Kind: kind, Name: name, Region: abroad,
			Licences: []events.Licence{{Licence: licence, Number: recorded, ValidFrom: events.Date(f.first)}},
		}))
		offers = append(offers, f.offer(file, instrument))
	}
	return append(parties, offers...)
}

// kind reads off the rounds: only seed, both, or only later ones.
func (f *firm) kind() (kind, licence, instrument string) {
	switch seed, later := f.stages["seed"] > 0, f.stages["pe"] > 0; {
	case seed && !later:
		return "angel", "angel_investor", "angel_equity"
	case later && !seed:
		return "pe", "pe_vc_fund_manager", "pe_equity"
	default:
		return "vc", "pe_vc_fund_manager", "vc_equity"
	}
}

func (f *firm) offer(file, instrument string) *rows.Row {
	id := slug("round-offer-", f.name)
	if len(f.amounts) == 0 {
		row := derived(file, rows.Offer, map[string]string{"id": id, "party": slug("round-firm-", f.name)})
		return refused(row, events.ErrMoney.Refuse("/max_ticket", "该机构历次投资的金额均未知", "amount unknown: none of the firm's earlier rounds has one"))
	}
	least, most := ticketRange(f.amounts)
	offer := events.PublishOffer{
		ID: id, Party: slug("round-firm-", f.name),
		OfferTerms: events.OfferTerms{
			Instrument: instrument, MinTicket: least, MaxTicket: most,
			Capacity: events.Money{Minor: most.Minor * capacityTickets, Currency: most.Currency},
			Title:    f.name, ValidUntil: validUntil,
		},
		Source: "funding-rounds",
	}
	offer.Appetite = append(f.preferences(events.FieldIndustry, f.sectors, func(sector string) string {
		if roundIndustry[sector] == sectorOther {
			return "" // "other" says nothing about a firm's taste
		}
		return roundIndustry[sector]
	}), f.preferences(events.FieldStage, f.stages, func(stage string) string { return roundStage[stage] })...)
	return derived(file, rows.Offer, offer)
}

// preferences weigh each value by its share of the firm's rounds, in per cent. Cities are left out: regions abroad have one code.
func (f *firm) preferences(field string, counts map[string]int, code func(string) string) []events.Preference {
	shares := map[string]int{}
	for name, n := range counts {
		if c := code(name); c != "" {
			shares[c] += n
		}
	}
	var out []events.Preference
	for c, n := range shares {
		out = append(out, events.Preference{Field: field, Values: []string{c}, Weight: max(1, n*100/f.rounds)})
	}
	slices.SortFunc(out, func(a, b events.Preference) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Values[0], b.Values[0]))
	})
	return out[:min(len(out), 16)]
}

// ticketRange is half the smallest to twice the largest amount seen: a firm that has done 1 million will look at 2. The factor is
// an assumption; with the bare amounts a firm with one known deal would only ever match that very amount.
func ticketRange(amounts []events.Money) (least, most events.Money) {
	byAmount := func(a, b events.Money) int { return cmp.Compare(a.Minor, b.Minor) }
	least, most = slices.MinFunc(amounts, byAmount), slices.MaxFunc(amounts, byAmount)
	least.Minor = max(least.Minor/2, 1)
	most.Minor *= 2
	return least, most
}
