package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

var errCut = fmt.Errorf("%w: the connection was cut", ledger.ErrInDoubt)

// TestInDoubt: whatever an append answers, its commands are done once or not at all, and their senders hear which.
func TestInDoubt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		append func(ctx context.Context, a *ledgertest.Append) (uint64, error)
		// what the writer counts
		doubts, found int
	}{
		{"stored, the answer is lost", func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			_, err := a.Do(ctx)
			return 0, errors.Join(errCut, err)
		}, 1, 1},
		{"not stored", func(context.Context, *ledgertest.Append) (uint64, error) { return 0, errCut }, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, b ledgertest.Opened) {
				faulty := ledgertest.NewFaulty(b)
				n := openNode(t, faulty, t.TempDir())
				bank := newBank(t, faulty, 1)
				bank.must(deposit("a", "r0", 1))
				faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
					if a.Number%2 == 0 {
						return tt.append(ctx, a)
					}
					return a.Do(ctx)
				})
				if a := bank.must(deposit("a", "r1", 1)); a.Version != 2 || a.Repeated {
					t.Errorf("answered %+v", a)
				}
				if n.count("doubts_total") != tt.doubts || n.count("found_total") != tt.found {
					t.Errorf("%d doubts, %d found; want %d, %d", n.count("doubts_total"), n.count("found_total"), tt.doubts, tt.found)
				}
				if a := bank.audit(b, 1); a.Commands != 2 || a.Commits != 2 {
					t.Errorf("%d commands in %d commits", a.Commands, a.Commits)
				}
			})
		})
	}
}

// TestNotStoredForLong: the same commit is sent again until it is stored, and only that one.
func TestNotStoredForLong(t *testing.T) {
	faulty := ledgertest.NewFaulty(ledger.NewMemory(20 * time.Second))
	openNode(t, faulty, t.TempDir())
	var bodies []string
	faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
		bodies = append(bodies, string(a.Body))
		switch {
		case a.Number == 3:
			return 0, ledger.ErrNoSpace // settles nothing here: the first may be on its way
		case a.Number < 5:
			return 0, errCut
		}
		return a.Do(ctx)
	})
	bank := newBank(t, faulty, 1)
	bank.must(deposit("a", "r", 1))
	if len(bodies) != 5 {
		t.Fatalf("%d appends, want 5", len(bodies))
	}
	for i, body := range bodies {
		if body != bodies[0] {
			t.Errorf("attempt %d sent another commit", i+1)
		}
	}
	bank.audit(faulty, 1)
}

// TestNoSpace: overloaded is surely not done, the state is as before, and the writer goes on when there is room.
func TestNoSpace(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		openNode(t, faulty, t.TempDir())
		bank := newBank(t, faulty, 1)
		bank.must(deposit("a", "r0", 1))
		faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			if a.Number == 2 {
				return 0, ledger.ErrNoSpace
			}
			return a.Do(ctx)
		})
		c := deposit("a", "r1", 1)
		begun := time.Now()
		bank.refusedAs(events.ErrOverloaded, c)
		bank.refusedAs(events.ErrOverloaded, deposit("a", "r2", 1)) // at once, without asking the broker
		if faulty.Appends() != 2 && time.Since(begun) < time.Second {
			t.Errorf("the broker was asked %d times within the pause", faulty.Appends())
		}
		eventually(t, "commands are taken again", func() bool {
			a, err := bank.give(c)
			return err == nil && a.Version == 2 && !a.Repeated
		})
		if a := bank.audit(b, 1); a.Events != 2 {
			t.Errorf("%d events, want 2", a.Events)
		}
	})
}

// aside is the same ledger with commands of its own: its writer is heard by nobody else.
type aside struct{ ledger.Broker }

const asidePartition = 100

func (a aside) Serve(context string, partition int, handle func(*ledger.Request)) (func(), error) {
	return a.Broker.Serve(context, partition+asidePartition, handle)
}

func (a aside) Send(ctx context.Context, context string, partition int, e *events.Event) ([]byte, error) {
	return a.Broker.Send(ctx, context, partition+asidePartition, e)
}

// TestLostOnce: another writer's commit takes the place; the same commands are decided again on what it wrote.
func TestLostOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		n := openNode(t, ledgertest.Granted{Broker: faulty}, t.TempDir())
		other := aside{b}
		openNode(t, ledgertest.Granted{Broker: other}, t.TempDir(), withOwner("b"))
		bank, others := newBank(t, faulty, 1), newBank(t, other, 1)
		var once sync.Once
		faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			once.Do(func() { others.must(deposit("a", "theirs", ledgertest.Capacity-5)) })
			return a.Do(ctx)
		})
		if a := bank.must(deposit("a", "fits", 5)); a.Version != 2 {
			t.Errorf("answered %+v", a)
		}
		bank.refusedAs(events.ErrCapacity, deposit("a", "too much", 6))
		if n.count("lost_total") != 1 {
			t.Errorf("%d losses counted", n.count("lost_total"))
		}
		others.audit(b, 1)
		bank.audit(b, 1)
	})
}

// TestLostTwiceForwards: a writer that loses twice running leaves the partition and sends its commands on to the other.
func TestLostTwiceForwards(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		n := openNode(t, ledgertest.Granted{Broker: faulty}, t.TempDir())
		other := aside{b}
		openNode(t, ledgertest.Granted{Broker: other}, t.TempDir(), withOwner("b"))
		bank, others := newBank(t, faulty, 1), newBank(t, other, 1)
		faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			if a.Number <= 2 {
				others.must(note("a", "theirs"))
			}
			if a.Number == 2 { // from now on the other one is found under the partition's own subject
				stop, err := b.Serve(ledgertest.Context, 0, func(r *ledger.Request) {
					go func() {
						if body, err := other.Send(within(t), ledgertest.Context, 0, &r.Event); err == nil {
							r.Respond(body)
						}
					}()
				})
				if err != nil {
					t.Error(err)
				}
				t.Cleanup(stop)
			}
			return a.Do(ctx)
		})
		c := deposit("a", "r", 5)
		if a := bank.must(c); a.Version != 3 {
			t.Errorf("answered %+v", a)
		}
		if n.count("lost_total") != 2 {
			t.Errorf("%d losses counted", n.count("lost_total"))
		}
		if a := bank.audit(b, 1); a.Commands != 3 {
			t.Errorf("%d commands in the log, want 3", a.Commands)
		}
	})
}

// TestUnknown: while nothing can be learned, senders hear `unknown` after a bounded time; the search goes on, decides nothing else
// meanwhile, and what it finds is the outcome that a repeat gets.
func TestUnknown(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		n := openNode(t, faulty, t.TempDir())
		bank := newBank(t, faulty, 1)
		bank.must(deposit("a", "r0", 1))
		silent := errors.New("no answer")
		faulty.OnRead(func(context.Context, *ledger.Stored, error) (*ledger.Stored, error) { return nil, silent })
		faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			_, err := a.Do(ctx)
			return 0, errors.Join(errCut, err)
		})
		c := deposit("a", "r1", 1)
		begun := time.Now()
		bank.refusedAs(events.ErrUnknown, c)
		if took := time.Since(begun); took < ledger.DoubtAnswer || took > 2*ledger.DoubtAnswer+2*time.Second {
			t.Errorf("unknown after %s, want about %s", took, ledger.DoubtAnswer)
		}
		next := background(bank, deposit("a", "r2", 1)) // waits: nothing is decided before the search has ended
		again := background(bank, c)
		faulty.OnAppend(nil)
		faulty.OnRead(nil)
		if r := <-again; r.err != nil || !r.a.Repeated || r.a.Version != 2 {
			t.Errorf("the repeat: %+v, %v", r.a, r.err)
		}
		if r := <-next; r.err != nil || r.a.Version != 3 {
			t.Errorf("the next one: %+v, %v", r.a, r.err)
		}
		if n.count("doubts_total") != 1 || n.count("found_total") != 1 {
			t.Errorf("%d doubts, %d found", n.count("doubts_total"), n.count("found_total"))
		}
		if a := bank.audit(b, 1); a.Commands != 3 {
			t.Errorf("%d commands in the log, want 3", a.Commands)
		}
	})
}

// TestCloseInDoubt: a writer that must stop while it searches answers unknown, and the next one finds the commit.
func TestCloseInDoubt(t *testing.T) {
	onBoth(t, func(t *testing.T, b ledgertest.Opened) {
		faulty := ledgertest.NewFaulty(b)
		dir := t.TempDir()
		n := openNode(t, faulty, dir)
		bank := newBank(t, faulty, 1)
		searching := make(chan struct{})
		var once sync.Once
		faulty.OnRead(func(context.Context, *ledger.Stored, error) (*ledger.Stored, error) {
			once.Do(func() { close(searching) })
			return nil, errors.New("no answer")
		})
		faulty.OnAppend(func(ctx context.Context, a *ledgertest.Append) (uint64, error) {
			_, err := a.Do(ctx)
			return 0, errors.Join(errCut, err)
		})
		c := deposit("a", "r", 1)
		waiting := background(bank, c)
		<-searching
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := n.keeper.Close(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("closed with %v", err)
		}
		n.closed = true
		if err := n.heads.Close(); err != nil {
			t.Error(err)
		}
		if r := <-waiting; !events.ErrUnknown.Is(r.err) {
			t.Errorf("answered %+v, %v; want unknown", r.a, r.err)
		}
		faulty.OnAppend(nil)
		faulty.OnRead(nil)
		openNode(t, faulty, dir)
		if a := bank.must(c); !a.Repeated {
			t.Errorf("answered %+v", a)
		}
		bank.audit(b, 1)
	})
}

// TestLogShrinksUnderWriter: a live writer that sees the log end before its own last commit decides nothing more.
func TestLogShrinksUnderWriter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		append func(ctx context.Context, a *ledgertest.Append) (uint64, error)
		read   func(ctx context.Context, s *ledger.Stored, err error) (*ledger.Stored, error)
	}{
		{"the log ends early",
			func(context.Context, *ledgertest.Append) (uint64, error) { return 0, errCut },
			func(context.Context, *ledger.Stored, error) (*ledger.Stored, error) { return nil, ledger.ErrNone }},
		{"a sequence is handed out again",
			func(context.Context, *ledgertest.Append) (uint64, error) { return 1, nil }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			faulty := ledgertest.NewFaulty(ledger.NewMemory(20 * time.Second))
			n := openNode(t, faulty, t.TempDir())
			bank := newBank(t, faulty, 1)
			bank.must(deposit("a", "r0", 1))
			bank.must(deposit("a", "r1", 1))
			faulty.OnRead(tt.read)
			faulty.OnAppend(tt.append)
			bank.refusedAs(events.ErrUnknown, deposit("a", "r2", 1))
			var err error
			eventually(t, "the partition refuses to serve", func() bool {
				short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				defer cancel()
				err = n.keeper.Ready(short)
				return errors.Is(err, ledger.ErrTailLost)
			})
			short, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if a, err := bank.Internal(short, deposit("a", "r3", 1)); !events.ErrOverloaded.Is(err) && !events.ErrUnknown.Is(err) {
				t.Errorf("a partition that refuses answered %+v, %v", a, err)
			}
			faulty.OnRead(nil)
			if a := bank.audit(faulty, 1); a.Commands != 2 {
				t.Errorf("%d commands in the log", a.Commands)
			}
		})
	}
}
