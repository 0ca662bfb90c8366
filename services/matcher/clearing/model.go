package clearing

import (
	"errors"
	"fmt"
)

// Bounds of a batch.
const (
	SideMax  = 200_000   // demands, and offers
	EdgesMax = 4_000_000 // pairs
	ScoreMax = 1_000_000
	StepsMax = 50_000_000 // bids until the best found is given out, with its gap
)

// Batch is what is cleared.
type Batch struct {
	Demands    int    `json:"demands"`    // they are 0, 1, 2 ...
	Capacities []int  `json:"capacities"` // of each offer: how many demands it takes, at least 0
	Edges      []Edge `json:"edges"`      // the pairs that fit, each once
}

// Edge is a demand and an offer that fit.
type Edge struct {
	Demand int   `json:"demand"`
	Offer  int   `json:"offer"`
	Score  int64 `json:"score"` // 1 to ScoreMax
}

// Certificate proves a bound: a price for a place at each offer, in parts of a point.
type Certificate struct {
	Scale  int64   `json:"scale"`  // parts of a point, at least 1
	Prices []int64 `json:"prices"` // by offer, not negative
}

// Result is an assignment with its proof.
type Result struct {
	Offers      []int       `json:"offers"` // by demand; -1: none
	Total       int64       `json:"total"`  // sum of scores
	Bound       int64       `json:"bound"`  // no assignment scores more
	Gap         int64       `json:"gap"`    // Bound - Total; 0: the best there is
	Certificate Certificate `json:"certificate"`
	Steps       int         `json:"steps"` // bids
}

// ErrBatch is a batch or a result that is not well formed.
var ErrBatch = errors.New("clearing: not well formed")

// valid reports what is wrong with a batch.
func (b *Batch) valid() error {
	if b.Demands < 0 || b.Demands > SideMax || len(b.Capacities) > SideMax || len(b.Edges) > EdgesMax {
		return fmt.Errorf("%w: %d demands, %d offers, %d pairs", ErrBatch, b.Demands, len(b.Capacities), len(b.Edges))
	}
	for j, c := range b.Capacities {
		if c < 0 {
			return fmt.Errorf("%w: offer %d takes %d", ErrBatch, j, c)
		}
	}
	seen := make(map[[2]int]bool, len(b.Edges))
	for _, e := range b.Edges {
		pair := [2]int{e.Demand, e.Offer}
		if e.Demand < 0 || e.Demand >= b.Demands || e.Offer < 0 || e.Offer >= len(b.Capacities) || e.Score < 1 || e.Score > ScoreMax || seen[pair] {
			return fmt.Errorf("%w: pair %+v", ErrBatch, e)
		}
		seen[pair] = true
	}
	return nil
}
