package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Auditor reads a context's whole log once and holds it to what a ledger promises: the chain of hashes and numbers, versions
// without gaps, every command id once, and the service's own invariants after every single event.
type Auditor struct {
	Machine step.Machine
	// Event is told of every event in the order of the EVENTS stream; it may be nil.
	Event func(e *events.Event, origin events.Position) error
	// Violation is told of everything that does not hold. Reading goes on where it can.
	Violation func(invariant, where, what string)

	States   []step.State // per partition, as of the last commit read
	Tips     []Tip
	Last     uint64 // sequence
	Commits  int
	Events   int
	Commands int
	Refusals int
	commands map[events.UUID]uint64
}

// Read continues behind Last up to a sequence.
func (a *Auditor) Read(ctx context.Context, log Log, partitions int, to uint64) error {
	if a.commands == nil {
		a.commands = make(map[events.UUID]uint64)
		a.Tips = make([]Tip, partitions)
		for range partitions {
			a.States = append(a.States, a.Machine.New())
		}
	}
	if a.Last >= to {
		return nil
	}
	err := log.Follow(ctx, -1, a.Last, func(s *Stored) error {
		if err := a.commit(s); err != nil {
			return err
		}
		if a.Last = s.Sequence; a.Last >= to {
			return errReached
		}
		return nil
	})
	var missing *MissingError
	switch {
	case errors.Is(err, errReached):
		return nil
	case errors.As(err, &missing):
		a.Violation("I6", fmt.Sprintf("%s:%d", a.Machine.Context(), missing.Sequence), missing.Error())
		return nil
	}
	return err
}

func (a *Auditor) commit(s *Stored) error {
	name := PartitionName(a.Machine.Context(), s.Partition)
	where := fmt.Sprintf("%s:%d", name, s.Sequence)
	if s.Partition >= len(a.Tips) {
		a.Violation("I6", where, "the commit is of a partition that the ledger does not have")
		return nil
	}
	c, err := s.Decode()
	if err != nil {
		a.Violation("I6", where, err.Error())
		return nil
	}
	if err := a.Tips[s.Partition].check(name, s, c); err != nil {
		a.Violation("I6", where, fmt.Sprintf("commit %s: %s", c.Record.Commit, err))
	}
	a.Tips[s.Partition] = Tip{Sequence: s.Sequence, Number: c.Number, Hash: s.Hash(), Time: c.Time}
	a.Commits++
	covered := 0
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		id, _, err := o.key()
		if err != nil {
			a.Violation("I1", where, err.Error())
			continue
		}
		if first, twice := a.commands[id]; twice {
			a.Violation("I1", where, fmt.Sprintf("command %s was decided at sequence %d already", id, first))
		}
		a.commands[id] = s.Sequence
		a.Commands++
		if o.Problem != nil {
			a.Refusals++
			if o.Count > 0 {
				a.Violation("I7", where, fmt.Sprintf("refused command %s has events", id))
			}
		}
		if o.Count > 0 && o.First != covered {
			a.Violation("I1", where, fmt.Sprintf("the events of command %s do not follow those before them", id))
		}
		covered += o.Count
	}
	if covered != len(c.Events) {
		a.Violation("I1", where, fmt.Sprintf("%d events, of which outcomes name %d", len(c.Events), covered))
	}
	for i := range c.Events {
		if err := a.event(&c.Events[i], events.Position{Context: a.Machine.Context(), Partition: s.Partition, Sequence: s.Sequence, Index: i}); err != nil {
			return err
		}
	}
	return nil
}

func (a *Auditor) event(e *events.Event, origin events.Position) error {
	a.Events++
	if a.Event != nil {
		if err := a.Event(e, origin); err != nil {
			return err
		}
	}
	applied, err := Applied(e)
	if err != nil {
		a.Violation("I5", origin.Origin(), fmt.Sprintf("event %s: %s", e.ID, err))
		return nil
	}
	state := a.States[origin.Partition]
	if have := state.Version(e.Subject); applied.Version != have+1 {
		a.Violation("I5", origin.Origin(), fmt.Sprintf("event %s: version %d of %s follows version %d", e.ID, applied.Version, e.Subject, have))
	}
	state.Apply(applied)
	if err := state.Check(e.Subject); err != nil {
		a.Violation("I2", origin.Origin(), fmt.Sprintf("after event %s: %s: %s", e.ID, e.Subject, err))
	}
	return nil
}
