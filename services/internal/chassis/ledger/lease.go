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

// keep renews until ctx ends; the channel is closed when it has stopped.
func (l *lease) keep(ctx context.Context) <-chan struct{} {
	l.now.Store(l.epoch)
	done := make(chan struct{})
	go func() {
		defer close(done)
		expires := time.Now().Add(l.leases.TTL())
		for {
			wait := time.NewTimer(l.leases.TTL() / 3)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
				return
			}
			asked := time.Now()
			call, cancel := context.WithTimeout(ctx, l.leases.TTL()/3)
			next, err := l.leases.Renew(call, l.key, l.owner, l.now.Load())
			cancel()
			switch {
			case err == nil:
				l.now.Store(next)
				expires = asked.Add(l.leases.TTL())
			case errors.Is(err, ErrHeld), time.Now().After(expires):
				l.lost()
				return
			}
		}
	}()
	return done
}

func (l *lease) release() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// A lease that can't be released runs out by itself.
	_ = l.leases.Release(ctx, l.key, l.now.Load())
}
