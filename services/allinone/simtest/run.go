package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Wrong behaviours that a run can be given, to show that it finds them.
const (
	PlantedNoCompare = "the log stores without comparing what it should follow"
	PlantedLostAck   = "an answer that says stored when nothing was"
)

// Options of a run.
type Options struct {
	Planted string
	Actions int // of the script; 0: about 60
}

// Counts are what occurred.
type Counts struct {
	Seeds, Steps                int
	commands, accepted, events  map[string]int
	faults, refusals            map[string]int
	audits, repeats             int
	otherBodies, late, refusing int
}

// NewCounts counts nothing yet.
func NewCounts() *Counts {
	return &Counts{commands: make(map[string]int), accepted: make(map[string]int), events: make(map[string]int), faults: make(map[string]int), refusals: make(map[string]int)}
}

func (c *Counts) fault(kind string) { c.faults[kind]++ }
func (c *Counts) refused(p *events.Problem) {
	c.refusals[strings.TrimPrefix(p.Type, events.ProblemPrefix)]++
}

// Add adds the counts of other runs.
func (c *Counts) Add(o *Counts) {
	for _, pair := range [][2]map[string]int{{c.commands, o.commands}, {c.accepted, o.accepted}, {c.events, o.events}, {c.faults, o.faults}, {c.refusals, o.refusals}} {
		for k, n := range pair[1] {
			pair[0][k] += n
		}
	}
	c.Seeds += o.Seeds
	c.Steps += o.Steps
	c.audits += o.audits
	c.repeats += o.repeats
	c.otherBodies += o.otherBodies
	c.late += o.late
	c.refusing += o.refusing
}

// Never lists the commands, events and faults that never occurred.
func (c *Counts) Never() (list []string) {
	for _, e := range events.Catalog {
		if e.Kind == events.Command && c.commands[e.Type] == 0 {
			list = append(list, "command "+e.Type)
		}
		if e.Kind == events.Fact && c.events[e.Type] == 0 {
			list = append(list, "event "+e.Type)
		}
	}
	for _, f := range Faults {
		if c.faults[f] == 0 {
			list = append(list, "fault "+f)
		}
	}
	return list
}

// String tells the counts in one paragraph.
func (c *Counts) String() string {
	sum := func(m map[string]int) (n int) {
		for _, v := range m {
			n += v
		}
		return n
	}
	return fmt.Sprintf("%d seeds, %d steps: %d commands of %d types (%d accepted answers, %d refusals of %d kinds, %d repeats, %d with another body, %d after 31 days), %d events of %d types, %d faults of %d types, %d refusals to serve a damaged log",
		c.Seeds, c.Steps, sum(c.commands), len(c.commands), sum(c.accepted), sum(c.refusals), len(c.refusals), c.repeats, c.otherBodies, c.late, sum(c.events), len(c.events), sum(c.faults), len(c.faults), c.refusing)
}

// Failure is what a seed has shown.
type Failure struct {
	Seed    uint64
	What    string   // invariant and what breaks it
	Trace   []string // the last things that happened
	Script  []string // the shrunk script
	Actions int      // of the script before it was shrunk
}

// Invariant is the failed invariant's name, such as "I1".
func (f *Failure) Invariant() string { name, _, _ := strings.Cut(f.What, ":"); return name }

// String is all there is to know to begin the search.
func (f *Failure) String() string {
	return fmt.Sprintf("seed %d: %s\nthe last that happened:\n  %s\na script of %d lines (of %d) that fails so:\n  %s", f.Seed, f.What, strings.Join(f.Trace, "\n  "), len(f.Script), f.Actions, strings.Join(f.Script, "\n  "))
}

// Run plays one seed. nil: everything held. The error is of the simulator itself.
func Run(seed uint64, o Options, counts *Counts) (*Failure, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	list := written(s, seed, o)
	what, trace := play(s, seed, list, o, counts)
	counts.Seeds++
	if what == "" {
		return nil, nil
	}
	f := &Failure{Seed: seed, What: what, Trace: trace, Actions: len(list)}
	for _, a := range shrink(s, seed, list, o, f) {
		f.Script = append(f.Script, a.String())
	}
	return f, nil
}

func written(s *shared, seed uint64, o Options) []*action {
	n := o.Actions
	if n == 0 {
		n = 60
	}
	return script(rand.New(rand.NewPCG(seed, 1)), s.examples, n, single(seed))
}

// single seeds are of one node: there a tail can be lost.
func single(seed uint64) bool { return seed%4 == 0 }

// shrink leaves out what is not needed for the same invariant to fail.
func shrink(s *shared, seed uint64, list []*action, o Options, f *Failure) []*action {
	budget := 60
	for size := len(list) / 2; size > 0 && budget > 0; size /= 2 {
		for from := 0; from+size <= len(list) && budget > 0; {
			budget--
			less := slices.Concat(list[:from], list[from+size:])
			what, trace := play(s, seed, less, o, NewCounts())
			if name, _, _ := strings.Cut(what, ":"); what != "" && name == f.Invariant() {
				list, f.What, f.Trace = less, what, trace
				continue
			}
			from += size
		}
	}
	return list
}

// play plays a script: faults first, then it heals.
func play(s *shared, seed uint64, list []*action, o Options, counts *Counts) (failure string, trace []string) {
	w := &world{rand: rand.New(rand.NewPCG(seed, 2)), now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), stats: counts}
	f := &faults{on: false, often: 8 + w.rand.IntN(40)}
	nodes, partitions := 2, 1+w.rand.IntN(2)
	if single(seed) { // one partition besides: one beside the damaged one cannot know, and hands its sequences out again
		nodes, partitions = 1, 1
	}
	y := build(s, w, f, partitions, nodes, o.Planted)
	defer w.drop(func(*task) bool { return true })
	defer func() { counts.Steps += w.steps }()
	ended := false
	w.spawn(nil, "script", func() {
		y.pause(time.Second) // writers are up
		f.on = true
		for _, a := range list {
			y.pause(a.after)
			if a.command != nil {
				y.clients.command(a.command)
			} else {
				y.bring(a)
			}
		}
		y.pause(y.moment(10 * time.Second))
		ended = true
	})
	w.run(func() bool { return ended && y.clients.open == 0 })
	if w.failure == "" {
		y.heal()
	}
	return w.failure, w.trace
}

// bring brings a scripted fault about.
func (y *system) bring(a *action) {
	n := y.nodes[a.pick%uint64(len(y.nodes))]
	switch a.fault {
	case FaultKill:
		y.kill(n)
		y.pause(y.moment(2 * leaseTTL))
		y.start(n)
	case FaultLeaseLost, FaultTwoWriters:
		keys := make([]string, 0, len(y.serving))
		for key, list := range y.serving {
			if len(list) > 0 {
				keys = append(keys, key)
			}
		}
		if len(keys) == 0 {
			return
		}
		slices.Sort(keys)
		key := keys[a.pick%uint64(len(keys))]
		wr := y.serving[key][0]
		if a.fault == FaultTwoWriters {
			wr.unaware = y.now.Add(3 * leaseTTL)
		}
		delete(y.leases.held, key)
		for _, other := range y.nodes {
			if other != wr.node || len(y.nodes) == 1 {
				y.leases.take(key, other.name+map[bool]string{true: "'s other", false: ""}[other == wr.node])
			}
		}
		for _, t := range y.tasks { // the other node finds the lease its own
			if t.owner != nil && t.owner != wr.node && strings.HasSuffix(t.name, " "+key) {
				y.wake(t)
			}
		}
	case FaultFull, FaultSilent:
		l := y.logs[events.Contexts[a.pick%uint64(len(events.Contexts))]]
		l.fullUntil, l.silent = y.now.Add(y.moment(20*time.Second)), a.fault == FaultSilent
	case FaultTail:
		l := y.logs[events.Contexts[a.pick%uint64(len(events.Contexts))]]
		if n := len(l.at); n == 0 || y.now.Sub(l.at[n-1]) < 8*time.Second || !l.damage(1+int(a.pick>>32)%3) {
			return
		}
		y.tell("%s lost its tail: %d commits are left", l.context, len(l.commits))
	case FaultStoreLost, FaultStoreBack:
		y.roll(a.fault == FaultStoreBack)
	case FaultClock:
		n.skew = time.Duration(int64(a.pick%7200)-3600) * time.Second
		if a.pick%3 > 0 { // more than an hour is seldom; within five minutes is what honest clocks differ by
			n.skew /= 15
		}
	case FaultMonth:
		y.now = y.now.Add(31 * 24 * time.Hour)
		for _, s := range y.lateOnes {
			y.late(s)
		}
		y.lateOnes = nil
	case FaultMatcher:
		y.feeder.again = true
		y.feeder.hear()
	case FaultRefeed:
		y.feeder.refeed = true
		y.feeder.hear()
	case FaultRetime:
		for _, list := range y.serving {
			for _, wr := range list {
				wr.stepper.Retime()
			}
		}
	case FaultSnapshot:
		y.snapshot(n)
	}
	y.tell("fault: %s", a.fault)
	y.stats.fault(a.fault)
}

// late gives a command again when its id is no longer remembered: it must be refused as expired.
func (y *system) late(s *sent) {
	y.stats.late++
	y.clients.open++
	y.spawn(nil, "client", func() {
		defer func() { y.clients.open-- }()
		y.clients.give(s, 3)
		if s.answer != nil {
			y.fail("I1", "command %s was given again after 31 days and accepted", s.e.ID)
		}
	})
}

// heal ends every fault and waits until everything is at rest.
func (y *system) heal() {
	y.faults.on = false
	for _, name := range events.Contexts {
		l := y.logs[name]
		l.fullUntil = time.Time{}
		if l.repair() {
			y.fail("I1", "%s was written on although its tail was missing", name)
			return
		}
	}
	for _, n := range y.nodes {
		n.skew = 0
	}
	for _, s := range y.clients.all {
		if !s.settled {
			y.clients.open++
			y.spawn(nil, "client", func() {
				defer func() { y.clients.open-- }()
				y.clients.give(s, 0)
			})
		}
	}
	for _, t := range y.projecting {
		y.wake(t)
	}
	y.feeder.hear()
	by := y.now.Add(settle)
	y.run(func() bool { return y.clients.open == 0 && y.caughtUp() || y.now.After(by) })
	if y.failure == "" && y.now.After(by) {
		y.fail("I9", "not at rest %s after the faults have ended: %d senders wait, %d recommendations are under way", settle, y.clients.open, len(y.feeder.giving))
	}
	if y.failure == "" {
		y.checker.end()
	}
}
