package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/jieli-bus/jieli/services/matcher"
)

// world is one market in the index, and in the scan where the two are to be compared.
type world struct {
	m           *market
	n, made     int
	cells       *matcher.Cells
	scan        *matcher.Reference
	r           *rand.Rand
	put         []time.Duration
	offerBytes  int
	demandBytes int
}

func newWorld(rules *matcher.RuleSets, seed uint64, n int, compare bool) *world {
	w := &world{m: newMarket(seed, n), n: n, made: n, cells: matcher.NewCells(rules), r: rand.New(rand.NewPCG(seed, 9)), put: make([]time.Duration, 0, n)}
	empty := heap()
	for i := range n {
		o := compiledOffer(w.m.offer(i))
		begun := time.Now()
		w.cells.PutOffer(o)
		w.put = append(w.put, time.Since(begun))
	}
	w.cells.Settle()
	full := heap()
	w.offerBytes = (full - empty) / n
	for i := range n {
		w.cells.PutDemand(compiledDemand(w.m.demand(i)))
	}
	w.cells.Settle()
	w.demandBytes = (heap() - full) / n
	if compare {
		w.scan = matcher.NewReference(rules)
		for i := range n {
			w.scan.PutOffer(compiledOffer(w.m.offer(i)))
		}
	}
	return w
}

// heap is what is live.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// next draws a change.
func (w *world) next() func(matcher.Index) {
	id := fmt.Sprintf("offer-%08d", w.r.IntN(w.made))
	switch n := w.r.IntN(100); {
	case n < 90:
		s, ok := w.cells.OfferStanding(id)
		if !ok {
			return func(matcher.Index) {}
		}
		s.Version++
		s.Reserved += int64(1+w.r.IntN(50)) * 1_000_000
		return func(x matcher.Index) { x.StandOffer(id, s) }
	case n < 98:
		o := compiledOffer(w.m.offer(w.made))
		w.made++
		return func(x matcher.Index) { x.PutOffer(o) }
	}
	return func(x matcher.Index) { x.RemoveOffer(id) }
}
