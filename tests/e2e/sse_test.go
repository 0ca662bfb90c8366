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

// sse is a client of /v1/stream.
type sse struct {
	s      *system
	events chan sent
	leave  func() // ends the connection and waits for the reader
}

// open follows a department's stream with its token behind a cursor ("" from now on, "0" from the beginning). The error is for
// goroutines.
func (s *system) open(dept, cursor string) (*sse, error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.HTTP()+"/v1/stream?view="+dept, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.credential(dept+".token"))
	if cursor != "" {
		r.Header.Set("Last-Event-ID", cursor)
	}
	answer, err := client.Do(r)
	if err != nil {
		cancel()
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		cancel()
		return nil, fmt.Errorf("stream of %s: %s %s", dept, answer.Status, b)
	}
	c, done := &sse{s: s, events: make(chan sent, 4096)}, make(chan struct{})
	c.leave = func() {
		cancel()
		<-done
		answer.Body.Close()
	}
	go func() {
		defer close(done)
		defer close(c.events)
		c.read(answer.Body)
	}()
	return c, nil
}

func (c *sse) read(body io.Reader) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	cursor := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			cursor = value
		case "data":
			e, err := events.DecodeJSON([]byte(value))
			if err != nil {
				c.s.t.Errorf("stream: %v: %s", err, value)
				return
			}
			c.events <- sent{cursor, e}
		}
	}
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
		if e.event.Type == typ {
			return e.event
		}
	}
}
