package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

const (
	requestTimeout  = 5 * time.Second // of one request to the broker
	pullExpiry      = 60 * time.Second
	prefetchBytes   = 32 << 20 // bounds one pull; over 16 times the largest message the broker takes by default
	rememberedMin   = 1 << 13  // handled messages remembered; see progress
	reattachWaitMax = 2 * time.Second
)

// subscription is one Subscribe: a durable, its lanes, and the goroutine that keeps them connected.
type subscription struct {
	cfg      SubscriberConfig
	conn     *nats.Conn
	js       jetstream.JetStream
	source   Source
	stream   func(ctx context.Context) (jetstream.Stream, error) // finds it, or makes it
	counters *subscriberCounters
	log      watermill.LoggerAdapter

	ctx    context.Context // parent of the messages' contexts
	cancel context.CancelFunc
	out    chan *message.Message
	lanes  []*lane
	window chan struct{} // one token a message in flight

	progress *progress
	floorDue chan struct{}
	consumer jetstream.Consumer // of the supervisor
	created  time.Time          // of the stream, as of the last attachment

	last   atomic.Pointer[delivery] // the latest one
	leftMu sync.Mutex
	left   []*delivery // unhandled when closing

	closing    chan struct{} // no further message is handed over
	abandoning chan struct{} // answers are no longer waited for
	closeOnce  sync.Once
	done       chan struct{} // everything has ended, out is closed
}

func (s *subscription) start(ready jetstream.Consumer) {
	s.consumer = ready
	for range s.cfg.Lanes {
		s.lanes = append(s.lanes, &lane{sub: s, queue: make(chan *delivery, s.cfg.Window)})
	}
	var working sync.WaitGroup
	for _, l := range s.lanes {
		working.Go(l.run)
	}
	go func() {
		defer close(s.done)
		defer close(s.out)
		defer s.cancel()
		s.supervise()
		s.drainLanes(&working)
	}()
}

// supervise keeps the durable attached until the subscription closes.
func (s *subscription) supervise() {
	pause := Backoff{Min: 10 * time.Millisecond, Max: reattachWaitMax}
	failures := 0
	for !s.isClosing() {
		handled := s.counters.received.Load()
		err := s.consume()
		if s.conn.IsClosed() {
			s.log.Error("the connection was closed under the subscription", nats.ErrConnectionClosed, nil)
			s.close()
		}
		if s.isClosing() {
			return
		}
		s.counters.reattached.Add(1)
		s.log.Info("subscription is renewed", watermill.LogFields{"err": err})
		if failures++; s.counters.received.Load() != handled {
			failures = 1
		}
		for {
			if !s.pause(pause.After(failures)) {
				return
			}
			if err = s.attach(); err == nil {
				break
			}
			if failures++; failures%16 == 0 {
				s.log.Error("subscription can't be renewed yet", err, nil)
			}
		}
	}
}

// consume reads until the subscription closes (nil) or needs to be renewed.
func (s *subscription) consume() error {
	lost := make(chan error, 1)
	reading, err := s.consumer.Consume(s.receive,
		jetstream.PullMaxMessagesWithBytesLimit(s.cfg.Prefetch, prefetchBytes),
		jetstream.PullExpiry(pullExpiry),
		jetstream.PullHeartbeat(s.cfg.Heartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			// A broker that shuts down ends the connection; the client library goes on after the reconnection.
			if errors.Is(err, jetstream.ErrServerShutdown) {
				return
			}
			select {
			case lost <- err:
			default: // one reason is enough
			}
		}))
	if err != nil {
		return err
	}
	defer s.stop(reading)

	// Waiting messages are renewed between one and two quarters of AckWait.
	renewal := time.NewTicker(s.cfg.AckWait / 4)
	defer renewal.Stop()
	for {
		select {
		case <-s.closing:
			return nil
		case err := <-lost:
			return err
		case <-renewal.C:
			for _, d := range s.progress.waiting() {
				s.answer(d, d.msg.InProgress)
			}
			// Also when nothing was handled here: another subscriber of the group may have moved the floor far.
			s.readFloor()
		case <-s.floorDue:
			s.readFloor()
		}
	}
}

// stop ends a reading. What the client library holds already still comes through receive: into the lanes, so that
// the order holds over a renewal, or back to the broker when closing.
func (s *subscription) stop(reading jetstream.ConsumeContext) {
	if !s.conn.IsConnected() {
		// A drain would wait for the broker. What is dropped here comes again after AckWait.
		reading.Stop()
	} else {
		reading.Drain()
	}
	<-reading.Closed()
}

// receive takes one message from the broker. It blocks when the window is full, which stops the pulling.
func (s *subscription) receive(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		s.log.Error("a message without a place in a stream was ignored", err, nil)
		return
	}
	s.counters.received.Add(1)
	d := &delivery{
		msg: msg,
		id:  identity{meta.Sequence.Stream, meta.Timestamp.UnixNano()},
		in: Incoming{
			Stream: meta.Stream, Sequence: meta.Sequence.Stream, Stored: meta.Timestamp,
			Subject: msg.Subject(), Header: msg.Headers(), Data: msg.Data(),
		},
	}
	s.last.Store(d)
	if s.isClosing() {
		s.unread(d)
		return
	}
	select {
	case s.window <- struct{}{}:
	case <-s.closing:
		s.unread(d)
		return
	}
	switch s.progress.admit(d) {
	case admitted:
		if meta.NumDelivered > 1 {
			s.counters.redelivered.Add(1)
		}
		// A queue holds as many as the window: this never blocks.
		entity := s.entity(d)
		if planted.On("lanes_by_message") {
			entity = strconv.FormatUint(d.in.Sequence, 10)
		}
		s.lanes[laneOf(entity, len(s.lanes))].queue <- d
		return
	case alreadyHandled:
		// Its acknowledgement was lost on the way.
		s.answer(d, msg.Ack)
	case alreadyInflight:
		// The broker grew impatient; the copy in the lane will answer for both.
	}
	s.counters.duplicates.Add(1)
	<-s.window
}

func (s *subscription) entity(d *delivery) string {
	if values := d.in.Header[s.cfg.LaneHeader]; len(values) > 0 && values[0] != "" {
		return values[0]
	}
	return d.in.Subject
}

// answer tells the broker about a message without waiting. An answer that can't be sent is not repeated: the broker
// sends the message again, and progress knows it.
func (s *subscription) answer(d *delivery, send func() error) {
	if err := send(); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		s.counters.answersLost.Add(1)
		s.log.Debug("answer not sent", watermill.LogFields{"sequence": d.in.Sequence, "err": err})
	}
}

// settle ends a message for good: remembered first, so that a copy on its way is known, then told to the broker.
func (s *subscription) settle(d *delivery, send func() error) {
	if s.progress.settle(d) {
		select {
		case s.floorDue <- struct{}{}:
		default:
		}
	}
	s.answer(d, send)
	<-s.window
}

// release gives a message back to the broker, to come again after delay. Without a delay it is one that closing left
// unhandled.
func (s *subscription) release(d *delivery, failed int, delay time.Duration) {
	s.progress.giveBack(d, failed)
	if delay > 0 {
		s.answer(d, func() error { return d.msg.NakWithDelay(delay) })
	} else {
		s.unread(d)
	}
	<-s.window
}

// unread keeps a message that closing left unhandled for drainLanes, which gives all of them back in stream order:
// the broker sends them again in the order they come back.
func (s *subscription) unread(d *delivery) {
	s.leftMu.Lock()
	s.left = append(s.left, d)
	s.leftMu.Unlock()
}

func (s *subscription) abandon(d *delivery) {
	s.progress.giveBack(d, 0)
	<-s.window
}

// readFloor asks how far the group has settled everything. A failure is harmless: the next renewal asks again.
func (s *subscription) readFloor() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), requestTimeout)
	defer cancel()
	info, err := s.consumer.Info(ctx)
	if err != nil {
		s.log.Debug("floor not read", watermill.LogFields{"err": err})
		return
	}
	s.progress.reached(s.created, info.AckFloor.Stream)
}

// attach finds the durable, makes it anew where it was when it is gone, and brings its settings up to date.
func (s *subscription) attach() error {
	ctx, cancel := context.WithTimeout(s.ctx, requestTimeout)
	defer cancel()
	stream, err := s.stream(ctx)
	if err != nil {
		return err
	}
	consumer, err := s.ensureDurable(ctx, stream)
	if err != nil {
		return fmt.Errorf("bus: durable %s of stream %s: %w", s.source.Durable, s.source.Stream, err)
	}
	s.consumer = consumer
	s.created = stream.CachedInfo().Created
	s.progress.reached(s.created, consumer.CachedInfo().AckFloor.Stream)
	return nil
}

func (s *subscription) ensureDurable(ctx context.Context, stream jetstream.Stream) (jetstream.Consumer, error) {
	// Twice: between looking and creating another subscriber of the group may have been faster.
	var raced error
	for range 2 {
		consumer, err := stream.Consumer(ctx, s.source.Durable)
		if err == nil {
			return s.update(ctx, stream, consumer)
		}
		if !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, err
		}
		wanted := s.settings(jetstream.ConsumerConfig{
			Durable:       s.source.Durable,
			AckPolicy:     jetstream.AckExplicitPolicy,
			DeliverPolicy: s.cfg.DeliverPolicy,
		})
		state := stream.CachedInfo()
		if start, known := s.progress.resume(state.Created, state.State.LastSeq); known {
			wanted.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
			wanted.OptStartSeq = start
		}
		consumer, err = stream.CreateConsumer(ctx, wanted)
		if !errors.Is(err, jetstream.ErrConsumerExists) && !errors.Is(err, jetstream.ErrConsumerNameAlreadyInUse) {
			return consumer, err
		}
		raced = err
	}
	return nil, raced
}

// update changes what may change on an existing durable: where it started may not.
func (s *subscription) update(ctx context.Context, stream jetstream.Stream, consumer jetstream.Consumer) (jetstream.Consumer, error) {
	have := consumer.CachedInfo().Config
	if have.AckPolicy != jetstream.AckExplicitPolicy {
		return nil, fmt.Errorf("it exists with ack policy %s, explicit is needed", have.AckPolicy)
	}
	want := s.settings(have)
	if want.AckWait == have.AckWait && want.MaxAckPending == have.MaxAckPending && want.MaxDeliver == have.MaxDeliver &&
		want.FilterSubject == have.FilterSubject && slices.Equal(want.FilterSubjects, have.FilterSubjects) {
		return consumer, nil
	}
	return stream.UpdateConsumer(ctx, want)
}

func (s *subscription) settings(base jetstream.ConsumerConfig) jetstream.ConsumerConfig {
	base.AckWait = s.cfg.AckWait
	base.MaxDeliver = -1 // the broker's own limit drops messages silently; ours makes dead letters
	base.MaxAckPending = s.cfg.MaxAckPending
	base.FilterSubject, base.FilterSubjects = "", nil
	switch len(s.source.Subjects) {
	case 0:
	case 1:
		base.FilterSubject = s.source.Subjects[0]
	default:
		base.FilterSubjects = s.source.Subjects
	}
	return base
}

func (s *subscription) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// close starts the end; done tells when it is reached.
func (s *subscription) close() {
	s.closeOnce.Do(func() { close(s.closing) })
}

// drainLanes waits for the messages being handled, at most CloseTimeout, gives back what waits, and makes sure that
// the broker has every answer.
func (s *subscription) drainLanes(working *sync.WaitGroup) {
	idle := make(chan struct{})
	go func() {
		working.Wait()
		close(idle)
	}()
	timeout := time.NewTimer(s.cfg.CloseTimeout)
	defer timeout.Stop()
	select {
	case <-idle:
	case <-timeout.C:
	}
	close(s.abandoning)
	<-idle

	for _, l := range s.lanes {
		for len(l.queue) > 0 {
			d := <-l.queue
			s.release(d, s.progress.failedAttempts(d), 0)
		}
	}
	s.leftMu.Lock()
	defer s.leftMu.Unlock()
	if len(s.left) > 0 && s.conn.IsConnected() {
		// The broker still holds our last pull request. Asked about the durable it drops requests that nobody listens
		// to; otherwise it would try the first message given back on it, and put that one behind the others.
		s.readFloor()
	}
	slices.SortFunc(s.left, func(a, b *delivery) int { return cmp.Compare(a.in.Sequence, b.in.Sequence) })
	for _, d := range s.left {
		s.answer(d, d.msg.Nak)
	}
	s.confirm()
}

// confirm returns when the broker has applied every answer: it works on them one after another, apart from what it
// does with the connection otherwise, and replies to a request among them. Without it a subscriber that comes right
// after this one could overtake the messages given back.
func (s *subscription) confirm() {
	last := s.last.Load()
	if last == nil || !s.conn.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	_, err := s.conn.RequestWithContext(ctx, last.msg.Reply(), []byte("+WPI"))
	if err != nil && !errors.Is(err, nats.ErrNoResponders) { // no responders: the durable is gone
		s.log.Error("the last answers may be lost, their messages come again", err, nil)
	}
}
