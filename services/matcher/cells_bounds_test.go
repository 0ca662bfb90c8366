package matcher

import (
	"math/bits"
	"testing"
)

// TestBoundsHold looks for bounds that are too low, lane by lane: an answer may hide one for long.
func TestBoundsHold(t *testing.T) {
	const worlds = 6
	for seed := range uint64(worlds) {
		d := seeded(seed)
		rules := twoDays(t, d)
		x := NewCells(rules)
		p := pairIndex{x, NewReference(rules), true}
		for n := range 1_500 {
			p.step(d, n+1, 700)
		}
		x.Settle()
		for range 40 {
			demand := NewDemand(demandFrom(d, "asked"), 1)
			var f quest
			if !f.prepare(demand, rules, asOfFrom(d)) {
				continue
			}
			for _, s := range x.shelves.Load().offers {
				var at track
				f.enter(&at, s)
				f.at = &at
				for _, c := range s.cells {
					checkOfferBounds(t, seed, &f, x, s, c)
				}
			}
		}
		for range 40 {
			offer := NewOffer(offerFrom(d, "asked"), 1)
			f := reach{m: momentOf(rules, asOfFrom(d))}
			if !f.prepare(offer, rules) {
				continue
			}
			for _, s := range x.shelves.Load().demands {
				for _, c := range s.cells {
					checkDemandBounds(t, seed, &f, x, s, c)
				}
			}
		}
	}
}

// TestBoundsOfPricedAndFreeOffers: one offer without a price beside one with took the price of the other out of the bound.
func TestBoundsOfPricedAndFreeOffers(t *testing.T) {
	var b offerBounds
	priced := lane[offerSketch]{cols: [colCount]uint8{colPrice: 7}}
	free := lane[offerSketch]{sketch: offerSketch{flags: sketchFree}}
	for _, l := range []*lane[offerSketch]{&free, &priced, &free} {
		(*offerShelf)(nil).widen(&b, l)
	}
	if b.price != 8 || b.flags&sketchFree == 0 {
		t.Fatalf("lowest price at %d, flags %b", b.price, b.flags)
	}
}

func checkOfferBounds(t *testing.T, seed uint64, f *quest, x *Cells, s *offerShelf, c *cell[offerBounds]) {
	for pos, number := range c.blocks {
		b := s.blocks[number]
		for live := b.live; live != 0; live &= live - 1 {
			at := bits.TrailingZeros64(live)
			row := s.rows.at(b.rows[at])
			o := (&storedOffer{x.codec, s.stored(b.rows[at]), row.standing()}).heldOffer()
			if o.Terms.Capacity.Currency != f.q.d.Terms.Amount.Currency || !f.q.recordHolds(&o.rec) || !f.q.clausesHold(o) {
				continue
			}
			score := int64(f.q.score(o)) * 100 * whole
			lane := f.laneBound(&b.sketch[at], b.cols[colLow].get(at), b.cols[colFrom].get(at), b.cols[colTo].get(at), b.cols[colPrice].get(at))
			block, cell := f.bound(&c.bounds[pos]), f.bound(&c.whole)
			masked := b.offerSide(f.open, f.need, f.to, f.from, f.price, f.only)>>at&1 == 0
			if lane < score || block < score || cell < score || masked || f.excludes(&c.bounds[pos]) || f.excludes(&c.whole) {
				t.Fatalf("seed %d: score %d, lane %d, block %d, cell %d, masked %v\noffer %+v\ndemand %+v\npoints %v of %+v", seed, score, lane, block, cell, masked, o, f.q.d, f.q.points(o), f.q.rules.Parameters)
			}
		}
	}
}

func checkDemandBounds(t *testing.T, seed uint64, f *reach, x *Cells, s *demandShelf, c *cell[demandBounds]) {
	for pos, number := range c.blocks {
		b := s.blocks[number]
		for live := b.live; live != 0; live &= live - 1 {
			at := bits.TrailingZeros64(live)
			row := s.rows.at(b.rows[at])
			d := (&storedDemand{x.codec, s.stored(b.rows[at]), row.DemandStanding}).heldDemand()
			q := f.m.query(d, d.validTitles(f.m.day))
			named := false
			for _, i := range d.instruments {
				named = named || i == f.o.Terms.Instrument
			}
			if !named || d.Terms.Amount.Currency != f.o.Terms.Capacity.Currency || !q.demandHolds() || !q.recordHolds(&f.o.rec) || !q.clausesHold(f.o) {
				continue
			}
			score := int64(q.score(f.o)) * 100 * whole
			l := b.take(number, at)
			var one demandBounds
			s.widen(&one, &l)
			lane := f.bound(&one, l.sketch.city != f.sketch.city)
			block, cell := f.bound(&c.bounds[pos], false), f.bound(&c.whole, false)
			masked := b.demandSide(f.ticket, f.most, f.to, f.from, f.price)>>at&1 == 0
			if lane < score || block < score || cell < score || masked || f.excludes(&one) || f.excludes(&c.bounds[pos]) || f.excludes(&c.whole) {
				t.Fatalf("seed %d: score %d, lane %d, block %d, cell %d, masked %v\noffer %+v\ndemand %+v\npoints %v of %+v", seed, score, lane, block, cell, masked, f.o, d, q.points(f.o), q.rules.Parameters)
			}
		}
	}
}
