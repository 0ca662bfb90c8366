package clearing

import (
	"math/big"
	"slices"
)

// The slot of a demand that has none: not assigned yet, or content with nothing.
const (
	waiting = -2
	nothing = -1
)

// auction is a batch as the auction sees it. Demands bid for places (slots) of offers; each place has a price of its own, in parts of
// a point. Every demand may also choose nothing, worth 0.
type auction struct {
	scale   int64
	epsilon int64

	first []int32 // edges of a demand, by demand
	to    []int32 // offer
	value []int64 // score times scale

	back     []int32 // edges of an offer, by offer
	backFrom []int32 // demand
	backWith []int64

	slots []int32   // of each offer, by offer; beside prices, holder
	heaps [][]int32 // of each offer: its slots, the cheapest first
	where []int32   // place of a slot in its heap
	offer []int32   // of a slot
	price []int64
	held  []int32 // demand of a slot; -1 free

	slot   []int32 // of a demand; nothing or waiting
	profit []int64 // what a demand has above the price
	left   int     // bids that are still allowed
}

// scaling is by how much epsilon shrinks from phase to phase.
const scaling = 5

// Clear finds the assignment with the largest total score, or, should it take more than StepsMax bids, the best found with its gap.
func Clear(b *Batch) (*Result, error) { return clearWithin(b, StepsMax) }

func clearWithin(b *Batch, steps int) (*Result, error) {
	if err := b.valid(); err != nil {
		return nil, err
	}
	a := prepare(b)
	a.left = steps
	var highest int64
	for _, v := range a.value {
		highest = max(highest, v)
	}
	for a.epsilon = max(1, highest/scaling); ; a.epsilon = max(1, a.epsilon/scaling) {
		a.restart()
		if done := a.forward() && a.reverse(); a.epsilon == 1 || !done {
			break
		}
	}
	r := a.result(b)
	r.Steps = steps - max(0, a.left)
	return r, nil
}

func prepare(b *Batch) *auction {
	edges := slices.Clone(b.Edges)
	slices.SortFunc(edges, func(x, y Edge) int {
		if x.Demand != y.Demand {
			return x.Demand - y.Demand
		}
		return x.Offer - y.Offer
	})
	// With parts this fine, the slack of all demands together is less than a point: epsilon for choosing, and twice more because the
	// places of one offer may differ by it and an offer with places to spare is free of charge in the certificate.
	a := &auction{scale: int64(4*b.Demands + 4), first: make([]int32, b.Demands+1), back: make([]int32, len(b.Capacities)+1)}
	for _, e := range edges {
		a.first[e.Demand+1]++
		a.back[e.Offer+1]++
		a.to, a.value = append(a.to, int32(e.Offer)), append(a.value, e.Score*a.scale)
	}
	for i := range b.Demands {
		a.first[i+1] += a.first[i]
	}
	for j := range b.Capacities {
		a.back[j+1] += a.back[j]
	}
	a.backFrom, a.backWith = make([]int32, len(edges)), make([]int64, len(edges))
	next := slices.Clone(a.back)
	for _, e := range edges {
		at := next[e.Offer]
		a.backFrom[at], a.backWith[at] = int32(e.Demand), e.Score*a.scale
		next[e.Offer]++
	}
	a.heaps = make([][]int32, len(b.Capacities))
	for j, c := range b.Capacities {
		for range min(c, int(a.back[j+1]-a.back[j])) { // more places than bidders are no use
			t := int32(len(a.price))
			a.where = append(a.where, int32(len(a.heaps[j])))
			a.heaps[j] = append(a.heaps[j], t)
			a.offer, a.price, a.held = append(a.offer, int32(j)), append(a.price, 0), append(a.held, -1)
		}
	}
	a.slot, a.profit = make([]int32, b.Demands), make([]int64, b.Demands)
	return a
}

// restart sends everybody away; prices stay.
func (a *auction) restart() {
	for t := range a.held {
		a.held[t] = -1
	}
	for i := range a.slot {
		a.slot[i] = waiting
	}
}

// forward lets waiting demands bid until none waits. Afterwards each has its best within epsilon.
func (a *auction) forward() bool {
	queue := make([]int32, 0, len(a.slot))
	for i := range a.slot {
		queue = append(queue, int32(len(a.slot)-1-i))
	}
	for len(queue) > 0 {
		if a.left--; a.left < 0 {
			return false
		}
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		best, second, at := int64(0), int64(0), int32(nothing) // nothing is worth 0, and may be both
		consider := func(worth int64, t int32) {
			if worth > best {
				best, second, at = worth, best, t
			} else if worth > second {
				second = worth
			}
		}
		for e := a.first[i]; e < a.first[i+1]; e++ {
			heap := a.heaps[a.to[e]]
			if len(heap) == 0 {
				continue
			}
			consider(a.value[e]-a.price[heap[0]], heap[0])
			if len(heap) > 1 {
				other := heap[1]
				if len(heap) > 2 && a.price[heap[2]] < a.price[other] {
					other = heap[2]
				}
				consider(a.value[e]-a.price[other], other)
			}
		}
		if at == nothing {
			a.slot[i], a.profit[i] = nothing, 0
			continue
		}
		if loser := a.held[at]; loser >= 0 {
			a.slot[loser] = waiting
			queue = append(queue, loser)
		}
		a.profit[i] = second - a.epsilon
		a.set(at, a.price[at]+best-second+a.epsilon)
		a.held[at], a.slot[i] = i, at
	}
	return true
}

// reverse lets free places that have a price bid for demands, until every free place is free of charge; a price that nobody pays would
// leave the bound too high.
func (a *auction) reverse() bool {
	var queue []int32
	for t := range a.held {
		if a.held[t] < 0 && a.price[t] > 0 {
			queue = append(queue, int32(t))
		}
	}
	for len(queue) > 0 {
		if a.left--; a.left < 0 {
			return false
		}
		t := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		j := a.offer[t]
		best, second, who := int64(-1), int64(-1), int32(-1)
		for e := a.back[j]; e < a.back[j+1]; e++ {
			pays := a.backWith[e] - a.profit[a.backFrom[e]]
			if pays > best || who < 0 {
				best, second, who = pays, best, a.backFrom[e]
			} else if pays > second {
				second = pays
			}
		}
		if who < 0 || best <= a.epsilon {
			a.set(t, 0)
			continue
		}
		gain := min(best, best-max(second, 0)+a.epsilon)
		old := a.slot[who]
		a.set(t, best-gain)
		a.profit[who] += gain
		a.held[t], a.slot[who] = who, t
		if old >= 0 {
			a.held[old] = -1
			if a.price[old] > 0 {
				queue = append(queue, old)
			}
		}
	}
	return true
}

// set changes a price and keeps the offer's heap in order.
func (a *auction) set(t int32, price int64) {
	heap := a.heaps[a.offer[t]]
	a.price[t] = price
	at := a.where[t]
	swap := func(x, y int32) {
		heap[x], heap[y] = heap[y], heap[x]
		a.where[heap[x]], a.where[heap[y]] = x, y
	}
	for at > 0 && a.price[heap[(at-1)/2]] > a.price[heap[at]] {
		swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
	for {
		least := at
		for child := 2*at + 1; child <= 2*at+2 && int(child) < len(heap); child++ {
			if a.price[heap[child]] < a.price[heap[least]] {
				least = child
			}
		}
		if least == at {
			return
		}
		swap(at, least)
		at = least
	}
}

// result reads assignment and prices. The price of an offer is that of its cheapest place; one with places to spare has none.
func (a *auction) result(b *Batch) *Result {
	r := &Result{Offers: make([]int, b.Demands), Certificate: Certificate{Scale: a.scale, Prices: make([]int64, len(b.Capacities))}}
	for j, heap := range a.heaps {
		switch {
		case b.Capacities[j] == 0: // no place, at a price that nobody would pay
			for e := a.back[j]; e < a.back[j+1]; e++ {
				r.Certificate.Prices[j] = max(r.Certificate.Prices[j], a.backWith[e])
			}
		case len(heap) == b.Capacities[j]:
			r.Certificate.Prices[j] = a.price[heap[0]]
		}
	}
	dual := new(big.Int)
	for j, price := range r.Certificate.Prices {
		dual.Add(dual, new(big.Int).Mul(big.NewInt(price), big.NewInt(int64(b.Capacities[j]))))
	}
	for i := range b.Demands {
		r.Offers[i] = -1
		var above int64
		for e := a.first[i]; e < a.first[i+1]; e++ {
			above = max(above, a.value[e]-r.Certificate.Prices[a.to[e]])
			if a.slot[i] >= 0 && a.offer[a.slot[i]] == a.to[e] {
				r.Offers[i] = int(a.to[e])
				r.Total += a.value[e] / a.scale
			}
		}
		dual.Add(dual, big.NewInt(above))
	}
	r.Bound = new(big.Int).Div(dual, big.NewInt(a.scale)).Int64()
	r.Gap = r.Bound - r.Total
	return r
}
