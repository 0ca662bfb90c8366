package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
)

// Relay writes a context's EVENTS stream: the events of its ledger, one CloudEvent a message, ordered by ledger sequence, then index.
type Relay struct {
	Context string
	Source  Log
	Target  *Derived
	Log     zerolog.Logger
}

// relayPause is the wait after a failure.
const relayPause = 200 * time.Millisecond

// Run relays until ctx ends. After any failure it drains, looks what is stored, and goes on behind that.
func (r *Relay) Run(ctx context.Context) error {
	for {
		err := r.once(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Log.Warn().Err(err).Str("stream", r.Target.Name()).Msg("relay interrupted; resuming behind what is stored")
		select {
		case <-time.After(relayPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *Relay) once(ctx context.Context) error {
	last, found, err := r.Target.Resume(ctx)
	if err != nil {
		return err
	}
	after := uint64(0)
	if found {
		after = last.Sequence - 1 // its commit again: there may be events after the last one stored
	}
	return r.Source.Follow(ctx, -1, after, func(s *Stored) error {
		position := events.Position{Context: r.Context, Partition: s.Partition, Sequence: s.Sequence}
		index := -1
		return events.RangeBatch(s.Body, func(e *events.Event) error {
			index++
			if e.Type == TypeCommit || found && !last.Less(events.Position{Sequence: s.Sequence, Index: index}) {
				return nil
			}
			position.Index = index
			return r.Target.Append(events.EventSubject(e), e, position)
		})
	})
}

// Complete waits until the stream holds everything the ledger held when it was called.
func (r *Relay) Complete(ctx context.Context) error {
	info, err := r.Source.Info(ctx)
	if err != nil || info.Last == 0 {
		return err
	}
	want, err := r.lastEvent(ctx, info.Last)
	if err != nil || want.Sequence == 0 {
		return err
	}
	for {
		last, found, err := r.Target.LastOf(ctx, "jieli.event."+r.Context+".>")
		if err == nil && found && !last.Less(want) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// lastEvent finds the last event at or before a sequence; commits of refusals alone have none.
func (r *Relay) lastEvent(ctx context.Context, sequence uint64) (events.Position, error) {
	for ; sequence > 0; sequence-- {
		s, err := r.Source.Get(ctx, sequence)
		if err != nil {
			return events.Position{}, err
		}
		c, err := s.Decode()
		if err != nil {
			return events.Position{}, err
		}
		if n := len(c.Events); n > 0 {
			return events.Position{Context: r.Context, Partition: s.Partition, Sequence: sequence, Index: n - 1}, nil
		}
	}
	return events.Position{}, nil
}
