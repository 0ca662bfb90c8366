package matcher

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// Change is the smallest change of a demand that mends one failed condition (差一步), for machines and for people. Demand.Changed
// carries it out.
type Change struct {
	Field  string     `json:"field"` // of the demand's terms (amount, min_amount, term_months, max_price_bp, use, security, focus) or of the facts
	Op     string     `json:"op"`    // raise, lower, widen, set, add, obtain, state
	From   string     `json:"from"`
	To     string     `json:"to"`
	Effort string     `json:"effort"` // terms, facts, circumstances
	Text   codes.Text `json:"text"`
	far    int64      // how big a change it is among those of the same effort
	down   bool       // a term is widened at its lower end
}

// Efforts, the smallest first: what an amendment of the demand does, what can be obtained or made known, what the enterprise is.
const (
	EffortTerms         = "terms"
	EffortFacts         = "facts"
	EffortCircumstances = "circumstances"
)

var effortOrder = map[string]int{EffortTerms: 0, EffortFacts: 1, EffortCircumstances: 2}

// Operations of a change.
const (
	opRaise  = "raise"
	opLower  = "lower"
	opWiden  = "widen"
	opSet    = "set"
	opAdd    = "add"
	opObtain = "obtain"
	opState  = "state" // nothing is known yet: make known that it is at least (or at most) so
)

// Fields of changes that are no fields of clauses.
const (
	changeAmount    = "amount"
	changeMinAmount = "min_amount"
	changeTerm      = "term_months"
	changePrice     = "max_price_bp"
)

// nearer orders changes: less effort first, then the smaller one.
func nearer(a, b *Change) int {
	if a.Effort != b.Effort {
		return effortOrder[a.Effort] - effortOrder[b.Effort]
	}
	switch {
	case a.far < b.far:
		return -1
	case a.far > b.far:
		return 1
	}
	return 0
}

// mend is the smallest change that makes the failed public condition hold, ok where there is one. Its text is left to word.
func (q *query) mend(f failure, o *Offer) (c Change, ok bool) {
	r, t := &o.rec, &q.d.Terms
	cash := func(minor int64) string { return events.Money{Minor: minor, Currency: t.Amount.Currency}.String() }
	if f.clause >= 0 {
		return q.mendClause(&o.clauses[f.clause], o.Terms.Eligibility[f.clause], o)
	}
	switch f.field {
	case "ticket_min":
		to := r.minTicket + q.d.Held + q.d.Filled
		return Change{Field: changeAmount, Op: opRaise, From: cash(t.Amount.Minor), To: cash(to), Effort: EffortTerms, far: relative(t.Amount.Minor, to)}, to > t.Amount.Minor
	case "ticket_max":
		return Change{Field: changeMinAmount, Op: opLower, From: cash(q.d.minAmount), To: cash(r.maxTicket), Effort: EffortTerms, far: relative(q.d.minAmount, r.maxTicket)}, r.minTicket <= r.maxTicket
	case "term":
		to := events.Months{Min: int(q.d.termMin), Max: int(q.d.termMax)}
		if q.d.termMin > r.termMax {
			to.Min = int(r.termMax)
		} else {
			to.Max = int(r.termMin)
		}
		down := q.d.termMin > r.termMax
		by := int64(int(q.d.termMin) - to.Min + to.Max - int(q.d.termMax))
		if t.TermMonths.Max == 0 && to.Max == termsMax {
			to.Max = 0
		}
		return Change{Field: changeTerm, Op: opWiden, From: months(t.TermMonths), To: months(&to), Effort: EffortTerms, far: by * 100, down: down}, r.termMin <= r.termMax
	case "price":
		return Change{Field: changePrice, Op: opRaise, From: basisPoints(t.MaxPriceBP), To: strconv.FormatInt(r.minPrice, 10), Effort: EffortTerms,
			far: relative(q.d.maxPrice, r.minPrice)}, true
	}
	return c, false
}

func (q *query) mendClause(c *clause, source events.Clause, o *Offer) (Change, bool) {
	out := Change{Field: source.Field, From: q.value(c, o)}
	switch c.op {
	case within:
		out.Op, out.Effort = opSet, EffortCircumstances
		if c.field == fieldUse {
			out.Effort = EffortTerms
		} else if out.From == Unknown {
			out.Op, out.Effort = opState, EffortFacts
		}
		out.To, out.far = q.nearest(c, source.Values)
		return out, out.To != ""
	case anyOf, allOf:
		out.Op, out.Effort = opAdd, EffortTerms
		if c.field == fieldTitle {
			out.Op, out.Effort = opObtain, EffortFacts
		}
		var missing []string
		for _, v := range source.Values {
			if bit := bitOf(c.field, v); bit != 0 && q.set(c.field)&bit == 0 && !slices.Contains(missing, v) {
				missing = append(missing, v)
			}
		}
		if c.op == anyOf {
			missing = missing[:min(1, len(missing))]
		}
		out.To, out.far = strings.Join(missing, ","), int64(len(missing))
		return out, len(missing) > 0
	case least, most:
		out.Op, out.Effort = opRaise, EffortCircumstances
		if c.op == most {
			out.Op = opLower
		}
		to, from := c.number, q.number(c, o)
		if c.field == fieldEmployees || c.field == fieldPatents {
			to = max(to, 1) // a number of 0 cannot be told from one that is not known
		}
		if from < 0 {
			out.Op, out.Effort, from = opState, EffortFacts, 0
		}
		out.To, out.far = strconv.FormatInt(to, 10), relative(from, to)
		if c.field == fieldRevenue {
			out.To = events.Money{Minor: to, Currency: o.Terms.Capacity.Currency}.String()
		}
		// Nobody grows younger.
		return out, !(c.field == fieldAge && c.op == most && out.Op != opState)
	}
	return out, false
}

// nearest is the value of a list that lies nearest to what the demand has, the first of equally near ones, "" when none is known.
func (q *query) nearest(c *clause, values []string) (best string, far int64) {
	for i, v := range values {
		var away int64
		switch c.field {
		case fieldRegion:
			if c.nodes[i] == 0 {
				continue
			}
			path, _ := pathOfRegion(v)
			away = apart(path[:], q.d.region[:])
		case fieldIndustry:
			if c.nodes[i] == 0 {
				continue
			}
			path := pathOfIndustry(v)
			away = apart(path[:], q.d.industry[:])
		case fieldStage:
			bit := bitsOf().stages[v]
			if bit == 0 {
				continue
			}
			if away = int64(bits.Len64(bit) - bits.Len64(q.d.stage)); away < 0 {
				away = -away
			}
		default:
			if bitsOf().uses[v] == 0 {
				continue
			}
		}
		if best == "" || away < far {
			best, far = v, away
		}
	}
	return best, far
}

// apart is the number of levels below the smallest common node of two places of a tree.
func apart(a, b []node) int64 {
	common := 0
	for common < len(a) && a[common] != 0 && a[common] == b[common] {
		common++
	}
	return int64(len(a) - common)
}

func bitOf(f field, code string) uint64 {
	switch l := bitsOf(); f {
	case fieldTitle:
		return l.titles[code]
	case fieldFocus:
		return l.focus[code]
	default:
		return l.securities[code]
	}
}

// relative is the size of a change in 0.01 % of where it begins, at most farMax.
func relative(from, to int64) int64 {
	const farMax = 100_000_000
	by := to - from
	if by < 0 {
		by = -by
	}
	hi, lo := bits.Mul64(uint64(by), 10_000)
	if whole := uint64(max(from, 1)); hi < whole {
		quotient, _ := bits.Div64(hi, lo, whole)
		return int64(min(quotient, farMax))
	}
	return farMax
}

// errChange is a change that no mend has given.
var errChange = errors.New("matcher: the change cannot be read")

// Changed is the demand after a change, as it would be published or amended on the day of an instant.
func (d *Demand) Changed(c *Change, asOf time.Time) (*Demand, error) {
	next := &Demand{
		ID: d.ID, Enterprise: d.Enterprise, DemandStanding: d.DemandStanding, Terms: d.Terms, Facts: d.Facts, Region: d.Region, Industry: d.Industry,
	}
	t, f := &next.Terms, &next.Facts
	var err error
	number := func() int64 {
		n, e := strconv.ParseInt(c.To, 10, 64)
		err = errors.Join(err, e)
		return n
	}
	money := func() events.Money {
		amount, currency, _ := strings.Cut(c.To, " ")
		m, e := events.ParseMoney(amount, currency)
		err = errors.Join(err, e)
		return m
	}
	switch c.Field {
	case changeAmount:
		t.Amount = money()
	case changeMinAmount:
		t.MinAmount = new(money())
	case changeTerm:
		low, high, _ := strings.Cut(c.To, "-")
		m := events.Months{}
		m.Min, err = strconv.Atoi(low)
		if high != "" && err == nil {
			m.Max, err = strconv.Atoi(high)
		}
		t.TermMonths = &m
	case changePrice:
		t.MaxPriceBP = new(int(number()))
	case events.FieldUse:
		t.Use = c.To
	case events.FieldSecurity:
		t.Security = slices.Concat(t.Security, strings.Split(c.To, ","))
	case events.FieldFocus:
		t.Focus = slices.Concat(t.Focus, strings.Split(c.To, ","))
	case events.FieldRegion:
		next.Region = c.To
	case events.FieldIndustry:
		next.Industry = c.To
	case events.FieldStage:
		f.Stage = c.To
	case events.FieldTitle:
		f.Titles = slices.Clone(f.Titles)
		for _, title := range strings.Split(c.To, ",") {
			day := events.DateOf(asOf)
			f.Titles = append(f.Titles, events.Title{Title: title, ValidFrom: day, ValidTo: day})
		}
	case events.FieldEmployees:
		f.Employees = int(number())
	case events.FieldPatents:
		f.Patents = int(number())
	case events.FieldRevenue:
		f.Revenue = new(money())
	case events.FieldRDRatio:
		next.research(number())
	case events.FieldAge:
		year, month, day := asOf.In(events.Beijing).Date()
		// The first of a month that has every later one: no day is lost on the way back.
		f.Founded = events.DateOf(time.Date(year, month-time.Month(number()), min(day, 28), 0, 0, 0, 0, events.Beijing))
	default:
		return nil, fmt.Errorf("%w: field %q", errChange, c.Field)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errChange, err)
	}
	next.compile()
	return next, nil
}

// research gives the enterprise an R&D intensity of n in 0.01 %, exactly.
func (d *Demand) research(n int64) {
	const whole = 10_000
	f := &d.Facts
	currency := d.Terms.Amount.Currency
	if f.Revenue != nil && f.Revenue.Minor > 0 {
		currency = f.Revenue.Currency
		hi, lo := bits.Mul64(uint64(n), uint64(f.Revenue.Minor))
		if hi < whole {
			expense, rest := bits.Div64(hi, lo, whole)
			if floor, _ := ratio(f.RDExpense, f.Revenue); rest > 0 && floor < n {
				expense++ // from below the intensity must reach n, from above it may not pass it
			}
			f.RDExpense = &events.Money{Minor: int64(expense), Currency: currency}
			return
		}
	}
	f.Revenue, f.RDExpense = &events.Money{Minor: whole, Currency: currency}, &events.Money{Minor: n, Currency: currency}
}
