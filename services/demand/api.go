package demand

import "github.com/jieli-bus/jieli/events"

// The HTTP face: POST /v1/demands publishes, PUT /v1/demands/{id} replaces the terms, POST /v1/demands/{id}/<what> gives any
// other command of the context.
const (
	Path   = "demands"
	Create = events.TypePublishDemand
	Amend  = events.TypeAmendDemand
)
