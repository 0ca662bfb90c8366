package ledger

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/events"
)

// Stats are one context's counters of its writers in this process.
type Stats struct {
	commands, events, bytes, doubts, founds, losses, overloads prometheus.Counter
	refusals                                                   *prometheus.CounterVec
	groups, seconds                                            prometheus.Histogram
}

// The doors of a ledger, by which refusals are counted.
const (
	doorHTTP   = "http"
	doorNATS   = "nats"
	doorSystem = "system" // timers, the matcher, what is entered at the start
)

// doorOf tells by the source. It is for counting alone: a client of NATS may say what it likes.
func doorOf(e *events.Event) string {
	switch {
	case e.Get(events.ExtActor) == "system":
		return doorSystem
	case strings.HasPrefix(e.Source, "/jieli/http"):
		return doorHTTP
	}
	return doorNATS
}

// problemCode bounds a label: a code of the catalogue, or "other".
func problemCode(p *events.Problem) string {
	code := strings.TrimPrefix(p.Type, events.ProblemPrefix)
	for i := range events.Problems {
		if events.Problems[i].Code == code {
			return code
		}
	}
	return "other"
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
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jieli_ledger_refusals_total",
		Help: "Commands refused at the edge or by a decision, by door and code of the problem.", ConstLabels: labels}, []string{"door", "problem"})
	r.MustRegister(refusals)
	return &Stats{
		refusals:  refusals,
		commands:  counter("commands_total", "Commands decided and committed, refusals by state included."),
		events:    counter("events_total", "Events committed."),
		bytes:     counter("commit_bytes_total", "Bytes of commits."),
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

func (s *Stats) doubt() { s.doubts.Inc() }
func (s *Stats) found() { s.founds.Inc() }
func (s *Stats) lost()  { s.losses.Inc() }

// refusal counts a command that was refused; those of a busy system are counted as overloaded.
func (s *Stats) refusal(door string, p *events.Problem) {
	s.refusals.WithLabelValues(door, problemCode(p)).Inc()
}
func (s *Stats) overloaded() { s.overloads.Inc() }
