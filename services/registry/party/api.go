package party

import "github.com/jieli-bus/jieli/events"

// The HTTP face: POST /v1/parties registers, POST /v1/parties/{id}/<what> gives any other command of the context.
// There is no amendment as a whole (PUT): licences, units, keys and members change one by one.
const (
	Path   = "parties"
	Create = events.TypeRegisterParty
	Amend  = ""
)
