package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measured counts and times what is asked of a store.
type measured struct {
	Store
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

// Measured makes a store that is watched: how long each operation takes, and which failed. A document that is not there and a position
// that has moved on are answers, not failures.
func Measured(s Store, r prometheus.Registerer) (Store, error) {
	m := &measured{Store: s,
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jieli_store_request_seconds", Help: "Time of an operation of the store of read models, by operation.",
			Buckets: prometheus.ExponentialBuckets(0.00002, 3, 12)}, []string{"operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jieli_store_errors_total", Help: "Operations of the store of read models that failed, by operation and code."},
			[]string{"operation", "code"}),
	}
	for _, c := range []prometheus.Collector{m.seconds, m.errors} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("store: metrics: %w", err)
		}
	}
	for _, operation := range []string{"apply", "get", "get_many", "list", "count", "position"} { // a rate needs a zero to begin with
		m.errors.WithLabelValues(operation, ErrUnavailable.Code)
	}
	return m, nil
}

func (m *measured) done(operation string, begun time.Time, err error) {
	m.seconds.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrPosition) || errors.Is(err, context.Canceled) {
		return
	}
	code := "other"
	var known *Error
	if errors.As(err, &known) {
		code = known.Code
	}
	m.errors.WithLabelValues(operation, code).Inc()
}

// Apply implements Store.
func (m *measured) Apply(ctx context.Context, collection string, b Batch) (err error) {
	defer func(begun time.Time) { m.done("apply", begun, err) }(time.Now())
	return m.Store.Apply(ctx, collection, b)
}

// Position implements Store.
func (m *measured) Position(ctx context.Context, collection, source string) (p Position, err error) {
	defer func(begun time.Time) { m.done("position", begun, err) }(time.Now())
	return m.Store.Position(ctx, collection, source)
}

// Get implements Store.
func (m *measured) Get(ctx context.Context, collection, key string) (d Document, err error) {
	defer func(begun time.Time) { m.done("get", begun, err) }(time.Now())
	return m.Store.Get(ctx, collection, key)
}

// GetMany implements Store.
func (m *measured) GetMany(ctx context.Context, collection string, keys []string) (list []Document, err error) {
	defer func(begun time.Time) { m.done("get_many", begun, err) }(time.Now())
	return m.Store.GetMany(ctx, collection, keys)
}

// List implements Store.
func (m *measured) List(ctx context.Context, collection string, q Query) (p Page, err error) {
	defer func(begun time.Time) { m.done("list", begun, err) }(time.Now())
	return m.Store.List(ctx, collection, q)
}

// Count implements Store.
func (m *measured) Count(ctx context.Context, collection string) (n int, err error) {
	defer func(begun time.Time) { m.done("count", begun, err) }(time.Now())
	return m.Store.Count(ctx, collection)
}

// Dump implements Store.
func (m *measured) Dump(ctx context.Context, collection string, w io.Writer) (err error) {
	defer func(begun time.Time) { m.done("dump", begun, err) }(time.Now())
	return m.Store.Dump(ctx, collection, w)
}
