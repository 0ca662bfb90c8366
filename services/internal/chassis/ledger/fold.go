package ledger

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Tip is the end of a partition as a fold has read it.
type Tip struct {
	Sequence uint64    `json:"sequence"` // of the last commit in the stream; 0: none
	Number   uint64    `json:"number"`
	Hash     Hash      `json:"-"`
	Time     time.Time `json:"time"`
}

// fold is a partition's state with everything that follows from its log.
type fold struct {
	name     string // "demand.0"
	machine  step.Machine
	state    step.State
	outcomes *outcomes
	tip      Tip
	events   uint64 // applied since the state was empty or loaded
}

func newFold(machine step.Machine, partition int) *fold {
	return &fold{
		name:     PartitionName(machine.Context(), partition),
		machine:  machine,
		state:    machine.New(),
		outcomes: newOutcomes(),
	}
}

// freeze returns the fold as it is now, to be written while this one moves on.
func (f *fold) freeze() *fold {
	frozen := *f
	frozen.state, frozen.outcomes = f.state.Freeze(), f.outcomes.freeze()
	return &frozen
}

// PartitionName is "demand.0".
func PartitionName(context string, partition int) string {
	return fmt.Sprintf("%s.%d", context, partition)
}

// ChainError says that a log is not the one its reader knows, or has been damaged.
type ChainError struct {
	Partition string
	Sequence  uint64
	Why       string
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("ledger: partition %s refuses to serve: at sequence %d the log is not what was written: %s. Restore the broker's store from a backup or another replica. / "+
		"账本分区 %s 拒绝服务：序号 %d 处与写入时不符。请从备份或其他副本恢复存储。", e.Partition, e.Sequence, e.Why, e.Partition, e.Sequence)
}

// check holds a commit against the tip: number and hash must follow.
func (t Tip) check(partition string, s *Stored, c *Commit) error {
	wrong := func(why string, args ...any) error {
		return &ChainError{partition, s.Sequence, fmt.Sprintf(why, args...)}
	}
	switch {
	case c.Partition != partition:
		return wrong("the commit belongs to partition %s", c.Partition)
	case s.Sequence <= t.Sequence:
		return wrong("the sequence does not grow (after %d)", t.Sequence)
	case c.Number != t.Number+1:
		return wrong("commit %d follows commit %d", c.Number, t.Number)
	case c.Prev != t.Hash.String() && !planted.On("hash_link_unchecked"):
		return wrong("it names hash %.16s of the commit before it, which has %.16s", c.Prev, t.Hash)
	}
	return nil
}

// absorb applies a stored commit that follows the tip. On an error the fold is unusable.
func (f *fold) absorb(s *Stored) error {
	c, err := s.Decode()
	if err != nil {
		return err
	}
	if err := f.tip.check(f.name, s, c); err != nil {
		return err
	}
	for i := range c.Events {
		e, err := Applied(&c.Events[i])
		if err != nil {
			return &ChainError{f.name, s.Sequence, err.Error()}
		}
		if have := f.state.Version(e.Subject); e.Version != have+1 {
			return &ChainError{f.name, s.Sequence, fmt.Sprintf("version %d of %s follows version %d", e.Version, e.Subject, have)}
		}
		f.state.Apply(e)
		f.events++
	}
	for i := range c.Outcomes {
		id, body, err := c.Outcomes[i].key()
		if err != nil {
			return &ChainError{f.name, s.Sequence, err.Error()}
		}
		if planted.On("dedupe_in_memory_only") {
			continue
		}
		f.outcomes.add(id, outcomeRef{body, s.Sequence}, c.Time)
	}
	f.tip = Tip{Sequence: s.Sequence, Number: c.Number, Hash: s.Hash(), Time: c.Time}
	return nil
}

func (o *Outcome) key() (events.UUID, bodyHash, error) {
	var body bodyHash
	id, err := events.ParseUUID(o.Command)
	if err != nil {
		return id, body, fmt.Errorf("outcome of command %q: %w", o.Command, err)
	}
	if len(o.Body) != hex.EncodedLen(len(body)) {
		return id, body, fmt.Errorf("outcome of command %s has no body hash", o.Command)
	}
	if _, err := hex.Decode(body[:], []byte(o.Body)); err != nil {
		return id, body, fmt.Errorf("outcome of command %s has no body hash", o.Command)
	}
	return id, body, nil
}
