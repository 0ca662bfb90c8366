package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// TestGroupCommit: what queues while a commit is in flight becomes one commit, and everybody gets their own outcome.
func TestGroupCommit(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		openNode(t, faulty, t.TempDir())
		entered, release := make(chan struct{}), make(chan struct{})
		faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			if a.Number == 1 {
				close(entered)
				<-release
			}
			return a.Do(ctx)
		})
		bank := newBank(t, faulty, 1)
		const senders = 500
		var all sync.WaitGroup
		send := func(i int) {
			defer all.Done()
			subject := fmt.Sprintf("acc-%d", i%7)
			a, err := bank.give(deposit(subject, fmt.Sprintf("r%d", i), ledgertest.Capacity/50+1)) // 49 fit into each account
			switch {
			case err == nil && (a.Subject != subject || len(a.Events) != 1 || a.Repeated):
				t.Errorf("deposit %d was answered %+v", i, a)
			case err != nil && !events.ErrCapacity.Is(err):
				t.Errorf("deposit %d: %v", i, err)
			}
		}
		all.Add(1)
		go send(0)
		<-entered
		for i := 1; i < senders; i++ {
			all.Add(1)
			go send(i)
		}
		eventually(t, "all commands are queued", func() bool { return faulty.Handled() >= senders })
		close(release)
		all.Wait()
		audit := bank.audit(b, 1)
		if audit.Commands != senders || audit.Events != 7*49 || audit.Refusals != senders-7*49 {
			t.Errorf("%d commands, %d events, %d refusals; want %d, %d, %d", audit.Commands, audit.Events, audit.Refusals, senders, 7*49, senders-7*49)
		}
		if audit.Commits > senders/4 {
			t.Errorf("%d commits for %d concurrent commands", audit.Commits, senders)
		}
		t.Logf("%d commands in %d commits", audit.Commands, audit.Commits)
	})
}

// TestRepeated: the same id with the same body gets the first outcome, now, after a restart from the log, and from a snapshot.
func TestRepeated(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		dir := t.TempDir()
		n := openNode(t, b, dir)
		bank := newBank(t, b, 1)
		accepted := deposit("a", "r1", 100)
		refused := deposit("a", "r2", ledgertest.Capacity)
		idle := note("a", "nothing")
		bank.must(accepted)
		problem := bank.refusedAs(events.ErrCapacity, refused)
		if a := bank.must(idle); len(a.Events) != 0 || a.Version != 1 {
			t.Fatalf("a command with nothing to do was answered %+v", a)
		}
		bank.must(withdraw("a", "r1")) // now the refused one would fit, and the accepted one would be accepted again
		again := func(when string) {
			t.Helper()
			for _, c := range []*step.Command{accepted, idle} {
				if a := bank.must(c); !a.Repeated {
					t.Errorf("%s: a repeat was answered as new: %+v", when, a)
				}
			}
			if p := bank.refusedAs(events.ErrCapacity, refused); *p != *problem {
				t.Errorf("%s: refused as %+v first and %+v now", when, problem, p)
			}
			other := *accepted
			other.Data = &events.Reserve{Reservation: "r1", Demand: "d", Amount: events.Money{Minor: 101, Currency: "CNY"}}
			expected := *accepted
			expected.Expected = 7
			actor := *accepted
			actor.Actor = step.System
			for _, c := range []*step.Command{&other, &expected, &actor} {
				ctx, cancel := context.WithTimeout(context.Background(), deadline)
				if a, err := bank.Internal(ctx, c); !events.ErrReusedID.Is(err) {
					t.Errorf("%s: the id was used with another body and answered %+v, %v", when, a, err)
				}
				cancel()
			}
		}
		again("in the same writer")
		n.close()
		n = openNode(t, b, dir)
		again("after a restart from the log")
		f := refold(t, b, 1, 0)
		log, _ := b.OpenLog(within(t), ledgertest.Context, 1)
		info, err := log.Info(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := ledger.WriteSnapshot(dir, info.Created, f); err != nil {
			t.Fatal(err)
		}
		n.close()
		openNode(t, b, dir)
		again("after a restart from a snapshot")
		if a := bank.audit(b, 1); a.Commands != 4 {
			t.Errorf("%d commands in the log, want 4", a.Commands)
		}
	})
}

// TestSameIDInOneGroup: asked twice while it waits, a command is decided once.
func TestSameIDInOneGroup(t *testing.T) {
	faulty := ledgertest.NewFaulty(ledger.NewMemory(20 * time.Second))
	openNode(t, faulty, t.TempDir())
	held := hold(faulty)
	bank := newBank(t, faulty, 1)
	first := background(bank, note("z", "x"))
	held.inFlight(t)
	c := deposit("a", "r", 5)
	other := *c
	other.Data = &events.Reserve{Reservation: "r", Demand: "d", Amount: events.Money{Minor: 6, Currency: "CNY"}}
	// One sender after another, so that the queue has them in this order: Memory hands a command over before Send waits.
	results := []chan result{background(bank, c), background(bank, c)}
	held.queued(t, 3)
	reused := make(chan result, 1)
	go func() {
		a, err := bank.Internal(context.Background(), &other)
		reused <- result{a, err}
	}()
	held.queued(t, 4)
	held.release()
	if r := <-first; r.err != nil {
		t.Fatal(r.err)
	}
	one, two := <-results[0], <-results[1]
	if one.err != nil || two.err != nil || one.a.Repeated == two.a.Repeated || one.a.Position != two.a.Position || one.a.Events[0] != two.a.Events[0] {
		t.Errorf("answered %+v, %v and %+v, %v", one.a, one.err, two.a, two.err)
	}
	if r := <-reused; !events.ErrReusedID.Is(r.err) {
		t.Errorf("the same id with another body in one group: %+v, %v", r.a, r.err)
	}
	if a := bank.audit(faulty, 1); a.Commands != 2 || a.Commits != 2 {
		t.Errorf("%d commands in %d commits, want 2 in 2", a.Commands, a.Commits)
	}
}

// held is an append that waits, so that commands queue behind it.
type held struct {
	*ledgertest.Faulty
	entered, go_ chan struct{}
}

// hold lets the next append wait until release.
func hold(f *ledgertest.Faulty) *held {
	h := &held{f, make(chan struct{}), make(chan struct{})}
	var once sync.Once
	f.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
		once.Do(func() { close(h.entered) })
		<-h.go_
		return a.Do(ctx)
	})
	return h
}

func (h *held) inFlight(t *testing.T) {
	t.Helper()
	select {
	case <-h.entered:
	case <-within(t).Done():
		t.Fatal("no append")
	}
}

// queued waits until n commands have been taken in, the one in flight included.
func (h *held) queued(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d commands are queued", n), func() bool { return h.Handled() >= n })
}

func (h *held) release() { close(h.go_) }

type result struct {
	a   *events.Answer
	err error
}

func background(b *bank, c *step.Command) chan result {
	done := make(chan result, 1)
	go func() {
		a, err := b.give(c)
		done <- result{a, err}
	}()
	return done
}

// TestOverloaded: a full queue refuses at once; everybody gets an answer, and none of the refused is done.
func TestOverloaded(t *testing.T) {
	faulty := ledgertest.NewFaulty(ledger.NewMemory(20 * time.Second))
	n := openNode(t, faulty, t.TempDir())
	held := hold(faulty)
	bank := newBank(t, faulty, 1)
	first := background(bank, note("z", "first"))
	held.inFlight(t)
	const excess = 50
	var results []chan result
	for range ledger.QueueCommandsMax + excess {
		results = append(results, background(bank, note("a", "nothing")))
	}
	eventually(t, "the excess is refused", func() bool { return n.count("overloaded_total") == excess })
	held.release()
	if r := <-first; r.err != nil {
		t.Fatal(r.err)
	}
	refused := 0
	for _, done := range results {
		switch r := <-done; {
		case events.ErrOverloaded.Is(r.err):
			refused++
		case r.err != nil:
			t.Fatal(r.err)
		}
	}
	if refused != excess {
		t.Errorf("%d of %d refused, want %d", refused, len(results), excess)
	}
	if a := bank.audit(faulty, 1); a.Commands != ledger.QueueCommandsMax+1 {
		t.Errorf("%d commands in the log, want %d: overloaded means surely not done", a.Commands, ledger.QueueCommandsMax+1)
	}
}

// TestClockGoesBack: no commit is dated before the one before it.
func TestClockGoesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		start := time.Now().UTC().Truncate(time.Microsecond)
		manual := clock.NewManual(start)
		dir := t.TempDir()
		n := openNode(t, b, dir, withClock(manual))
		bank := newBank(t, b, 1)
		dated := func(what string) *step.Command {
			c := note("a", what)
			c.ID = events.NewUUID7(start.Add(-2 * time.Hour))
			return c
		}
		bank.must(dated("one"))
		manual.Set(start.Add(-time.Hour))
		bank.must(dated("two"))
		n.close()
		openNode(t, b, dir, withClock(manual))
		bank.must(dated("three"))
		manual.Set(start.Add(time.Second))
		bank.must(dated("four"))
		log, _ := b.OpenLog(within(t), ledgertest.Context, 1)
		for i, want := range []time.Time{start, start, start, start.Add(time.Second)} {
			s, err := log.Get(within(t), uint64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.Decode()
			if err != nil {
				t.Fatal(err)
			}
			if !c.Time.Equal(want) || !c.Events[0].Time.Equal(want) {
				t.Errorf("commit %d is dated %s, its event %s; want %s", i+1, c.Time, c.Events[0].Time, want)
			}
		}
		bank.audit(b, 1)
	})
}

// TestCloseDrains: everything taken is decided and answered before Close returns.
func TestCloseDrains(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		n := openNode(t, faulty, t.TempDir())
		held := hold(faulty)
		bank := newBank(t, faulty, 1)
		const senders = 300
		results := make(chan error, senders)
		send := func(i int) { // once: a Sender would ask again until somebody serves
			c := deposit("a", fmt.Sprintf("r%d", i), 1)
			e, err := ledger.CommandEvent(c)
			if err == nil {
				var body []byte
				if body, err = faulty.Send(within(t), ledgertest.Context, 0, e); err == nil {
					var a *events.Answer
					a, err = events.DecodeReply(body)
					bank.note(c, a, err)
				}
			}
			results <- err
		}
		go send(0)
		held.inFlight(t)
		for i := 1; i < senders; i++ {
			go send(i)
			if i == senders/2 {
				held.queued(t, senders/2)
			}
		}
		closed := make(chan struct{})
		go func() { n.close(); close(closed) }()
		held.release()
		<-closed
		accepted := 0
		for range senders {
			switch err := <-results; {
			case err == nil:
				accepted++
			case !errors.Is(err, ledger.ErrNobody):
				t.Errorf("left with %v", err)
			}
		}
		if a := bank.audit(b, 1); a.Commands != accepted || accepted < senders/2 {
			t.Errorf("%d commands in the log, %d accepted; %d were queued when the keeper was closed", a.Commands, accepted, senders/2)
		}
		t.Logf("%d of %d taken and answered", accepted, senders)
	})
}

// TestCloseWaitsForRepeats: an answer that is read back from the log is given before Close returns.
func TestCloseWaitsForRepeats(t *testing.T) {
	faulty := ledgertest.NewFaulty(ledger.NewMemory(20 * time.Second))
	n := openNode(t, faulty, t.TempDir())
	bank := newBank(t, faulty, 1)
	c := note("a", "x")
	bank.must(c)
	reading, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	faulty.OnRead(func(_ context.Context, s *ledger.Stored, err error) (*ledger.Stored, error) {
		once.Do(func() { close(reading) })
		<-release
		return s, err
	})
	again := background(bank, c)
	<-reading
	closed := make(chan struct{})
	go func() { n.close(); close(closed) }()
	eventually(t, "the partition has stopped serving", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := faulty.Send(ctx, "offer", 0, &events.Event{})
		return errors.Is(err, ledger.ErrNobody)
	})
	select {
	case <-closed:
		t.Error("Close returned while an answer was outstanding")
	case <-time.After(100 * time.Millisecond): // a wrong Close would have returned at once
	}
	close(release)
	<-closed
	select {
	case r := <-again:
		if r.err != nil || !r.a.Repeated {
			t.Errorf("%+v, %v", r.a, r.err)
		}
	case <-within(t).Done():
		t.Error("the repeat was not answered")
	}
}

// TestTakeover: when a writer dies without a word, another takes its partition once the lease has run out, and goes on where it stopped.
func TestTakeover(t *testing.T) {
	onBothFor(t, time.Second, func(t *testing.T, b ledgertest.Opened) {
		first := openNode(t, ledgertest.Dying{Broker: b}, t.TempDir(), withOwner("a"))
		bank := newBank(t, b, 1)
		before := deposit("a", "r1", 10)
		bank.must(before)
		second := openNode(t, b, t.TempDir(), withOwner("b")) // ready: the partition is served, by a
		if bank.must(deposit("a", "r2", 10)); second.count("commands_total") != 0 {
			t.Error("b wrote while a held the lease")
		}
		died := time.Now()
		first.close()
		bank.must(deposit("a", "r3", 10)) // waits for the new writer
		if a := bank.must(before); !a.Repeated {
			t.Errorf("the new writer does not know what the old one did: %+v", a)
		}
		t.Logf("taken over after %s", time.Since(died).Round(time.Millisecond))
		if second.count("commands_total") != 1 {
			t.Errorf("b has committed %d commands, want 1", second.count("commands_total"))
		}
		bank.audit(b, 1)
	})
}

// TestRandomBank plays random commands over several partitions with restarts in between, and compares fold, audit and answers.
func TestRandomBank(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		const partitions = 3
		dir := t.TempDir()
		bank := newBank(t, b, partitions)
		random := rand.New(rand.NewPCG(seed, 1))
		var given []*step.Command
		for range 4 {
			n := openNode(t, b, dir, withPartitions(partitions))
			var running sync.WaitGroup
			for range 150 {
				var c *step.Command
				subject, reservation := fmt.Sprintf("acc-%d", random.IntN(10)), fmt.Sprintf("r%d", random.IntN(12))
				switch k := random.IntN(10); {
				case k < 5:
					c = deposit(subject, reservation, random.Int64N(ledgertest.Capacity/4)-1000)
				case k < 8:
					c = withdraw(subject, reservation)
				case k < 9 && len(given) > 0:
					c = given[random.IntN(len(given))]
				default:
					c = note(subject, []string{"x", "nothing", "events:3:10", "panic"}[random.IntN(4)])
				}
				given = append(given, c)
				running.Add(1)
				go func() { defer running.Done(); _, _ = bank.give(c) }()
			}
			running.Wait()
			n.close()
		}
		a := bank.audit(b, partitions)
		if a.Commands != len(bank.accepted)+len(bank.refused) {
			t.Errorf("seed %d: %d commands in the log, %d answered", seed, a.Commands, len(bank.accepted)+len(bank.refused))
		}
		for p := range partitions {
			if got, want := dump(t, refold(t, b, partitions, p).FoldState()), dump(t, a.States[p]); got != want {
				t.Errorf("seed %d: fold of partition %d\n%s\naudit\n%s", seed, p, got, want)
			}
		}
		if len(bank.accepted) == 0 || len(bank.refused) == 0 || !strings.Contains(dump(t, a.States[0]), "held") {
			t.Errorf("seed %d: %d accepted, %d refused: nothing was tried", seed, len(bank.accepted), len(bank.refused))
		}
	})
}
