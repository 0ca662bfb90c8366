package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
)

// Alone runs a part that may run in one process at a time (it writes a stream or a read model) under a lease, until ctx ends: of
// several processes one runs it, the others take over when it has gone. The part must end soon after its context; what it does in
// between is refused by what it writes, since each write names the one before it.
func Alone(ctx context.Context, leases Leases, key, owner string, log zerolog.Logger, part func(ctx context.Context) error) error {
	for {
		epoch, err := leases.Acquire(ctx, key, owner)
		switch {
		case err == nil:
			err = alone(ctx, &lease{leases: leases, key: key, owner: owner, epoch: epoch}, part)
			if err != nil && ctx.Err() == nil {
				log.Warn().Err(err).Str("lease", key).Msg("a part has ended; it is taken up again")
			}
		case !errors.Is(err, ErrHeld) && ctx.Err() == nil:
			log.Warn().Err(err).Str("lease", key).Msg("a lease cannot be asked for; trying again")
		}
		wait := time.NewTimer(leases.TTL() / 3)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		}
	}
}

func alone(ctx context.Context, l *lease, part func(ctx context.Context) error) error {
	run, cancel := context.WithCancel(ctx)
	l.lost = cancel
	renewed := l.keep(run)
	err := part(run)
	cancel()
	<-renewed
	l.release()
	return err
}
