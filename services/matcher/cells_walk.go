package matcher

import "math/bits"

// walk is one question going through the cells, with the memory it needs.
type walk struct {
	quest    quest
	list     []*offerShelf
	tracks   []track
	best     leaders[spot]
	floor    int64 // bound that a lane must reach: the score of the worst place, once there are enough
	eligible int
	count    bool

	offer  Offer // scratch
	reader judgedReader

	heads  [buckets]int32
	visits []visit
}

// buckets order blocks by what they can give.
const buckets = 128

type visit struct {
	bound int64
	track int32
	block uint32
	next  int32 // in its bucket; -1 ends it
}

func (w *walk) run(k int, count bool) {
	w.best.places, w.best.limit = w.best.places[:0], min(k, TopMax)
	w.floor, w.eligible, w.count = 0, 0, count
	if cap(w.tracks) < len(w.list) {
		w.tracks = make([]track, len(w.list))
	}
	w.tracks = w.tracks[:len(w.list)]
	for i, s := range w.list {
		w.quest.enter(&w.tracks[i], s)
	}
	w.pass(true)
	w.pass(false)
}

// pass visits either the cells that the demand's own place or section makes likely, or the others: what the first gives spares most
// of the second.
func (w *walk) pass(near bool) {
	f := &w.quest
	w.visits = w.visits[:0]
	for i := range w.heads {
		w.heads[i] = -1
	}
	var most int64
	for i := range w.tracks {
		t := &w.tracks[i]
		f.at = t
		for _, c := range t.shelf.cells {
			province, section, place := uint8(c.key>>16), uint8(c.key>>8), uint8(c.key)
			if province != 0 && province != f.province || section != 0 && 1<<section != f.sectors {
				continue
			}
			if near != (province != 0 || section != 0 || place == f.province) || f.excludes(&c.whole) || !w.count && f.bound(&c.whole) < w.floor {
				continue
			}
			for pos := range c.bounds {
				b := &c.bounds[pos]
				if f.excludes(b) {
					continue
				}
				bound := f.bound(b)
				if bound < w.floor && !w.count {
					continue
				}
				most = max(most, bound)
				w.visits = append(w.visits, visit{bound: bound, track: int32(i), block: c.blocks[pos]})
			}
		}
	}
	step := most/buckets + 1
	for i := range w.visits {
		v := &w.visits[i]
		head := &w.heads[max(v.bound, 0)/step]
		v.next, *head = *head, int32(i)
	}
	for n := buckets - 1; n >= 0; n-- {
		for i := w.heads[n]; i >= 0; i = w.visits[i].next {
			if v := &w.visits[i]; v.bound >= w.floor || w.count {
				w.block(v)
			}
		}
		if int64(n)*step <= w.floor && !w.count {
			return // what is left is below
		}
	}
}

// block judges the lanes of a block that may be eligible and may come among the best.
func (w *walk) block(v *visit) {
	f := &w.quest
	t := &w.tracks[v.track]
	f.at = t
	b := t.shelf.blocks[v.block]
	for lanes := b.offerSide(f.open, f.need, f.to, f.from, f.price, f.only); lanes != 0; lanes &= lanes - 1 {
		at := bits.TrailingZeros64(lanes)
		bound := f.laneBound(&b.sketch[at], b.cols[colLow].get(at), b.cols[colFrom].get(at), b.cols[colTo].get(at), b.cols[colPrice].get(at))
		if bound < 0 || bound < w.floor && !w.count {
			continue
		}
		w.judge(t.shelf, uint32(v.track), b.rows[at], bound >= w.floor)
	}
}

// judge decides about one offer exactly.
func (w *walk) judge(s *offerShelf, number, row uint32, promising bool) {
	q := &w.quest.q
	r := s.rows.at(row)
	if !q.recordHolds(&r.record) {
		return
	}
	b := s.stored(row)
	o := &w.offer
	w.reader.clauses(b.judged(), o)
	o.Terms.Capacity.Currency = s.key.currency
	if !q.clausesHold(o) {
		return
	}
	w.eligible++
	if !promising {
		return
	}
	w.reader.appetite(o)
	o.rec, o.leg = r.record, s.leg
	p := spot{text(b.id()), q.score(o), row, number}
	w.best.offer(p)
	if len(w.best.places) == w.best.limit {
		w.floor = int64(w.best.places[0].score) * 100 * whole
	}
}
