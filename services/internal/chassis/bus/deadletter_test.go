package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

func expectHeaders(t *testing.T, header nats.Header, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got := header.Get(key); got != value {
			t.Errorf("header %s is %q, want %q", key, got, value)
		}
	}
}

// The stock JetStream adapter dies on this one.
func TestRepeatedHeader(t *testing.T) {
	for name, header := range map[string]nats.Header{
		"one spelling":  {"ce-type": {"a", "b"}, "ce-id": {"x"}},
		"two spellings": {"ce-type": {"a"}, "CE-Type": {"b"}, "ce-id": {"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := embeddedWorld(t)
			_, err := w.js.PublishMsg(w.ctx(), &nats.Msg{Subject: "jieli.event.test.bad", Header: header, Data: []byte("body")})
			if err != nil {
				t.Fatal(err)
			}
			w.publish(event("good", "e", "{}"))
			sub, messages := w.subscribe(SubscriberConfig{})
			msg := w.next(messages)
			if msg.UUID != "good" {
				t.Fatalf("the handler got %q", msg.UUID)
			}
			msg.Ack()
			letter := w.letter(1)
			expectHeaders(t, letter.Header, map[string]string{
				HeaderDeadReason: ReasonRepeatedHeader, HeaderDeadStream: "EVENTS_TEST", HeaderDeadSequence: "1",
				HeaderDeadSubject: "jieli.event.test.bad", HeaderDeadAttempts: "0", "ce-id": "x",
			})
			if string(letter.Data) != "body" {
				t.Errorf("the body is %q", letter.Data)
			}
			if info := w.settled(sub); info.AckFloor.Stream != 2 {
				t.Errorf("the floor is %d, not 2", info.AckFloor.Stream)
			}
			if s := sub.Stats(); s.DeadLettered != 1 || s.Acked != 1 || s.Delivered != 1 {
				t.Errorf("counters %+v", s)
			}
		})
	}
}

// unreadable is a Marshaler whose decoder fails in a given way.
type unreadable struct {
	Binary
	decode func() (*message.Message, error)
}

func (u unreadable) Unmarshal(in Incoming) (*message.Message, error) {
	if string(in.Data) == "bad" {
		return u.decode()
	}
	return u.Binary.Unmarshal(in)
}

func TestUndecodableBody(t *testing.T) {
	for name, marshaler := range map[string]Marshaler{
		"not JSON": Binary{CheckJSON: true},
		"error":    unreadable{decode: func() (*message.Message, error) { return nil, errors.New("no") }},
		"nothing":  unreadable{decode: func() (*message.Message, error) { return nil, nil }},
		"panic":    unreadable{decode: func() (*message.Message, error) { panic("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := embeddedWorld(t)
			bad := event("bad", "e", "bad")
			bad.Metadata.Set("content-type", "application/json; charset=utf-8")
			w.publish(bad, event("good", "e", "not JSON, and not said to be"))
			sub, messages := w.subscribe(SubscriberConfig{Marshaler: marshaler})
			msg := w.next(messages)
			if msg == nil || msg.UUID != "good" {
				t.Fatalf("the handler got %+v", msg)
			}
			msg.Ack()
			expectHeaders(t, w.letter(1).Header, map[string]string{
				HeaderDeadReason: ReasonUndecodable, HeaderDeadAttempts: "0", "ce-id": "bad",
			})
			w.settled(sub)
		})
	}
}

func router(t *testing.T) *message.Router {
	t.Helper()
	r, err := message.NewRouter(message.RouterConfig{CloseTimeout: deadline}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	r.AddMiddleware(KeepErrors)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func run(t *testing.T, r *message.Router) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(context.Background()) }()
	t.Cleanup(func() {
		_ = r.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-r.Running()
}

// A failing handler's message moves aside with its reason, its body and its headers, and those after it go on.
func TestDeadLetterWithItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		inPlace  int
		reason   string
		attempts int64
	}{
		"in place":           {errors.New("no\r\nway"), 10, ReasonAttempts, 4},
		"through the broker": {errors.New("no\r\nway"), 1, ReasonAttempts, 4},
		"permanent":          {Permanent(errors.New("no\r\nway")), 10, ReasonPermanent, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := embeddedWorld(t)
			poison := event("poison", "e", "original")
			poison.Metadata.Set("ce-type", "jieli.test.v1")
			poison.Metadata.Set("Nats-Msg-Id", "m1")
			w.publish(poison, event("good", "e", "{}"))

			sub := w.subscriber(SubscriberConfig{MaxAttempts: 4, InPlaceAttempts: c.inPlace})
			var attempts atomic.Int64
			good := make(chan struct{})
			r := router(t)
			r.AddConsumerHandler("h", topic, sub, func(msg *message.Message) error {
				if msg.UUID == "good" {
					close(good)
					return nil
				}
				at, ok := DeliveryOf(msg.Context())
				if n := attempts.Add(1); !ok || int64(at.Attempt) != n || at.Sequence != 1 {
					return fmt.Errorf("attempt %d tells %+v", n, at)
				}
				return fmt.Errorf("wrapped: %w", c.err)
			})
			run(t, r)

			letter := w.letter(1)
			<-good
			expectHeaders(t, letter.Header, map[string]string{
				HeaderDeadReason: c.reason, HeaderDeadError: "wrapped: no  way", HeaderDeadSequence: "1",
				HeaderDeadAttempts: fmt.Sprint(c.attempts), "ce-type": "jieli.test.v1",
				"Nats-Msg-Id":                      "EVENTS_TEST." + strings.Split(letter.Subject, ".")[3] + ".1." + letter.Header.Get("Nats-Msg-Id")[strings.LastIndex(letter.Header.Get("Nats-Msg-Id"), ".")+1:],
				HeaderDeadOriginal + "Nats-Msg-Id": "m1",
			})
			if !strings.HasPrefix(letter.Subject, "jieli.deadletter.EVENTS_TEST.test_") || string(letter.Data) != "original" {
				t.Errorf("letter on %s: %q", letter.Subject, letter.Data)
			}
			if attempts.Load() != c.attempts {
				t.Errorf("%d attempts, want %d", attempts.Load(), c.attempts)
			}
			w.settled(sub)
		})
	}
}

// A message is not given up before its dead letter is stored.
func TestDeadLettersUnreachable(t *testing.T) {
	w := embeddedWorld(t)
	sub, messages := w.subscribe(SubscriberConfig{MaxAttempts: 1})
	if err := w.js.DeleteStream(w.ctx(), "DEADLETTER"); err != nil {
		t.Fatal(err)
	}
	w.publish(event("1", "e", "{}"))
	w.next(messages).Nack()
	w.next(messages).Nack() // it came again: it was not terminated
	if s := sub.Stats(); s.DeadLetterFailures == 0 || s.DeadLettered != 0 {
		t.Errorf("counters %+v", s)
	}
	if err := EnsureDeadLetterStream(w.ctx(), w.js, DeadLetterConfig{}); err != nil {
		t.Fatal(err)
	}
	go func() { // the attempts until the stream is seen
		for msg := range messages {
			msg.Nack()
		}
	}()
	expectHeaders(t, w.letter(1).Header, map[string]string{HeaderDeadReason: ReasonAttempts, HeaderDeadSequence: "1"})
}

// A letter larger than the broker takes is stored without its body, which is still in its stream.
func TestDeadLetterOfTheLargestMessage(t *testing.T) {
	w := embeddedWorld(t)
	largest := int(w.conn.MaxPayload()) - 200
	w.publish(event("1", "e", strings.Repeat("x", largest)))
	_, messages := w.subscribe(SubscriberConfig{MaxAttempts: 1})
	w.next(messages).Nack()
	letter := w.letter(1)
	expectHeaders(t, letter.Header, map[string]string{HeaderDeadBody: "omitted", HeaderDeadSequence: "1"})
	if len(letter.Data) != 0 {
		t.Errorf("%d bytes", len(letter.Data))
	}
}
