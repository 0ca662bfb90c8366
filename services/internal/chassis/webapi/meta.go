package webapi

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meta is what every process answers about itself. Health and metrics need no token: they name no enterprise.
func (f *frame) meta() []Route {
	scrape := promhttp.HandlerFor(f.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, DisableCompression: true})
	return []Route{
		{Pattern: "GET /healthz", Departments: true, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			return WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
		}},
		{Pattern: "GET /readyz", Departments: true, Handle: f.readyz},
		{Pattern: "GET /metrics", Departments: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			scrape.ServeHTTP(w, r)
			return nil
		}},
		{Pattern: "GET /v1/version", Departments: true, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			return WriteJSON(w, http.StatusOK, f.Version)
		}},
	}
}

// readyz runs every check. What exactly failed is told to the operator alone: it may name hosts.
func (f *frame) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), ReadyMax)
	defer cancel()
	status, word := http.StatusOK, "ok"
	checks := make(map[string]string)
	for name, err := range f.Ready(ctx) {
		checks[name] = "ok"
		if err == nil {
			continue
		}
		status, word = http.StatusServiceUnavailable, "unavailable"
		checks[name] = "failed"
		if Principal(r.Context()) == OperatorPrincipal {
			checks[name] = err.Error()
		}
		w.Header().Set("Retry-After", seconds(retryAfter))
	}
	return WriteJSON(w, status, map[string]any{"status": word, "checks": checks})
}
