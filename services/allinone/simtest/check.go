package simtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// checker holds every commit to what must always be, as it is stored.
type checker struct {
	y        *system
	auditors map[string]*ledger.Auditor
}

func newChecker(y *system, services []app.Service) *checker {
	c := &checker{y: y, auditors: make(map[string]*ledger.Auditor)}
	for _, service := range services {
		c.auditors[service.Machine.Context()] = &ledger.Auditor{Machine: service.Machine,
			Violation: func(invariant, where, what string) { y.fail(invariant, "%s: %s", where, what) },
			Event: func(e *events.Event, _ events.Position) error {
				y.stats.events[e.Type]++
				return nil
			}}
	}
	return c
}

// read audits what a log has grown by.
func (c *checker) read(l *simLog) {
	quiet := *l
	quiet.faults = &faults{}
	if err := c.auditors[l.context].Read(context.Background(), &quiet, c.y.partitions, uint64(len(l.commits))); err != nil {
		c.y.fail("I6", "%s: %v", l.context, err)
	}
}

// end holds the healed system to everything.
func (c *checker) end() {
	y := c.y
	ctx := context.Background()
	for _, name := range events.Contexts {
		a := c.auditors[name]
		if a.States == nil {
			continue
		}
		c.acknowledged(name)
		for partition, state := range a.States {
			key := ledger.PartitionName(name, partition)
			want := dump(state)
			list := y.serving[key]
			if len(list) == 0 {
				y.fail("I9", "%s has no writer in the end", key)
				return
			}
			for _, wr := range list {
				if have := dump(wr.stepper.State()); have != want && wr.stepper.Tip().Sequence == a.Tips[partition].Sequence {
					y.fail("I10", "%s: the writer of %s has another state than the fold of the log:\n%s\n%s", wr.node.name, key, differ(have, want), differ(want, have))
				}
			}
			c.projected(ctx, name, state)
			c.replica(name, partition, want)
		}
	}
	c.matched()
}

// acknowledged holds what senders were told against the log.
func (c *checker) acknowledged(name string) {
	outcomes := make(map[string]string)
	l := c.y.logs[name]
	for _, s := range l.commits {
		commit, err := s.Decode()
		if err != nil {
			c.y.fail("I6", "%s:%d: %v", name, s.Sequence, err)
			return
		}
		for i := range commit.Outcomes {
			o := &commit.Outcomes[i]
			at := events.Position{Context: name, Partition: s.Partition, Sequence: s.Sequence}.String()
			outcomes[o.Command] = fmt.Sprintf("%s version %d events %d refused %t", at, o.Version, o.Count, o.Problem != nil)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.y.clients.acks)) {
		for _, s := range c.y.clients.acks[id] {
			if context, _ := events.SplitType(s.e.Type); context != name {
				continue
			}
			if told := fmt.Sprintf("%s version %d events %d refused false", s.answer.Position, s.answer.Version, len(s.answer.Events)); outcomes[id] != told {
				c.y.fail("I1", "command %s (%s) was acknowledged as %q and stands in the log as %q", id, s.e.Type, told, outcomes[id])
			}
		}
	}
}

// projected compares a read model with the fold.
func (c *checker) projected(ctx context.Context, name string, state step.State) {
	err := state.Range(func(subject string, version uint64, doc []byte) error {
		have, err := c.y.store.Get(ctx, name, subject)
		if err != nil {
			return fmt.Errorf("%s: %w", subject, err)
		}
		if have.Version != version || !bytes.Equal(have.Body, doc) {
			return fmt.Errorf("%s: version %d of the read model says %s, version %d of the fold says %s", subject, have.Version, have.Body, version, doc)
		}
		return nil
	})
	if err != nil {
		c.y.fail("I3", "%s: %v", name, err)
	}
}

// replica restores the partition on another machine, from a snapshot and its tail where there is one.
func (c *checker) replica(name string, partition int, want string) {
	y := c.y
	key := ledger.PartitionName(name, partition)
	var machine step.Machine
	for _, service := range y.nodes[0].services {
		if service.Machine.Context() == name {
			machine = service.Machine
		}
	}
	for _, n := range y.nodes {
		b, ok := n.snapshots[key]
		if !ok {
			continue
		}
		quiet := *y.logs[name]
		quiet.faults = &faults{}
		s, err := ledger.OpenStepper(context.Background(), ledger.StepperConfig{
			Config: ledger.Config{Machine: machine, Partitions: y.partitions, Owner: "replica", Broker: &replicaBroker{&broker{y}, &quiet}, Clock: &nodeClock{y.world, n, func() bool { return true }}, Heads: ledger.NewHeads(nil),
				Stats: y.ledgers[name], Log: zerolog.Nop()},
			Number: partition, NewID: y.newID, Snapshot: func(string) ([]byte, error) { return b, nil },
		})
		if err != nil {
			y.fail("I10", "%s from the snapshot of %s: %v", key, n.name, err)
			return
		}
		if have := dump(s.State()); have != want {
			y.fail("I10", "%s from the snapshot of %s is another state:\n%s\n%s", key, n.name, differ(have, want), differ(want, have))
		}
	}
}

// replicaBroker lets a replica read, with a lease of its own.
type replicaBroker struct {
	*broker
	log *simLog
}

func (b *replicaBroker) OpenLog(context.Context, string, int) (ledger.Log, error) { return b.log, nil }
func (b *replicaBroker) Leases() ledger.Leases {
	return &leases{w: b.y.world, faults: &faults{}, held: make(map[string]held)}
}

// matched looks for demands that nobody was asked about.
func (c *checker) matched() {
	y := c.y
	matches := c.auditors["match"]
	for _, id := range demands {
		d, open := y.feeder.service.Demand(id)
		if !open {
			continue
		}
		doc, err := y.store.Get(context.Background(), "match", id)
		var m struct {
			DemandVersion uint64 `json:"demand_version"`
		}
		if err == nil {
			err = events.Unmarshal(doc.Body, &m)
		}
		if err != nil || m.DemandVersion < d.TermsVersion {
			y.fail("I9", "demand %s stands open at version %d, recommended for is version %d (%v; %d commits of matches)", id, d.TermsVersion, m.DemandVersion, err, matches.Commits)
		}
	}
}

// dump is a state as text.
func dump(s step.State) string {
	var b bytes.Buffer
	if err := s.Range(func(subject string, version uint64, doc []byte) error {
		_, err := fmt.Fprintf(&b, "%s %d %s\n", subject, version, doc)
		return err
	}); err != nil {
		return err.Error()
	}
	return b.String()
}

// differ is the line of a that b does not have.
func differ(a, b string) string {
	lines := bytes.Split([]byte(b), []byte("\n"))
	for line := range bytes.SplitSeq([]byte(a), []byte("\n")) {
		if !slices.ContainsFunc(lines, func(other []byte) bool { return bytes.Equal(line, other) }) {
			return string(line)
		}
	}
	return "(nothing besides)"
}

// caughtUp reports whether everything that follows a log has read it.
func (y *system) caughtUp() bool {
	for _, name := range events.Contexts {
		for partition := range y.partitions {
			key := ledger.PartitionName(name, partition)
			last := y.logs[name].last(partition).Sequence
			if at, err := y.store.Position(context.Background(), name, key); err != nil || at.Sequence != last || len(y.serving[key]) == 0 {
				return false
			}
			for _, wr := range y.serving[key] {
				if !wr.idle {
					return false
				}
			}
		}
	}
	return len(y.feeder.giving) == 0
}

// settle is how long a healed system has to come to rest, in virtual time.
const settle = 5 * time.Minute
