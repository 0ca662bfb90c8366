package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// stock is a connection as anybody with a credential makes it: nats.go and nothing of ours.
type stock struct {
	*nats.Conn
	jetstream.JetStream
	t testing.TB
}

func (s *system) connect(user, password string) *stock {
	s.t.Helper()
	conn, err := nats.Connect(s.NATS(), nats.UserInfo(user, password), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return &stock{conn, js, s.t}
}

// natsCredential reads credentials/<name>.nats.json.
func (s *system) natsCredential(name string) allinone.NATSCredential {
	s.t.Helper()
	var c allinone.NATSCredential
	if err := json.Unmarshal([]byte(s.credential(name+".nats.json")), &c); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// core connects as the operator.
func (s *system) core() *stock {
	s.t.Helper()
	c := s.natsCredential("operator")
	return s.connect(c.User, c.Password)
}

// reader connects as a department.
func (s *system) reader(dept string) *stock {
	s.t.Helper()
	c := s.natsCredential(dept)
	return s.connect(c.User, c.Password)
}

// writer connects as who writes a department's view.
func (s *system) writer(dept string) *stock {
	s.t.Helper()
	return s.connect(dept+"-writer", s.credential(dept+".writer.nats"))
}

func (c *stock) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// info is a stream's state.
func (c *stock) info(stream string) jetstream.StreamState {
	c.t.Helper()
	s, err := c.Stream(c.ctx(), stream)
	if err != nil {
		c.t.Fatalf("%s: %v", stream, err)
	}
	return s.CachedInfo().State
}

// messages reads a stream from its beginning to what is its end now.
func (c *stock) messages(stream string) []jetstream.Msg {
	c.t.Helper()
	return c.behind(stream, 0, int(c.info(stream).Msgs))
}

// behind reads n messages of a stream behind a sequence, waiting for those to come.
func (c *stock) behind(stream string, after uint64, n int) []jetstream.Msg {
	c.t.Helper()
	if n == 0 {
		return nil
	}
	ctx := c.ctx()
	consumer, err := c.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1})
	if err != nil {
		c.t.Fatalf("%s: %v", stream, err)
	}
	// A request to a consumer just made can get lost in a cluster; the library asks again after two heartbeats.
	iterator, err := consumer.Messages(jetstream.PullHeartbeat(500*time.Millisecond), jetstream.PullExpiry(5*time.Second))
	if err != nil {
		c.t.Fatalf("%s: %v", stream, err)
	}
	defer iterator.Stop()
	var list []jetstream.Msg
	for len(list) < n {
		m, err := iterator.Next(jetstream.NextContext(ctx))
		if err != nil {
			c.t.Fatalf("%s: message %d of %d: %v", stream, len(list)+1, n, err)
		}
		list = append(list, m)
	}
	return list
}

// at is the body of a stream's message, which may be on its way still.
func (c *stock) at(stream string, sequence uint64) []byte {
	c.t.Helper()
	s, err := c.Stream(c.ctx(), stream)
	for ctx := c.ctx(); err == nil; {
		var m *jetstream.RawStreamMsg
		if m, err = s.GetMsg(ctx, sequence); err == nil {
			return m.Data
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			err = ctx.Err()
		}
	}
	c.t.Fatalf("%s, message %d: %v", stream, sequence, err)
	return nil
}

// origin is the place in the ledgers that a derived message names.
func origin(m jetstream.Msg) events.Position {
	p, err := events.ParsePosition(m.Headers().Get("Jieli-Origin"))
	if err != nil {
		panic(err)
	}
	return p
}

// text is all of a message that a reader can see: subject, headers, body.
func text(m jetstream.Msg) string {
	return m.Subject() + "\n" + headers(m, "") + "\n\n" + string(m.Data())
}

// content leaves out the broker's own headers (Nats-...): they say where in the stream a message was put, and a view promises an order
// within each source only.
func content(m jetstream.Msg) string {
	return m.Subject() + "\n" + headers(m, "Nats-") + "\n\n" + string(m.Data())
}

func headers(m jetstream.Msg, without string) string {
	var lines []string
	for name, values := range m.Headers() {
		if without != "" && strings.HasPrefix(name, without) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %q", name, values))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// decode reads the CloudEvent in a message.
func decode(t testing.TB, m jetstream.Msg) events.Event {
	t.Helper()
	e, err := events.FromMsg(&nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()})
	if err != nil {
		t.Fatalf("%s: %v", m.Subject(), err)
	}
	return e
}

// remove deletes a stream.
func (c *stock) remove(stream string) {
	c.t.Helper()
	if err := c.DeleteStream(c.ctx(), stream); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		c.t.Fatalf("%s: %v", stream, err)
	}
}

// departments that have a view.
var departments = []string{"pboc", "most", "ndrc", "miit", "nfra", "csrc", "safe"}
