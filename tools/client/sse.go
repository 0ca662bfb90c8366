package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Sent is one server-sent event.
type Sent struct {
	ID   string // where to resume behind it
	Type string
	Data []byte // valid until the next one
}

const (
	reconnectFirst = 200 * time.Millisecond
	reconnectMax   = 10 * time.Second
	// silenceMax is how long a stream may say nothing: the server sends a comment every 15 s.
	silenceMax = 45 * time.Second
)

// Follow reads /v1/stream and comes back after every break, behind the last event it handed on. It ends when ctx ends (nil), when
// each returns an error, or when the server refuses (a *events.Problem). Opened is called when a connection stands, broken when
// one has been lost; both may be nil.
func (c *Client) Follow(ctx context.Context, query url.Values, last string, opened func(), broken func(error), each func(Sent) error) error {
	pause := reconnectFirst
	for {
		err := c.follow(ctx, query, &last, opened, func(s Sent) error {
			pause = reconnectFirst
			if err := each(s); err != nil {
				return stop{err}
			}
			return nil
		})
		var stopped stop
		switch {
		case errors.As(err, &stopped):
			return stopped.error
		case ctx.Err() != nil:
			return nil
		case IsProblem(err) && !MaybeDone(err):
			return err
		}
		if broken != nil {
			broken(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(pause*2, reconnectMax)
	}
}

// stop carries the caller's own error out of the reconnecting loop.
type stop struct{ error }

func (c *Client) follow(ctx context.Context, query url.Values, last *string, opened func(), each func(Sent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := c.request(ctx, http.MethodGet, "/v1/stream?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	if *last != "" {
		req.Header.Set("Last-Event-ID", *last)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
		if p, ok := events.DecodeProblem(body); ok {
			return p
		}
		return foreign(resp, body)
	}
	if opened != nil {
		opened()
	}
	silence := time.AfterFunc(silenceMax, cancel)
	defer silence.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, lineBytesMax)
	var s Sent
	for lines.Scan() {
		silence.Reset(silenceMax)
		line := lines.Bytes()
		if len(line) == 0 {
			if len(s.Data) > 0 {
				if err := each(s); err != nil {
					return err
				}
			}
			if s.ID != "" {
				*last = s.ID // only now: a break before this repeats the event, never loses it
			}
			s = Sent{ID: s.ID}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimPrefix(value, []byte{' '})
		switch string(name) {
		case "id":
			s.ID = string(value)
		case "event":
			s.Type = string(value)
		case "data":
			if len(s.Data) > 0 {
				s.Data = append(s.Data, '\n')
			}
			s.Data = append(s.Data, value...)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
