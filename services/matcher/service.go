package matcher

import (
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/matcher/stack"
)

// Path is the collection of recommendations in URLs. There is no creating one from outside.
const Path = "recommendations"

// Deps are what the service needs.
type Deps struct {
	Rules  *RuleSets                  // the dated rules of scoring; required
	Stacks *rules.Sets[stack.RuleSet] // what goes together in a stack; required
	Limits Limits
}

// Service is the matcher: the fold it keeps of the ledgers, and the questions that may be asked of it at any time.
type Service struct {
	*Reactor
	rules  *RuleSets
	stacks *rules.Sets[stack.RuleSet]
}

// New makes a matcher that has read nothing.
func New(deps Deps) *Service {
	return &Service{Reactor: NewReactor(NewCells(deps.Rules), deps.Rules, deps.Limits), rules: deps.Rules, stacks: deps.Stacks}
}

// App is the match context for the frame.
func App() app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider()),
		Path:    Path,
		Index:   indexes,
		Noun:    "撮合推荐", NounEN: "recommendation",
		Filters: []app.Filter{
			{Name: "enterprise", About: "企业编号", AboutEN: "id of the enterprise", Example: "91330106MA0000015K"},
			app.RegionFilter,
			app.IndustryFilter,
			{Name: "stage", About: "发展阶段，codes/stages.json", AboutEN: "stage of life, codes/stages.json", Example: "growth"},
			{Name: "instrument", About: "金融工具，codes/instruments.json", AboutEN: "instrument, codes/instruments.json", Example: "credit_loan"},
			{Name: "matched", About: "是否有推荐的资金供给", AboutEN: "whether an offer is recommended", Example: "true"},
		},
		Sorts: []string{"created", "updated"},
	}
}

// Matches is a fresh ranking for a demand, with the reasons of each place.
type Matches struct {
	Demand        string     `json:"demand"`
	DemandVersion uint64     `json:"demand_version"`
	Eligible      int        `json:"eligible"` // offers that passed every clause
	Matches       []Place    `json:"matches"`  // best first, at most 20
	RuleSet       string     `json:"rule_set"`
	RuleSetHash   string     `json:"rule_set_hash"`
	AsOf          time.Time  `json:"as_of"`
	Positions     []string   `json:"positions"`
	Notice        codes.Text `json:"notice"`
}

// Place is one place of a ranking.
type Place struct {
	Rank int `json:"rank"` // from 1
	events.RankedOffer
	PartyName   string       `json:"party_name"`
	Reasons     codes.Text   `json:"reasons"`
	Explanation *Explanation `json:"explanation"`
}

// Match ranks the offers for an open demand at an instant. Errors are problems: not-found for a demand that is not open.
func (s *Service) Match(demand string, asOf time.Time) (*Matches, error) {
	positions := s.Positions() // first: what follows has seen at least what they say
	d, ok := s.Demand(demand)
	if !ok {
		return nil, noDemand(demand)
	}
	ranked, eligible := s.index.Top(d, asOf, RecommendedMax)
	set := s.rules.At(events.DateOf(asOf))
	m := &Matches{
		Demand: d.ID, DemandVersion: d.Version, Eligible: eligible, Matches: make([]Place, len(ranked)),
		RuleSet: set.ID, RuleSetHash: set.Hash, AsOf: asOf.UTC(), Positions: positions, Notice: notACreditScore,
	}
	for i, p := range ranked {
		offer := p.Offer()
		e := s.rules.Explain(d, offer, asOf)
		e.Positions = positions
		m.Matches[i] = Place{
			Rank: i + 1,
			RankedOffer: events.RankedOffer{
				Offer: p.ID, Version: p.Version, Party: p.Party, Instrument: p.Instrument, Score: p.Score,
			},
			PartyName:   offer.Facts.Name,
			Reasons:     codes.Text{Zh: e.Reasons(Chinese), En: e.Reasons(English)},
			Explanation: e,
		}
	}
	return m, nil
}

// Explain says why an offer fits an open demand, or why not. Errors are problems: not-found for a demand that is not open or an
// offer that is over.
func (s *Service) Explain(demand, offer string, asOf time.Time) (*Explanation, error) {
	positions := s.Positions()
	d, ok := s.Demand(demand)
	if !ok {
		return nil, noDemand(demand)
	}
	o, ok := s.index.Offer(offer)
	if !ok {
		return nil, events.ErrNotFound.Refusef("/offer", "没有编号为 %s 的有效资金供给", "there is no offer %s that has not ended", offer)
	}
	e := s.rules.Explain(d, o, asOf)
	e.Positions = positions
	return e, nil
}

// Offers is the number of offers held, live or paused.
func (s *Service) Offers() int { return s.index.Offers() }

func noDemand(id string) error {
	return events.ErrNotFound.Refusef("/demand", "没有编号为 %s 的未结需求", "there is no open demand %s", id)
}
