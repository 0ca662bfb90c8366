package matcher

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"
	"unsafe"
)

// Numerators of score bounds are in 1/10,000 of a point, so that nothing is divided lane by lane: weight * percent * whole.
const whole = 100

// quest is a demand on its way through the cells, with what each term can give at most, computed once.
type quest struct {
	q                           query
	open, need, to, from, price uint8
	needSection, needStage      uint32
	titles, securities, uses    uint16
	sectors                     uint64 // the demand's section
	division                    uint64
	province, city, only        uint8
	focus                       uint32
	numbers                     [4]uint8 // staff, patents, months of age, research ratio; 0 also where unknown
	staff                       uint8
	stage                       uint64
	octaves                     int // of the open amount, twice
	longFrom, smallUpTo         uint8
	size, term, cover, noTerm   int64
	months                      int32     // wanted; 0 for any
	place                       [4]int64  // elsewhere, the province, the prefecture, the county
	near                        [3]int64  // preferred industries in another section, in this, in this division
	within                      [4]int64  // a preferred industry that the demand's is in, by level
	own                         [4]uint64 // bits of the demand's industry by level
	ownAny                      uint64
	noSector                    int64
	tastes                      uint32
	county                      uint8
	hold                        uint64 // sets of preferred stages that hold the demand's
	free                        int64
	priceWeight, maxPrice       float64
	openAmount                  float64
	appetite, neutral           int64
	small, hard, taste, tool    int64
	longTerm                    int64
	at                          *track
}

// track is what a quest knows of one shelf.
type track struct {
	shelf  *offerShelf
	stages [64]int64 // stage and early points of each set of preferred stages
	long   int64     // long-term points by the leg alone
}

func (f *quest) prepare(d *Demand, rules *RuleSets, asOf time.Time) bool {
	f.q = newQuery(d, rules, asOf)
	q := &f.q
	if !q.demandHolds() {
		return false
	}
	c := &q.rules.compiled
	w := &c.weights
	f.open, f.need, f.to, f.from, f.price = scaleAmount(q.open), scaleAmount(q.need), 255, 0, 255
	if !d.anyTerm {
		f.to, f.from = scaleMonths(d.termMax), scaleMonths(d.termMin)
	}
	if d.maxPrice != noPrice {
		f.price = scalePrice(d.maxPrice)
	}
	f.needSection = 1 << sectionOf(d.industry[0])
	f.needStage = uint32(max(d.stage, 1)) << stageBase
	f.titles, f.securities, f.uses = uint16(q.titles)|noneBit16, uint16(d.securities)|noneBit16, uint16(d.use)|noneBit16
	f.sectors, f.division = 1<<sectionOf(d.industry[0]), divisionBit(d.industry[1])
	if d.industry[0] == 0 {
		f.sectors = 0
	}
	f.province, f.city, f.stage = provinceOf(d.region[0]), uint8(d.region[1]/100%100), d.stage
	f.only = 0
	if deepest := cmp.Or(d.region[2], d.region[1], d.region[0]); deepest != 0 {
		f.only = uint8(deepest / 100 % 100)
	}
	if f.only == 0 {
		f.only = anywhere // of no prefecture: only what is for all
	}
	f.focus = uint32(d.focus) | noneBit32
	f.staff = scaleAmount(int64(d.Facts.Employees))
	f.numbers = [4]uint8{f.staff, scaleAmount(int64(d.Facts.Patents)), scaleAmount(q.age), scaleAmount(d.rdFloor)}
	f.openAmount, f.octaves = float64(q.open), 2*int(octave(q.open))

	give := func(term int, percent int64) int64 { return w[term] * percent * whole }
	f.cover, f.size = w[termSize]*(100-c.sizeCentre), w[termSize]*c.sizeCentre
	f.term = give(termTerm, 100)
	f.noTerm = give(termTerm, c.neutral)
	f.months = 0
	if d.anyTerm {
		f.term = f.noTerm
	} else {
		f.months = d.termMax - d.termMin + 1
	}
	f.place = [4]int64{give(termRegion, c.region[0]), give(termRegion, max(c.region[1], c.region[0])), give(termRegion, max(c.region[2], c.region[1], c.region[0])), give(termRegion, slices.Max(c.region[:]))}
	f.near = [3]int64{give(termIndustry, c.industryNear[0]), give(termIndustry, max(c.industryNear[0], c.industryNear[1])), give(termIndustry, slices.Max(c.industryNear[:]))}
	f.ownAny = 0
	for level, n := range d.industry {
		f.within[level], f.own[level] = give(termIndustry, c.industryWithin[level+1]), ownBit(n)
		f.ownAny |= f.own[level]
	}
	f.noSector = give(termIndustry, c.neutral)
	f.tastes = uint32(d.focus)
	if d.focus >= noneBit32 {
		f.tastes = math.MaxUint32
	}
	if q.titles != 0 {
		f.tastes |= noneBit32
	}
	f.county = uint8(d.region[2] % 100)
	f.bestPrice(d, c)
	f.appetite, f.neutral = w[termAppetite]*whole, give(termAppetite, c.neutral)
	f.small, f.hard, f.taste, f.longTerm, f.tool = 0, 0, 0, give(termLong, 100), give(termTool, 100)
	if q.small {
		f.small = give(termSmall, 100)
	}
	if q.hard {
		f.hard, f.taste = give(termHard, c.neutral), give(termHard, max(100-c.neutral, 0))
	}
	// The largest ticket that counts as small, rounded up on the scale; amounts are below 2^63.
	f.smallUpTo = scaleAmount(int64(min(float64(q.open)/100*float64(c.smallMinTicket)+1, 1<<62)))
	f.longFrom = scaleMonths(c.longTermMonths)
	f.hold = 0
	for set := range uint64(64) {
		if set&d.stage != 0 {
			f.hold |= 1 << set
		}
	}
	return true
}

func (f *quest) bestPrice(d *Demand, c *compiledRules) {
	f.free = c.weights[termPrice] * c.neutral * whole
	f.priceWeight, f.maxPrice = float64(c.weights[termPrice]*100*whole), float64(d.maxPrice)
}

// enter computes what the leg of a shelf's instrument decides.
func (f *quest) enter(t *track, shelf *offerShelf) {
	l := shelf.leg
	t.shelf = shelf
	c := &f.q.rules.compiled
	stage, early := c.weights[termStage]*whole, int64(0)
	if f.q.early {
		early = c.weights[termEarly] * 100 * whole
	}
	var o Offer
	o.leg = l
	for set := range uint64(64) {
		o.stages = set
		t.stages[set] = stage * f.q.stageFit(&o)
		if c.earlyLeg[l] || set&c.earlyStages != 0 {
			t.stages[set] += early
		}
	}
	t.long = 0
	if c.longTermLeg[l] {
		t.long = f.longTerm
	}
}

// priceBound is what a lowest price at a place of the scale can give.
func (f *quest) priceBound(price uint8) int64 {
	if f.maxPrice == noPrice {
		return f.free
	}
	if f.maxPrice == 0 {
		return int64(f.priceWeight)
	}
	least := float64(price) * 5
	if price >= 200 {
		least = 1000 + float64(price-200)*2000
	}
	return int64(f.priceWeight*(f.maxPrice-least)/f.maxPrice) + 1
}

// termBound is what terms at two places of the scale can give. Below 128 months a place is a month.
func (f *quest) termBound(from, to uint8) int64 {
	if f.months <= 0 || f.to >= 128 || to >= 128 {
		return f.term
	}
	common := int64(min(f.to, to)) - int64(max(f.from, from)) + 1
	if common <= 0 || common >= int64(f.months) {
		return f.term
	}
	return f.term*common/int64(f.months) + 1
}

func (f *quest) sizeBound(most uint8, low, high int) int64 {
	cover := int64(100)
	if top := scaleCeiling(most); top < f.openAmount {
		cover = int64(100*top/f.openAmount) + 1
	}
	away := max(low-f.octaves, f.octaves-high, 0)
	centre := max(0, 100-int64(away)*f.q.rules.compiled.sizeDoubling/2)
	return f.cover*cover + f.size*centre
}

// industryBound is what preferred industries can give, and whether the demand's may be among them.
func (f *quest) industryBound(sectors, own uint64) (most int64, among bool) {
	most = f.near[0]
	if sectors&noSectors != 0 {
		most = max(most, f.noSector) // of a lane it is all there is
		if sectors == noSectors {
			return f.noSector, false
		}
	}
	if sectors&f.sectors == 0 {
		return most, false
	}
	most = max(most, f.near[1])
	if sectors&f.division != 0 {
		most = max(most, f.near[2])
	}
	if own&f.ownAny == 0 {
		return most, false
	}
	for level, bit := range f.own {
		if own&bit != 0 {
			most = max(most, f.within[level])
		}
	}
	return most, true
}

func (f *quest) appetiteBound(part *[4]uint8, region, industry, stage, taste bool) int64 {
	var met int64
	if taste {
		met += int64(part[3])
	}
	if region {
		met += int64(part[0])
	}
	if industry {
		met += int64(part[1])
	}
	if stage {
		met += int64(part[2])
	}
	return f.appetite * min(100, met)
}

// excludes says that no lane within some bounds can be eligible.
func (f *quest) excludes(b *offerBounds) bool {
	return b.low == 0 || b.low-1 > f.open || b.high < f.need || b.from-1 > f.to || b.to < f.from || b.flags&sketchFree == 0 && b.price-1 > f.price ||
		b.only>>(f.only&63)&1 == 0 || b.focus&f.focus == 0 || b.staffMost < f.staff || f.short(&b.least) ||
		b.needs&f.needSection == 0 || b.needs&f.needStage == 0 || b.titles&f.titles == 0 || b.securities&f.securities == 0 || b.uses&f.uses == 0
}

// short says that a number of the demand is below what is wanted.
func (f *quest) short(least *[4]uint8) bool {
	return least[0] > f.numbers[0] || least[1] > f.numbers[1] || least[2] > f.numbers[2] || least[3] > f.numbers[3]
}

// bound is at least the score of every lane within some bounds.
func (f *quest) bound(b *offerBounds) int64 {
	sum := f.sizeBound(b.most, int(b.octaves[0])-1, int(b.octaves[1])) + f.term
	if f.months > 0 && b.flags&sketchTerm == 0 {
		sum += f.noTerm - f.term
	}
	switch {
	case b.price == 0:
		sum += f.free
	case b.flags&sketchFree != 0:
		sum += max(f.free, f.priceBound(b.price-1))
	default:
		sum += f.priceBound(b.price - 1)
	}
	if b.places>>f.province&1 != 0 && f.province != 0 {
		sum += f.place[3]
	} else {
		sum += f.place[0]
	}
	most, industry := f.industryBound(b.sectors, b.own)
	sum += most
	taste := b.tastes&f.tastes != 0
	var stage int64
	for sets := b.stages; sets != 0; sets &= sets - 1 {
		stage = max(stage, f.at.stages[bits.TrailingZeros64(sets)])
	}
	sum += stage
	var appetite int64
	if b.flags&sketchNeutral != 0 {
		appetite = f.neutral
	}
	if b.flags&sketchAppetite != 0 {
		appetite = max(appetite, f.appetiteBound(&b.appetite, b.wants>>f.province&1 != 0, industry, b.stages&f.hold != 0, taste))
	}
	sum += appetite
	if b.low-1 <= f.smallUpTo {
		sum += f.small
	}
	if b.flags&sketchTool != 0 {
		sum += f.tool
	}
	if f.at.long != 0 || b.to >= f.longFrom && b.flags&sketchTerm != 0 {
		sum += f.longTerm
	}
	sum += f.hard
	if taste {
		sum += f.taste
	}
	return sum
}

// laneBound is at least the score of a lane; -1 when the lane cannot be eligible.
func (f *quest) laneBound(s *offerSketch, low, from, to, price uint8) int64 {
	if s.focus&f.focus == 0 || s.staffMost < f.staff || f.short(&s.least) {
		return -1
	}
	if s.needs&f.needSection == 0 || s.needs&f.needStage == 0 || s.titles&f.titles == 0 || s.securities&f.securities == 0 || s.uses&f.uses == 0 {
		return -1
	}
	octaves := int(low>>2 + s.most>>2)
	sum := f.sizeBound(s.most, octaves, octaves) + f.hard + f.at.stages[s.stages&63]
	if s.flags&sketchTerm != 0 {
		sum += f.termBound(from, to)
	} else {
		sum += f.noTerm
	}
	if f.at.long != 0 || to >= f.longFrom && s.flags&sketchTerm != 0 {
		sum += f.longTerm
	}
	if s.flags&sketchFree != 0 {
		sum += f.free
	} else {
		sum += f.priceBound(price)
	}
	switch {
	case s.place != f.province || f.province == 0:
		sum += f.place[0]
	case s.city != f.city:
		sum += f.place[1]
	case s.county != f.county:
		sum += f.place[2]
	default:
		sum += f.place[3]
	}
	most, industry := f.industryBound(s.sectors, s.own)
	sum += most
	taste := s.tastes&f.tastes != 0
	if s.flags&sketchNeutral != 0 {
		sum += f.neutral
	} else {
		region := f.province != 0 && (s.wants == f.province || s.wants == anywhere)
		sum += f.appetiteBound(&s.appetite, region, industry, uint64(s.stages)&f.stage != 0, taste)
	}
	if low <= f.smallUpTo {
		sum += f.small
	}
	if s.flags&sketchTool != 0 {
		sum += f.tool
	}
	if taste {
		sum += f.taste
	}
	return sum
}

// spot is one place of a ranking while it is being made. Its id lies in an arena and is good until the lock is given back.
type spot struct {
	id    string
	score int
	row   uint32
	shelf uint32
}

func (s spot) rank() (int, string) { return s.score, s.id }

// text is bytes of an arena as a string; they never change.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
