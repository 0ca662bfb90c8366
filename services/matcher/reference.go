package matcher

import (
	"sync"
	"time"
)

// Reference is the index that is right by being plain: it judges every offer of the demand's instruments and currency.
type Reference struct {
	rules *RuleSets

	mu     sync.RWMutex
	groups map[groupKey]*group
	byID   map[string]slot
}

type groupKey struct{ instrument, currency string }

// group holds the records of one instrument in one currency, without order and without gaps.
type group struct{ records []record }

type slot struct {
	offer *Offer
	group *group
	place int
}

// NewReference makes an empty index that scores by the rule set of the as-of day.
func NewReference(rules *RuleSets) *Reference {
	return &Reference{rules: rules, groups: make(map[groupKey]*group), byID: make(map[string]slot)}
}

// PutOffer is of Index.
func (x *Reference) PutOffer(o *Offer) {
	key := groupKey{o.Terms.Instrument, o.Terms.Capacity.Currency}
	x.mu.Lock()
	defer x.mu.Unlock()
	g := x.groups[key]
	if g == nil {
		g = &group{}
		x.groups[key] = g
	}
	if s, ok := x.byID[o.ID]; ok {
		if s.group == g {
			g.records[s.place] = o.rec
			x.byID[o.ID] = slot{o, g, s.place}
			return
		}
		x.remove(o.ID)
	}
	g.records = append(g.records, o.rec)
	x.byID[o.ID] = slot{o, g, len(g.records) - 1}
}

// RemoveOffer is of Index.
func (x *Reference) RemoveOffer(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(id)
}

// remove moves the group's last record into the gap.
func (x *Reference) remove(id string) {
	s, ok := x.byID[id]
	if !ok {
		return
	}
	g, last := s.group, len(s.group.records)-1
	if s.place != last {
		moved := g.records[last]
		g.records[s.place] = moved
		x.byID[moved.offer.ID] = slot{moved.offer, g, s.place}
	}
	g.records[last] = record{}
	g.records = g.records[:last]
	delete(x.byID, id)
}

// Offer is of Index.
func (x *Reference) Offer(id string) (*Offer, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s, ok := x.byID[id]
	return s.offer, ok
}

// Len is of Index.
func (x *Reference) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byID)
}

// Top is of Index.
func (x *Reference) Top(d *Demand, asOf time.Time, k int) (ranked []Ranked, eligible int) {
	q := newQuery(d, x.rules, asOf)
	if !q.demandHolds() || k < 1 {
		return nil, 0
	}
	best := leaders{places: make([]Ranked, 0, min(k, TopMax)), limit: min(k, TopMax)}
	x.mu.RLock()
	for _, instrument := range d.instruments {
		g := x.groups[groupKey{instrument, d.Terms.Amount.Currency}]
		if g == nil {
			continue
		}
		for i := range g.records {
			r := &g.records[i]
			if q.recordHolds(r) && q.clausesHold(r.offer) {
				eligible++
				best.offer(r.offer, q.score(r.offer))
			}
		}
	}
	x.mu.RUnlock()
	return best.ranking(), eligible
}

// leaders keeps the best places seen in a heap whose root is the worst of them.
type leaders struct {
	places []Ranked
	limit  int
}

// worse orders places: lower score first, equal scores by descending id.
func worse(a, b Ranked) bool {
	if a.Score != b.Score {
		return a.Score < b.Score
	}
	return a.Offer.ID > b.Offer.ID
}

func (l *leaders) offer(o *Offer, score int) {
	p := Ranked{o, score}
	if len(l.places) < l.limit {
		l.places = append(l.places, p)
		for i := len(l.places) - 1; i > 0; {
			parent := (i - 1) / 2
			if !worse(l.places[i], l.places[parent]) {
				return
			}
			l.places[i], l.places[parent] = l.places[parent], l.places[i]
			i = parent
		}
		return
	}
	if worse(l.places[0], p) {
		l.places[0] = p
		l.sink(len(l.places))
	}
}

// sink restores the heap of the first n places after its root changed.
func (l *leaders) sink(n int) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			return
		}
		if child+1 < n && worse(l.places[child+1], l.places[child]) {
			child++
		}
		if !worse(l.places[child], l.places[i]) {
			return
		}
		l.places[i], l.places[child] = l.places[child], l.places[i]
		i = child
	}
}

// ranking takes the worst away to the end until the best stands first.
func (l *leaders) ranking() []Ranked {
	for n := len(l.places) - 1; n > 0; n-- {
		l.places[0], l.places[n] = l.places[n], l.places[0]
		l.sink(n)
	}
	return l.places
}
