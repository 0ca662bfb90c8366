package portal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// sink writes server-sent events (WHATWG HTML, section 9.2) to one client. Its methods may be called from several goroutines.
type sink struct {
	config  Config
	w       http.ResponseWriter
	control *http.ResponseController
	born    time.Time

	mu   sync.Mutex
	on   bool  // the headers are out
	err  error // of the first write that failed; nothing is written after it
	last time.Time
	buf  []byte
}

func newSink(w http.ResponseWriter, c Config) *sink {
	return &sink{config: c, w: w, control: http.NewResponseController(w), born: c.Clock.Now()}
}

func (s *sink) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *sink) opened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

// open sends the headers, so that the client knows that it follows before anything happens.
func (s *sink) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on {
		return s.err
	}
	return s.write(nil)
}

// errLine would let one event pass for two.
var errLine = errors.New("portal: a field of an event holds a line break")

// event sends one event as CloudEvents JSON with the cursor behind it.
func (s *sink) event(cursor string, e *events.Event) error {
	if strings.ContainsAny(cursor, "\r\n\x00") || strings.ContainsAny(e.Type, "\r\n") {
		return errLine
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := append(s.buf[:0], "event: "...)
	b = append(b, e.Type...)
	b = append(b, "\nid: "...)
	b = append(b, cursor...)
	b = append(b, "\ndata: "...)
	start := len(b)
	b = events.AppendJSON(b, e)
	for i := start; i < len(b); i++ {
		if b[i] == '\n' || b[i] == '\r' { // in JSON they stand between tokens only, where a blank does as well
			b[i] = ' '
		}
	}
	s.buf = append(b, "\n\n"...)
	return s.write(s.buf)
}

// position tells the client where it begins, so that a reconnect before the first event misses nothing: an id alone is no event.
func (s *sink) position(cursor string) error {
	if cursor == "" {
		return nil
	}
	if strings.ContainsAny(cursor, "\r\n\x00") {
		return errLine
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write([]byte("id: " + cursor + "\n\n"))
}

// problem ends a stream that is open already.
func (s *sink) problem(p *events.Problem) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(append(append([]byte("event: problem\ndata: "), data...), "\n\n"...))
}

// write sends bytes now, the headers first. The deadline is the connection's: a client that reads too slowly fails the write.
func (s *sink) write(b []byte) error {
	if s.err != nil {
		return s.err
	}
	s.last = s.config.Clock.Now()
	s.err = s.control.SetWriteDeadline(time.Now().Add(s.config.WriteMax))
	if errors.Is(s.err, http.ErrNotSupported) {
		s.err = nil // not a connection
	}
	if s.err == nil && !s.on {
		s.on = true
		h := s.w.Header()
		h.Set("Content-Type", "text/event-stream; charset=utf-8")
		h.Set("X-Accel-Buffering", "no") // nginx would hold events back
		s.w.WriteHeader(http.StatusOK)
		_, s.err = s.w.Write([]byte("retry: " + strconv.Itoa(reconnectMillis) + "\n\n"))
	}
	if s.err == nil && len(b) > 0 {
		_, s.err = s.w.Write(b)
	}
	if s.err == nil {
		s.err = s.control.Flush()
	}
	return s.err
}

// beat opens the stream after the grace and keeps a quiet one alive, until ctx ends or the client cannot be reached.
func (s *sink) beat(ctx context.Context) {
	next := s.born.Add(openGrace)
	for {
		due, giveUp := s.config.Clock.Wake(next)
		select {
		case <-ctx.Done():
			giveUp()
			return
		case <-due:
		}
		var err error
		if next, err = s.pulse(); err != nil {
			return
		}
	}
}

// pulse sends what is due and says when the next thing is.
func (s *sink) pulse() (next time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch now := s.config.Clock.Now(); {
	case !s.on:
		err = s.write(nil)
	case !s.last.Add(Heartbeat).After(now):
		err = s.write([]byte(": heartbeat\n\n"))
	}
	return s.last.Add(Heartbeat), err
}
