package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A reader whose request was lost with its connection hears of it by two heartbeats that do not come. The library's own 15 s would
// keep a partition that is being restored away for half a minute.
const (
	followHeartbeat = time.Second
	followExpiry    = 5 * time.Second
	followInactive  = 30 * time.Second // after which the broker forgets a reader that is gone
	followPause     = 20 * time.Millisecond
	reachPause      = 2 * time.Millisecond
	followAhead     = 1000 // messages on their way to one reader
)

// follow reads a stream in order, from one goroutine, and finds its place again by itself after a reconnect or a restart of the broker.
// (The library's ordered consumer runs the handlers of its old and its new subscription side by side when it resets: a message
// can overtake the one before it, or be visited at the same time.)
//
// A gapless reader is one of a whole ledger, from which nothing is ever deleted: a sequence that is left out is a commit that the node
// it reads from has lost (one of three with a damaged block serves what it has left, measured; so does a broker alone). The reader
// goes to another node, and says which commit is missing when none has it.
//
// A stream that has been made anew meanwhile is another one, whatever its sequences: the reader is told and begins again by itself.
func follow(ctx context.Context, js jetstream.JetStream, stream, subject string, after uint64, gapless bool, ahead int, visit func(m jetstream.Msg, meta *jetstream.MsgMetadata) error) error {
	last := after
	made, err := madeAt(ctx, js, stream)
	if err != nil {
		return fmt.Errorf("ledger: follow %s: %w", stream, err)
	}
	gaps := 0 // in a row, at the same place
	for begun := false; ; begun = true {
		from := last
		err := followOnce(ctx, js, stream, subject, &last, gapless, ahead, visit)
		var lost *lostPlace
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &lost):
			return err
		case errors.Is(err, jetstream.ErrStreamNotFound), !begun && lost.opening:
			return fmt.Errorf("ledger: follow %s: %w", stream, lost.err)
		}
		if gaps++; !errors.Is(err, errMissing) || last != from {
			gaps = 0
		}
		if gaps >= gapTriesMax {
			return &MissingError{stream, last + 1}
		}
		select {
		case <-time.After(followPause):
		case <-ctx.Done():
			return ctx.Err()
		}
		if now, err := madeAt(ctx, js, stream); err == nil && !now.Equal(made) {
			return fmt.Errorf("ledger: follow %s: %w", stream, errMadeAnew)
		}
	}
}

// gapTriesMax is how often a reader looks for a commit that it did not get: the broker chooses the node.
const gapTriesMax = 12

// MissingError says that a commit in the middle of a ledger is not there any more.
type MissingError struct {
	Stream   string
	Sequence uint64
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("ledger: %s: the commit with sequence %d is missing, later ones are there: the broker's store is damaged. Restore it from a backup or another replica. / 账本 %s 缺少序号 %d 的提交，存储已损坏，请从备份或其他副本恢复。",
		e.Stream, e.Sequence, e.Stream, e.Sequence)
}

var errMissing = errors.New("ledger: the node has lost a commit")

var errMadeAnew = errors.New("the stream has been made anew")

// madeAt is when a stream was made.
func madeAt(ctx context.Context, js jetstream.JetStream, stream string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return time.Time{}, err
	}
	return s.CachedInfo().Created, nil
}

// lostPlace is why a reader must begin again behind the last message it visited.
type lostPlace struct {
	err     error
	opening bool
}

func (e *lostPlace) Error() string { return e.err.Error() }
func (e *lostPlace) Unwrap() error { return e.err }

var errGap = errors.New("ledger: a message was lost on its way")

func followOnce(ctx context.Context, js jetstream.JetStream, stream, subject string, last *uint64, gapless bool, ahead int, visit func(m jetstream.Msg, meta *jetstream.MsgMetadata) error) error {
	config := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *last + 1, AckPolicy: jetstream.AckNonePolicy, MaxDeliver: 1,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: followInactive, FilterSubject: subject,
	}
	open, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	consumer, err := js.CreateConsumer(open, stream, config)
	if err != nil {
		return &lostPlace{err, true}
	}
	first, err := reached(ctx, js.Conn(), consumer)
	if err != nil {
		return &lostPlace{err, true}
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(ahead), jetstream.PullExpiry(followExpiry), jetstream.PullHeartbeat(followHeartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return &lostPlace{err, true}
	}
	defer messages.Stop()
	for delivered := uint64(1); ; delivered++ {
		m := first
		if first = nil; m == nil {
			if m, err = messages.Next(jetstream.NextContext(ctx)); err != nil {
				return &lostPlace{err, false}
			}
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Consumer != delivered || meta.Sequence.Stream <= *last {
			return &lostPlace{errGap, false}
		}
		if gapless && meta.Sequence.Stream != *last+1 {
			return &lostPlace{errMissing, false}
		}
		*last = meta.Sequence.Stream
		if err := visit(m, meta); err != nil {
			return err
		}
	}
}

// reached waits until a new reader's requests get to it. In a cluster the node that it was made on may be known to the node of the
// connection a little later than the answer comes, and a request that finds nobody is not heard of before two heartbeats
// (one of sixteen readers, measured). It returns the message that came with trying, if one was there.
func reached(ctx context.Context, conn *nats.Conn, consumer jetstream.Consumer) (jetstream.Msg, error) {
	for conn.ConnectedClusterName() != "" {
		batch, err := consumer.FetchNoWait(1)
		if err != nil {
			return nil, err
		}
		for m := range batch.Messages() {
			return m, nil
		}
		if err := batch.Error(); !errors.Is(err, nats.ErrNoResponders) {
			return nil, err
		}
		select {
		case <-time.After(reachPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, nil
}
