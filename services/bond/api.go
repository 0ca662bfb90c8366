package bond

import "github.com/jieli-bus/jieli/events"

// The HTTP face: POST /v1/bonds applies, PUT /v1/bonds/{id} resubmits, POST /v1/bonds/{id}/<what> gives any other command of
// the context.
const (
	Path   = "bonds"
	Create = events.TypeApplyBond
	Amend  = events.TypeResubmitBond
)
