package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// node is one process's writer of the account's ledger, with a data directory of its own.
type node struct {
	t       *testing.T
	dir     string
	heads   *ledger.Heads
	keeper  *ledger.Keeper
	metrics *prometheus.Registry
	closed  bool
}

// option changes a node's configuration.
type option func(*ledger.Config)

func withClock(c clock.Clock) option    { return func(k *ledger.Config) { k.Clock = c } }
func withPartitions(n int) option       { return func(k *ledger.Config) { k.Partitions = n } }
func withOwner(owner string) option     { return func(k *ledger.Config) { k.Owner = owner } }
func withMachine(m step.Machine) option { return func(k *ledger.Config) { k.Machine = m } }

// tryNode opens a keeper on a directory and leaves waiting for it to the test.
func tryNode(t *testing.T, b ledger.Broker, dir string, options ...option) *node {
	t.Helper()
	heads, err := ledger.OpenHeads(filepath.Join(dir, "heads.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, dir: dir, heads: heads, metrics: prometheus.NewRegistry()}
	config := ledger.Config{
		Machine: ledgertest.NewAccount(1), Partitions: 1, Owner: "a", Broker: b, Validate: ledgertest.Validate, Clock: clock.Real{}, Heads: heads,
		Snapshots: dir, Stats: ledger.NewStats(n.metrics, ledgertest.Context), Log: logger(t),
	}
	for _, o := range options {
		o(&config)
	}
	if n.keeper, err = ledger.Open(within(t), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n
}

func openNode(t *testing.T, b ledger.Broker, dir string, options ...option) *node {
	t.Helper()
	n := tryNode(t, b, dir, options...)
	if err := n.keeper.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) close() {
	if n.closed {
		return
	}
	n.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := n.keeper.Close(ctx); err != nil {
		n.t.Errorf("keeper not drained: %v", err)
	}
	if err := n.heads.Close(); err != nil {
		n.t.Errorf("heads not written: %v", err)
	}
}

// count reads one of the node's counters.
func (n *node) count(name string) int {
	n.t.Helper()
	families, err := n.metrics.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "jieli_ledger_"+name {
			n := 0
			for _, m := range f.GetMetric() {
				n += int(m.GetCounter().GetValue())
			}
			return n
		}
	}
	n.t.Fatalf("no counter %s", name)
	return 0
}

// eventually waits for what has no signal.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", deadline, what)
		}
	}
}

// Commands.

func newCommand(typ, subject string, data any) *step.Command {
	return &step.Command{ID: events.NewUUID7(time.Now()), Type: typ, Subject: subject, Actor: step.Operator, Data: data}
}

func deposit(subject, reservation string, fen int64) *step.Command {
	return depositUntil(subject, reservation, fen, time.Time{})
}

func depositUntil(subject, reservation string, fen int64, until time.Time) *step.Command {
	return newCommand(ledgertest.Deposit, subject, &events.Reserve{Reservation: reservation, Demand: "d", Amount: events.Money{Minor: fen, Currency: "CNY"}, Until: until})
}

func withdraw(subject, reservation string) *step.Command {
	return newCommand(ledgertest.Withdraw, subject, &events.ReservationRef{Reservation: reservation, Reason: "released"})
}

func note(subject, what string) *step.Command {
	return newCommand(ledgertest.Note, subject, &events.Reason{Reason: what})
}

func sender(b ledger.Broker, partitions int) *ledger.Sender {
	return &ledger.Sender{Broker: b, Partitions: map[string]int{ledgertest.Context: partitions}}
}

// bank sends commands to one ledger and remembers what was promised, for the check at the end.
type bank struct {
	*ledger.Sender
	t *testing.T

	mu       sync.Mutex
	accepted map[string]*events.Answer // by command
	refused  map[string]*events.Problem
}

func newBank(t *testing.T, b ledger.Broker, partitions int) *bank {
	return &bank{Sender: sender(b, partitions), t: t, accepted: make(map[string]*events.Answer), refused: make(map[string]*events.Problem)}
}

// give sends a command once.
func (b *bank) give(c *step.Command) (*events.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	a, err := b.Internal(ctx, c)
	b.note(c, a, err)
	return a, err
}

func (b *bank) note(c *step.Command, a *events.Answer, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := c.ID.String()
	if err == nil {
		if first := b.accepted[id]; first != nil && (first.Position != a.Position || first.Version != a.Version || strings.Join(first.Events, " ") != strings.Join(a.Events, " ")) {
			b.t.Errorf("command %s was answered %+v and then %+v", id, first, a)
		}
		b.accepted[id] = a
		return
	}
	var p *events.Problem
	if !errors.As(err, &p) {
		b.t.Errorf("command %s: neither answered nor refused: %v", id, err)
		return
	}
	if !events.ErrUnknown.Is(p) && !events.ErrOverloaded.Is(p) && p.Instance != id {
		b.t.Errorf("the refusal of command %s names %q", id, p.Instance)
	}
	b.refused[id] = p
}

// must gives a command that is accepted.
func (b *bank) must(c *step.Command) *events.Answer {
	b.t.Helper()
	a, err := b.give(c)
	if err != nil {
		b.t.Fatalf("%s of %s: %v", c.Type, c.Subject, err)
	}
	return a
}

// refusedAs gives a command that is refused so.
func (b *bank) refusedAs(kind events.ProblemKind, c *step.Command) *events.Problem {
	b.t.Helper()
	a, err := b.give(c)
	if !kind.Is(err) {
		b.t.Fatalf("%s of %s: %+v, %v; want %s", c.Type, c.Subject, a, err, kind.Code)
	}
	var p *events.Problem
	errors.As(err, &p)
	return p
}

// audit holds the whole log to the invariants: chain, versions, every command once, the account's own; and every promise kept.
func (b *bank) audit(broker ledger.Broker, partitions int) *ledger.Auditor {
	b.t.Helper()
	ctx := within(b.t)
	log, err := broker.OpenLog(ctx, ledgertest.Context, partitions)
	if err != nil {
		b.t.Fatal(err)
	}
	info, err := log.Info(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	a := &ledger.Auditor{Machine: ledgertest.NewAccount(1), Violation: func(invariant, where, what string) {
		b.t.Errorf("%s at %s: %s", invariant, where, what)
	}}
	if err := a.Read(ctx, log, partitions, info.Last); err != nil {
		b.t.Fatal(err)
	}
	outcomes := make(map[string]ledger.Outcome)
	for sequence := uint64(1); sequence <= info.Last; sequence++ {
		s, err := log.Get(ctx, sequence)
		if err != nil {
			b.t.Fatal(err)
		}
		c, err := s.Decode()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range c.Outcomes {
			outcomes[o.Command] = o
			if want := b.accepted[o.Command]; want != nil {
				at := events.Position{Context: ledgertest.Context, Partition: s.Partition, Sequence: sequence}.String()
				if want.Position != at || want.Version != o.Version || len(want.Events) != o.Count || o.Problem != nil {
					b.t.Errorf("command %s was answered %+v and stands in the log at %s as %+v", o.Command, want, at, o)
				}
			}
		}
	}
	for id := range b.accepted {
		if _, ok := outcomes[id]; !ok {
			b.t.Errorf("acknowledged command %s is not in the log", id)
		}
	}
	for id, p := range b.refused {
		if o, ok := outcomes[id]; ok && o.Problem == nil && b.accepted[id] == nil && p.Status < 500 {
			b.t.Errorf("command %s was refused as %s and stands in the log as accepted", id, p.Type)
		}
	}
	return a
}

// dump is a state as text, byte for byte.
func dump(t *testing.T, s step.State) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Range(func(subject string, version uint64, doc []byte) error {
		_, err := fmt.Fprintf(&b, "%s %d %s\n", subject, version, doc)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// refold folds the log alone.
func refold(t *testing.T, b ledger.Broker, partitions, partition int) *ledger.Fold {
	t.Helper()
	f, ignored, err := restored(t, b, partitions, partition, t.TempDir())
	if err != nil || ignored != nil {
		t.Fatal(err, ignored)
	}
	return f
}

func restored(t *testing.T, b ledger.Broker, partitions, partition int, dir string) (*ledger.Fold, error, error) {
	t.Helper()
	ctx := within(t)
	log, err := b.OpenLog(ctx, ledgertest.Context, partitions)
	if err != nil {
		t.Fatal(err)
	}
	info, err := log.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Restore(ctx, log, info.Created, ledgertest.NewAccount(1), partition, dir)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
