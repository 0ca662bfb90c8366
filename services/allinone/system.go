package allinone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/bond"
	"github.com/jieli-bus/jieli/services/crossborder"
	"github.com/jieli-bus/jieli/services/demand"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/edge"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/offer"
	"github.com/jieli-bus/jieli/services/policy"
	"github.com/jieli-bus/jieli/services/registry"
	"github.com/jieli-bus/jieli/services/registry/party"
	"github.com/jieli-bus/jieli/services/sharing"
)

// System is a running Jieli.
type System struct {
	options     Options
	dir         *directory
	broker      *broker
	conn        *nats.Conn // commits, leases, the vault
	commands    *nats.Conn
	followers   *nats.Conn            // readers of ledgers and events
	writing     *nats.Conn            // the EVENTS streams
	viewing     map[string]*nats.Conn // the VIEW streams, by recipient
	ingress     *nats.Conn            // what parties send
	conns       []*nats.Conn          // all of them, in the order they were made
	jet         *ledger.JetStream
	vault       *ledger.Vault
	heads       *ledger.Heads
	store       store.Store
	waiter      *store.Waiter
	sender      *ledger.Sender
	services    []app.Service // in the order of events.Contexts
	logs        map[string]ledger.Log
	created     []time.Time                // of the ledgers, in the order of events.Contexts
	derived     map[string]*ledger.Derived // EVENTS streams, by context
	views       *views                     // VIEW streams, by recipient
	relays      map[string]*ledger.Relay
	projectors  map[string]*app.Projector
	keepers     map[string]*ledger.Keeper // by context, of those written here
	rulebook    *rulebook
	clock       clock.Clock
	node        string // under which this process holds leases
	pump        *sharing.Pump
	matcher     *matching
	counts      blockedCounts
	streams     *streams
	departments []contracts.Department
	registry    *prometheus.Registry
	connections map[string]connection   // to the broker, by name
	held        map[string]*atomic.Bool // parts that run once in the system: whether here
	matches     atomic.Bool             // the matcher runs here
	limits      map[string]int64        // bytes, by stream
	letters     *bus.Letters
	traces      *trace.Provider
	started     time.Time

	listener    net.Listener
	stopServing context.CancelFunc
	served      chan struct{}
	background  context.Context // ends what only derives: relays, projections, views, matching, HTTP
	cancel      context.CancelFunc
	running     sync.WaitGroup
	ending      sync.Mutex // over ended, conns and viewing
	ended       bool       // nothing may begin any more
	closing     sync.Once
	closed      error
}

// startTimeout bounds a start whose caller sets no bound. Restoring a million entities takes seconds, not minutes.
const startTimeout = 5 * time.Minute

// Start brings everything up and returns when it takes commands and answers queries.
func Start(ctx context.Context, o Options) (*System, error) {
	o.setDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded { // a machine under load is slow; a broker that does not answer is not waited for longer
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startTimeout)
		defer cancel()
	}
	s := fresh(o)
	if err := s.start(ctx); err != nil {
		drain, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.Close(drain))
	}
	return s, nil
}

func fresh(o Options) *System {
	o.setDefaults()
	s := &System{options: o, clock: clock.Real{}, started: time.Now().UTC(), registry: prometheus.NewRegistry(),
		viewing: make(map[string]*nats.Conn), logs: make(map[string]ledger.Log), derived: make(map[string]*ledger.Derived), relays: make(map[string]*ledger.Relay), projectors: make(map[string]*app.Projector), keepers: make(map[string]*ledger.Keeper), held: make(map[string]*atomic.Bool), connections: make(map[string]connection)}
	s.views = &views{open: s.openView, list: make(map[string]*ledger.Derived)}
	s.background, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *System) start(ctx context.Context) error {
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	grants, err := s.openParts(ctx)
	if err != nil {
		return err
	}
	if err := s.tillReached(ctx, s.openStreams); err != nil {
		return err
	}
	if err := s.assemble(); err != nil {
		return err
	}
	validator, err := edge.New()
	if err != nil {
		return err
	}
	// Grants come before there is anything to see, and rules before anybody decides.
	if err := s.serveLedgers(ctx, validator, "sharing", "policy"); err != nil {
		return err
	}
	if s.options.Store == "memory" { // beside the writers' own reading
		s.project()
	}
	if err := s.derive(); err != nil {
		return err
	}
	seeds, err := s.seeds(grants)
	if err != nil {
		return err
	}
	if err := seeds.give(ctx, "sharing"); err != nil {
		return err
	}
	if err := s.openRules(ctx); err != nil {
		return err
	}
	if err := s.serveLedgers(ctx, validator, events.Contexts...); err != nil {
		return err
	}
	if s.options.Store != "memory" { // one that outlives a process is first a witness of how far the ledgers went
		s.project()
	}
	s.rulebook.tell(s.rulesChanged)
	if err := s.match(); err != nil {
		return err
	}
	if err := seeds.give(ctx, "party"); err != nil {
		return err
	}
	if err := seeds.given(); err != nil {
		return err
	}
	if err := s.caughtUp(ctx); err != nil {
		return err
	}
	s.registry.MustRegister(watched{s})
	if err := s.serveHTTP(); err != nil {
		return err
	}
	if err := s.serveIngress(); err != nil {
		return err
	}
	if s.broker.listening {
		if err := s.broker.writeCredentials(s.dir.at("credentials")); err != nil {
			return err
		}
	}
	return s.dir.writeRun(RunFile{PID: os.Getpid(), HTTP: s.HTTP(), NATS: s.NATS(), StartedAt: s.started})
}

// assemble makes the services with what they need of each other: reads through the projections, nothing else.
func (s *System) assemble() error {
	partitions := make(map[string]int, len(events.Contexts))
	for _, context := range events.Contexts {
		partitions[context] = s.options.Partitions
	}
	s.sender = &ledger.Sender{Broker: s.jet, Partitions: partitions}
	lookup := &app.Documents{Store: s.store, Waiter: s.waiter, Logs: s.logs, Partitions: s.options.Partitions}
	s.pump = sharing.NewPump(s.logs["sharing"], s.derived, s.options.Log)
	s.pump.Trail = s.trail("sharing", "view")
	s.rulebook = newRulebook(s)
	s.matcher = newMatching(s)
	s.streams = &streams{views: s.views, events: s.derived}
	s.services = []app.Service{
		policy.New(s.rulebook.judge),
		registry.New(registry.Deps{Lookup: lookup, Vault: s.vault, Clock: s.clock}),
		party.New(party.Deps{Lookup: lookup, Vault: s.vault}),
		demand.New(demand.Deps{Lookup: lookup}),
		offer.New(offer.Deps{Lookup: lookup}),
		bond.New(bond.Deps{Lookup: lookup, Rules: s.rulebook.bond, Course: s.rulebook.course}),
		crossborder.New(crossborder.Deps{Lookup: lookup, Rules: s.rulebook.crossborder}),
		matcher.App(),
		sharing.New(s.cuts),
	}
	return nil
}

// serveLedgers starts the writers of contexts and waits until every partition has one.
func (s *System) serveLedgers(ctx context.Context, validator *edge.Validator, contexts ...string) error {
	for _, service := range s.services {
		if !slices.Contains(contexts, service.Machine.Context()) {
			continue
		}
		if err := s.serveLedger(ctx, service, validator); err != nil {
			return err
		}
	}
	for _, k := range s.keepers {
		if err := k.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// serveLedger starts the writer of a service's ledger, where it is written here and has not been started yet.
func (s *System) serveLedger(ctx context.Context, service app.Service, validator *edge.Validator) error {
	context := service.Machine.Context()
	if !s.options.writes(context) || s.keepers[context] != nil {
		return nil
	}
	k, err := ledger.Open(ctx, ledger.Config{
		Machine: service.Machine, Partitions: s.options.Partitions, Owner: s.node, Broker: s.jet, Validate: validator.Payload, Prepare: service.Prepare,
		Clock: s.clock, Heads: s.heads, Snapshots: s.dir.at("snapshots"), Stats: ledger.NewStats(s.registry, context), Trace: s.tracer(serviceOf(context)), Log: s.options.Log,
		Progress: func(partition string, done, last uint64) {
			if s.options.Progress != nil {
				s.options.Progress("ledger "+partition, done, last)
			}
		},
		Witness: s.witness(context),
	})
	if err == nil {
		s.keepers[context] = k
	}
	return err
}

// caughtUp waits until reads show what the ledgers held at the start.
func (s *System) caughtUp(ctx context.Context) error {
	if s.options.has("matcher") && !s.options.WritersOnly {
		if err := s.matcher.ready(ctx); err != nil {
			return err
		}
	}
	for name := range s.projectors {
		if !s.options.writes(name) || s.options.WritersOnly && !slices.Contains(lookedUp, name) {
			continue
		}
		info, err := s.logs[name].Info(ctx)
		if err == nil {
			err = s.projected(ctx, name, info.Last)
		}
		if err != nil {
			return fmt.Errorf("allinone: read model of %s: %w", name, err)
		}
	}
	return nil
}

// witness names what else knows how far a ledger went: its events stream and its read model.
func (s *System) witness(name string) func(ctx context.Context, partition string) (ledger.Head, string) {
	return func(ctx context.Context, partition string) (known ledger.Head, by string) {
		if last, ok, err := s.derived[name].LastOf(ctx, "jieli.event."+name+".>"); err == nil && ok && ledger.PartitionName(name, last.Partition) == partition {
			known, by = ledger.Head{Sequence: last.Sequence}, "events stream"
		}
		if at, err := s.store.Position(ctx, name, partition); err == nil && at.Sequence > known.Sequence {
			known, by = ledger.Head{Sequence: at.Sequence, Number: at.Commit, Hash: at.Hash}, "read model"
		}
		return known, by
	}
}

// begin counts something in that Close waits for; false when it is too late.
func (s *System) begin() bool {
	s.ending.Lock()
	defer s.ending.Unlock()
	if !s.ended {
		s.running.Add(1)
	}
	return !s.ended
}

// run runs a part until the system closes; a part that ends by itself is a bug worth a loud line.
func (s *System) run(name string, part func(context.Context) error) {
	if !s.begin() {
		return
	}
	go func() {
		defer s.running.Done()
		if err := part(s.background); err != nil && s.background.Err() == nil {
			s.options.Log.Error().Err(err).Str("part", name).Msg("a part of the system has ended")
		}
	}()
}

// HTTP is the address of the HTTP face as a URL, "" when it listens nowhere.
func (s *System) HTTP() string {
	if s.listener == nil {
		return ""
	}
	return "http://" + s.listener.Addr().String()
}

// NATS is the broker's address as a URL (several of one elsewhere, separated by commas), "" when it listens nowhere.
func (s *System) NATS() string {
	if s.broker == nil {
		return ""
	}
	return s.broker.address()
}

// Dir is the data directory.
func (s *System) Dir() string { return s.options.Dir }

// Close drains and stops: commands taken are answered first. It may be called again.
func (s *System) Close(ctx context.Context) error {
	s.closing.Do(func() { s.closed = s.close(ctx) })
	return s.closed
}

func (s *System) close(ctx context.Context) error {
	var errs []error
	s.stopHTTP(ctx)
	var tasks []func() error
	for _, k := range s.keepers {
		tasks = append(tasks, func() error { return k.Close(ctx) })
	}
	errs = append(errs, atOnce(tasks))
	s.ending.Lock()
	s.ended = true
	s.ending.Unlock()
	s.cancel()
	s.running.Wait()
	if s.heads != nil {
		errs = append(errs, s.heads.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	s.ending.Lock()
	conns := s.conns
	s.ending.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
	errs = append(errs, s.traces.Close(ctx))
	if s.broker != nil {
		s.broker.stop()
	}
	if s.dir != nil {
		errs = append(errs, s.dir.close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("allinone: close: %w", err)
	}
	return nil
}

// atOnce runs tasks side by side and joins what went wrong.
func atOnce(tasks []func() error) error {
	errs := make([]error, len(tasks))
	var wait sync.WaitGroup
	for i, task := range tasks {
		wait.Add(1)
		go func() {
			defer wait.Done()
			errs[i] = task()
		}()
	}
	wait.Wait()
	return errors.Join(errs...)
}
