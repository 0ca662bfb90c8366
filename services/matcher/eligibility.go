package matcher

import (
	"time"

	"github.com/jieli-bus/jieli/events"
)

// field is a field of a clause or preference.
type field uint8

const (
	fieldNone field = iota
	fieldRegion
	fieldIndustry
	fieldStage
	fieldTitle
	fieldFocus
	fieldSecurity
	fieldUse
	fieldEmployees
	fieldRevenue
	fieldRDRatio
	fieldPatents
	fieldAge
)

func fieldOf(name string) field {
	switch name {
	case events.FieldRegion:
		return fieldRegion
	case events.FieldIndustry:
		return fieldIndustry
	case events.FieldStage:
		return fieldStage
	case events.FieldTitle:
		return fieldTitle
	case events.FieldFocus:
		return fieldFocus
	case events.FieldSecurity:
		return fieldSecurity
	case events.FieldUse:
		return fieldUse
	case events.FieldEmployees:
		return fieldEmployees
	case events.FieldRevenue:
		return fieldRevenue
	case events.FieldRDRatio:
		return fieldRDRatio
	case events.FieldPatents:
		return fieldPatents
	case events.FieldAge:
		return fieldAge
	}
	return fieldNone
}

// operator is what a clause does with its bound. never is the clause that cannot be read: it fails, because a condition that is
// not understood must not be taken as met.
type operator uint8

const (
	never operator = iota
	within
	anyOf
	allOf
	least
	most
)

// clause is one compiled explicit condition.
type clause struct {
	field  field
	op     operator
	word   uint64
	number int64
	nodes  []node
}

func compileClause(c events.Clause) clause {
	out := clause{field: fieldOf(c.Field)}
	var missed bool
	l := bitsOf()
	switch out.field {
	case fieldRegion, fieldIndustry, fieldStage, fieldUse:
		if c.Op != events.OpIn {
			return out
		}
		out.op = within
	case fieldTitle, fieldFocus, fieldSecurity:
		switch c.Op {
		case events.OpAny:
			out.op = anyOf
		case events.OpAll:
			out.op = allOf
		}
	case fieldEmployees, fieldRevenue, fieldRDRatio, fieldPatents, fieldAge:
		if c.Number == nil {
			return out
		}
		out.number = *c.Number
		switch c.Op {
		case events.OpMin:
			out.op = least
		case events.OpMax:
			out.op = most
		}
	}
	switch out.field {
	case fieldRegion:
		out.nodes = regionNodes(c.Values)
	case fieldIndustry:
		out.nodes = industryNodes(c.Values)
	case fieldStage:
		out.word, _ = l.stages.set(c.Values...)
	case fieldUse:
		out.word, _ = l.uses.set(c.Values...)
	case fieldTitle:
		out.word, missed = l.titles.set(c.Values...)
	case fieldFocus:
		out.word, missed = l.focus.set(c.Values...)
	case fieldSecurity:
		out.word, missed = l.securities.set(c.Values...)
	}
	if out.op == allOf && missed {
		out.op = never // it asks for something nobody can have
	}
	return out
}

func regionNodes(values []string) []node {
	nodes := make([]node, len(values))
	for i, v := range values {
		nodes[i] = regionNode(v)
	}
	return nodes
}

func industryNodes(values []string) []node {
	nodes := make([]node, len(values))
	for i, v := range values {
		if p := pathOfIndustry(v); p[0] != 0 {
			nodes[i] = p[p.depth()-1]
		}
	}
	return nodes
}

// query is a demand at an instant, under the rule set of that day. It lives on the stack of one answer.
type query struct {
	d      *Demand
	rules  *RuleSet
	at     int64 // nanoseconds
	day    events.Date
	titles uint64
	age    int64 // months
	open   int64 // minor units still wanted
	need   int64 // least that is of use
	early  bool
	small  bool
	hard   bool
}

// moment is an instant and the rule set of its day: what all questions of that instant share.
type moment struct {
	rules           *RuleSet
	at              int64 // nanoseconds
	day             events.Date
	year, month, of int // of the Beijing day
}

func momentOf(rules *RuleSets, asOf time.Time) moment {
	m := moment{at: nanos(asOf), day: events.DateOf(asOf)}
	m.rules = rules.At(m.day)
	year, month, day := asOf.In(events.Beijing).Date()
	m.year, m.month, m.of = year, int(month), day
	return m
}

func newQuery(d *Demand, rules *RuleSets, asOf time.Time) query {
	m := momentOf(rules, asOf)
	return m.query(d, d.validTitles(m.day))
}

// query is a demand whose titles count as given.
func (m *moment) query(d *Demand, titles uint64) query {
	q := query{d: d, rules: m.rules, at: m.at, day: m.day, titles: titles, age: d.ageMonths(m), open: d.Open().Minor}
	// A demand that is filled in part wants the rest, even if that is less than the least it first asked for.
	q.need = min(d.minAmount, q.open)
	p := &q.rules.compiled
	q.early = d.stage&p.earlyStages != 0 || d.stage == 0 && q.age >= 0 && q.age <= p.earlyAgeMonths
	q.small = d.Facts.Employees > 0 && int64(d.Facts.Employees) <= p.smallEmployees || q.titles&p.smallTitles != 0
	q.hard = d.focus&p.hardFocus != 0 || q.titles&p.hardTitles != 0
	return q
}

// The implicit conditions. Each is one function, used by the scan and by the explanation alike, so that the two cannot differ.

func (q *query) demandValid() bool { return q.at < q.d.validUntil }
func (q *query) demandOpen() bool  { return q.open > 0 }

func (q *query) live(r *record) bool       { return r.live }
func (q *query) offerValid(r *record) bool { return q.at < r.validUntil }
func (q *query) licensed(r *record) bool   { return q.at < r.licensedUntil }

// Some amount must be at least what the offer gives and the demand can use, and at most the ticket, what is left and what is
// open: max(minTicket, need) <= min(maxTicket, remaining, open), taken apart so that a refusal names its bound.
func (q *query) ticketMin(r *record) bool { return r.minTicket <= q.open }
func (q *query) ticketMax(r *record) bool { return max(r.minTicket, q.need) <= r.maxTicket }
func (q *query) capacity(r *record) bool  { return max(r.minTicket, q.need) <= r.remaining }

func (q *query) term(r *record) bool {
	return q.d.anyTerm || max(q.d.termMin, r.termMin) <= min(q.d.termMax, r.termMax)
}

func (q *query) price(r *record) bool {
	return r.minPrice == noPrice || q.d.maxPrice == noPrice || r.minPrice <= q.d.maxPrice
}

// demandHolds says whether the demand itself may be matched.
func (q *query) demandHolds() bool { return q.demandValid() && q.demandOpen() }

// recordHolds says whether an offer of the right instrument and currency passes the other implicit conditions.
func (q *query) recordHolds(r *record) bool {
	return q.live(r) && q.ticketMin(r) && q.ticketMax(r) && q.capacity(r) && q.term(r) && q.price(r) && q.offerValid(r) && q.licensed(r)
}

// clausesHold says whether the explicit conditions hold.
func (q *query) clausesHold(o *Offer) bool {
	for i := range o.clauses {
		if !q.holds(&o.clauses[i], o) {
			return false
		}
	}
	return true
}

// holds judges one explicit condition. A fact that is not known fails it.
func (q *query) holds(c *clause, o *Offer) bool {
	switch c.op {
	case never:
		return false
	case within:
		switch c.field {
		case fieldRegion:
			return onPath(q.d.region[:], c.nodes) >= 0
		case fieldIndustry:
			return onPath(q.d.industry[:], c.nodes) >= 0
		case fieldStage:
			return q.d.stage&c.word != 0
		}
		return q.d.use&c.word != 0
	case anyOf:
		return q.set(c.field)&c.word != 0
	case allOf:
		have := q.set(c.field)
		return have != 0 && have&c.word == c.word
	}
	n := q.number(c, o)
	if n < 0 {
		return false
	}
	if c.op == least {
		return n >= c.number
	}
	return n <= c.number
}

func (q *query) set(f field) uint64 {
	switch f {
	case fieldTitle:
		return q.titles
	case fieldFocus:
		return q.d.focus
	}
	return q.d.securities
}

// number is the demand's value for a numeric clause, unknown when the facts do not say.
func (q *query) number(c *clause, o *Offer) int64 {
	switch f := &q.d.Facts; c.field {
	case fieldEmployees:
		if f.Employees > 0 {
			return int64(f.Employees)
		}
	case fieldRevenue:
		// The bound is in the offer's currency; nothing here converts.
		if f.Revenue != nil && f.Revenue.Currency == o.Terms.Capacity.Currency {
			return f.Revenue.Minor
		}
	case fieldRDRatio:
		if c.op == most {
			return q.d.rdCeil
		}
		return q.d.rdFloor
	case fieldPatents:
		if q.d.profiled {
			return int64(f.Patents)
		}
	case fieldAge:
		return q.age
	}
	return unknown
}
