package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// sent is one event of a stream with the cursor behind it.
type sent struct {
	cursor string
	event  events.Event
}

// sse is a client of /v1/stream. Like a browser's EventSource it comes back behind the last event when the server ends the stream.
type sse struct {
	s      *system
	dept   string
	cursor string
	only   string // subject; "" for all
	events chan sent
	leave  func() // ends the connection and waits for the reader
}

// comebacksMax is how often one client comes back: a server that keeps ending streams is broken.
const comebacksMax = 20

// open follows a department's stream with its token behind a cursor ("" from now on, "0" from the beginning). The error is for
// goroutines.
func (s *system) open(dept, cursor string) (*sse, error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	c, done := &sse{s: s, dept: dept, cursor: cursor, events: make(chan sent, 4096)}, make(chan struct{})
	body, err := c.connect(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	c.leave = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		defer close(c.events)
		for n := 0; ; n++ {
			ended := c.read(body)
			body.Close()
			if ctx.Err() != nil {
				return
			}
			s.t.Logf("stream of %s: ended behind %q: %s", dept, c.cursor, ended)
			if c.cursor == "" || n == comebacksMax {
				s.t.Errorf("stream of %s: there is no coming back: behind %q, %d times", dept, c.cursor, n)
				return
			}
			if body, err = c.connect(ctx); err != nil {
				if ctx.Err() == nil {
					s.t.Error(err)
				}
				return
			}
		}
	}()
	return c, nil
}

func (c *sse) connect(ctx context.Context) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", c.s.HTTP()+"/v1/stream?view="+c.dept, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.s.credential(c.dept+".token"))
	if c.cursor != "" {
		r.Header.Set("Last-Event-ID", c.cursor)
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("stream of %s: %s %s", c.dept, answer.Status, b)
	}
	return answer.Body, nil
}

// read hands an event on at the blank line that ends it: one that the end of the connection cut off has not come. It returns the
// problem that the server ended the stream with, if it did.
func (c *sse) read(body io.Reader) string {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var typ, cursor, data string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "event":
			typ = value
		case name == "id":
			cursor = value
		case name == "data":
			data = value
		case lines.Text() == "" && data != "":
			if typ == "problem" {
				return data
			}
			e, err := events.DecodeJSON([]byte(data))
			if err != nil {
				c.s.t.Errorf("stream of %s: %v: %s", c.dept, err, data)
				return data
			}
			c.cursor, data = cursor, ""
			c.events <- sent{cursor, e}
		}
	}
	return fmt.Sprint(lines.Err())
}

// follow opens a department's stream from now on, until the test ends.
func (s *system) follow(dept string) *sse { s.t.Helper(); return s.resume(dept, "") }

// resume opens a department's stream behind a cursor, until the test ends.
func (s *system) resume(dept, cursor string) *sse {
	s.t.Helper()
	c, err := s.open(dept, cursor)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.leave)
	return c
}

// of leaves out events of other subjects: a system may be shared with other tests.
func (c *sse) of(subject string) *sse { c.only = subject; return c }

// next waits for one event.
func (c *sse) next() (sent, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case e, ok := <-c.events:
		if !ok {
			return e, fmt.Errorf("the stream has ended")
		}
		return e, nil
	case <-timeout.C:
		return sent{}, fmt.Errorf("no event within %s", patience)
	}
}

// take waits for n events.
func (c *sse) take(n int) []sent {
	c.s.t.Helper()
	var list []sent
	for len(list) < n {
		e, err := c.next()
		if err != nil {
			c.s.t.Fatalf("event %d of %d: %v", len(list)+1, n, err)
		}
		list = append(list, e)
	}
	return list
}

// await waits for an event of a type.
func (c *sse) await(typ string) events.Event {
	c.s.t.Helper()
	for {
		e, err := c.next()
		if err != nil {
			c.s.t.Fatalf("waiting for %s: %v", typ, err)
		}
		if e.event.Type == typ && (c.only == "" || c.only == e.event.Subject) {
			return e.event
		}
	}
}
