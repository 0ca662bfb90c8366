// Package clock is the one place where the frame asks for the time, so that tests and the simulator can set it.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and wakes up.
type Clock interface {
	Now() time.Time
	// Wake returns a channel that gets one value at or after t, and a function that gives the wait up.
	Wake(t time.Time) (<-chan time.Time, func())
}

// Real is the machine's clock.
type Real struct{}

// Now is the machine's time in UTC.
func (Real) Now() time.Time { return time.Now().UTC() }

// Wake uses a timer of the runtime.
func (Real) Wake(t time.Time) (<-chan time.Time, func()) {
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}

// Manual stands still until it is moved. The zero value is not useful: use NewManual.
type Manual struct {
	mu    sync.Mutex
	now   time.Time
	waits map[chan time.Time]time.Time
}

// NewManual starts at the given instant.
func NewManual(now time.Time) *Manual {
	return &Manual{now: now.UTC(), waits: make(map[chan time.Time]time.Time)}
}

// Now is the instant set last.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Set moves the clock (backwards too: machines do that) and wakes those whose time has come.
func (m *Manual) Set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now.UTC()
	for c, t := range m.waits {
		if !t.After(m.now) {
			c <- m.now
			delete(m.waits, c)
		}
	}
}

// Wake is served by Set.
func (m *Manual) Wake(t time.Time) (<-chan time.Time, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan time.Time, 1)
	if !t.After(m.now) {
		c <- m.now
		return c, func() {}
	}
	m.waits[c] = t
	return c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.waits, c)
	}
}
