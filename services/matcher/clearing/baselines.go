package clearing

import (
	"cmp"
	"slices"
)

// FirstCome gives each demand in turn the best offer that still has a place; the sum of scores.
func FirstCome(b *Batch) int64 {
	edges := slices.Clone(b.Edges)
	slices.SortFunc(edges, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(x.Demand, y.Demand), cmp.Compare(y.Score, x.Score), cmp.Compare(x.Offer, y.Offer))
	})
	return inOrder(b, edges)
}

// Greedy takes the pairs with the highest scores first; the sum of scores.
func Greedy(b *Batch) int64 {
	edges := slices.Clone(b.Edges)
	slices.SortFunc(edges, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.Demand, y.Demand), cmp.Compare(x.Offer, y.Offer))
	})
	return inOrder(b, edges)
}

func inOrder(b *Batch, edges []Edge) (total int64) {
	left := slices.Clone(b.Capacities)
	given := make([]bool, b.Demands)
	for _, e := range edges {
		if !given[e.Demand] && left[e.Offer] > 0 {
			given[e.Demand] = true
			left[e.Offer]--
			total += e.Score
		}
	}
	return total
}
