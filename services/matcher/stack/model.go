package stack

import (
	"errors"
	"fmt"
)

// Bounds of a question. Within them no sum overflows: an amount times a score or a price stays below 2^61.
const (
	LayersMax     = 4
	CandidatesMax = 64
	AmountMax     = 1 << 49 // minor units
	PointsMax     = 1 << 12 // scores, and prices in 0.01 %
	StepsMax      = 1 << 20 // more than there are sets
)

// Candidate is an offer that could be a layer.
type Candidate struct {
	Offer      string
	Instrument string
	Least      int64 // minor units, 1 to Most: the smallest ticket
	Most       int64 // the largest ticket or what is left of the capacity, to AmountMax
	Score      int64 // 0 to PointsMax
	PriceBP    int64 // 0.01 % a year, 0 to PointsMax; 0 where the instrument has no such price
}

// Need is what a demand asks of a stack.
type Need struct {
	Open        int64    // minor units still wanted, 1 to AmountMax
	Least       int64    // less is of no use, 1 to Open
	Instruments []string // any of these; one that only supports others is required of them when it is here
}

// Layer is one offer's part.
type Layer struct {
	Candidate
	Amount  int64
	Support string // the rule by which it supports others and brings no money; "" of a layer that does
}

// Result is the best stack found. Without layers nothing reaches the least that is of use.
type Result struct {
	Layers  []Layer
	Covered int64 // minor units, of the layers that bring money
	Score   int64 // sum of amount times score of those layers
	Cost    int64 // sum of amount times price of all layers
	Steps   int   // sets that were looked at
	Proved  bool  // nothing better exists; else BoundCovered and BoundScore bound what was not looked at
	// No stack covers more than BoundCovered; none that covers as much has more than BoundScore. Equal to what was found when proved.
	BoundCovered, BoundScore int64
}

// ErrQuestion is a question that is out of bounds: a fault of the caller, never of an offer or a demand.
var ErrQuestion = errors.New("stack: question out of bounds")

func check(need *Need, candidates []Candidate, steps int) error {
	switch {
	case need.Open < 1 || need.Open > AmountMax || need.Least < 1 || need.Least > need.Open:
		return fmt.Errorf("%w: open %d, least %d", ErrQuestion, need.Open, need.Least)
	case len(candidates) > CandidatesMax:
		return fmt.Errorf("%w: %d candidates", ErrQuestion, len(candidates))
	case steps < 1 || steps > StepsMax:
		return fmt.Errorf("%w: %d steps", ErrQuestion, steps)
	}
	seen := make(map[string]bool)
	for i := range candidates {
		c := &candidates[i]
		if c.Least < 1 || c.Least > c.Most || c.Most > AmountMax || c.Score < 0 || c.Score > PointsMax || c.PriceBP < 0 || c.PriceBP > PointsMax || seen[c.Offer] {
			return fmt.Errorf("%w: candidate %+v", ErrQuestion, *c)
		}
		seen[c.Offer] = true
	}
	return nil
}
