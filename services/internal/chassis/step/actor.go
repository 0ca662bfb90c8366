package step

import (
	"strings"

	"github.com/jieli-bus/jieli/events"
)

// Actor says who gives a command: "operator", "system" (timers, reactions), "party:<id>", or "user:<pseudonym>" (a person who acts
// for an enterprise under a dated authorisation).
type Actor string

// Actors without an id.
const (
	Operator Actor = "operator"
	System   Actor = "system"
)

// Party returns the id of a party actor.
func (a Actor) Party() (id string, ok bool) { return strings.CutPrefix(string(a), "party:") }

// User returns the pseudonym of a user actor.
func (a Actor) User() (id string, ok bool) { return strings.CutPrefix(string(a), "user:") }

// OwnsSource reports whether an event's source may be given by this actor: a party owns /parties/<id> and what is below it, the operator
// and the system whatever they name.
func (a Actor) OwnsSource(source string) bool {
	if a.Trusted() {
		return true
	}
	id, ok := a.Party()
	if !ok {
		return false
	}
	rest, ok := strings.CutPrefix(source, "/parties/"+id)
	return ok && (rest == "" || rest[0] == '/')
}

// Trusted reports whether the actor is the operator or the system itself.
func (a Actor) Trusted() bool { return a == Operator || a == System }

// Valid reports whether the actor has one of the forms above.
func (a Actor) Valid() bool {
	if a.Trusted() {
		return true
	}
	id, ok := a.Party()
	if !ok {
		id, ok = a.User()
	}
	return ok && events.ValidID(id)
}
