package ledger

import (
	"context"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// What the tests, which live outside the package with the machine they share, look at from within.

// Fold is a partition's fold.
type Fold = fold

// FoldTip, FoldState and FoldOutcomes are a fold's parts.
func (f *fold) FoldTip() Tip          { return f.tip }
func (f *fold) FoldState() step.State { return f.state }

// Remembered counts the commands that a fold remembers, and finds one.
func (f *fold) Remembered() int { return len(f.outcomes.refs) }

// Restore is restore without progress.
func Restore(ctx context.Context, log Log, created time.Time, machine step.Machine, partition int, dir string) (f *Fold, ignored, err error) {
	return restore(ctx, log, created, machine, partition, fileSnapshot(dir), nil)
}

// WriteSnapshot, LoadSnapshot and SnapshotPath are those of the package.
var (
	WriteSnapshot = writeSnapshot
	SnapshotPath  = snapshotPath
)

// LoadSnapshot reads a snapshot file.
func LoadSnapshot(dir string, created time.Time, machine step.Machine, partition int) (*Fold, error) {
	return loadSnapshot(fileSnapshot(dir), created, machine, partition)
}

// FirstOutcome is the first answer of a command, read from a commit.
func FirstOutcome(ctx context.Context, log Log, sequence uint64, command, context string) ([]byte, error) {
	return first(ctx, log, sequence, command, context)
}

// Retained drives the memory of command ids.
type Retained struct{ o *outcomes }

// NewRetained is empty.
func NewRetained() Retained { return Retained{newOutcomes()} }

// Add remembers a command at a time; Has looks for it; Days is how many days are kept.
func (r Retained) Add(id events.UUID, sequence uint64, at time.Time) {
	r.o.add(id, outcomeRef{sequence: sequence}, at)
}
func (r Retained) Has(id events.UUID) (sequence uint64, ok bool) {
	ref, ok := r.o.get(id)
	return ref.sequence, ok
}
func (r Retained) Days() int { return len(r.o.days) }
func (r Retained) Len() int  { return len(r.o.refs) }

// Bounds that tests reach.
const (
	DoubtAnswer = doubtAnswer
	GroupMax    = groupMax
	ReadTimeout = readTimeout
)

// Writes is how many partitions this keeper writes.
func (k *Keeper) Writes() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.writers)
}
