package webapi

import (
	"errors"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/events"
)

// metrics are bounded in number: routes are patterns, never paths, and problems come from the catalogue.
type metrics struct {
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(r *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jieli_http_requests_total", Help: "Requests answered, by route pattern and status."}, []string{"route", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jieli_http_refusals_total", Help: "Problems answered, by code."}, []string{"problem"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jieli_http_request_seconds", Help: "From the request's headers to its answer, streams left out.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2, 16)}, []string{"route"}),
	}
	return m, errors.Join(r.Register(m.requests), r.Register(m.refusals), r.Register(m.seconds))
}

func statusLabel(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}

func problemLabel(p *events.Problem) string {
	code := strings.TrimPrefix(p.Type, events.ProblemPrefix)
	for _, k := range events.Problems {
		if k.Code == code {
			return code
		}
	}
	return "other"
}
