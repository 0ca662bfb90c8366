package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Answer is what the sender of an accepted command gets, the same over NATS and HTTP; a refusal is a Problem.
type Answer struct {
	Command  string   `json:"command"`
	Status   string   `json:"status"` // "accepted"
	Subject  string   `json:"subject"`
	Version  uint64   `json:"version"`  // of the entity after the command
	Position string   `json:"position"` // of the commit: "demand.0:1234"
	Events   []string `json:"events"`   // ids; empty when there was nothing to do
	Repeated bool     `json:"repeated"` // the command had been answered before
}

// Accepted is the status of every Answer.
const Accepted = "accepted"

// AppendJSON writes the answer without reflection: the writer of a partition answers thousands at a time.
func (a *Answer) AppendJSON(b []byte) []byte {
	b = append(b, `{"command":"`...)
	b = append(b, a.Command...)
	b = append(b, `","status":"accepted","subject":"`...)
	b = append(b, a.Subject...) // ids need no escaping: ValidID
	b = append(b, `","version":`...)
	b = strconv.AppendUint(b, a.Version, 10)
	b = append(b, `,"position":"`...)
	b = append(b, a.Position...)
	b = append(b, `","events":[`...)
	for i, id := range a.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, id...)
		b = append(b, '"')
	}
	b = append(b, `],"repeated":`...)
	b = strconv.AppendBool(b, a.Repeated)
	return append(b, '}')
}

// DecodeReply reads what a command's sender gets back: an Answer, or a *Problem as the error.
func DecodeReply(b []byte) (*Answer, error) {
	var a Answer
	if err := json.Unmarshal(b, &a); err == nil && a.Status == Accepted {
		return &a, nil
	}
	if p, ok := DecodeProblem(b); ok {
		return nil, p
	}
	return nil, fmt.Errorf("events: neither an answer nor a problem: %.80q", b)
}

// Position is a place in a ledger: commit Sequence of Partition of Context. Index is an event's place in that commit,
// used in origins only.
type Position struct {
	Context   string
	Partition int
	Sequence  uint64
	Index     int
}

// String is "demand.0:1234".
func (p Position) String() string {
	return p.Context + "." + strconv.Itoa(p.Partition) + ":" + strconv.FormatUint(p.Sequence, 10)
}

// Origin is "demand.0:1234:2": where a derived event comes from.
func (p Position) Origin() string { return p.String() + ":" + strconv.Itoa(p.Index) }

// Less orders positions of one context as the ledger stream does.
func (p Position) Less(o Position) bool {
	return p.Sequence < o.Sequence || p.Sequence == o.Sequence && p.Index < o.Index
}

// ParsePosition reads both forms.
func ParsePosition(s string) (Position, error) {
	var p Position
	source, rest, ok := strings.Cut(s, ":")
	context, number, dot := strings.Cut(source, ".")
	if !ok || !dot || !IsContext(context) {
		return p, fmt.Errorf("events: %.60q is not a position such as demand.0:1234", s)
	}
	sequence, index, indexed := strings.Cut(rest, ":")
	p.Context = context
	partition, err := strconv.ParseUint(number, 10, 31)
	if err == nil {
		p.Partition = int(partition)
		p.Sequence, err = strconv.ParseUint(sequence, 10, 64)
	}
	if err == nil && indexed {
		var i uint64
		i, err = strconv.ParseUint(index, 10, 31)
		p.Index = int(i)
	}
	if err != nil {
		return Position{}, fmt.Errorf("events: %.60q is not a position such as demand.0:1234", s)
	}
	return p, nil
}
