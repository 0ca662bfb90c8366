package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/store/storetest"
)

func TestWaiter(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	w := store.NewWaiter(nil)
	if err := w.Wait(ctx, "c", "demand.0", 0); err != nil {
		t.Fatalf("zero: %v", err)
	}
	w.Advance("c", "demand.0", 5)
	if err := w.Wait(ctx, "c", "demand.0", 5); err != nil {
		t.Fatalf("reached: %v", err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	for _, other := range [][2]string{{"c", "demand.1"}, {"d", "demand.0"}} {
		if err := w.Wait(ended, other[0], other[1], 5); !errors.Is(err, store.ErrBehind) || !errors.Is(err, context.Canceled) {
			t.Errorf("another projection: %v", err)
		}
	}
	w.Advance("c", "demand.0", 2) // a rebuild started over
	if err := w.Wait(ended, "c", "demand.0", 5); !errors.Is(err, store.ErrBehind) {
		t.Errorf("during a rebuild: %v", err)
	}
}

// TestWaiterMany: every caller is served by the first Advance that reaches its sequence, and not before.
func TestWaiterMany(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const callers, last = 500, 50
	w := store.NewWaiter(nil)
	var mu sync.Mutex
	at := uint64(0)
	var group sync.WaitGroup
	for i := range callers {
		sequence := 1 + random.Uint64N(last)
		callCtx, leave := context.WithCancel(ctx)
		if i%5 == 0 {
			leave() // gives up at once, in the middle of the others
		}
		group.Go(func() {
			defer leave()
			err := w.Wait(callCtx, "c", "demand.0", sequence)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && at < sequence {
				t.Errorf("served %d at %d", sequence, at)
			}
			if err != nil && callCtx.Err() == nil {
				t.Errorf("waiting for %d: %v", sequence, err)
			}
		})
	}
	for n := uint64(1); n <= last; n++ {
		mu.Lock()
		at = n
		mu.Unlock()
		w.Advance("c", "demand.0", n)
	}
	group.Wait()
}
