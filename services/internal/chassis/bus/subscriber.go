package bus

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type subscriberCounters struct {
	received, delivered, acked, nacked, redelivered, duplicates atomic.Uint64
	deadLettered, deadLetterFailures, reattached, answersLost   atomic.Uint64
}

// Stats is a reading of a Subscriber's counters, over all its subscriptions.
type Stats struct {
	Received           uint64 // messages that came from the broker
	Delivered          uint64 // messages handed to handlers, each attempt counted
	Acked              uint64 // messages handled
	Nacked             uint64 // attempts that failed
	Redelivered        uint64 // attempts after the first: in place, or sent again by the broker
	Duplicates         uint64 // messages the broker sent again although they were handled or being handled: not handed over
	DeadLettered       uint64 // messages moved to the dead letters
	DeadLetterFailures uint64 // dead letters that could not be stored; their messages stay
	Reattached         uint64 // times a durable was found or made anew
	AnswersLost        uint64 // acknowledgements that could not be sent; they are repeated when the message comes again
}

// Subscriber reads topics from JetStream with durable pull consumers. It is safe for concurrent use and implements
// message.Subscriber and message.SubscribeInitializer.
type Subscriber struct {
	cfg  SubscriberConfig
	conn *nats.Conn
	js   jetstream.JetStream

	mu            sync.Mutex
	closed        bool
	subscriptions map[*subscription]struct{}
	watchers      sync.WaitGroup

	counters subscriberCounters
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber makes a Subscriber on conn, which stays the caller's to close, after the Subscriber.
func NewSubscriber(conn *nats.Conn, cfg SubscriberConfig) (*Subscriber, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bus: subscriber settings: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, fmt.Errorf("bus: subscriber: %w", err)
	}
	return &Subscriber{cfg: cfg, conn: conn, js: js, subscriptions: make(map[*subscription]struct{})}, nil
}

// SubscribeInitialize makes the topic's durable (and, with Provision, its stream): from now on the stream's messages
// wait for this group.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	sub, err := s.prepare(context.Background(), topic)
	if err != nil {
		return err
	}
	sub.cancel()
	return nil
}

// Subscribe starts to read the topic. The channel is closed when ctx ends or the Subscriber closes; messages being
// handled then have CloseTimeout to be acknowledged (their contexts end with ctx at once).
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	sub, err := s.prepare(ctx, topic)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		sub.cancel()
		return nil, ErrClosed
	}
	s.subscriptions[sub] = struct{}{}
	sub.start(sub.consumer)
	s.watchers.Go(func() {
		select {
		case <-ctx.Done():
			sub.close()
		case <-sub.closing:
		}
		<-sub.done
		s.mu.Lock()
		delete(s.subscriptions, sub)
		s.mu.Unlock()
	})
	return sub.out, nil
}

// prepare resolves the topic and attaches its durable.
func (s *Subscriber) prepare(ctx context.Context, topic string) (*subscription, error) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	source, err := s.cfg.Source(topic)
	if err != nil {
		return nil, fmt.Errorf("bus: topic %q: %w", topic, err)
	}
	if source.Stream == "" && len(source.Subjects) == 0 {
		return nil, fmt.Errorf("bus: topic %q names neither a stream nor a subject", topic)
	}
	if source.Durable == "" {
		source.Durable = durableName(s.cfg.Group, topic)
	}
	if !validName(source.Durable) {
		return nil, fmt.Errorf("bus: topic %q: durable name %q must be 1 to 100 letters, digits, '_' or '-'", topic, source.Durable)
	}
	requests, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := EnsureDeadLetterStream(requests, s.js, s.cfg.DeadLetter); err != nil {
		return nil, err
	}
	sub := &subscription{
		cfg: s.cfg, conn: s.conn, js: s.js, source: source, counters: &s.counters,
		log:        s.cfg.Logger.With(watermill.LogFields{"topic": topic, "durable": source.Durable}),
		out:        make(chan *message.Message),
		window:     make(chan struct{}, s.cfg.Window),
		progress:   newProgress(max(rememberedMin, 2*s.cfg.MaxAckPending)),
		floorDue:   make(chan struct{}, 1),
		closing:    make(chan struct{}),
		abandoning: make(chan struct{}),
		done:       make(chan struct{}),
	}
	sub.ctx, sub.cancel = context.WithCancel(ctx)
	sub.stream = func(ctx context.Context) (jetstream.Stream, error) { return s.findStream(ctx, topic, &sub.source) }
	if err := sub.attach(); err != nil {
		sub.cancel()
		return nil, err
	}
	return sub, nil
}

// findStream returns the topic's stream, with Provision a new one when it has none.
func (s *Subscriber) findStream(ctx context.Context, topic string, source *Source) (jetstream.Stream, error) {
	stream, err := s.lookUp(ctx, source)
	if err == nil || !errors.Is(err, jetstream.ErrStreamNotFound) || s.cfg.Provision == nil {
		if err != nil {
			err = fmt.Errorf("bus: stream of topic %q: %w", topic, err)
		}
		return stream, err
	}
	stream, err = s.js.CreateStream(ctx, s.cfg.Provision(topic))
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		stream, err = s.lookUp(ctx, source)
	}
	if err != nil {
		return nil, fmt.Errorf("bus: create the stream of topic %q: %w", topic, err)
	}
	source.Stream = stream.CachedInfo().Config.Name
	return stream, nil
}

func (s *Subscriber) lookUp(ctx context.Context, source *Source) (jetstream.Stream, error) {
	name := source.Stream
	if name == "" {
		var err error
		if name, err = s.js.StreamNameBySubject(ctx, source.Subjects[0]); err != nil {
			return nil, err
		}
	}
	stream, err := s.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	source.Stream = name
	return stream, nil
}

// durableName makes a name the broker takes; the hash keeps apart what would read the same.
func durableName(group, topic string) string {
	readable := strings.Map(func(r rune) rune {
		if notNameRune(r) {
			return '_'
		}
		return r
	}, group+"_"+topic)
	hash := fnv.New64a()
	hash.Write([]byte(group + "\x00" + topic))
	suffix := fmt.Sprintf("_%016x", hash.Sum64())
	return readable[:min(len(readable), 100-len(suffix))] + suffix
}

// Stats returns the present counters.
func (s *Subscriber) Stats() Stats {
	c := &s.counters
	return Stats{
		Received: c.received.Load(), Delivered: c.delivered.Load(), Acked: c.acked.Load(), Nacked: c.nacked.Load(),
		Redelivered: c.redelivered.Load(), Duplicates: c.duplicates.Load(), DeadLettered: c.deadLettered.Load(),
		DeadLetterFailures: c.deadLetterFailures.Load(), Reattached: c.reattached.Load(), AnswersLost: c.answersLost.Load(),
	}
}

// Close ends all subscriptions: messages being handled have CloseTimeout to be acknowledged, those waiting go back to
// the broker, the broker has every acknowledgement when Close returns. The durables stay.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	for sub := range s.subscriptions {
		sub.close()
	}
	s.mu.Unlock()
	s.watchers.Wait()
	return nil
}
