package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
)

// HeaderOrigin carries, on every message of a derived stream, the place of its event in the ledger: "demand.0:1234:2". The writer
// of a derived stream keeps its place nowhere else, and every cursor given to the outside is an origin, so it outlives a rebuild.
const HeaderOrigin = "Jieli-Origin"

// Derived is a stream that follows from ledgers: one CloudEvent a message, in binary mode, stored lazily, on one replica,
// rebuilt from the ledger when it is lost. One goroutine appends; any number read.
type Derived struct {
	readers jetstream.JetStream
	js      jetstream.JetStream
	config  jetstream.StreamConfig
	out     *appender

	mu     sync.Mutex
	stream jetstream.Stream // replaced when the writer makes the stream anew, while others read
}

// duplicates is how long the server remembers ids, the shortest it takes: they are there to be followed, and only one of the last
// message could ever come twice.
const duplicates = 100 * time.Millisecond

// OpenDerived opens or creates the stream: conn writes it, readers follow it through another. It holds at most bytesMax (0: no limit); a
// full one takes nothing more, and its writer waits. subjects are its subjects' patterns.
func OpenDerived(ctx context.Context, conn, readers *nats.Conn, name, description string, bytesMax int64, subjects ...string) (*Derived, error) {
	d := &Derived{config: jetstream.StreamConfig{
		Name: name, Description: description, Subjects: subjects, Storage: jetstream.FileStorage, Replicas: 1,
		PersistMode: jetstream.AsyncPersistMode, AllowDirect: true, Duplicates: duplicates, MaxBytes: bytesMax, Discard: jetstream.DiscardNew,
	}}
	var err error
	if d.js, err = jetstream.New(conn); err != nil {
		return nil, fmt.Errorf("ledger: derived stream %s: %w", name, err)
	}
	if d.out, err = newAppender(conn); err != nil {
		return nil, fmt.Errorf("ledger: derived stream %s: %w", name, err)
	}
	if d.readers, err = jetstream.New(readers); err != nil {
		return nil, fmt.Errorf("ledger: derived stream %s: %w", name, err)
	}
	return d, d.open(ctx)
}

// makeTries bounds the attempts to make a stream that comes up empty.
const makeTries = 10

func (d *Derived) open(ctx context.Context) error {
	// A cluster answers some requests never, as for a stream that is just being deleted; whoever writes asks again.
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stream, err := d.js.Stream(ctx, d.config.Name)
	for tries := 0; errors.Is(err, jetstream.ErrStreamNotFound) && tries < makeTries; tries++ {
		stream, err = d.js.CreateStream(ctx, d.config)
		// A stream made right after one of its name was deleted can come up with that one's messages (nats-server 2.15.2,
		// seen in 20 to 45 of 100 quick deletions): a new stream is empty, or it is not the new one.
		if err == nil && stream.CachedInfo().State.Msgs > 0 {
			if err = d.js.DeleteStream(ctx, d.config.Name); err == nil {
				err = jetstream.ErrStreamNotFound
			}
		}
	}
	if err == nil {
		stream, err = limited(ctx, d.js, stream, d.config.MaxBytes)
	}
	if err != nil {
		return fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stream = stream
	return nil
}

func (d *Derived) current() jetstream.Stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stream
}

// Name is the stream's name.
func (d *Derived) Name() string { return d.config.Name }

// Resume readies the stream for appends after what is stored, and returns the origin of the last message; ok is false when
// the stream is empty. Call it before the first Append and after every failure.
func (d *Derived) Resume(ctx context.Context) (last events.Position, ok bool, err error) {
	if d.out.quiet(ctx.Done()); ctx.Err() != nil { // what is under way must have been answered, or it could still be stored behind our back
		return last, false, ctx.Err()
	}
	if err := d.open(ctx); err != nil {
		return last, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	info, err := d.current().Info(ctx)
	if err != nil {
		return last, false, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	if info.State.LastSeq == 0 {
		d.out.ready(0, "")
		return last, false, nil
	}
	// Not the message at the last sequence: it may have been deleted.
	var newest *jetstream.RawStreamMsg
	for _, pattern := range d.config.Subjects {
		m, err := d.current().GetLastMsgForSubject(ctx, pattern)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return last, false, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
		}
		if newest == nil || m.Sequence > newest.Sequence {
			newest = m
		}
	}
	// With the id of the last message a stream is byte for byte the same however often its writer began again. Of one that has
	// been deleted the server alone knows the id; there the sequence has to do.
	before := ""
	if newest != nil && newest.Sequence == info.State.LastSeq && !forgotten(d.out.failure()) {
		before = newest.Header.Get(jetstream.MsgIDHeader)
	}
	d.out.ready(info.State.LastSeq, before)
	if newest == nil {
		return last, false, nil
	}
	return d.origin(newest, nil)
}

// forgotten reports a server that knows no id of a stream's last message, though the message has one: a stream made right after one
// of its name was deleted can come up so. It refuses whatever names that id, for ever; the sequence has to do.
func forgotten(err error) bool {
	const wrongLastID = 10070
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == wrongLastID && strings.HasSuffix(strings.TrimSpace(api.Description), ":")
}

// UntilFailed returns a context that ends with ctx, or when an append since Resume has failed: a writer that waits for its source
// would hear of that with the next event only. release ends the watch and returns the failure, nil when there is none.
func (d *Derived) UntilFailed(ctx context.Context) (run context.Context, release func() error) {
	broken := d.out.watch()
	run, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-broken:
			cancel()
		case <-run.Done():
		}
	}()
	return run, func() error {
		cancel()
		<-watched
		return d.out.failure()
	}
}

// LastOf is the origin of the last message under a subject pattern.
func (d *Derived) LastOf(ctx context.Context, subject string) (last events.Position, ok bool, err error) {
	return d.origin(d.current().GetLastMsgForSubject(ctx, subject))
}

func (d *Derived) origin(m *jetstream.RawStreamMsg, err error) (events.Position, bool, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return events.Position{}, false, nil
	}
	if err != nil {
		return events.Position{}, false, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	p, err := events.ParsePosition(m.Header.Get(HeaderOrigin))
	if err != nil {
		return p, false, fmt.Errorf("ledger: derived stream %s, sequence %d: %w", d.config.Name, m.Sequence, err)
	}
	return p, true, nil
}

// Append sends one event without waiting; the newest may be held back until the next one or Settle. It fails with the first error
// of any append since Resume; then nothing after that one has been stored (each names the one it must follow), and the writer
// resumes. No origin may come twice. The event's data must stay as it is until then.
func (d *Derived) Append(subject string, e *events.Event, origin events.Position) error {
	return d.out.append(subject, e, origin)
}

// Settle tells that no Append follows at once: nothing is held back any more.
func (d *Derived) Settle() error { return d.out.settle() }

// Flush waits until everything appended is stored.
func (d *Derived) Flush(ctx context.Context) error {
	if err := d.out.stored(ctx.Done()); err != nil {
		return err
	}
	return ctx.Err()
}

// Message is one message of a derived stream.
type Message struct {
	Sequence uint64
	Subject  string
	Origin   events.Position
	Event    events.Event
	More     bool // others are stored behind it
}

// Follow visits the messages after a sequence in order, first those that exist, then new ones, until ctx ends or visit fails.
// subject restricts it to a pattern, "" for all.
func (d *Derived) Follow(ctx context.Context, subject string, after uint64, visit func(*Message) error) error {
	return d.FollowAhead(ctx, subject, after, followAhead, visit)
}

// FollowAhead is Follow with so many messages at most on their way: hundreds of readers share a connection, which the broker cuts when
// more waits for it than 64 MiB.
func (d *Derived) FollowAhead(ctx context.Context, subject string, after uint64, ahead int, visit func(*Message) error) error {
	return follow(ctx, d.readers, d.config.Name, subject, after, false, ahead, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		sequence := meta.Sequence.Stream
		raw := &nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()}
		origin, err := events.ParsePosition(raw.Header.Get(HeaderOrigin))
		if err != nil {
			return fmt.Errorf("ledger: derived stream %s, sequence %d: %w", d.config.Name, sequence, err)
		}
		e, err := events.FromMsg(raw)
		if err != nil {
			return fmt.Errorf("ledger: derived stream %s, sequence %d: %w", d.config.Name, sequence, err)
		}
		return visit(&Message{Sequence: sequence, Subject: m.Subject(), Origin: origin, Event: e, More: meta.NumPending > 0})
	})
}

// Range visits the messages that exist now, in order.
func (d *Derived) Range(ctx context.Context, visit func(*Message) error) error {
	_, last, err := d.Len(ctx)
	if err != nil || last == 0 {
		return err
	}
	err = d.Follow(ctx, "", 0, func(m *Message) error {
		if err := visit(m); err != nil {
			return err
		}
		if m.Sequence >= last {
			return errReached
		}
		return nil
	})
	if errors.Is(err, errReached) {
		return nil
	}
	return err
}

// SequenceOf finds the last message under a subject pattern whose origin is not after a place in the ledger: 0 when there is none. The
// pattern must be of one source: its origins grow with the sequences, so a binary search does.
func (d *Derived) SequenceOf(ctx context.Context, subject string, place events.Position) (uint64, error) {
	info, err := d.current().Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	found := uint64(0)
	for low, high := uint64(1), info.State.LastSeq; low <= high; {
		middle := low + (high-low)/2
		m, err := d.current().GetMsg(ctx, middle, jetstream.WithGetMsgSubject(subject)) // the first at or behind it
		origin, is, err := d.origin(m, err)
		switch {
		case err != nil:
			return 0, err
		case is && !place.Less(origin):
			found, low = m.Sequence, m.Sequence+1
		default:
			high = middle - 1
		}
	}
	return found, nil
}

// Len is the number of messages and the last sequence.
func (d *Derived) Len(ctx context.Context) (messages, last uint64, err error) {
	info, err := d.current().Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	return info.State.Msgs, info.State.LastSeq, nil
}

// EnsureConsumer makes a durable consumer when it is not there.
func (d *Derived) EnsureConsumer(ctx context.Context, c jetstream.ConsumerConfig) error {
	_, err := d.current().Consumer(ctx, c.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		_, err = d.current().CreateConsumer(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("ledger: derived stream %s: consumer %s: %w", d.config.Name, c.Durable, err)
	}
	return nil
}

// Durable is a durable consumer and how far it has acknowledged, by source.
type Durable struct {
	config jetstream.ConsumerConfig
	acked  map[string]events.Position
}

// Durables notes the durable consumers, so that they can be put back after a rebuild.
func (d *Derived) Durables(ctx context.Context) ([]Durable, error) {
	var list []Durable
	floors := make(map[int]uint64)
	consumers := d.current().ListConsumers(ctx)
	for info := range consumers.Info() {
		if info.Config.Durable != "" {
			floors[len(list)] = info.AckFloor.Stream
			list = append(list, Durable{info.Config, make(map[string]events.Position)})
		}
	}
	if err := consumers.Err(); errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil // somebody has deleted it: there is nothing to put back
	} else if err != nil {
		return nil, fmt.Errorf("ledger: derived stream %s: %w", d.config.Name, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	err := d.Range(ctx, func(m *Message) error {
		for i := range list {
			if m.Sequence <= floors[i] {
				list[i].acked[m.Origin.Context] = m.Origin
			}
		}
		return nil
	})
	return list, err
}

// Restore puts durable consumers back on a stream that has been filled anew: each begins at the first message that it had not
// acknowledged. The order among sources may be another than before, so it can get some messages again; it misses none.
func (d *Derived) Restore(ctx context.Context, list []Durable) error {
	if len(list) == 0 {
		return nil
	}
	if err := d.open(ctx); err != nil { // its writer has not come to it yet when there is nothing to write
		return err
	}
	starts := make([]uint64, len(list)) // first sequence not acknowledged
	last := uint64(0)
	err := d.Range(ctx, func(m *Message) error {
		last = m.Sequence
		for i := range list {
			if acked, ok := list[i].acked[m.Origin.Context]; starts[i] == 0 && (!ok || acked.Less(m.Origin)) {
				starts[i] = m.Sequence
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, durable := range list {
		c := durable.config
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, starts[i]
		if starts[i] == 0 {
			c.OptStartSeq = last + 1
		}
		if err := d.current().DeleteConsumer(ctx, c.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("ledger: derived stream %s: consumer %s: %w", d.config.Name, c.Durable, err)
		}
		if _, err := d.current().CreateConsumer(ctx, c); err != nil {
			return fmt.Errorf("ledger: derived stream %s: consumer %s: %w", d.config.Name, c.Durable, err)
		}
	}
	return nil
}

// Delete removes the stream with all messages; its writer finds it gone, makes it anew and fills it from the beginning.
func (d *Derived) Delete(ctx context.Context) error {
	err := d.js.DeleteStream(ctx, d.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}
