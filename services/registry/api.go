package registry

import "github.com/jieli-bus/jieli/events"

// The HTTP face: POST /v1/enterprises registers, POST /v1/enterprises/{id}/<what> gives any other command of the context.
// There is no amendment as a whole (PUT): what changes is a profile, a title or an authorisation, each dated by itself.
const (
	Path   = "enterprises"
	Create = events.TypeRegisterEnterprise
	Amend  = ""
)
