package matcher

import (
	"cmp"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// NearMiss is an offer that fails a demand in one public condition alone, and what would mend it.
type NearMiss struct {
	Offer      string       `json:"offer"`
	Version    uint64       `json:"version"`
	Party      string       `json:"party"`
	PartyName  string       `json:"party_name"`
	Instrument string       `json:"instrument"`
	Score      int          `json:"score"` // once mended; orders matches, not a credit score
	Failed     ClauseResult `json:"failed"`
	Change     Change       `json:"change"`
	offer      *Offer
}

// Removed counts the offers of a demand's instruments and currency that one condition took away: each offer counts for the first
// public condition that it fails. Those that only private conditions take away are one line, in whole steps of PrivateStep, so that
// the number cannot be watched while a bound is passed.
type Removed struct {
	Field  string     `json:"field"`
	Name   codes.Text `json:"name"`
	Offers int        `json:"offers"`
}

// PrivateStep is the step in which offers that private conditions took away are counted.
const PrivateStep = 5

// failure is one condition that does not hold: an implicit one by its field, an explicit one by its place in the offer's list.
type failure struct {
	field  string
	clause int // -1: implicit
}

// implicitTerms are the conditions of terms that every offer has, in the order of an explanation. What is left of the capacity
// tells how much others took: it is not public.
var implicitTerms = []struct {
	field  string
	public bool
	holds  func(*query, *record) bool
}{
	{"ticket_min", true, (*query).ticketMin},
	{"ticket_max", true, (*query).ticketMax},
	{"capacity", false, (*query).capacity},
	{"term", true, (*query).term},
	{"price", true, (*query).price},
}

// standing says whether an offer is there at all: neither paused nor over, under a licence. Nothing a demand changes mends that.
func (q *query) standing(r *record) bool { return q.live(r) && q.offerValid(r) && q.licensed(r) }

// failures judges an offer that stands: its first public failure, how many public ones there are, and how many that are not.
func (q *query) failures(o *Offer) (first failure, public, hidden int) {
	fail := func(f failure, seen bool) {
		switch {
		case !seen:
			hidden++
		case public == 0:
			first = f
			fallthrough
		default:
			public++
		}
	}
	for i := range implicitTerms {
		if t := &implicitTerms[i]; !t.holds(q, &o.rec) {
			fail(failure{t.field, -1}, t.public)
		}
	}
	for i := range o.clauses {
		if !q.holds(&o.clauses[i], o) {
			source := &o.Terms.Eligibility[i]
			fail(failure{source.Field, i}, source.Visibility == "" || source.Visibility == events.VisiblePublic)
		}
	}
	return first, public, hidden
}

// missed goes over the offers that a demand could have and sorts out why it has not. The limit nearest ones come with their change;
// limit 0 only counts. A near-miss is shown when the change, carried out, makes it a match: all private conditions hold then, and
// one that fails a private condition alone is not among them.
func (s *RuleSets) missed(index Index, d *Demand, asOf time.Time, limit int) (near []NearMiss, removed []Removed) {
	q := newQuery(d, s, asOf)
	if !q.demandHolds() {
		return nil, nil
	}
	counts := make(map[string]int)
	index.EachOffer(d.instruments, d.Terms.Amount.Currency, func(h HeldOffer) bool {
		if !q.standing(h.rec) {
			return true
		}
		o := h.Offer()
		first, public, hidden := q.failures(o)
		switch {
		case public > 0:
			counts[first.field]++
		case hidden > 0:
			counts[Withheld]++
		}
		if public == 1 && hidden == 0 && limit > 0 {
			near = s.keepNearest(near, &q, first, o, asOf, limit)
		}
		return true
	})
	for i := range near {
		near[i].finish(&q)
	}
	return near, removals(counts)
}

// keepNearest puts an offer among the nearest ones, in order, if the change that would mend it really does.
func (s *RuleSets) keepNearest(near []NearMiss, q *query, f failure, o *Offer, asOf time.Time, limit int) []NearMiss {
	change, ok := q.mend(f, o)
	if !ok || len(near) == limit && nearer(&change, &near[limit-1].Change) > 0 {
		return near
	}
	mended, err := q.d.Changed(&change, asOf)
	if err != nil {
		return near
	}
	after := newQuery(mended, s, asOf)
	if !after.demandHolds() || !after.recordHolds(&o.rec) || !after.clausesHold(o) {
		return near
	}
	miss := NearMiss{Offer: o.ID, Score: after.score(o), Failed: ClauseResult{Field: f.field}, Change: change, offer: o}
	at, _ := slices.BinarySearchFunc(near, &miss, func(a NearMiss, b *NearMiss) int { return byNearness(&a, b) })
	near = slices.Insert(near, at, miss)
	return near[:min(len(near), limit)]
}

func byNearness(a, b *NearMiss) int {
	return cmp.Or(nearer(&a.Change, &b.Change), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Offer, b.Offer))
}

// finish words what is shown.
func (m *NearMiss) finish(q *query) {
	o := m.offer
	m.Version, m.Party, m.PartyName, m.Instrument = o.Version, o.Party, o.Facts.Name, o.Terms.Instrument
	for _, c := range q.judged(o) {
		if !c.Passed {
			m.Failed = c // the only one
		}
	}
	m.Change.word()
}

// removals lists the counts, the biggest first; private conditions last.
func removals(counts map[string]int) []Removed {
	list := []Removed{}
	for field, n := range counts {
		if field == Withheld {
			continue
		}
		list = append(list, Removed{field, fieldNames[field], n})
	}
	slices.SortFunc(list, func(a, b Removed) int { return cmp.Or(cmp.Compare(b.Offers, a.Offers), cmp.Compare(a.Field, b.Field)) })
	if n := counts[Withheld] / PrivateStep * PrivateStep; n > 0 {
		list = append(list, Removed{Withheld, fieldNames[Withheld], n})
	}
	return list
}
