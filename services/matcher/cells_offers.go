package matcher

import (
	"math"
	"math/bits"
)

// offerSketch is what bounds the score of an offer for any demand under any rule set, and rules out what its clauses exclude. Every
// field may say that more is possible than is; none may say less.
type offerSketch struct {
	sectors    uint64 // preferred industries: see sectorBits
	own        uint64 // the preferred industries themselves: see ownBit
	needs      uint32 // sections (0 to 20) and stages (21 to 27) that the clauses allow
	titles     uint16 // of which the first clause wants one; all ones when none does
	securities uint16
	uses       uint16
	focus      uint32   // as titles
	tastes     uint32   // preferred focus areas; noneBit32 when titles are preferred
	least      [4]uint8 // on their scales: what the clauses want of staff, patents, months of age, research ratio
	staffMost  uint8
	place      uint8 // of the institution: province and prefecture
	city       uint8
	county     uint8
	wants      uint8    // province of the preferred regions; anywhere when there are several
	most       uint8    // largest ticket
	stages     uint8    // preferred
	flags      uint8    // sketch...
	appetite   [4]uint8 // per cent of the appetite's weight by region, industry, stage, anything else; rounded up
}

// Flags of sketches and bounds.
const (
	sketchTool     = 1 << iota
	sketchTerm     // names terms
	sketchFree     // names no price
	sketchNeutral  // has no appetite
	sketchAppetite // bounds only: some lane has an appetite
)

const (
	anywhere  = 255
	anyOfAll  = math.MaxUint16
	noneBit32 = 1 << 31
	noneBit16 = 1 << 15 // the bit that every demand has, and only offers without such a clause
	stageBase = 21
)

// provinceOf gives a region's province as 1 to 63; 0 for none. Two provinces may share a number, one never has two.
func provinceOf(n node) uint8 {
	if n == 0 {
		return 0
	}
	return uint8(1 + n/10_000%63)
}

// sectionOf gives the section of an industry as 1 to 20; 0 for none.
func sectionOf(n node) uint8 {
	if n == 0 {
		return 0
	}
	return uint8(n>>16&0xff) - 'A' + 1
}

// sectorBits has bits 1 to 20 for sections, 21 to 62 for divisions, 0 for "a section as a whole"; 63 says that there are none.
func sectorBits(nodes []node) (set uint64) {
	for _, n := range nodes {
		if n == 0 {
			continue
		}
		p := pathOfNode(n)
		set |= 1 << sectionOf(n)
		if p[1] == 0 {
			set |= (1<<42-1)<<21 | 1
		} else {
			set |= divisionBit(p[1])
		}
	}
	return set
}

const noSectors = 1 << 63

// ownBit is one bit of 64 for a node of the industry tree at its level. Different nodes may share it.
func ownBit(n node) uint64 {
	if n == 0 {
		return 0
	}
	return 1 << (uint64(n) * 0x9e3779b97f4a7c15 >> 58)
}

// divisionBit is the bit of a demand's division; one that names only its section has bit 0.
func divisionBit(division node) uint64 {
	if division == 0 {
		return 1
	}
	return 1 << (21 + division&0xffff%42)
}

func word16(word uint64) uint16 {
	if word >= noneBit16 {
		return anyOfAll
	}
	return uint16(word)
}

// laneOf makes the lane of an offer, and the key of its cell.
func laneOf(o *Offer) (l lane[offerSketch], key uint32) {
	r, s := &o.rec, &l.sketch
	l.cols = [colCount]uint8{scaleAmount(r.minTicket), ceilingOf(r), scaleMonths(r.termMin), scaleMonths(r.termMax), scalePrice(r.minPrice), 0}
	s.most, s.stages = scaleAmount(r.maxTicket), uint8(o.stages)
	s.place, s.city = provinceOf(o.place[0]), uint8(o.place[1]/100%100)
	s.county = uint8(o.place[2] % 100)
	s.needs, s.titles, s.securities, s.uses, s.focus = math.MaxUint32, anyOfAll, anyOfAll, anyOfAll, math.MaxUint32
	s.staffMost = math.MaxUint8
	var province, section uint8
	for i := range o.clauses {
		c := &o.clauses[i]
		switch c.field {
		case fieldRegion:
			if p, one := singleOf(c.nodes, provinceOf); one {
				province = p
			}
			if n, one := singleOf(c.nodes, prefectureOf); one && n != anywhere {
				l.cols[colOnly] = n
			}
		case fieldIndustry:
			var sections uint32
			for _, n := range c.nodes {
				if n != 0 {
					sections |= 1 << sectionOf(n)
				}
			}
			s.needs &= sections | ^uint32(1<<stageBase-1)
			if n, one := singleOf(c.nodes, sectionOf); one {
				section = n
			}
		case fieldStage:
			if c.word < 1<<(32-stageBase) {
				s.needs &= uint32(c.word)<<stageBase | (1<<stageBase - 1)
			}
		case fieldTitle:
			if s.titles == anyOfAll && (c.op != allOf || c.word != 0) {
				s.titles = word16(c.word)
			}
		case fieldSecurity:
			if s.securities == anyOfAll && (c.op != allOf || c.word != 0) { // all of nothing holds for whoever has something
				s.securities = word16(c.word)
			}
		case fieldFocus:
			if c.word < noneBit32 && (c.op != allOf || c.word != 0) {
				s.focus = uint32(c.word)
			}
		case fieldEmployees, fieldPatents, fieldAge, fieldRDRatio:
			s.number(c)
		case fieldUse:
			if s.uses == anyOfAll {
				s.uses = word16(c.word)
			}
		}
	}
	s.taste(o)
	if o.tools > 0 {
		s.flags |= sketchTool
	}
	if o.Terms.TermMonths != nil {
		s.flags |= sketchTerm
	}
	if r.minPrice == noPrice {
		s.flags |= sketchFree
	}
	return l, cellKey(province, section, s.place)
}

// number notes a bound of a numeric clause.
func (s *offerSketch) number(c *clause) {
	place := scaleAmount(c.number)
	switch {
	case c.op == least:
		i := [...]int{fieldEmployees: 0, fieldPatents: 1, fieldAge: 2, fieldRDRatio: 3}[c.field]
		s.least[i] = max(s.least[i], place)
	case c.op == most && c.field == fieldEmployees:
		s.staffMost = min(s.staffMost, place)
	}
}

// prefectureOf gives the prefecture that a region is or is in, within its province; anywhere for a province.
func prefectureOf(n node) uint8 {
	if n == 0 {
		return 0
	}
	if p := uint8(n / 100 % 100); p != 0 {
		return p
	}
	return anywhere
}

// cellKey: where an offer may only go to one province, that is its cell; else where only to one section, that; else the
// institution's own place, which is worth many points.
func cellKey(province, section, place uint8) uint32 {
	switch {
	case province != 0:
		section, place = 0, 0
	case section != 0:
		place = 0
	}
	return uint32(province)<<16 | uint32(section)<<8 | uint32(place)
}

// singleOf finds what all nodes have in common, if they do.
func singleOf(nodes []node, of func(node) uint8) (n uint8, one bool) {
	for _, v := range nodes {
		switch m := of(v); {
		case m == 0 || m == n:
		case n != 0:
			return 0, false
		default:
			n = m
		}
	}
	return n, n != 0
}

func ceilingOf(r *record) uint8 {
	most := min(r.maxTicket, r.remaining)
	if !r.live || r.minTicket > most {
		return 0 // below every need
	}
	return scaleAmount(most)
}

// taste fills in what the appetite can give.
func (s *offerSketch) taste(o *Offer) {
	s.wants = 0
	var part [4]int64
	for i := range o.appetite {
		w := &o.appetite[i]
		kind := 3
		switch w.field {
		case fieldRegion:
			kind = 0
			if p, one := singleOf(w.nodes, provinceOf); one && (s.wants == 0 || s.wants == p) {
				s.wants = p
			} else {
				s.wants = anywhere
			}
		case fieldIndustry:
			kind = 1
			s.sectors |= sectorBits(w.nodes)
			for _, n := range w.nodes {
				s.own |= ownBit(n)
			}
		case fieldStage:
			kind = 2
		case fieldFocus:
			s.tastes |= uint32(w.word)
			if w.word >= noneBit32 {
				s.tastes = math.MaxUint32
			}
		default:
			s.tastes |= noneBit32
		}
		part[kind] += w.weight
	}
	if s.sectors == 0 {
		s.sectors = noSectors
	}
	if o.weights <= 0 {
		s.flags |= sketchNeutral
		return
	}
	for i, p := range part {
		s.appetite[i] = uint8(min(100, (100*p+o.weights-1)/o.weights))
	}
}

// offerBounds bounds a block of offers.
type offerBounds struct {
	sectors, places, wants, stages uint64 // sets
	own                            uint64
	tastes                         uint32
	only                           uint64 // set of prefectures, modulo 64
	focus                          uint32
	least                          [4]uint8
	staffMost                      uint8
	needs                          uint32
	titles, securities, uses       uint16
	low, from, price               uint8 // one more than the lowest, 0 for an empty block
	high, to, most                 uint8
	octaves                        [2]uint8 // of smallest and largest ticket together: one more than the lowest, the highest
	flags                          uint8
	appetite                       [4]uint8
}

func lower(bound *uint8, v uint8) {
	if v < math.MaxUint8 {
		v++
	}
	if *bound == 0 || v < *bound {
		*bound = v
	}
}

// widen is of side.
func (shelf *offerShelf) widen(b *offerBounds, l *lane[offerSketch]) {
	s := &l.sketch
	octaves := l.cols[colLow]>>2 + s.most>>2
	one := offerBounds{
		sectors: s.sectors, own: s.own, tastes: s.tastes, places: 1 << s.place, wants: 1 << (s.wants & 63), stages: 1 << (s.stages & 63), needs: s.needs,
		titles: s.titles, securities: s.securities, uses: s.uses, focus: s.focus, only: 1 << (l.cols[colOnly] & 63), least: s.least, staffMost: s.staffMost,
		high: l.cols[colHigh], to: l.cols[colTo], most: s.most, flags: s.flags, appetite: s.appetite,
	}
	if l.cols[colOnly] == 0 {
		one.only = math.MaxUint64
	}
	if s.wants == anywhere {
		one.wants = math.MaxUint64
	}
	if s.flags&sketchNeutral == 0 {
		one.flags |= sketchAppetite
	}
	lower(&one.low, l.cols[colLow])
	lower(&one.from, l.cols[colFrom])
	if s.flags&sketchFree == 0 {
		lower(&one.price, l.cols[colPrice])
	}
	one.octaves = [2]uint8{octaves + 1, octaves}
	shelf.join(b, &one)
}

// join is of side.
func (*offerShelf) join(b, o *offerBounds) {
	if o.low == 0 {
		return
	}
	for i := range b.least {
		if b.low == 0 {
			b.least[i] = o.least[i]
		}
		b.least[i] = min(b.least[i], o.least[i])
	}
	b.staffMost = max(b.staffMost, o.staffMost)
	b.only |= o.only
	b.own |= o.own
	b.tastes |= o.tastes
	b.focus |= o.focus
	b.sectors |= o.sectors
	b.places |= o.places
	b.wants |= o.wants
	b.stages |= o.stages
	b.needs |= o.needs
	b.titles |= o.titles
	b.securities |= o.securities
	b.uses |= o.uses
	b.flags |= o.flags
	b.high, b.to, b.most = max(b.high, o.high), max(b.to, o.to), max(b.most, o.most)
	b.octaves[1] = max(b.octaves[1], o.octaves[1])
	for i := range b.appetite {
		b.appetite[i] = max(b.appetite[i], o.appetite[i])
	}
	least := func(a, b uint8) uint8 { // 0 is none
		return min(a-1, b-1) + 1
	}
	b.low, b.from, b.price = least(b.low, o.low), least(b.from, o.from), least(b.price, o.price)
	b.octaves[0] = least(b.octaves[0], o.octaves[0])
}

// dimension is of side: what moves the score most, or rules most out, is farthest apart.
func (*offerShelf) dimension(l *lane[offerSketch], d int) uint32 {
	s := &l.sketch
	switch d {
	case 0: // amount: the middle of the ticket range
		return 3 * (uint32(l.cols[colLow]) + uint32(s.most))
	case 1: // preferred industries, by the first section
		if s.sectors == noSectors {
			return 0
		}
		return uint32(bits.TrailingZeros64(s.sectors&^1)) * 12
	case 2:
		return uint32(s.stages) * 4
	case 3:
		return uint32(s.place) * 8
	case 4: // an offer for one prefecture is of no use to the others
		if l.cols[colOnly] == 0 {
			return 0
		}
		return 200 + 64*uint32(l.cols[colOnly])
	}
	return uint32(l.cols[colPrice])
}

// moved is of side.
func (s *offerShelf) moved(row, block uint32, at uint8) {
	r := s.rows.at(row)
	r.block, r.at = block, at
}
