package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
)

// Questions between processes, by request and reply. In one process they take the same way.
const (
	askCuts       = "jieli.ask.cuts"        // where the views stand, for a change of a grant
	askViews      = "jieli.ask.views"       // to be told when the views hold everything up to some places
	askParties    = "jieli.ask.parties"     // to have the views of parties that have credentials now; how many are missing is answered
	askMatch      = "jieli.ask.match"       // a fresh ranking
	askExplain    = "jieli.ask.explain"     // why an offer fits a demand, or not
	askNearMisses = "jieli.ask.near_misses" // the offers that one step parts from a demand
	askLeads      = "jieli.ask.leads"       // the best demands for an offer
	askDraft      = "jieli.ask.draft"       // what a demand would find if it were published
	askBlocked    = "jieli.ask.blocked"     // which conditions block how many demands
	askStack      = "jieli.ask.stack"       // the offers that together cover a demand
	askClear      = "jieli.ask.clear"       // a batch of demands given to offers
	tellAnew      = "jieli.tell.anew"       // derived streams have been deleted: who writes them looks at what is stored
)

// Bounds of questions.
const (
	answersAtOnce = 64              // of one kind in one process; more wait
	answerMax     = 2 * time.Minute // an answer takes no longer
	askPause      = 50 * time.Millisecond
	nobodyMax     = 5 * time.Second // how long a question waits for somebody who answers: a takeover
)

// answer is what goes back: a body or a refusal.
type answer struct {
	Body    json.RawMessage `json:"body,omitempty"`
	Problem *events.Problem `json:"problem,omitempty"`
}

// answers serves a question until stop is called. Processes that serve the same one share them.
func (s *System) answers(subject string, find func(ctx context.Context, question []byte) (any, error)) (stop func(), err error) {
	slots := make(chan struct{}, answersAtOnce)
	sub, err := s.commands.QueueSubscribe(subject, "answers", func(m *nats.Msg) {
		select {
		case slots <- struct{}{}:
		case <-s.background.Done():
			return
		}
		if !s.begin() {
			return
		}
		go func() {
			defer s.running.Done()
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(s.background, answerMax)
			defer cancel()
			if err := m.Respond(s.word(subject, ctx, m.Data, find)); err != nil {
				s.options.Log.Warn().Err(err).Str("subject", subject).Msg("an answer was not sent")
			}
		}()
	})
	if err != nil {
		return nil, fmt.Errorf("allinone: %s: %w", subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // it fails only when the connection has gone, and with it the subscription
}

func (s *System) word(subject string, ctx context.Context, question []byte, find func(ctx context.Context, question []byte) (any, error)) []byte {
	var a answer
	v, err := find(ctx, question)
	if err == nil {
		a.Body, err = json.Marshal(v)
	}
	if err != nil && !errors.As(err, &a.Problem) {
		s.options.Log.Error().Err(err).Str("subject", subject).Msg("a question could not be answered")
		a.Problem = events.ErrUnavailable.Refuse("", "暂时无法回答，请稍后重试", "it cannot be answered now; try again later")
	}
	b, err := json.Marshal(a)
	if err != nil {
		return []byte(`{}`) // cannot be: a body is JSON already, a problem always encodes
	}
	return b
}

// ask puts a question to whoever answers it. While nobody does it waits, as for a process that takes over.
func (s *System) ask(ctx context.Context, subject string, question, into any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	for begun := time.Now(); ; {
		m, err := s.commands.RequestWithContext(ctx, subject, body)
		if errors.Is(err, nats.ErrNoResponders) && time.Since(begun) < nobodyMax {
			select {
			case <-time.After(askPause):
				continue
			case <-ctx.Done():
			}
		}
		if err != nil {
			if errors.Is(err, nats.ErrNoResponders) || ctx.Err() != nil {
				return events.ErrUnavailable.Refusef("", "%s 无人应答，请稍后重试", "nobody answers %s; try again later", subject)
			}
			return fmt.Errorf("allinone: %s: %w", subject, err)
		}
		var a answer
		if err := json.Unmarshal(m.Data, &a); err != nil {
			return fmt.Errorf("allinone: %s: %w", subject, err)
		}
		if a.Problem != nil {
			return a.Problem
		}
		return json.Unmarshal(a.Body, into)
	}
}
