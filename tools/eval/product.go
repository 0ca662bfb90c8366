package eval

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
	"github.com/jieli-bus/jieli/tools/preset"
)

// Product ranks as the product does: the matcher's rules judge an offer whose preferences are the shares of the firm's earlier
// rounds, and the appetite adds what the firm really did.
//
// The set has no ticket sizes (it says what whole rounds raised), no terms and no prices, so the offers leave them open and all
// firms have the neutral points there. An amount that is not known is taken to be the median of the past rounds of the same stage,
// for the rules only.
type Product struct {
	set   *appetite.Set // nil: the rules alone
	rules *matcher.RuleSets

	book    *appetite.Book
	firms   map[string]*mandate
	amounts map[string][]int64 // known ones by stage, ascending
}

// mandate is what a firm's earlier rounds say of it.
type mandate struct {
	rounds     int
	industries map[string]int
	stages     map[string]int
	offer      *matcher.Offer // nil when it must be made again
}

// instrument is the one that serves early and late rounds alike: the set does not say which instrument a firm used.
const instrument = "vc_equity"

// until is past the end of any set.
var until = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// NewProduct makes a ranker of the product's scoring. Without a set it scores by the rules alone.
func NewProduct(rules *matcher.RuleSets, set *appetite.Set) *Product {
	p := &Product{set: set, rules: rules, firms: make(map[string]*mandate), amounts: make(map[string][]int64)}
	if set != nil {
		p.book = appetite.NewBook(set)
	}
	return p
}

// Name is of Ranker.
func (p *Product) Name() string {
	if p.set == nil {
		return "product, rules alone"
	}
	return "product"
}

// Learn is of Ranker.
func (p *Product) Learn(r *Round) {
	if r.Amount != nil {
		list := p.amounts[r.Stage]
		at, _ := slices.BinarySearch(list, r.Amount.Minor)
		p.amounts[r.Stage] = slices.Insert(list, at, r.Amount.Minor)
	}
	subject := subjectOf(r)
	industry, stage, _ := preset.RoundCodes(r.Sector, r.Stage)
	for _, firm := range r.Firms {
		m := p.firms[firm]
		if m == nil {
			m = &mandate{industries: make(map[string]int), stages: make(map[string]int)}
			p.firms[firm] = m
		}
		m.offer = nil
		m.rounds++
		if industry != "" {
			m.industries[industry]++
		}
		if stage != "" {
			m.stages[stage]++
		}
		if p.book != nil {
			p.book.Add(appetite.Outcome{Institution: firm, Kind: appetite.Disbursed, Day: r.Day, Subject: subject})
		}
	}
}

// Rank is of Ranker.
func (p *Product) Rank(r *Round, candidates []string) []int64 {
	scores := p.ruleScores(r, candidates)
	if p.set == nil {
		return scores
	}
	asked := p.book.Ask(subjectOf(r), r.Day)
	for i, firm := range candidates {
		scores[i] = scores[i]*int64(p.set.Weights.Rules) + int64(asked.Total(firm))
	}
	return scores
}

// ruleScores judges each candidate's offer by the matcher's rules of the day.
func (p *Product) ruleScores(r *Round, candidates []string) []int64 {
	d, asOf := p.demand(r)
	scores := make([]int64, len(candidates))
	for i, firm := range candidates {
		scores[i] = int64(p.rules.Explain(d, p.firms[firm].compiled(firm), asOf).Score)
	}
	return scores
}

func (p *Product) demand(r *Round) (*matcher.Demand, time.Time) {
	industry, stage, instruments := preset.RoundCodes(r.Sector, r.Stage)
	if !slices.Contains(instruments, instrument) {
		instruments = append(slices.Clone(instruments), instrument)
	}
	amount := events.Money{Minor: 1, Currency: "USD"}
	if list := p.amounts[r.Stage]; r.Amount != nil {
		amount = *r.Amount
	} else if len(list) > 0 {
		amount.Minor = list[len(list)/2]
	}
	asOf, err := r.Date.Start()
	if err != nil {
		panic("eval: a round without a day was read: " + err.Error())
	}
	return matcher.NewDemand(&events.DemandPublished{
		ID: r.ID, Enterprise: r.Company, Industry: industry,
		DemandTerms: events.DemandTerms{Instruments: instruments, Amount: amount, ValidUntil: until},
		Facts:       events.EnterpriseFacts{Name: r.Company, Industry: industry, Stage: stage},
	}, 1), asOf
}

// compiled is the firm's offer as of now.
func (m *mandate) compiled(firm string) *matcher.Offer {
	if m.offer != nil {
		return m.offer
	}
	cash := func(minor int64) events.Money { return events.Money{Minor: minor, Currency: "USD"} }
	const plenty = 1 << 50
	m.offer = matcher.NewOffer(&events.OfferPublished{
		ID: firm, Party: firm,
		OfferTerms: events.OfferTerms{
			Instrument: instrument, Capacity: cash(plenty), MinTicket: cash(1), MaxTicket: cash(plenty), ValidUntil: until,
			Appetite: append(m.preferences(events.FieldIndustry, m.industries), m.preferences(events.FieldStage, m.stages)...),
		},
		Facts: events.PartyFacts{Kind: "vc", Name: firm},
	}, 1)
	return m.offer
}

// preferencesMax of one field; the most frequent ones are kept.
const preferencesMax = 16

// preferences weigh each value by its share of the firm's rounds, in per cent.
func (m *mandate) preferences(field string, counts map[string]int) []events.Preference {
	var list []events.Preference
	for code, n := range counts {
		list = append(list, events.Preference{Field: field, Values: []string{code}, Weight: max(1, n*100/m.rounds)})
	}
	slices.SortFunc(list, func(a, b events.Preference) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), strings.Compare(a.Values[0], b.Values[0]))
	})
	return list[:min(len(list), preferencesMax)]
}

// subjectOf is what a round shows to appetite.
func subjectOf(r *Round) appetite.Subject {
	industry, stage, _ := preset.RoundCodes(r.Sector, r.Stage)
	s := appetite.Subject{Stage: stage, Amount: r.Amount}
	for _, depth := range []int{1, 3, 4, 5} { // section I, division I65, group I651, class I6513
		if len(industry) >= depth {
			s.Industry = append(s.Industry, industry[:depth])
		}
	}
	for _, place := range []string{r.State, r.City} {
		if place != "" {
			s.Place = append(s.Place, place)
		}
	}
	return s
}
