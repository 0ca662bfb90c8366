package matcher

import (
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// demandShelf holds the demands in one currency.
type demandShelf struct {
	*domain[demandSketch, demandBounds]
	number   uint32
	currency string
	rows     pages[demandRow]
	arena    arena
}

// demandRow is the exact part of a demand that changes.
type demandRow struct {
	DemandStanding
	ref   ref
	block uint32
	at    uint8
}

func (s *demandShelf) stored(row uint32) stored { return stored(s.arena.get(s.rows.at(row).ref)) }

// demandShelf finds or makes a shelf; write is held.
func (x *Cells) demandShelf(currency string) *demandShelf {
	old := x.shelves.Load()
	if s := old.byDemands[currency]; s != nil {
		return s
	}
	s := &demandShelf{number: uint32(len(old.demands)), currency: currency}
	s.domain = newDomain[demandSketch, demandBounds](s)
	next := *old
	next.demands = append(slices.Clip(old.demands), s)
	next.byDemands = maps.Clone(old.byDemands)
	next.byDemands[currency] = s
	x.shelves.Store(&next)
	return s
}

func (x *Cells) isDemand(id string) func(entry) bool {
	return func(e entry) bool { return x.demandID(e) == id }
}

func (x *Cells) demandID(e entry) string {
	return text(x.shelves.Load().demands[e.domain()].stored(e.row()).id())
}

// PutDemand is of Index.
func (x *Cells) PutDemand(d *Demand) {
	x.write.Lock()
	defer x.write.Unlock()
	s := x.demandShelf(d.Terms.Amount.Currency)
	doc := x.storeDemand(d)
	l, key := demandLaneOf(d)
	old, held := x.demandIDs.find(d.ID, x.isDemand(d.ID))
	same := held && old.domain() == s.number
	if held && !same { // another currency: for a moment it is in neither, which is true of it
		x.removeDemand(d.ID, old)
		held = false
	}
	s.mu.Lock()
	row := old.row()
	if same {
		x.clearDemand(s, row)
	} else {
		row = s.rows.take()
	}
	*s.rows.at(row) = demandRow{DemandStanding: d.DemandStanding, ref: s.arena.put(doc)}
	l.row = row
	c := s.domain.add(key, &l)
	s.mu.Unlock()
	if !held {
		x.ids.Lock()
		x.demandIDs.put(d.ID, s.number, row, x.demandID)
		x.ids.Unlock()
	}
	if c.worthwhile() {
		x.packing.Add(1)
		s.domain.pack(c, func(finish func()) {
			defer x.packing.Done()
			x.write.Lock()
			defer x.write.Unlock()
			finish()
		})
	}
}

func (x *Cells) storeDemand(d *Demand) []byte {
	b := appendPart(appendPart(x.buf[:0], d.ID), d.Enterprise)
	var judged [256]byte
	b = appendBytes(b, d.judge(judged[:0]))
	x.buf = x.codec.append(b, &demandDocument{d.Terms, d.Facts, d.Region, d.Industry})
	return x.buf
}

// clearDemand gives up what a row refers to; the shelf's lock is held.
func (x *Cells) clearDemand(s *demandShelf, row uint32) {
	r := s.rows.at(row)
	s.domain.remove(r.block, r.at)
	at := r.ref
	r.ref = 0
	piece, sparse := s.arena.drop(at)
	if !sparse {
		return
	}
	s.arena.walk(piece, func(at ref, b []byte) {
		id := text(stored(b).id())
		if e, ok := x.demandIDs.find(id, x.isDemand(id)); ok && e.domain() == s.number {
			if row := s.rows.at(e.row()); row.ref == at {
				row.ref = s.arena.put(b)
			}
		}
	})
	s.arena.free(piece)
}

// StandDemand is of Index.
func (x *Cells) StandDemand(id string, standing DemandStanding) {
	x.write.Lock()
	defer x.write.Unlock()
	e, ok := x.demandIDs.find(id, x.isDemand(id))
	if !ok {
		return
	}
	s := x.shelves.Load().demands[e.domain()]
	r := s.rows.at(e.row())
	b := s.blocks[r.block]
	l := b.take(r.block, int(r.at))
	if standing.Held != r.Held || standing.Filled != r.Filled {
		var d Demand // of which the open amount and the need are wanted
		var reader judgedReader
		if _, _, odd := reader.demand(s.stored(e.row()).judged(), &d, 0, s.currency); odd {
			d = *(&storedDemand{x.codec, s.stored(e.row()), r.DemandStanding}).heldDemand()
		}
		d.DemandStanding = standing
		open := d.Open().Minor
		l.cols[colLow], l.cols[colHigh] = scaleAmount(open), scaleAmount(min(d.minAmount, open))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.DemandStanding = standing
	s.domain.change(r.block, r.at, &l)
}

// RemoveDemand is of Index.
func (x *Cells) RemoveDemand(id string) {
	x.write.Lock()
	defer x.write.Unlock()
	if e, ok := x.demandIDs.find(id, x.isDemand(id)); ok {
		x.removeDemand(id, e)
	}
}

func (x *Cells) removeDemand(id string, e entry) {
	x.ids.Lock()
	x.demandIDs.remove(id, x.isDemand(id))
	x.ids.Unlock()
	s := x.shelves.Load().demands[e.domain()]
	s.mu.Lock()
	defer s.mu.Unlock()
	x.clearDemand(s, e.row())
	s.rows.give(e.row())
}

// storedDemand is a demand as it lay in the arena, with its standing of that moment.
type storedDemand struct {
	codec    *codec
	b        stored
	standing DemandStanding
}

func (h *storedDemand) heldDemand() *Demand {
	var doc demandDocument
	h.codec.read(h.b.document(), &doc)
	d := &Demand{ID: string(h.b.id()), Enterprise: string(h.b.owner()), DemandStanding: h.standing, Terms: doc.Terms, Facts: doc.Facts, Region: doc.Region, Industry: doc.Industry}
	d.compile()
	return d
}

// findDemand notes what is stored of a demand.
func (x *Cells) findDemand(id string) (h storedDemand, ok bool) {
	x.ids.RLock()
	defer x.ids.RUnlock()
	list := x.shelves.Load().demands
	_, ok = x.demandIDs.find(id, func(e entry) bool {
		s := list[e.domain()]
		s.mu.RLock()
		defer s.mu.RUnlock()
		b := s.stored(e.row())
		if string(b.id()) != id {
			return false
		}
		h = storedDemand{x.codec, b, s.rows.at(e.row()).DemandStanding}
		return true
	})
	return h, ok
}

// Demand is of Index.
func (x *Cells) Demand(id string) (*Demand, bool) {
	h, ok := x.findDemand(id)
	if !ok {
		return nil, false
	}
	return h.heldDemand(), true
}

// DemandStanding is of Index.
func (x *Cells) DemandStanding(id string) (DemandStanding, bool) {
	h, ok := x.findDemand(id)
	return h.standing, ok
}

// EachDemand is of Index.
func (x *Cells) EachDemand(visit func(HeldDemand) bool) {
	list := x.shelves.Load().demands
	for _, s := range list {
		s.mu.RLock()
		defer s.mu.RUnlock()
	}
	more := true
	for _, s := range list {
		s.each(func(row uint32) bool {
			h := &storedDemand{x.codec, s.stored(row), s.rows.at(row).DemandStanding}
			more = visit(HeldDemand{string(h.b.id()), h.standing, h})
			return more
		})
		if !more {
			return
		}
	}
}

// Demands is of Index.
func (x *Cells) Demands() int {
	x.ids.RLock()
	defer x.ids.RUnlock()
	return x.demandIDs.n
}

// search is one offer going through the cells, with the memory it needs.
type search struct {
	reach    reach
	shelf    *demandShelf
	codec    *codec
	day      uint64
	best     leaders[spot]
	floor    int64
	eligible int
	count    bool

	demand Demand // scratch
	reader judgedReader

	heads  [buckets]int32
	visits []visit
}

// BestLeads is of Index.
func (x *Cells) BestLeads(o *Offer, asOf time.Time, k int) []Lead {
	leads, _ := x.lead(o, asOf, k, false)
	return leads
}

// Leads is of Index.
func (x *Cells) Leads(o *Offer, asOf time.Time, k int) (leads []Lead, eligible int) {
	return x.lead(o, asOf, k, true)
}

func (x *Cells) lead(o *Offer, asOf time.Time, k int, count bool) ([]Lead, int) {
	shelf := x.shelves.Load().byDemands[o.Terms.Capacity.Currency]
	if k < 1 || shelf == nil {
		return nil, 0
	}
	w, _ := x.demandPool.Get().(*search)
	if w == nil {
		w = &search{}
	}
	defer x.demandPool.Put(w)
	w.reach.m = momentOf(x.rules, asOf)
	if !w.reach.prepare(o, x.rules) {
		return nil, 0
	}
	w.day, _ = dayNumber(w.reach.m.day)
	w.shelf, w.codec = shelf, x.codec
	w.best.places, w.best.limit = w.best.places[:0], min(k, TopMax)
	w.floor, w.eligible, w.count = 0, 0, count
	shelf.mu.RLock()
	defer shelf.mu.RUnlock()
	w.pass(true)
	w.pass(false)
	spots := w.best.ranking()
	leads, held := make([]Lead, len(spots)), make([]storedDemand, len(spots))
	for i, p := range spots {
		held[i] = storedDemand{x.codec, shelf.stored(p.row), shelf.rows.at(p.row).DemandStanding}
		s := &held[i].standing
		leads[i] = Lead{strings.Clone(p.id), string(held[i].b.owner()), s.Version, s.TermsVersion, p.score, &held[i]}
	}
	return leads, w.eligible
}

// pass visits the cells of the institution's own province, or the others.
func (w *search) pass(near bool) {
	f := &w.reach
	w.visits = w.visits[:0]
	for i := range w.heads {
		w.heads[i] = -1
	}
	var most int64
	for _, c := range w.shelf.cells {
		province := uint8(c.key >> 8)
		if f.province != 0 && province != f.province || near != (province == f.sketch.place) || f.excludes(&c.whole) || !w.count && f.bound(&c.whole, false) < w.floor {
			continue
		}
		for pos := range c.bounds {
			b := &c.bounds[pos]
			if f.excludes(b) {
				continue
			}
			bound := f.bound(b, false)
			if bound < w.floor && !w.count {
				continue
			}
			most = max(most, bound)
			w.visits = append(w.visits, visit{bound: bound, block: c.blocks[pos]})
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
				w.block(w.shelf.blocks[v.block])
			}
		}
		if int64(n)*step <= w.floor && !w.count {
			return
		}
	}
}

func (w *search) block(b *block[demandSketch]) {
	f := &w.reach
	for lanes := b.demandSide(f.ticket, f.most, f.to, f.from, f.price); lanes != 0; lanes &= lanes - 1 {
		at := bits.TrailingZeros64(lanes)
		l := lane[demandSketch]{sketch: b.sketch[at]}
		for i := range b.cols {
			l.cols[i] = b.cols[i].get(at)
		}
		var one demandBounds
		w.shelf.widen(&one, &l)
		if f.excludes(&one) {
			continue
		}
		bound := f.bound(&one, l.sketch.city != f.sketch.city)
		if bound < w.floor && !w.count {
			continue
		}
		w.judge(b.rows[at], bound >= w.floor)
	}
}

// judge decides about one demand exactly.
func (w *search) judge(row uint32, promising bool) {
	f := &w.reach
	r := w.shelf.rows.at(row)
	b := w.shelf.stored(row)
	d := &w.demand
	instruments, titles, odd := w.reader.demand(b.judged(), d, w.day, w.shelf.currency)
	if odd {
		d = (&storedDemand{w.codec, b, r.DemandStanding}).heldDemand()
		if !slices.Contains(d.instruments, f.o.Terms.Instrument) {
			return
		}
		titles = d.validTitles(f.m.day)
	} else if instruments&f.instrument == 0 {
		return
	}
	d.DemandStanding = r.DemandStanding
	q := f.m.query(d, titles)
	if !q.demandHolds() || !q.recordHolds(&f.o.rec) || !q.clausesHold(f.o) {
		return
	}
	w.eligible++
	if !promising {
		return
	}
	w.best.offer(spot{text(b.id()), q.score(f.o), row, 0})
	if len(w.best.places) == w.best.limit {
		w.floor = int64(w.best.places[0].score) * 100 * whole
	}
}
