package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/edge"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/portal"
)

// recommendations is the answer to GET /v1/demands/{id}/recommendations: a fresh ranking, and the recommendation on record.
type recommendations struct {
	Demand      string            `json:"demand"`
	Version     uint64            `json:"version"`
	AsOf        time.Time         `json:"as_of"`
	RuleSet     string            `json:"rule_set"`
	RuleSetHash string            `json:"rule_set_hash"`
	Eligible    int               `json:"eligible"`
	Epoch       string            `json:"epoch"`
	Positions   []string          `json:"positions"`
	Removed     []matcher.Removed `json:"removed,omitempty"` // which condition took how many offers away; only where none is left
	Recorded    json.RawMessage   `json:"recorded"`          // null until there is one
	Offers      []rankedOffer     `json:"offers"`
	Notice      string            `json:"notice"`
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

// matchQueries asks the matcher, wherever it runs, on behalf of somebody who may.
type matchQueries struct {
	s        *System
	gate     *matcher.Gate
	validate func(typ string, data []byte) (any, error)
	drafts   prometheus.Counter
}

// newMatchQueries makes the door to the matcher.
func (s *System) newMatchQueries() (*matchQueries, error) {
	validator, err := edge.New()
	if err != nil {
		return nil, err
	}
	q := &matchQueries{s: s, gate: matcher.NewGate(s.options.AskLimits), validate: validator.Payload, drafts: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "jieli_match_drafts_total", Help: "Drafts that were matched without being published; nothing else is kept of them.",
	})}
	s.registry.MustRegister(q.drafts)
	return q, nil
}

// Ask implements portal.Matcher.
func (m *matchQueries) Ask(ctx context.Context, q portal.Question) (any, error) {
	if q.Ask == portal.AskBlocked {
		if _, ok := codes.Region(q.Region); q.Region != "" && !ok {
			return nil, events.ErrRegion.Refusef("/region", "没有行政区划 %s", "there is no region %s", q.Region)
		}
		return forward(ctx, m.s, askBlocked, matchQuestion{Region: q.Region})
	}
	asker, err := m.admit(ctx, &q)
	if err != nil {
		return nil, err
	}
	question := matchQuestion{Limit: q.Limit, Epoch: q.Epoch}
	switch q.Ask {
	case portal.AskMatch:
		question.Demand = q.ID
		return m.recommendations(ctx, question, q.Lang)
	case portal.AskExplain:
		question.Demand, question.Offer = q.ID, q.Offer
		if asker.limited() {
			if err := m.gate.Judge(asker.bucket, q.Offer, q.ID, asker.version, time.Now()); err != nil {
				return nil, err
			}
		}
		return forward(ctx, m.s, askExplain, question)
	case portal.AskNearMisses:
		question.Demand = q.ID
		return m.nearMisses(ctx, question, asker)
	case portal.AskStack:
		question.Demand = q.ID
		return forward(ctx, m.s, askStack, question)
	case portal.AskLeads:
		question.Offer = q.ID
		return forward(ctx, m.s, askLeads, question)
	}
	if question.Draft, err = m.draft(ctx, &q); err != nil {
		return nil, err
	}
	m.drafts.Inc()
	return forward(ctx, m.s, askDraft, question)
}

// forward puts a question and hands the answer on as it is.
func forward(ctx context.Context, s *System, subject string, q matchQuestion) (any, error) {
	var body json.RawMessage
	err := s.ask(ctx, subject, q, &body)
	return body, err
}

func (m *matchQueries) recommendations(ctx context.Context, q matchQuestion, lang string) (any, error) {
	var a matcher.Matches
	if err := m.s.ask(ctx, askMatch, q, &a); err != nil {
		return nil, err
	}
	recorded, err := m.s.recorded(ctx, q.Demand)
	if err != nil {
		return nil, err
	}
	answer := recommendations{Demand: a.Demand, Version: a.DemandVersion, AsOf: a.AsOf, RuleSet: a.RuleSet, RuleSetHash: a.RuleSetHash, Eligible: a.Eligible,
		Epoch: a.Epoch, Positions: a.Positions, Removed: a.Removed, Recorded: recorded, Offers: []rankedOffer{}, Notice: a.Notice.Zh}
	if lang == "en" {
		answer.Notice = a.Notice.En
	}
	for _, p := range a.Matches {
		ranked := rankedOffer{Rank: p.Rank, RankedOffer: p.RankedOffer, PartyName: p.PartyName, Terms: p.Explanation.Terms, Reasons: p.Reasons.Zh}
		if lang == "en" {
			ranked.Reasons = p.Reasons.En
		}
		answer.Offers = append(answer.Offers, ranked)
	}
	return answer, nil
}

// nearMisses leaves out the offers about which the asker has asked for too many versions of its demands: Limited says how many.
func (m *matchQueries) nearMisses(ctx context.Context, q matchQuestion, by asker) (any, error) {
	if !by.limited() {
		return forward(ctx, m.s, askNearMisses, q)
	}
	var a struct {
		matcher.NearMisses
		Limited int `json:"limited"`
	}
	if err := m.s.ask(ctx, askNearMisses, q, &a.NearMisses); err != nil {
		return nil, err
	}
	found := len(a.NearMisses.NearMisses)
	a.NearMisses.NearMisses = slices.DeleteFunc(a.NearMisses.NearMisses, func(n matcher.NearMiss) bool {
		return m.gate.Judge(by.bucket, n.Offer, q.Demand, by.version, time.Now()) != nil
	})
	a.Limited = found - len(a.NearMisses.NearMisses)
	return a, nil
}

// draft decides the publication of a draft without giving it to the ledger: what a publication would be refused for, it is too.
func (m *matchQueries) draft(ctx context.Context, q *portal.Question) (*events.DemandPublished, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(q.Draft, &fields); err != nil || fields == nil {
		return nil, events.ErrMalformed.Refuse("", "请求内容须为发布需求的内容", "the body must be what publishes a demand")
	}
	payload := q.Draft
	if _, named := fields["id"]; !named {
		fields["id"] = json.RawMessage(`"draft"`)
		payload, _ = json.Marshal(fields) // a map of JSON values encodes
	}
	data, err := m.validate(events.TypePublishDemand, payload)
	if err != nil {
		return nil, err
	}
	publish, ok := data.(*events.PublishDemand)
	i := slices.IndexFunc(m.s.services, func(s app.Service) bool { return s.Machine.Context() == "demand" })
	if !ok || i < 0 {
		return nil, fmt.Errorf("allinone: a draft is %T", data)
	}
	now := time.Now().UTC()
	c := &step.Command{ID: events.NewUUID7(now), Type: events.TypePublishDemand, Subject: publish.ID, Actor: q.Actor, Data: publish}
	if err := m.s.services[i].Prepare(ctx, c); err != nil {
		return nil, err
	}
	decided, err := m.s.services[i].Machine.New().Decide(c, now)
	if err != nil {
		return nil, err
	}
	published, ok := decided[0].Data.(*events.DemandPublished)
	if !ok {
		return nil, fmt.Errorf("allinone: a draft was decided as %s", decided[0].Type)
	}
	return published, nil
}
