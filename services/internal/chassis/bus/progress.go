package bus

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// identity tells stored messages apart, also when a stream that lost its tail or was made anew hands out a sequence
// again: the time of storing differs then.
type identity struct {
	sequence uint64
	stored   int64 // Unix time in nanoseconds
}

// delivery is a message that came from the broker and is not settled.
type delivery struct {
	msg     jetstream.Msg
	id      identity
	in      Incoming
	renewed bool // has been waiting for one renewal interval at least
}

// progress remembers what one subscription is doing and has done: what the broker sends twice is recognised, and a
// durable that was deleted is made anew where it was. It is bounded by the window and by remembered.
type progress struct {
	mu       sync.Mutex
	inflight map[identity]*delivery
	handled  map[identity]struct{} // settled for good; the acknowledgement may not have arrived
	ring     []identity            // the keys of handled, oldest overwritten first
	next     int
	since    int              // handled since the floor was read
	attempts map[identity]int // failed attempts of messages given back to the broker
	floor    uint64           // every message up to here is settled, says the broker
	created  time.Time        // of the stream the floor belongs to
	attached bool             // the durable existed once
}

func newProgress(remembered int) *progress {
	return &progress{
		inflight: make(map[identity]*delivery),
		handled:  make(map[identity]struct{}),
		ring:     make([]identity, remembered),
		attempts: make(map[identity]int),
	}
}

type verdict int

const (
	admitted verdict = iota
	alreadyInflight
	alreadyHandled
)

func (p *progress) admit(d *delivery) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.inflight[d.id]; ok {
		return alreadyInflight
	}
	if _, ok := p.handled[d.id]; ok && !planted.On("handled_message_comes_again") {
		return alreadyHandled
	}
	p.inflight[d.id] = d
	return admitted
}

// settle records that a message is done for good. It says whether it is time to read the floor: often enough that
// everything handled above the floor is still remembered.
func (p *progress) settle(d *delivery) (floorDue bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inflight, d.id)
	delete(p.attempts, d.id)
	if old := p.ring[p.next]; old != (identity{}) {
		delete(p.handled, old)
	}
	p.ring[p.next] = d.id
	p.handled[d.id] = struct{}{}
	p.next = (p.next + 1) % len(p.ring)
	p.since++
	return p.since == len(p.ring)/4
}

// giveBack records that a message goes back to the broker after that many failed attempts.
func (p *progress) giveBack(d *delivery, attempts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.inflight, d.id)
	if attempts == 0 {
		return
	}
	if len(p.attempts) >= len(p.ring) {
		// Only a stream that loses messages gets here; forgetting one count costs some attempts more.
		for id := range p.attempts {
			delete(p.attempts, id)
			break
		}
	}
	p.attempts[d.id] = attempts
}

func (p *progress) failedAttempts(d *delivery) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.attempts[d.id]
}

// waiting returns the deliveries that have been unsettled since the call before this one.
func (p *progress) waiting() []*delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	var long []*delivery
	for _, d := range p.inflight {
		if d.renewed {
			long = append(long, d)
		}
		d.renewed = true
	}
	return long
}

// reached records the durable's floor. A stream made anew starts another history.
func (p *progress) reached(created time.Time, floor uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !created.Equal(p.created) {
		p.floor, p.created = 0, created
	}
	p.floor = max(p.floor, floor)
	p.since = 0
	p.attached = true
}

// resume says where a durable that is gone goes on in a stream that now ends at last; false: it never existed, so the
// configured policy holds.
func (p *progress) resume(created time.Time, last uint64) (start uint64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.attached {
		return 0, false
	}
	if !created.Equal(p.created) {
		return 1, true // another history: nothing of it was seen, whatever the policy says
	}
	// A stream that lost its tail stores other messages under sequences we had settled: read them.
	p.floor = min(p.floor, last)
	return p.floor + 1, true
}
