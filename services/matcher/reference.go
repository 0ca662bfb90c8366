package matcher

import (
	"slices"
	"sync"
	"time"
)

// Reference is the index that is right by being plain: it judges every offer of the demand's instruments and currency, and every
// demand.
type Reference struct {
	rules *RuleSets

	mu      sync.RWMutex
	groups  map[groupKey]*group
	byID    map[string]slot
	demands []*Demand
	places  map[string]int // of demands, by id
}

type groupKey struct{ instrument, currency string }

// group holds the offers of one instrument in one currency, without order and without gaps.
type group struct{ offers []*Offer }

type slot struct {
	group *group
	place int
}

func (s slot) offer() *Offer { return s.group.offers[s.place] }

// NewReference makes an empty index that scores by the rule set of the as-of day.
func NewReference(rules *RuleSets) *Reference {
	return &Reference{rules: rules, groups: make(map[groupKey]*group), byID: make(map[string]slot), places: make(map[string]int)}
}

// PutOffer is of Index.
func (x *Reference) PutOffer(o *Offer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.put(o)
}

func (x *Reference) put(o *Offer) {
	key := groupKey{o.Terms.Instrument, o.Terms.Capacity.Currency}
	g := x.groups[key]
	if g == nil {
		g = &group{}
		x.groups[key] = g
	}
	if s, ok := x.byID[o.ID]; ok {
		if s.group == g {
			g.offers[s.place] = o
			return
		}
		x.remove(o.ID)
	}
	g.offers = append(g.offers, o)
	x.byID[o.ID] = slot{g, len(g.offers) - 1}
}

// StandOffer is of Index.
func (x *Reference) StandOffer(id string, standing OfferStanding) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s, ok := x.byID[id]; ok {
		s.group.offers[s.place] = s.offer().standing(standing)
	}
}

// RemoveOffer is of Index.
func (x *Reference) RemoveOffer(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(id)
}

// remove moves the group's last offer into the gap.
func (x *Reference) remove(id string) {
	s, ok := x.byID[id]
	if !ok {
		return
	}
	g, last := s.group, len(s.group.offers)-1
	if s.place != last {
		g.offers[s.place] = g.offers[last]
		x.byID[g.offers[last].ID] = s
	}
	g.offers[last] = nil
	g.offers = g.offers[:last]
	delete(x.byID, id)
}

// Offer is of Index.
func (x *Reference) Offer(id string) (*Offer, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s, ok := x.byID[id]
	if !ok {
		return nil, false
	}
	return s.offer(), true
}

// OfferStanding is of Index.
func (x *Reference) OfferStanding(id string) (OfferStanding, bool) {
	o, ok := x.Offer(id)
	if !ok {
		return OfferStanding{}, false
	}
	return o.OfferStanding, true
}

// OffersOf is of Index.
func (x *Reference) OffersOf(party string) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var ids []string
	for id, s := range x.byID {
		if s.offer().Party == party {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// EachOffer is of Index.
func (x *Reference) EachOffer(instruments []string, currency string, visit func(HeldOffer) bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for i, instrument := range instruments {
		g := x.groups[groupKey{instrument, currency}]
		if g == nil || slices.Contains(instruments[:i], instrument) {
			continue
		}
		for _, o := range g.offers {
			if !visit(HeldOffer{&o.rec, o}) {
				return
			}
		}
	}
}

// Offers is of Index.
func (x *Reference) Offers() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byID)
}

// PutDemand is of Index.
func (x *Reference) PutDemand(d *Demand) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if place, ok := x.places[d.ID]; ok {
		x.demands[place] = d
		return
	}
	x.places[d.ID] = len(x.demands)
	x.demands = append(x.demands, d)
}

// StandDemand is of Index.
func (x *Reference) StandDemand(id string, standing DemandStanding) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if place, ok := x.places[id]; ok {
		x.demands[place] = x.demands[place].standing(standing)
	}
}

// RemoveDemand is of Index.
func (x *Reference) RemoveDemand(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	place, ok := x.places[id]
	if !ok {
		return
	}
	last := len(x.demands) - 1
	x.demands[place] = x.demands[last]
	x.places[x.demands[place].ID] = place
	x.demands[last] = nil
	x.demands = x.demands[:last]
	delete(x.places, id)
}

// Demand is of Index.
func (x *Reference) Demand(id string) (*Demand, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	place, ok := x.places[id]
	if !ok {
		return nil, false
	}
	return x.demands[place], true
}

// DemandStanding is of Index.
func (x *Reference) DemandStanding(id string) (DemandStanding, bool) {
	d, ok := x.Demand(id)
	if !ok {
		return DemandStanding{}, false
	}
	return d.DemandStanding, true
}

// EachDemand is of Index.
func (x *Reference) EachDemand(visit func(HeldDemand) bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, d := range x.demands {
		if !visit(HeldDemand{d.ID, d.DemandStanding, d}) {
			return
		}
	}
}

// Demands is of Index.
func (x *Reference) Demands() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.demands)
}

// Best is of Index.
func (x *Reference) Best(d *Demand, asOf time.Time, k int) []Ranked {
	ranked, _ := x.Top(d, asOf, k)
	return ranked
}

// Top is of Index.
func (x *Reference) Top(d *Demand, asOf time.Time, k int) (ranked []Ranked, eligible int) {
	q := newQuery(d, x.rules, asOf)
	if !q.demandHolds() || k < 1 {
		return nil, 0
	}
	best := leadersOf[Ranked](k)
	x.mu.RLock()
	for _, instrument := range d.instruments {
		g := x.groups[groupKey{instrument, d.Terms.Amount.Currency}]
		if g == nil {
			continue
		}
		for _, o := range g.offers {
			if q.recordHolds(&o.rec) && q.clausesHold(o) {
				eligible++
				best.offer(Ranked{o.ID, o.Party, o.Terms.Instrument, o.Version, q.score(o), o})
			}
		}
	}
	x.mu.RUnlock()
	return best.ranking(), eligible
}

// BestLeads is of Index.
func (x *Reference) BestLeads(o *Offer, asOf time.Time, k int) []Lead {
	leads, _ := x.Leads(o, asOf, k)
	return leads
}

// Leads is of Index.
func (x *Reference) Leads(o *Offer, asOf time.Time, k int) (leads []Lead, eligible int) {
	if k < 1 {
		return nil, 0
	}
	best := leadersOf[Lead](k)
	x.mu.RLock()
	for _, d := range x.demands {
		if d.Terms.Amount.Currency != o.Terms.Capacity.Currency || !slices.Contains(d.instruments, o.Terms.Instrument) {
			continue
		}
		q := newQuery(d, x.rules, asOf)
		if q.demandHolds() && q.recordHolds(&o.rec) && q.clausesHold(o) {
			eligible++
			best.offer(Lead{d.ID, d.Enterprise, d.Version, d.TermsVersion, q.score(o), d})
		}
	}
	x.mu.RUnlock()
	return best.ranking(), eligible
}
