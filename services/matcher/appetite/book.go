package appetite

import (
	"math/bits"

	"github.com/jieli-bus/jieli/events"
)

// Kind is how a matter between an institution and a demand ended.
type Kind uint8

// Kinds of outcomes.
const (
	Disbursed Kind = iota // 已放款 or 已投资
	Accepted              // 已接受
	Declined              // 已拒绝
	kinds
)

var kindNames = [kinds]string{"disbursed", "accepted", "declined"}

func (k Kind) String() string { return kindNames[k] }

func kindOf(name string) Kind {
	for k := range kinds {
		if k.String() == name {
			return k
		}
	}
	return kinds
}

// Subject is what a demand shows of itself to appetite. Whatever is not known stays empty and moves no term.
type Subject struct {
	Industry []string // from the broadest node of the tree to the narrowest
	Place    []string // from the broadest region to the narrowest
	Stage    string
	Amount   *events.Money // nil when it is not made known
}

// Outcome is what one institution did with one demand.
type Outcome struct {
	Institution string
	Kind        Kind
	Day         int // days since 1970-01-01, in Beijing; not negative
	Subject
}

// pathMax bounds the depth of a tree that is looked at.
const pathMax = 5

// facet is an independent side of a demand.
type facet uint8

const (
	facetIndustry facet = iota
	facetPlace
	facetStage
	facetSize
	facetDeclared
)

// value is one value of a facet: a node of a tree, a stage, a doubling of an amount in its currency.
type value struct {
	facet facet
	name  string
	size  int
}

// tally is a sum of outcomes as of a day, One for each full outcome, decaying.
type tally struct {
	sum int64
	day int
}

func (t *tally) at(day, halfLife int) int64 { return max(0, decayed(t.sum, t.day, day, halfLife)) }

// add takes in an outcome; one that is older than the last counts what is left of it by then.
func (t *tally) add(amount int64, day, halfLife int) {
	if day < t.day {
		t.sum += decayed(amount, day, t.day, halfLife)
		return
	}
	t.sum, t.day = decayed(t.sum, t.day, day, halfLife)+amount, day
}

// tallies are those of one institution or of all together.
type tallies struct {
	active, recent tally
	values         map[value]*tally
	known          [facetDeclared + 1]tally // outcomes that have a value in the facet
	latest         []past                   // the institution's own, a ring of pastMax
	next           int                      // place of the ring to be written next
}

// past is one outcome as it is compared with a demand as a whole.
type past struct {
	Subject
	amount int64
	day    int
}

// pastMax outcomes of an institution are compared with a demand one by one; older ones live on in the tallies.
const pastMax = 256

func (t *tallies) keep(p past) {
	if len(t.latest) < pastMax {
		t.latest = append(t.latest, p)
		return
	}
	t.latest[t.next] = p
	t.next = (t.next + 1) % pastMax
}

func newTallies() *tallies { return &tallies{values: make(map[value]*tally)} }

// Book holds what all institutions did. One caller at a time changes it; a Book that nobody changes may be read concurrently.
type Book struct {
	set          *Set
	everybody    *tallies
	institutions map[string]*tallies
}

// NewBook makes an empty book that remembers by a set's parameters.
func NewBook(set *Set) *Book {
	return &Book{set: set, everybody: newTallies(), institutions: make(map[string]*tallies)}
}

// Add takes in an outcome.
func (b *Book) Add(o Outcome) {
	amount := int64(b.set.Parameters.Outcome[o.Kind.String()]) * One / percentWhole
	own := b.institutions[o.Institution]
	if own == nil {
		own = newTallies()
		b.institutions[o.Institution] = own
	}
	own.add(&b.set.Parameters, amount, &o)
	own.keep(past{o.Subject, amount, o.Day})
	if amount > 0 { // what others refuse says nothing about how common a demand is
		b.everybody.add(&b.set.Parameters, amount, &o)
	}
}

func (t *tallies) add(p *Parameters, amount int64, o *Outcome) {
	t.active.add(amount, o.Day, p.HalfLife)
	t.recent.add(amount, o.Day, p.RecentHalfLife)
	o.each(func(v value, first bool) {
		if first {
			t.known[v.facet].add(amount, o.Day, p.HalfLife)
		}
		own := t.values[v]
		if own == nil {
			own = &tally{}
			t.values[v] = own
		}
		own.add(amount, o.Day, p.HalfLife)
	})
}

// each walks the values of a subject; first tells the first of its facet.
func (s *Subject) each(visit func(v value, first bool)) {
	for i, node := range s.Industry[:min(len(s.Industry), pathMax)] {
		visit(value{facet: facetIndustry, name: node}, i == 0)
	}
	for i, node := range s.Place[:min(len(s.Place), pathMax)] {
		visit(value{facet: facetPlace, name: node}, i == 0)
	}
	if s.Stage != "" {
		visit(value{facet: facetStage, name: s.Stage}, true)
	}
	if s.Amount != nil {
		visit(sizeOf(*s.Amount), true)
	}
	visit(s.declared(), true)
}

func (s *Subject) declared() value {
	if s.Amount == nil {
		return value{facet: facetDeclared, name: "no"}
	}
	return value{facet: facetDeclared, name: "yes"}
}

// sizeOf is the amount's place on a scale of doublings, apart for each currency: nothing here converts.
func sizeOf(m events.Money) value {
	return value{facet: facetSize, name: m.Currency, size: bits.Len64(uint64(max(m.Minor, 0)))}
}
