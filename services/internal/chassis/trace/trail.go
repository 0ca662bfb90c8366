package trace

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
)

// Trail tells of single events as they pass a follower: a debug line with the ids to search for, and a span when the event's command
// is traced. A nil Trail tells nothing.
type Trail struct {
	tracer *Tracer
	log    zerolog.Logger
	what   string
	lines  bool
}

// NewTrail makes a trail, nil when neither lines nor spans are wanted. what says what the follower does ("relay", "view").
func NewTrail(t *Tracer, log zerolog.Logger, what string) *Trail {
	lines := log.Debug().Enabled()
	if t == nil && !lines {
		return nil
	}
	return &Trail{tracer: t, log: log, what: what, lines: lines}
}

// Pass is called when the follower takes an event; the returned span is to be ended when it is done with it. to is where it goes
// ("pboc"), "" when there is one place only.
func (t *Trail) Pass(e *events.Event, origin events.Position, to string) *Span {
	return t.Since(e, origin, to, time.Time{})
}

// Since is Pass for what the follower began earlier.
func (t *Trail) Since(e *events.Event, origin events.Position, to string, begun time.Time) *Span {
	if t == nil {
		return nil
	}
	command, parent := e.Get(events.ExtCausation), e.Get(events.ExtTraceParent)
	if t.lines {
		line := t.log.Debug().Str("event", e.ID).Str("type", e.Type).Str("command", command).Str("origin", origin.Origin()).Int("partition", origin.Partition)
		if to != "" {
			line = line.Str("to", to)
		}
		if trace := ID(parent); trace != "" {
			line = line.Str("trace", trace)
		}
		line.Msg(t.what)
	}
	if t.tracer == nil {
		return nil
	}
	context, what := events.SplitType(e.Type)
	name := t.what + " " + context + "." + what
	if to != "" {
		name = t.what + " " + to + " " + context + "." + what
	}
	s := t.tracer.Follow(parent, e.Time, name, begun)
	s.Set("jieli.event", e.ID)
	s.Set("jieli.command", command)
	if s != nil {
		s.Set("jieli.origin", origin.Origin())
	}
	return s
}
