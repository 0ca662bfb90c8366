package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// pending is a command that waits for its answer.
type pending struct {
	c       *step.Command
	body    bodyHash
	event   *events.Event // as it came, to be forwarded when the partition is given up; nil for timers
	respond func([]byte)  // nil once answered, or when nobody asked
	span    *trace.Span   // nil when it is not traced
}

func (p *pending) answer(body []byte) {
	p.span.End()
	if p.respond != nil {
		p.respond(body)
		p.respond = nil
	}
}

// door is where the command came in.
func (p *pending) door() string {
	if p.event == nil {
		return doorSystem
	}
	return doorOf(p.event)
}

// tell leaves what can be followed of a stored commit: its spans, and a debug line for each command with all its ids.
func (g *group) tell(tip Tip) {
	lines := g.p.logger.Debug().Enabled()
	var ended time.Time
	for i := range g.decided {
		d := &g.decided[i]
		if d.span != nil {
			if ended.IsZero() {
				ended = time.Now()
			}
			d.span.Past("commit", g.started, ended)
			d.span.Set("jieli.commit", g.record.Commit)
			d.span.Set("jieli.position", events.Position{Context: g.p.machine.Context(), Partition: g.p.number, Sequence: tip.Sequence}.String())
			d.span.SetInt("jieli.group_commands", len(g.decided))
			if d.problem != nil {
				d.span.Fail(problemCode(d.problem))
			}
		}
		if !lines {
			continue
		}
		line := g.p.logger.Debug().Str("command", d.c.ID.String()).Str("type", d.c.Type).Str("commit", g.record.Commit).Uint64("sequence", tip.Sequence)
		if d.problem != nil {
			line = line.Str("problem", problemCode(d.problem))
		} else {
			line = line.Strs("events", d.ids)
		}
		if id := trace.ID(d.c.TraceParent); id != "" {
			line = line.Str("trace", id)
		}
		line.Msg("command committed")
	}
}

// problemBody is a problem as it travels.
func problemBody(p *events.Problem) []byte {
	b, err := json.Marshal(p)
	if err != nil { // strings only: cannot be
		panic(err)
	}
	return b
}

// answer tells everybody in the group what was committed.
func (g *group) answer(tip Tip) {
	position := events.Position{Context: g.p.machine.Context(), Partition: g.p.number, Sequence: tip.Sequence}.String()
	bodies := make([][]byte, len(g.decided))
	body := func(i int, repeated bool) []byte {
		d := &g.decided[i]
		if d.problem != nil {
			return problemBody(d.problem)
		}
		a := events.Answer{Command: d.c.ID.String(), Subject: d.c.Subject, Version: d.version, Position: position, Events: d.ids, Repeated: repeated}
		return a.AppendJSON(make([]byte, 0, 256))
	}
	for i := range g.decided {
		if g.decided[i].respond != nil || g.decided[i].span != nil {
			bodies[i] = body(i, false)
			g.decided[i].answer(bodies[i])
		}
	}
	for i := range g.same {
		g.same[i].answer(body(g.same[i].as, true))
	}
}

// answerRepeats gives commands that were decided earlier their first outcome, read back from the log. It does not hold the
// writer up.
func (g *group) answerRepeats() {
	if len(g.repeats) == 0 {
		return
	}
	p, repeats := g.p, g.repeats
	p.aside(func() {
		ctx, cancel := context.WithTimeout(context.Background(), forwardTimeout)
		defer cancel()
		for i := range repeats {
			r := &repeats[i]
			if r.respond == nil {
				continue
			}
			body, err := first(ctx, p.log, r.ref.sequence, r.c.ID.String(), p.machine.Context())
			if err != nil {
				p.logger.Warn().Err(err).Str("command", r.c.ID.String()).Msg("first outcome could not be read back")
				body = problemBody(events.ErrUnknown.Refuse("", "", ""))
			}
			r.answer(body)
		}
	})
}

// first reads the outcome of a command from its commit.
func first(ctx context.Context, log Log, sequence uint64, command, context string) ([]byte, error) {
	stored, err := log.Get(ctx, sequence)
	if err != nil {
		return nil, err
	}
	c, err := stored.Decode()
	if err != nil {
		return nil, err
	}
	for i := range c.Outcomes {
		o := &c.Outcomes[i]
		if o.Command != command {
			continue
		}
		if o.Problem != nil {
			return problemBody(o.Problem), nil
		}
		a := events.Answer{Command: command, Subject: o.Subject, Version: o.Version, Repeated: true,
			Position: events.Position{Context: context, Partition: stored.Partition, Sequence: sequence}.String()}
		if o.First < 0 || o.Count < 0 || o.First > len(c.Events)-o.Count {
			return nil, fmt.Errorf("ledger: the outcome of command %s at sequence %d names events that are not there", command, sequence)
		}
		for _, e := range c.Events[o.First : o.First+o.Count] {
			a.Events = append(a.Events, e.ID)
		}
		return a.AppendJSON(nil), nil
	}
	return nil, ErrNone
}
