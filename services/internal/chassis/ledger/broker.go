package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Errors of the Broker port.
var (
	// ErrInDoubt: the append may have happened or not. Look for the commit before anything else.
	ErrInDoubt = errors.New("ledger: the outcome of the append is not known")
	// ErrNoSpace: surely not stored; the broker has no room.
	ErrNoSpace = errors.New("ledger: the broker has no room")
	// ErrNone: there is no such commit.
	ErrNone = errors.New("ledger: no commit there")
	// ErrNobody: no writer takes this partition's commands at the moment.
	ErrNobody = errors.New("ledger: the partition has no writer")
	// ErrHeld: the lease is another's.
	ErrHeld = errors.New("ledger: the lease is held by another")
	// ErrPartitions: the ledger was made with another number of partitions.
	ErrPartitions = errors.New("ledger: the ledger has another number of partitions")
)

// LogInfo describes a context's log.
type LogInfo struct {
	Created    time.Time
	Partitions int
	Last       uint64 // sequence of the last commit of any partition, 0 when empty
}

// Log is the append log of one context. Sequences grow over all partitions together.
type Log interface {
	Info(ctx context.Context) (LogInfo, error)
	// Append stores body as the partition's next commit, if the partition's last commit still has sequence expect (0: none).
	// Any error but ErrNoSpace means in doubt. The body is the caller's again when Append returns.
	Append(ctx context.Context, partition int, expect uint64, body []byte) (sequence uint64, err error)
	// Next reads the partition's first commit after a sequence, from the leader; ErrNone when there is none.
	Next(ctx context.Context, partition int, after uint64) (*Stored, error)
	// Last reads the partition's last commit, from the leader; ErrNone when there is none.
	Last(ctx context.Context, partition int) (*Stored, error)
	// Get reads the commit at a sequence, whatever its partition; ErrNone when there is none.
	Get(ctx context.Context, sequence uint64) (*Stored, error)
	// Follow visits the commits after a sequence in order, first those that exist, then new ones as they come, until the context
	// ends or visit fails. partition -1 means all. visit is called from one goroutine; a Stored may be kept.
	Follow(ctx context.Context, partition int, after uint64, visit func(*Stored) error) error
}

// Leases hand out the right to write a partition. They keep two writers from getting in each other's way; correctness rests
// on the log's compare-and-set.
type Leases interface {
	// Acquire takes a free or expired lease, or one that owner holds already (a restarted process finds its own again).
	// epoch grows with every change of holder. ErrHeld when it is another's.
	Acquire(ctx context.Context, key, owner string) (epoch uint64, err error)
	// Renew keeps it; ErrHeld when it has been lost.
	Renew(ctx context.Context, key, owner string, epoch uint64) (next uint64, err error)
	Release(ctx context.Context, key string, epoch uint64) error
	// Holder is who holds a lease, "" when it is free.
	Holder(ctx context.Context, key string) (owner string, err error)
	// TTL is how long a lease lives without renewal.
	TTL() time.Duration
}

// Request is a command as it reaches a partition's writer.
type Request struct {
	Event   events.Event
	Refused *events.Problem // the transport could not read it; Event has at most its attributes then
	// Respond answers once; nil when the sender wants no answer.
	Respond func(body []byte)
}

// Audit records a refusal at the edge.
type Audit struct {
	Time    time.Time       `json:"time"`
	Context string          `json:"context"`
	Command string          `json:"command,omitempty"`
	Type    string          `json:"type,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Actor   string          `json:"actor,omitempty"`
	Body    string          `json:"body_sha256,omitempty"`
	Request string          `json:"request,omitempty"` // over HTTP: method and path, at most 200 bytes
	Problem *events.Problem `json:"problem"`
}

// Broker is everything the frame wants from outside.
type Broker interface {
	// OpenLog creates the log when it is absent. ErrPartitions when it exists with another count.
	OpenLog(ctx context.Context, context string, partitions int) (Log, error)
	Leases() Leases
	// Serve hands the partition's commands to handle, which must not block for long. Each command goes to one server, however many
	// there are. stop returns when handle will not be called again.
	Serve(context string, partition int, handle func(*Request)) (stop func(), err error)
	// Send delivers a command and waits for the answer; ErrNobody when nobody serves the partition.
	Send(ctx context.Context, context string, partition int, e *events.Event) (body []byte, err error)
	// Audit stores a refusal, best effort and bounded: it never blocks a command.
	Audit(a *Audit)
}
