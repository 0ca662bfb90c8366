package offer

import "github.com/jieli-bus/jieli/events"

// The HTTP face: POST /v1/offers publishes, PUT /v1/offers/{id} replaces the terms, POST /v1/offers/{id}/<what> gives any other
// command of the context.
const (
	Path   = "offers"
	Create = events.TypePublishOffer
	Amend  = events.TypeAmendOffer
)
