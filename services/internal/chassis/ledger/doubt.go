package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// errLost: another writer's commit stands where ours was meant to.
var errLost = errors.New("ledger: lost to another writer")

// Bounds of the search for a commit in doubt. Callers get `unknown` after doubtAnswer; the search itself goes on, as nothing
// may be decided before it has ended.
const (
	doubtBackoffMin = 5 * time.Millisecond
	doubtBackoffMax = 500 * time.Millisecond
	doubtAnswer     = 3 * time.Second
)

// commit appends and finds out what became of it. nil: stored at the sequence. errLost: surely not stored. ErrNoSpace: surely
// not stored. ErrTailLost, a ChainError or the context's error: the partition must stop.
func (p *partition) commit(ctx context.Context, id string, s *Stored, g *group) (uint64, error) {
	sequence, err := p.log.Append(ctx, p.number, p.tip.Sequence, s.Body)
	if err == nil {
		return p.accept(sequence)
	}
	if errors.Is(err, ErrNoSpace) {
		return 0, err
	}
	p.stats.doubt()
	p.logger.Warn().Err(err).Str("commit", id).Msg("append in doubt; looking for the commit")
	return p.resolve(ctx, id, s, g, p.clock.Now().Add(doubtAnswer))
}

func (p *partition) accept(sequence uint64) (uint64, error) {
	if sequence <= p.tip.Sequence && !planted.On("sequence_handed_out_again") {
		return 0, fmt.Errorf("%w: partition %s is at sequence %d, the broker handed out %d again", ErrTailLost, p.name, p.tip.Sequence, sequence)
	}
	return sequence, nil
}

// resolve reads from the partition's own position until it knows. If nothing new is there, the same commit is sent again with
// the same expectation: the broker can store it once at most.
func (p *partition) resolve(ctx context.Context, id string, s *Stored, g *group, answerBy time.Time) (uint64, error) {
	backoff := doubtBackoffMin
	for {
		next, err := p.log.Next(ctx, p.number, p.tip.Sequence)
		switch {
		case err == nil:
			c, err := next.Decode()
			if err != nil {
				return 0, err
			}
			if c.Commit == id || planted.On("anothers_commit_taken_for_ours") {
				p.stats.found()
				return next.Sequence, nil
			}
			return 0, errLost
		case errors.Is(err, ErrNone):
			if err := p.complete(ctx); err != nil {
				return 0, err
			}
			sequence, err := p.log.Append(ctx, p.number, p.tip.Sequence, s.Body)
			if err == nil {
				return p.accept(sequence)
			}
			// Even "no room" does not settle it here: the first attempt may still be on its way.
		}
		if p.clock.Now().After(answerBy) {
			if planted.On("doubt_told_as_not_done") {
				p.refuseAll(g.all(), events.ErrOverloaded)
			}
			p.refuseAll(g.all(), events.ErrUnknown)
		}
		wake, stop := p.clock.Wake(p.clock.Now().Add(backoff))
		select {
		case <-wake:
		case <-ctx.Done():
			stop()
			return 0, ctx.Err()
		}
		backoff = min(2*backoff, doubtBackoffMax)
	}
}

// complete reports ErrTailLost when the log ends before what this writer has committed. An unreachable log is no loss.
func (p *partition) complete(ctx context.Context) error {
	last, err := p.log.Last(ctx, p.number)
	if errors.Is(err, ErrNone) {
		last, err = &Stored{}, nil
	}
	if err == nil && last.Sequence < p.tip.Sequence && !planted.On("shorter_log_under_a_writer") {
		return fmt.Errorf("%w: partition %s had commit %d at sequence %d, the log ends at sequence %d",
			ErrTailLost, p.name, p.tip.Number, p.tip.Sequence, last.Sequence)
	}
	return nil
}
