package allinone

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/sharing"
)

// scrapeMax bounds what a scrape may ask of the broker.
const scrapeMax = 2 * time.Second

// connection is one connection to the broker and what has happened to it.
type connection struct {
	counters  *bus.ConnCounters
	connected func() bool
}

// follower is a part that reads ledgers and runs here.
type follower struct {
	kind, name string // of the metrics: "read_model" "demand"
	source     string // the stream it reads
	held       *atomic.Bool
	at         func() uint64                                      // up to which sequence of it
	age        func(ctx context.Context, sequence uint64) float64 // seconds since a message of it was stored
}

// watched is what the process knows of itself beyond counters: asked at every scrape, so that nothing is measured that nobody reads.
type watched struct{ s *System }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("jieli_"+name, help, labels, nil)
}

var (
	descBuild      = describe("build_info", "1, with the versions in its labels.", "version", "go", "nats_server")
	descLag        = describe("follower_lag_messages", "Messages of its source (commits of a ledger, events of a stream) that a follower running here has not read.", "follower", "name", "source")
	descLagSeconds = describe("follower_lag_seconds", "Age of the oldest message that a follower running here has not read.", "follower", "name", "source")
	descUnacked    = describe("derived_unacknowledged_messages", "Messages of a derived stream that the broker has not acknowledged yet.", "stream")
	descAppended   = describe("derived_messages_total", "Messages sent to a derived stream: events, and what departments' views were given.", "stream")
	descQueue      = describe("ledger_queue_commands", "Commands that wait for the writer of a partition.", "partition")
	descEpoch      = describe("lease_epoch", "Epoch of the lease of a partition that is written here.", "lease")
	descHeld       = describe("lease_held", "1 when this process holds the lease of a partition or of a part that runs once in the system.", "lease")
	descMatching   = describe("matching_commands_pending", "Recommendations that have been asked for and not answered.")
	descConnected  = describe("broker_connected", "1 while a connection to the broker stands.", "connection")
	descLost       = describe("broker_disconnects_total", "Connections to the broker that were lost.", "connection")
	descRestored   = describe("broker_reconnects_total", "Connections to the broker that were restored.", "connection")
	descSlow       = describe("broker_slow_consumer_total", "Times the client library dropped messages for a subscription that was too slow.", "connection")
	descBytes      = describe("stream_bytes", "Bytes that a stream of the broker holds.", "stream")
	descBytesMax   = describe("stream_limit_bytes", "Bytes that a stream may hold; absent when it has no limit.", "stream")
	descMessages   = describe("stream_messages", "Messages that a stream of the broker holds.", "stream")
	descUnwatched  = describe("scrape_incomplete", "1 when the broker could not be asked for this scrape: lag and stream sizes are missing.")
)

// Describe implements prometheus.Collector; what there is depends on what runs here, so nothing is promised.
func (w watched) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (w watched) Collect(out chan<- prometheus.Metric) {
	s := w.s
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descBuild, 1, s.options.Version, runtime.Version(), natsserver.VERSION)
	for _, k := range s.keepers {
		for _, p := range k.Writing() {
			gauge(descQueue, float64(p.Queue), p.Partition)
			gauge(descEpoch, float64(p.Epoch), p.Partition)
			gauge(descHeld, 1, p.Partition)
		}
	}
	for name, held := range s.held {
		gauge(descHeld, number(held.Load()), name)
	}
	for name, c := range s.connections {
		stats := c.counters.Read()
		gauge(descConnected, number(c.connected()), name)
		counter(descLost, stats.Disconnects, name)
		counter(descRestored, stats.Reconnects, name)
		counter(descSlow, stats.SlowConsumers, name)
	}
	for _, d := range s.written() {
		sent, unacked := d.Sent()
		counter(descAppended, sent, d.Name())
		gauge(descUnacked, float64(unacked), d.Name())
	}
	if s.options.has("matcher") {
		gauge(descMatching, float64(s.matcher.pending.Load()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeMax)
	defer cancel()
	gauge(descUnwatched, number(w.ask(ctx, gauge) != nil))
}

// ask adds what the broker must be asked for.
func (w watched) ask(ctx context.Context, gauge func(d *prometheus.Desc, v float64, labels ...string)) error {
	s := w.s
	sizes, err := s.jet.Sizes(ctx)
	if err != nil {
		return err
	}
	for _, v := range s.departmentViews() { // each in its department's account
		size, err := v.Size(ctx)
		if err != nil {
			return err
		}
		sizes = append(sizes, size)
	}
	last := make(map[string]uint64, len(sizes))
	for _, size := range sizes {
		last[size.Stream] = size.Last
		gauge(descBytes, float64(size.Bytes), size.Stream)
		gauge(descMessages, float64(size.Messages), size.Stream)
		if size.BytesMax > 0 {
			gauge(descBytesMax, float64(size.BytesMax), size.Stream)
		}
	}
	for _, f := range s.readers() {
		if !f.held.Load() {
			continue
		}
		at, end := f.at(), last[f.source]
		behind, age := 0.0, 0.0
		if at < end {
			behind = float64(end - at)
			age = f.age(ctx, at+1)
		}
		gauge(descLag, behind, f.kind, f.name, f.source)
		gauge(descLagSeconds, age, f.kind, f.name, f.source)
	}
	return nil
}

// readers are the parts of this process that read ledgers, or events.
func (s *System) readers() []follower {
	var list []follower
	reads := func(kind, name string, held *atomic.Bool, at func() uint64) {
		list = append(list, follower{kind, name, events.LedgerStream(name), held, at, func(ctx context.Context, sequence uint64) float64 {
			stored, err := s.logs[name].Get(ctx, sequence)
			if err != nil {
				return 0
			}
			c, err := stored.Decode()
			if err != nil {
				return 0
			}
			return since(c.Time)
		}})
	}
	for context, r := range s.relays {
		if held, ok := s.held["events."+context]; ok {
			reads("events", context, held, r.At)
		}
	}
	for context, p := range s.projectors {
		if held, ok := s.held["read."+context]; ok {
			reads("read_model", context, held, p.At)
		}
	}
	if held, ok := s.held["views"]; ok {
		for _, source := range sharing.Sources {
			stream := s.derived[source]
			list = append(list, follower{"views", source, stream.Name(), held, func() uint64 { return s.pump.At(source) }, func(ctx context.Context, sequence uint64) float64 {
				at, err := stream.StoredAt(ctx, sequence)
				if err != nil {
					return 0
				}
				return since(at)
			}})
		}
	}
	if s.options.has("matcher") && !s.options.WritersOnly {
		for _, context := range matcher.Follows() {
			reads("matcher", context, &s.matches, func() uint64 { return s.matcher.at(context) })
		}
	}
	return list
}

func since(t time.Time) float64 { return max(0, time.Since(t).Seconds()) }

// written are the derived streams that this process may write.
func (s *System) written() []*ledger.Derived {
	var list []*ledger.Derived
	for _, context := range events.Contexts {
		if held, ok := s.held["events."+context]; ok && held.Load() {
			list = append(list, s.derived[context])
		}
	}
	if held, ok := s.held["views"]; ok && held.Load() {
		list = append(list, s.departmentViews()...)
	}
	return list
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
