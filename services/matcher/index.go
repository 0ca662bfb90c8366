package matcher

import "time"

// Sizes of answers.
const (
	RecommendedMax = 20  // places of a recommendation
	TopMax         = 100 // places an index gives at most
)

// Ranked is one place of a ranking: the very offer that was judged, and its score.
type Ranked struct {
	Offer *Offer
	Score int
}

// Index holds offers and answers which fit a demand best. Its methods may be called concurrently; one caller at a time changes it.
type Index interface {
	// PutOffer adds an offer or replaces the one of the same id. The offer is not changed afterwards, by anybody.
	PutOffer(o *Offer)
	// RemoveOffer forgets an offer; an unknown id is fine.
	RemoveOffer(id string)
	// Offer finds an offer, live or not.
	Offer(id string) (*Offer, bool)
	// Top gives the exact best k (at most TopMax) of the offers that are eligible at an instant, best first, equal scores in
	// ascending order of id, and how many were eligible in all.
	Top(d *Demand, asOf time.Time, k int) (ranked []Ranked, eligible int)
	// Len is the number of offers held, live or not.
	Len() int
}
