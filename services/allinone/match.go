package allinone

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
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/stack"
)

// matching feeds the matcher from the ledgers and gives the commands it asks for.
type matching struct {
	logs   map[string]ledger.Log
	sender *ledger.Sender
	rules  *matcher.RuleSets
	stacks *rules.Sets[stack.RuleSet]
	log    zerolog.Logger
	loop   ledger.Loop

	now   atomic.Pointer[matcher.Service] // nil until the first has caught up
	up    chan struct{}                   // closed when the first has caught up
	first sync.Once

	tracer  *trace.Tracer
	trail   *trace.Trail
	pending atomic.Int64 // commands under way

	mu    sync.Mutex
	read  map[string]uint64 // by context: how far the current matcher has read its ledger
	moved chan struct{}     // closed and replaced when read grows
}

// Bounds of the commands under way and of the commits read ahead of the matcher.
const (
	recommendationsAtOnce = 512
	commitsAhead          = 256
	recommendTimeout      = 10 * time.Second
	pendingPause          = 100 * time.Millisecond
	tendAtOnce            = 32                     // offers whose leads are found and demands that are refreshed at a time
	tendPause             = 100 * time.Millisecond // between two such rounds at least, and
	tendShare             = 4                      // so many times as long as the last round took: what offers set off never takes more of the feeder
	freshMax              = time.Second            // a question's wait for the matcher
)

func newMatching(s *System) *matching {
	return &matching{logs: s.logs, sender: s.sender, rules: matcher.NewRuleSets(s.rulebook.matching), stacks: s.rulebook.stack, tracer: s.tracer("matcher"), trail: s.trail("matcher", "match"), log: s.options.Log.With().Str("part", "matching").Logger(), up: make(chan struct{}), read: make(map[string]uint64), moved: make(chan struct{})}
}

func (m *matching) run(ctx context.Context) error { return m.loop.Run(ctx, m.log, m.once) }

// ready waits until the matcher has read what the ledgers held at the start.
func (m *matching) ready(ctx context.Context) error {
	select {
	case <-m.up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// current is the matcher to ask.
func (m *matching) current() (*matcher.Service, error) {
	if service := m.now.Load(); service != nil {
		return service, nil
	}
	return nil, events.ErrUnavailable.Refuse("", "撮合服务正在读取账本，请稍后重试", "the matcher is still reading the ledgers; try again later")
}

// fresh returns the matcher once it has read what the ledgers of demands and offers hold now: a question asked right after a
// command was accepted is answered with it.
func (m *matching) fresh(ctx context.Context) (*matcher.Service, error) {
	service, err := m.current()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, freshMax)
	defer cancel()
	for _, name := range []string{"demand", "bond", "offer"} {
		info, err := m.logs[name].Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("allinone: matcher: %w", err)
		}
		for {
			m.mu.Lock()
			at, moved := m.read[name], m.moved
			m.mu.Unlock()
			if at >= info.Last {
				break
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return nil, events.ErrStale.Refusef("", "撮合服务读到 %s 的序号 %d，账本已到 %d", "the matcher has read %s up to %d, the ledger is at %d", name, at, info.Last)
			}
		}
	}
	return service, nil
}

// at is how far the matcher has read a ledger.
func (m *matching) at(name string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read[name]
}

// advance notes how far the matcher has read.
func (m *matching) advance(name string, sequence uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.read[name] = sequence
	close(m.moved)
	m.moved = make(chan struct{})
}

// read is a commit on its way to the matcher.
type read struct {
	at     matcher.Origin
	commit *ledger.Commit
}

// once feeds a new matcher from the beginning until something fails.
func (m *matching) once(ctx context.Context) error {
	service := matcher.New(matcher.Deps{Rules: m.rules, Stacks: m.stacks})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &feeder{m: m, service: service, feeds: make(map[string]chan read), read: make(map[string]uint64), returned: make(chan returned, recommendationsAtOnce),
		slots: make(chan struct{}, recommendationsAtOnce)}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, len(matcher.Follows()))
	for _, name := range matcher.Follows() {
		feed := make(chan read, commitsAhead)
		f.feeds[name] = feed
		running.Add(1)
		go func() {
			defer running.Done()
			failed <- m.logs[name].Follow(ctx, -1, 0, func(s *ledger.Stored) error {
				c, err := s.Decode()
				if err != nil {
					return err
				}
				select {
				case feed <- read{matcher.Origin{Context: name, Partition: s.Partition, Sequence: s.Sequence}, c}:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		}()
	}
	// What history has answered must not be asked again: all of it is read before the first question.
	for _, name := range matcher.Follows() {
		if err := f.upTo(ctx, name, failed); err != nil {
			return err
		}
	}
	service.CaughtUp()
	m.now.Store(service)
	m.first.Do(func() { close(m.up) })
	err := f.live(ctx, failed)
	cancel()
	f.giving.Wait()
	return err
}

// returned is a command that was not done: again when it may be given once more, else it was refused.
type returned struct {
	c     *step.Command
	again bool
}

// feeder is the one caller of a matcher's reactor.
type feeder struct {
	m        *matching
	service  *matcher.Service
	feeds    map[string]chan read
	read     map[string]uint64 // sequence, by context
	returned chan returned
	slots    chan struct{}
	giving   sync.WaitGroup
}

// upTo feeds one context until everything its ledger holds now has been read.
func (f *feeder) upTo(ctx context.Context, name string, failed <-chan error) error {
	info, err := f.m.logs[name].Info(ctx)
	for err != nil { // while the broker is away: beginning again would mean to read all of history
		f.m.log.Warn().Err(err).Msg("the matcher waits for the broker")
		select {
		case <-time.After(pendingPause):
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		info, err = f.m.logs[name].Info(ctx)
	}
	for f.read[name] < info.Last {
		select {
		case r := <-f.feeds[name]:
			if err := f.apply(ctx, r); err != nil {
				return err
			}
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// live feeds what comes, and gives what history left unanswered.
func (f *feeder) live(ctx context.Context, failed <-chan error) error {
	pending := time.NewTimer(0)
	defer pending.Stop()
	tend := time.NewTimer(tendPause)
	defer tend.Stop()
	for {
		select {
		case r := <-f.feeds["demand"]:
			if err := f.need(ctx, r, failed); err != nil {
				return err
			}
		case r := <-f.feeds["bond"]:
			if err := f.need(ctx, r, failed); err != nil {
				return err
			}
		case r := <-f.feeds["offer"]:
			if err := f.apply(ctx, r); err != nil {
				return err
			}
		case r := <-f.feeds["party"]:
			if err := f.apply(ctx, r); err != nil {
				return err
			}
		case r := <-f.feeds[matcher.Context]:
			if err := f.apply(ctx, r); err != nil {
				return err
			}
		case r := <-f.returned:
			if !r.again {
				f.service.Drop(r.c)
				continue
			}
			f.service.Return(r.c)
			pending.Reset(pendingPause)
		case <-tend.C:
			begun := time.Now()
			commands := f.service.Tend(begun.UTC(), tendAtOnce)
			took := time.Since(begun)
			for _, c := range commands {
				if err := f.give(ctx, c, nil); err != nil {
					return err
				}
			}
			tend.Reset(max(tendPause, tendShare*took))
		case <-pending.C:
			commands := f.service.Pending(time.Now().UTC(), recommendationsAtOnce/2)
			for _, c := range commands {
				if err := f.give(ctx, c, nil); err != nil {
					return err
				}
			}
			if len(commands) > 0 {
				pending.Reset(0)
			}
		case err := <-failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// need feeds a commit of what is matched: an offer that was accepted before it must be among those it is matched with.
func (f *feeder) need(ctx context.Context, r read, failed <-chan error) error {
	if err := f.upTo(ctx, "offer", failed); err != nil {
		return err
	}
	return f.apply(ctx, r)
}

func (f *feeder) apply(ctx context.Context, r read) error {
	if len(r.commit.Events) == 0 {
		f.service.Advance(r.at)
	}
	for i := range r.commit.Events {
		cause := &r.commit.Events[i]
		e, err := ledger.Applied(cause)
		if err != nil && !errors.Is(err, events.ErrNewerType) { // of what this version does not know only the entity's version counts
			return err
		}
		begun := time.Now()
		c, err := f.service.Apply(r.at, e)
		if err != nil {
			return err
		}
		if c != nil {
			span := f.m.follow(c, cause, r.at, i, begun)
			if err := f.give(ctx, c, span); err != nil {
				return err
			}
		}
	}
	f.read[r.at.Context] = r.at.Sequence
	f.m.advance(r.at.Context, r.at.Sequence)
	return nil
}

// give sends a command beside the feed, a bounded number at once. One that surely was not done goes back to the reactor; one whose
// outcome is not known is repeated under its id.
func (f *feeder) give(ctx context.Context, c *step.Command, span *trace.Span) error {
	select {
	case f.slots <- struct{}{}:
	case <-ctx.Done():
		span.End()
		return ctx.Err()
	}
	f.giving.Add(1)
	f.m.pending.Add(1)
	go func() {
		defer f.giving.Done()
		defer f.m.pending.Add(-1)
		defer span.End()
		defer func() { <-f.slots }()
		for ctx.Err() == nil {
			call, cancel := context.WithTimeout(ctx, recommendTimeout)
			_, err := f.m.sender.Internal(call, c)
			cancel()
			switch {
			case err == nil:
				return
			case events.ErrUnknown.Is(err):
				continue
			case events.ErrOverloaded.Is(err):
				select {
				case f.returned <- returned{c, true}:
				case <-ctx.Done():
				}
				return
			default:
				if !errors.Is(err, context.Canceled) {
					f.m.log.Error().Err(err).Str("subject", c.Subject).Msg("recommendation refused")
				}
				select {
				case f.returned <- returned{c, false}:
				case <-ctx.Done():
				}
				return
			}
		}
	}()
	return nil
}

// follow makes what a recommendation is asked with name the event that caused it, in the command (its correlation, its trace) and in
// what is told of it.
func (m *matching) follow(c *step.Command, cause *events.Event, at matcher.Origin, index int, begun time.Time) *trace.Span {
	c.CorrelationID = cause.Get(events.ExtCorrelation)
	c.TraceParent = cause.Get(events.ExtTraceParent)
	span := m.trail.Since(cause, events.Position{Context: at.Context, Partition: at.Partition, Sequence: at.Sequence, Index: index}, "", begun)
	if span != nil {
		span.Past("rank", begun, time.Now())
		span.Set("jieli.causation", cause.ID)
		span.Set("jieli.recommends", c.ID.String())
		span.Link(c.TraceParent, "the event that caused it")
		c.TraceParent = span.Parent()
	}
	if line := m.log.Debug(); line.Enabled() {
		line.Str("command", c.ID.String()).Str("cause", cause.ID).Str("caused_by", cause.Get(events.ExtCausation)).Msg("recommendation asked for")
	}
	return span
}
