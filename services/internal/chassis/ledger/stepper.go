package ledger

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// StepperConfig is a Config for a writer without goroutines. Heads and Broker are those of the simulated world.
type StepperConfig struct {
	Config
	Number int                             // of the partition
	NewID  func(now time.Time) events.UUID // of commits
	// Aside runs what the writer must not wait for: answers read back from the log, forwarding, what a service looks up.
	Aside func(work func())
	// Snapshot reads the partition's snapshot; fs.ErrNotExist when there is none.
	Snapshot func(partition string) ([]byte, error)
}

// Stepper is the writer of one partition, driven a step at a time by whoever owns the clock: what Keeper runs on goroutines, for a
// simulator in which one seed decides the order of everything. It is not safe for concurrent use.
type Stepper struct {
	k     *Keeper
	p     *partition
	in    *intake
	lease *lease
}

// OpenStepper takes the partition's lease (ErrHeld: another has it) and restores the partition. A partition that must not be served is
// a ChainError, a TailLossError or ErrTailLost.
func OpenStepper(ctx context.Context, c StepperConfig) (*Stepper, error) {
	log, err := c.Broker.OpenLog(ctx, c.Machine.Context(), c.Partitions)
	if err != nil {
		return nil, err
	}
	info, err := log.Info(ctx)
	if err != nil {
		return nil, err
	}
	k := &Keeper{Config: c.Config, log: log, info: info, retime: make([]chan struct{}, c.Partitions)}
	k.retime[c.Number] = make(chan struct{}, 1)
	l := &lease{leases: c.Broker.Leases(), key: PartitionName(c.Machine.Context(), c.Number), owner: c.Owner}
	if l.epoch, err = l.leases.Acquire(ctx, l.key, l.owner); err != nil {
		return nil, err
	}
	l.now.Store(l.epoch)
	s := &Stepper{k: k, lease: l}
	s.p, s.in, err = k.restore(ctx, c.Number, l, c.Log, c.Snapshot, c.Aside, c.Aside)
	if err != nil {
		return nil, err
	}
	s.p.newID = c.NewID
	return s, nil
}

// Take hands the writer one request, as a broker does.
func (s *Stepper) Take(r *Request) { s.in.take(r) }

// Step decides, commits and answers what has queued and what is due; false when there was nothing. After an error the writer is at its
// end: Leave it.
func (s *Stepper) Step(ctx context.Context) (busy bool, err error) {
	group := s.p.carry
	s.p.carry = nil
	select {
	case <-s.p.retime:
		s.p.retimed()
	default:
	}
	if group = s.p.gather(group); len(group) == 0 {
		return false, nil
	}
	return true, s.p.process(ctx, group)
}

// Leave answers or forwards what the writer still has, as at its end in production. lost: the lease went to another.
func (s *Stepper) Leave(lost bool, err error) {
	s.p.refuseAll(s.p.carry, events.ErrOverloaded)
	s.p.carry = nil
	s.p.leave(s.p.queued(), lost || errors.Is(err, errGiveUp))
}

// Renew renews the lease; false: it is another's, and the writer must stop.
func (s *Stepper) Renew(ctx context.Context) bool { return s.lease.renew(ctx) }

// Release gives the lease back.
func (s *Stepper) Release() { s.lease.release() }

// Retime has the writer ask its entities for their timers again.
func (s *Stepper) Retime() { s.k.Retime() }

// Snapshot writes the partition's snapshot as it is now.
func (s *Stepper) Snapshot(w io.Writer) error { return s.p.freeze().encode(w, s.k.info.Created) }

// State is the partition's state, for checks: it is the writer's own.
func (s *Stepper) State() step.State { return s.p.state }

// Tip is the last commit that the writer has seen stored.
func (s *Stepper) Tip() Tip { return s.p.tip }

// GaveUp reports whether an error of Step says that another writer has won twice running.
func GaveUp(err error) bool { return errors.Is(err, errGiveUp) }

// NewHeads keeps heads in memory alone: where a simulated disk takes the file's place.
func NewHeads(known map[string]Head) *Heads {
	h := &Heads{heads: make(map[string]Head, len(known)), dirty: true} // dirty: nobody is to be woken
	for partition, head := range known {
		h.heads[partition] = head
	}
	return h
}

// All is every head known.
func (h *Heads) All() map[string]Head {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[string]Head, len(h.heads))
	for partition, head := range h.heads {
		all[partition] = head
	}
	return all
}
