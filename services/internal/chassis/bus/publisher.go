package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrClosed is returned by a closed Publisher or Subscriber.
var ErrClosed = errors.New("bus: closed")

// PublisherConfig tunes a Publisher; the zero value is good.
type PublisherConfig struct {
	// Subject names the broker's subject for a message of a topic. Default: the topic is the subject.
	Subject func(topic string, msg *message.Message) (string, error)
	// Marshaler makes the wire form. Default Binary{}.
	Marshaler Marshaler
	// Window is how many messages may be on their way without an acknowledgement, over all calls: 1 to 65,536,
	// default 4,000.
	Window int
	// AckTimeout is how long the broker may take to acknowledge a message. Default 10 s.
	AckTimeout time.Duration
	// RetryFor is how long a message is tried again, under the same id, while the broker can't be reached or lost its
	// acknowledgement. 0 means the default of 5 s, a negative value means no retry.
	RetryFor time.Duration
	// Deduplicate sends the message's id as Nats-Msg-Id, so that a repeat within the stream's window is stored once.
	// Leave it off where one stream takes one id under several subjects.
	Deduplicate bool
	// Logger hears about retries. Default: silent.
	Logger watermill.LoggerAdapter
}

func (c *PublisherConfig) setDefaults() {
	if c.Subject == nil {
		c.Subject = func(topic string, _ *message.Message) (string, error) { return topic, nil }
	}
	if c.Marshaler == nil {
		c.Marshaler = Binary{}
	}
	if c.Window == 0 {
		c.Window = 4000
	}
	if c.AckTimeout == 0 {
		c.AckTimeout = 10 * time.Second
	}
	if c.RetryFor == 0 {
		c.RetryFor = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
}

// Validate names every wrong field at once.
func (c PublisherConfig) Validate() error {
	var complaints []error
	if c.Window < 1 || c.Window > 1<<16 {
		complaints = append(complaints, fmt.Errorf("Window is %d, not within 1 to 65,536", c.Window))
	}
	if c.AckTimeout < time.Millisecond {
		complaints = append(complaints, fmt.Errorf("AckTimeout is %s, under 1 ms", c.AckTimeout))
	}
	return errors.Join(complaints...)
}

// PublisherStats is a reading of a Publisher's counters.
type PublisherStats struct {
	Published uint64 // messages acknowledged by the broker
	Retried   uint64 // messages sent again after a lost connection or acknowledgement
	Failed    uint64 // messages given up
}

// Publisher stores messages in JetStream. It is safe for concurrent use and implements message.Publisher.
type Publisher struct {
	cfg    PublisherConfig
	js     jetstream.JetStream
	conn   *nats.Conn
	window chan struct{}

	closing   chan struct{}
	closeOnce sync.Once
	mu        sync.Mutex // guards closed against calls.Add
	closed    bool
	calls     sync.WaitGroup

	published, retried, failed atomic.Uint64
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a Publisher on conn, which stays the caller's to close, after the Publisher.
func NewPublisher(conn *nats.Conn, cfg PublisherConfig) (*Publisher, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bus: publisher settings: %w", err)
	}
	js, err := jetstream.New(conn,
		// Ours bounds the flight; theirs must never stall a message that ours let through.
		jetstream.WithPublishAsyncMaxPending(2*cfg.Window),
		jetstream.WithPublishAsyncTimeout(cfg.AckTimeout))
	if err != nil {
		return nil, fmt.Errorf("bus: publisher: %w", err)
	}
	return &Publisher{
		cfg: cfg, js: js, conn: conn,
		window:  make(chan struct{}, cfg.Window),
		closing: make(chan struct{}),
	}, nil
}

// PublishError lists the messages of one call that the broker did not acknowledge. Those after a failed one may be
// stored: the call is pipelined. A message that failed for want of an answer may be stored as well; repeat it under
// the same id.
type PublishError struct {
	Topic  string
	Total  int
	Failed []FailedMessage // in the call's order
}

// FailedMessage is one message that was not acknowledged, and why.
type FailedMessage struct {
	Index int
	UUID  string
	Err   error
}

func (e *PublishError) Error() string {
	first := e.Failed[0]
	return fmt.Sprintf("bus: %d of %d messages not acknowledged on topic %q; the first is number %d (%s): %v",
		len(e.Failed), e.Total, e.Topic, first.Index, first.UUID, first.Err)
}

func (e *PublishError) Unwrap() []error {
	causes := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		causes[i] = f.Err
	}
	return causes
}

// Publish sends the messages, pipelined, and returns when the broker has acknowledged every one (nil) or when those
// it did not acknowledge are given up (*PublishError). A message that can't be sent at all refuses the call before
// anything is sent.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.calls.Add(1)
	p.mu.Unlock()
	defer p.calls.Done()

	flights := make([]flight, len(messages))
	for i, msg := range messages {
		wire, err := p.prepare(topic, msg)
		if err != nil {
			p.failed.Add(uint64(len(messages)))
			return fmt.Errorf("bus: message %d (%s) for topic %q: %w", i, msg.UUID, topic, err)
		}
		flights[i] = flight{ctx: msg.Context(), wire: wire}
	}
	// Sending waits for room in the window, so answers are read from the oldest on whenever there is none: a call may
	// hold more messages than the window.
	settled := 0
	for i := range flights {
		for !p.reserve() {
			if settled == i {
				p.waitForRoom(&flights[i])
				break
			}
			p.settle(&flights[settled])
			settled++
		}
		if flights[i].err == nil {
			p.launch(&flights[i])
		}
	}
	for ; settled < len(flights); settled++ {
		p.settle(&flights[settled])
	}
	return p.finish(topic, messages, flights)
}

// flight is one message on its way.
type flight struct {
	ctx    context.Context
	wire   *nats.Msg
	future jetstream.PubAckFuture
	err    error
}

func (p *Publisher) prepare(topic string, msg *message.Message) (*nats.Msg, error) {
	subject, err := p.cfg.Subject(topic, msg)
	if err != nil {
		return nil, err
	}
	wire, err := p.cfg.Marshaler.Marshal(msg)
	if err != nil {
		return nil, err
	}
	wire.Subject = subject
	if id := wire.Header.Get(HeaderID); p.cfg.Deduplicate && id != "" {
		wire.Header.Set(jetstream.MsgIDHeader, id)
	}
	return wire, nil
}

func (p *Publisher) reserve() bool {
	select {
	case p.window <- struct{}{}:
		return true
	default:
		return false
	}
}

// waitForRoom waits for another call to make room. It is bounded by their AckTimeout.
func (p *Publisher) waitForRoom(f *flight) {
	select {
	case p.window <- struct{}{}:
	case <-f.ctx.Done():
		f.err = f.ctx.Err()
	}
}

func (p *Publisher) launch(f *flight) {
	f.future, f.err = p.js.PublishMsgAsync(f.wire)
	if f.err != nil {
		<-p.window
	}
}

// settle waits for the answer to a launched message. The message's context is not asked: it is on its way already,
// and the answer comes within AckTimeout.
func (p *Publisher) settle(f *flight) {
	if f.err != nil || f.future == nil {
		return
	}
	select {
	case <-f.future.Ok():
	case f.err = <-f.future.Err():
	}
	f.future = nil
	<-p.window
}

// finish repeats, in order, what failed for want of a broker, and reports what remains.
func (p *Publisher) finish(topic string, messages []*message.Message, flights []flight) error {
	var failed []FailedMessage
	for i := range flights {
		f := &flights[i]
		if f.err != nil {
			p.repeat(topic, f)
		}
		if f.err != nil {
			failed = append(failed, FailedMessage{Index: i, UUID: messages[i].UUID, Err: f.err})
		}
	}
	p.published.Add(uint64(len(flights) - len(failed)))
	p.failed.Add(uint64(len(failed)))
	if len(failed) > 0 {
		return &PublishError{Topic: topic, Total: len(messages), Failed: failed}
	}
	return nil
}

// repeat sends a message again until it is acknowledged, refused, or RetryFor is over.
func (p *Publisher) repeat(topic string, f *flight) {
	if p.cfg.RetryFor < 0 {
		return
	}
	over := time.NewTimer(p.cfg.RetryFor)
	defer over.Stop()
	pause := Backoff{Min: 5 * time.Millisecond, Max: 500 * time.Millisecond}
	for attempt := 1; f.err != nil && passing(f.err); attempt++ {
		p.cfg.Logger.Debug("publish is tried again", watermill.LogFields{"topic": topic, "attempt": attempt, "err": f.err})
		wait := time.NewTimer(pause.After(attempt))
		select {
		case <-wait.C:
		case <-over.C:
			wait.Stop()
			return
		case <-f.ctx.Done():
			wait.Stop()
			return
		case <-p.closing:
			wait.Stop()
			return
		}
		p.retried.Add(1)
		f.err = nil
		if p.waitForRoom(f); f.err == nil {
			p.launch(f)
			p.settle(f)
		}
	}
}

// passing tells errors of the way to the broker, worth a repeat, from its refusals.
func passing(err error) bool {
	for _, known := range []error{
		nats.ErrDisconnected, nats.ErrReconnectBufExceeded, nats.ErrConnectionReconnecting, nats.ErrStaleConnection,
		nats.ErrNoResponders, jetstream.ErrNoStreamResponse, jetstream.ErrAsyncPublishTimeout,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return temporaryRefusal(err)
}

// temporaryRefusal knows the broker's answers while it starts or changes leaders: 503 without being full.
func temporaryRefusal(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == 503 && api.ErrorCode != errCodeInsufficientResources
}

// errCodeInsufficientResources (10023) is the broker's answer when its store is full: a repeat would only add load.
const errCodeInsufficientResources = 10023

// Stats returns the present counters.
func (p *Publisher) Stats() PublisherStats {
	return PublisherStats{Published: p.published.Load(), Retried: p.retried.Load(), Failed: p.failed.Load()}
}

// Close refuses new calls, waits for those under way (at most AckTimeout: retries are given up) and releases what the
// publisher holds on the connection.
func (p *Publisher) Close() error {
	p.closeOnce.Do(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		close(p.closing)
		p.calls.Wait()
		p.js.CleanupPublisher()
	})
	return nil
}
