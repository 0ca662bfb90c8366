// Package step is the pure part of a service: what it decides and what that changes. Nothing here knows a broker, a store,
// a clock or a logger, so the same code runs in production (chassis/ledger), in the checker, and in a single-threaded simulator.
package step

import (
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Command is a request that has passed the edge: its payload is valid against its schema and decoded.
type Command struct {
	ID            events.UUID
	Type          string
	Subject       string // the entity it is about, and the key of its partition
	Actor         Actor
	Expected      uint64 // version the sender saw; 0: any
	Data          any    // pointer to the payload type of Type
	Facts         any    // what Prepare looked up elsewhere; a decision that rests on it records it in its event
	CorrelationID string
	TraceParent   string
}

// Event is a decided fact before the frame gives it id, time and version.
type Event struct {
	Type string
	Data any // pointer to the payload type of Type
	Attr events.Attributes
}

// Applied is an event as Evolve sees it, in decision and in replay alike.
type Applied struct {
	Type    string
	Subject string
	Version uint64 // of the entity after this event; the first is 1
	Time    time.Time
	Data    any
}

// Timer is the next thing that time alone makes an entity do: at At, Command is given with Data. The zero Timer means none.
type Timer struct {
	At      time.Time
	Command string
	Data    any
}

// Decider is one context's rules for one entity of type T. All functions are pure: same arguments, same result, nothing changed.
type Decider[T any] struct {
	Context string
	// FoldVersion changes when T or Evolve changes in a way that makes an old snapshot wrong.
	FoldVersion int
	// Decide answers a command. state is nil when the entity does not exist. No events and no error: accepted, nothing to do.
	// An error is an *events.Problem: the refusal.
	Decide func(state *T, c *Command, now time.Time) ([]Event, error)
	// Evolve returns the entity after the event; state is nil before the first. It must not change *state or anything it shares.
	Evolve func(state *T, e *Applied) *T
	// Due names the entity's next timer; nil: the context has none.
	Due func(state *T) Timer
	// Check is what must hold of the entity after every event (capacity never over-allocated and the like); nil: nothing. The
	// checker asks it at every prefix of the log.
	Check func(state *T) error
}

// Machine is a Decider with its entity type erased.
type Machine interface {
	Context() string
	FoldVersion() int
	// Entity returns a pointer to a zero entity: what a document looks like.
	Entity() any
	// New returns the empty state of one partition.
	New() State
	// Project applies an event to one entity's document (nil before the first): a read model is the entity itself.
	Project(doc []byte, e *Applied) ([]byte, error)
}

// State is the entities of one partition. It is not safe for concurrent use: its partition's writer owns it.
type State interface {
	// Decide answers a command without changing anything.
	Decide(c *Command, now time.Time) ([]Event, error)
	// Apply evolves one entity. The returned Undo takes it back; undo in reverse order of application.
	Apply(e *Applied) Undo
	Undo(Undo)
	// Version is the entity's version, 0 when it does not exist.
	Version(subject string) uint64
	// Check holds one entity to the service's invariants.
	Check(subject string) error
	// NextDue is the earliest timer; false when there is none.
	NextDue() (time.Time, bool)
	// Due lists at most limit commands whose time has come, earliest first. Their ids derive from (subject, version, time),
	// so the same due timer asked for twice is one command.
	Due(now time.Time, limit int) []*Command
	// Retime asks every entity for its next timer again: rules that timers follow from have changed.
	Retime()
	Len() int
	// Freeze returns the entities as they are now, for Range alone. It copies references, not entities: Evolve never changes
	// an old one, so the copy stays as it is while the state moves on.
	Freeze() State
	// Range visits every entity in ascending order of subject, as its document. It stops at the first error.
	Range(visit func(subject string, version uint64, doc []byte) error) error
	// Load puts back an entity that Range gave.
	Load(subject string, version uint64, doc []byte) error
}

// Undo takes back one Apply.
type Undo struct {
	subject string
	entry   any
}
