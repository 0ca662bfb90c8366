package allinone

import (
	"sync"
	"time"

	"github.com/jieli-bus/jieli/services/matcher"
)

// blockedEvery is how long a count of what blocks demands is good: it goes over all of them.
const blockedEvery = time.Minute

// blockedCounts keeps the counts that were asked for, by province; one is made at a time.
type blockedCounts struct {
	mu   sync.Mutex
	made map[string]*matcher.Blocked
}

func (b *blockedCounts) of(m *matcher.Service, region string, at time.Time) *matcher.Blocked {
	b.mu.Lock()
	defer b.mu.Unlock()
	if have := b.made[region]; have != nil && at.Sub(have.AsOf) < blockedEvery {
		again := *have
		return &again
	}
	if b.made == nil {
		b.made = make(map[string]*matcher.Blocked)
	}
	b.made[region] = m.Blocked(region, at) // at most one for each province: the door knows the regions
	again := *b.made[region]
	return &again
}
