package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"pgregory.net/rapid"
)

// Router runs every message in its own goroutine; an entity's events are handled in their order all the same, also
// when handlers fail at random.
func TestOrderWithinSubjectUnderRouter(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	const entities, each = 40, 50
	w := embeddedWorld(t)
	for n := range each {
		var messages []*message.Message
		for e := range entities {
			messages = append(messages, event(fmt.Sprintf("%d-%d", e, n), "entity-"+strconv.Itoa(e), "{}"))
		}
		w.publish(messages...)
	}

	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(seed, 0))
	next := make([]int, entities)
	busy := make([]bool, entities)
	handled := 0
	done := make(chan struct{})
	sub := w.subscriber(SubscriberConfig{MaxAttempts: -1, InPlaceAttempts: 1 << 20})
	r := router(t)
	r.AddConsumerHandler("h", topic, sub, func(msg *message.Message) error {
		var entity, number int
		if _, err := fmt.Sscanf(msg.UUID, "%d-%d", &entity, &number); err != nil {
			return Permanent(err)
		}
		mu.Lock()
		overlapping := busy[entity]
		busy[entity] = true
		mu.Unlock()
		mu.Lock()
		defer mu.Unlock()
		busy[entity] = false
		if overlapping {
			t.Errorf("two events of entity %d at a time", entity)
		}
		if number != next[entity] {
			t.Errorf("entity %d: event %d came, %d was due", entity, number, next[entity])
		}
		if chance.IntN(10) == 0 {
			return errors.New("by chance")
		}
		next[entity]++
		if handled++; handled == entities*each {
			close(done)
		}
		return nil
	})
	run(t, r)
	select {
	case <-done:
	case <-time.After(deadline):
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("%d of %d handled", handled, entities*each)
	}
	if s := sub.Stats(); s.Nacked == 0 || s.Redelivered != s.Nacked {
		t.Errorf("counters %+v", s)
	}
}

// An entity whose handler hangs holds up its lane, nobody else's.
func TestLanesAreIndependent(t *testing.T) {
	w := embeddedWorld(t)
	hanging, free := "a", ""
	for i := 0; free == ""; i++ {
		if key := strconv.Itoa(i); laneOf(key, 16) != laneOf(hanging, 16) {
			free = key
		}
	}
	_, messages := w.subscribe(SubscriberConfig{})
	w.publish(event("hangs", hanging, "{}"))
	if msg := w.next(messages); msg.UUID != "hangs" {
		t.Fatal(msg.UUID)
	}
	for i := range 100 {
		w.publish(event("behind-"+strconv.Itoa(i), hanging, "{}"), event("free-"+strconv.Itoa(i), free, "{}"))
	}
	for i := range 100 {
		msg := w.next(messages)
		if want := "free-" + strconv.Itoa(i); msg.UUID != want {
			t.Fatalf("%s came, %s was due", msg.UUID, want)
		}
		msg.Ack()
	}
}

// A reply published by a handler is stored before its cause is acknowledged, and never lost.
func TestRouterRepliesThroughTheBus(t *testing.T) {
	w := embeddedWorld(t)
	if _, err := w.js.CreateStream(w.ctx(), jetstream.StreamConfig{Name: "REPLIES", Subjects: []string{"replies"}}); err != nil {
		t.Fatal(err)
	}
	w.publish(numbered(0, 300)...)
	replies, err := NewPublisher(w.conn, PublisherConfig{})
	if err != nil {
		t.Fatal(err)
	}
	sub := w.subscriber(SubscriberConfig{})
	r := router(t)
	r.AddHandler("h", topic, sub, "replies", replies, func(msg *message.Message) ([]*message.Message, error) {
		return message.Messages{event("re-"+msg.UUID, "e", "{}")}, nil
	})
	run(t, r)
	reader := w.subscriber(SubscriberConfig{Group: "replies", Lanes: 1})
	messages, err := reader.Subscribe(context.Background(), "replies")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for len(seen) < 300 {
		msg := w.next(messages)
		seen[msg.UUID] = true
		msg.Ack()
	}
}

// One call may hold more messages than the window, and calls share it.
func TestPublishBeyondTheWindow(t *testing.T) {
	w := embeddedWorld(t)
	pub := w.publisher(PublisherConfig{Window: 3})
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if err := pub.Publish(topic, numbered(0, 50)...); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	info, err := w.stream.Info(w.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if info.State.Msgs != 400 || pub.Stats().Published != 400 {
		t.Errorf("%d stored, %+v", info.State.Msgs, pub.Stats())
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pub.Publish(topic, numbered(0, 1)...); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// nil means stored: each message that was not is named.
func TestPublishNamesWhatFailed(t *testing.T) {
	w := embeddedWorld(t)
	pub := w.publisher(PublisherConfig{
		RetryFor: -1,
		Subject: func(_ string, msg *message.Message) (string, error) {
			if msg.UUID == "1" {
				return "nobody.listens", nil
			}
			return "jieli.event.test.a", nil
		},
	})
	large := event("3", "e", strings.Repeat("x", int(w.conn.MaxPayload())+1))
	err := pub.Publish(topic, append(numbered(0, 3), large)...)
	var failure *PublishError
	if !errors.As(err, &failure) || len(failure.Failed) != 2 || failure.Total != 4 {
		t.Fatalf("error %v", err)
	}
	if f := failure.Failed[0]; f.Index != 1 || !errors.Is(f.Err, jetstream.ErrNoStreamResponse) {
		t.Errorf("first failure %+v", f)
	}
	if f := failure.Failed[1]; f.Index != 3 || !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("second failure %+v", f)
	}
	if s := pub.Stats(); s.Published != 2 || s.Failed != 2 {
		t.Errorf("counters %+v", s)
	}
}

// With Deduplicate a repeat is stored once.
func TestPublishDeduplicates(t *testing.T) {
	w := embeddedWorld(t)
	pub := w.publisher(PublisherConfig{Deduplicate: true})
	for range 2 {
		if err := pub.Publish(topic, numbered(0, 5)...); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.stream.Info(w.ctx())
	if err != nil || info.State.Msgs != 5 {
		t.Errorf("%d stored, %v", info.State.Msgs, err)
	}
}

// What the wire would change is refused before anything is sent.
func TestUnsendableMetadata(t *testing.T) {
	w := embeddedWorld(t)
	for _, c := range []struct{ key, value string }{
		{"a b", "x"}, {"", "x"}, {"企业", "x"}, {"a:b", "x"}, {"a", "x\r\nce-id: forged"}, {"a", " x"}, {"a", "x\t"},
		{"a", "\x00"}, {"Ce-Subject", "two spellings"},
	} {
		msg := event("1", "e", "{}")
		msg.Metadata.Set(c.key, c.value)
		if err := w.pub.Publish(topic, event("0", "e", "{}"), msg); !errors.Is(err, ErrUnsendable) {
			t.Errorf("%q: %q gave %v", c.key, c.value, err)
		}
	}
	status := message.NewMessage("1", nil)
	status.Metadata.Set("Status", "409")
	if err := w.pub.Publish(topic, status); !errors.Is(err, ErrUnsendable) {
		t.Errorf("a status gave %v", err)
	}
	if info, err := w.stream.Info(w.ctx()); err != nil || info.State.Msgs != 0 {
		t.Errorf("%d messages stored, %v", info.State.Msgs, err)
	}
}

// What is sent arrives as it was: metadata, body (an empty one too), and the id.
func TestBinaryRoundTrip(t *testing.T) {
	w := embeddedWorld(t)
	_, messages := w.subscribe(SubscriberConfig{Lanes: 1})
	rapid.Check(t, func(rt *rapid.T) {
		keys := rapid.SliceOfDistinct(rapid.StringMatching(`ce-[a-z0-9]{1,20}`), rapid.ID[string]).Draw(rt, "keys")
		msg := message.NewMessage(rapid.StringMatching(`[!-~]{1,40}`).Draw(rt, "id"), rapid.SliceOf(rapid.Byte()).Draw(rt, "body"))
		for _, key := range keys {
			msg.Metadata[key] = rapid.StringMatching(`([!-~\p{Han}]([ -~\p{Han}]{0,20}[!-~\p{Han}])?)?`).Draw(rt, "value")
		}
		if msg.Metadata[HeaderID] == "" {
			delete(msg.Metadata, HeaderID)
		}
		sent := msg.Copy()
		if err := w.pub.Publish(topic, msg); err != nil {
			rt.Fatal(err)
		}
		got := w.next(messages)
		defer got.Ack()
		id := sent.UUID
		if given := sent.Metadata[HeaderID]; given != "" {
			id = given
		}
		sent.Metadata[HeaderID] = id
		sent.UUID = id
		if !got.Equals(sent) {
			rt.Fatalf("sent %v %q %q, got %v %q %q", sent.Metadata, sent.UUID, sent.Payload, got.Metadata, got.UUID, got.Payload)
		}
	})
}

// A message of a foreign sender without an id keeps one id over its attempts.
func TestForeignMessageKeepsItsID(t *testing.T) {
	w := embeddedWorld(t)
	if _, err := w.js.Publish(w.ctx(), "jieli.event.test.foreign", nil); err != nil {
		t.Fatal(err)
	}
	_, messages := w.subscribe(SubscriberConfig{InPlaceAttempts: 1})
	for range 3 {
		msg := w.next(messages)
		if msg.UUID != "EVENTS_TEST:1" || len(msg.Payload) != 0 || len(msg.Metadata) != 0 {
			t.Fatalf("got %q %q %v", msg.UUID, msg.Payload, msg.Metadata)
		}
		msg.Nack()
	}
	w.next(messages).Ack()
}

func TestConfigsNameEveryWrongField(t *testing.T) {
	for _, c := range []struct {
		err   error
		names []string
	}{
		{Config{ReconnectWait: -1, PingInterval: -1}.Validate(), []string{"URL", "ReconnectWait", "PingInterval"}},
		{PublisherConfig{Window: -1}.Validate(), []string{"Window", "AckTimeout"}},
		{SubscriberConfig{Group: "a b"}.Validate(), []string{
			"Group", "Lanes", "Window", "Prefetch", "MaxAckPending", "InPlaceAttempts", "AckWait", "Heartbeat", "Backoff",
			"DeadLetter.Stream", "DeadLetter.MaxBytes", "DeadLetter.Replicas",
		}},
	} {
		for _, name := range c.names {
			if c.err == nil || !strings.Contains(c.err.Error(), name) {
				t.Errorf("%q does not name %s", c.err, name)
			}
		}
	}
	good := SubscriberConfig{Group: "g"}
	good.setDefaults()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

// Durables of different groups and topics never share a name, whatever the broker would not take in it.
func TestDurableNames(t *testing.T) {
	seen := map[string]string{}
	for _, c := range [][2]string{
		{"g", "a.b"}, {"g", "a_b"}, {"g_a", "b"}, {"g", "a.*"}, {"g", "a.>"}, {"g", strings.Repeat("x", 300)}, {"g", strings.Repeat("x", 301)},
	} {
		name := durableName(c[0], c[1])
		if other, ok := seen[name]; ok || !validName(name) {
			t.Errorf("%v has the name %q (also of %q)", c, name, other)
		}
		seen[name] = c[0] + " " + c[1]
	}
}

func TestSubscribeRefuses(t *testing.T) {
	w := embeddedWorld(t)
	sub := w.subscriber(SubscriberConfig{})
	if _, err := sub.Subscribe(context.Background(), "no.such.stream"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("without a stream: %v", err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.Subscribe(context.Background(), topic); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := sub.SubscribeInitialize(topic); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
