package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// errDrained ends a partition's writer: its queue is closed and empty.
var errDrained = errors.New("ledger: drained")

// errGiveUp ends a partition's writer: another one has won twice running.
var errGiveUp = errors.New("ledger: another writer holds this partition")

// ErrTailLost: the log is shorter than what this writer has seen committed. Nothing may be decided on it.
var ErrTailLost = errors.New("ledger: committed entries are missing from the log")

// partition is the writer of one partition. run owns everything but the queue.
type partition struct {
	*fold
	number   int
	owner    string
	epoch    func() uint64
	log      Log
	broker   Broker
	clock    clock.Clock
	heads    *Heads
	stats    *Stats
	logger   zerolog.Logger
	queue    chan *pending
	retime   chan struct{} // rules that timers follow from have changed
	carry    []*pending    // taken from the queue, not yet decided; decided next
	losses   int           // appends lost to another writer, running
	retry    time.Time     // no room at the broker: decide nothing before
	timers   time.Time     // every due timer has been decided without effect: look again then
	resting  int           // how many of the due timers were so
	build    builder
	onCommit func(events int)                // for the snapshotter
	newID    func(now time.Time) events.UUID // of a commit
	aside    func(work func())               // runs what must not hold the writer up
}

// groupMax bounds the commands of one commit; a commit's bytes are bounded besides.
const groupMax = 4096

// run decides until the queue is closed and empty, ctx ends, or the partition must be given up. It answers everything it has taken;
// what is left in the queue is the caller's.
func (p *partition) run(ctx context.Context) error {
	defer func() { p.refuseAll(p.carry, events.ErrOverloaded) }()
	for {
		group, err := p.collect(ctx)
		if err != nil {
			return err
		}
		if len(group) == 0 {
			continue
		}
		if err := p.process(ctx, group); err != nil {
			return err
		}
	}
}

// collect waits for commands or a timer and takes what is there.
func (p *partition) collect(ctx context.Context) ([]*pending, error) {
	group := p.carry
	p.carry = nil
	if len(group) == 0 {
		var wake <-chan time.Time
		stop := func() {}
		if at, ok := p.state.NextDue(); ok {
			for _, floor := range []time.Time{p.retry, p.timers} {
				if at.Before(floor) && p.pausing(floor) {
					at = floor
				}
			}
			wake, stop = p.clock.Wake(at)
		}
		select {
		case first, ok := <-p.queue:
			if !ok {
				stop()
				return nil, errDrained
			}
			group = append(group, first)
		case <-wake:
		case <-p.retime:
			p.retimed()
		case <-ctx.Done():
			stop()
			return nil, ctx.Err()
		}
		stop()
	}
	return p.gather(group), nil
}

// gather adds what else has queued and the timers that are due. It does not wait.
func (p *partition) gather(group []*pending) []*pending {
	for len(group) < groupMax {
		select {
		case next, ok := <-p.queue:
			if !ok {
				break
			}
			group = append(group, next)
			continue
		default:
		}
		break
	}
	return append(group, p.due()...)
}

// retimed asks the entities for their timers again.
func (p *partition) retimed() {
	p.state.Retime()
	p.timers = time.Time{}
}

// pausing reports whether one of the writer's pauses lasts. None is longer than a second: what seems longer is a clock that was set back.
func (p *partition) pausing(until time.Time) bool {
	left := until.Sub(p.clock.Now())
	return left > 0 && left <= timersRest
}

// timersRest is the pause when nothing but refused timers is due. It delays others that come due meanwhile.
const timersRest = time.Second

// due lists the timers whose time has come. A timer that was refused stays due, before all others: it is passed over.
func (p *partition) due() []*pending {
	now := p.now()
	if p.pausing(p.timers) {
		return nil
	}
	var list []*pending
	all := p.state.Due(now, groupMax+p.resting)
	for _, c := range all {
		if _, decided := p.outcomes.get(c.ID); !decided {
			list = append(list, &pending{c: c, body: bodyHash(c.ID)})
		}
	}
	p.resting = len(all) - len(list)
	if p.resting > 0 && len(list) == 0 {
		p.timers = p.clock.Now().Add(timersRest)
	}
	return list
}

// now never goes back behind the last commit, whatever the machine's clock does.
func (p *partition) now() time.Time {
	now := p.clock.Now().UTC().Truncate(time.Microsecond)
	if now.Before(p.tip.Time) && !planted.On("clock_goes_back") {
		return p.tip.Time
	}
	return now
}

// process decides a group, commits it and answers it.
func (p *partition) process(ctx context.Context, group []*pending) error {
	now := p.now()
	if p.pausing(p.retry) {
		p.refuseNoRoom(group)
		return nil
	}
	g := p.decide(group, now)
	p.carry = g.rest
	if len(p.build.outcome) == 0 { // nothing but repeats
		g.answerRepeats()
		return nil
	}
	record := Record{
		Commit:    p.newID(now).String(),
		Partition: p.name,
		Number:    p.tip.Number + 1,
		Prev:      p.tip.Hash.String(),
		Epoch:     p.epoch(),
	}
	if planted.On("broken_hash_link") {
		record.Prev = Hash{}.String()
	}
	body, err := p.build.close(record)
	if err != nil {
		return err
	}
	stored := &Stored{Partition: p.number, Body: body}
	g.record, g.started = &record, time.Now()
	if planted.On("answer_before_commit") {
		g.answer(Tip{Sequence: p.tip.Sequence + 1})
	}
	stored.Sequence, err = p.commit(ctx, record.Commit, stored, g)
	switch {
	case err == nil:
		p.losses = 0
	case errors.Is(err, ErrNoSpace):
		p.undo(g)
		p.refuseNoRoom(g.all())
		p.retry = p.clock.Now().Add(timersRest)
		p.logger.Error().Err(err).Msg("no room at the broker; commands are refused for a second")
		return nil
	case errors.Is(err, errLost):
		return p.lost(ctx, g)
	default: // the context ended while the outcome was in doubt, or the log is not ours any more
		if planted.On("doubt_told_as_not_done") {
			p.refuseAll(g.all(), events.ErrOverloaded)
		}
		p.refuseAll(g.all(), events.ErrUnknown)
		return err
	}
	p.stats.commit(len(g.decided), p.build.events, len(body), time.Since(g.started))
	p.tip = Tip{Sequence: stored.Sequence, Number: record.Number, Hash: stored.Hash(), Time: now}
	p.events += uint64(p.build.events)
	for _, d := range g.decided {
		p.outcomes.add(d.c.ID, outcomeRef{d.body, stored.Sequence}, now)
	}
	p.heads.Set(p.name, p.tip)
	if p.onCommit != nil {
		p.onCommit(p.build.events)
	}
	g.tell(p.tip)
	g.answer(p.tip)
	g.answerRepeats()
	return nil
}

// group is what became of the commands of one commit.
type group struct {
	p       *partition
	record  *Record
	started time.Time // when it was given to the log
	decided []decided
	same    []sameCommand // asked twice within the group
	repeats []repeat
	rest    []*pending // no room left in this commit
	undo    []step.Undo
}

type decided struct {
	*pending
	version uint64
	ids     []string
	problem *events.Problem
}

type sameCommand struct {
	*pending
	as int // index in decided
}

type repeat struct {
	*pending
	ref outcomeRef
}

func (g *group) all() []*pending {
	var all []*pending
	for i := range g.decided {
		all = append(all, g.decided[i].pending)
	}
	for i := range g.same {
		all = append(all, g.same[i].pending)
	}
	for i := range g.repeats {
		all = append(all, g.repeats[i].pending)
	}
	return all
}

// decide runs the commands one after another, each on the state the one before it left.
func (p *partition) decide(pendings []*pending, now time.Time) *group {
	g := &group{p: p, decided: make([]decided, 0, len(pendings))}
	index := make(map[events.UUID]int, len(pendings))
	b := &p.build
	b.reset(now)
	for i, w := range pendings {
		if b.full() {
			g.rest = pendings[i:]
			break
		}
		if ref, ok := p.outcomes.get(w.c.ID); ok {
			if ref.body != w.body && !planted.On("other_body_under_a_known_id") {
				p.refuseReused(w)
				continue
			}
			g.repeats = append(g.repeats, repeat{w, ref})
			continue
		}
		if at, ok := index[w.c.ID]; ok && !planted.On("twice_in_one_group") {
			if g.decided[at].body != w.body && !planted.On("other_body_in_one_group") {
				p.refuseReused(w)
				continue
			}
			g.same = append(g.same, sameCommand{w, at})
			continue
		}
		index[w.c.ID] = len(g.decided)
		g.decided = append(g.decided, p.one(g, w, now))
	}
	return g
}

// refuseReused refuses an id that stands for other content. The id's outcome is the first content's, so this refusal cannot be
// committed under it: it is recorded like those of the edge.
func (p *partition) refuseReused(w *pending) {
	problem := events.ErrReusedID.Refuse("", "请为新的内容使用新的命令编号", "use a new command id for new content")
	problem.Instance = w.c.ID.String()
	w.answer(problemBody(problem))
	p.stats.refusal(w.door(), problem)
	if w.event != nil { // a timer's command has no sender
		p.broker.Audit(AuditOf(w.event, p.machine.Context(), p.clock.Now(), problem))
	}
}

// one decides one command and records its outcome in the commit being built.
func (p *partition) one(g *group, w *pending, now time.Time) decided {
	b := &p.build
	d := decided{pending: w}
	first, mark, undone := b.events, len(b.body), len(g.undo)
	list, err := p.judge(w.c, now)
	version := p.state.Version(w.c.Subject)
	if err == nil {
		for i := range list {
			version++
			if planted.On("skipped_version") {
				version++
			}
			var id string
			if id, err = b.add(w.c, i, &list[i], version); err != nil {
				break
			}
			d.ids = append(d.ids, id)
			g.undo = append(g.undo, p.state.Apply(&step.Applied{
				Type: list[i].Type, Subject: w.c.Subject, Version: version, Time: now, Data: list[i].Data,
			}))
			if len(b.body)-mark > CommandBytesMax {
				err = events.ErrTooLarge.Refusef("", "一条命令产生的事件不得超过 %d 字节", "the events of one command may not exceed %d bytes", CommandBytesMax)
				break
			}
		}
	}
	if err != nil {
		for len(g.undo) > undone && !planted.On("refusal_changes_state") {
			p.state.Undo(g.undo[len(g.undo)-1])
			g.undo = g.undo[:len(g.undo)-1]
		}
		b.body, b.events, d.ids = b.body[:mark], first, nil
		d.problem = p.problem(err, w.c)
		p.stats.refusal(w.door(), d.problem)
		version = p.state.Version(w.c.Subject)
	}
	d.version = version
	o := Outcome{Command: w.c.ID.String(), Body: hex.EncodeToString(w.body[:]), Subject: w.c.Subject, Version: version, Problem: d.problem}
	if n := b.events - first; n > 0 {
		o.First, o.Count = first, n
	}
	if planted.On("refusal_without_outcome") && d.problem != nil {
		return d
	}
	b.record(o)
	return d
}

// judge asks the service. A panic in a decision refuses that command alone: the decision is pure, so nothing is half done.
func (p *partition) judge(c *step.Command, now time.Time) (list []step.Event, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.logger.Error().Str("command", c.ID.String()).Str("type", c.Type).Interface("panic", r).Bytes("stack", debug.Stack()).Msg("decision panicked")
			list, err = nil, fmt.Errorf("decision panicked: %v", r)
		}
	}()
	if have := p.state.Version(c.Subject); c.Expected != 0 && c.Expected != have && !planted.On("expected_version_ignored") {
		return nil, events.ErrVersion.Refusef("", "期望版本 %d，实际版本 %d", "expected version %d, it is %d", c.Expected, have)
	}
	return p.state.Decide(c, now)
}

func (p *partition) problem(err error, c *step.Command) *events.Problem {
	var refusal *events.Problem
	if !errors.As(err, &refusal) {
		p.logger.Error().Err(err).Str("command", c.ID.String()).Str("type", c.Type).Msg("decision failed")
		refusal = events.ErrInternal.Refuse("", "", "")
	}
	copied := *refusal
	copied.Instance = c.ID.String()
	return &copied
}

// undo takes the group's events back from the state.
func (p *partition) undo(g *group) {
	for i := len(g.undo) - 1; i >= 0; i-- {
		p.state.Undo(g.undo[i])
	}
	g.undo = nil
}

// lost: another writer's commit took the place. Read what it wrote, then decide the same commands again on that; after a second
// loss running, leave the partition and send the commands on to the one who has it.
func (p *partition) lost(ctx context.Context, g *group) error {
	if !planted.On("lost_commit_kept_in_memory") {
		p.undo(g)
	}
	p.losses++
	p.stats.lost()
	again := g.all()
	for {
		next, err := p.log.Next(ctx, p.number, p.tip.Sequence)
		if errors.Is(err, ErrNone) {
			break
		}
		if err == nil {
			err = p.absorb(next)
		}
		if err != nil {
			p.refuseAll(again, events.ErrOverloaded)
			return err
		}
	}
	if p.losses >= 2 {
		p.forward(append(again, p.carry...))
		p.carry = nil
		return errGiveUp
	}
	p.carry = append(again, p.carry...)
	return nil
}
