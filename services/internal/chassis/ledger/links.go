package ledger

import "fmt"

// Links holds the commits of a context's whole log, in order, to what a ledger promises of its order: sequences without a gap from 1,
// and of each partition numbers without a gap and the hash of the commit before.
type Links struct {
	Context string
	Tips    []Tip // by partition, as of the last commit
	Last    uint64
}

// Add takes the next commit; the error says what does not fit.
func (l *Links) Add(s *Stored) error {
	if s.Sequence != l.Last+1 {
		return fmt.Errorf("ledger: %s: sequence %d follows %d", l.Context, s.Sequence, l.Last)
	}
	if s.Partition < 0 || s.Partition >= len(l.Tips) {
		return fmt.Errorf("ledger: %s: sequence %d is of partition %d of %d", l.Context, s.Sequence, s.Partition, len(l.Tips))
	}
	c, err := s.Decode()
	if err != nil {
		return err
	}
	if err := l.Tips[s.Partition].check(PartitionName(l.Context, s.Partition), s, c); err != nil {
		return err
	}
	l.Last = s.Sequence
	l.Tips[s.Partition] = Tip{Sequence: s.Sequence, Number: c.Number, Hash: s.Hash(), Time: c.Time}
	return nil
}
