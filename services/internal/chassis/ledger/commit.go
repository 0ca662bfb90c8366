package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Sizes. The broker's own limit for a message is 1 MiB.
const (
	CommitBytesMax  = 512 << 10 // a commit with its outcomes, but for its last command
	CommandBytesMax = 128 << 10 // the events of one command
)

// TypeCommit is the type of the record that closes every commit. It is never relayed.
const TypeCommit = "jieli.ledger.commit.v1"

// Hash is the SHA-256 of a commit's body.
type Hash [sha256.Size]byte

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Record closes a commit: its place in the chain and one outcome per command.
type Record struct {
	Commit    string    `json:"commit"`
	Partition string    `json:"partition"` // "demand.0"
	Number    uint64    `json:"number"`    // of the commit in its partition, from 1, gapless
	Prev      string    `json:"prev"`      // hash of commit Number-1; zeros for the first
	Epoch     uint64    `json:"epoch"`     // the writer's lease
	Outcomes  []Outcome `json:"outcomes"`
}

// Outcome is the answer to one command, kept with what it caused.
type Outcome struct {
	Command string          `json:"c"`
	Body    string          `json:"h"` // hash of the command's body
	Subject string          `json:"s"`
	Version uint64          `json:"v,omitempty"` // of the entity afterwards
	First   int             `json:"f,omitempty"` // index of its first event in the commit
	Count   int             `json:"n,omitempty"` // how many events
	Problem *events.Problem `json:"p,omitempty"` // the refusal
}

// outcomeBytes is what an outcome takes in the closing record at most, without its subject and its refusal.
const outcomeBytes = 160

func (o *Outcome) size() int {
	n := outcomeBytes + len(o.Subject)
	if o.Problem != nil {
		n += len(problemBody(o.Problem))
	}
	return n
}

// Stored is a commit in the log.
type Stored struct {
	Sequence  uint64
	Partition int
	Body      []byte
	More      bool // known by a follower: others are stored behind it
}

// Hash is what the next commit of the partition must name.
func (s *Stored) Hash() Hash {
	if planted.On("hash_over_half_the_bytes") {
		return sha256.Sum256(s.Body[:len(s.Body)/2])
	}
	return sha256.Sum256(s.Body)
}

// Commit is a decoded commit.
type Commit struct {
	Record
	Time   time.Time
	Events []events.Event // without the closing record; their data aliases the body
}

var errNoRecord = errors.New("ledger: the commit has no closing record")

// Decode reads a commit. The events alias the body.
func (s *Stored) Decode() (*Commit, error) {
	// Not the door's decoder: its bound for one event's data does not hold for the closing record of a large group.
	var all []events.Event
	err := events.RangeBatch(s.Body, func(e *events.Event) error {
		kept := *e
		kept.Extensions = slices.Clone(e.Extensions)
		all = append(all, kept)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ledger: commit at sequence %d: %w", s.Sequence, err)
	}
	if len(all) == 0 || all[len(all)-1].Type != TypeCommit {
		return nil, fmt.Errorf("%w (sequence %d)", errNoRecord, s.Sequence)
	}
	closing := &all[len(all)-1]
	c := &Commit{Time: closing.Time, Events: all[:len(all)-1]}
	if err := events.Unmarshal(closing.Data, &c.Record); err != nil {
		return nil, fmt.Errorf("ledger: closing record at sequence %d: %w", s.Sequence, err)
	}
	return c, nil
}

// Applied turns a stored event into what Evolve sees. Of a type that this version does not know it gives everything but the data, with
// events.ErrNewerType.
func Applied(e *events.Event) (*step.Applied, error) {
	data, newer := events.DecodeData(e.Type, e.Data)
	if newer != nil && !errors.Is(newer, events.ErrNewerType) {
		return nil, newer
	}
	version, err := strconv.ParseUint(e.Get(events.ExtSequence), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("ledger: event %s has no version", e.ID)
	}
	return &step.Applied{Type: e.Type, Subject: e.Subject, Version: version, Time: e.Time, Data: data}, newer
}

// builder assembles the body of a commit.
type builder struct {
	source  string // of the partition's events
	now     time.Time
	body    []byte
	events  int
	outcome []Outcome
	data    []byte // of the closing record
	closing int    // bytes that the outcomes will take
	ext     [16]events.Extension
}

func (b *builder) reset(now time.Time) {
	b.now = now
	b.body = append(b.body[:0], '[')
	b.events = 0
	b.outcome = b.outcome[:0]
	b.closing = 0
}

// full reports that no further command has room in the commit: the broker would refuse a larger one.
func (b *builder) full() bool { return len(b.body)+b.closing >= CommitBytesMax }

func (b *builder) record(o Outcome) {
	b.outcome = append(b.outcome, o)
	b.closing += o.size()
}

// add encodes one decided event and returns its id.
func (b *builder) add(c *step.Command, index int, d *step.Event, version uint64) (string, error) {
	data, err := json.Marshal(d.Data)
	if err != nil {
		return "", fmt.Errorf("ledger: payload of %s: %w", d.Type, err)
	}
	e := events.Event{
		ID:      events.EventID(c.ID, index, d.Type, c.Subject, data),
		Source:  b.source,
		Type:    d.Type,
		Subject: c.Subject,
		Time:    b.now,
		Data:    data,
	}
	e.Extensions = b.extensions(c, d, version)
	if b.events > 0 {
		b.body = append(b.body, ',')
	}
	b.body = events.AppendJSON(b.body, &e)
	b.events++
	return e.ID, nil
}

// extensions in ascending order of name.
func (b *builder) extensions(c *step.Command, d *step.Event, version uint64) []events.Extension {
	x := b.ext[:0]
	text := func(name, value string) {
		if value != "" {
			x = append(x, events.Extension{Name: name, Value: value})
		}
	}
	text(events.ExtActor, string(c.Actor))
	if d.Attr.AmountWan != 0 {
		x = append(x, events.Extension{Name: events.ExtAmountWan, Value: strconv.Itoa(int(d.Attr.AmountWan)), Kind: events.Integer})
	}
	id := c.ID.String()
	text(events.ExtCausation, id)
	if c.CorrelationID != "" {
		text(events.ExtCorrelation, c.CorrelationID)
	} else {
		text(events.ExtCorrelation, id)
	}
	text(events.ExtCurrency, d.Attr.Currency)
	if entry, ok := events.Lookup(d.Type); ok && entry.DataClass > 0 {
		x = append(x, events.Extension{Name: events.ExtDataClass, Value: strconv.Itoa(entry.DataClass), Kind: events.Integer})
	}
	text(events.ExtIndustry, d.Attr.Industry)
	text(events.ExtInstrument, d.Attr.Instrument)
	text(events.ExtRegion, d.Attr.Region)
	text(events.ExtSequence, sequence(version))
	text(events.ExtStage, d.Attr.Stage)
	text(events.ExtTraceParent, c.TraceParent)
	return x
}

// sequence is fixed-width so that the text orders as the number does (the CloudEvents sequence extension asks for that).
func sequence(version uint64) string {
	var b [10]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + version%10)
		version /= 10
	}
	return string(b[:])
}

// close appends the record and returns the finished body, which is the builder's own: it holds until the next reset.
func (b *builder) close(r Record) ([]byte, error) {
	r.Outcomes = b.outcome
	var err error
	if b.data, err = appendRecord(b.data[:0], &r); err != nil {
		return nil, fmt.Errorf("ledger: closing record: %w", err)
	}
	if b.events > 0 {
		b.body = append(b.body, ',')
	}
	b.body = events.AppendJSON(b.body, &events.Event{
		ID: r.Commit, Source: b.source, Type: TypeCommit, Time: b.now, Data: b.data,
	})
	b.body = append(b.body, ']')
	return b.body, nil
}

// appendRecord writes a record as encoding/json does (a test holds it to that), without reflection: a commit has hundreds of outcomes.
// Its texts are ids, names and hex digits, which need no escaping.
func appendRecord(b []byte, r *Record) ([]byte, error) {
	text := func(name, value string) {
		b = append(b, name...)
		b = append(b, '"')
		b = append(b, value...)
		b = append(b, '"')
	}
	number := func(name string, value uint64) {
		b = append(b, name...)
		b = strconv.AppendUint(b, value, 10)
	}
	text(`{"commit":`, r.Commit)
	text(`,"partition":`, r.Partition)
	number(`,"number":`, r.Number)
	text(`,"prev":`, r.Prev)
	number(`,"epoch":`, r.Epoch)
	b = append(b, `,"outcomes":[`...)
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		if i > 0 {
			b = append(b, ',')
		}
		text(`{"c":`, o.Command)
		text(`,"h":`, o.Body)
		text(`,"s":`, o.Subject)
		if o.Version != 0 {
			number(`,"v":`, o.Version)
		}
		if o.First != 0 {
			number(`,"f":`, uint64(o.First))
		}
		if o.Count != 0 {
			number(`,"n":`, uint64(o.Count))
		}
		if o.Problem != nil {
			problem, err := json.Marshal(o.Problem)
			if err != nil {
				return nil, err
			}
			b = append(b, `,"p":`...)
			b = append(b, problem...)
		}
		b = append(b, '}')
	}
	return append(b, "]}"...), nil
}
