package matcher

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// Offer is a funding product (资金供给) compiled for judgement. It is immutable: every change makes another one.
type Offer struct {
	ID, Party, Unit, Source string
	OfferStanding
	Terms events.OfferTerms
	Facts events.PartyFacts

	rec      record
	clauses  []clause
	appetite []want
	weights  int64 // sum of the appetite's weights
	sectors  []industryPath
	stages   uint64 // that the appetite names
	place    regionPath
	leg      leg
	tools    int // policy tools of the offer that support its instrument
}

// record is what the scan reads of every offer, side by side in memory. Amounts are minor units, instants nanoseconds.
type record struct {
	minTicket, maxTicket, remaining int64
	capacity                        int64 // all of it
	validUntil, licensedUntil       int64
	minPrice                        int64 // basis points; noPrice when there is none
	termMin, termMax                int32 // months
	live                            bool
}

const (
	noPrice  = -1
	termsMax = 600 // months; an open upper end is this
	forever  = math.MaxInt64
)

// want is one compiled preference.
type want struct {
	field  field
	weight int64
	word   uint64
	nodes  []node
}

// NewOffer compiles a published offer.
func NewOffer(e *events.OfferPublished, version uint64) *Offer {
	o := &Offer{ID: e.ID, Party: e.Party, Unit: e.Unit, Source: e.Source, Terms: e.OfferTerms, Facts: e.Facts}
	o.Version, o.Suspended = version, e.Facts.Suspended
	o.compile()
	return o
}

// Amended is the offer under new terms; what is reserved and committed stays, and so does a pause.
func (o *Offer) Amended(e *events.OfferAmended, version uint64) *Offer {
	next := &Offer{ID: o.ID, Party: o.Party, Unit: o.Unit, Source: o.Source, OfferStanding: o.OfferStanding, Terms: e.OfferTerms, Facts: e.Facts}
	next.Version, next.Suspended = version, e.Facts.Suspended
	next.compile()
	return next
}

// standing is the offer with another standing.
func (o *Offer) standing(s OfferStanding) *Offer {
	next := *o
	next.OfferStanding = s
	next.settle()
	return &next
}

// Remaining is the capacity that is neither reserved nor committed, never below 0: a hint, the offer's own fold decides.
func (o *Offer) Remaining() events.Money {
	return events.Money{Minor: o.rec.remaining, Currency: o.Terms.Capacity.Currency}
}

// settle brings the record in line with status and capacity.
func (o *Offer) settle() {
	o.rec.settle(o.OfferStanding)
}

func (r *record) settle(s OfferStanding) {
	r.live = !s.Paused && !s.Suspended
	r.remaining = max(0, r.capacity-s.Reserved-s.Committed)
}

func (o *Offer) compile() {
	t := &o.Terms
	o.rec = record{
		minTicket: t.MinTicket.Minor, maxTicket: t.MaxTicket.Minor, capacity: t.Capacity.Minor,
		validUntil: nanos(t.ValidUntil), licensedUntil: licensedUntil(t.Instrument, o.Facts.Licences),
		minPrice: noPrice, termMax: termsMax,
	}
	if t.MinPriceBP != nil {
		o.rec.minPrice = int64(*t.MinPriceBP)
	}
	if t.TermMonths != nil {
		o.rec.termMin, o.rec.termMax = monthsOf(*t.TermMonths)
	}
	for _, c := range t.Eligibility {
		o.clauses = append(o.clauses, compileClause(c))
	}
	for _, p := range t.Appetite {
		o.want(p)
	}
	o.place, _ = pathOfRegion(o.Facts.Region)
	o.leg = legOf(t.Instrument)
	for _, tool := range t.PolicyTools {
		if e, ok := codes.PolicyTool(tool); ok && slices.Contains(e.Instruments, t.Instrument) {
			o.tools++
		}
	}
	o.settle()
}

func (o *Offer) want(p events.Preference) {
	w := want{field: fieldOf(p.Field), weight: int64(p.Weight)}
	switch w.field {
	case fieldRegion:
		w.nodes = regionNodes(p.Values)
	case fieldIndustry:
		w.nodes = industryNodes(p.Values)
		for _, v := range p.Values {
			if path := pathOfIndustry(v); path[0] != 0 {
				o.sectors = append(o.sectors, path)
			}
		}
	case fieldStage:
		w.word, _ = bitsOf().stages.set(p.Values...)
		o.stages |= w.word
	case fieldTitle:
		w.word, _ = bitsOf().titles.set(p.Values...)
	case fieldFocus:
		w.word, _ = bitsOf().focus.set(p.Values...)
	default:
		return // a field that says nothing about appetite has no weight
	}
	o.appetite = append(o.appetite, w)
	o.weights += w.weight
}

// licensedUntil is the first instant at which no licence that covers the instrument is valid any more. Where the facts name none,
// the offer's own decision stands: it was taken in by rules that are not known here.
func licensedUntil(instrument string, licences []events.Licence) int64 {
	until := int64(math.MinInt64)
	e, _ := codes.Instrument(instrument)
	for _, l := range licences {
		if !e.CoveredBy(l.Licence) {
			continue
		}
		end, err := l.ValidTo.End()
		if l.ValidTo == "" || err != nil {
			return forever
		}
		until = max(until, nanos(end))
	}
	if until == math.MinInt64 {
		return forever
	}
	return until
}

// legOf is the leg of the relay that an instrument belongs to.
func legOf(instrument string) leg {
	e, _ := codes.Instrument(instrument)
	return bitsOf().legs[e.Leg]
}

// monthsOf gives a range both of whose ends are numbers.
func monthsOf(m events.Months) (lowest, highest int32) {
	if m.Max == 0 {
		m.Max = termsMax
	}
	return int32(m.Min), int32(m.Max)
}

// nanos is an instant as a number, held to the ends of its range (the years 1678 and 2262) instead of wrapping beyond them.
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s > math.MaxInt64/int64(time.Second)-1:
		return forever
	case s < math.MinInt64/int64(time.Second)+1:
		return math.MinInt64
	}
	return t.UnixNano()
}

// octave is the place of an amount on a scale of doublings.
func octave(minor int64) int64 { return int64(bits.Len64(uint64(max(minor, 0)))) }
