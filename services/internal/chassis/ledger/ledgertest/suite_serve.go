package ledgertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

func testLeases(t *testing.T, ctx context.Context, b Opened) {
	leases := b.Leases()
	epoch := must[uint64](t)(leases.Acquire(ctx, "offer.0", "a"))
	grow := func(next uint64) {
		t.Helper()
		if next <= epoch {
			t.Fatalf("epoch %d follows %d", next, epoch)
		}
		epoch = next
	}
	if _, err := leases.Acquire(ctx, "offer.0", "b"); !errors.Is(err, ledger.ErrHeld) {
		t.Fatalf("b acquired what a holds: %v", err)
	}
	must[uint64](t)(leases.Acquire(ctx, "offer.1", "b")) // another key is another lease
	old := epoch
	grow(must[uint64](t)(leases.Acquire(ctx, "offer.0", "a"))) // a restarted process finds its own again
	if _, err := leases.Renew(ctx, "offer.0", "a", old); !errors.Is(err, ledger.ErrHeld) {
		t.Fatalf("a lease of an old epoch was renewed: %v", err)
	}
	next := must[uint64](t)(leases.Renew(ctx, "offer.0", "a", epoch))
	if next < epoch {
		t.Fatalf("renewal gave epoch %d after %d", next, epoch)
	}
	epoch = next
	if err := leases.Release(ctx, "offer.0", epoch); err != nil {
		t.Fatal(err)
	}
	grow(must[uint64](t)(leases.Acquire(ctx, "offer.0", "b")))
	if _, err := leases.Renew(ctx, "offer.0", "a", old); !errors.Is(err, ledger.ErrHeld) {
		t.Fatalf("a renewed what b holds: %v", err)
	}
	// A holder of the past releases nothing of the present one's.
	_ = leases.Release(ctx, "offer.0", old)
	if _, err := leases.Acquire(ctx, "offer.0", "a"); !errors.Is(err, ledger.ErrHeld) {
		t.Fatalf("a's late release freed b's lease: %v", err)
	}
}

func testLeaseExpires(t *testing.T, ctx context.Context, b Opened) {
	leases := b.Leases()
	first := must[uint64](t)(leases.Acquire(ctx, "offer.0", "a"))
	begun := time.Now()
	for {
		second, err := leases.Acquire(ctx, "offer.0", "b")
		if err == nil {
			if took := time.Since(begun); took < leases.TTL()/2 {
				t.Fatalf("the lease of %s was given away after %s", leases.TTL(), took)
			}
			if second <= first {
				t.Fatalf("epoch %d follows %d", second, first)
			}
			break
		}
		if !errors.Is(err, ledger.ErrHeld) {
			t.Fatal(err)
		}
		if !pause(ctx) {
			t.Fatal("the lease did not run out")
		}
	}
	if _, err := leases.Renew(ctx, "offer.0", "a", first); !errors.Is(err, ledger.ErrHeld) {
		t.Fatalf("a renewed a lease that b holds: %v", err)
	}
}

// pause is the interval of a poll where there is nothing to wait on; false when ctx has ended.
func pause(ctx context.Context) bool {
	tick := time.NewTimer(5 * time.Millisecond)
	defer tick.Stop()
	select {
	case <-tick.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func testNobody(t *testing.T, ctx context.Context, b Opened) {
	if _, err := b.Send(ctx, Context, 0, request("a")); !errors.Is(err, ledger.ErrNobody) {
		t.Fatalf("sent to nobody: %v", err)
	}
	stop := must[func()](t)(b.Serve(Context, 1, func(r *ledger.Request) { r.Respond([]byte("1")) }))
	if _, err := b.Send(ctx, Context, 0, request("a")); !errors.Is(err, ledger.ErrNobody) {
		t.Fatalf("sent to a partition that nobody serves: %v", err)
	}
	stop()
	if _, err := b.Send(ctx, Context, 1, request("a")); !errors.Is(err, ledger.ErrNobody) {
		t.Fatalf("sent to a server that has stopped: %v", err)
	}
}

func testServe(t *testing.T, ctx context.Context, b Opened) {
	stop := must[func()](t)(b.Serve(Context, 0, func(r *ledger.Request) {
		if r.Refused != nil {
			r.Respond([]byte(r.Refused.Type))
			return
		}
		e := &r.Event
		go r.Respond([]byte(e.ID + e.Type + e.Subject + e.Get(events.ExtActor) + string(e.Data))) // answers come from anywhere, in any order
	}))
	defer stop()
	var all sync.WaitGroup
	for range 200 {
		all.Add(1)
		go func() {
			defer all.Done()
			e := request("a")
			got, err := b.Send(ctx, Context, 0, e)
			if want := e.ID + Note + "a" + "operator" + `{"reason":"x"}`; err != nil || string(got) != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		}()
	}
	all.Wait()
}

func testSeveral(t *testing.T, ctx context.Context, b Opened) {
	const commands = 100
	got := make(chan string, 2*commands)
	for _, name := range []string{"a", "b"} {
		stop := must[func()](t)(b.Serve(Context, 0, func(r *ledger.Request) {
			got <- name
			r.Respond([]byte(name))
		}))
		defer stop()
	}
	answers := make(map[string]int)
	for range commands {
		answers[string(must[[]byte](t)(b.Send(ctx, Context, 0, request("a"))))]++
	}
	handled := make(map[string]int)
	for range len(got) { // handled before it was answered
		handled[<-got]++
	}
	// One server per command: two would answer, and one of the answers could be wrong.
	if handled["a"]+handled["b"] != commands || handled["a"] != answers["a"] || handled["a"] == 0 || handled["b"] == 0 {
		t.Fatalf("%d commands, handled %v, answered %v", commands, handled, answers)
	}
}

func testSendEnds(t *testing.T, ctx context.Context, b Opened) {
	arrived := make(chan struct{}, 1)
	stop := must[func()](t)(b.Serve(Context, 0, func(*ledger.Request) { arrived <- struct{}{} }))
	defer stop()
	sending, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := b.Send(sending, Context, 0, request("a"))
		ended <- err
	}()
	<-arrived
	cancel()
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, ledger.ErrNobody) {
			t.Fatalf("a send without an answer ended with %v", err)
		}
	case <-ctx.Done():
		t.Fatal("a send did not end with its context")
	}
}

// testStopWaits: when stop returns, handle is not running and will not be called again, even if handle took its time.
func testStopWaits(t *testing.T, ctx context.Context, b Opened) {
	entered, release := make(chan struct{}, 100), make(chan struct{})
	var handled atomic.Int64
	stop := must[func()](t)(b.Serve(Context, 0, func(r *ledger.Request) {
		entered <- struct{}{}
		<-release
		handled.Add(1)
		r.Respond([]byte("done"))
	}))
	answered := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := b.Send(ctx, Context, 0, request("a"))
			answered <- err
		}()
	}
	<-entered
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	nobody := make(chan struct{})
	var probes sync.WaitGroup
	var once sync.Once
	for found := false; !found; { // stop is under way once nobody else is let in
		probes.Add(1)
		go func() {
			defer probes.Done()
			if _, err := b.Send(ctx, Context, 0, request("b")); errors.Is(err, ledger.ErrNobody) {
				once.Do(func() { close(nobody) })
			}
		}()
		select {
		case <-nobody:
			found = true
		case <-stopped:
			t.Fatal("stop returned while handle was running")
		default:
			if !pause(ctx) {
				t.Fatal("a stopping server is still found")
			}
		}
	}
	select {
	case <-stopped:
		t.Fatal("stop returned while handle was running")
	default:
	}
	close(release)
	select {
	case <-stopped:
	case <-ctx.Done():
		t.Fatal("stop did not return")
	}
	before := handled.Load()
	for range 3 {
		select {
		case <-answered:
		case <-ctx.Done():
			t.Fatal("a command sent before the stop was not answered")
		}
	}
	probes.Wait()
	if handled.Load() != before {
		t.Fatalf("handle was called %d times after stop returned", handled.Load()-before)
	}
}

func testAudit(t *testing.T, ctx context.Context, b Opened) {
	want := ledger.Audit{Time: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Context: Context, Command: "c", Type: Note, Subject: "a",
		Actor: "operator", Body: "00", Problem: events.ErrCommandID.Refuse("", "甲", "b")}
	for n := 1; n <= 20; n++ {
		a := want
		a.Time = want.Time.Add(time.Duration(n) * time.Second)
		b.Audit(&a)
		got, err := b.Audited(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		problem := *got.Problem
		got.Problem, a.Problem = nil, nil
		if got != a || problem != *want.Problem {
			t.Fatalf("recorded %+v with %+v", got, problem)
		}
	}
}
