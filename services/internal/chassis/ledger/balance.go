package ledger

import (
	"context"
	"errors"
)

// errYielded ends a partition's writer: another process has fewer, and takes it over.
var errYielded = errors.New("ledger: the partition is given to a process that has fewer")

// balance evens out the partitions of a context between the processes that keep it, until the keeper stops. A process that has two fewer
// than another claims one, under a lease that all of them see; the one that has most then drains its last partition and leaves it to
// whoever comes first, which the claimer does. One partition moves at a time, so two processes never give at once for one claim.
func (k *Keeper) balance(ctx context.Context) {
	defer k.running.Done()
	for !k.draining() && ctx.Err() == nil {
		wake, stop := k.Clock.Wake(k.Clock.Now().Add(k.Broker.Leases().TTL()))
		select {
		case <-wake:
		case <-k.stopped:
		case <-ctx.Done():
		}
		stop()
		if k.draining() || ctx.Err() != nil {
			return
		}
		call, cancel := context.WithTimeout(ctx, k.Broker.Leases().TTL())
		err := k.even(call)
		cancel()
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrHeld) {
			k.Log.Debug().Err(err).Str("context", k.Machine.Context()).Msg("who holds the partitions could not be asked; trying again")
		}
	}
}

// even looks once who holds what, and claims or gives a partition.
func (k *Keeper) even(ctx context.Context) error {
	leases, name := k.Broker.Leases(), k.Machine.Context()
	holds := map[string]int{k.Owner: 0}
	for i := range k.Partitions {
		owner, err := leases.Holder(ctx, PartitionName(name, i))
		if err != nil || owner == "" { // one is moving: look again later
			return err
		}
		holds[owner]++
	}
	richest, most := "", 0
	for owner, n := range holds {
		if n > most || n == most && owner < richest {
			richest, most = owner, n
		}
	}
	claim := name + ".claim"
	if most-holds[k.Owner] >= 2 {
		_, err := leases.Acquire(ctx, claim, k.Owner)
		return err
	}
	if richest != k.Owner {
		return nil
	}
	claimer, err := leases.Holder(ctx, claim)
	if err != nil || claimer == "" || most-holds[claimer] < 2 {
		return err
	}
	k.yield()
	return nil
}

// yield has the writer of the last partition written here leave it.
func (k *Keeper) yield() {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := -1
	for i := range k.writers {
		last = max(last, i)
	}
	if last < 0 {
		return
	}
	select {
	case k.yields[last] <- struct{}{}:
	default: // it is leaving
	}
}
