package ledger

import (
	"context"
	"sync/atomic"
	"time"
)

// Pressure counts the commands that wait for a writer in this process. What only derives from the ledgers gives way to them: a burst
// of commands is taken first, and what follows from it comes right after.
type Pressure struct{ waiting atomic.Int64 }

// Bounds of giving way.
const (
	pressureCommands = 64                    // waiting commands that make derived work pause
	pressurePause    = 20 * time.Millisecond // one pause; a commit is worked on between two
	pressureLagMax   = 10 * time.Second      // derived data that is further behind gives way no more
)

// GiveWay pauses once if commands are waiting and what is about to be derived is young. A nil Pressure never pauses.
func (p *Pressure) GiveWay(ctx context.Context, committed time.Time) {
	if p == nil || p.waiting.Load() < pressureCommands || time.Since(committed) > pressureLagMax {
		return
	}
	pause := time.NewTimer(pressurePause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

func (p *Pressure) add(n int) {
	if p != nil {
		p.waiting.Add(int64(n))
	}
}
