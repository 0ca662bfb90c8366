package portal_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
	"github.com/jieli-bus/jieli/services/portal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds every wait for a signal.
const deadline = 20 * time.Second

var start = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// feed is a Streams over views in memory. A cursor is "c<n>": behind the n-th event.
type feed struct {
	mu      sync.Mutex
	views   map[string][]*events.Event
	changed chan struct{} // closed and replaced when an event is added
	broken  error         // ends every Follow
	began   chan string   // gets a view when a Follow begins
	ended   chan error    // gets what a visit failed with
}

func newFeed() *feed {
	return &feed{views: map[string][]*events.Event{app.OperatorView: nil, "pboc": nil, "most": nil}, changed: make(chan struct{}),
		began: make(chan string, 1024), ended: make(chan error, 1024)}
}

func (f *feed) add(view string, list ...*events.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views[view] = append(f.views[view], list...)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) state(view string) ([]*events.Event, bool, chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list, ok := f.views[view]
	return list, ok, f.changed, f.broken
}

func (f *feed) Follow(ctx context.Context, view, cursor string, visit func(string, *events.Event) error) error {
	list, ok, _, _ := f.state(view)
	if !ok {
		return events.ErrNotFound.Refuse("/view", "", "")
	}
	at := len(list)
	if cursor == "0" {
		at = 0
	} else if cursor != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(cursor, "c"))
		if err != nil || n > len(list) {
			return events.ErrMalformed.Refuse("/cursor", "", "")
		}
		at = n
	}
	f.began <- view
	for {
		list, _, changed, broken := f.state(view)
		for ; at < len(list); at++ {
			if err := visit("c"+strconv.Itoa(at+1), list[at]); err != nil {
				f.ended <- err
				return fmt.Errorf("stream %s: %w", view, err)
			}
		}
		if broken != nil {
			return broken
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("stream %s: %w", view, ctx.Err())
		}
	}
}

// watched is a manual clock that tells what is waited for.
type watched struct {
	*clock.Manual
	wakes chan time.Time
}

func (w watched) Wake(t time.Time) (<-chan time.Time, func()) {
	defer func() { w.wakes <- t }() // once the wait stands
	return w.Manual.Wake(t)
}

// match is a scripted Matcher.
type match struct {
	asked string
	err   error
}

func (m *match) Ask(_ context.Context, q portal.Question) (any, error) {
	m.asked = fmt.Sprintf("%s %s %s%s %d %s", q.Ask, q.Actor, q.ID, q.Offer, q.Limit, q.Lang)
	return map[string]any{"demand": q.ID, "offers": []string{}}, m.err
}

func (m *match) Stack(_ context.Context, demand string) (any, error) {
	m.asked = "stack " + demand
	return map[string]any{"demand": demand}, m.err
}

type tokens map[string]string

func (t tokens) Lookup(token string) (string, bool) {
	p, ok := t[token]
	return p, ok
}

type nobody struct{}

func (nobody) Send(context.Context, *events.Event) (*events.Answer, error) {
	return nil, events.ErrOverloaded.Refuse("", "", "")
}

type world struct {
	handler http.Handler
	feed    *feed
	match   *match
	clock   *clock.Manual

	commands *commands
}

func newWorld(t *testing.T, change ...func(*portal.Config)) *world {
	t.Helper()
	w := &world{commands: newCommands(), feed: newFeed(), match: &match{}, clock: clock.NewManual(start)}
	registry := prometheus.NewRegistry()
	c := portal.Config{Streams: w.feed, Matcher: w.match, Commands: w.commands, Clock: w.clock, Registry: registry}
	for _, f := range change {
		f(&c)
	}
	routes, err := portal.Routes(c)
	if err != nil {
		t.Fatal(err)
	}
	memory := store.NewMemory()
	t.Cleanup(func() { memory.Close() })
	w.handler, err = webapi.New(webapi.Config{
		Commands: nobody{}, Partitions: 1, CursorKey: []byte("0123456789abcdef"), Store: memory, Waiter: store.NewWaiter(nil), Loopback: true, Registry: registry, Extra: routes,
		Tokens: tokens{"op": webapi.OperatorPrincipal, "pboc-token": "pboc", "most-token": "most", "odd-token": "odd.view", "bank-token": "party:bank-1"},
		Ready:  func(context.Context) map[string]error { return nil },
		Clock:  w.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// listen serves the world on a free loopback port until the test ends.
func (w *world) listen(t *testing.T) string {
	t.Helper()
	url, _ := w.listening(t)
	return url
}

// listening can be stopped earlier.
func (w *world) listening(t *testing.T) (url string, stop context.CancelFunc) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- webapi.Serve(ctx, l, w.handler) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String(), cancel
}

// message is one block of a server-sent event stream.
type message struct{ event, id, data, comment string }

// client reads a stream.
type client struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
	leave    context.CancelFunc
}

// follow opens a stream and fails unless it is one. headers come as "Name: value".
func follow(t *testing.T, url string, headers ...string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, response: resp, lines: bufio.NewReader(resp.Body), leave: func() { cancel(); resp.Body.Close() }}
	t.Cleanup(c.leave)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, %v", resp.StatusCode, resp.Header)
	}
	return c
}

// next reads one block, the opening one left out.
func (c *client) next() (message, error) {
	var m message
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return m, err
		}
		if strings.Contains(line, "\r") {
			c.t.Fatalf("a carriage return ends a line too: %q", line)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n" && m != message{}:
			return m, nil
		case line == "\n", name == "retry":
		case name == "":
			m.comment = value
		case name == "event" && m.event == "":
			m.event = value
		case name == "id" && m.id == "":
			m.id = value
		case name == "data" && m.data == "":
			m.data = value
		default:
			c.t.Fatalf("unexpected line %q", line)
		}
	}
}

func (c *client) must() message {
	c.t.Helper()
	m, err := c.next()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

func published(id, data string) *events.Event {
	return &events.Event{ID: "e-" + id, Source: "/jieli/demand", Type: events.TypeDemandPublished, Subject: id, Time: start, Data: []byte(data),
		Extensions: []events.Extension{{Name: events.ExtRegion, Value: "330000"}}}
}

func withdrawn(id string) *events.Event {
	return &events.Event{ID: "w-" + id, Source: "/jieli/demand", Type: events.TypeDemandWithdrawn, Subject: id, Time: start, Data: []byte(`{"reason":"r"}`)}
}
