package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// HeaderID is the header that carries the event's id: the CloudEvents attribute id in binary mode.
const HeaderID = "ce-id"

// Incoming is a stored message as the broker delivered it. It is read-only.
type Incoming struct {
	Stream   string
	Sequence uint64    // in the stream
	Stored   time.Time // when the broker stored it
	Subject  string
	Header   nats.Header
	Data     []byte
}

// Marshaler turns Watermill messages into broker messages and back. Implementations are safe for concurrent use.
type Marshaler interface {
	// Marshal returns the broker's message; the caller sets its subject. An error means that the message is refused
	// and nothing was sent.
	Marshal(msg *message.Message) (*nats.Msg, error)
	// Unmarshal returns the message for the handler, never nil without an error. Any error moves the message to the
	// dead letters at once; a *MalformedError gives the reason, other errors count as ReasonUndecodable.
	Unmarshal(in Incoming) (*message.Message, error)
}

// MalformedError says why a message can't be read, now or ever.
type MalformedError struct {
	Reason string // one of the Reason constants, or a code of the Marshaler's own
	Detail string
}

func (e *MalformedError) Error() string { return e.Reason + ": " + e.Detail }

// ErrUnsendable marks metadata that would not arrive as they were sent.
var ErrUnsendable = errors.New("metadata cannot travel as headers")

// Binary is the default Marshaler: CloudEvents binary mode. Metadata are the headers, key by key as they are; the UUID
// travels in ce-id unless the metadata have one, which then is the UUID on arrival.
type Binary struct {
	// CheckJSON refuses a body that isn't JSON although its content type says so.
	CheckJSON bool
}

// Marshal refuses (ErrUnsendable) keys and values that the wire would drop or change silently.
func (Binary) Marshal(msg *message.Message) (*nats.Msg, error) {
	header := make(nats.Header, len(msg.Metadata)+1)
	values := make([]string, 0, len(msg.Metadata)+1)
	put := func(key, value string) {
		values = append(values, value)
		header[key] = values[len(values)-1 : len(values) : len(values)]
	}
	for key, value := range msg.Metadata {
		if !validKey(key) || !validValue(value) {
			return nil, fmt.Errorf("%w: %q: %q", ErrUnsendable, key, value)
		}
		// The client library takes a bodyless message with this header for a status of the broker.
		if key == "Status" && len(msg.Payload) == 0 {
			return nil, fmt.Errorf("%w: Status on a message without a body", ErrUnsendable)
		}
		put(key, value)
	}
	if _, ok := header[HeaderID]; !ok && msg.UUID != "" {
		if !validValue(msg.UUID) {
			return nil, fmt.Errorf("%w: UUID %q", ErrUnsendable, msg.UUID)
		}
		put(HeaderID, msg.UUID)
	}
	if err := repeated(header); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsendable, err)
	}
	return &nats.Msg{Header: header, Data: msg.Payload}, nil
}

// Unmarshal refuses a repeated header: which of its values is meant is a guess, and the first to guess otherwise lets
// a hostile sender pass one check and hit another. Headers of the broker itself (Nats-...) do not become metadata:
// passed on by a handler they would change how its answer is stored.
func (b Binary) Unmarshal(in Incoming) (*message.Message, error) {
	if err := repeated(in.Header); err != nil {
		return nil, err
	}
	id := ""
	metadata := make(message.Metadata, len(in.Header))
	for key, values := range in.Header {
		if len(values) == 0 || strings.HasPrefix(key, natsPrefix) {
			continue
		}
		if strings.EqualFold(key, HeaderID) {
			id = values[0]
		}
		metadata[key] = values[0]
	}
	if id == "" {
		// Stable over redeliveries, so that consumers can deduplicate by it.
		id = in.Stream + ":" + strconv.FormatUint(in.Sequence, 10)
	}
	if b.CheckJSON && jsonContent(metadata) && !json.Valid(in.Data) {
		return nil, &MalformedError{Reason: ReasonUndecodable, Detail: "the content type says JSON, the body is not"}
	}
	msg := message.NewMessage(id, in.Data)
	msg.Metadata = metadata
	return msg, nil
}

const natsPrefix = "Nats-"

// repeated looks for a header with two values, under one spelling or several: header names ignore case.
func repeated(header nats.Header) error {
	mixed := 0
	for key, values := range header {
		if len(values) > 1 {
			return &MalformedError{Reason: ReasonRepeatedHeader, Detail: fmt.Sprintf("%q has %d values", key, len(values))}
		}
		if !lowerCase(key) {
			mixed++
		}
	}
	if mixed == 0 {
		return nil // the ordinary case costs no allocation
	}
	seen := make(map[string]string, len(header))
	for key := range header {
		low := strings.ToLower(key)
		if other, ok := seen[low]; ok {
			return &MalformedError{Reason: ReasonRepeatedHeader, Detail: fmt.Sprintf("%q and %q are one name", other, key)}
		}
		seen[low] = key
	}
	return nil
}

func lowerCase(key string) bool {
	for i := range len(key) {
		if c := key[i]; 'A' <= c && c <= 'Z' || c >= 0x80 {
			return false
		}
	}
	return true
}

// validKey holds keys to RFC 9110 tokens.
func validKey(key string) bool {
	for i := range len(key) {
		c := key[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return key != ""
}

// validValue refuses what a header line can't hold, and blanks at the ends, which the wire trims.
func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return strings.Trim(value, " \t") == value
}

func jsonContent(metadata message.Metadata) bool {
	kind := metadata["content-type"]
	if kind == "" {
		kind = metadata["ce-datacontenttype"]
	}
	kind, _, _ = strings.Cut(kind, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}
