package matcher

import (
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// Basis says what an answer rests on: the rules, the instant, and how far which ledgers had been read.
type Basis struct {
	RuleSet     string     `json:"rule_set"`
	RuleSetHash string     `json:"rule_set_hash"`
	AsOf        time.Time  `json:"as_of"`
	Epoch       string     `json:"epoch,omitempty"` // of the positions: those of other ledgers under the same names have another
	Positions   []string   `json:"positions"`
	Notice      codes.Text `json:"notice"`
}

// basis is taken before the index is asked: the answer has seen at least what the positions say.
func (s *Service) basis(asOf time.Time) Basis {
	set := s.rules.At(events.DateOf(asOf))
	return Basis{RuleSet: set.ID, RuleSetHash: set.Hash, AsOf: asOf.UTC(), Positions: s.Positions(), Notice: notACreditScore}
}

// Matches is a fresh ranking for a demand, with the reasons of each place.
type Matches struct {
	Demand        string  `json:"demand"`
	DemandVersion uint64  `json:"demand_version"`
	Eligible      int     `json:"eligible"` // offers that passed every clause
	Matches       []Place `json:"matches"`  // best first
	// Removed says which conditions took how many offers away; only where none is left.
	Removed []Removed `json:"removed,omitempty"`
	Basis
}

// Place is one place of a ranking.
type Place struct {
	Rank int `json:"rank"` // from 1
	events.RankedOffer
	PartyName   string       `json:"party_name"`
	Reasons     codes.Text   `json:"reasons"`
	Explanation *Explanation `json:"explanation"`
}

// AnswersMax is the most places that may be asked for.
const AnswersMax = TopMax

// CheckPlaces refuses a number of places outside 1 to AnswersMax.
func CheckPlaces(k int) error {
	if k < 1 || k > AnswersMax {
		return events.ErrRange.Refusef("/limit", "数量须在 1 至 %d 之间", "the number is within 1 and %d", AnswersMax)
	}
	return nil
}

// open finds an open demand for a question about k places.
func (s *Service) open(demand string, k int) (*Demand, error) {
	if err := CheckPlaces(k); err != nil {
		return nil, err
	}
	d, ok := s.Demand(demand)
	if !ok {
		return nil, noDemand(demand)
	}
	return d, nil
}

func noDemand(id string) error {
	return events.ErrNotFound.Refusef("/demand", "没有编号为 %s 的未结需求", "there is no open demand %s", id)
}

// Match ranks the best k (1 to AnswersMax) offers for an open demand at an instant. Errors are problems: not-found for a demand
// that is not open.
func (s *Service) Match(demand string, k int, asOf time.Time) (*Matches, error) {
	basis := s.basis(asOf)
	d, err := s.open(demand, k)
	if err != nil {
		return nil, err
	}
	ranked, eligible := s.index.Top(d, asOf, k)
	m := &Matches{Demand: d.ID, DemandVersion: d.Version, Eligible: eligible, Matches: make([]Place, len(ranked)), Basis: basis}
	for i := range ranked {
		offer := ranked[i].Offer()
		e := s.rules.Explain(d, offer, asOf)
		e.Positions = basis.Positions
		m.Matches[i] = place(i+1, e, offer)
	}
	if eligible == 0 {
		_, m.Removed = s.rules.missed(s.index, d, asOf, 0)
	}
	return m, nil
}

func place(rank int, e *Explanation, o *Offer) Place {
	return Place{
		Rank:        rank,
		RankedOffer: events.RankedOffer{Offer: o.ID, Version: o.Version, Party: o.Party, Instrument: o.Terms.Instrument, Score: e.Score},
		PartyName:   o.Facts.Name,
		Reasons:     codes.Text{Zh: e.Reasons(Chinese), En: e.Reasons(English)},
		Explanation: e,
	}
}

// Explain says why an offer fits an open demand, or why not. Errors are problems: not-found for a demand that is not open or an
// offer that is over.
func (s *Service) Explain(demand, offer string, asOf time.Time) (*Explanation, error) {
	positions := s.Positions()
	d, err := s.open(demand, 1)
	if err != nil {
		return nil, err
	}
	o, err := s.offer(offer)
	if err != nil {
		return nil, err
	}
	e := s.rules.Explain(d, o, asOf)
	e.Positions = positions
	return e, nil
}

func (s *Service) offer(id string) (*Offer, error) {
	o, ok := s.index.Offer(id)
	if !ok {
		return nil, events.ErrNotFound.Refusef("/offer", "没有编号为 %s 的有效资金供给", "there is no offer %s that has not ended", id)
	}
	return o, nil
}

// NearMisses are the offers that one step parts from a demand.
type NearMisses struct {
	Demand        string     `json:"demand"`
	DemandVersion uint64     `json:"demand_version"`
	Eligible      int        `json:"eligible"`
	NearMisses    []NearMiss `json:"near_misses"` // nearest first
	Removed       []Removed  `json:"removed"`
	Basis
}

// NearMisses finds the nearest k (1 to AnswersMax) offers that fail an open demand in one public condition alone.
func (s *Service) NearMisses(demand string, k int, asOf time.Time) (*NearMisses, error) {
	basis := s.basis(asOf)
	d, err := s.open(demand, k)
	if err != nil {
		return nil, err
	}
	_, eligible := s.index.Top(d, asOf, 1)
	near, removed := s.rules.missed(s.index, d, asOf, k)
	return &NearMisses{Demand: d.ID, DemandVersion: d.Version, Eligible: eligible, NearMisses: append([]NearMiss{}, near...), Removed: removed, Basis: basis}, nil
}
