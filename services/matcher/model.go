package matcher

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Context is the name of the match context.
const Context = "match"

// foldVersion changes when Match or Evolve changes in a way that makes an old snapshot wrong.
const foldVersion = 2

// recommendationBytesMax bounds the payload of match.recommended: explanations are recomputed, never stored.
const recommendationBytesMax = 4 << 10

// Match is what has been recommended for one demand (撮合结果), its id the demand's, or the demands that were found for one offer, its
// id LeadsOf the offer's: an entity of the match context, and the document of the read model.
type Match struct {
	*events.Recommendation                    // of a demand
	Leads                  *events.LeadsFound `json:"leads,omitempty"` // of an offer
	CreatedAt              time.Time          `json:"created_at"`      // of the first recommendation or leads
	UpdatedAt              time.Time          `json:"updated_at"`
}

// leadsPrefix parts the leads of an offer from the recommendations for a demand of the same id.
const (
	leadsPrefix = "leads~"
	idMax       = 64 // characters of an id, as events.ValidID has it
)

// LeadsOf is the id of the entity that holds an offer's leads. An id with no room for the prefix is hashed.
func LeadsOf(offer string) string {
	if len(leadsPrefix)+len(offer) <= idMax {
		return leadsPrefix + offer
	}
	return leadsPrefix + events.DeriveUUID("leads", offer).String()
}

// clone copies what a recommendation shares.
func clone(r *events.Recommendation) *events.Recommendation {
	c := *r
	c.Offers = slices.Clone(r.Offers)
	c.Positions = slices.Clone(r.Positions)
	if r.Refresh != nil {
		c.Refresh = &events.Refresh{Number: r.Refresh.Number, Causes: slices.Clone(r.Refresh.Causes)}
	}
	return &c
}
