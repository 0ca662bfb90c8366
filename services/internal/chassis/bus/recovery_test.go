package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A durable deleted under way is made anew after the last message handled: none lost, none twice, in order.
func TestConsumerDeleted(t *testing.T) {
	for name, policy := range map[string]jetstream.DeliverPolicy{
		"all": jetstream.DeliverAllPolicy, "new": jetstream.DeliverNewPolicy,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := embeddedWorld(t)
			first := 0
			if policy == jetstream.DeliverNewPolicy {
				w.publish(numbered(0, 10)...)
				first = 10
			}
			sub, messages := w.subscribe(SubscriberConfig{DeliverPolicy: policy, Lanes: 1, Window: 8, Prefetch: 4})
			w.publish(numbered(first, 100)...)
			w.acks(messages, first, 40)
			held := w.next(messages)
			if err := w.stream.DeleteConsumer(w.ctx(), w.durable().Name); err != nil {
				t.Fatal(err)
			}
			held.Ack()
			w.publish(numbered(100, 120)...)
			w.acks(messages, 41, 120)
			w.settled(sub)
			if s := sub.Stats(); s.Reattached == 0 || s.Delivered != uint64(120-first) {
				t.Errorf("counters %+v", s)
			}
		})
	}
}

// A stream deleted and made anew is another history: its sequences say nothing about the old one.
func TestStreamMadeAnew(t *testing.T) {
	w := embeddedWorld(t)
	_, messages := w.subscribe(SubscriberConfig{})
	w.publish(numbered(0, 10)...)
	w.acks(messages, 0, 10)
	if err := w.js.DeleteStream(w.ctx(), "EVENTS_TEST"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.js.CreateStream(w.ctx(), w.stream.CachedInfo().Config); err != nil {
		t.Fatal(err)
	}
	w.publish(numbered(100, 105)...)
	w.acks(messages, 100, 105)
}

// eventing-natss #713: after a broker restart it went on failing. Publisher and subscriber go on by themselves, and
// what was handled does not come back.
func TestBrokerRestarted(t *testing.T) {
	broker := startEmbedded(t, freePort(t))
	w := newWorld(t, broker.config())
	w.pub = w.publisher(PublisherConfig{RetryFor: deadline})
	sub, messages := w.subscribe(SubscriberConfig{Lanes: 1, AckWait: time.Second})
	w.publish(numbered(0, 30)...)
	w.acks(messages, 0, 20)
	held := w.next(messages)

	broker.stop()
	published := make(chan error, 1)
	go func() { published <- w.pub.Publish(topic, numbered(30, 40)...) }()
	held.Ack() // it can't be told to anybody
	broker.start()

	if err := <-published; err != nil {
		t.Fatal(err)
	}
	// The broker repeats what was on the wire after AckWait, so what was published later may come earlier; and a
	// publish whose answer was lost is stored twice under one id.
	due := map[string]bool{}
	for i := 21; i < 40; i++ {
		due[strconv.Itoa(i)] = true
	}
	again := map[string]bool{}
	for len(due) > 0 {
		msg := w.next(messages)
		if number, _ := strconv.Atoi(msg.UUID); number <= 20 {
			t.Fatalf("message %d had been handled and came again", number)
		}
		if !due[msg.UUID] && again[msg.UUID] {
			t.Fatalf("message %s came more often than it was stored", msg.UUID)
		}
		again[msg.UUID] = !due[msg.UUID]
		delete(due, msg.UUID)
		msg.Ack()
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
}

// The broker's process is killed (kill -9) twice while 20 publishers work: every publish that returned nil arrives.
func TestBrokerKilledUnderLoad(t *testing.T) {
	broker := startExternal(t)
	w := newWorld(t, broker.config())
	w.pub = w.publisher(PublisherConfig{RetryFor: deadline, AckTimeout: time.Second})
	_, messages := w.subscribe(SubscriberConfig{AckWait: time.Second, Heartbeat: 500 * time.Millisecond})

	const publishers, each = 20, 100
	var mu sync.Mutex
	stored := map[string]bool{}
	restart := make(chan struct{}, publishers*each)
	var working sync.WaitGroup
	for p := range publishers {
		working.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", p, i)
				if err := w.pub.Publish(topic, event(id, id, "{}")); err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				mu.Lock()
				stored[id] = true
				mu.Unlock()
				restart <- struct{}{}
			}
		})
	}
	working.Go(func() {
		for range 2 {
			for range publishers * each / 4 {
				select {
				case <-restart:
				case <-time.After(deadline):
					t.Error("the publishers do not go on")
					return
				}
			}
			broker.kill()
			if err := broker.start(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	seen := map[string]bool{}
	for len(seen) < publishers*each {
		msg := w.next(messages)
		seen[msg.UUID] = true
		msg.Ack()
	}
	working.Wait()
	for id := range stored {
		if !seen[id] {
			t.Errorf("%s was acknowledged and did not arrive", id)
		}
	}
}

// watermill #389: old acknowledged messages came back to a new subscriber of the group. Close flushes every
// acknowledgement, keeps the durable, and a restart of the broker changes nothing.
func TestOldAckedMessagesDoNotComeBack(t *testing.T) {
	broker := startEmbedded(t, freePort(t))
	w := newWorld(t, broker.config())
	w.publish(numbered(0, 1200)...)
	cfg := SubscriberConfig{Lanes: 1, AckWait: time.Second}
	seen := map[string]bool{}
	read := func(count int) {
		t.Helper()
		sub, messages := w.subscribe(cfg)
		for range count {
			msg := w.next(messages)
			if seen[msg.UUID] {
				t.Fatalf("message %s had been acknowledged and came again", msg.UUID)
			}
			seen[msg.UUID] = true
			msg.Ack()
		}
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
		if _, open := <-messages; open {
			t.Fatal("a message after Close")
		}
	}
	read(500)
	read(500)
	before := w.durable()
	broker.stop()
	broker.start()
	w.reconnected()
	if after := w.durable(); after.NumAckPending+int(after.NumPending) != 200 {
		t.Errorf("%+v before the restart, %+v after it", before, after)
	}
	read(200)
	if info := w.durable(); info.NumAckPending != 0 || info.AckFloor.Stream != 1200 {
		t.Errorf("not everything is acknowledged: %+v", info)
	}
}

// Close gives back what waits, and the next subscriber gets it in its order.
func TestCloseGivesBackInOrder(t *testing.T) {
	w := embeddedWorld(t)
	w.publish(numbered(0, 300)...)
	sub, messages := w.subscribe(SubscriberConfig{Lanes: 1})
	for give := time.Now().Add(deadline); sub.Stats().Received < 300; { // what is still on its way may come later
		if time.Now().After(give) {
			t.Fatal("not everything was received")
		}
	}
	w.acks(messages, 0, 100)
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if info := w.durable(); info.AckFloor.Stream != 100 { // no waiting: Close has confirmed it
		t.Errorf("the floor is %d, not 100", info.AckFloor.Stream)
	}
	_, messages = w.subscribe(SubscriberConfig{Lanes: 1})
	w.acks(messages, 100, 300)
}

// reconnected waits until requests are answered again.
func (w *world) reconnected() {
	w.t.Helper()
	for give := time.Now().Add(deadline); ; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := w.stream.Info(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(give) {
			w.t.Fatal(err)
		}
	}
}

// A handler that takes longer than AckWait keeps its message, and those waiting behind it: nobody gets them twice.
func TestSlowHandlerKeepsItsMessages(t *testing.T) {
	w := embeddedWorld(t)
	const wait = 300 * time.Millisecond
	first, messages := w.subscribe(SubscriberConfig{Lanes: 1, AckWait: wait})
	w.publish(numbered(0, 3)...)
	slow := w.next(messages)
	second, others := w.subscribe(SubscriberConfig{Lanes: 1, AckWait: wait})
	select {
	case msg := <-others:
		t.Fatalf("message %s was given away", msg.UUID)
	case <-time.After(4 * wait): // what is tested is that nothing happens in this time
	}
	slow.Ack()
	w.acks(messages, 1, 3)
	if n := first.Stats().Received + second.Stats().Received; n != 3 {
		t.Errorf("the broker sent %d messages, not 3", n)
	}
}

func TestConnectWaitsForTheBroker(t *testing.T) {
	port := freePort(t)
	url := fmt.Sprintf("nats://127.0.0.1:%d", port)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Connect(ctx, Config{URL: url}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}

	connected := make(chan *nats.Conn, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		conn, err := Connect(ctx, Config{URL: url, ReconnectWait: time.Millisecond, ReconnectJitter: time.Millisecond})
		if err != nil {
			t.Error(err)
		}
		connected <- conn
	}()
	startEmbedded(t, port)
	if conn := <-connected; conn != nil {
		conn.Close()
	}
}

// Connections lost and restored are counted, and nothing is buffered meanwhile.
func TestConnectionCounters(t *testing.T) {
	broker := startEmbedded(t, 0)
	cfg := broker.config()
	cfg.Stats = &ConnCounters{}
	conn := dial(t, cfg)
	restored := conn.StatusChanged(nats.CONNECTED)
	lost := conn.StatusChanged(nats.RECONNECTING)
	broker.stop()
	<-lost
	if err := conn.Publish("x", nil); !errors.Is(err, nats.ErrReconnectBufExceeded) {
		t.Errorf("a publish without a connection gave %v", err)
	}
	broker.start()
	<-restored
	for give := time.Now().Add(deadline); cfg.Stats.Read().Reconnects == 0; { // counted by a callback that follows
		if time.Now().After(give) {
			t.Fatal("the reconnection was not counted")
		}
	}
	if s := cfg.Stats.Read(); s.Disconnects != 1 || s.Reconnects != 1 {
		t.Errorf("counters %+v", s)
	}
}
