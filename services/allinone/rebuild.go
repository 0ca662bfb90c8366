package allinone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// Parts names what a rebuild makes anew.
type Parts struct {
	Events      bool `json:"events"`
	Views       bool `json:"views"`
	Projections bool `json:"projections"`
}

// Rebuild deletes derived data and waits until it has been made again from the ledgers. The system goes on taking commands;
// readers of what is rebuilt see it grow. Durable consumers are put back where they were.
func (s *System) Rebuild(ctx context.Context, parts Parts, progress func(step string, done, total int)) error {
	if progress == nil {
		progress = func(string, int, int) {}
	}
	to := make(map[string]uint64)
	for context, log := range s.logs {
		info, err := log.Info(ctx)
		if err != nil {
			return err
		}
		to[context] = info.Last
	}
	if parts.Projections {
		for i, context := range events.Contexts {
			progress("projection "+context, i, len(events.Contexts))
			if err := s.projectors[context].Rebuild(ctx); err != nil {
				return err
			}
		}
	}
	if parts.Events {
		if err := s.remakeEvents(ctx, to, progress); err != nil {
			return err
		}
	}
	if parts.Views {
		if err := s.remakeViews(ctx, to, progress); err != nil {
			return err
		}
	}
	for i, context := range events.Contexts {
		progress("catching up "+context, i, len(events.Contexts))
		if err := s.projected(ctx, context, to[context]); err != nil {
			return fmt.Errorf("allinone: rebuild: projection of %s: %w", context, err)
		}
	}
	return nil
}

// remakeEvents makes the EVENTS streams anew while the views stand still: they would read every message again to find nothing new.
func (s *System) remakeEvents(ctx context.Context, to map[string]uint64, progress func(step string, done, total int)) error {
	release := s.pump.Hold() // where it is written in this process
	defer release()
	for i, context := range events.Contexts {
		progress("events "+context, i, len(events.Contexts))
		err := remake(ctx, s.derived[context], func() error {
			if err := s.tell(); err != nil {
				return err
			}
			return s.relays[context].Complete(ctx, to[context])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// remakeViews deletes all views before one is filled: the pump reads the sources once for all of them.
func (s *System) remakeViews(ctx context.Context, to map[string]uint64, progress func(step string, done, total int)) error {
	recipients, err := s.recipients()
	if err != nil {
		return err
	}
	noted, list := make([][]ledger.Durable, len(recipients)), make([]*ledger.Derived, len(recipients))
	for i, recipient := range recipients {
		progress("view "+recipient, i, len(recipients))
		if list[i], err = s.views.of(ctx, recipient); err != nil {
			return err
		}
		if noted[i], err = list[i].Durables(ctx); err != nil {
			return err
		}
		if err := list[i].Delete(ctx); err != nil {
			return fmt.Errorf("allinone: rebuild: view of %s: %w", recipient, err)
		}
	}
	if err := s.tell(); err != nil {
		return err
	}
	if err := s.pumpComplete(ctx, to); err != nil {
		return fmt.Errorf("allinone: rebuild: %w", err)
	}
	for i := range list {
		if err := list[i].Restore(ctx, noted[i]); err != nil {
			return err
		}
	}
	return nil
}

// tell lets everybody who writes a derived stream know that one has been deleted.
func (s *System) tell() error {
	if err := s.commands.Publish(tellAnew, nil); err != nil {
		return fmt.Errorf("allinone: rebuild: %w", err)
	}
	return s.commands.Flush()
}

// projected waits until a read model has read everything up to a sequence of its ledger.
func (s *System) projected(ctx context.Context, name string, sequence uint64) error {
	for p := range s.options.Partitions {
		last, err := s.logs[name].Last(ctx, p)
		if errors.Is(err, ledger.ErrNone) {
			continue
		}
		if err != nil {
			return err
		}
		for {
			at, err := s.store.Position(ctx, name, ledger.PartitionName(name, p))
			if err != nil {
				return err
			}
			if at.Sequence >= min(last.Sequence, sequence) {
				break
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// remake deletes a derived stream, has it filled, and puts its durable consumers back.
func remake(ctx context.Context, d *ledger.Derived, fill func() error) error {
	durables, err := d.Durables(ctx)
	if err != nil {
		return err
	}
	if err := d.Delete(ctx); err != nil {
		return fmt.Errorf("allinone: rebuild %s: %w", d.Name(), err)
	}
	if err := fill(); err != nil {
		return fmt.Errorf("allinone: rebuild %s: %w", d.Name(), err)
	}
	return d.Restore(ctx, durables)
}
