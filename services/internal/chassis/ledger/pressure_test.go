package ledger

import (
	"context"
	"testing"
	"time"
)

func TestGiveWay(t *testing.T) {
	t.Parallel()
	paused := func(p *Pressure, committed time.Time) bool {
		begun := time.Now()
		p.GiveWay(t.Context(), committed)
		return time.Since(begun) >= pressurePause
	}
	busy, idle := &Pressure{}, &Pressure{}
	busy.add(pressureCommands)
	if !paused(busy, time.Now()) {
		t.Error("derived work did not give way to waiting commands")
	}
	if paused(idle, time.Now().Add(-time.Second)) && paused(idle, time.Now()) && paused(idle, time.Now()) { // a slow machine may pause us once
		t.Error("derived work paused although nothing waits")
	}
	far := time.Now().Add(-2 * pressureLagMax)
	if paused(busy, far) && paused(busy, far) && paused(busy, far) {
		t.Error("derived work gave way although it is far behind")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	busy.GiveWay(ended, time.Now())
	(*Pressure)(nil).GiveWay(t.Context(), time.Now())
}
