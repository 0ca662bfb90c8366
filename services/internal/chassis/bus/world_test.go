package bus

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const topic = "jieli.event.test.>"

// world is one test's stream, publisher and connection.
type world struct {
	t      testing.TB
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	pub    *Publisher
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	conn := dial(t, cfg)
	w := &world{t: t, conn: conn, js: jetStream(t, conn)}
	stream, err := w.js.CreateStream(w.ctx(), jetstream.StreamConfig{Name: "EVENTS_TEST", Subjects: []string{topic}})
	if err != nil {
		t.Fatal(err)
	}
	w.stream = stream
	w.pub = w.publisher(PublisherConfig{})
	return w
}

func embeddedWorld(t testing.TB) *world {
	return newWorld(t, startEmbedded(t, 0).config())
}

// ctx lasts for the test's deadline.
func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	w.t.Cleanup(cancel)
	return ctx
}

func (w *world) publisher(cfg PublisherConfig) *Publisher {
	w.t.Helper()
	if cfg.Subject == nil {
		cfg.Subject = func(string, *message.Message) (string, error) { return "jieli.event.test.a", nil }
	}
	pub, err := NewPublisher(w.conn, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = pub.Close() })
	return pub
}

func (w *world) subscriber(cfg SubscriberConfig) *Subscriber {
	w.t.Helper()
	if cfg.Group == "" {
		cfg.Group = "test"
	}
	if cfg.CloseTimeout == 0 {
		cfg.CloseTimeout = 100 * time.Millisecond
	}
	if cfg.Backoff.Min == 0 {
		cfg.Backoff = Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond}
	}
	sub, err := NewSubscriber(w.conn, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = sub.Close() })
	return sub
}

func (w *world) subscribe(cfg SubscriberConfig) (*Subscriber, <-chan *message.Message) {
	w.t.Helper()
	sub := w.subscriber(cfg)
	messages, err := sub.Subscribe(context.Background(), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return sub, messages
}

func (w *world) publish(messages ...*message.Message) {
	w.t.Helper()
	if err := w.pub.Publish(topic, messages...); err != nil {
		w.t.Fatal(err)
	}
}

// numbered are messages with ids from..to-1 of one entity.
func numbered(from, to int) []*message.Message {
	var messages []*message.Message
	for i := from; i < to; i++ {
		messages = append(messages, event(strconv.Itoa(i), "entity", "{}"))
	}
	return messages
}

func event(id, entity, body string) *message.Message {
	msg := message.NewMessage(id, []byte(body))
	msg.Metadata.Set("ce-subject", entity)
	return msg
}

func (w *world) next(messages <-chan *message.Message) *message.Message {
	w.t.Helper()
	select {
	case msg, open := <-messages:
		if !open {
			w.t.Fatal("the subscription ended")
		}
		return msg
	case <-time.After(deadline):
		w.t.Fatal("no message came")
	}
	return nil
}

// acks takes the messages from..to-1, in order and none twice.
func (w *world) acks(messages <-chan *message.Message, from, to int) {
	w.t.Helper()
	for i := from; i < to; i++ {
		msg := w.next(messages)
		if msg.UUID != strconv.Itoa(i) {
			w.t.Fatalf("message %s came, %d was due", msg.UUID, i)
		}
		msg.Ack()
	}
}

// letter waits for the dead letter with that number in its stream.
func (w *world) letter(number uint64) *jetstream.RawStreamMsg {
	w.t.Helper()
	ctx := w.ctx()
	consumer, err := w.js.CreateConsumer(ctx, "DEADLETTER", jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: number,
		InactiveThreshold: time.Minute,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	msg, err := consumer.Next(jetstream.FetchMaxWait(deadline))
	if err != nil {
		w.t.Fatalf("no dead letter %d: %v", number, err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		w.t.Fatal(err)
	}
	return &jetstream.RawStreamMsg{
		Subject: msg.Subject(), Sequence: meta.Sequence.Stream, Header: msg.Headers(), Data: msg.Data(), Time: meta.Timestamp,
	}
}

// durable is the state of the group's only durable.
func (w *world) durable() *jetstream.ConsumerInfo {
	w.t.Helper()
	var found *jetstream.ConsumerInfo
	list := w.stream.ListConsumers(w.ctx())
	for info := range list.Info() {
		found = info
	}
	if list.Err() != nil || found == nil {
		w.t.Fatalf("no durable: %v", list.Err())
	}
	return found
}

// settled closes the subscriber, after which the durable must have nothing left, and returns its state.
func (w *world) settled(sub *Subscriber) *jetstream.ConsumerInfo {
	w.t.Helper()
	if err := sub.Close(); err != nil {
		w.t.Fatal(err)
	}
	info := w.durable()
	if info.NumAckPending != 0 || info.NumPending != 0 {
		w.t.Errorf("%d unacknowledged and %d undelivered", info.NumAckPending, info.NumPending)
	}
	return info
}
