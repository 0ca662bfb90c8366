package crossborder

import "github.com/jieli-bus/jieli/events"

// The HTTP face: POST /v1/crossborder assesses a borrower, POST /v1/crossborder/{id}/<what> gives any other command of the context,
// and assess again for a new statement.
const (
	Path   = "crossborder"
	Create = events.TypeAssessBorrower
)
