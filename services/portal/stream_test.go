package portal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/portal"
)

const pboc = "Authorization: Bearer pboc-token"

func TestEventsArriveInOrderAsCloudEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.listen(t)
	// A body with line breaks must not break the frame of the stream.
	w.feed.add("pboc", published("d-1", "{\n\t\"title\": \"需求\\n一\",\r\n \"n\": 1\n}"), withdrawn("d-1"))
	c := follow(t, url+"/v1/stream", pboc, "Last-Event-ID: 0")
	m := c.must()
	e, err := events.DecodeJSON([]byte(m.data))
	if err != nil {
		t.Fatalf("%v in %s", err, m.data)
	}
	if m.event != events.TypeDemandPublished || m.id != "c1" || e.ID != "e-d-1" || e.Subject != "d-1" || e.Get(events.ExtRegion) != "330000" || !bytes.Contains(e.Data, []byte(`"需求\n一"`)) {
		t.Fatalf("%+v", m)
	}
	if m := c.must(); m.event != events.TypeDemandWithdrawn || m.id != "c2" {
		t.Fatalf("%+v", m)
	}
	w.feed.add("most", published("d-8", "{}")) // of another department
	w.feed.add("pboc", published("d-2", "{}")) // while following
	if m := c.must(); m.id != "c3" || !strings.Contains(m.data, "e-d-2") {
		t.Fatalf("%+v", m)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.listen(t)
	w.feed.add("pboc", published("d-1", "{}"), published("d-2", "{}"), published("d-3", "{}"))
	c := follow(t, url+"/v1/stream?view=pboc", pboc, "Last-Event-ID: 0")
	c.must()
	second := c.must()
	c.leave()
	w.feed.add("pboc", published("d-4", "{}"))
	c = follow(t, url+"/v1/stream?view=pboc", pboc, "Last-Event-ID: "+second.id)
	for _, want := range []string{"c3", "c4"} {
		if m := c.must(); m.id != want {
			t.Fatalf("got %s, want %s", m.id, want)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.listen(t)
	w.feed.add("pboc", published("d-1", "{}"), withdrawn("d-1"), published("d-2", "{}"), withdrawn("d-2"))
	for query, want := range map[string]string{
		"":                                   "c1 c2 c3 c4",
		"type=" + events.TypeDemandWithdrawn: "c2 c4",
		"subject=d-2":                        "c3 c4",
		"subject=d-2&type=" + events.TypeDemandPublished:                             "c3",
		"type=" + events.TypeDemandPublished + "&type=" + events.TypeDemandWithdrawn: "c1 c2 c3 c4",
	} {
		c := follow(t, url+"/v1/stream?"+query, pboc, "Last-Event-ID: 0")
		var got []string
		for range strings.Fields(want) {
			got = append(got, c.must().id)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", query, got, want)
		}
		c.leave()
	}
}

func TestViewOfThePrincipal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query, header, view string
	}{
		{"", "X: y", "operator"},
		{"?view=operator", "X: y", "operator"},
		{"?view=pboc", "X: y", "pboc"}, // the operator may look at any
		{"", pboc, "pboc"},
		{"?view=pboc", pboc, "pboc"},
		{"", "Authorization: Bearer op", "operator"},
	} {
		w := newWorld(t)
		url := w.listen(t)
		w.feed.add(tt.view, published("d-1", "{}"))
		follow(t, url+"/v1/stream"+tt.query, tt.header, "Last-Event-ID: 0").must()
		if got := <-w.feed.began; got != tt.view {
			t.Errorf("%q with %q follows %s", tt.query, tt.header, got)
		}
	}
}

func (w *world) do(method, target string, headers ...string) *httptest.ResponseRecorder {
	ctx, cancel := context.WithTimeout(context.Background(), deadline) // a stream that should have been refused ends too
	defer cancel()
	r := httptest.NewRequest(method, target, nil).WithContext(ctx)
	r.Host = "localhost"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func refused(t *testing.T, rec *httptest.ResponseRecorder, kind events.ProblemKind) {
	t.Helper()
	p, ok := events.DecodeProblem(rec.Body.Bytes())
	if !ok || p.Type != events.ProblemPrefix+kind.Code || rec.Code != kind.Status {
		t.Fatalf("got %d %q, want %d %s", rec.Code, rec.Body, kind.Status, kind.Code)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	many := "?" + strings.Repeat("type="+events.TypeDemandWithdrawn+"&", 17)
	for _, tt := range []struct {
		name, query string
		headers     []string
		kind        events.ProblemKind
	}{
		{"another department's view", "?view=most", []string{pboc}, events.ErrForbidden},
		{"the operator's view", "?view=operator", []string{pboc}, events.ErrForbidden},
		{"a wrong token", "?view=pboc", []string{"Authorization: Bearer x"}, events.ErrUnauthorised},
		{"an unknown view", "?view=nobody", nil, events.ErrNotFound},
		{"a view with a wildcard", "?view=*", nil, events.ErrID},
		{"a view with NUL", "?view=pboc%00", nil, events.ErrID},
		{"a department with an odd name", "", []string{"Authorization: Bearer odd-token"}, events.ErrID},
		{"two views", "?view=pboc&view=most", []string{pboc}, events.ErrMalformed},
		{"two subjects", "?subject=a&subject=b", nil, events.ErrMalformed},
		{"too many types", many, nil, events.ErrMalformed},
		{"an unknown type", "?type=jieli.demand.stolen.v1", nil, events.ErrUnknownType},
		{"a command is not sent around", "?type=" + events.TypePublishDemand, nil, events.ErrUnknownType},
		{"an empty type", "?type=", nil, events.ErrUnknownType},
		{"a subject with a wildcard", "?subject=d-%3E", nil, events.ErrID},
		{"an empty subject", "?subject=", nil, events.ErrID},
		{"a forged cursor", "", []string{"Last-Event-ID: demand.0:9"}, events.ErrMalformed},
		{"a cursor of the future", "", []string{"Last-Event-ID: c7"}, events.ErrMalformed},
		{"a cursor with blanks", "", []string{"Last-Event-ID: c1 c2"}, events.ErrMalformed},
		{"a cursor in Chinese", "", []string{"Last-Event-ID: 一"}, events.ErrMalformed},
		{"a long cursor", "", []string{"Last-Event-ID: " + strings.Repeat("1", 513)}, events.ErrMalformed},
		{"two cursors", "", []string{"Last-Event-ID: c1", "Last-Event-ID: c2"}, events.ErrHeader},
		{"a page of another site", "", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors", "Origin: https://evil.example"}, events.ErrForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			refused(t, w.do("GET", "/v1/stream"+tt.query, tt.headers...), tt.kind)
			if len(w.feed.began) != 0 {
				t.Fatal("it was followed all the same")
			}
		})
	}
}

func TestQuietStreamOpensAndBeats(t *testing.T) {
	t.Parallel()
	wakes := make(chan time.Time, 64)
	w := newWorld(t, func(c *portal.Config) { c.Clock = watched{c.Clock.(*clock.Manual), wakes} })
	url := w.listen(t)
	due := func(want time.Time) { // what the stream waits for next
		t.Helper()
		select {
		case got := <-wakes:
			if !got.Equal(want) {
				t.Fatalf("waits for %s, want %s", got, want)
			}
		case <-time.After(deadline):
			t.Fatalf("nobody waits for %s", want)
		}
	}
	opened := make(chan *client, 1)
	go func() { opened <- follow(t, url+"/v1/stream", pboc) }()
	due(start.Add(100 * time.Millisecond))
	at := start.Add(time.Second)
	w.clock.Set(at) // past the grace: the headers go out although nothing happened
	c := <-opened
	for range 3 {
		due(at.Add(portal.Heartbeat))
		at = at.Add(portal.Heartbeat)
		w.clock.Set(at)
		if m := c.must(); m.comment != "heartbeat" {
			t.Fatalf("%+v", m)
		}
	}
	due(at.Add(portal.Heartbeat))
	// An event is as good as a heartbeat: the next one is due a whole interval behind it.
	late := at.Add(portal.Heartbeat - time.Second)
	w.clock.Set(late)
	w.feed.add("pboc", published("d-1", "{}"))
	if m := c.must(); m.id != "c1" {
		t.Fatalf("%+v", m)
	}
	w.clock.Set(at.Add(portal.Heartbeat))
	due(late.Add(portal.Heartbeat))
	w.feed.add("pboc", published("d-2", "{}"))
	if m := c.must(); m.id != "c2" {
		t.Fatalf("%+v", m)
	}
}

func TestDrainEndsStreamsQuietly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url, stop := w.listening(t)
	w.feed.add("pboc", published("d-1", "{}"))
	c := follow(t, url+"/v1/stream", pboc, "Last-Event-ID: 0")
	c.must()
	stop()
	if m, err := c.next(); err != io.EOF {
		t.Fatalf("%+v, %v", m, err)
	}
}

func TestFailureWhileStreaming(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		typ  string
	}{
		{"a problem", events.ErrOverloaded.Refuse("", "", ""), "overloaded"},
		{"a failure", errors.New("secret: cable cut"), "unavailable"},
	} {
		w := newWorld(t)
		url := w.listen(t)
		w.feed.add("pboc", published("d-1", "{}"))
		c := follow(t, url+"/v1/stream", pboc, "Last-Event-ID: 0")
		c.must()
		w.feed.fail(tt.err)
		m := c.must()
		p, ok := events.DecodeProblem([]byte(m.data))
		if m.event != "problem" || !ok || p.Type != events.ProblemPrefix+tt.typ || strings.Contains(m.data, "cable") {
			t.Fatalf("%s: %+v", tt.name, m)
		}
		if _, err := c.next(); err != io.EOF {
			t.Fatalf("%s: the stream goes on: %v", tt.name, err)
		}
	}
}

func TestLineBreaksInFieldsAreNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.feed.add("pboc", &events.Event{ID: "e", Source: "/s", Type: "x\nid: c99", Subject: "d", Data: []byte("{}")})
	refused(t, w.do("GET", "/v1/stream", pboc, "Last-Event-ID: 0"), events.ErrUnavailable)
}

func TestHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.listen(t)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}).Head(url + "/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || len(w.feed.began) != 0 {
		t.Fatalf("%d", resp.StatusCode)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for range portal.StreamsEachMax {
		running.Go(func() {
			r := httptest.NewRequest("GET", "/v1/stream", nil).WithContext(ctx)
			r.Host = "localhost"
			w.handler.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	for range portal.StreamsEachMax {
		<-w.feed.began
	}
	rec := w.do("GET", "/v1/stream")
	refused(t, rec, events.ErrOverloaded)
	if rec.Header().Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	if m := w.do("GET", "/metrics").Body.String(); !strings.Contains(m, fmt.Sprintf("jieli_stream_clients %d\n", portal.StreamsEachMax)) {
		t.Fatal("the gauge is wrong")
	}
	w.feed.add("pboc", published("d-0", "{}"))
	others := w.listen(t)
	follow(t, others+"/v1/stream", pboc, "Last-Event-ID: 0").must() // another credential has its places still
	cancel()
	running.Wait()
	w.feed.add("operator", published("d-1", "{}"))
	follow(t, others+"/v1/stream", "Last-Event-ID: 0").must() // the places came back
}

func TestSlowReaderIsLetGoAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *portal.Config) { c.WriteMax = 3 * time.Second })
	url := w.listen(t)
	slow, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	slow.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := fmt.Fprintf(slow, "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-w.feed.began
	const count = 400
	body := `{"pad":"` + strings.Repeat("x", 64<<10) + `"}`
	for i := range count { // 25 MB: more than the kernel buffers
		w.feed.add("operator", published(fmt.Sprintf("d-%d", i), body))
	}
	fast := follow(t, url+"/v1/stream", "Last-Event-ID: 0")
	for i := range count {
		if m := fast.must(); m.id != fmt.Sprintf("c%d", i+1) {
			t.Fatalf("event %d: %s", i, m.id)
		}
	}
	select {
	case err := <-w.feed.ended:
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("ended with %v", err)
		}
	case <-time.After(deadline):
		t.Fatal("the slow reader is still followed")
	}
}
