package matcher

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Cells is the fast index. Offers lie in cells of like ones, in blocks of 64 lanes, each lane some bytes that say what the offer can
// give at most; a question visits the most promising blocks first, judges exactly what may still come among the best, and stops where
// nothing can. What is judged is the same form, by the same functions, as everywhere else: bounds decide what is looked at, never
// what is answered. It keeps no pointer per offer or demand.
//
// A question holds the locks of its shelves for reading, all at once: its answer is of one moment. Changes are in place and short.
// Blocks are sorted again beside everything else.
type Cells struct {
	rules *RuleSets
	codec *codec

	write sync.Mutex // held by whoever changes the index
	buf   []byte     // of the holder of write

	ids        sync.RWMutex // guards the tables against their readers; whoever holds write may read them
	offerIDs   *idTable
	demandIDs  *idTable
	shelves    atomic.Pointer[shelves]
	packing    sync.WaitGroup
	questPool  sync.Pool
	demandPool sync.Pool
}

// shelves are all there are. A new one makes a new list.
type shelves struct {
	offers    []*offerShelf
	byOffer   map[groupKey]*offerShelf
	demands   []*demandShelf
	byDemands map[string]*demandShelf // by currency
}

// offerShelf holds the offers of one instrument in one currency.
type offerShelf struct {
	*domain[offerSketch, offerBounds]
	number uint32
	key    groupKey
	leg    leg
	rows   pages[offerRow]
	arena  arena
}

// offerRow is the exact part of an offer that changes or is read first.
type offerRow struct {
	record
	version             uint64
	reserved, committed int64
	ref                 ref
	block               uint32
	at                  uint8
	paused, suspended   bool
}

func (r *offerRow) standing() OfferStanding {
	return OfferStanding{Version: r.version, Paused: r.paused, Suspended: r.suspended, Reserved: r.reserved, Committed: r.committed}
}

func (s *offerShelf) stored(row uint32) stored { return stored(s.arena.get(s.rows.at(row).ref)) }

// NewCells makes an empty index that scores by the rule set of the as-of day.
func NewCells(rules *RuleSets) *Cells {
	x := &Cells{
		rules: rules, codec: newCodec(reflect.TypeFor[offerDocument](), reflect.TypeFor[demandDocument]()),
		offerIDs: newIDTable(), demandIDs: newIDTable(),
	}
	x.shelves.Store(&shelves{byOffer: map[groupKey]*offerShelf{}, byDemands: map[string]*demandShelf{}})
	return x
}

// offerShelf finds or makes a shelf; write is held.
func (x *Cells) offerShelf(key groupKey) *offerShelf {
	old := x.shelves.Load()
	if s := old.byOffer[key]; s != nil {
		return s
	}
	s := &offerShelf{number: uint32(len(old.offers)), key: key, leg: legOf(key.instrument)}
	s.domain = newDomain[offerSketch, offerBounds](s)
	next := *old
	next.offers = append(slices.Clip(old.offers), s)
	next.byOffer = maps.Clone(old.byOffer)
	next.byOffer[key] = s
	x.shelves.Store(&next)
	return s
}

// isOffer compares an entry with an id; the shelf's lock is held, or write.
func (x *Cells) isOffer(id string) func(entry) bool {
	return func(e entry) bool { return text(x.shelves.Load().offers[e.domain()].stored(e.row()).id()) == id }
}

func (x *Cells) offerID(e entry) string {
	return text(x.shelves.Load().offers[e.domain()].stored(e.row()).id())
}

// PutOffer is of Index.
func (x *Cells) PutOffer(o *Offer) {
	x.write.Lock()
	defer x.write.Unlock()
	s := x.offerShelf(groupKey{o.Terms.Instrument, o.Terms.Capacity.Currency})
	doc := x.storeOffer(o)
	l, key := laneOf(o)
	old, held := x.offerIDs.find(o.ID, x.isOffer(o.ID))
	same := held && old.domain() == s.number
	var from *offerShelf
	if held && !same {
		from = x.shelves.Load().offers[old.domain()]
		first, second := from, s
		if first.number > second.number {
			first, second = second, first
		}
		first.mu.Lock() // both: the offer is never in neither
		second.mu.Lock()
	} else {
		s.mu.Lock()
	}
	row := old.row()
	if same {
		x.clear(s, row)
	} else {
		row = s.rows.take()
	}
	r := s.rows.at(row)
	*r = offerRow{record: o.rec, version: o.Version, reserved: o.Reserved, committed: o.Committed, paused: o.Paused, suspended: o.Suspended, ref: s.arena.put(doc)}
	l.row = row
	c := s.domain.add(key, &l)
	if from != nil {
		x.drop(from, old.row())
		from.mu.Unlock()
	}
	s.mu.Unlock()
	if !same {
		x.ids.Lock()
		if held {
			x.offerIDs.replace(o.ID, old, s.number, row)
		} else {
			x.offerIDs.put(o.ID, s.number, row, x.offerID)
		}
		x.ids.Unlock()
	}
	x.packOffers(s, c)
}

// storeOffer writes what is kept of an offer into the buffer.
func (x *Cells) storeOffer(o *Offer) []byte {
	b := appendPart(x.buf[:0], o.ID)
	var owner [binary.MaxVarintLen64 + 40]byte
	b = appendBytes(b, x.codec.word(owner[:0], o.Party, true))
	var judged [256]byte
	b = appendBytes(b, o.judge(judged[:0]))
	b = x.codec.append(b, &offerDocument{o.Unit, o.Source, o.Terms, o.Facts})
	x.buf = b
	return b
}

// drop takes an offer out of its shelf, whose lock is held.
func (x *Cells) drop(s *offerShelf, row uint32) {
	x.clear(s, row)
	s.rows.give(row)
}

// clear gives up what a row refers to.
func (x *Cells) clear(s *offerShelf, row uint32) {
	r := s.rows.at(row)
	s.domain.remove(r.block, r.at)
	at := r.ref
	r.ref = 0
	s.discard(at, x)
}

// discard gives up a document, and empties its piece when little is left in it.
func (s *offerShelf) discard(r ref, x *Cells) {
	piece, sparse := s.arena.drop(r)
	if !sparse {
		return
	}
	s.arena.walk(piece, func(at ref, b []byte) {
		e, ok := x.offerIDs.find(text(stored(b).id()), x.isOffer(text(stored(b).id())))
		if !ok || e.domain() != s.number {
			return
		}
		if row := s.rows.at(e.row()); row.ref == at {
			row.ref = s.arena.put(b)
		}
	})
	s.arena.free(piece)
}

// packOffers sorts a cell beside everything else when that is worth it.
func (x *Cells) packOffers(s *offerShelf, c *cell[offerBounds]) {
	if !c.worthwhile() {
		return
	}
	x.packing.Add(1)
	s.domain.pack(c, func(finish func()) {
		defer x.packing.Done()
		x.write.Lock()
		defer x.write.Unlock()
		finish()
	})
}

// StandOffer is of Index.
func (x *Cells) StandOffer(id string, standing OfferStanding) {
	x.write.Lock()
	defer x.write.Unlock()
	e, ok := x.offerIDs.find(id, x.isOffer(id))
	if !ok {
		return
	}
	s := x.shelves.Load().offers[e.domain()]
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows.at(e.row())
	r.version, r.reserved, r.committed, r.paused, r.suspended = standing.Version, standing.Reserved, standing.Committed, standing.Paused, standing.Suspended
	r.record.settle(standing)
	b := s.blocks[r.block]
	high := ceilingOf(&r.record)
	b.cols[colHigh].set(int(r.at), high)
	c := s.cells[b.cell]
	bound := &c.bounds[b.pos]
	bound.high, c.whole.high = max(bound.high, high), max(c.whole.high, high)
}

// RemoveOffer is of Index.
func (x *Cells) RemoveOffer(id string) {
	x.write.Lock()
	defer x.write.Unlock()
	e, ok := x.offerIDs.find(id, x.isOffer(id))
	if !ok {
		return
	}
	x.ids.Lock()
	x.offerIDs.remove(id, x.isOffer(id))
	x.ids.Unlock()
	s := x.shelves.Load().offers[e.domain()]
	s.mu.Lock()
	x.drop(s, e.row())
	s.mu.Unlock()
}

// withOffer calls back with the shelf's lock held for reading, if there is an offer of this id.
func (x *Cells) withOffer(id string, do func(s *offerShelf, row uint32)) bool {
	x.ids.RLock()
	defer x.ids.RUnlock()
	list := x.shelves.Load().offers
	_, ok := x.offerIDs.find(id, func(e entry) bool {
		s := list[e.domain()]
		s.mu.RLock()
		defer s.mu.RUnlock()
		if string(s.stored(e.row()).id()) != id {
			return false
		}
		do(s, e.row())
		return true
	})
	return ok
}

// storedOffer is an offer as it lay in the arena, with its standing of that moment.
type storedOffer struct {
	codec    *codec
	b        stored
	standing OfferStanding
}

func (h *storedOffer) heldOffer() *Offer {
	var doc offerDocument
	h.codec.read(h.b.document(), &doc)
	o := &Offer{ID: string(h.b.id()), Party: h.codec.text(h.b.owner()), Unit: doc.Unit, Source: doc.Source, OfferStanding: h.standing, Terms: doc.Terms, Facts: doc.Facts}
	o.compile()
	return o
}

// Offer is of Index.
func (x *Cells) Offer(id string) (*Offer, bool) {
	h := storedOffer{codec: x.codec}
	if !x.withOffer(id, func(s *offerShelf, row uint32) { h.b, h.standing = s.stored(row), s.rows.at(row).standing() }) {
		return nil, false
	}
	return h.heldOffer(), true
}

// OfferStanding is of Index.
func (x *Cells) OfferStanding(id string) (standing OfferStanding, ok bool) {
	ok = x.withOffer(id, func(s *offerShelf, row uint32) { standing = s.rows.at(row).standing() })
	return standing, ok
}

// OffersOf is of Index.
func (x *Cells) OffersOf(party string) []string {
	var ids []string
	for _, s := range x.shelves.Load().offers {
		s.mu.RLock()
		s.each(func(row uint32) bool {
			if b := s.stored(row); x.codec.text(b.owner()) == party {
				ids = append(ids, string(b.id()))
			}
			return true
		})
		s.mu.RUnlock()
	}
	slices.Sort(ids)
	return ids
}

// each visits the rows in use; the lock is held.
func (d *domain[S, B]) each(visit func(row uint32) bool) {
	for _, b := range d.blocks {
		if b == nil {
			continue
		}
		for live := b.live; live != 0; live &= live - 1 {
			if !visit(b.rows[bits.TrailingZeros64(live)]) {
				return
			}
		}
	}
}

// EachOffer is of Index.
func (x *Cells) EachOffer(instruments []string, currency string, visit func(HeldOffer) bool) {
	list := x.lockShelves(instruments, currency, nil)
	defer unlockShelves(list)
	more := true
	for _, s := range list {
		s.each(func(row uint32) bool {
			r := s.rows.at(row)
			more = visit(HeldOffer{&r.record, &storedOffer{x.codec, s.stored(row), r.standing()}})
			return more
		})
		if !more {
			return
		}
	}
}

// lockShelves locks the shelves of some instruments for reading, in their order.
func (x *Cells) lockShelves(instruments []string, currency string, list []*offerShelf) []*offerShelf {
	all := x.shelves.Load()
	for _, i := range instruments {
		if s := all.byOffer[groupKey{i, currency}]; s != nil && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *offerShelf) int { return cmp.Compare(a.number, b.number) })
	for _, s := range list {
		s.mu.RLock()
	}
	return list
}

func unlockShelves(list []*offerShelf) {
	for _, s := range list {
		s.mu.RUnlock()
	}
}

// Offers is of Index.
func (x *Cells) Offers() int {
	x.ids.RLock()
	defer x.ids.RUnlock()
	return x.offerIDs.n
}

// Settle waits until all sorting that has begun is done, for tests and measurements.
func (x *Cells) Settle() { x.packing.Wait() }

// Best is of Index.
func (x *Cells) Best(d *Demand, asOf time.Time, k int) []Ranked {
	ranked, _ := x.rank(d, asOf, k, false)
	return ranked
}

// Top is of Index.
func (x *Cells) Top(d *Demand, asOf time.Time, k int) (ranked []Ranked, eligible int) {
	return x.rank(d, asOf, k, true)
}

func (x *Cells) rank(d *Demand, asOf time.Time, k int, count bool) ([]Ranked, int) {
	if k < 1 {
		return nil, 0
	}
	w, _ := x.questPool.Get().(*walk)
	if w == nil {
		w = &walk{}
	}
	defer x.questPool.Put(w)
	if !w.quest.prepare(d, x.rules, asOf) {
		return nil, 0
	}
	w.list = x.lockShelves(d.instruments, d.Terms.Amount.Currency, w.list[:0])
	defer unlockShelves(w.list)
	w.run(k, count)
	spots := w.best.ranking()
	ranked, held := make([]Ranked, len(spots)), make([]storedOffer, len(spots))
	for i, p := range spots {
		s := w.list[p.shelf]
		r := s.rows.at(p.row)
		held[i] = storedOffer{x.codec, s.stored(p.row), r.standing()}
		ranked[i] = Ranked{strings.Clone(p.id), x.codec.text(held[i].b.owner()), s.key.instrument, r.version, p.score, &held[i]}
	}
	return ranked, w.eligible
}

// Memory is what an index holds, in bytes.
type Memory struct {
	Documents int // of the rows' documents: what an offer or demand is put together from, judged forms included
	Rows      int // exact parts
	Blocks    int // lanes and bounds
	IDs       int // tables
	Words     int // that documents share
}

// Memory counts the bytes of the offers, without the demands.
func (x *Cells) Memory() (m Memory) {
	x.write.Lock()
	defer x.write.Unlock()
	for _, s := range x.shelves.Load().offers {
		m.Documents += s.arena.bytes()
		m.Rows += len(s.rows.list) * int(unsafe.Sizeof([pageRows]offerRow{}))
		m.Blocks += s.domain.bytes()
	}
	m.IDs, m.Words = x.offerIDs.bytes(), x.codec.bytes()
	return m
}
