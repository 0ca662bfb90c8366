package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// simLog is the log of one context: compare-and-set by partition, sequences over all of them.
type simLog struct {
	w         *world
	context   string
	info      ledger.LogInfo
	commits   []*ledger.Stored // commits[i] has sequence i+1
	at        []time.Time      // when each was stored
	lost      []*ledger.Stored // a tail that a damaged disk took; the operator can bring it back
	lostAt    []time.Time
	regrown   bool      // something was stored behind a lost tail
	fullUntil time.Time // the disk takes nothing before
	silent    bool      // and says nothing
	faults    *faults
	planted   string
	grown     func(l *simLog)
}

// appendTimeout is how long a writer waits for an answer.
const appendTimeout = 2 * time.Second

var errTransient = errors.New("simtest: no answer")

func (l *simLog) Info(context.Context) (ledger.LogInfo, error) {
	info := l.info
	info.Last = uint64(len(l.commits))
	return info, nil
}

func (l *simLog) Append(_ context.Context, partition int, expect uint64, body []byte) (uint64, error) {
	w := l.w
	w.pause(w.moment(2 * time.Millisecond))
	if w.now.Before(l.fullUntil) {
		if l.silent {
			w.pause(appendTimeout)
			return 0, fmt.Errorf("%w: silence", ledger.ErrInDoubt)
		}
		return 0, ledger.ErrNoSpace
	}
	switch l.faults.draw(w, faultNotStored, faultStoredUnanswered, faultStoredLate, faultStoredTwice, faultPausedWriter) {
	case faultNotStored:
		w.pause(appendTimeout)
		return 0, fmt.Errorf("%w: no answer", ledger.ErrInDoubt)
	case faultStoredUnanswered:
		_, _ = l.store(partition, expect, body)
		w.pause(appendTimeout)
		return 0, fmt.Errorf("%w: no answer", ledger.ErrInDoubt)
	case faultStoredLate:
		late, kept := w.moment(3*appendTimeout), bytes.Clone(body)
		w.spawn(nil, "network", func() {
			w.pause(late)
			_, _ = l.store(partition, expect, kept)
		})
		w.pause(w.moment(appendTimeout))
		return 0, fmt.Errorf("%w: in flight", ledger.ErrInDoubt)
	case faultStoredTwice:
		kept := bytes.Clone(body)
		w.spawn(nil, "network", func() {
			w.pause(w.moment(appendTimeout))
			_, _ = l.store(partition, expect, kept)
		})
	case faultPausedWriter:
		w.pause(w.moment(3 * leaseTTL)) // before the broker hears of it: the lease may be another's by then
	}
	if l.planted == PlantedLostAck && l.faults.on && w.chance(20) {
		return uint64(len(l.commits)) + 1, nil
	}
	sequence, err := l.store(partition, expect, body)
	w.pause(w.moment(2 * time.Millisecond))
	return sequence, err
}

// store is the broker's own step.
func (l *simLog) store(partition int, expect uint64, body []byte) (uint64, error) {
	if l.w.now.Before(l.fullUntil) {
		return 0, ledger.ErrInDoubt
	}
	if last := l.last(partition); last.Sequence != expect && l.planted != PlantedNoCompare {
		return 0, fmt.Errorf("%w: the last commit is %d, not %d", ledger.ErrInDoubt, last.Sequence, expect)
	}
	if len(l.lost) > 0 {
		l.regrown = true
	}
	s := &ledger.Stored{Sequence: uint64(len(l.commits)) + 1, Partition: partition, Body: bytes.Clone(body)}
	l.commits, l.at = append(l.commits, s), append(l.at, l.w.now)
	l.w.tell("%s.%d: commit stored at sequence %d", l.context, partition, s.Sequence)
	l.grown(l)
	return s.Sequence, nil
}

func (l *simLog) last(partition int) *ledger.Stored {
	for i := len(l.commits) - 1; i >= 0; i-- {
		if l.commits[i].Partition == partition {
			return l.commits[i]
		}
	}
	return &ledger.Stored{}
}

// read delays a reader now and then, or answers nothing.
func (l *simLog) read() error {
	switch l.faults.draw(l.w, faultReadFails, faultReadSlow) {
	case faultReadFails:
		l.w.pause(l.w.moment(time.Second))
		return errTransient
	case faultReadSlow:
		l.w.pause(l.w.moment(2 * time.Second))
	}
	return nil
}

func (l *simLog) Next(_ context.Context, partition int, after uint64) (*ledger.Stored, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	return l.next(partition, after)
}

func (l *simLog) next(partition int, after uint64) (*ledger.Stored, error) {
	for i := int(after); i < len(l.commits); i++ {
		if partition < 0 || l.commits[i].Partition == partition {
			return l.commits[i], nil
		}
	}
	return nil, ledger.ErrNone
}

func (l *simLog) Last(_ context.Context, partition int) (*ledger.Stored, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	if s := l.last(partition); s.Sequence > 0 {
		return s, nil
	}
	return nil, ledger.ErrNone
}

func (l *simLog) Get(_ context.Context, sequence uint64) (*ledger.Stored, error) {
	if err := l.read(); err != nil {
		return nil, err
	}
	if sequence == 0 || sequence > uint64(len(l.commits)) {
		return nil, ledger.ErrNone
	}
	return l.commits[sequence-1], nil
}

// Follow visits what there is and then fails: nobody here waits on it for more.
func (l *simLog) Follow(_ context.Context, partition int, after uint64, visit func(*ledger.Stored) error) error {
	if err := l.read(); err != nil {
		return err
	}
	for {
		s, err := l.next(partition, after)
		if err != nil {
			return errTransient
		}
		if err := visit(s); err != nil {
			return err
		}
		after = s.Sequence
	}
}

// damage takes the newest commits, as a block that cannot be read does; the sequences are handed out again.
func (l *simLog) damage(commits int) bool {
	if commits = min(commits, len(l.commits)); commits == 0 || len(l.lost) > 0 {
		return false
	}
	keep := len(l.commits) - commits
	l.lost, l.lostAt = append([]*ledger.Stored(nil), l.commits[keep:]...), append([]time.Time(nil), l.at[keep:]...)
	l.commits, l.at = l.commits[:keep:keep], l.at[:keep:keep]
	return true
}

// repair brings the lost tail back from another replica. It reports whether anything was stored in its place meanwhile.
func (l *simLog) repair() (regrown bool) {
	if len(l.lost) == 0 {
		return false
	}
	if l.regrown {
		return true
	}
	l.commits, l.at = append(l.commits, l.lost...), append(l.at, l.lostAt...)
	l.lost, l.lostAt = nil, nil
	return false
}

// leaseTTL is how long a lease lives.
const leaseTTL = 10 * time.Second

type held struct {
	owner   string
	epoch   uint64
	expires time.Time
}

// leases are the store of leases, with a clock of its own.
type leases struct {
	w      *world
	faults *faults
	epoch  uint64
	held   map[string]held
}

func (l *leases) TTL() time.Duration { return leaseTTL }

func (l *leases) away() error {
	if l.faults.draw(l.w, faultLeasesAway) != "" {
		return errTransient
	}
	return nil
}

func (l *leases) Acquire(_ context.Context, key, owner string) (uint64, error) {
	if err := l.away(); err != nil {
		return 0, err
	}
	if have, ok := l.held[key]; ok && have.owner != owner && l.w.now.Before(have.expires) {
		return 0, ledger.ErrHeld
	}
	return l.take(key, owner), nil
}

func (l *leases) take(key, owner string) uint64 {
	l.epoch++
	l.held[key] = held{owner, l.epoch, l.w.now.Add(leaseTTL)}
	return l.epoch
}

func (l *leases) Renew(_ context.Context, key, owner string, epoch uint64) (uint64, error) {
	if err := l.away(); err != nil {
		return 0, err
	}
	if have, ok := l.held[key]; !ok || have.epoch != epoch || !l.w.now.Before(have.expires) {
		return 0, ledger.ErrHeld
	}
	return l.take(key, owner), nil
}

func (l *leases) Holder(_ context.Context, key string) (string, error) {
	if err := l.away(); err != nil {
		return "", err
	}
	if have, ok := l.held[key]; ok && l.w.now.Before(have.expires) {
		return have.owner, nil
	}
	return "", nil
}

func (l *leases) Release(_ context.Context, key string, epoch uint64) error {
	if l.held[key].epoch == epoch {
		delete(l.held, key)
	}
	return nil
}
