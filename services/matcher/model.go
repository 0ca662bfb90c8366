package matcher

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Context is the name of the match context.
const Context = "match"

// foldVersion changes when Match or Evolve changes in a way that makes an old snapshot wrong.
const foldVersion = 1

// recommendationBytesMax bounds the payload of match.recommended: explanations are recomputed, never stored.
const recommendationBytesMax = 4 << 10

// Match is what has been recommended for one demand (撮合结果): the entity of the match context, its id the demand's, and the
// document of the read model.
type Match struct {
	events.Recommendation
	CreatedAt time.Time `json:"created_at"` // of the first recommendation
	UpdatedAt time.Time `json:"updated_at"`
}

// clone copies what a recommendation shares.
func clone(r *events.Recommendation) events.Recommendation {
	c := *r
	c.Offers = slices.Clone(r.Offers)
	c.Positions = slices.Clone(r.Positions)
	return c
}
