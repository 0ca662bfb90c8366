package allinone

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// streams lets callers follow views and, for the operator, all events. A cursor is the last origin of every source that the
// caller has seen, "demand:1234:0,match:88:2": it means the same after a view has been written anew.
type streams struct {
	views  *views
	events map[string]*ledger.Derived
}

// cursor is the last place seen, by context.
type cursor map[string]events.Position

func (c cursor) String() string {
	var parts []string
	for _, context := range events.Contexts {
		if p, ok := c[context]; ok {
			parts = append(parts, p.Origin())
		}
	}
	return strings.Join(parts, ",")
}

func parseCursor(s string) (cursor, error) {
	c := make(cursor)
	for part := range strings.SplitSeq(s, ",") {
		p, err := events.ParsePosition(part)
		if err != nil || len(c) >= len(events.Contexts) {
			return nil, events.ErrMalformed.Refuse("/cursor", "游标无法识别", "the cursor cannot be read")
		}
		c[p.Context] = p
	}
	return c, nil
}

// Follow implements app.Streams.
func (s *streams) Follow(ctx context.Context, view, at string, visit func(cursor string, e *events.Event) error) error {
	var sources []*ledger.Derived
	if view == app.OperatorView {
		for _, context := range events.Contexts {
			sources = append(sources, s.events[context])
		}
	} else {
		stream, err := s.views.of(ctx, view)
		if err != nil {
			return err
		}
		sources = append(sources, stream)
	}
	seen, fresh := make(cursor), at == ""
	if at != "" && at != "0" {
		var err error
		if seen, err = parseCursor(at); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	one := func(m *ledger.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if last, ok := seen[m.Origin.Context]; ok && !last.Less(m.Origin) {
			return nil
		}
		seen[m.Origin.Context] = m.Origin
		return visit(seen.String(), &m.Event)
	}
	var running sync.WaitGroup
	if fresh { // what comes between here and the first message follows a reconnect with this cursor
		if err := s.newest(ctx, view, sources[0], seen); err != nil {
			return err
		}
		if err := visit(seen.String(), nil); err != nil {
			return err
		}
	}
	for _, stream := range sources {
		after := uint64(0)
		if fresh {
			_, last, err := stream.Len(ctx)
			if err != nil {
				return err
			}
			after = last
		} else if view == app.OperatorView { // one source a stream: its place can be found without reading it
			for _, p := range seen {
				if stream == s.events[p.Context] {
					sequence, err := stream.SequenceOf(ctx, p)
					if err != nil {
						return err
					}
					after = sequence
				}
			}
		}
		running.Add(1)
		go func() {
			defer running.Done()
			if err := stream.Follow(ctx, "", after, one); err != nil {
				cancel(err)
			}
		}()
	}
	<-ctx.Done()
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("stream %s: %w", view, err)
	}
	return ctx.Err()
}

// newest fills a cursor with the last place of every source that a view holds.
func (s *streams) newest(ctx context.Context, view string, own *ledger.Derived, seen cursor) error {
	for _, context := range events.Contexts {
		stream, subject := s.events[context], "jieli.event."+context+".>"
		if view != app.OperatorView {
			stream, subject = own, "jieli.view."+view+"."+context+".>"
		}
		last, found, err := stream.LastOf(ctx, subject)
		if err != nil {
			return err
		}
		if found {
			seen[context] = last
		}
	}
	return nil
}
