package matcher

import (
	"math/bits"
	"sync"
	"unsafe"
)

// lanesPerBlock is the width of a block: one bit of a word a lane.
const lanesPerBlock = 64

// Columns of a block. A lane has one byte in each: a number of the offer or demand, on a scale that keeps its order. What a <= b
// decides, scale(a) <= scale(b) allows: a lane that a column rules out is really out, one that it lets pass may still be.
const (
	colLow   = iota // offer: smallest ticket; demand: open amount
	colHigh         // offer: most that one may get now; demand: least of use
	colFrom         // shortest term
	colTo           // longest term
	colPrice        // offer: lowest price; demand: highest price
	colOnly         // offer: prefecture that it is for, 0 for all; demand: not used
	colCount
)

// column holds 64 bytes as words: eight lanes are compared at once in the registers that every machine has.
type column [lanesPerBlock / 8]uint64

func (c *column) get(lane int) uint8 { return uint8(c[lane>>3] >> (lane & 7 * 8)) }

func (c *column) set(lane int, v uint8) {
	shift := lane & 7 * 8
	c[lane>>3] = c[lane>>3]&^(0xff<<shift) | uint64(v)<<shift
}

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// notBelow sets the top bit of each byte of a that is not below that byte of b.
func notBelow(a, b uint64) uint64 {
	// The low seven bits, with a borrow guard; then the top bits decide where they differ.
	low := (a | tops) - (b &^ tops)
	return (a&^b | ^(a^b)&low) & tops
}

// gather makes eight bits of the eight top bits.
func gather(t uint64) uint64 { return t >> 7 * 0x0102040810204080 >> 56 }

// block is 64 lanes without a pointer: the collector does not look into it.
type block[S any] struct {
	cols   [colCount]column
	sketch [lanesPerBlock]S // what bounds the score of a lane
	rows   [lanesPerBlock]uint32
	live   uint64 // lanes that are in use
	n      int32  // lanes that have been in use
	cell   uint32
	pos    uint32 // in the cell's list
}

// zero sets the top bit of each byte that is 0.
func zero(w uint64) uint64 { return ^(w&^tops + ^uint64(tops) | w) & tops }

// offerSide masks the lanes of offers that the columns allow: low <= open, need <= high, from <= to, to >= from, price <= most, only
// nobody or the one.
func (b *block[S]) offerSide(open, need, to, from, price, only uint8) uint64 {
	o, n, t, f, p, y := uint64(open)*ones, uint64(need)*ones, uint64(to)*ones, uint64(from)*ones, uint64(price)*ones, uint64(only)*ones
	var mask uint64
	for i := range lanesPerBlock / 8 {
		m := notBelow(o, b.cols[colLow][i]) & notBelow(b.cols[colHigh][i], n) & notBelow(t, b.cols[colFrom][i]) &
			notBelow(b.cols[colTo][i], f) & notBelow(p, b.cols[colPrice][i]) & (zero(b.cols[colOnly][i]) | zero(b.cols[colOnly][i]^y))
		mask |= gather(m) << (8 * i)
	}
	return mask & b.live
}

// demandSide masks the lanes of demands that the columns allow: low >= ticket, high <= most, from <= to, to >= from, price >= least.
func (b *block[S]) demandSide(ticket, most, to, from, price uint8) uint64 {
	o, n, t, f, p := uint64(ticket)*ones, uint64(most)*ones, uint64(to)*ones, uint64(from)*ones, uint64(price)*ones
	var mask uint64
	for i := range lanesPerBlock / 8 {
		m := notBelow(b.cols[colLow][i], o) & notBelow(n, b.cols[colHigh][i]) & notBelow(t, b.cols[colFrom][i]) &
			notBelow(b.cols[colTo][i], f) & notBelow(b.cols[colPrice][i], p)
		mask |= gather(m) << (8 * i)
	}
	return mask & b.live
}

// Scales. Each keeps the order of its numbers.

// scaleAmount has four steps a doubling; its upper six bits are the octave.
func scaleAmount(minor int64) uint8 {
	n := uint64(max(minor, 0))
	octave := bits.Len64(n)
	if octave < 3 {
		return uint8(octave<<2) | uint8(n<<(3-octave)&3)
	}
	return uint8(octave<<2) | uint8(n>>(octave-3)&3)
}

// scaleCeiling is the first amount above every one that has this place on the scale.
func scaleCeiling(place uint8) float64 {
	octave := int(place >> 2)
	if octave == 0 {
		return 1
	}
	return float64(uint64(1)<<(octave-1)) * (1 + float64(place&3+1)/4)
}

func scaleMonths(m int32) uint8 {
	switch {
	case m < 0:
		return 0
	case m < 128:
		return uint8(m)
	}
	return uint8(min(255, 128+(m-128)/4))
}

// scalePrice is for basis points; a price that is not asked for is 0, one that does not matter 255.
func scalePrice(bp int64) uint8 {
	switch {
	case bp < 0:
		return 0
	case bp < 1000:
		return uint8(bp / 5)
	}
	return uint8(min(254, 200+(bp-1000)/2000))
}

// domain is the lanes that share a lock: cells of blocks. Readers hold mu for reading; one caller at a time changes it, and holds mu
// for writing only where readers would see.
type domain[S, B any] struct {
	mu     sync.RWMutex
	side   side[S, B]
	blocks []*block[S]
	free   []uint32 // blocks that are not in use
	cells  []*cell[B]
	byKey  map[uint32]*cell[B]
	lanes  int // in use

	packing sync.WaitGroup
}

// side is what differs between offers and demands.
type side[S, B any] interface {
	// widen makes bounds hold for one more lane.
	widen(b *B, lane *lane[S])
	// join makes bounds hold for what other bounds hold for.
	join(b, other *B)
	// dimension is one of dimensions numbers by which lanes may be sorted into blocks of like ones; far apart is unlike.
	dimension(lane *lane[S], d int) uint32
	// moved tells a row where its lane is.
	moved(row, block uint32, at uint8)
}

// dimensions of packing.
const dimensions = 6

// lane is one lane outside of a block.
type lane[S any] struct {
	cols   [colCount]uint8
	sketch S
	row    uint32
	block  uint32 // where it was taken from
	at     uint8
}

// cell is the blocks that have one key, and bounds for each of them and for all.
type cell[B any] struct {
	key    uint32
	number uint32
	whole  B
	bounds []B // of blocks, in one piece: they are read from end to end
	blocks []uint32
	packed int // the first blocks are sorted; the rest is the tail
	lanes  int // in use
	tail   int // of them in the tail, or put there since
	sealed int // blocks that are being sorted take nothing more
	busy   bool
}

func newDomain[S, B any](s side[S, B]) *domain[S, B] {
	return &domain[S, B]{side: s, byKey: make(map[uint32]*cell[B])}
}

func (d *domain[S, B]) cell(key uint32) *cell[B] {
	c := d.byKey[key]
	if c == nil {
		c = &cell[B]{key: key, number: uint32(len(d.cells))}
		d.cells = append(d.cells, c)
		d.byKey[key] = c
	}
	return c
}

// add puts a lane at the tail of its cell. mu is held.
func (d *domain[S, B]) add(key uint32, l *lane[S]) *cell[B] {
	c := d.cell(key)
	last := len(c.blocks) - 1
	if last < max(c.packed, c.sealed) || d.blocks[c.blocks[last]].n == lanesPerBlock {
		d.grow(c)
		last++
	}
	d.place(c, last, l)
	c.tail++
	return c
}

// grow gives a cell one more block.
func (d *domain[S, B]) grow(c *cell[B]) {
	var number uint32
	if n := len(d.free); n > 0 {
		number, d.free = d.free[n-1], d.free[:n-1]
	} else {
		number = uint32(len(d.blocks))
		d.blocks = append(d.blocks, nil)
	}
	d.blocks[number] = &block[S]{cell: c.number, pos: uint32(len(c.blocks))}
	c.blocks = append(c.blocks, number)
	var none B
	c.bounds = append(c.bounds, none)
}

func (d *domain[S, B]) place(c *cell[B], pos int, l *lane[S]) {
	number := c.blocks[pos]
	b := d.blocks[number]
	at := int(b.n)
	b.n++
	for i, v := range l.cols {
		b.cols[i].set(at, v)
	}
	b.sketch[at], b.rows[at] = l.sketch, l.row
	b.live |= 1 << at
	c.lanes++
	d.lanes++
	d.side.widen(&c.bounds[pos], l)
	d.side.widen(&c.whole, l)
	d.side.moved(l.row, number, uint8(at))
}

// remove takes a lane out of use. mu is held.
func (d *domain[S, B]) remove(number uint32, at uint8) {
	b := d.blocks[number]
	b.live &^= 1 << at
	c := d.cells[b.cell]
	c.lanes--
	d.lanes--
}

// change replaces what a lane says, in place. mu is held.
func (d *domain[S, B]) change(number uint32, at uint8, l *lane[S]) {
	b := d.blocks[number]
	for i, v := range l.cols {
		b.cols[i].set(int(at), v)
	}
	b.sketch[at] = l.sketch
	c := d.cells[b.cell]
	d.side.widen(&c.bounds[b.pos], l)
	d.side.widen(&c.whole, l)
}

// take reads a lane.
func (b *block[S]) take(number uint32, at int) lane[S] {
	l := lane[S]{sketch: b.sketch[at], row: b.rows[at], block: number, at: uint8(at)}
	for i := range b.cols {
		l.cols[i] = b.cols[i].get(at)
	}
	return l
}

func (d *domain[S, B]) bytes() (n int) {
	for _, b := range d.blocks {
		if b != nil {
			n += int(unsafe.Sizeof(*b))
		}
	}
	var bounds B
	for _, c := range d.cells {
		n += cap(c.bounds)*int(unsafe.Sizeof(bounds)) + 4*cap(c.blocks)
	}
	return n + 8*cap(d.blocks)
}
