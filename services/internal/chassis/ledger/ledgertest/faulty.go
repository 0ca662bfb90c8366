package ledgertest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// Append is one append as a fault sees it. Do carries it out.
type Append struct {
	Number    int // of the append on this broker, from 1
	Log       ledger.Log
	Partition int
	Expect    uint64
	Body      []byte
}

// Do carries the append out.
func (a *Append) Do(ctx context.Context) (uint64, error) {
	return a.Log.Append(ctx, a.Partition, a.Expect, a.Body)
}

// Faulty is a broker whose log does what a test tells it to. The zero hooks change nothing.
type Faulty struct {
	ledger.Broker

	mu      sync.Mutex
	appends int
	handled int
	append  func(ctx context.Context, a *Append) (uint64, error)
	read    func(ctx context.Context, s *ledger.Stored, err error) (*ledger.Stored, error)
}

// NewFaulty wraps a broker.
func NewFaulty(b ledger.Broker) *Faulty { return &Faulty{Broker: b} }

// OnAppend sets what happens to appends from now on; nil: nothing.
func (f *Faulty) OnAppend(hook func(ctx context.Context, a *Append) (uint64, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.append = hook
}

// OnRead sets what happens to what Next, Last and Get give from now on; nil: nothing.
func (f *Faulty) OnRead(hook func(ctx context.Context, s *ledger.Stored, err error) (*ledger.Stored, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = hook
}

// Appends counts the appends so far.
func (f *Faulty) Appends() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.appends
}

// Handled counts the requests that servers have taken in.
func (f *Faulty) Handled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handled
}

// Serve implements ledger.Broker.
func (f *Faulty) Serve(context string, partition int, handle func(*ledger.Request)) (func(), error) {
	return f.Broker.Serve(context, partition, func(r *ledger.Request) {
		handle(r)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.handled++
	})
}

// OpenLog implements ledger.Broker.
func (f *Faulty) OpenLog(ctx context.Context, context string, partitions int) (ledger.Log, error) {
	log, err := f.Broker.OpenLog(ctx, context, partitions)
	if err != nil {
		return nil, err
	}
	return &faultyLog{log, f}, nil
}

type faultyLog struct {
	ledger.Log
	f *Faulty
}

func (l *faultyLog) Append(ctx context.Context, partition int, expect uint64, body []byte) (uint64, error) {
	l.f.mu.Lock()
	l.f.appends++
	a := &Append{l.f.appends, l.Log, partition, expect, bytes.Clone(body)} // a hook may append later than this returns
	hook := l.f.append
	l.f.mu.Unlock()
	if hook == nil {
		return a.Do(ctx)
	}
	return hook(ctx, a)
}

func (l *faultyLog) answer(ctx context.Context, s *ledger.Stored, err error) (*ledger.Stored, error) {
	l.f.mu.Lock()
	hook := l.f.read
	l.f.mu.Unlock()
	if hook == nil {
		return s, err
	}
	return hook(ctx, s, err)
}

func (l *faultyLog) Next(ctx context.Context, partition int, after uint64) (*ledger.Stored, error) {
	s, err := l.Log.Next(ctx, partition, after)
	return l.answer(ctx, s, err)
}

func (l *faultyLog) Last(ctx context.Context, partition int) (*ledger.Stored, error) {
	s, err := l.Log.Last(ctx, partition)
	return l.answer(ctx, s, err)
}

func (l *faultyLog) Get(ctx context.Context, sequence uint64) (*ledger.Stored, error) {
	s, err := l.Log.Get(ctx, sequence)
	return l.answer(ctx, s, err)
}

// Granted is a broker whose leases are given to everybody at once: two writers on one partition, held apart by the log alone.
type Granted struct{ ledger.Broker }

// Leases implements ledger.Broker.
func (g Granted) Leases() ledger.Leases { return grantedLeases{} }

type grantedLeases struct{}

func (grantedLeases) Acquire(context.Context, string, string) (uint64, error) { return 1, nil }
func (grantedLeases) Renew(_ context.Context, _, _ string, epoch uint64) (uint64, error) {
	return epoch, nil
}
func (grantedLeases) Release(context.Context, string, uint64) error  { return nil }
func (grantedLeases) Holder(context.Context, string) (string, error) { return "", nil }
func (grantedLeases) TTL() time.Duration                             { return 300 * time.Millisecond }

// Dying is a broker whose leases are never released: what a killed process leaves behind.
type Dying struct{ ledger.Broker }

// Leases implements ledger.Broker.
func (d Dying) Leases() ledger.Leases { return dyingLeases{d.Broker.Leases()} }

type dyingLeases struct{ ledger.Leases }

func (dyingLeases) Release(context.Context, string, uint64) error { return nil }
