package simtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// sent is a command with what its sender has heard.
type sent struct {
	e       *events.Event
	key     string // of its partition
	answer  *events.Answer
	refusal *events.Problem // the last definite one
	settled bool
	tries   int
}

// clients are all senders.
type clients struct {
	y    *system
	all  []*sent
	open int                         // senders that are still trying
	acks map[string]map[string]*sent // by command id, then by body
}

func newClients(y *system) *clients {
	return &clients{y: y, acks: make(map[string]map[string]*sent)}
}

// requestTimeout is how long a sender waits for an answer.
const requestTimeout = 5 * time.Second

// request gives a command to whoever serves the partition and waits for the answer, as the broker does.
func (y *system) request(key string, e *events.Event) ([]byte, error) {
	y.pause(y.moment(time.Millisecond))
	list := y.serving[key]
	if len(list) == 0 {
		return nil, ledger.ErrNobody
	}
	wr := list[y.rand.IntN(len(list))]
	fault := y.faults.draw(y.world, faultRequestTwice, faultRequestLost, faultAnswerLost)
	if fault == faultRequestLost {
		y.pause(requestTimeout)
		return nil, errTransient
	}
	var reply []byte
	asker, waiting := y.running, true
	respond := func(b []byte) {
		y.clients.heard(e, b)
		if fault != faultAnswerLost && reply == nil {
			reply = b
			if waiting {
				y.wake(asker)
			}
		}
	}
	y.hand(wr, &ledger.Request{Event: *e, Respond: respond})
	if fault == faultRequestTwice {
		y.spawn(nil, "network", func() {
			y.pause(y.moment(2 * requestTimeout))
			if again := y.serving[key]; len(again) > 0 {
				y.hand(again[y.rand.IntN(len(again))], &ledger.Request{Event: *e, Respond: func(b []byte) { y.clients.heard(e, b) }})
			}
		})
	}
	if reply == nil {
		y.pause(requestTimeout)
	}
	waiting = false
	if reply == nil {
		return nil, errTransient
	}
	return reply, nil
}

func (y *system) hand(wr *writer, r *ledger.Request) {
	wr.stepper.Take(r)
	if wr.idle {
		y.wake(wr.task)
	}
}

// heard holds every single answer against those before it: the same command is answered the same for ever.
func (c *clients) heard(e *events.Event, body []byte) {
	a, err := events.DecodeReply(body)
	if err != nil {
		var p *events.Problem
		if !asProblem(err, &p) {
			c.y.fail("I1", "command %s was neither accepted nor refused: %s", e.ID, body)
			return
		}
		c.y.stats.refused(p)
		if events.ErrInternal.Is(p) {
			c.y.fail("I7", "command %s (%s): the decision failed or panicked", e.ID, e.Type)
		}
		return
	}
	c.y.stats.accepted[e.Type]++
	byBody := c.acks[e.ID]
	if byBody == nil {
		byBody = make(map[string]*sent)
		c.acks[e.ID] = byBody
	}
	key := e.Get(events.ExtActor) + e.Get(events.ExtExpected) + string(e.Data)
	if first := byBody[key]; first != nil {
		if b := first.answer; b.Position != a.Position || b.Version != a.Version || !slices.Equal(b.Events, a.Events) {
			c.y.fail("I1", "command %s (%s) was answered %s version %d and then %s version %d", e.ID, e.Type, b.Position, b.Version, a.Position, a.Version)
		}
		return
	}
	byBody[key] = &sent{e: e, answer: a}
	if len(byBody) > 1 {
		c.y.fail("I1", "command %s (%s) was accepted with two bodies", e.ID, e.Type)
	}
}

// give sends a command until it is settled, or for so many tries (0: for ever).
func (c *clients) give(s *sent, tries int) {
	y := c.y
	for n := 0; tries == 0 || n < tries; n++ {
		s.tries++
		body, err := y.request(s.key, s.e)
		if err == nil {
			a, err := events.DecodeReply(body)
			var p *events.Problem
			switch {
			case err == nil:
				s.answer, s.settled = a, true
				return
			case !asProblem(err, &p):
				y.fail("I1", "command %s: %v", s.e.ID, err)
				return
			case !events.ErrUnknown.Is(p) && !events.ErrOverloaded.Is(p) && !events.ErrUnavailable.Is(p) && !events.ErrStale.Is(p):
				s.refusal, s.settled = p, true
				return
			}
		}
		y.pause(y.moment(2 * time.Second))
	}
}

// command sends a sketch, with its repeats.
func (c *clients) command(s *sketch) {
	y := c.y
	e := &events.Event{ID: y.newID(y.now).String(), Source: "/simulated", Type: s.typ, Subject: s.subject, Data: s.body(y.now), DataContentType: "application/json"}
	e.Set(events.ExtActor, s.actor, events.String)
	if s.expected > 0 {
		e.Set(events.ExtExpected, fmt.Sprint(s.expected), events.String)
	}
	context, _ := events.SplitType(s.typ)
	one := &sent{e: e, key: ledger.PartitionName(context, events.Partition(s.subject, y.partitions))}
	c.all = append(c.all, one)
	y.stats.commands[s.typ]++
	y.tell("command %s %s %s", s.typ, s.subject, e.ID)
	c.open++
	y.spawn(nil, "client", func() {
		defer func() { c.open-- }()
		c.give(one, 4)
	})
	for i := range s.repeat {
		again := &sent{e: e, key: one.key}
		last := i == s.repeat-1
		if last && s.other && s.raw == nil {
			other := *e
			other.Data = append([]byte{' '}, e.Data...) // the same in other bytes: to a ledger it is other content
			again.e = &other
			y.stats.otherBodies++
		}
		if last && s.late {
			y.lateOnes = append(y.lateOnes, again)
			continue
		}
		c.open++
		y.stats.repeats++
		y.spawn(nil, "client", func() {
			defer func() { c.open-- }()
			y.pause(y.moment(20 * time.Second))
			c.give(again, 2)
		})
	}
}

// internal is a command of the system itself.
func (y *system) internal(c *step.Command) *sent {
	e, err := ledger.CommandEvent(c)
	if err != nil {
		panic(err)
	}
	context, _ := events.SplitType(c.Type)
	y.stats.commands[c.Type]++
	return &sent{e: e, key: ledger.PartitionName(context, events.Partition(c.Subject, y.partitions))}
}

func asProblem(err error, p **events.Problem) bool {
	found, ok := err.(*events.Problem)
	if ok {
		*p = found
	}
	return ok
}
