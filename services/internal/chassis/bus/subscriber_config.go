package bus

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/nats-io/nats.go/jetstream"
)

// Source says where the messages of a topic are and who reads them.
type Source struct {
	// Stream is the broker's stream. Empty: the stream that holds the first of Subjects is looked up.
	Stream string
	// Subjects filter the stream; wildcards are allowed. Empty: the whole stream.
	Subjects []string
	// Durable names the consumer. Empty: made of Group and topic.
	Durable string
}

// SubscriberConfig tunes a Subscriber. Group is required.
type SubscriberConfig struct {
	// Group names the reader (a service): subscribers of one group share a topic's messages, each group gets all.
	Group string
	// Source maps a topic. Default: the topic is the subject (filter), its stream is looked up.
	Source func(topic string) (Source, error)
	// Provision returns the stream to create for a topic that has none. nil: streams must exist.
	Provision func(topic string) jetstream.StreamConfig
	// Marshaler reads the wire form. Default Binary{}.
	Marshaler Marshaler
	// LaneHeader holds the entity whose messages stay in order. Default "ce-subject". A message without it belongs to
	// the entity named by its broker subject.
	LaneHeader string
	// Lanes is how many messages are handled at a time: 1 to 4,096, default 16. With 1 the whole topic is in order.
	Lanes int
	// Window is how many messages may wait in or before the lanes: 1 to 65,536, default 1,024, at least Lanes.
	Window int
	// Prefetch is how many messages are asked for at a time: 1 to 65,536, default 512.
	Prefetch int
	// AckWait is how long the broker waits before it gives a message to another subscriber of the group. Messages
	// waiting or being handled here renew it, so it bounds the recovery from a crash, not the handler. Default 30 s.
	AckWait time.Duration
	// MaxAckPending bounds the group's unacknowledged messages. Default 4 x Window.
	MaxAckPending int
	// DeliverPolicy says where a new durable starts: jetstream.DeliverAllPolicy (default) or DeliverNewPolicy.
	DeliverPolicy jetstream.DeliverPolicy
	// MaxAttempts is how often a message is handled before it becomes a dead letter. Default 10; negative: for ever.
	MaxAttempts int
	// InPlaceAttempts is how many attempts are made without letting later messages of the lane pass. Further ones go
	// through the broker, which frees the lane and gives up the message's place in the order. Default 5.
	InPlaceAttempts int
	// Backoff is the pause between attempts. Default 50 ms to 30 s.
	Backoff Backoff
	// DeadLetter says where dead letters go.
	DeadLetter DeadLetterConfig
	// Heartbeat is how often a silent broker shows that it is there; two missed ones renew the subscription. At least
	// 500 ms, default 5 s.
	Heartbeat time.Duration
	// CloseTimeout is how long Close waits for messages being handled. Default 10 s.
	CloseTimeout time.Duration
	// Logger hears about troubles. Default: silent.
	Logger watermill.LoggerAdapter
}

func (c *SubscriberConfig) setDefaults() {
	if c.Source == nil {
		c.Source = func(topic string) (Source, error) { return Source{Subjects: []string{topic}}, nil }
	}
	if c.Marshaler == nil {
		c.Marshaler = Binary{}
	}
	if c.LaneHeader == "" {
		c.LaneHeader = "ce-subject"
	}
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
	for _, n := range []struct {
		field *int
		value int
	}{{&c.Lanes, 16}, {&c.Window, 1024}, {&c.Prefetch, 512}, {&c.MaxAttempts, 10}, {&c.InPlaceAttempts, 5}} {
		if *n.field == 0 {
			*n.field = n.value
		}
	}
	if c.MaxAckPending == 0 {
		c.MaxAckPending = 4 * c.Window
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.AckWait, 30 * time.Second}, {&c.Heartbeat, 5 * time.Second}, {&c.CloseTimeout, 10 * time.Second},
		{&c.Backoff.Min, 50 * time.Millisecond}, {&c.Backoff.Max, 30 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	c.DeadLetter.setDefaults()
}

// Validate names every wrong field at once.
func (c SubscriberConfig) Validate() error {
	var complaints []error
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Errorf(format, args...)) }
	if !validName(c.Group) {
		complain("Group %q must be 1 to 100 letters, digits, '_' or '-'", c.Group)
	}
	if c.Lanes < 1 || c.Lanes > 4096 {
		complain("Lanes is %d, not within 1 to 4,096", c.Lanes)
	}
	if c.Window < max(c.Lanes, 1) || c.Window > 1<<16 {
		complain("Window is %d, not within Lanes (%d) to 65,536", c.Window, c.Lanes)
	}
	if c.Prefetch < 1 || c.Prefetch > 1<<16 {
		complain("Prefetch is %d, not within 1 to 65,536", c.Prefetch)
	}
	if c.MaxAckPending < 1 {
		complain("MaxAckPending is %d, under 1", c.MaxAckPending)
	}
	if c.InPlaceAttempts < 1 {
		complain("InPlaceAttempts is %d, under 1", c.InPlaceAttempts)
	}
	if c.AckWait < 100*time.Millisecond {
		complain("AckWait is %s, under 100 ms", c.AckWait)
	}
	if c.Heartbeat < 500*time.Millisecond || c.Heartbeat > 30*time.Second {
		complain("Heartbeat is %s, not within 500 ms to 30 s", c.Heartbeat)
	}
	if c.CloseTimeout < 0 {
		complain("CloseTimeout is negative (%s)", c.CloseTimeout)
	}
	if c.Backoff.Min <= 0 || c.Backoff.Max < c.Backoff.Min {
		complain("Backoff runs from %s to %s", c.Backoff.Min, c.Backoff.Max)
	}
	if c.DeliverPolicy != jetstream.DeliverAllPolicy && c.DeliverPolicy != jetstream.DeliverNewPolicy {
		complain("DeliverPolicy is %s, neither all nor new", c.DeliverPolicy)
	}
	return errors.Join(append(complaints, c.DeadLetter.validate())...)
}

func validName(name string) bool {
	return name != "" && len(name) <= 100 && strings.IndexFunc(name, notNameRune) < 0
}

func notNameRune(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-')
}
