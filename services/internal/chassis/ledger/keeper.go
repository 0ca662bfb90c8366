package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// Config of a Keeper. All but Prepare, Trace, Progress and Witness are required.
type Config struct {
	Machine    step.Machine
	Partitions int
	Owner      string // of the leases: stable over restarts of one process's data directory
	Broker     Broker
	Validate   Validate
	Prepare    func(ctx context.Context, c *step.Command) error
	Clock      clock.Clock
	Heads      *Heads
	Snapshots  string // directory
	Stats      *Stats
	Trace      *trace.Tracer // nil: commands are not traced
	Log        zerolog.Logger
	Progress   func(partition string, done, last uint64)
	// Witness tells the newest commit of a partition that something derived from the ledger knows, and what that is.
	Witness func(ctx context.Context, partition string) (Head, string)
}

// Keeper writes the partitions of one context whose leases this process can get, and takes over others as they come free.
type Keeper struct {
	Config
	log     Log
	info    LogInfo
	cancel  context.CancelFunc
	stopped chan struct{}   // closed when draining begins
	running sync.WaitGroup  // partitions, and answers that are given behind their back
	retime  []chan struct{} // by partition; a signal waits for the next writer
	yields  []chan struct{} // by partition: its writer is to leave it to a process that has fewer

	mu      sync.Mutex
	serving map[int]bool
	writers map[int]*partition // those that write here
	failed  map[int]error      // partitions that refuse to serve
	changed chan struct{}      // closed and replaced at every change of the two
}

// Open opens the context's log and starts to compete for its partitions.
func Open(ctx context.Context, c Config) (*Keeper, error) {
	log, err := c.Broker.OpenLog(ctx, c.Machine.Context(), c.Partitions)
	if err != nil {
		return nil, err
	}
	info, err := log.Info(ctx)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	k := &Keeper{Config: c, log: log, info: info, cancel: cancel, stopped: make(chan struct{}),
		serving: make(map[int]bool), writers: make(map[int]*partition), failed: make(map[int]error), retime: make([]chan struct{}, c.Partitions), yields: make([]chan struct{}, c.Partitions), changed: make(chan struct{})}
	for i := range c.Partitions {
		k.retime[i], k.yields[i] = make(chan struct{}, 1), make(chan struct{}, 1)
		k.running.Add(1)
		go k.keep(running, i)
	}
	if c.Partitions > 1 {
		k.running.Add(1)
		go k.balance(running)
	}
	return k, nil
}

// Ledger is the context's log.
func (k *Keeper) Ledger() Log { return k.log }

// Ready waits until every partition has a writer here or elsewhere, and fails with the reason when one refuses to serve.
func (k *Keeper) Ready(ctx context.Context) error {
	for {
		k.mu.Lock()
		settled, changed := len(k.serving), k.changed
		var failed error
		for _, err := range k.failed {
			failed = errors.Join(failed, err)
		}
		k.mu.Unlock()
		if failed != nil {
			return failed
		}
		if settled == k.Partitions {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("ledger: %s: %d of %d partitions have a writer: %w", k.Machine.Context(), settled, k.Partitions, ctx.Err())
		}
	}
}

// Retime has the writers here ask their entities for their timers again: rules that timers follow from have changed.
func (k *Keeper) Retime() {
	for _, retime := range k.retime {
		select {
		case retime <- struct{}{}:
		default: // it has not looked since the last time
		}
	}
}

// Close drains: commands taken are decided and answered, leases released, snapshots written. When ctx ends first, what is left is
// refused as overloaded or answered as unknown, never dropped silently.
func (k *Keeper) Close(ctx context.Context) error {
	close(k.stopped)
	done := make(chan struct{})
	go func() { k.running.Wait(); close(done) }()
	select {
	case <-done:
		k.cancel()
		return nil
	case <-ctx.Done():
		k.cancel()
		<-done
		return ctx.Err()
	}
}

func (k *Keeper) set(partition int, serving bool, failed error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if serving {
		k.serving[partition] = true
	} else {
		delete(k.serving, partition)
	}
	if failed != nil {
		k.failed[partition] = failed
	} else {
		delete(k.failed, partition)
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

// writes notes the writer of a partition here; nil: there is none any more.
func (k *Keeper) writes(partition int, p *partition) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if p == nil {
		delete(k.writers, partition)
	} else {
		k.writers[partition] = p
	}
}

// Writing is a partition that this process writes, as it is now.
type Writing struct {
	Partition string
	Epoch     uint64 // of the lease
	Queue     int    // commands that wait
}

// Writing lists the partitions that this process writes.
func (k *Keeper) Writing() []Writing {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []Writing
	for _, p := range k.writers {
		list = append(list, Writing{p.name, p.epoch(), len(p.queue)})
	}
	return list
}

// keep competes for one partition's lease until the keeper stops.
func (k *Keeper) keep(ctx context.Context, number int) {
	defer k.running.Done()
	leases := k.Broker.Leases()
	key := PartitionName(k.Machine.Context(), number)
	log := k.Log.With().Str("partition", key).Logger()
	for !k.draining() {
		epoch, err := leases.Acquire(ctx, key, k.Owner)
		if err == nil {
			err = k.serve(ctx, number, key, epoch, log)
		} else if errors.Is(err, ErrHeld) {
			k.set(number, true, nil) // served elsewhere
			err = nil
		}
		if k.draining() || ctx.Err() != nil {
			break
		}
		pause := leases.TTL() / 3
		var chain *ChainError
		var tail *TailLossError
		switch {
		case errors.As(err, &chain), errors.As(err, &tail), errors.Is(err, ErrTailLost):
			k.set(number, false, err)
			log.Error().Err(err).Msg("the partition refuses to serve")
			pause = 30 * time.Second // the operator may restore the log
		case errors.Is(err, errYielded): // who has fewer looks three times meanwhile
			k.set(number, true, nil)
			pause = leases.TTL()
			log.Info().Msg("the partition is given to a process that has fewer")
		case err != nil && !errors.Is(err, errGiveUp):
			log.Warn().Err(err).Msg("the partition is not served; trying again")
		}
		wake, stop := k.Clock.Wake(k.Clock.Now().Add(pause))
		select {
		case <-wake:
		case <-k.stopped:
		case <-ctx.Done():
		}
		stop()
	}
}

func (k *Keeper) draining() bool {
	select {
	case <-k.stopped:
		return true
	default:
		return false
	}
}

// serve restores the partition, writes it while the lease holds, and leaves it in order.
func (k *Keeper) serve(ctx context.Context, number int, key string, epoch uint64, log zerolog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lease := &lease{leases: k.Broker.Leases(), key: key, owner: k.Owner, epoch: epoch, lost: cancel}
	renewed := lease.keep(ctx)
	defer func() { cancel(); <-renewed; lease.release() }()

	var preparing sync.WaitGroup
	p, in, err := k.restore(ctx, number, lease, log, fileSnapshot(k.Snapshots), k.running.Go, preparing.Go)
	if err != nil {
		return err
	}
	idle := make(chan struct{})
	close(idle)
	snapshots := &snapshotter{k: k, p: p, since: p.events, last: k.Clock.Now(), active: idle}
	p.onCommit = snapshots.count
	stop, err := k.Broker.Serve(in.context, number, in.take)
	if err != nil {
		return err
	}
	drained := make(chan struct{})
	select {
	case <-k.yields[number]: // it was for the writer before
	default:
	}
	yielded := false
	go func() { // whatever ends the writer: first no new commands, then the queue is closed
		defer close(drained)
		select {
		case <-k.stopped:
		case <-k.yields[number]:
			yielded = true
		case <-ctx.Done():
		}
		stop()
		preparing.Wait()
		close(p.queue)
	}()
	k.writes(number, p)
	k.set(number, true, nil)
	err = p.run(ctx)
	k.writes(number, nil)
	k.set(number, false, nil)
	cancelled := ctx.Err() != nil
	cancel()
	<-drained
	p.leave(p.queued(), errors.Is(err, errGiveUp) || cancelled) // then another writer has the partition, or soon will
	snapshots.wait()
	if errors.Is(err, errDrained) {
		err = nil
		if snapshots.since >= snapshotAtCloseMin {
			err = writeSnapshot(k.Snapshots, k.info.Created, p.fold)
		}
		if err == nil && yielded {
			err = errYielded
		}
	}
	return err
}

// restore brings a partition's fold up to the end of its log and makes its writer and its edge. answering and preparing run what neither
// may wait for.
func (k *Keeper) restore(ctx context.Context, number int, lease *lease, log zerolog.Logger, snapshot snapshotSource, answering, preparing func(func())) (*partition, *intake, error) {
	started := time.Now()
	var progress func(done, last uint64)
	if k.Progress != nil {
		progress = func(done, last uint64) { k.Progress(lease.key, done, last) }
	}
	f, ignored, err := restore(ctx, k.log, k.info.Created, k.Machine, number, snapshot, progress)
	if ignored != nil {
		log.Warn().Err(ignored).Msg("snapshot not used")
	}
	if err == nil {
		err = k.complete(ctx, f)
	}
	if err != nil {
		return nil, nil, err
	}
	log.Debug().Uint64("number", f.tip.Number).Int("entities", f.state.Len()).Dur("took", time.Since(started)).Msg("partition restored")
	p := &partition{fold: f, number: number, owner: k.Owner, epoch: lease.current, log: k.log, broker: k.Broker, clock: k.Clock,
		heads: k.Heads, stats: k.Stats, logger: log, newID: events.NewUUID7, aside: answering, queue: make(chan *pending, QueueCommandsMax), retime: k.retime[number],
		build: builder{source: "/jieli/" + k.Machine.Context()}}
	in := &intake{context: k.Machine.Context(), number: number, count: k.Partitions, validate: k.Validate, prepare: k.Prepare, broker: k.Broker,
		clock: k.Clock, stats: k.Stats, tracer: k.Trace, logger: log, aside: preparing, queue: p.queue, slots: make(chan struct{}, QueueCommandsMax)}
	return p, in, nil
}

// complete holds a restored fold against everything outside the log that has seen its commits.
func (k *Keeper) complete(ctx context.Context, f *fold) error {
	known, by := k.Heads.Get(f.name), "heads file"
	if k.Witness != nil {
		if head, witness := k.Witness(ctx, f.name); head.Sequence > known.Sequence {
			known, by = head, witness
		}
	}
	switch {
	case planted.On("tail_loss_unnoticed"):
		return nil
	case known.Sequence > f.tip.Sequence:
		return &TailLossError{f.name, f.tip.Number, f.tip.Sequence, known, by}
	case known.Sequence == 0 || known.Hash == "":
		return nil
	}
	// A log that has grown again behind a lost tail is longer than what is known, but not the same.
	at, err := k.log.Get(ctx, known.Sequence)
	switch {
	case errors.Is(err, ErrNone):
		return &ChainError{f.name, known.Sequence, "the " + by + " knows a commit here, the log has none"}
	case err != nil:
		return err
	case known.Hash != at.Hash().String() && !planted.On("regrown_log_unnoticed"):
		return &ChainError{f.name, known.Sequence, "the " + by + " knows this commit with another hash"}
	}
	return nil
}

// snapshotAtCloseMin is how many events make a snapshot at the end worth its time.
const snapshotAtCloseMin = 1000

// snapshotter writes a snapshot now and then, off the writer's thread: the writer stops only to copy references.
type snapshotter struct {
	k      *Keeper
	p      *partition
	since  uint64    // events since the last snapshot; owned by the writer
	last   time.Time // when it was begun
	active chan struct{}
}

func (s *snapshotter) count(n int) {
	s.since += uint64(n)
	now := s.k.Clock.Now()
	if s.since < SnapshotEvents || now.Sub(s.last) < SnapshotInterval {
		return
	}
	select {
	case <-s.active:
	default: // the one before is still being written
		return
	}
	s.since, s.last, s.active = 0, now, make(chan struct{})
	frozen := s.p.freeze()
	go func(done chan<- struct{}) {
		defer close(done)
		if err := writeSnapshot(s.k.Snapshots, s.k.info.Created, frozen); err != nil {
			s.p.logger.Warn().Err(err).Msg("snapshot not written")
		}
	}(s.active)
}

func (s *snapshotter) wait() { <-s.active }
