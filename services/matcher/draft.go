package matcher

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// Tried is what a demand would find if it were published (试撮合). It is a function of the public conditions alone: private ones are
// judged when the demand is published and not before, so that however many drafts are tried, no private bound and nothing of what
// is left of a capacity can be read off the answers.
type Tried struct {
	Eligible int        `json:"eligible"` // offers whose public conditions hold
	Matches  []Place    `json:"matches"`  // best first
	Reach    []Reach    `json:"reach"`
	Removed  []Removed  `json:"removed"` // by the public conditions
	Caution  codes.Text `json:"caution"`
	Basis
}

// Reach is one step of the reach curve: how many more offers a change of the draft opens, those of the smaller steps in the same
// direction included.
type Reach struct {
	Field    string     `json:"field"` // amount, min_amount, term_months, max_price_bp, security
	Op       string     `json:"op"`
	To       string     `json:"to"`
	Opened   int        `json:"opened"`
	Eligible int        `json:"eligible"` // then
	Text     codes.Text `json:"text"`
	opens    int        // by this very step
	far      int64
	down     bool
}

// caution goes along with every draft's answer.
var caution = codes.Text{
	Zh: "试撮合只按公开条件判断；机构不公开的条件和剩余额度在需求发布后判断",
	En: "a draft is judged by public conditions only; private ones and the capacity left are judged once the demand is published",
}

// reachSteps bounds the steps of one direction of the curve.
const reachSteps = 8

// reachKey is one direction and one step of the curve.
type reachKey struct{ field, op, to string }

// Try ranks the best k (1 to AnswersMax) offers for a demand that has not been published, by public conditions. Nothing is kept.
func (s *Service) Try(draft *events.DemandPublished, k int, asOf time.Time) (*Tried, error) {
	basis := s.basis(asOf)
	if err := CheckPlaces(k); err != nil {
		return nil, err
	}
	d := NewDemand(draft, 1)
	q := newQuery(d, s.rules, asOf)
	best := leadersOf[Ranked](k)
	answer := &Tried{Matches: []Place{}, Reach: []Reach{}, Removed: []Removed{}, Caution: caution, Basis: basis}
	if !q.demandHolds() {
		return answer, nil
	}
	counts, steps := make(map[string]int), make(map[reachKey]*Reach)
	s.index.EachOffer(d.instruments, d.Terms.Amount.Currency, func(h HeldOffer) bool {
		if !q.standing(h.rec) {
			return true
		}
		o := h.Offer()
		switch first, public, _ := q.failures(o); public {
		case 0:
			answer.Eligible++
			best.offer(Ranked{o.ID, o.Party, o.Terms.Instrument, o.Version, q.score(o), o})
		case 1:
			q.reach(steps, first, o, asOf)
			fallthrough
		default:
			counts[first.field]++
		}
		return true
	})
	ranked := best.ranking()
	for i := range ranked {
		offer := ranked[i].Offer()
		e := s.rules.explain(&q, offer, asOf)
		e.Clauses = slices.DeleteFunc(e.Clauses, func(c ClauseResult) bool { return c.Visibility != events.VisiblePublic })
		e.Eligible = true
		e.terms(&q, offer)
		e.Positions = basis.Positions
		answer.Matches = append(answer.Matches, place(i+1, e, offer))
	}
	answer.Reach = curve(slices.Collect(maps.Values(steps)), answer.Eligible)
	answer.Removed = removals(counts)
	return answer, nil
}

// reach notes what would open an offer that one public condition closes.
func (q *query) reach(steps map[reachKey]*Reach, f failure, o *Offer, asOf time.Time) {
	open := func(c Change) {
		key := reachKey{c.Field, c.Op, c.To}
		step := steps[key]
		if step == nil {
			c.word()
			step = &Reach{Field: c.Field, Op: c.Op, To: c.To, Text: c.Text, far: c.far, down: c.down}
			steps[key] = step
		}
		step.opens++
	}
	switch f.field {
	case "ticket_min", "ticket_max", "term", "price", events.FieldSecurity:
	default:
		return
	}
	c, ok := q.mend(f, o)
	if !ok {
		return
	}
	if f.clause >= 0 && o.clauses[f.clause].op == anyOf { // any of them opens it, not only the first
		for _, v := range o.Terms.Eligibility[f.clause].Values {
			if one := c; bitOf(fieldSecurity, v) != 0 {
				one.To = v
				open(one)
			}
		}
		return
	}
	mended, err := q.d.Changed(&c, asOf)
	if err != nil {
		return
	}
	after := *q
	after.d, after.open = mended, mended.Open().Minor
	after.need = min(mended.minAmount, after.open)
	if _, public, _ := after.failures(o); public == 0 {
		open(c)
	}
}

// curve makes steps of what opens what: each direction's changes by size, summed up, thinned to the steps at which the most is
// gained and always ending with the last. Securities are no direction: each stands by itself, the one that opens most first.
func curve(steps []*Reach, eligible int) []Reach {
	slices.SortFunc(steps, func(a, b *Reach) int {
		if a.down != b.down && a.Field == b.Field && a.Op == b.Op {
			if a.down {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.Field, b.Field), strings.Compare(a.Op, b.Op), cmp.Compare(a.far, b.far), strings.Compare(a.To, b.To))
	})
	list := []Reach{}
	for len(steps) > 0 {
		n := 1
		for n < len(steps) && steps[n].Field == steps[0].Field && steps[n].Op == steps[0].Op && steps[n].down == steps[0].down {
			n++
		}
		one := steps[:n]
		steps = steps[n:]
		if one[0].Field == events.FieldSecurity {
			slices.SortFunc(one, func(a, b *Reach) int { return cmp.Or(cmp.Compare(b.opens, a.opens), strings.Compare(a.To, b.To)) })
			for _, step := range one[:min(len(one), reachSteps)] {
				step.Opened = step.opens
				list = append(list, *step)
			}
			continue
		}
		sum := 0
		for i, step := range one {
			sum += step.opens
			step.Opened = sum
			// Every 1/reachSteps of the steps, so that near and far changes are both seen.
			if (i+1)*reachSteps/n > i*reachSteps/n {
				list = append(list, *step)
			}
		}
	}
	for i := range list {
		list[i].Eligible = eligible + list[i].Opened
	}
	return list
}
