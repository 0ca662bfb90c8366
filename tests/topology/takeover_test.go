package topology

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// takeoverMax is how long the callers of a partition may wait after its writer was killed.
const takeoverMax = 5 * time.Second

// callers give one demand after the other to each partition and note the longest pause between two acknowledgements.
type callers struct {
	l    *load
	mu   sync.Mutex
	last []time.Time
	gap  []time.Duration
	done []int
	stop context.CancelFunc
	wait sync.WaitGroup
}

func call(t *testing.T, l *load, partitions int) *callers {
	t.Helper()
	c := &callers{l: l, last: make([]time.Time, partitions), gap: make([]time.Duration, partitions), done: make([]int, partitions)}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	for p := range partitions {
		c.wait.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("call-%d-%d", p, n)
				if events.Partition(id, partitions) != p {
					continue
				}
				if err := l.give(context.Background(), demands, demands, l.demand(id, n)); err != nil {
					l.note(err.Error())
					return
				}
				c.mu.Lock()
				now := time.Now()
				if !c.last[p].IsZero() {
					c.gap[p] = max(c.gap[p], now.Sub(c.last[p]))
				}
				c.last[p] = now
				c.done[p]++
				c.mu.Unlock()
			}
		})
	}
	return c
}

// all waits until every partition has acknowledged n more, and returns the longest pause of each since the last time.
func (c *callers) all(t *testing.T, n int) []time.Duration {
	t.Helper()
	c.mu.Lock()
	want := make([]int, len(c.done))
	for p := range want {
		want[p] = c.done[p] + n
	}
	c.mu.Unlock()
	c.l.await(t, fmt.Sprintf("%d acknowledgements of every partition", n), func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for p := range want {
			if c.done[p] < want[p] {
				return fmt.Errorf("partition %d stands", p)
			}
		}
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	gaps := c.gap
	c.gap = make([]time.Duration, len(gaps))
	return gaps
}

// TestTakeover: of two replicas of a service one is killed, and the other writes all partitions within 5 s; one that comes back is there
// to take over from the other; and one that is asked to end hands over without a command lost or doubled.
func TestTakeover(t *testing.T) {
	const partitions = 4
	w := Start(t, Config{Partitions: partitions, Replicas: map[string]int{"demand": 2}})
	l := newLoad(t, w)
	c := call(t, l, partitions)
	c.all(t, 20)
	one, two := w.Service["demand"][0], w.Service["demand"][1]
	for _, fault := range []struct {
		what   string
		victim *Process
		end    func(p *Process) error
	}{
		{"killed", one, func(p *Process) error { p.Kill(); return nil }},
		{"killed", two, func(p *Process) error { p.Kill(); return nil }},
		{"asked to end", one, (*Process).Stop},
		{"asked to end", two, (*Process).Stop},
	} {
		c.all(t, 5)
		if err := fault.end(fault.victim); err != nil {
			t.Error(err)
		}
		gaps := c.all(t, 20)
		t.Logf("%s %s: callers of the partitions waited at most %v", fault.victim.Name, fault.what, gaps)
		for p, gap := range gaps {
			if gap > takeoverMax {
				t.Errorf("%s %s: partition %d gave no answer for %s, want at most %s", fault.victim.Name, fault.what, p, gap, takeoverMax)
			}
		}
		if err := fault.victim.Start(); err != nil {
			t.Fatal(err)
		}
		if err := fault.victim.Ready(); err != nil {
			t.Fatal(err)
		}
	}
	c.stop()
	c.wait.Wait()
	l.check(t)
}
