package allinone

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/sharing"
)

// viewsQuestion asks to be told when the views hold everything of the sources up to some places.
type viewsQuestion struct {
	To map[string]uint64 `json:"to"` // by context: the sequence of an event
}

// viewOpenMax bounds the opening of one view: a broker elsewhere that does not know its account refuses for ever.
const viewOpenMax = 5 * time.Second

// openRecipients gives the pump the views that it does not write yet. Those of a broker elsewhere that does not know a party's account yet
// are left for the next time; missing says how many.
func (s *System) openRecipients(ctx context.Context) (missing int, err error) {
	recipients, err := s.recipients()
	if err != nil {
		return 0, err
	}
	for _, recipient := range recipients {
		reach, cancel := context.WithTimeout(ctx, viewOpenMax)
		stream, err := s.views.of(reach, recipient)
		cancel()
		if err != nil {
			s.options.Log.Warn().Err(err).Str("recipient", recipient).Msg("its view cannot be opened yet: does the broker know its account? / 视图暂不能打开：消息代理是否已有其账户？")
			missing++
			continue
		}
		s.pump.Add(&sharing.View{Department: recipient, Stream: stream, Ready: func(ctx context.Context) error {
			return stream.EnsureConsumer(ctx, jetstream.ConsumerConfig{
				Durable: ViewConsumer, Description: "the view is read through this consumer", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 10_000,
			})
		}})
	}
	return missing, nil
}

// writeViews writes the departments' views, and answers for where they stand, as long as this process is the one that does.
func (s *System) writeViews(ctx context.Context) error {
	if _, err := s.openRecipients(ctx); err != nil {
		return err
	}
	stopParties, err := s.answers(askParties, func(ctx context.Context, _ []byte) (any, error) { return s.openRecipients(ctx) })
	if err != nil {
		return err
	}
	defer stopParties()
	stopCuts, err := s.answers(askCuts, func(ctx context.Context, _ []byte) (any, error) { return s.pump.Cuts(ctx) })
	if err != nil {
		return err
	}
	defer stopCuts()
	stopViews, err := s.answers(askViews, func(ctx context.Context, question []byte) (any, error) {
		var q viewsQuestion
		if err := json.Unmarshal(question, &q); err != nil {
			return nil, events.ErrMalformed.Refuse("", "无法解析", "it cannot be read")
		}
		for _, source := range sharing.Sources {
			if err := s.pump.Complete(ctx, source, q.To[source]); err != nil {
				return nil, fmt.Errorf("the views have not caught up with %s: %w", source, err)
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	defer stopViews()
	return s.pump.Run(ctx)
}

// cuts asks who writes the views from which commit on a change of a grant governs.
func (s *System) cuts(ctx context.Context) (list []events.Cut, err error) {
	if s.options.WritersOnly { // nobody writes views of it
		return nil, nil
	}
	err = s.ask(ctx, askCuts, struct{}{}, &list)
	return list, err
}

// pumpComplete waits until the views hold everything up to the given places.
func (s *System) pumpComplete(ctx context.Context, to map[string]uint64) error {
	ctx, cancel := context.WithTimeout(ctx, verifyCatchUp)
	defer cancel()
	q := viewsQuestion{To: make(map[string]uint64)}
	for _, source := range sharing.Sources {
		last, err := s.relays[source].LastEvent(ctx, to[source])
		if err != nil {
			return err
		}
		q.To[source] = last.Sequence
	}
	var done bool
	if err := s.ask(ctx, askViews, q, &done); err != nil {
		return fmt.Errorf("allinone: the views have not caught up: %w", err)
	}
	return nil
}
