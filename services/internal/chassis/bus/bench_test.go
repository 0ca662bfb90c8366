package bus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	stock "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/jetstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// benchTopics are a run's streams. The stock adapter wants stream, subject and topic to have one name. Every run has names of its
// own: the server renames what is deleted before it removes it, and a stream that is deleted while an earlier one of its name
// is still being removed stays where it is, so that the next one of that name begins with its messages.
type benchTopics struct{ in, out string }

var benchRuns atomic.Int64

// How the messages come in: several callers, each with several messages a call.
const (
	benchCallers = 16
	benchPerCall = 64
	benchWindow  = 4000
)

var benchBody = []byte(`{"id":"bench","text":"` + strings.Repeat("x", 380) + `"}`)

// BenchmarkRouter is one message end to end: published, stored, consumed, handled, its reply stored, acknowledged; by nats.go
// alone, by Watermill's Router on this adapter, and by the Router on the stock adapter. Run it with a fixed number of messages:
// -benchtime 50000x.
func BenchmarkRouter(b *testing.B) {
	for _, broker := range []struct {
		name  string
		start func(testing.TB) Config
	}{
		{"embedded", func(t testing.TB) Config { return startEmbedded(t, 0).config() }},
		{"external", func(t testing.TB) Config { return startExternal(t).config() }},
	} {
		b.Run(broker.name, func(b *testing.B) {
			cfg := broker.start(b)
			b.Run("raw", func(b *testing.B) { benchRaw(b, cfg) })
			b.Run("adapter", func(b *testing.B) { benchAdapter(b, cfg, SubscriberConfig{Group: "bench"}) })
			b.Run("adapter-256-lanes", func(b *testing.B) { benchAdapter(b, cfg, SubscriberConfig{Group: "bench", Lanes: 256}) })
			b.Run("stock", func(b *testing.B) { benchStock(b, cfg) })
		})
	}
}

// benchStreams makes both streams and removes them after the run.
func benchStreams(b *testing.B, cfg Config) benchTopics {
	b.Helper()
	run := strconv.FormatInt(benchRuns.Add(1), 10)
	topics := benchTopics{"BENCH_IN_" + run, "BENCH_OUT_" + run}
	js := jetStream(b, dial(b, cfg))
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for _, name := range []string{topics.in, topics.out} {
		if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}}); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		for _, name := range []string{topics.in, topics.out} {
			stream, err := js.Stream(ctx, name)
			if err != nil {
				b.Error(err)
				continue
			}
			// A publisher that loses an acknowledgement sends the message again: there may be more, never fewer.
			if n := stream.CachedInfo().State.Msgs; n < uint64(b.N) {
				b.Errorf("%s holds %d messages, want %d", name, n, b.N)
			}
			if err := js.DeleteStream(ctx, name); err != nil {
				b.Error(err)
			}
		}
	})
	return topics
}

// benchHeader is what a CloudEvent in binary mode carries.
func benchHeader(n int) map[string]string {
	id := strconv.Itoa(n)
	return map[string]string{
		"ce-specversion": "1.0", "ce-id": "0192f3a0-0000-7000-8000-" + fmt.Sprintf("%012d", n), "ce-source": "/bench", "ce-type": "jieli.demand.published.v1",
		"ce-subject": "entity-" + id[max(0, len(id)-3):], "ce-time": "2025-01-02T03:04:05Z", "ce-region": "330106", "ce-industry": "I65",
	}
}

func benchMessage(n int) *message.Message {
	header := benchHeader(n)
	m := message.NewMessage(header["ce-id"], benchBody)
	m.Metadata = header
	return m
}

// await waits for the last reply, as long as anything moves.
func await(b *testing.B, done <-chan struct{}, moved *atomic.Int64) {
	b.Helper()
	last := int64(-1)
	for {
		select {
		case <-done:
			return
		case <-time.After(deadline):
			if now := moved.Load(); now == last {
				b.Fatalf("%d of %d replies", now, b.N)
			} else {
				last = now
			}
		}
	}
}

func benchRaw(b *testing.B, cfg Config) {
	topics := benchStreams(b, cfg)
	conn := dial(b, cfg)
	in, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(benchWindow))
	if err != nil {
		b.Fatal(err)
	}
	out, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(benchWindow))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	consumer, err := in.CreateConsumer(ctx, topics.in, jetstream.ConsumerConfig{Durable: "bench", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 2 * benchWindow})
	if err != nil {
		b.Fatal(err)
	}
	type handled struct {
		m     jetstream.Msg
		reply jetstream.PubAckFuture
	}
	replies := make(chan handled, benchWindow)
	var stored atomic.Int64
	done := make(chan struct{})
	go func() {
		for h := range replies {
			select {
			case <-h.reply.Ok():
			case err := <-h.reply.Err():
				b.Error(err)
			}
			if err := h.m.Ack(); err != nil {
				b.Error(err)
			}
			if stored.Add(1) == int64(b.N) {
				close(done)
			}
		}
	}()
	b.ResetTimer()
	reading, err := consumer.Consume(func(m jetstream.Msg) {
		reply, err := out.PublishMsgAsync(&nats.Msg{Subject: topics.out, Header: m.Headers(), Data: m.Data()}, jetstream.WithStallWait(deadline))
		if err != nil {
			b.Error(err)
			return
		}
		replies <- handled{m, reply}
	}, jetstream.PullMaxMessages(2000))
	if err != nil {
		b.Fatal(err)
	}
	futures := make(chan jetstream.PubAckFuture, benchWindow)
	var checking sync.WaitGroup
	checking.Go(func() {
		for f := range futures {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				b.Error(err)
			}
		}
	})
	for n := range b.N {
		m := &nats.Msg{Subject: topics.in, Header: make(nats.Header, 8), Data: benchBody}
		for k, v := range benchHeader(n) {
			m.Header[k] = []string{v}
		}
		f, err := in.PublishMsgAsync(m, jetstream.WithStallWait(deadline))
		if err != nil {
			b.Fatal(err)
		}
		futures <- f
	}
	close(futures)
	checking.Wait()
	await(b, done, &stored)
	b.StopTimer()
	reading.Stop()
	<-reading.Closed()
	close(replies)
}

func benchAdapter(b *testing.B, cfg Config, sub SubscriberConfig) {
	topics := benchStreams(b, cfg)
	conn := dial(b, cfg)
	publisher, err := NewPublisher(conn, PublisherConfig{Window: benchWindow})
	if err != nil {
		b.Fatal(err)
	}
	subscriber, err := NewSubscriber(conn, sub)
	if err != nil {
		b.Fatal(err)
	}
	benchRouter(b, topics, publisher, publisher, subscriber)
	b.ReportMetric(float64(publisher.Stats().Retried), "repeats")
}

func benchStock(b *testing.B, cfg Config) {
	topics := benchStreams(b, cfg)
	logger := watermill.NopLogger{}
	publisher := func() message.Publisher { // its Close closes its connection, so each has its own
		p, err := stock.NewPublisher(stock.PublisherConfig{Conn: dial(b, cfg), Logger: logger})
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	subscriber, err := stock.NewSubscriber(stock.SubscriberConfig{Conn: dial(b, cfg), Logger: logger, AckAsync: true})
	if err != nil {
		b.Fatal(err)
	}
	benchRouter(b, topics, publisher(), publisher(), subscriber)
}

// counting closes done with the last reply that has been stored.
type counting struct {
	message.Publisher
	want   int64
	stored atomic.Int64
	done   chan struct{}
}

func (c *counting) Publish(topic string, messages ...*message.Message) error {
	err := c.Publisher.Publish(topic, messages...)
	if err == nil && c.stored.Add(int64(len(messages))) == c.want {
		close(c.done)
	}
	return err
}

func benchRouter(b *testing.B, topics benchTopics, in, out message.Publisher, subscriber message.Subscriber) {
	replies := &counting{Publisher: out, want: int64(b.N), done: make(chan struct{})}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: deadline}, watermill.NopLogger{})
	if err != nil {
		b.Fatal(err)
	}
	router.AddHandler("bench", topics.in, subscriber, topics.out, replies, func(m *message.Message) ([]*message.Message, error) {
		reply := message.NewMessage(m.UUID, m.Payload)
		reply.Metadata = m.Metadata
		return []*message.Message{reply}, nil
	})
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	b.Cleanup(func() {
		if err := router.Close(); err != nil {
			b.Error(err)
		}
		if err := <-ended; err != nil {
			b.Error(err)
		}
		_ = in.Close() // closed with the router where it is the same
	})
	<-router.Running()

	b.ResetTimer()
	var next atomic.Int64
	var callers sync.WaitGroup
	for range benchCallers {
		callers.Go(func() {
			for {
				to := int(next.Add(benchPerCall))
				from := to - benchPerCall
				if from >= b.N {
					return
				}
				var messages []*message.Message
				for n := from; n < min(to, b.N); n++ {
					messages = append(messages, benchMessage(n))
				}
				if err := in.Publish(topics.in, messages...); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	await(b, replies.done, &replies.stored)
	b.StopTimer()
}
