package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// lease keeps one lease renewed and calls lost when it is gone.
type lease struct {
	leases     Leases
	key, owner string
	epoch      uint64
	now        atomic.Uint64
	lost       func()
}

// current is the epoch the writer puts into its commits.
func (l *lease) current() uint64 { return l.now.Load() }

// keep renews until ctx ends or another has the lease; the channel is closed when it has stopped.
//
// A store of leases that does not answer takes nothing away: a broker of three that elects a leader for it (4 to 9 s after a node was
// killed) would else stop every writer of the system, those too whose ledgers work. What a writer appends meanwhile is guarded by
// compare-and-set, as ever; nobody else can get the lease from a store that does not answer.
func (l *lease) keep(ctx context.Context) <-chan struct{} {
	l.now.Store(l.epoch)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			wait := time.NewTimer(l.leases.TTL() / 3)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
				return
			}
			call, cancel := context.WithTimeout(ctx, l.leases.TTL()/3)
			held := l.renew(call)
			cancel()
			if !held {
				l.lost()
				return
			}
		}
	}()
	return done
}

// renew asks once; false: another has the lease.
func (l *lease) renew(ctx context.Context) bool {
	next, err := l.leases.Renew(ctx, l.key, l.owner, l.now.Load())
	if errors.Is(err, ErrHeld) { // it ran out, or a renewal was done whose answer was lost: both may be ours still
		next, err = l.leases.Acquire(ctx, l.key, l.owner)
	}
	if err == nil {
		l.now.Store(next)
	}
	return !errors.Is(err, ErrHeld)
}

func (l *lease) release() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// A lease that can't be released runs out by itself.
	_ = l.leases.Release(ctx, l.key, l.now.Load())
}
