package matcher

import (
	"math"
	"math/bits"
)

// demandSketch is what bounds the score of a demand for any offer under any rule set.
type demandSketch struct {
	instruments uint64
	focus       uint32
	securities  uint16
	uses        uint16
	province    uint8
	city        uint8
	section     uint8
	division    uint8 // number of its bit
	stage       uint8
	flags       uint8 // held...
}

// Flags of demand sketches and bounds.
const (
	heldTitles  = 1 << iota // has a title
	heldAnyTerm             // will take any term
	heldSmall               // its staff is known
	heldTerm                // bounds only: some lane names terms
)

// demandLaneOf makes the lane of a demand, and the key of its cell: its province and the first of its instruments.
func demandLaneOf(d *Demand) (l lane[demandSketch], key uint32) {
	open := d.Open().Minor
	price := uint8(255)
	if d.maxPrice != noPrice {
		price = scalePrice(d.maxPrice)
	}
	from, to := scaleMonths(d.termMin), scaleMonths(d.termMax)
	if d.anyTerm {
		from, to = 0, 255
	}
	l.cols = [colCount]uint8{scaleAmount(open), scaleAmount(min(d.minAmount, open)), from, to, price, 0}
	s := &l.sketch
	for _, i := range d.instruments {
		s.instruments |= instrumentBit(i)
	}
	s.focus, s.securities, s.uses, s.stage = uint32(d.focus), word16(d.securities), word16(d.use), uint8(d.stage)
	if d.focus > math.MaxUint32 {
		s.focus = math.MaxUint32
	}
	s.province, s.city = provinceOf(d.region[0]), uint8(d.region[1]/100%100)
	s.section, s.division = sectionOf(d.industry[0]), uint8(bits.TrailingZeros64(divisionBit(d.industry[1])))
	if len(d.titles) > 0 {
		s.flags |= heldTitles
	}
	if d.anyTerm {
		s.flags |= heldAnyTerm
	} else {
		s.flags |= heldTerm
	}
	if d.Facts.Employees > 0 {
		s.flags |= heldSmall
	}
	return l, uint32(s.province)<<8 | uint32(bits.TrailingZeros64(s.instruments))
}

// demandBounds bounds a block of demands.
type demandBounds struct {
	instruments, places, sections, divisions uint64 // sets
	stages                                   uint64 // of stage words
	focus                                    uint32
	securities, uses                         uint16
	need, from                               uint8 // one more than the lowest, 0 for an empty block
	low                                      uint8 // likewise, of the open amount
	open, to, price                          uint8
	priced                                   uint8 // one more than the highest price that somebody named
	flags                                    uint8
}

// widen is of side.
func (*demandShelf) widen(b *demandBounds, l *lane[demandSketch]) {
	s := &l.sketch
	b.instruments |= s.instruments
	b.places |= 1 << s.province
	b.sections |= 1 << s.section
	b.divisions |= 1 << s.division
	b.stages |= 1 << (s.stage & 63)
	b.focus |= s.focus
	b.securities |= s.securities
	b.uses |= s.uses
	lower(&b.need, l.cols[colHigh])
	lower(&b.low, l.cols[colLow])
	lower(&b.from, l.cols[colFrom])
	b.open, b.to, b.price = max(b.open, l.cols[colLow]), max(b.to, l.cols[colTo]), max(b.price, l.cols[colPrice])
	if p := l.cols[colPrice]; p != 255 {
		b.priced = max(b.priced, p+1)
	}
	b.flags |= s.flags
}

// join is of side.
func (*demandShelf) join(b, o *demandBounds) {
	if o.need == 0 {
		return
	}
	b.instruments |= o.instruments
	b.places |= o.places
	b.sections |= o.sections
	b.divisions |= o.divisions
	b.stages |= o.stages
	b.focus |= o.focus
	b.securities |= o.securities
	b.uses |= o.uses
	b.flags |= o.flags
	for _, p := range []struct {
		b *uint8
		o uint8
	}{{&b.need, o.need}, {&b.low, o.low}, {&b.from, o.from}} {
		if *p.b == 0 || p.o < *p.b {
			*p.b = p.o
		}
	}
	b.open, b.to, b.price, b.priced = max(b.open, o.open), max(b.to, o.to), max(b.price, o.price), max(b.priced, o.priced)
}

// dimension is of side.
func (*demandShelf) dimension(l *lane[demandSketch], d int) uint32 {
	s := &l.sketch
	switch d {
	case 0: // instruments first: a block without the offer's is passed over
		return uint32(bits.Reverse64(s.instruments)>>40) & 0xffff
	case 1:
		return 4 * uint32(l.cols[colLow])
	case 2:
		return 24 * uint32(s.section)
	case 3:
		return 8 * uint32(s.stage)
	}
	return uint32(l.cols[colPrice])
}

// moved is of side.
func (s *demandShelf) moved(row, block uint32, at uint8) {
	r := s.rows.at(row)
	r.block, r.at = block, at
}

// reach is an offer on its way through the cells of demands, with what each term can give at most, computed once.
type reach struct {
	m                       moment
	o                       *Offer
	sketch                  offerSketch
	ticket, most, to, from  uint8
	price                   uint8
	instrument              uint64
	sections, stageWords    uint64
	focus                   uint64 // that the first focus clause wants, MaxUint64 for none
	tasteFocus              uint64
	hardFocus               uint64
	province                uint8 // that the clauses allow; 0 for all
	sum                     int   // of the ticket's octaves
	maxTicket               float64
	place, industry         [4]int64
	stages                  [64]int64
	early                   [64]int64
	size, cover, term, flat int64
	noTerm, free            int64
	priceWeight             float64
	appetite, small, hard   int64
	taste                   int64
}

func (f *reach) prepare(o *Offer, rules *RuleSets) bool {
	r := &o.rec
	c := &f.m.rules.compiled
	w := &c.weights
	l, key := laneOf(o)
	f.o, f.sketch = o, l.sketch
	f.ticket, f.most, f.from, f.to, f.price = l.cols[colLow], l.cols[colHigh], l.cols[colFrom], l.cols[colTo], l.cols[colPrice]
	if f.most == 0 || !(f.m.at < r.validUntil && f.m.at < r.licensedUntil) {
		return false
	}
	f.instrument = instrumentBit(o.Terms.Instrument)
	f.province = uint8(key >> 16)
	f.focus, f.tasteFocus = math.MaxUint64, 0
	for i := range o.clauses {
		if cl := &o.clauses[i]; cl.field == fieldFocus && (cl.op == anyOf || cl.op == allOf && cl.word != 0) {
			f.focus = cl.word
		}
	}
	for i := range o.appetite {
		if w := &o.appetite[i]; w.field == fieldFocus {
			f.tasteFocus |= w.word
		}
	}
	f.sections = uint64(f.sketch.needs) & (1<<stageBase - 1)
	f.stageWords = 0
	for word := range uint64(64) {
		if f.sketch.needs>>stageBase&uint32(max(word, 1)) != 0 {
			f.stageWords |= 1 << word
		}
	}
	give := func(term int, percent int64) int64 { return w[term] * percent * whole }
	f.sum = int(f.ticket>>2 + f.sketch.most>>2)
	f.maxTicket = float64(r.maxTicket)
	f.cover, f.size = w[termSize]*(100-c.sizeCentre), w[termSize]*c.sizeCentre
	best := max(c.region[1], c.region[2], c.region[3])
	f.place = [4]int64{give(termRegion, c.region[0]), give(termRegion, max(c.region[0], c.region[1])), give(termRegion, max(c.region[0], best))}
	var near, within int64
	for i := range c.industryNear {
		near, within = max(near, c.industryNear[i]), max(within, c.industryWithin[i])
	}
	f.industry = [4]int64{give(termIndustry, c.industryNear[0]), give(termIndustry, max(c.industryNear[0], c.industryNear[1])), give(termIndustry, max(near, within)), give(termIndustry, c.neutral)}
	q := query{d: &Demand{}, rules: f.m.rules}
	isEarly := c.earlyLeg[o.leg] || o.stages&c.earlyStages != 0
	for word := range uint64(64) {
		q.d.stage = word
		f.stages[word] = w[termStage] * whole * q.stageFit(o)
		if isEarly && (word == 0 || word&c.earlyStages != 0) {
			f.stages[word] += give(termEarly, 100)
		}
	}
	f.term, f.noTerm = give(termTerm, 100), give(termTerm, c.neutral)
	if o.Terms.TermMonths == nil {
		f.term = f.noTerm
	}
	f.free, f.priceWeight = give(termPrice, c.neutral), float64(give(termPrice, 100))
	f.appetite = w[termAppetite] * whole
	f.small, f.hard, f.taste = give(termSmall, 100), give(termHard, c.neutral), give(termHard, max(100, c.neutral))
	f.flat = 0
	if c.longTermLeg[o.leg] || o.Terms.TermMonths != nil && r.termMax >= c.longTermMonths {
		f.flat += give(termLong, 100)
	}
	if o.tools > 0 {
		f.flat += give(termTool, 100)
	}
	f.hardFocus = c.hardFocus
	return true
}

func (f *reach) excludes(b *demandBounds) bool {
	return b.need == 0 || b.instruments&f.instrument == 0 || b.open < f.ticket || b.need-1 > f.most || b.from-1 > f.to || b.to < f.from || b.price < f.price ||
		b.sections&f.sections == 0 || b.stages&f.stageWords == 0 || f.sketch.securities&(b.securities|noneBit16) == 0 || f.sketch.uses&(b.uses|noneBit16) == 0 ||
		f.focus != math.MaxUint64 && f.focus&uint64(b.focus) == 0 && b.focus != math.MaxUint32
}

// sizeBound bounds the size term for open amounts between two places of the scale.
func (f *reach) sizeBound(low, high uint8) int64 {
	cover := int64(100)
	if least := scaleFloor(low); f.maxTicket < least {
		cover = int64(100*f.maxTicket/least) + 1
	}
	away := max(2*int(low>>2)-f.sum, f.sum-2*int(high>>2), 0)
	return f.cover*cover + f.size*max(0, 100-int64(away)*f.m.rules.compiled.sizeDoubling/2)
}

// scaleFloor is the least amount at a place of the scale.
func scaleFloor(place uint8) float64 {
	if place < 4 {
		return 0
	}
	return float64(uint64(1)<<(place>>2-1)) * (1 + float64(place&3)/4)
}

// priceBound is for demands whose highest price is at a place of the scale or below.
func (f *reach) priceBound(place uint8) int64 {
	if place == 0 || place >= 254 {
		return int64(f.priceWeight)
	}
	top := float64(place)*5 + 4
	if place >= 200 {
		top = 1000 + float64(place-199)*2000
	}
	return int64(max(0, f.priceWeight*(top-float64(f.o.rec.minPrice))/top)) + 1
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// bound is at least the score of every demand within some bounds, and of one lane when the bounds are of one; then strange says that
// it is in another prefecture.
func (f *reach) bound(b *demandBounds, strange bool) int64 {
	sum := f.flat + f.sizeBound(b.low-1, b.open)
	var price int64
	if f.o.rec.minPrice == noPrice || b.price == 255 {
		price = f.free
	}
	if f.o.rec.minPrice != noPrice && b.priced != 0 {
		price = max(price, f.priceBound(b.priced-1))
	}
	sum += price
	if b.flags&heldTerm != 0 {
		sum += max(f.term, f.noTerm*boolean(b.flags&heldAnyTerm != 0))
	} else {
		sum += f.noTerm
	}
	switch {
	case f.sketch.place == 0 || b.places>>f.sketch.place&1 == 0:
		sum += f.place[0]
	case strange:
		sum += f.place[1]
	default:
		sum += f.place[2]
	}
	same := f.sketch.sectors != noSectors && b.sections&^1&f.sketch.sectors != 0
	industry := same && b.divisions&f.sketch.sectors != 0
	switch {
	case f.sketch.sectors == noSectors:
		sum += f.industry[3]
	case industry:
		sum += f.industry[2]
	case same:
		sum += f.industry[1]
	default:
		sum += f.industry[0]
	}
	var stage int64
	met := false
	for sets := b.stages & f.stageWords; sets != 0; sets &= sets - 1 {
		word := bits.TrailingZeros64(sets)
		stage = max(stage, f.stages[word])
		met = met || uint8(word)&f.sketch.stages != 0
	}
	sum += stage
	hard := b.flags&heldTitles != 0 || uint64(b.focus)&f.hardFocus != 0
	taste := f.sketch.tastes != 0 && (b.flags&heldTitles != 0 || uint64(b.focus)&f.tasteFocus != 0 || b.focus == math.MaxUint32)
	if f.sketch.flags&sketchNeutral != 0 {
		sum += f.appetite * f.m.rules.compiled.neutral
	} else {
		region := f.sketch.wants == anywhere || f.sketch.wants != 0 && b.places>>f.sketch.wants&1 != 0
		part := f.sketch.appetite
		sum += f.appetite * min(100, int64(part[0])*boolean(region)+int64(part[1])*boolean(industry)+int64(part[2])*boolean(met)+int64(part[3])*boolean(taste))
	}
	if b.flags&(heldSmall|heldTitles) != 0 {
		sum += f.small
	}
	if hard {
		sum += f.hard
		if taste {
			sum += f.taste - f.hard
		}
	}
	return sum
}
