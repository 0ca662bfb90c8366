package e2e

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestMany: 200 at once publish demands and want one offer's capacity, on ledgers of four partitions: what is promised is never more
// than there is, and every promise is kept.
func TestMany(t *testing.T) {
	t.Parallel()
	many(start(t, allinone.Options{Partitions: 4}))
}

func many(s *system) {
	t := s.t
	before := s.verify().Ledgers["demand"].Entities
	from := s.core().info(events.EventsStream("match")).LastSeq
	for i := range 10 {
		_, body := enterprise(40 + i)
		s.do("POST", "/v1/enterprises", body)
	}
	s.do("POST", "/v1/parties", bank("many-bank"))
	s.do("POST", "/v1/offers", loanOffer("scarce", "many-bank")) // 100 million, of which each wants one and a half
	const publishers, amount, capacity = 200, 150_000_000, 10_000_000_000
	var reserved, refused, released, committed atomic.Int64
	s.atOnce(publishers, func(i int) error {
		id := fmt.Sprintf("many-%d", i)
		e, _ := enterprise(40 + i%10)
		if _, err := s.give("POST", "/v1/demands", loanDemand(id, e)); err != nil {
			return err
		}
		reservation := map[string]any{"reservation": id, "demand": id, "amount": money("1500000.00"), "until": validUntil()}
		if _, err := s.give("POST", "/v1/offers/scarce/reserve", reservation); err != nil {
			var p *events.Problem
			if !errors.As(err, &p) || p.Type != events.ProblemPrefix+events.ErrCapacity.Code {
				return err
			}
			refused.Add(1)
			return nil
		}
		reserved.Add(1)
		switch i % 3 {
		case 0:
			if _, err := s.give("POST", "/v1/offers/scarce/release", map[string]any{"reservation": id}); err != nil {
				return err
			}
			released.Add(1)
		case 1:
			if _, err := s.give("POST", "/v1/offers/scarce/commit", map[string]any{"reservation": id, "amount": money("1500000.00")}); err != nil {
				return err
			}
			committed.Add(1)
		}
		return nil
	})
	// Whoever comes last finds what is left, and not more.
	a, err := s.give("POST", "/v1/offers/scarce/pause", map[string]any{"reason": "示例"})
	if err != nil {
		t.Fatal(err)
	}
	var d doc
	s.get("/v1/offers/scarce", a.Position, &d)
	held := reserved.Load() - released.Load() - committed.Load()
	if d.Reserved.Minor != held*amount || d.Committed.Minor != committed.Load()*amount || d.Reserved.Minor+d.Committed.Minor > capacity {
		t.Errorf("the offer has %s reserved and %s committed, the answers say %d and %d times 1,500,000", d.Reserved, d.Committed, held, committed.Load())
	}
	if refused.Load() == 0 || released.Load() == 0 || committed.Load() == 0 {
		t.Errorf("%d refused, %d released, %d committed: nothing was scarce", refused.Load(), released.Load(), committed.Load())
	}
	s.core().behind(events.EventsStream("match"), from, publishers)
	r := s.verify()
	if n := r.Ledgers["demand"].Entities - before; n != publishers {
		t.Errorf("%d demands, %d were published", n, publishers)
	}
	t.Logf("%d reserved, %d refused, %d released, %d committed in %d commits", reserved.Load(), refused.Load(), released.Load(), committed.Load(), r.Ledgers["offer"].Commits)
}
