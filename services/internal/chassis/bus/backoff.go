package bus

import (
	"math/rand/v2"
	"time"
)

// Backoff is a pause that doubles from Min to Max, with up to a quarter less by chance so that many do not return
// together.
type Backoff struct {
	Min, Max time.Duration
}

// After returns the pause after the given failed attempt, counted from 1.
func (b Backoff) After(attempt int) time.Duration {
	pause := b.Min
	for i := 1; i < attempt && pause < b.Max; i++ {
		pause *= 2
	}
	pause = min(pause, b.Max)
	return pause - rand.N(pause/4+1)
}
