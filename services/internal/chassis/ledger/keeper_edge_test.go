package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// TestEdgeRefusals: what does not pass the edge is answered with its kind, recorded, and changes nothing.
func TestEdgeRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		openNode(t, b, t.TempDir(), withPartitions(4))
		bank := newBank(t, b, 4)
		good := func() *events.Event {
			e, err := ledger.CommandEvent(deposit("a", "r", 1))
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		tests := []struct {
			name string
			kind events.ProblemKind
			edit func(e *events.Event)
		}{
			{"older than 30 days", events.ErrExpired, func(e *events.Event) {
				e.ID = events.NewUUID7(time.Now().Add(-ledger.Retention - time.Minute)).String()
			}},
			{"in the future", events.ErrCommandID, func(e *events.Event) { e.ID = events.NewUUID7(time.Now().Add(6 * time.Minute)).String() }},
			{"version 4", events.ErrCommandID, func(e *events.Event) { e.ID = "6b1f1b3e-8f6a-4c1e-9d6f-2b1f3c4d5e6f" }},
			{"no uuid", events.ErrCommandID, func(e *events.Event) { e.ID = "17" }},
			{"unknown type", events.ErrUnknownType, func(e *events.Event) { e.Type = "jieli.offer.no_such.v1" }},
			{"an event, not a command", events.ErrUnknownType, func(e *events.Event) { e.Type = events.TypeOfferPaused }},
			{"another context's command", events.ErrUnknownType, func(e *events.Event) { e.Type = events.TypeWithdrawDemand }},
			{"internal command", events.ErrInternalType, func(e *events.Event) {
				e.Type, e.Data = ledgertest.Expire, []byte(`{"reservation":"r"}`)
			}},
			{"no subject", events.ErrID, func(e *events.Event) { e.Subject = "" }},
			{"wildcard in the subject", events.ErrID, func(e *events.Event) { e.Subject = "a.*" }},
			{"another partition's subject", events.ErrMismatch, func(e *events.Event) { e.Subject = elsewhere("a", 4) }},
			{"actor", events.ErrForbidden, func(e *events.Event) { e.Set(events.ExtActor, "nobody", events.String) }},
			{"expected version", events.ErrMalformed, func(e *events.Event) { e.Set(events.ExtExpected, "-1", events.String) }},
			{"payload", events.ErrSchema, func(e *events.Event) { e.Data = []byte(`{"reservation":5}`) }},
		}
		partition := events.Partition("a", 4)
		for i, tt := range tests {
			e := good()
			tt.edit(e)
			body, err := b.Send(within(t), ledgertest.Context, partition, e)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if a, err := events.DecodeReply(body); !tt.kind.Is(err) {
				t.Errorf("%s: %+v, %v; want %s", tt.name, a, err, tt.kind.Code)
			}
			recorded, err := b.Audited(within(t), i+1)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if recorded.Command != e.ID || !tt.kind.Is(recorded.Problem) || recorded.Context != ledgertest.Context || len(recorded.Body) != 64 {
				t.Errorf("%s: recorded as %+v", tt.name, recorded)
			}
		}
		if a := bank.audit(b, 4); a.Commits != 0 {
			t.Errorf("refusals at the edge made %d commits", a.Commits)
		}
		young := deposit("a", "r", 1)
		young.ID = events.NewUUID7(time.Now().Add(-ledger.Retention + time.Minute))
		bank.must(young)
		ahead := deposit("a", "r2", 1)
		ahead.ID = events.NewUUID7(time.Now().Add(4 * time.Minute))
		bank.must(ahead)
		bank.audit(b, 4)
	})
}

// elsewhere is a subject of another partition than key's.
func elsewhere(key string, partitions int) string {
	for i := 0; ; i++ {
		if s := fmt.Sprintf("b%d", i); events.Partition(s, partitions) != events.Partition(key, partitions) {
			return s
		}
	}
}

// TestPrepareRefuses: what Prepare refuses is a refusal at the edge; what it fails on is unavailable.
func TestPrepareRefuses(t *testing.T) {
	m := ledger.NewMemory(20 * time.Second)
	n := openNode(t, m, t.TempDir(), func(c *ledger.Config) {
		c.Prepare = func(_ context.Context, c *step.Command) error {
			switch c.Subject {
			case "forbidden":
				return events.ErrLicence.Refuse("", "", "")
			case "broken":
				return errors.New("the other store is down")
			}
			return nil
		}
	})
	bank := newBank(t, m, 1)
	bank.refusedAs(events.ErrLicence, deposit("forbidden", "r", 1))
	bank.refusedAs(events.ErrUnavailable, deposit("broken", "r", 1))
	bank.must(deposit("a", "r", 1))
	if got := len(m.Audits()); got != 2 || n.count("refusals_total") != 2 {
		t.Errorf("%d refusals recorded, %d counted, want 2", got, n.count("refusals_total"))
	}
	bank.audit(m, 1)
}

// TestExpectedVersion: If-Match.
func TestExpectedVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		openNode(t, b, t.TempDir())
		bank := newBank(t, b, 1)
		at := func(version uint64, c *step.Command) *step.Command { c.Expected = version; return c }
		bank.refusedAs(events.ErrVersion, at(1, deposit("a", "r1", 1)))
		bank.must(deposit("a", "r1", 1))
		bank.must(at(1, deposit("a", "r2", 1)))
		stale := at(1, deposit("a", "r3", 1))
		bank.refusedAs(events.ErrVersion, stale)
		if a := bank.must(at(2, deposit("a", "r3", 1))); a.Version != 3 {
			t.Errorf("answered %+v", a)
		}
		bank.refusedAs(events.ErrVersion, stale) // the first outcome stays
		bank.audit(b, 1)
	})
}

// TestOddDecisions: a panic, a failure, or too much from one command refuses that command alone, and is that command's outcome for good.
func TestOddDecisions(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		dir := t.TempDir()
		n := openNode(t, b, dir)
		bank := newBank(t, b, 1)
		bank.must(deposit("a", "r", 1))
		tests := []struct {
			c    *step.Command
			kind events.ProblemKind
		}{
			{note("a", "panic"), events.ErrInternal},
			{note("a", "error"), events.ErrInternal},
			{note("a", fmt.Sprintf("events:3:%d", ledger.CommandBytesMax/2)), events.ErrTooLarge},
			{note("a", fmt.Sprintf("events:1:%d", ledger.CommandBytesMax)), events.ErrTooLarge},
		}
		var results []chan result
		for _, tt := range tests {
			results = append(results, background(bank, tt.c))
		}
		ok := background(bank, note("a", "fine"))
		for i, tt := range tests {
			if r := <-results[i]; !tt.kind.Is(r.err) {
				t.Errorf("%s: %+v, %v; want %s", tt.c.Data.(*events.Reason).Reason, r.a, r.err, tt.kind.Code)
			}
		}
		if r := <-ok; r.err != nil || r.a.Version != 2 {
			t.Errorf("the command beside them: %+v, %v", r.a, r.err)
		}
		if a := bank.must(note("a", "events:50:1000")); a.Version != 52 || len(a.Events) != 50 {
			t.Errorf("50 events: version %d, %d ids", a.Version, len(a.Events))
		}
		n.close()
		openNode(t, b, dir)
		for _, tt := range tests {
			bank.refusedAs(tt.kind, tt.c)
		}
		if a := bank.audit(b, 1); a.Refusals != len(tests) || a.Commands != len(tests)+3 {
			t.Errorf("%d commands and %d refusals in the log", a.Commands, a.Refusals)
		}
	})
}

// TestLargeGroups: a group whose events, or whose refusals, are more than a message may hold is committed in several.
func TestLargeGroups(t *testing.T) {
	for _, tt := range []struct {
		name, what string
		senders    int
		refused    bool
	}{
		{"events", "events:4:10000", 60, false},
		{"refusals", "refuse:2000", 600, true}, // a detail of "<" takes six times its length in JSON
		{"outcomes without events", "nothing", 1500, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, b ledgertest.Opened) {
				faulty := ledgertest.NewFaulty(b)
				openNode(t, faulty, t.TempDir())
				held := hold(faulty)
				bank := newBank(t, faulty, 1)
				results := []chan result{background(bank, note("z", "first"))}
				held.inFlight(t)
				for range tt.senders {
					results = append(results, background(bank, note("a", tt.what)))
				}
				held.queued(t, tt.senders+1)
				held.release()
				for i, done := range results {
					if r := <-done; (r.err != nil) != (tt.refused && i > 0) || events.ErrOverloaded.Is(r.err) {
						t.Fatalf("sender %d: %+v, %v", i, r.a, r.err)
					}
				}
				log, _ := b.OpenLog(within(t), ledgertest.Context, 1)
				for sequence := uint64(1); ; sequence++ {
					s, err := log.Get(within(t), sequence)
					if errors.Is(err, ledger.ErrNone) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					if limit := ledger.CommitBytesMax + 2*ledger.CommandBytesMax; len(s.Body) > limit {
						t.Errorf("commit %d has %d bytes, the bound is %d", sequence, len(s.Body), limit)
					}
				}
				bank.audit(b, 1)
			})
		})
	}
}
