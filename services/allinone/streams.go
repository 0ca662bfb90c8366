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
	after := make([]uint64, len(sources)) // of all before the first runs, and the cursor moves
	for i, stream := range sources {
		var err error
		if after[i], err = s.behind(ctx, view, stream, seen, fresh); err != nil {
			return err
		}
	}
	for i, stream := range sources {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := stream.FollowAhead(ctx, "", after[i], streamAhead, one); err != nil {
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

// streamAhead is how many messages may be on their way to one follower: there may be thousands on one connection.
const streamAhead = 16

// behind finds where a follower goes on in a stream: behind everything of every source that the cursor says it has seen.
func (s *streams) behind(ctx context.Context, view string, stream *ledger.Derived, seen cursor, fresh bool) (uint64, error) {
	_, last, err := stream.Len(ctx)
	if err != nil || fresh || len(seen) == 0 {
		if !fresh {
			last = 0
		}
		return last, err
	}
	for _, context := range events.Contexts {
		subject := "jieli.event." + context + ".>"
		if view != app.OperatorView {
			subject = "jieli.view." + view + "." + context + ".>"
		} else if stream != s.events[context] {
			continue
		}
		newest, found, err := stream.LastOf(ctx, subject)
		if err != nil {
			return 0, err
		}
		place, known := seen[context]
		switch {
		case !found || known && !place.Less(newest): // nothing of this source is new
		case !known:
			return 0, nil
		default:
			sequence, err := stream.SequenceOf(ctx, subject, place)
			if err != nil {
				return 0, err
			}
			last = min(last, sequence)
		}
	}
	return last, nil
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
