package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// Deadline bounds every test of the suite.
const Deadline = 30 * time.Second

// Opened is a fresh broker under test.
type Opened struct {
	ledger.Broker
	// Audited waits for the n-th refusal recorded, from 1.
	Audited func(ctx context.Context, n int) (ledger.Audit, error)
}

// Run runs the suite. open gives an empty broker that lives as long as the test it is given; its leases live for ttl.
func Run(t *testing.T, open func(t *testing.T, ttl time.Duration) Opened) {
	tests := []struct {
		name string
		run  func(t *testing.T, ctx context.Context, b Opened)
	}{
		{"append and read", testAppendRead},
		{"append expects the partition's last", testExpect},
		{"concurrent appends: one wins", testOneWins},
		{"follow", testFollow},
		{"follow live", testFollowLive},
		{"follow ends with its context", testFollowEnds},
		{"follow stops at the visitor's error", testFollowFails},
		{"partitions must agree", testPartitions},
		{"leases", testLeases},
		{"lease runs out", testLeaseExpires},
		{"nobody serves", testNobody},
		{"serve and send", testServe},
		{"several servers", testSeveral},
		{"send ends with its context", testSendEnds},
		{"stop waits", testStopWaits},
		{"audit", testAudit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), Deadline)
			t.Cleanup(cancel)
			tt.run(t, ctx, open(t, time.Second))
		})
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func openLog(t *testing.T, ctx context.Context, b ledger.Broker, partitions int) ledger.Log {
	t.Helper()
	return must[ledger.Log](t)(b.OpenLog(ctx, Context, partitions))
}

func body(partition, n int) []byte {
	return fmt.Appendf(nil, `["commit %d of partition %d"]`, n, partition)
}

// fill appends n commits, spread over the partitions in turn, and returns them in order.
func fill(t *testing.T, ctx context.Context, log ledger.Log, partitions, n int) []*ledger.Stored {
	t.Helper()
	last := make([]uint64, partitions)
	var all []*ledger.Stored
	for i := range n {
		p := i % partitions
		s := &ledger.Stored{Partition: p, Body: body(p, i)}
		s.Sequence = must[uint64](t)(log.Append(ctx, p, last[p], s.Body))
		last[p] = s.Sequence
		all = append(all, s)
	}
	return all
}

func same(t *testing.T, got, want *ledger.Stored) {
	t.Helper()
	if got.Sequence != want.Sequence || got.Partition != want.Partition || !bytes.Equal(got.Body, want.Body) {
		t.Fatalf("got sequence %d of partition %d: %s; want %d of %d: %s", got.Sequence, got.Partition, got.Body, want.Sequence, want.Partition, want.Body)
	}
}

func none(t *testing.T, s *ledger.Stored, err error) {
	t.Helper()
	if !errors.Is(err, ledger.ErrNone) {
		t.Fatalf("got %v, %v; want ErrNone", s, err)
	}
}

func testAppendRead(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 3)
	if info := must[ledger.LogInfo](t)(log.Info(ctx)); info.Last != 0 || info.Partitions != 3 || info.Created.IsZero() {
		t.Fatalf("an empty log says %+v", info)
	}
	s, err := log.Last(ctx, 0)
	none(t, s, err)
	s, err = log.Next(ctx, 0, 0)
	none(t, s, err)
	for _, sequence := range []uint64{0, 1} {
		s, err = log.Get(ctx, sequence)
		none(t, s, err)
	}
	all := fill(t, ctx, log, 2, 7) // partition 2 stays empty
	for i, want := range all {
		if i > 0 && want.Sequence <= all[i-1].Sequence {
			t.Fatalf("sequence %d follows %d", want.Sequence, all[i-1].Sequence)
		}
		same(t, must[*ledger.Stored](t)(log.Get(ctx, want.Sequence)), want)
		after := uint64(0)
		if i >= 2 {
			after = all[i-2].Sequence
		}
		same(t, must[*ledger.Stored](t)(log.Next(ctx, want.Partition, after)), want)
		same(t, must[*ledger.Stored](t)(log.Next(ctx, want.Partition, want.Sequence-1)), want)
	}
	same(t, must[*ledger.Stored](t)(log.Last(ctx, 0)), all[6])
	same(t, must[*ledger.Stored](t)(log.Last(ctx, 1)), all[5])
	last := all[6].Sequence
	for partition := range 3 {
		s, err = log.Next(ctx, partition, last)
		none(t, s, err)
	}
	s, err = log.Last(ctx, 2)
	none(t, s, err)
	s, err = log.Get(ctx, last+1)
	none(t, s, err)
	again := openLog(t, ctx, b, 3)
	first, second := must[ledger.LogInfo](t)(log.Info(ctx)), must[ledger.LogInfo](t)(again.Info(ctx))
	if first.Last != last || second.Last != last || !first.Created.Equal(second.Created) {
		t.Fatalf("the log opened twice says %+v and %+v; its last is %d", first, second, last)
	}
}

func testExpect(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 2)
	all := fill(t, ctx, log, 2, 4)
	for _, expect := range []uint64{0, all[0].Sequence, all[3].Sequence, all[3].Sequence + 1} {
		if sequence, err := log.Append(ctx, 0, expect, body(0, 9)); !errors.Is(err, ledger.ErrInDoubt) || errors.Is(err, ledger.ErrNoSpace) {
			t.Fatalf("append to partition 0 (last is %d) expecting %d: %d, %v", all[2].Sequence, expect, sequence, err)
		}
	}
	if info := must[ledger.LogInfo](t)(log.Info(ctx)); info.Last != all[3].Sequence {
		t.Fatalf("a refused append was stored: the log ends at %d, not %d", info.Last, all[3].Sequence)
	}
	must[uint64](t)(log.Append(ctx, 0, all[2].Sequence, body(0, 9)))
}

func testOneWins(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 1)
	const writers, rounds = 8, 10
	last := uint64(0)
	for round := range rounds {
		type result struct {
			sequence uint64
			body     []byte
			err      error
		}
		results := make(chan result, writers)
		expect := last
		for w := range writers {
			go func() {
				r := result{body: body(w, round)}
				r.sequence, r.err = log.Append(ctx, 0, expect, r.body)
				results <- r
			}()
		}
		won := 0
		for range writers {
			r := <-results
			if r.err != nil {
				continue
			}
			won++
			last = r.sequence
			same(t, must[*ledger.Stored](t)(log.Next(ctx, 0, expect)), &ledger.Stored{Sequence: r.sequence, Body: r.body})
		}
		if won != 1 {
			t.Fatalf("round %d: %d of %d appends with one expectation were accepted", round, won, writers)
		}
	}
}

// collect follows until n commits have come.
func collect(ctx context.Context, log ledger.Log, partition int, after uint64, n int) ([]*ledger.Stored, error) {
	enough := errors.New("enough")
	var got []*ledger.Stored
	if n == 0 {
		return nil, nil
	}
	err := log.Follow(ctx, partition, after, func(s *ledger.Stored) error {
		if got = append(got, s); len(got) == n {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		return got, fmt.Errorf("after %d of %d commits: %w", len(got), n, err)
	}
	return got, nil
}

func testFollow(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 3)
	all := fill(t, ctx, log, 3, 40)
	for _, partition := range []int{-1, 0, 1, 2} {
		for _, from := range []int{0, 1, 2, 17, 39} {
			after := uint64(0)
			if from > 0 {
				after = all[from-1].Sequence
			}
			var want []*ledger.Stored
			for _, s := range all[from:] {
				if partition < 0 || s.Partition == partition {
					want = append(want, s)
				}
			}
			got := must[[]*ledger.Stored](t)(collect(ctx, log, partition, after, len(want)))
			for i := range want {
				same(t, got[i], want[i])
			}
		}
	}
}

func testFollowLive(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 2)
	before := fill(t, ctx, log, 2, 4)
	const more = 20
	readers := []int{-1, 0, 1}
	type result struct {
		got []*ledger.Stored
		err error
	}
	results := make([]chan result, len(readers))
	begun := make(chan struct{}, len(readers))
	for i, partition := range readers {
		results[i] = make(chan result, 1)
		go func() {
			var r result
			n := 4 + more
			if partition >= 0 {
				n /= 2
			}
			enough := errors.New("enough")
			r.err = log.Follow(ctx, partition, 0, func(s *ledger.Stored) error {
				if r.got = append(r.got, s); len(r.got) == 1 {
					begun <- struct{}{}
				}
				if len(r.got) == n {
					return enough
				}
				return nil
			})
			if errors.Is(r.err, enough) {
				r.err = nil
			}
			results[i] <- r
		}()
	}
	for range readers { // all of them read before the rest is written
		select {
		case <-begun:
		case <-ctx.Done():
			t.Fatal("a reader did not begin")
		}
	}
	all := slices.Clone(before)
	last := []uint64{before[2].Sequence, before[3].Sequence}
	for i := range more {
		p := i % 2
		s := &ledger.Stored{Partition: p, Body: body(p, 100+i)}
		s.Sequence = must[uint64](t)(log.Append(ctx, p, last[p], s.Body))
		last[p] = s.Sequence
		all = append(all, s)
	}
	for i, partition := range readers {
		r := <-results[i]
		if r.err != nil {
			t.Fatalf("reader of partition %d: %v", partition, r.err)
		}
		k := 0
		for _, s := range all {
			if partition < 0 || s.Partition == partition {
				same(t, r.got[k], s)
				k++
			}
		}
	}
}

func testFollowEnds(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 1)
	fill(t, ctx, log, 1, 3)
	for _, after := range []uint64{0, 3, 1000} { // with something to read, at the end, beyond the end
		reading, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		visits := 0
		go func() {
			ended <- log.Follow(reading, 0, after, func(*ledger.Stored) error {
				if visits++; visits == 3 {
					cancel()
				}
				return nil
			})
		}()
		if after > 0 {
			cancel()
		}
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("Follow after %d: %v", after, err)
			}
		case <-ctx.Done():
			t.Fatalf("Follow after %d did not end with its context", after)
		}
		cancel()
		if after == 0 && visits != 3 || after > 0 && visits != 0 { // unsynchronised on purpose: no visit after Follow has returned
			t.Fatalf("Follow after %d: %d visits", after, visits)
		}
	}
}

func testFollowFails(t *testing.T, ctx context.Context, b Opened) {
	log := openLog(t, ctx, b, 1)
	fill(t, ctx, log, 1, 10)
	wrong := errors.New("wrong")
	visits := 0
	err := log.Follow(ctx, -1, 0, func(s *ledger.Stored) error {
		if visits++; visits == 4 {
			return wrong
		}
		return nil
	})
	if !errors.Is(err, wrong) || visits != 4 {
		t.Fatalf("%v after %d visits; want the visitor's error after 4", err, visits)
	}
}

func testPartitions(t *testing.T, ctx context.Context, b Opened) {
	openLog(t, ctx, b, 2)
	for _, other := range []int{1, 3} {
		if _, err := b.OpenLog(ctx, Context, other); !errors.Is(err, ledger.ErrPartitions) {
			t.Fatalf("opened with %d partitions instead of 2: %v", other, err)
		}
	}
	openLog(t, ctx, b, 2)
	must[ledger.Log](t)(b.OpenLog(ctx, "demand", 3)) // another context's log is another log
}

// request is a command's CloudEvent.
func request(subject string) *events.Event {
	e := &events.Event{ID: events.NewUUID7(time.Now()).String(), Source: "/test", Type: Note, Subject: subject, Data: []byte(`{"reason":"x"}`)}
	e.Set(events.ExtActor, "operator", events.String)
	return e
}
