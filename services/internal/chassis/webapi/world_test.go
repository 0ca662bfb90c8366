package webapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

var now = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// ledger is a scripted Commands: it keeps what it was given and answers as told.
type ledger struct {
	mu    sync.Mutex
	given []*events.Event
	send  func(ctx context.Context, e *events.Event) (*events.Answer, error)
}

func (l *ledger) Send(ctx context.Context, e *events.Event) (*events.Answer, error) {
	l.mu.Lock()
	l.given = append(l.given, e)
	send := l.send
	l.mu.Unlock()
	return send(ctx, e)
}

func (l *ledger) last(t *testing.T) *events.Event {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.given) == 0 {
		t.Fatal("no command was sent")
	}
	return l.given[len(l.given)-1]
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.given)
}

// accept answers with one event.
func accept(_ context.Context, e *events.Event) (*events.Answer, error) {
	context, _ := events.SplitType(e.Type)
	return &events.Answer{Command: e.ID, Status: events.Accepted, Subject: e.Subject, Version: 3, Position: context + ".0:1234", Events: []string{"e1"}}, nil
}

// waiter answers at once: what it has not reached is behind.
type waiter struct {
	reached  uint64
	asked    []string
	deadline time.Duration
}

func (w *waiter) Wait(ctx context.Context, collection, source string, sequence uint64) error {
	w.asked = append(w.asked, collection+" "+source)
	if d, ok := ctx.Deadline(); ok {
		w.deadline = time.Until(d)
	}
	if sequence > w.reached {
		return store.ErrBehind
	}
	return nil
}

type tokens map[string]string

func (t tokens) Lookup(token string) (string, bool) {
	p, ok := t[token]
	return p, ok
}

type entity struct{}

func service(context, path, create, amend string) app.Service {
	return app.Service{
		Machine: step.NewMachine(step.Decider[entity]{Context: context, FoldVersion: 2}),
		Path:    path, Create: create, Amend: amend, Noun: path, NounEN: path,
		Filters: []app.Filter{app.RegionFilter, app.IndustryFilter, app.StatusFilter("open")}, Sorts: []string{"created", "amount"},
	}
}

// world is one HTTP face with scripted surroundings.
type world struct {
	handler http.Handler
	ledger  *ledger
	store   *store.Memory
	waiter  *waiter
	ready   map[string]error
	config  webapi.Config
}

func newWorld(t *testing.T, change ...func(*webapi.Config)) *world {
	t.Helper()
	w := &world{ledger: &ledger{send: accept}, store: store.NewMemory(), waiter: &waiter{reached: 100}}
	w.config = webapi.Config{
		Services: []app.Service{
			service("enterprise", "enterprises", events.TypeRegisterEnterprise, ""),
			service("party", "parties", events.TypeRegisterParty, ""),
			service("demand", "demands", events.TypePublishDemand, events.TypeAmendDemand),
			service("offer", "offers", events.TypePublishOffer, events.TypeAmendOffer),
			service("match", "", "", ""),
		},
		Commands: w.ledger, Store: w.store, Waiter: w.waiter,
		Tokens:   tokens{"op-token": "operator", "pboc-token": "pboc"},
		Loopback: true,
		Ready:    func(context.Context) map[string]error { return w.ready },
		Registry: prometheus.NewRegistry(), Partitions: 1, CursorKey: []byte("0123456789abcdef"),
		Clock:   func() time.Time { return now },
		Version: webapi.Version{Version: "0.1.0", Node: "n1", StartedAt: now},
	}
	for _, c := range change {
		c(&w.config)
	}
	h, err := webapi.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.handler = h
	t.Cleanup(func() { w.store.Close() })
	return w
}

// request is a plain local one; headers come as "Name: value" lines, "-Name" takes one away.
func request(method, target, body string, headers ...string) *http.Request {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, content)
	r.Host = "127.0.0.1:8080"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		if name, gone := strings.CutPrefix(h, "-"); gone {
			r.Header.Del(name)
			continue
		}
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		if name == "Content-Type" {
			r.Header.Del(name)
		}
		r.Header.Add(name, value)
	}
	return r
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// refused checks that an answer is a whole problem of one kind.
func refused(t *testing.T, rec *httptest.ResponseRecorder, kind events.ProblemKind) *events.Problem {
	t.Helper()
	p, ok := events.DecodeProblem(rec.Body.Bytes())
	if !ok {
		t.Fatalf("status %d, no problem: %q", rec.Code, rec.Body)
	}
	if p.Type != events.ProblemPrefix+kind.Code || rec.Code != kind.Status || p.Status != kind.Status {
		t.Fatalf("got %d %s (%s), want %d %s", rec.Code, p.Type, p.DetailEN, kind.Status, kind.Code)
	}
	if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("content type %q", got)
	}
	if p.Title == "" || p.TitleEN == "" {
		t.Fatalf("a problem without its sentences: %+v", p)
	}
	if kind.Status == 503 && rec.Header().Get("Retry-After") != "1" {
		t.Fatalf("503 without Retry-After")
	}
	return p
}

func decode[T any](t *testing.T, rec *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %q", err, rec.Body)
	}
	return v
}

var errBroken = errors.New("secret: cable cut at 10.0.0.7")

func decodeInto(rec *httptest.ResponseRecorder, v any) error {
	return json.Unmarshal(rec.Body.Bytes(), v)
}
