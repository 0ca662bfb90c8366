package matcher

import (
	"math/bits"
	"runtime"
)

// unitLanes bounds what is sorted again at once, and so how long readers wait for the change-over.
const unitLanes = 4096

// worthwhile says whether a cell's tail has grown so long that sorting it pays: bounds of a tail's blocks say little.
func (c *cell[B]) worthwhile() bool {
	return !c.busy && c.tail >= min(unitLanes, max(2*lanesPerBlock, c.lanes/4))
}

// pack sorts a cell's tail, together with blocks that have become sparse, into blocks of like lanes. The sorting is done beside
// everything else on a copy; done is then called, and must call finish under the lock of whoever changes the domain.
func (d *domain[S, B]) pack(c *cell[B], done func(finish func())) {
	c.busy = true
	c.tail = 0
	c.sealed = len(c.blocks)
	var unit []lane[S]
	old := make(map[uint32]bool)
	take := func(pos int) {
		number := c.blocks[pos]
		b := d.blocks[number]
		old[number] = true
		for live := b.live; live != 0; live &= live - 1 {
			unit = append(unit, b.take(number, bits.TrailingZeros64(live)))
		}
	}
	for pos := c.packed; pos < len(c.blocks) && len(unit) <= unitLanes-lanesPerBlock; pos++ {
		take(pos)
	}
	whole := c.lanes <= unitLanes-lanesPerBlock // a small cell is sorted as a whole
	for pos := 0; pos < c.packed && len(unit) <= unitLanes-lanesPerBlock; pos++ {
		if whole || bits.OnesCount64(d.blocks[c.blocks[pos]].live) < lanesPerBlock/2 {
			take(pos)
		}
	}
	d.packing.Add(1)
	go func() {
		defer d.packing.Done()
		d.sort(unit)
		done(func() { d.exchange(c, unit, old) })
	}()
}

// exchange puts sorted lanes in the place of the blocks they came from. What has gone or changed meanwhile is left out or taken as it
// is now. Whoever changes the domain calls it.
func (d *domain[S, B]) exchange(c *cell[B], unit []lane[S], old map[uint32]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	tail := append([]uint32(nil), c.blocks[c.packed:]...)
	kept := c.blocks[:0]
	bounds := c.bounds[:0]
	for pos, number := range c.blocks[:c.packed] {
		if !old[number] {
			kept, bounds = append(kept, number), append(bounds, c.bounds[pos])
		}
	}
	tailBounds := append([]B(nil), c.bounds[c.packed:]...)
	c.blocks, c.bounds = kept, bounds
	last := -1
	for i := range unit {
		l := &unit[i]
		b := d.blocks[l.block]
		if b.live>>l.at&1 == 0 {
			continue
		}
		now := b.take(l.block, int(l.at))
		if last < 0 || d.blocks[c.blocks[last]].n == lanesPerBlock {
			d.grow(c)
			last = len(c.blocks) - 1
		}
		c.lanes--
		d.lanes--
		d.place(c, last, &now)
	}
	c.packed = len(c.blocks)
	for i, number := range tail {
		if !old[number] {
			c.blocks, c.bounds = append(c.blocks, number), append(c.bounds, tailBounds[i])
		}
	}
	for number := range old {
		d.blocks[number] = nil
		d.free = append(d.free, number)
	}
	var whole B
	c.whole = whole
	for pos, number := range c.blocks {
		b := d.blocks[number]
		b.pos = uint32(pos)
		if pos >= c.packed {
			for live := b.live; live != 0; live &= live - 1 {
				l := b.take(number, bits.TrailingZeros64(live))
				d.side.widen(&c.whole, &l)
			}
		}
	}
	for pos := range c.packed {
		d.side.join(&c.whole, &c.bounds[pos])
	}
	c.busy, c.sealed = false, 0
}

// sort orders lanes so that each run of 64 is alike: it halves them by the dimension in which they are farthest apart.
func (d *domain[S, B]) sort(unit []lane[S]) {
	keys := make([]packKey, len(unit))
	for i := range unit {
		k := &keys[i]
		k.lane = uint32(i)
		for dim := range dimensions {
			k.of[dim] = d.side.dimension(&unit[i], dim)
		}
	}
	halve(keys)
	sorted := make([]lane[S], len(unit))
	for i := range keys {
		sorted[i] = unit[keys[i].lane]
	}
	copy(unit, sorted)
}

type packKey struct {
	of   [dimensions]uint32
	lane uint32
}

func halve(keys []packKey) {
	for len(keys) > lanesPerBlock {
		var low, high [dimensions]uint32
		low, high = keys[0].of, keys[0].of
		for i := range keys {
			for dim, v := range keys[i].of {
				low[dim], high[dim] = min(low[dim], v), max(high[dim], v)
			}
		}
		widest := 0
		for dim := range dimensions {
			if high[dim]-low[dim] > high[widest]-low[widest] {
				widest = dim
			}
		}
		blocks := (len(keys) + lanesPerBlock - 1) / lanesPerBlock
		middle := (blocks / 2) * lanesPerBlock
		if high[widest] > low[widest] {
			nth(keys, middle, widest)
		}
		if len(keys) >= unitLanes/4 {
			runtime.Gosched() // beside readers on the same core
		}
		halve(keys[:middle])
		keys = keys[middle:]
	}
}

// nth puts the n smallest keys of a dimension first.
func nth(keys []packKey, n, dim int) {
	for len(keys) > 1 {
		// The median of three for a pivot; keys equal to it end up on both sides, so that many equal ones cost nothing.
		a, b, c := keys[0].of[dim], keys[len(keys)/2].of[dim], keys[len(keys)-1].of[dim]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := 0, len(keys)-1
		for i <= j {
			for keys[i].of[dim] < pivot {
				i++
			}
			for keys[j].of[dim] > pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			keys = keys[:j+1]
		case n >= i:
			keys, n = keys[i:], n-i
		default:
			return
		}
	}
}
