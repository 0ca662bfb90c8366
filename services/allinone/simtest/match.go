package simtest

import (
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/matcher"
)

// feeder feeds the matcher from the ledgers, in the order that the all-in-one process keeps.
type feeder struct {
	y       *system
	service *matcher.Service
	task    *task
	again   bool // begin again with an empty matcher
	refeed  bool // deliver the last commits once more
	idle    bool
	read    map[string][]uint64 // by context: sequence, by partition
	giving  map[*task]bool
}

func newFeeder(y *system) *feeder {
	f := &feeder{y: y, giving: make(map[*task]bool)}
	f.task = y.spawn(nil, "matcher", f.run)
	return f
}

// tendPause is how often the matcher looks what has changed for offers and for demands that were answered.
const tendPause = 2 * time.Second

// hear wakes it when it has nothing to do.
func (f *feeder) hear() {
	if f.idle {
		f.y.wake(f.task)
	}
}

func (f *feeder) run() {
	for {
		f.y.drop(func(t *task) bool { return f.giving[t] })
		clear(f.giving)
		f.again = false
		f.service = matcher.New(matcher.Deps{Rules: f.y.shared.matching, Stacks: f.y.stack})
		f.read = make(map[string][]uint64)
		for _, name := range matcher.Follows() {
			f.read[name] = make([]uint64, f.y.partitions)
		}
		ok := true
		for _, name := range matcher.Follows() { // history first
			ok = ok && f.upTo(name)
		}
		if ok {
			f.service.CaughtUp()
			f.live()
		}
		f.y.pause(200 * time.Millisecond)
	}
}

func (f *feeder) live() {
	for !f.again {
		if f.refeed {
			f.refeed = false
			for _, list := range f.read {
				for i := range list {
					list[i] -= min(list[i], 3)
				}
			}
		}
		before := f.y.steps
		for _, name := range []string{"demand", "bond", "offer", "party", matcher.Context} {
			if name == "demand" || name == "bond" {
				if !f.upTo("offer") {
					return
				}
			}
			if !f.upTo(name) {
				return
			}
		}
		for _, c := range f.service.Pending(f.y.now, 64) {
			f.give(c)
		}
		for _, c := range f.service.Tend(f.y.now, 64) {
			f.give(c)
		}
		if f.y.steps == before {
			f.idle = true
			f.y.pause(tendPause)
			f.idle = false
		}
	}
}

// upTo feeds what a context's ledger holds; false: the matcher is to be thrown away.
func (f *feeder) upTo(name string) bool {
	for partition := range f.y.partitions {
		for {
			s, err := f.y.logs[name].next(partition, f.read[name][partition])
			if err != nil {
				break
			}
			if !f.apply(name, s) {
				return false
			}
			f.read[name][partition] = s.Sequence
		}
	}
	return true
}

func (f *feeder) apply(name string, s *ledger.Stored) bool {
	at := matcher.Origin{Context: name, Partition: s.Partition, Sequence: s.Sequence}
	c, err := s.Decode()
	if err != nil {
		f.y.fail("I6", "%s: %v", at, err)
		return false
	}
	if len(c.Events) == 0 {
		f.service.Advance(at)
	}
	for i := range c.Events {
		e, err := ledger.Applied(&c.Events[i])
		if err != nil {
			f.y.fail("I5", "%s: %v", at, err)
			return false
		}
		ask, err := f.service.Apply(at, e)
		if err != nil {
			f.y.fail("I5", "matcher: %v", err)
			return false
		}
		if ask != nil {
			f.give(ask)
		}
	}
	return true
}

// give sends a recommendation beside the feed until it is settled.
func (f *feeder) give(c *step.Command) {
	one := f.y.internal(c)
	var t *task
	t = f.y.spawn(nil, "recommend", func() {
		f.y.clients.give(one, 0)
		delete(f.giving, t)
		if one.refusal != nil { // as in production: what is refused is not asked again
			f.service.Drop(c)
		}
	})
	f.giving[t] = true
}
