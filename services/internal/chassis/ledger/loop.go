package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Loop runs a part that derives data until it is told to stop: when the part fails it begins again behind what is stored, after
// a pause. The zero value is ready.
type Loop struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	held   chan struct{} // not nil: no run begins before it is closed
}

// loopPause is the wait after a failure.
const loopPause = 200 * time.Millisecond

// Run calls once until ctx ends.
func (l *Loop) Run(ctx context.Context, log zerolog.Logger, once func(ctx context.Context) error) error {
	for {
		run, cancel := context.WithCancel(ctx)
		l.mu.Lock()
		l.cancel = cancel
		held := l.held
		l.mu.Unlock()
		if held != nil {
			cancel()
			select {
			case <-held:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := once(run)
		restarted := run.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if restarted {
			continue
		}
		log.Warn().Err(err).Msg("interrupted; resuming behind what is stored")
		select {
		case <-time.After(loopPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Restart ends the present run; the next one looks anew at what is stored.
func (l *Loop) Restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		l.cancel()
	}
}

// Hold ends the present run and lets none begin until release is called.
func (l *Loop) Hold() (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := make(chan struct{})
	l.held = held
	if l.cancel != nil {
		l.cancel()
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.held == held {
			l.held = nil
		}
		close(held)
	}
}
