package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// Projector keeps a context's read model: one document per entity, the entity itself as JSON, in the collection named like
// the context. It reads the ledger and stores how far it has read with the data.
type Projector struct {
	Service Service
	Source  ledger.Log
	Store   store.Store
	Waiter  *store.Waiter
	Trail   *trace.Trail // may be nil
	Log     zerolog.Logger

	loop ledger.Loop
	at   atomic.Uint64
}

// At is the ledger sequence up to which the read model shows what was committed.
func (p *Projector) At() uint64 { return p.at.Load() }

// Run projects until ctx ends, or until it meets an event of a newer version than its own: then another process must go on, which knows
// what the event means.
func (p *Projector) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := p.loop.Run(ctx, p.Log.With().Str("collection", p.Service.Machine.Context()).Logger(), func(ctx context.Context) error {
		err := p.once(ctx)
		if errors.Is(err, events.ErrNewerType) {
			cancel(err)
		}
		return err
	})
	if cause := context.Cause(ctx); errors.Is(cause, events.ErrNewerType) {
		return cause
	}
	return err
}

// Rebuild drops the read model; Run, under way, builds it again from the ledger.
func (p *Projector) Rebuild(ctx context.Context) error {
	err := p.Store.Drop(ctx, p.Service.Machine.Context())
	p.loop.Restart() // a batch that was under way meanwhile finds its position gone and is refused
	return err
}

// begin finds where the read model stands; one of another history is dropped.
func (p *Projector) begin(ctx context.Context) (info ledger.LogInfo, positions []store.Position, err error) {
	if info, err = p.Source.Info(ctx); err != nil {
		return info, nil, err
	}
	positions, err = p.positions(ctx, info)
	var other *otherHistory
	if errors.As(err, &other) {
		p.Log.Warn().Str("collection", p.Service.Machine.Context()).Str("why", other.why).Msg("the read model is of another history; building it anew")
		if err := p.Store.Drop(ctx, p.Service.Machine.Context()); err != nil {
			return info, nil, err
		}
		positions, err = p.positions(ctx, info)
	}
	return info, positions, err
}

// CatchUp projects what the ledger holds now and returns: Run without waiting and without goroutines, as the simulator needs it. A
// store that has lost or rolled back what it was given is filled from where it stands.
func (p *Projector) CatchUp(ctx context.Context) error {
	info, positions, err := p.begin(ctx)
	if err != nil {
		return err
	}
	for partition, at := range positions {
		for {
			s, err := p.Source.Next(ctx, partition, at.Sequence)
			if errors.Is(err, ledger.ErrNone) {
				break
			}
			if err == nil {
				at, err = p.apply(ctx, info.Created, at, s)
			}
			if err != nil {
				return err
			}
			p.at.Store(s.Sequence)
		}
	}
	return nil
}

func (p *Projector) once(ctx context.Context) error {
	info, positions, err := p.begin(ctx)
	if err != nil {
		return err
	}
	after := positions[0].Sequence
	for _, at := range positions {
		after = min(after, at.Sequence)
	}
	var mu sync.Mutex // over positions
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watching sync.WaitGroup
	watching.Go(func() {
		p.watch(run, func(i int) uint64 {
			mu.Lock()
			defer mu.Unlock()
			return positions[i].Sequence
		}, len(positions), cancel)
	})
	p.at.Store(after)
	err = p.Source.Follow(run, -1, after, func(s *ledger.Stored) error {
		from := positions[s.Partition] // only written here
		if s.Sequence <= from.Sequence {
			p.at.Store(s.Sequence)
			return nil
		}
		to, err := p.apply(ctx, info.Created, from, s)
		if err == nil {
			p.at.Store(s.Sequence)
			mu.Lock()
			positions[s.Partition] = to
			mu.Unlock()
		}
		return err
	})
	cancel(nil)
	watching.Wait()
	if cause := context.Cause(run); errors.Is(cause, errLost) {
		return cause
	}
	return err
}

// lossCheck is how often a projector looks whether the store still holds what it was given. A store that comes back empty would
// otherwise stay so until the next commit of its context, and every look-up would find nothing.
const lossCheck = 500 * time.Millisecond

var errLost = errors.New("app: the store has lost a read model")

// watch ends the run when the store stands before where it has been brought.
func (p *Projector) watch(ctx context.Context, reached func(partition int) uint64, partitions int, lost context.CancelCauseFunc) {
	name := p.Service.Machine.Context()
	tick := time.NewTicker(lossCheck)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for i := range partitions {
			want := reached(i)
			if want == 0 {
				continue
			}
			// A store that cannot be asked is asked again.
			if at, err := p.Store.Position(ctx, name, ledger.PartitionName(name, i)); err == nil && at.Sequence < want {
				lost(errLost)
				return
			}
		}
	}
}

type otherHistory struct{ why string }

func (e *otherHistory) Error() string { return e.why }

// positions reads where each partition stands and holds that against the log.
func (p *Projector) positions(ctx context.Context, info ledger.LogInfo) ([]store.Position, error) {
	context := p.Service.Machine.Context()
	list := make([]store.Position, info.Partitions)
	for i := range list {
		at, err := p.Store.Position(ctx, context, ledger.PartitionName(context, i))
		if err != nil {
			return nil, err
		}
		list[i] = at
		if at.IsZero() {
			continue
		}
		if !at.Created.Equal(info.Created) {
			return nil, &otherHistory{fmt.Sprintf("it was built from a ledger created at %s, this one was created at %s", at.Created, info.Created)}
		}
		s, err := p.Source.Get(ctx, at.Sequence)
		if errors.Is(err, ledger.ErrNone) || err == nil && s.Hash().String() != at.Hash {
			return nil, &otherHistory{fmt.Sprintf("its commit at sequence %d is not in the ledger", at.Sequence)}
		}
		if err != nil {
			return nil, err
		}
		p.Waiter.Advance(context, ledger.PartitionName(context, i), at.Sequence)
	}
	return list, nil
}

// apply projects one commit, all of it together with the new position.
func (p *Projector) apply(ctx context.Context, created time.Time, from store.Position, s *ledger.Stored) (store.Position, error) {
	context := p.Service.Machine.Context()
	c, err := s.Decode()
	if err != nil {
		return from, err
	}
	rows := make(map[string]*store.Document, len(c.Events))
	var keys []string
	for i := range c.Events {
		if p.Trail != nil {
			span := p.Trail.Pass(&c.Events[i], events.Position{Context: context, Partition: s.Partition, Sequence: s.Sequence, Index: i}, "")
			defer span.End()
		}
		if subject := c.Events[i].Subject; rows[subject] == nil {
			rows[subject] = &store.Document{Key: subject}
			keys = append(keys, subject)
		}
	}
	have, err := p.Store.GetMany(ctx, context, keys)
	if err != nil {
		return from, err
	}
	for _, d := range have {
		rows[d.Key] = &store.Document{Key: d.Key, Version: d.Version, Body: d.Body}
	}
	for i := range c.Events {
		e, err := ledger.Applied(&c.Events[i])
		if err != nil {
			return from, err
		}
		row := rows[e.Subject]
		if e.Version != row.Version+1 {
			return from, fmt.Errorf("app: projection of %s: version %d follows version %d at sequence %d", e.Subject, e.Version, row.Version, s.Sequence)
		}
		if row.Body, err = p.Service.Machine.Project(row.Body, e); err != nil {
			return from, err
		}
		row.Version = e.Version
	}
	batch := store.Batch{
		Source: ledger.PartitionName(context, s.Partition),
		From:   from,
		To:     store.Position{Created: created, Sequence: s.Sequence, Hash: s.Hash().String(), Commit: c.Number},
	}
	for _, key := range keys {
		row := rows[key]
		if row.Indexes, err = p.Service.Index(row.Body); err != nil {
			return from, fmt.Errorf("app: projection of %s: %w", key, err)
		}
		batch.Puts = append(batch.Puts, *row)
	}
	if err := p.Store.Apply(ctx, context, batch); err != nil {
		return from, err
	}
	p.Waiter.Advance(context, batch.Source, s.Sequence)
	return batch.To, nil
}

// Documents is the Lookup over projections.
type Documents struct {
	Store      store.Store
	Waiter     *store.Waiter
	Logs       map[string]ledger.Log // by context
	Partitions int                   // of every context
}

// Document implements Lookup. A document that is there is returned as it is, however old: only a missing one makes the read wait.
func (d *Documents) Document(ctx context.Context, context, id string) ([]byte, uint64, string, error) {
	log, ok := d.Logs[context]
	if !ok {
		return nil, 0, "", fmt.Errorf("app: no context %q", context)
	}
	partition := events.Partition(id, d.Partitions)
	source := ledger.PartitionName(context, partition)
	found, err := d.Store.Get(ctx, context, id)
	if errors.Is(err, store.ErrNotFound) {
		last, e := log.Last(ctx, partition)
		if errors.Is(e, ledger.ErrNone) {
			return nil, 0, "", err
		}
		if e != nil {
			return nil, 0, "", e
		}
		if err := d.Waiter.Wait(ctx, context, source, last.Sequence); err != nil {
			return nil, 0, "", err
		}
		// The store itself must stand there, too: one that came back empty knows of nothing.
		at, e := d.Store.Position(ctx, context, source)
		if e != nil {
			return nil, 0, "", e
		}
		if at.Sequence < last.Sequence {
			return nil, 0, "", store.ErrBehind
		}
		found, err = d.Store.Get(ctx, context, id)
	}
	if err != nil {
		return nil, 0, "", err
	}
	at, err := d.Store.Position(ctx, context, source)
	if err != nil {
		return nil, 0, "", err
	}
	return found.Body, found.Version, fmt.Sprintf("%s:%d", source, at.Sequence), nil
}
