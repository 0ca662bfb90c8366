package allinone

import (
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// Bounds of what the HTTP face adds to AUDIT: the stream drops its oldest, so a stranger at the door must not push the rest out. Refusals
// above the bound are counted and logged like all others.
const (
	faceAuditsPerSecond = 100
	faceAuditsBurst     = 2000
	requestBytesMax     = 200
)

// faceAudit records what the HTTP face refused before there was a command.
func (s *System) faceAudit() func(r *http.Request, principal string, p *events.Problem) {
	bound := rate.NewLimiter(faceAuditsPerSecond, faceAuditsBurst)
	return func(r *http.Request, principal string, p *events.Problem) {
		if !bound.Allow() {
			return
		}
		request := r.Method + " " + r.URL.Path
		s.jet.Audit(&ledger.Audit{Time: time.Now().UTC(), Context: "http", Command: p.Instance, Actor: principal,
			Request: request[:min(len(request), requestBytesMax)], Problem: p})
	}
}
