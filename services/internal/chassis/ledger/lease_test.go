package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// mute is a store of leases that can stop answering.
type mute struct {
	Leases
	silent  atomic.Bool
	renewed chan error
}

func (m *mute) Renew(ctx context.Context, key, owner string, epoch uint64) (next uint64, err error) {
	if err = errors.New("no answer"); !m.silent.Load() {
		next, err = m.Leases.Renew(ctx, key, owner, epoch)
	}
	m.renewed <- err
	return next, err
}

// TestLeaseOutlivesSilence: a store of leases that does not answer for longer than a lease lives ends no writer, as while a broker of
// three elects; one that answers that another has the lease does.
func TestLeaseOutlivesSilence(t *testing.T) {
	t.Parallel()
	m := &mute{Leases: NewMemory(60 * time.Millisecond).Leases(), renewed: make(chan error)}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	epoch, err := m.Acquire(ctx, "key", "one")
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan struct{})
	l := &lease{leases: m, key: "key", owner: "one", epoch: epoch, lost: func() { close(lost) }}
	stopped := l.keep(ctx)
	next := func() error {
		t.Helper()
		select {
		case err := <-m.renewed:
			return err
		case <-lost:
			t.Fatal("the lease was given up")
		case <-ctx.Done():
			t.Fatal("nothing is renewed")
		}
		return nil
	}
	if err := next(); err != nil {
		t.Fatal(err)
	}
	m.silent.Store(true)
	for silence := time.Now(); time.Since(silence) < 3*m.TTL(); {
		if next() == nil {
			t.Fatal("the store is not silent")
		}
	}
	m.silent.Store(false)
	if err := next(); err != nil { // in memory a lease that ran out can be renewed as long as nobody has taken it
		t.Fatal(err)
	}
	// It ran out and another has it: that is the end.
	m.silent.Store(true)
	for {
		if _, err := m.Acquire(ctx, "key", "two"); err == nil {
			break
		}
		_ = next()
	}
	m.silent.Store(false)
	for done := false; !done; {
		select {
		case <-m.renewed:
		case <-lost:
			done = true
		case <-ctx.Done():
			t.Fatal("another has the lease and the writer goes on")
		}
	}
	<-stopped
}
