package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The stream through which dead letters go back to the one reader that gave them up. They do not go back into their own stream: others
// read that too, and it may have one writer that lets nobody in between.
const (
	RedriveStream = "REDRIVE"
	redrivePrefix = "jieli.redrive."
)

// Headers of a redriven message: where it was before it died, so that a second death is told of the same place.
const (
	headerRedriveStream   = "Jieli-Redrive-Stream"
	headerRedriveSequence = "Jieli-Redrive-Sequence"
	headerRedriveSubject  = "Jieli-Redrive-Subject"
	headerRedriveDurable  = "Jieli-Redrive-Durable"
	headerRedriveStored   = "Jieli-Redrive-Stored"
)

// Errors of Letters.
var (
	// ErrNoLetter: there is no dead letter with that number (any more).
	ErrNoLetter = errors.New("bus: no such dead letter")
	// ErrNoReader: nobody takes what is redriven to that durable.
	ErrNoReader = errors.New("bus: nobody takes redriven messages of this reader")
	// ErrNoBody: the letter was stored without its body, and the original is gone.
	ErrNoBody = errors.New("bus: the body is lost: the letter has none and the original is gone")
)

// RedriveTopic is what a reader subscribes to besides its topic to take back what is redriven to its durable on a stream.
func RedriveTopic(stream, durable string) string { return redrivePrefix + stream + "." + durable }

// DurableName is the durable that a group reads a topic through, when its Source names none.
func DurableName(group, topic string) string { return durableName(group, topic) }

// Letter is a dead letter.
type Letter struct {
	Number   uint64      `json:"number"` // in the dead letters' stream
	Died     time.Time   `json:"died"`
	Reason   string      `json:"reason"`
	Error    string      `json:"error"`
	Stream   string      `json:"stream"`
	Sequence uint64      `json:"sequence"` // in Stream
	Subject  string      `json:"subject"`
	Durable  string      `json:"durable"`
	Attempts int         `json:"attempts"`
	Stored   string      `json:"stored"`
	Header   nats.Header `json:"header,omitempty"`
	Body     []byte      `json:"body,omitempty"`
}

// Letters looks into the dead letters and sends them back.
type Letters struct {
	js     jetstream.JetStream
	stream string
}

// OpenLetters makes the streams of dead letters and of redriven messages when they are not there. bytesMax bounds the second.
func OpenLetters(ctx context.Context, js jetstream.JetStream, cfg DeadLetterConfig, bytesMax int64) (*Letters, error) {
	cfg.setDefaults()
	if err := EnsureDeadLetterStream(ctx, js, cfg); err != nil {
		return nil, err
	}
	if _, err := js.Stream(ctx, RedriveStream); errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name: RedriveStream, Description: "dead letters on their way back to the reader that gave them up", Subjects: []string{redrivePrefix + ">"},
			Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxBytes: bytesMax, Replicas: cfg.Replicas,
		})
		if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil, fmt.Errorf("bus: stream %s: %w", RedriveStream, err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("bus: stream %s: %w", RedriveStream, err)
	}
	return &Letters{js, cfg.Stream}, nil
}

// List reads at most limit letters after a number, the oldest first, without headers and bodies.
func (l *Letters) List(ctx context.Context, after uint64, limit int) ([]Letter, error) {
	stream, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return nil, fmt.Errorf("bus: dead letters: %w", err)
	}
	list := []Letter{}
	for len(list) < limit {
		m, err := stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(">")) // the next one: others may have been redriven
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("bus: dead letters: %w", err)
		}
		letter := letterOf(m)
		letter.Header, letter.Body = nil, nil
		list = append(list, letter)
		after = m.Sequence
	}
	return list, nil
}

// Show reads one letter.
func (l *Letters) Show(ctx context.Context, number uint64) (Letter, error) {
	stream, err := l.js.Stream(ctx, l.stream)
	if err != nil {
		return Letter{}, fmt.Errorf("bus: dead letters: %w", err)
	}
	m, err := stream.GetMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Letter{}, ErrNoLetter
	}
	if err != nil {
		return Letter{}, fmt.Errorf("bus: dead letters: %w", err)
	}
	return letterOf(m), nil
}

func letterOf(m *jetstream.RawStreamMsg) Letter {
	sequence, _ := strconv.ParseUint(m.Header.Get(HeaderDeadSequence), 10, 64) // headers that this package wrote
	attempts, _ := strconv.Atoi(m.Header.Get(HeaderDeadAttempts))
	return Letter{Number: m.Sequence, Died: m.Time, Reason: m.Header.Get(HeaderDeadReason), Error: m.Header.Get(HeaderDeadError), Stream: m.Header.Get(HeaderDeadStream),
		Sequence: sequence, Subject: m.Header.Get(HeaderDeadSubject), Durable: m.Header.Get(HeaderDeadDurable), Attempts: attempts, Stored: m.Header.Get(HeaderDeadStored),
		Header: m.Header, Body: m.Data}
}

// Redrive gives a letter back to the reader that gave it up, and takes it out of the dead letters once the broker has it. Called twice at
// once, the message may come twice, as any may.
func (l *Letters) Redrive(ctx context.Context, number uint64) error {
	letter, err := l.Show(ctx, number)
	if err != nil {
		return err
	}
	subject := RedriveTopic(letter.Stream, letter.Durable)
	read, err := l.read(ctx, subject)
	if err != nil {
		return err
	}
	if !read {
		return fmt.Errorf("%w: %s of %s", ErrNoReader, letter.Durable, letter.Stream)
	}
	if letter.Header.Get(HeaderDeadBody) != "" {
		if letter.Body, err = l.original(ctx, &letter); err != nil {
			return err
		}
	}
	m := &nats.Msg{Subject: subject, Header: make(nats.Header), Data: letter.Body}
	for name, values := range letter.Header {
		if !strings.HasPrefix(name, "Jieli-Dead-") && !strings.HasPrefix(name, HeaderDeadOriginal) && !strings.HasPrefix(name, natsPrefix) {
			m.Header[name] = values
		}
	}
	m.Header.Set(headerRedriveStream, letter.Stream)
	m.Header.Set(headerRedriveSequence, strconv.FormatUint(letter.Sequence, 10))
	m.Header.Set(headerRedriveSubject, letter.Subject)
	m.Header.Set(headerRedriveDurable, letter.Durable)
	m.Header.Set(headerRedriveStored, letter.Stored)
	if _, err := l.js.PublishMsg(ctx, m, jetstream.WithMsgID(fmt.Sprintf("redrive.%d.%d", number, letter.Died.UnixNano()))); err != nil {
		return fmt.Errorf("bus: redrive of letter %d: %w", number, err)
	}
	stream, err := l.js.Stream(ctx, l.stream)
	if err == nil {
		err = stream.DeleteMsg(ctx, number)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("bus: letter %d is redriven, but still there: %w", number, err)
	}
	return nil
}

// read reports whether somebody has a durable on what is redriven to a subject.
func (l *Letters) read(ctx context.Context, subject string) (bool, error) {
	stream, err := l.js.Stream(ctx, RedriveStream)
	if err != nil {
		return false, fmt.Errorf("bus: stream %s: %w", RedriveStream, err)
	}
	found := false
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		found = found || info.Config.FilterSubject == subject || slices.Contains(info.Config.FilterSubjects, subject)
	}
	return found, list.Err()
}

// original reads the body of a letter that had no room for it. A stream that has been made anew may hold another message there.
func (l *Letters) original(ctx context.Context, letter *Letter) ([]byte, error) {
	stream, err := l.js.Stream(ctx, letter.Stream)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBody, err)
	}
	m, err := stream.GetMsg(ctx, letter.Sequence)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoBody, err)
	}
	if m.Time.UTC().Format(time.RFC3339Nano) != letter.Stored {
		return nil, ErrNoBody
	}
	return m.Data, nil
}

// before finds where a redriven message was before it died; any other is where it is.
func before(in Incoming, durable string) (Incoming, string) {
	stream := in.Header.Get(headerRedriveStream)
	if stream == "" || in.Stream != RedriveStream {
		return in, durable
	}
	header := make(nats.Header, len(in.Header))
	for name, values := range in.Header {
		if !strings.HasPrefix(name, "Jieli-Redrive-") {
			header[name] = values
		}
	}
	was := in.Header.Get(headerRedriveDurable)
	in.Sequence, _ = strconv.ParseUint(in.Header.Get(headerRedriveSequence), 10, 64)
	if at, err := time.Parse(time.RFC3339Nano, in.Header.Get(headerRedriveStored)); err == nil {
		in.Stored = at
	}
	in.Stream, in.Subject, in.Header = stream, in.Header.Get(headerRedriveSubject), header
	return in, was
}
