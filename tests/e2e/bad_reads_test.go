package e2e

import (
	"net/http"

	"github.com/jieli-bus/jieli/events"
)

// badReads: what reading can be asked wrongly.
func (h *hostile) badReads() {
	h.refused(events.ErrNotFound, "GET", "/v1/demands/nobody", nil)
	h.refused(events.ErrID, "GET", "/v1/demands/a.*", nil)
	h.refused(events.ErrMalformed, "GET", "/v1/demands?limit=0", nil)
	h.refused(events.ErrMalformed, "GET", "/v1/demands?limit=201", nil)
	h.refused(events.ErrCursor, "GET", "/v1/demands?cursor=forged", nil)
	h.refused(events.ErrMalformed, "GET", "/v1/demands?status=open&colour=red", nil)
	h.refused(events.ErrMalformed, "GET", "/v1/demands/demand-1?fields=id", nil)
	h.refused(events.ErrMalformed, "GET", "/v1/demands?sort=colour", nil)
	h.refused(events.ErrPrecondition, "PUT", "/v1/demands/demand-1", terms(loanDemand("demand-1", h.enterprise), nil))
	h.refused(events.ErrMalformed, "GET", "/v1/demands/demand-1", nil, "Jieli-Position", "demand:1")
	h.refused(events.ErrStale, "GET", "/v1/demands/demand-1", nil, "Jieli-Position", "demand.0:999999")
	h.refused(events.ErrMethod, http.MethodPatch, "/v1/demands/demand-1", nil)
	h.refused(events.ErrNotFound, "GET", "/v1/nothing", nil)
	h.refused(events.ErrForbidden, "POST", "/v1/demands", loanDemand("demand-2", h.enterprise), "Origin", "https://evil.example")
	h.refused(events.ErrForbidden, "POST", "/v1/demands/demand-1/withdraw", map[string]any{"reason": "x"}, "Authorization", "Bearer "+h.credential("pboc.token"))
}
