package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// timed is a ledger whose clock the test moves. Command ids are dated before its start.
type timed struct {
	*clock.Manual
	start time.Time
	bank  *bank
}

func newTimed(t *testing.T, b ledger.Broker) *timed {
	start := time.Now().UTC().Truncate(time.Second)
	return &timed{clock.NewManual(start), start, newBank(t, b, 1)}
}

func (w *timed) at(d time.Duration) time.Time { return w.start.Add(d) }

// logged counts the commits, and the outcomes of timers among them.
func logged(t *testing.T, b ledger.Broker) (commits, expired, refused int) {
	t.Helper()
	log, err := b.OpenLog(within(t), ledgertest.Context, 1)
	if err != nil {
		t.Fatal(err)
	}
	info, err := log.Info(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for sequence := uint64(1); sequence <= info.Last; sequence++ {
		s, err := log.Get(within(t), sequence)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Decode()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range c.Outcomes {
			id, err := events.ParseUUID(o.Command)
			if err != nil {
				t.Fatal(err)
			}
			if id.Version() != 8 {
				continue
			}
			if o.Problem != nil {
				refused++
			} else {
				expired++
			}
		}
	}
	return int(info.Last), expired, refused
}

// TestTimers: what is due is done once, at its time, also by a writer that was started afterwards.
func TestTimers(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		w := newTimed(t, b)
		dir := t.TempDir()
		n := openNode(t, b, dir, withClock(w))
		for i := range 5 {
			w.bank.must(depositUntil("a", fmt.Sprintf("r%d", i), 10, w.at(time.Duration(i+1)*time.Minute)))
		}
		w.bank.must(depositUntil("b", "r", 10, w.at(2*time.Minute)))
		w.bank.must(deposit("b", "for good", 10))
		w.Set(w.at(time.Minute - time.Second))
		w.bank.must(note("b", "x"))
		if _, expired, _ := logged(t, b); expired != 0 {
			t.Fatalf("%d expired before their time", expired)
		}
		wait := func(want int) {
			t.Helper()
			eventually(t, fmt.Sprintf("%d expired", want), func() bool { _, expired, _ := logged(t, b); return expired == want })
		}
		w.Set(w.at(2*time.Minute + time.Second)) // two of a, the second after the first moved it on; one of b
		wait(3)
		n.close()
		w.Set(w.at(3*time.Minute + time.Second))
		n = openNode(t, b, dir, withClock(w)) // timers come from the log
		wait(4)
		n.close()
		snapshotOf(t, b, dir, refold(t, b, 1, 0))
		w.Set(w.at(time.Hour))
		openNode(t, b, dir, withClock(w)) // and from a snapshot
		wait(6)
		w.bank.must(note("b", "y"))
		if _, expired, refused := logged(t, b); expired != 6 || refused != 0 {
			t.Errorf("%d expired, %d refused; want 6, 0", expired, refused)
		}
		audit := w.bank.audit(b, 1)
		if at, ok := audit.States[0].NextDue(); ok {
			t.Errorf("a timer at %s is left", at)
		}
	})
}

// TestRefusedTimer: a timer that is refused is refused once, does not keep the writer busy, and does not stop the others for good.
func TestRefusedTimer(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		w := newTimed(t, faulty)
		openNode(t, faulty, t.TempDir(), withClock(w))
		w.bank.must(depositUntil("frozen", "r", 10, w.at(time.Minute)))
		w.bank.must(newCommand(ledgertest.Freeze, "frozen", &events.Reason{Reason: "court order"}))
		w.bank.must(depositUntil("b", "r", 10, w.at(90*time.Second)))
		w.Set(w.at(time.Minute))
		eventually(t, "the timer is refused", func() bool { _, _, refused := logged(t, b); return refused == 1 })
		appends := faulty.Appends()
		for i := range 20 { // a loop would commit, or decide, again and again
			w.Set(w.at(time.Minute + time.Duration(i)*time.Millisecond))
			w.bank.must(note("c", "x"))
		}
		if got := faulty.Appends() - appends; got != 20 {
			t.Errorf("%d appends for 20 commands", got)
		}
		w.Set(w.at(5 * time.Minute))
		eventually(t, "the other timer is done", func() bool { _, expired, _ := logged(t, b); return expired == 1 })
		w.Set(w.at(10 * time.Minute))
		w.bank.must(note("c", "y"))
		if _, expired, refused := logged(t, b); expired != 1 || refused != 1 {
			t.Errorf("%d expired, %d refused; want 1, 1", expired, refused)
		}
		w.bank.audit(b, 1)
	})
}

// TestRefusedTimerDelaysNobody: while a refused timer rests, another one that comes due is done at its time.
func TestRefusedTimerDelaysNobody(t *testing.T) {
	b := ledger.NewMemory(20 * time.Second)
	w := newTimed(t, b)
	openNode(t, b, t.TempDir(), withClock(w))
	w.bank.must(depositUntil("frozen", "r", 10, w.at(time.Minute)))
	w.bank.must(newCommand(ledgertest.Freeze, "frozen", &events.Reason{Reason: "court order"}))
	w.bank.must(depositUntil("b", "r", 10, w.at(90*time.Second)))
	w.Set(w.at(time.Minute))
	eventually(t, "the timer is refused", func() bool { _, _, refused := logged(t, b); return refused == 1 })
	w.bank.must(note("c", "x"))
	w.Set(w.at(91 * time.Second))
	w.bank.must(note("c", "y"))
	w.bank.must(note("c", "z"))
	if _, expired, _ := logged(t, b); expired != 1 {
		t.Errorf("%d expired a second after the time, want 1", expired)
	}
	w.bank.audit(b, 1)
}

// TestNoRoomAndAClockSetBack: found by the simulator (seed 224): a writer that was refused room just before its clock was set back took
// nothing until the clock was there again.
func TestNoRoomAndAClockSetBack(t *testing.T) {
	faulty := ledgertest.NewFaulty(ledger.NewMemory(10 * time.Second))
	w := newTimed(t, faulty)
	openNode(t, faulty, t.TempDir(), withClock(w.Manual))
	w.bank.must(deposit("a", "r0", 1))
	faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
		if a.Number == 2 {
			return 0, ledger.ErrNoSpace
		}
		return a.Do(ctx)
	})
	w.bank.refusedAs(events.ErrOverloaded, deposit("a", "r1", 1))
	w.Set(w.at(-4 * time.Minute))
	w.bank.must(deposit("a", "r2", 1))
}
