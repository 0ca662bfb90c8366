package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// Relay writes a context's EVENTS stream: the events of its ledger, one CloudEvent a message, ordered by ledger sequence, then index.
type Relay struct {
	Context string
	Source  Log
	Target  *Derived
	Trail   *trace.Trail // may be nil
	Log     zerolog.Logger

	loop Loop
	at   atomic.Uint64
}

// At is the ledger sequence up to which events have been sent.
func (r *Relay) At() uint64 { return r.at.Load() }

// Run relays until ctx ends. After any failure it drains, looks what is stored, and goes on behind that.
func (r *Relay) Run(ctx context.Context) error {
	return r.loop.Run(ctx, r.Log.With().Str("stream", r.Target.Name()).Logger(), r.once)
}

// Restart makes the relay look anew at what is stored, as after the stream has been deleted.
func (r *Relay) Restart() { r.loop.Restart() }

func (r *Relay) once(ctx context.Context) error {
	last, found, err := r.Target.Resume(ctx)
	if err != nil {
		return err
	}
	run, release := r.Target.UntilFailed(ctx)
	err = r.follow(run, last, found)
	if failed := release(); failed != nil {
		return failed
	}
	return err
}

// follow appends the events behind the last one stored.
func (r *Relay) follow(ctx context.Context, last events.Position, found bool) error {
	after := uint64(0)
	if found {
		after = last.Sequence - 1 // its commit again: there may be events after the last one stored
		if planted.On("relay_skips_the_rest_of_a_commit") {
			after = last.Sequence
		}
	}
	return r.Source.Follow(ctx, -1, after, func(s *Stored) error {
		position := events.Position{Context: r.Context, Partition: s.Partition, Sequence: s.Sequence}
		index := -1
		err := events.RangeBatch(s.Body, func(e *events.Event) error {
			index++
			if e.Type == TypeCommit || found && !last.Less(events.Position{Sequence: s.Sequence, Index: index}) && !planted.On("relay_repeats_a_commit") {
				return nil
			}
			position.Index = index
			span := r.Trail.Pass(e, position, "")
			defer span.End()
			return r.Target.Append(events.EventSubject(e), e, position)
		})
		if err == nil {
			r.at.Store(s.Sequence)
		}
		if err != nil || s.More {
			return err
		}
		return r.Target.Settle()
	})
}

// Complete waits until the stream holds every event of the ledger up to a sequence.
func (r *Relay) Complete(ctx context.Context, sequence uint64) error {
	want, err := r.LastEvent(ctx, sequence)
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

// LastEvent finds the last event at or before a sequence, the zero Position when there is none; commits of refusals alone have none.
func (r *Relay) LastEvent(ctx context.Context, sequence uint64) (events.Position, error) {
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
