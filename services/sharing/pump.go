package sharing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// Sources are the contexts whose events departments can see: all but the grants themselves.
var Sources = slices.DeleteFunc(slices.Clone(events.Contexts), func(context string) bool { return context == "sharing" })

// View is one department's stream and where it stands.
type View struct {
	Department string
	Stream     *ledger.Derived
	// Ready makes what the department reads the stream with (its durable consumer); it runs whenever the stream has been opened
	// or made anew.
	Ready func(ctx context.Context) error

	stored map[string]events.Position // last origin stored, by context
}

// NewPump makes a pump without views.
func NewPump(grants ledger.Log, sources map[string]*ledger.Derived, log zerolog.Logger) *Pump {
	return &Pump{Grants: grants, Events: sources, Log: log, changed: make(chan struct{}), rewrite: make(map[string]bool),
		opening: make(chan struct{}), read: make(map[string]uint64), done: make(map[string]uint64), at: make(map[string]uint64)}
}

// At is the sequence of a source's EVENTS stream up to which everything has been put before every view.
func (p *Pump) At(source string) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at[source]
}

// Pump writes the views. Sources are read once for all departments; the pump keeps no position but what the views themselves hold.
type Pump struct {
	Grants ledger.Log                 // the ledger of context sharing
	Events map[string]*ledger.Derived // the EVENTS streams, by context
	Views  []*View                    // once it runs: by Add
	Trail  *trace.Trail               // may be nil
	Log    zerolog.Logger

	written  []*View // those of Views that this run has opened
	loop     ledger.Loop
	mu       sync.Mutex // held while one event is written to the views
	policies map[string]*Policy
	depts    map[string]*Department
	read     map[string]uint64 // by context: up to this ledger sequence events are in the views
	done     map[string]uint64 // by context: every event up to this ledger sequence has been put before every view in this run
	at       map[string]uint64 // by context: up to this sequence of its EVENTS stream everything has been put before every view
	grantTip uint64            // last commit of the sharing ledger that is applied
	changed  chan struct{}     // closed and replaced when grantTip or done moves
	gate     chan struct{}     // not nil: writing stands still until it is closed
	rewrite  map[string]bool   // departments whose view must be written anew
	opening  chan struct{}     // not nil: read is not known again yet; closed when it is
}

var errRewrite = errors.New("sharing: a grant governs events that are written already; the view is written anew")

// Run writes views until ctx ends. After a failure it looks what each view holds and goes on behind that.
func (p *Pump) Run(ctx context.Context) error {
	return p.loop.Run(ctx, p.Log.With().Str("part", "views").Logger(), p.once)
}

// Restart makes the pump look anew at what the views hold, as after one has been deleted.
func (p *Pump) Restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loop.Restart()
	p.done = make(map[string]uint64)
}

// Add gives the pump one more view to write; it begins anew with it. A recipient that has one keeps it.
func (p *Pump) Add(v *View) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.Views, func(have *View) bool { return have.Department == v.Department }) {
		return
	}
	p.Views = append(slices.Clone(p.Views), v)
	p.loop.Restart()
	p.done = make(map[string]uint64)
}

// Hold makes the pump stand still until release is called, as while its sources are made anew.
func (p *Pump) Hold() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = make(map[string]uint64)
	return p.loop.Hold()
}

// Complete waits until every view holds what it may have of a source, up to a sequence of its ledger.
func (p *Pump) Complete(ctx context.Context, source string, sequence uint64) error {
	for {
		p.mu.Lock()
		done, changed := p.done[source], p.changed
		p.mu.Unlock()
		if done < sequence {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := p.flush(ctx)
		p.mu.Lock()
		done = p.done[source]
		p.mu.Unlock()
		if err == nil && done >= sequence {
			return nil
		}
		// An append was lost: the pump notices, and begins again behind what the views hold.
		select {
		case <-time.After(flushPause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// flushPause is the wait for the pump to begin again after a lost append.
const flushPause = 20 * time.Millisecond

func (p *Pump) flush(ctx context.Context) error {
	p.mu.Lock()
	written := p.written
	p.mu.Unlock()
	for _, v := range written {
		if err := v.Stream.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pump) once(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := p.open(ctx); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)
	run := func(f func() error) { // whatever ends, ends all: what waits for it would wait for ever
		running.Add(1)
		go func() {
			defer running.Done()
			cancel(f())
		}()
	}
	for _, v := range p.written { // a lost append must not wait for the next event to be noticed
		watched, release := v.Stream.UntilFailed(ctx)
		run(func() error {
			<-watched.Done()
			return release()
		})
	}
	last, err := p.Grants.Info(ctx)
	if err != nil {
		return err
	}
	run(func() error { return p.Grants.Follow(ctx, -1, 0, p.absorb) })
	if p.await(ctx, last.Last) != nil { // every grant there is, before the first event
		return context.Cause(ctx)
	}
	after := make(map[string]uint64, len(Sources))
	for _, source := range Sources {
		var err error
		if after[source], err = p.start(ctx, source); err != nil {
			return err
		}
		p.began(source, after[source])
	}
	p.opened()
	for _, source := range Sources {
		run(func() error {
			return p.Events[source].Follow(ctx, "", after[source], func(m *ledger.Message) error { return p.write(ctx, source, m) })
		})
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// open readies every view and finds what it holds.
func (p *Pump) open(ctx context.Context) error {
	p.mu.Lock()
	rewrite := p.rewrite
	p.rewrite = make(map[string]bool)
	if p.opening == nil {
		p.opening = make(chan struct{})
	}
	views := p.Views
	p.policies, p.depts, p.read, p.done, p.grantTip = make(map[string]*Policy), make(map[string]*Department), make(map[string]uint64), make(map[string]uint64), 0
	p.mu.Unlock()
	for _, v := range views {
		if rewrite[v.Department] {
			if err := v.Stream.Delete(ctx); err != nil {
				return err
			}
		}
		if _, _, err := v.Stream.Resume(ctx); err != nil {
			return err
		}
		v.stored = make(map[string]events.Position)
		for _, source := range Sources {
			last, found, err := v.Stream.LastOf(ctx, "jieli.view."+v.Department+"."+source+".>")
			if err != nil {
				return err
			}
			if found {
				v.stored[source] = last
			}
		}
		if err := v.Ready(ctx); err != nil {
			return fmt.Errorf("sharing: view of %s: %w", v.Department, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = views
	return nil
}

// start is the sequence of the EVENTS stream behind which a source must be read: nothing that any view lacks is skipped.
// A view that has nothing of a source needs it from where its grants begin; one that is granted nothing of it does not ask for it.
func (p *Pump) start(ctx context.Context, source string) (uint64, error) {
	var oldest events.Position
	asked := false
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range p.written {
		from, ok := v.stored[source]
		p.read[source] = max(p.read[source], from.Sequence)
		if !ok {
			policy := p.policies[v.Department]
			if policy == nil {
				continue
			}
			first, granted := policy.first(source)
			if !granted {
				continue
			}
			if from = (events.Position{Context: source}); first > 0 {
				from.Sequence = first - 1
			}
		}
		if !asked || from.Less(oldest) {
			oldest, asked = from, true
		}
	}
	if oldest.Sequence == 0 {
		return 0, nil
	}
	// What is skipped counts as read: a grant that comes now must not govern it.
	p.read[source], p.done[source] = max(p.read[source], oldest.Sequence), oldest.Sequence
	p.moved()
	return p.Events[source].SequenceOf(ctx, "jieli.event."+source+".>", oldest)
}

func (p *Pump) began(source string, at uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[source] = at
}

// opened tells that it is known again what the views hold.
func (p *Pump) opened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.opening)
	p.opening = nil
}

// absorb applies a commit of the sharing ledger to the policies.
func (p *Pump) absorb(s *ledger.Stored) error {
	c, err := s.Decode()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range c.Events {
		e, err := ledger.Applied(&c.Events[i])
		if err != nil {
			return err
		}
		d := Evolve(p.depts[e.Subject], e)
		p.depts[e.Subject] = d
		p.policies[e.Subject] = NewPolicy(d)
		if cuts, ok := changeCuts(e.Data); ok && p.overtaken(cuts) {
			p.rewrite[e.Subject] = true
		}
	}
	p.grantTip = s.Sequence
	p.moved()
	if p.gate != nil { // refusals are commits too
		close(p.gate)
		p.gate = nil
	}
	if len(p.rewrite) > 0 {
		return errRewrite
	}
	return nil
}

// moved wakes those who wait for progress. The lock is held.
func (p *Pump) moved() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func changeCuts(data any) (cuts []events.Cut, ok bool) {
	switch g := data.(type) {
	case *events.Grant:
		return g.Cuts, true
	case *events.GrantRef:
		return g.Cuts, true
	}
	return nil, false
}

// overtaken reports whether events that a change governs are in views already. A source without a cut is governed from its
// beginning: nothing of it was in any view when the change was prepared. The lock is held.
func (p *Pump) overtaken(cuts []events.Cut) bool {
	if planted.On("late_grant") {
		return false
	}
	from := make(map[string]uint64, len(cuts))
	for _, cut := range cuts {
		from[cut.Context] = cut.Sequence
	}
	for source, read := range p.read {
		if read > 0 && from[source] <= read {
			return true
		}
	}
	return false
}

// await waits until the sharing ledger has been applied up to a sequence.
func (p *Pump) await(ctx context.Context, sequence uint64) error {
	for {
		p.mu.Lock()
		tip, changed := p.grantTip, p.changed
		p.mu.Unlock()
		if tip >= sequence {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write puts an event into every view that may have it and does not have it yet.
func (p *Pump) write(ctx context.Context, source string, m *ledger.Message) error {
	p.mu.Lock()
	for p.gate != nil {
		gate := p.gate
		if err := p.settle(); err != nil {
			p.mu.Unlock()
			return err
		}
		p.mu.Unlock()
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil { // restarted meanwhile
		return err
	}
	for _, v := range p.written {
		policy := p.policies[v.Department]
		if stored, ok := v.stored[source]; policy == nil || ok && !stored.Less(m.Origin) {
			continue
		}
		view, may, err := policy.View(&m.Event, m.Origin)
		if err != nil {
			return err
		}
		if !may {
			continue
		}
		span := p.Trail.Pass(&m.Event, m.Origin, v.Department)
		err = v.Stream.Append(events.ViewSubject(v.Department, view), view, m.Origin)
		span.End()
		if err != nil {
			return err
		}
	}
	p.read[source] = max(p.read[source], m.Origin.Sequence)
	p.done[source], p.at[source] = m.Origin.Sequence, m.Sequence
	p.moved()
	if m.More {
		return nil
	}
	return p.settle()
}

// settle tells every view that nothing more comes at once. The lock is held.
func (p *Pump) settle() error {
	for _, v := range p.written {
		if err := v.Stream.Settle(); err != nil {
			return err
		}
	}
	return nil
}
