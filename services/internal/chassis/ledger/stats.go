package ledger

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are one context's counters of its writers in this process.
type Stats struct {
	commands, events, bytes, refused, doubts, founds, losses, overloads prometheus.Counter
	groups, seconds                                                     prometheus.Histogram
}

// NewStats registers the counters of a context.
func NewStats(r prometheus.Registerer, context string) *Stats {
	labels := prometheus.Labels{"context": context}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "jieli_ledger_" + name, Help: help, ConstLabels: labels})
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "jieli_ledger_" + name, Help: help, ConstLabels: labels, Buckets: buckets})
		r.MustRegister(h)
		return h
	}
	return &Stats{
		commands:  counter("commands_total", "Commands decided and committed, refusals by state included."),
		events:    counter("events_total", "Events committed."),
		bytes:     counter("commit_bytes_total", "Bytes of commits."),
		refused:   counter("refused_total", "Commands refused at the edge."),
		doubts:    counter("doubts_total", "Appends whose outcome was not known at first."),
		founds:    counter("found_total", "Appends in doubt whose commit was found in the log."),
		losses:    counter("lost_total", "Appends lost to another writer."),
		overloads: counter("overloaded_total", "Commands refused because the queue was full."),
		groups:    histogram("group_commands", "Commands per commit.", prometheus.ExponentialBuckets(1, 2, 13)),
		seconds:   histogram("commit_seconds", "From append to stored.", prometheus.ExponentialBuckets(0.0001, 2, 16)),
	}
}

func (s *Stats) commit(commands, events, bytes int, took time.Duration) {
	s.commands.Add(float64(commands))
	s.events.Add(float64(events))
	s.bytes.Add(float64(bytes))
	s.groups.Observe(float64(commands))
	s.seconds.Observe(took.Seconds())
}

func (s *Stats) doubt()      { s.doubts.Inc() }
func (s *Stats) found()      { s.founds.Inc() }
func (s *Stats) lost()       { s.losses.Inc() }
func (s *Stats) refusal()    { s.refused.Inc() }
func (s *Stats) overloaded() { s.overloads.Inc() }
