package clearing

import (
	"fmt"
	"math/big"
)

// Check verifies a result against its batch: every demand at one offer at most, by a pair that exists; no offer above its capacity;
// the total; and the bound, computed anew from the prices alone by weak duality. It uses nothing of the algorithm.
func Check(b *Batch, r *Result) error {
	if err := b.valid(); err != nil {
		return err
	}
	if len(r.Offers) != b.Demands || len(r.Certificate.Prices) != len(b.Capacities) || r.Certificate.Scale < 1 {
		return fmt.Errorf("%w: %d places for %d demands, %d prices for %d offers, scale %d", ErrBatch, len(r.Offers), b.Demands, len(r.Certificate.Prices), len(b.Capacities), r.Certificate.Scale)
	}
	scale := big.NewInt(r.Certificate.Scale)
	dual := new(big.Int)
	for j, price := range r.Certificate.Prices {
		if price < 0 {
			return fmt.Errorf("%w: the price of offer %d is %d", ErrBatch, j, price)
		}
		dual.Add(dual, new(big.Int).Mul(big.NewInt(price), big.NewInt(int64(b.Capacities[j]))))
	}
	var total int64
	taken := make([]int, len(b.Capacities))
	met := make([]bool, b.Demands)
	above := make([]*big.Int, b.Demands) // the best of each demand above the prices
	for _, e := range b.Edges {
		if r.Offers[e.Demand] == e.Offer {
			met[e.Demand] = true
			taken[e.Offer]++
			total += e.Score
		}
		gain := new(big.Int).Mul(scale, big.NewInt(e.Score))
		gain.Sub(gain, big.NewInt(r.Certificate.Prices[e.Offer]))
		if gain.Sign() > 0 && (above[e.Demand] == nil || gain.Cmp(above[e.Demand]) > 0) {
			above[e.Demand] = gain
		}
	}
	for i, j := range r.Offers {
		if j != -1 && !met[i] {
			return fmt.Errorf("%w: demand %d is at offer %d, which does not fit it", ErrBatch, i, j)
		}
	}
	for j, n := range taken {
		if n > b.Capacities[j] {
			return fmt.Errorf("%w: offer %d has %d demands and takes %d", ErrBatch, j, n, b.Capacities[j])
		}
	}
	for _, gain := range above {
		if gain != nil {
			dual.Add(dual, gain)
		}
	}
	bound := new(big.Int).Div(dual, scale) // scores are whole points
	if total != r.Total || !bound.IsInt64() || bound.Int64() != r.Bound || r.Gap != r.Bound-r.Total {
		return fmt.Errorf("%w: it says total %d, bound %d, gap %d; the pairs give %d, the prices %s", ErrBatch, r.Total, r.Bound, r.Gap, total, bound)
	}
	return nil
}
