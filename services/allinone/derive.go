package allinone

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// lookedUp are the contexts whose read models decisions rest on.
var lookedUp = []string{"enterprise", "party", "demand", "offer", "bond", "crossborder"}

// project starts the read models of what is written here.
func (s *System) project() {
	for _, service := range s.services {
		context := service.Machine.Context()
		s.projectors[context] = &app.Projector{Service: service, Source: s.logs[context], Store: s.store, Waiter: s.waiter, Trail: s.trail(serviceOf(context), "project"), Log: s.options.Log}
		if s.options.writes(context) && (!s.options.WritersOnly || slices.Contains(lookedUp, context)) {
			s.alone("read."+context, s.projectors[context].Run)
		}
	}
}

// derive starts the rest of what follows from the ledgers written here. What writes a stream or a read model runs in one process at a
// time: services may have several.
func (s *System) derive() error {
	for _, service := range s.services {
		context := service.Machine.Context()
		s.relays[context] = &ledger.Relay{Context: context, Source: s.logs[context], Target: s.derived[context], Trail: s.trail(serviceOf(context), "relay"), Log: s.options.Log}
		if s.options.writes(context) && !s.options.WritersOnly {
			s.alone("events."+context, s.relays[context].Run)
		}
	}
	if s.options.WritersOnly {
		return nil
	}
	if s.options.has("sharing") {
		s.alone("views", s.writeViews)
	}
	return s.listen()
}

// match starts the matcher, where it runs here.
func (s *System) match() error {
	if s.options.WritersOnly || !s.options.has("matcher") {
		return nil
	}
	s.matches.Store(true)
	s.run("matching", s.matcher.run)
	return s.answerMatches()
}

// listen hears that derived streams have been deleted: what writes them here looks at what is stored.
func (s *System) listen() error {
	_, err := s.commands.Subscribe(tellAnew, func(*nats.Msg) {
		for _, relay := range s.relays {
			relay.Restart()
		}
		s.pump.Restart()
	})
	return err
}

// alone runs a part in one process of the system at a time.
func (s *System) alone(name string, part func(context.Context) error) {
	held := &atomic.Bool{}
	s.held[name] = held
	s.run(name, func(ctx context.Context) error {
		return ledger.Alone(ctx, s.jet.Leases(), name, s.node, s.options.Log, func(ctx context.Context) error {
			held.Store(true)
			defer held.Store(false)
			return part(ctx)
		})
	})
}
