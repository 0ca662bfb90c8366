package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/matcher"
)

// recommendations is the answer to GET /v1/demands/{id}/recommendations: a fresh ranking, and the recommendation on record.
type recommendations struct {
	Demand      string          `json:"demand"`
	Version     uint64          `json:"version"`
	AsOf        time.Time       `json:"as_of"`
	RuleSet     string          `json:"rule_set"`
	RuleSetHash string          `json:"rule_set_hash"`
	Eligible    int             `json:"eligible"`
	Positions   []string        `json:"positions"`
	Recorded    json.RawMessage `json:"recorded"` // null until there is one
	Offers      []rankedOffer   `json:"offers"`
	Notice      string          `json:"notice"`
}

type rankedOffer struct {
	Rank int `json:"rank"`
	events.RankedOffer
	PartyName string              `json:"party_name"`
	Terms     []matcher.ScoreTerm `json:"terms"`
	Reasons   string              `json:"reasons"`
}

// recorded is the recommendation that the ledger holds for a demand, or null.
func (s *System) recorded(ctx context.Context, demand string) (json.RawMessage, error) {
	d, err := s.store.Get(ctx, matcher.Context, demand)
	if errors.Is(err, store.ErrNotFound) {
		return json.RawMessage("null"), nil
	}
	return d.Body, err
}

// matchQuestion asks for a fresh ranking, why an offer fits, a stack or a clearing.
type matchQuestion struct {
	Demand   string               `json:"demand,omitempty"`
	Offer    string               `json:"offer,omitempty"`
	Clearing *matcher.ClearingAsk `json:"clearing,omitempty"`
}

// answerMatches answers from the matcher of this process.
func (s *System) answerMatches() error {
	for subject, find := range map[string]func(*matcher.Service, matchQuestion) (any, error){
		askMatch: func(m *matcher.Service, q matchQuestion) (any, error) { return m.Match(q.Demand, time.Now().UTC()) },
		askExplain: func(m *matcher.Service, q matchQuestion) (any, error) {
			return m.Explain(q.Demand, q.Offer, time.Now().UTC())
		},
		askStack: func(m *matcher.Service, q matchQuestion) (any, error) { return m.Stack(q.Demand, time.Now().UTC()) },
		askClear: func(m *matcher.Service, q matchQuestion) (any, error) {
			if q.Clearing == nil {
				return nil, events.ErrMalformed.Refuse("/clearing", "缺少内容", "it is missing")
			}
			return m.Clear(*q.Clearing, time.Now().UTC())
		},
	} {
		_, err := s.answers(subject, func(ctx context.Context, question []byte) (any, error) {
			var q matchQuestion
			if err := json.Unmarshal(question, &q); err != nil {
				return nil, events.ErrMalformed.Refuse("", "无法解析", "it cannot be read")
			}
			service, err := s.matcher.fresh(ctx)
			if err != nil {
				return nil, err
			}
			return find(service, q)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// matchQueries asks the matcher, wherever it runs.
type matchQueries struct{ s *System }

// Match implements portal.Matcher.
func (q matchQueries) Match(ctx context.Context, demand string, limit int, lang string) (any, error) {
	var m matcher.Matches
	if err := q.s.ask(ctx, askMatch, matchQuestion{Demand: demand}, &m); err != nil {
		return nil, err
	}
	recorded, err := q.s.recorded(ctx, demand)
	if err != nil {
		return nil, err
	}
	answer := recommendations{Demand: m.Demand, Version: m.DemandVersion, AsOf: m.AsOf, RuleSet: m.RuleSet, RuleSetHash: m.RuleSetHash, Eligible: m.Eligible,
		Positions: m.Positions, Recorded: recorded, Offers: []rankedOffer{}, Notice: m.Notice.Zh}
	if lang == "en" {
		answer.Notice = m.Notice.En
	}
	for _, p := range m.Matches[:min(limit, len(m.Matches))] {
		ranked := rankedOffer{Rank: p.Rank, RankedOffer: p.RankedOffer, PartyName: p.PartyName, Terms: p.Explanation.Terms, Reasons: p.Reasons.Zh}
		if lang == "en" {
			ranked.Reasons = p.Reasons.En
		}
		answer.Offers = append(answer.Offers, ranked)
	}
	return answer, nil
}

// Explain implements portal.Matcher.
func (q matchQueries) Explain(ctx context.Context, demand, offer string) (any, error) {
	var e json.RawMessage
	err := q.s.ask(ctx, askExplain, matchQuestion{Demand: demand, Offer: offer}, &e)
	return e, err
}

// Stack implements portal.Matcher.
func (q matchQueries) Stack(ctx context.Context, demand string) (any, error) {
	var stack json.RawMessage
	err := q.s.ask(ctx, askStack, matchQuestion{Demand: demand}, &stack)
	return stack, err
}
