package matcher

import (
	"math"
	"math/bits"
	"slices"

	"github.com/jieli-bus/jieli/events"
)

// Demand is a funding need (融资需求) compiled for judgement, with the facts of its enterprise as they were taken in. It is
// immutable: every change makes another one.
type Demand struct {
	ID, Enterprise string
	DemandStanding
	Terms            events.DemandTerms
	Facts            events.EnterpriseFacts
	Region, Industry string // of the project, else the enterprise's

	instruments []string // without repetition
	minAmount   int64
	maxPrice    int64 // basis points; noPrice when any will do
	termMin     int32
	termMax     int32
	anyTerm     bool
	validUntil  int64
	region      regionPath
	industry    industryPath
	stage       uint64
	focus       uint64
	securities  uint64
	use         uint64
	titles      []heldTitle
	rdFloor     int64 // R&D expense / revenue in 0.01 %, rounded down and up: a bound is kept exactly as written
	rdCeil      int64
	founded     [3]int // year, month, day; year 0 when unknown
	profiled    bool   // a profile was there: a number of 0 is known to be 0
}

// heldTitle is a title and the days it counts, both included.
type heldTitle struct {
	bit      uint64
	from, to events.Date
}

// unknown is a number that the facts do not give. It passes no clause.
const unknown = -1

// NewDemand compiles a published demand.
func NewDemand(e *events.DemandPublished, version uint64) *Demand {
	d := &Demand{ID: e.ID, Enterprise: e.Enterprise, Terms: e.DemandTerms, Facts: e.Facts, Region: e.Region, Industry: e.Industry}
	d.Version, d.TermsVersion = version, version
	if d.Region == "" {
		d.Region = e.Facts.Region
	}
	if d.Industry == "" {
		d.Industry = e.Facts.Industry
	}
	d.compile()
	return d
}

// Amended is the demand under new terms and the enterprise's facts of that moment.
func (d *Demand) Amended(e *events.DemandAmended, version uint64) *Demand {
	next := &Demand{
		ID: d.ID, Enterprise: d.Enterprise, DemandStanding: d.DemandStanding, Terms: e.DemandTerms, Facts: e.Facts,
		Region: d.Region, Industry: d.Industry,
	}
	next.Version, next.TermsVersion = version, version
	next.compile()
	return next
}

// after is the standing after an event that changed what is held and filled.
func (s DemandStanding) after(version uint64, held, filled int64) DemandStanding {
	s.Version = version
	s.Held = max(0, s.Held+held)
	s.Filled = max(0, s.Filled+filled)
	return s
}

// standing is the demand with another standing.
func (d *Demand) standing(s DemandStanding) *Demand {
	next := *d
	next.DemandStanding = s
	return &next
}

// Open is the part of the amount that is neither held nor filled, never below 0.
func (d *Demand) Open() events.Money {
	return events.Money{Minor: max(0, d.Terms.Amount.Minor-d.Held-d.Filled), Currency: d.Terms.Amount.Currency}
}

func (d *Demand) compile() {
	t, f := &d.Terms, &d.Facts
	for _, i := range t.Instruments {
		if !slices.Contains(d.instruments, i) {
			d.instruments = append(d.instruments, i)
		}
	}
	d.minAmount, d.maxPrice = 1, noPrice
	if t.MinAmount != nil {
		d.minAmount = max(1, t.MinAmount.Minor)
	}
	if t.MaxPriceBP != nil {
		d.maxPrice = int64(*t.MaxPriceBP)
	}
	d.anyTerm, d.termMax = true, termsMax
	if t.TermMonths != nil {
		d.anyTerm = false
		d.termMin, d.termMax = monthsOf(*t.TermMonths)
	}
	d.validUntil = nanos(t.ValidUntil)
	d.region, _ = pathOfRegion(d.Region)
	d.industry = pathOfIndustry(d.Industry)
	l := bitsOf()
	d.stage = l.stages[f.Stage]
	d.focus = focusSet(t.Focus, f.Focus)
	d.securities, _ = l.securities.set(t.Security...)
	d.use = l.uses[t.Use]
	for _, title := range f.Titles {
		if bit := l.titles[title.Title]; bit != 0 {
			d.titles = append(d.titles, heldTitle{bit, title.ValidFrom, title.ValidTo})
		}
	}
	d.rdFloor, d.rdCeil = ratio(f.RDExpense, f.Revenue)
	if start, err := f.Founded.Start(); err == nil {
		y, m, day := start.Date()
		d.founded = [3]int{y, int(m), day}
	}
	d.profiled = f.Employees > 0 || f.Patents > 0 || f.Revenue != nil || f.RDExpense != nil
}

// ratio is part / whole in 0.01 %, rounded down and up; unknown without both, in two currencies, or beside a whole of nothing.
func ratio(part, whole *events.Money) (floor, ceil int64) {
	if part == nil || whole == nil || part.Currency != whole.Currency || whole.Minor <= 0 || part.Minor < 0 {
		return unknown, unknown
	}
	hi, lo := bits.Mul64(uint64(part.Minor), 10_000)
	if hi >= uint64(whole.Minor) {
		return math.MaxInt64, math.MaxInt64
	}
	quotient, rest := bits.Div64(hi, lo, uint64(whole.Minor))
	if quotient >= math.MaxInt64 {
		return math.MaxInt64, math.MaxInt64
	}
	floor, ceil = int64(quotient), int64(quotient)
	if rest > 0 {
		ceil++
	}
	return floor, ceil
}

// validTitles are the titles that count on a day: one that has expired by then does not.
func (d *Demand) validTitles(day events.Date) uint64 {
	var word uint64
	for _, t := range d.titles {
		if !day.Before(t.from) && !day.After(t.to) {
			word |= t.bit
		}
	}
	return word
}

// ageMonths is the number of full months since founding on the Beijing day of an instant.
func (d *Demand) ageMonths(m *moment) int64 {
	if d.founded[0] == 0 {
		return unknown
	}
	months := (m.year-d.founded[0])*12 + m.month - d.founded[1]
	if m.of < d.founded[2] {
		months--
	}
	return max(int64(months), unknown)
}
