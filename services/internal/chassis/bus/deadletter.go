package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Why a message became a dead letter: the values of HeaderDeadReason.
const (
	ReasonRepeatedHeader = "repeated_header"    // a header occurs twice
	ReasonUndecodable    = "undecodable_body"   // the Marshaler can't read it
	ReasonAttempts       = "attempts_exhausted" // the handler failed MaxAttempts times
	ReasonPermanent      = "permanent_error"    // the handler failed with a Permanent error
)

// Headers of a dead letter. The original's own headers follow unchanged, except those of the broker (Nats-...), which
// would act on the copy and are kept under HeaderDeadOriginal + name. The body is the original's.
const (
	HeaderDeadReason   = "Jieli-Dead-Reason"
	HeaderDeadError    = "Jieli-Dead-Error" // one line, at most 512 bytes
	HeaderDeadStream   = "Jieli-Dead-Stream"
	HeaderDeadSequence = "Jieli-Dead-Sequence" // in the stream
	HeaderDeadSubject  = "Jieli-Dead-Subject"
	HeaderDeadDurable  = "Jieli-Dead-Durable"
	HeaderDeadAttempts = "Jieli-Dead-Attempts" // how often the handler saw it
	HeaderDeadStored   = "Jieli-Dead-Stored"   // when the original was stored, RFC 3339
	HeaderDeadBody     = "Jieli-Dead-Body"     // "omitted" when copy and headers exceed the broker's message size
	HeaderDeadOriginal = "Jieli-Original-"
)

// DeadLetterConfig says where dead letters go: subject <Prefix>.<stream>.<durable>.
type DeadLetterConfig struct {
	// Stream keeps them; it is created when missing. Default "DEADLETTER".
	Stream string
	// Prefix of their subjects. Default "jieli.deadletter".
	Prefix string
	// MaxBytes bounds a stream that is created here: when it is full, messages stay in their own stream and are tried
	// again, none is lost. Default 1 GiB.
	MaxBytes int64
	// Replicas of a stream that is created here. Default 1.
	Replicas int
}

func (c *DeadLetterConfig) setDefaults() {
	if c.Stream == "" {
		c.Stream = "DEADLETTER"
	}
	if c.Prefix == "" {
		c.Prefix = "jieli.deadletter"
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
}

func (c DeadLetterConfig) validate() error {
	var complaints []error
	if !validName(c.Stream) {
		complaints = append(complaints, fmt.Errorf("DeadLetter.Stream %q must be 1 to 100 letters, digits, '_' or '-'", c.Stream))
	}
	if strings.ContainsAny(c.Prefix, "*> \t\r\n") || strings.HasPrefix(c.Prefix, ".") || strings.HasSuffix(c.Prefix, ".") {
		complaints = append(complaints, fmt.Errorf("DeadLetter.Prefix %q is not a plain subject", c.Prefix))
	}
	if c.MaxBytes < 1 {
		complaints = append(complaints, fmt.Errorf("DeadLetter.MaxBytes is %d, under 1", c.MaxBytes))
	}
	if c.Replicas < 1 || c.Replicas > 5 {
		complaints = append(complaints, fmt.Errorf("DeadLetter.Replicas is %d, not within 1 to 5", c.Replicas))
	}
	return errors.Join(complaints...)
}

// EnsureDeadLetterStream creates the dead letters' stream unless it exists; an existing one is left as it is.
func EnsureDeadLetterStream(ctx context.Context, js jetstream.JetStream, cfg DeadLetterConfig) error {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return fmt.Errorf("bus: dead letter settings: %w", err)
	}
	if _, err := js.Stream(ctx, cfg.Stream); err == nil {
		return nil
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("bus: dead letter stream %s: %w", cfg.Stream, err)
	}
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name:        cfg.Stream,
		Description: "messages that could not be handled, with their reasons",
		Subjects:    []string{cfg.Prefix + ".>"},
		MaxBytes:    cfg.MaxBytes,
		Discard:     jetstream.DiscardNew,
		Replicas:    cfg.Replicas,
	})
	// Another subscriber may have made it meanwhile.
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return fmt.Errorf("bus: create dead letter stream %s: %w", cfg.Stream, err)
	}
	return nil
}

// death is why and after how much a message is given up.
type death struct {
	reason   string
	detail   string
	attempts int
}

// bury stores a copy of the message as a dead letter and returns when the broker has acknowledged it.
func bury(ctx context.Context, js jetstream.JetStream, cfg DeadLetterConfig, durable string, in Incoming, why death) error {
	// The same death told twice (its Term was lost) is one letter within the stream's window; a second death after a redrive is another.
	id := fmt.Sprintf("%s.%s.%d.%d", in.Stream, durable, in.Sequence, in.Stored.UnixNano())
	in, durable = before(in, durable)
	letter := &nats.Msg{
		Subject: cfg.Prefix + "." + in.Stream + "." + durable,
		Header:  deadHeader(durable, in, why),
		Data:    in.Data,
	}
	_, err := js.PublishMsg(ctx, letter, jetstream.WithMsgID(id))
	if errors.Is(err, nats.ErrMaxPayload) {
		// The original is still in its stream, at the sequence the headers name.
		letter.Data = nil
		letter.Header.Set(HeaderDeadBody, "omitted")
		_, err = js.PublishMsg(ctx, letter, jetstream.WithMsgID(id))
	}
	return err
}

func deadHeader(durable string, in Incoming, why death) nats.Header {
	header := make(nats.Header, len(in.Header)+8)
	for key, values := range in.Header {
		switch {
		case strings.HasPrefix(key, natsPrefix):
			header[HeaderDeadOriginal+key] = values
		case key == "Status" && len(in.Data) == 0:
			// The client library would take the letter for a status of the broker.
			header[HeaderDeadOriginal+key] = values
		case strings.HasPrefix(key, "Jieli-Dead-"):
			// A letter that dies again tells its latest death.
		default:
			header[key] = values
		}
	}
	header.Set(HeaderDeadReason, oneLine(why.reason, 64))
	header.Set(HeaderDeadError, oneLine(why.detail, 512))
	header.Set(HeaderDeadStream, in.Stream)
	header.Set(HeaderDeadSequence, strconv.FormatUint(in.Sequence, 10))
	header.Set(HeaderDeadSubject, in.Subject)
	header.Set(HeaderDeadDurable, durable)
	header.Set(HeaderDeadAttempts, strconv.Itoa(why.attempts))
	header.Set(HeaderDeadStored, in.Stored.UTC().Format(time.RFC3339Nano))
	return header
}

// oneLine makes a text fit for a header: no line breaks or control characters, valid UTF-8, bounded.
func oneLine(text string, maxBytes int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxBytes {
		text = strings.ToValidUTF8(text[:maxBytes], "")
	}
	return strings.TrimSpace(text)
}
