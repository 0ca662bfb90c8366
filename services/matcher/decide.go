package matcher

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider is the match context.
func Decider() step.Decider[Match] {
	return step.Decider[Match]{Context: Context, FoldVersion: foldVersion, Decide: Decide, Evolve: Evolve}
}

// Decide records one recommendation for each version of a demand. One for a version that has been recommended for, or for an
// older one, is accepted and changes nothing: two matchers may come to recommend for the same demand.
func Decide(m *Match, c *step.Command, _ time.Time) ([]step.Event, error) {
	if c.Type != events.TypeRecommend {
		return nil, events.ErrUnknownType.Refuse("", c.Type, c.Type)
	}
	if c.Actor != step.System {
		return nil, events.ErrInternalType.Refuse("", "推荐只能由撮合服务发出", "only the matcher itself recommends")
	}
	r, ok := c.Data.(*events.Recommendation)
	if !ok {
		return nil, events.ErrSchema.Refuse("", "内容不是推荐", "the content is not a recommendation")
	}
	if err := check(c.Subject, r); err != nil {
		return nil, err
	}
	if m != nil && r.DemandVersion <= m.DemandVersion {
		return nil, nil
	}
	recommended := clone(r)
	return []step.Event{{Type: events.TypeRecommended, Data: &recommended, Attr: events.Attributes{
		Region: r.Region, Industry: r.Industry, Stage: r.Stage, Instrument: r.Instrument, AmountWan: r.Amount.Wan(), Currency: r.Amount.Currency,
	}}}, nil
}

// check refuses a recommendation that no index could have given.
func check(subject string, r *events.Recommendation) error {
	if r.Demand != subject {
		return events.ErrMismatch.Refuse("/demand", "推荐的需求与主题不一致", "the demand is not the subject")
	}
	if r.DemandVersion == 0 {
		return events.ErrRange.Refuse("/demand_version", "需求版本从 1 起", "versions of a demand begin with 1")
	}
	if len(r.Offers) > RecommendedMax {
		return events.ErrRange.Refusef("/offers", "推荐的方案最多 %d 个", "at most %d offers are recommended", RecommendedMax)
	}
	if r.Eligible < len(r.Offers) {
		return events.ErrRange.Refuse("/eligible", "符合条件的方案数少于推荐数", "fewer offers are eligible than are recommended")
	}
	seen := make(map[string]bool, len(r.Offers))
	for i, o := range r.Offers {
		field := fmt.Sprintf("/offers/%d", i)
		if seen[o.Offer] {
			return events.ErrRange.Refuse(field+"/offer", "方案重复出现", "an offer is recommended twice")
		}
		seen[o.Offer] = true
		if i > 0 && !before(r.Offers[i-1], o) {
			return events.ErrRange.Refuse(field, "方案未按匹配度从高到低、编号从小到大排列", "the offers are not ordered by score descending, then id ascending")
		}
	}
	size, err := json.Marshal(r)
	if err != nil {
		return events.ErrMalformed.Refuse("", "推荐无法编码", "the recommendation cannot be encoded")
	}
	if len(size) > recommendationBytesMax {
		return events.ErrTooLarge.Refusef("", "推荐最多 %d 字节", "a recommendation has at most %d bytes", recommendationBytesMax)
	}
	return nil
}

// before is the order of a ranking.
func before(a, b events.RankedOffer) bool {
	return a.Score > b.Score || a.Score == b.Score && a.Offer < b.Offer
}

// Evolve returns the match after an event. A type it does not know changes nothing.
func Evolve(m *Match, e *step.Applied) *Match {
	r, ok := e.Data.(*events.Recommendation)
	if e.Type != events.TypeRecommended || !ok {
		return m
	}
	next := &Match{Recommendation: clone(r), CreatedAt: e.Time, UpdatedAt: e.Time}
	if m != nil {
		next.CreatedAt = m.CreatedAt
	}
	return next
}
