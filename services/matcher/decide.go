package matcher

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider is the match context.
func Decider() step.Decider[Match] {
	return step.Decider[Match]{Context: Context, FoldVersion: foldVersion, Decide: Decide, Evolve: Evolve}
}

// Decide records one recommendation for each version of a demand, the refreshes of it in their order, and the leads of each version
// of an offer. What has been recorded, or is older than what has been, is accepted and changes nothing: two matchers may come to
// recommend for the same demand.
func Decide(m *Match, c *step.Command, _ time.Time) ([]step.Event, error) {
	if c.Type != events.TypeRecommend && c.Type != events.TypeFindLeads {
		return nil, events.ErrUnknownType.Refuse("", c.Type, c.Type)
	}
	if c.Actor != step.System {
		return nil, events.ErrInternalType.Refuse("", "推荐只能由撮合服务发出", "only the matcher itself recommends")
	}
	switch data := c.Data.(type) {
	case *events.Recommendation:
		return recommended(m, c, data)
	case *events.LeadsFound:
		return leadsFound(m, c, data)
	}
	return nil, events.ErrSchema.Refuse("", "内容不是推荐", "the content is not a recommendation")
}

func recommended(m *Match, c *step.Command, r *events.Recommendation) ([]step.Event, error) {
	if err := check(c.Subject, r); err != nil {
		return nil, err
	}
	if m != nil && m.Recommendation == nil {
		return nil, events.ErrExists.Refuse("/demand", "该编号是某产品的商机", "under this id are the leads of an offer")
	}
	switch {
	case r.Refresh != nil:
		fresh, err := follows(m, r)
		if !fresh {
			return nil, err
		}
	case m != nil && r.DemandVersion <= m.DemandVersion:
		return nil, nil
	}
	return []step.Event{{Type: events.TypeRecommended, Data: clone(r), Attr: events.Attributes{
		Region: r.Region, Industry: r.Industry, Stage: r.Stage, Instrument: r.Instrument, AmountWan: r.Amount.Wan(), Currency: r.Amount.Currency,
	}}}, nil
}

// follows says whether a refresh is the next one of the version that stands. One that has been recorded, or is of an older version,
// is not; one whose causes do not begin right behind what the last recommendation had read is refused, since a cause would be
// missing or taken in twice.
func follows(m *Match, r *events.Recommendation) (bool, error) {
	if m == nil || r.DemandVersion > m.DemandVersion {
		return false, events.ErrState.Refuse("/refresh", "该需求版本尚无推荐", "this version of the demand has no recommendation yet")
	}
	number := uint64(1)
	if m.Refresh != nil {
		number = m.Refresh.Number + 1
	}
	if r.DemandVersion < m.DemandVersion || r.Refresh.Number < number {
		return false, nil
	}
	if r.Refresh.Number > number {
		return false, events.ErrState.Refusef("/refresh/number", "下一次更新是第 %d 次", "the next refresh is number %d", number)
	}
	had, has := sequences(m.Positions), sequences(r.Positions)
	for i, cause := range r.Refresh.Causes {
		from, err1 := events.ParsePosition(cause.From)
		to, err2 := events.ParsePosition(cause.To)
		ledger := ledgerOf{from.Context, from.Partition}
		if err1 != nil || err2 != nil || ledger != (ledgerOf{to.Context, to.Partition}) || from.Sequence != had[ledger]+1 || to.Sequence < from.Sequence || to.Sequence != has[ledger] {
			return false, events.ErrRange.Refusef(fmt.Sprintf("/refresh/causes/%d", i), "区间须接在已涵盖的位置 %d 之后", "the range must begin right behind position %d", had[ledger])
		}
	}
	return true, nil
}

// sequences are positions by ledger; what cannot be read is left out.
func sequences(positions []string) map[ledgerOf]uint64 {
	out := make(map[ledgerOf]uint64, len(positions))
	for _, text := range positions {
		if p, err := events.ParsePosition(text); err == nil {
			out[ledgerOf{p.Context, p.Partition}] = p.Sequence
		}
	}
	return out
}

func leadsFound(m *Match, c *step.Command, l *events.LeadsFound) ([]step.Event, error) {
	if c.Subject != LeadsOf(l.Offer) {
		return nil, events.ErrMismatch.Refuse("/offer", "商机的供给与主题不一致", "the offer is not the subject")
	}
	if l.OfferVersion == 0 {
		return nil, events.ErrRange.Refuse("/offer_version", "供给版本从 1 起", "versions of an offer begin with 1")
	}
	if len(l.Leads) > RecommendedMax || l.Eligible < len(l.Leads) {
		return nil, events.ErrRange.Refusef("/leads", "商机最多 %d 项，且不多于符合条件的需求数", "at most %d leads, and not more than demands are eligible", RecommendedMax)
	}
	for i, lead := range l.Leads[:max(0, len(l.Leads)-1)] {
		if next := l.Leads[i+1]; next.Score > lead.Score || next.Score == lead.Score && next.Demand <= lead.Demand {
			return nil, events.ErrRange.Refuse(fmt.Sprintf("/leads/%d", i+1), "商机未按匹配度从高到低、编号从小到大排列", "the leads are not ordered by score descending, then id ascending")
		}
	}
	if m != nil && m.Leads == nil {
		return nil, events.ErrExists.Refuse("/offer", "该编号是某需求的推荐", "under this id is the recommendation of a demand")
	}
	if m != nil && l.OfferVersion <= m.Leads.OfferVersion {
		return nil, nil
	}
	return []step.Event{{Type: events.TypeLeadsFound, Data: cloneLeads(l), Attr: events.Attributes{Instrument: l.Instrument}}}, nil
}

func cloneLeads(l *events.LeadsFound) *events.LeadsFound {
	c := *l
	c.Leads, c.Positions = slices.Clone(l.Leads), slices.Clone(l.Positions)
	return &c
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
	next := &Match{CreatedAt: e.Time, UpdatedAt: e.Time}
	switch data := e.Data.(type) {
	case *events.Recommendation:
		next.Recommendation = clone(data)
	case *events.LeadsFound:
		next.Leads = cloneLeads(data)
	default:
		return m
	}
	if m != nil {
		next.CreatedAt = m.CreatedAt
	}
	return next
}
