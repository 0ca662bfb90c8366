package simtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/bond"
	"github.com/jieli-bus/jieli/services/crossborder"
	"github.com/jieli-bus/jieli/services/demand"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/edge"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/stack"
	"github.com/jieli-bus/jieli/services/offer"
	"github.com/jieli-bus/jieli/services/policy"
	"github.com/jieli-bus/jieli/services/registry"
	"github.com/jieli-bus/jieli/services/registry/party"
	"github.com/jieli-bus/jieli/services/sharing"
)

// shared is what every run may use at once: none of it changes.
type shared struct {
	examples    map[string]sample
	validator   *edge.Validator
	bond        *rules.Sets[bond.RuleSet]
	course      *rules.Sets[bond.CourseRules]
	crossborder *crossborder.RuleSets
	matching    *matcher.RuleSets
	stack       *rules.Sets[stack.RuleSet]
	library     *rules.Library
	ledgers     map[string]*ledger.Stats
}

var open = sync.OnceValues(func() (*shared, error) {
	s := &shared{ledgers: make(map[string]*ledger.Stats), library: rules.NewLibrary()}
	rules.Shelve[bond.RuleSet](s.library, "bond")
	var errs [7]error
	s.examples, errs[0] = examples()
	s.validator, errs[1] = edge.New()
	s.bond, errs[2] = rules.Load[bond.RuleSet](contracts.Rules(), "bond")
	s.crossborder, errs[3] = crossborder.LoadRules(contracts.Rules())
	s.matching, errs[4] = matcher.LoadRules(contracts.Rules())
	s.stack, errs[5] = rules.Load[stack.RuleSet](contracts.Rules(), "stack")
	s.course, errs[6] = rules.Load[bond.CourseRules](contracts.Rules(), "bond_course")
	registry := prometheus.NewRegistry()
	for _, context := range events.Contexts {
		s.ledgers[context] = ledger.NewStats(registry, context)
	}
	return s, errors.Join(errs[:]...)
})

// judge implements policy.Judge.
func (s *shared) judge(subject string, sets []policy.Set) (known bool, err error) {
	list := make([]rules.File, len(sets))
	for i := range sets {
		list[i] = rules.File{ID: sets[i].ID, Content: []byte(sets[i].Content), Until: sets[i].Until}
	}
	return s.library.Judge(subject, list)
}

// system is one Jieli: nodes that write the ledgers, and what derives from them.
type system struct {
	*world
	*shared
	partitions int
	logs       map[string]*simLog
	leases     *leases
	faults     *faults
	store      *readModels
	waiter     *store.Waiter
	projectors map[string]*app.Projector
	projecting map[string]*task
	nodes      []*node
	serving    map[string][]*writer // by partition
	vault      vault
	feeder     *feeder
	clients    *clients
	checker    *checker
	ids        uint64
	lateOnes   []*sent
}

// node is one process that competes for every partition.
type node struct {
	name      string
	skew      time.Duration
	heads     *ledger.Heads
	disk      map[string]ledger.Head // what of the heads outlives the process
	snapshots map[string][]byte
	services  []app.Service
}

// writer is a partition that a node writes.
type writer struct {
	key     string
	node    *node
	stepper *ledger.Stepper
	task    *task
	idle    bool
	lost    bool      // the node has heard that the lease is another's
	unaware time.Time // until then it does not ask
}

// readModels is a store that can be exchanged for an older one.
type readModels struct{ store.Store }

// vault keeps nothing: a contact's reference is all that a ledger has of it.
type vault struct{}

func (vault) Put(_ context.Context, owner string, _ []byte) (ref, hash string, err error) {
	return events.DeriveUUID("contact", owner).String(), events.DeriveUUID("hash", owner).String(), nil
}
func (vault) Get(context.Context, string) ([]byte, error) { return nil, ledger.ErrErased }
func (vault) Erase(context.Context, string) error         { return nil }

// newID is of version 7, as a client's, and drawn by the seed.
func (y *system) newID(now time.Time) events.UUID {
	y.ids++
	id := events.DeriveUUID("simulated", fmt.Sprint(y.ids), fmt.Sprint(y.rand.Uint64()))
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	id[6] = id[6]&0x0f | 0x70
	return id
}

// assemble makes the services of one process.
func (y *system) assemble() []app.Service {
	lookup := &lookup{y}
	return []app.Service{
		policy.New(y.judge),
		registry.New(registry.Deps{Lookup: lookup, Vault: y.vault, Clock: &nodeClock{y.world, &node{}, func() bool { return false }}}),
		party.New(party.Deps{Lookup: lookup, Vault: y.vault}),
		demand.New(demand.Deps{Lookup: lookup}),
		offer.New(offer.Deps{Lookup: lookup}),
		bond.New(bond.Deps{Lookup: lookup, Rules: y.bond, Course: y.course}),
		crossborder.New(crossborder.Deps{Lookup: lookup, Rules: y.crossborder}),
		matcher.App(),
		sharing.New(y.cuts),
	}
}

// cuts are those of a pump that has put everything before the views that there is.
func (y *system) cuts(context.Context) (list []events.Cut, err error) {
	for _, source := range sharing.Sources {
		if n := len(y.logs[source].commits); n > 0 {
			list = append(list, events.Cut{Context: source, Sequence: uint64(n) + 1})
		}
	}
	return list, nil
}

// lookup reads through the projections as production does, but for its waiting: that is done in virtual time.
type lookup struct{ y *system }

func (l *lookup) Document(ctx context.Context, name, id string) ([]byte, uint64, string, error) {
	y := l.y
	logs := make(map[string]ledger.Log, 1)
	logs[name] = y.logs[name]
	partition := events.Partition(id, y.partitions)
	source := ledger.PartitionName(name, partition)
	for range 4 {
		at, err := y.store.Position(ctx, name, source)
		if err != nil {
			return nil, 0, "", err
		}
		if at.Sequence >= y.logs[name].last(partition).Sequence {
			break
		}
		if _, err := y.store.Get(ctx, name, id); err == nil {
			break
		}
		y.pause(250 * time.Millisecond)
	}
	if at, err := y.store.Position(ctx, name, source); err != nil || at.Sequence < y.logs[name].last(partition).Sequence {
		if _, err := y.store.Get(ctx, name, id); err != nil {
			return nil, 0, "", store.ErrBehind
		}
	}
	on := y.faults.on // whoever waits here for a commit that is stored meanwhile would wait on a real channel
	y.faults.on = false
	defer func() { y.faults.on = on }()
	return (&app.Documents{Store: y.store, Waiter: y.waiter, Logs: logs, Partitions: y.partitions}).Document(ctx, name, id)
}

// broker is the broker as one node sees it.
type broker struct{ y *system }

func (b *broker) OpenLog(_ context.Context, name string, _ int) (ledger.Log, error) {
	return b.y.logs[name], nil
}
func (b *broker) Leases() ledger.Leases { return b.y.leases }
func (b *broker) Serve(string, int, func(*ledger.Request)) (func(), error) {
	return func() {}, nil // the system gives the requests
}
func (b *broker) Send(_ context.Context, name string, partition int, e *events.Event) ([]byte, error) {
	return b.y.request(ledger.PartitionName(name, partition), e)
}
func (b *broker) Audit(a *ledger.Audit) { b.y.stats.audits++ }

// start brings a node up.
func (y *system) start(n *node) {
	n.heads = ledger.NewHeads(n.disk)
	n.services = y.assemble()
	for _, service := range n.services {
		for number := range y.partitions {
			y.spawn(n, n.name+" "+ledger.PartitionName(service.Machine.Context(), number), func() { y.keep(n, service, number) })
		}
	}
}

// keep competes for one partition, as Keeper.keep does.
func (y *system) keep(n *node, service app.Service, number int) {
	name := service.Machine.Context()
	key := ledger.PartitionName(name, number)
	y.pause(y.moment(20 * time.Millisecond))
	for {
		ctx, cancel := context.WithCancel(context.Background())
		s, err := ledger.OpenStepper(ctx, ledger.StepperConfig{
			Config: ledger.Config{Machine: service.Machine, Partitions: y.partitions, Owner: n.name, Broker: &broker{y}, Validate: y.validator.Payload, Prepare: service.Prepare,
				Clock: &nodeClock{y.world, n, func() bool { return ctx.Err() != nil }}, Heads: n.heads, Stats: y.shared.ledgers[name], Log: zerolog.Nop(), Witness: y.witness(name)},
			Number: number, NewID: y.newID,
			Aside: func(work func()) { y.spawn(n, n.name+" aside", work) },
			Snapshot: func(partition string) ([]byte, error) {
				if b, ok := n.snapshots[partition]; ok {
					return b, nil
				}
				return nil, fs.ErrNotExist
			},
		})
		rest := leaseTTL / 3
		if err == nil {
			err = y.serve(ctx, cancel, &writer{key: key, node: n, stepper: s, task: y.running})
		}
		cancel()
		if refused(err) {
			y.tell("%s: %s refuses to serve: %v", n.name, key, err)
			y.stats.refusing++
			rest = 30 * time.Second
		}
		y.pause(rest)
	}
}

// refused reports whether a partition must not be served on its log.
func refused(err error) bool {
	var chain *ledger.ChainError
	var tail *ledger.TailLossError
	return errors.As(err, &chain) || errors.As(err, &tail) || errors.Is(err, ledger.ErrTailLost)
}

// witness names the read model's position, as production does.
func (y *system) witness(name string) func(ctx context.Context, partition string) (ledger.Head, string) {
	return func(ctx context.Context, partition string) (known ledger.Head, by string) {
		if at, err := y.store.Position(ctx, name, partition); err == nil && at.Sequence > 0 {
			known, by = ledger.Head{Sequence: at.Sequence, Number: at.Commit, Hash: at.Hash}, "read model"
		}
		return known, by
	}
}

// serve steps a writer while it has the lease.
func (y *system) serve(ctx context.Context, cancel func(), wr *writer) error {
	y.serving[wr.key] = append(y.serving[wr.key], wr)
	defer func() {
		y.serving[wr.key] = slices.DeleteFunc(y.serving[wr.key], func(other *writer) bool { return other == wr })
	}()
	renewed := y.now
	for {
		if y.now.Sub(renewed) >= leaseTTL/3 && y.now.After(wr.unaware) {
			renewed = y.now
			wr.lost = wr.lost || !wr.stepper.Renew(ctx)
		}
		if wr.lost {
			cancel()
			wr.stepper.Leave(true, nil)
			return nil
		}
		busy, err := wr.stepper.Step(ctx)
		if err != nil {
			y.tell("%s: writer of %s ends: %v", wr.node.name, wr.key, err)
			wr.stepper.Leave(false, err)
			wr.stepper.Release()
			return err
		}
		if busy {
			y.pause(time.Millisecond) // deciding takes its time
			continue
		}
		rest := leaseTTL/3 - y.now.Sub(renewed)
		if at, ok := wr.stepper.State().NextDue(); ok {
			rest = min(rest, max(at.Sub(y.now.Add(wr.node.skew)), time.Second))
		}
		wr.idle = true
		y.pause(max(rest, 10*time.Millisecond))
		wr.idle = false
	}
}

// kill ends a process; what it had on disk stays.
func (y *system) kill(n *node) {
	for partition, head := range n.heads.All() { // those of the last 100 ms are not written yet
		name, _, _ := bytes.Cut([]byte(partition), []byte("."))
		l := y.logs[string(name)]
		if head.Sequence <= uint64(len(l.at)) && y.now.Sub(l.at[head.Sequence-1]) > ledger.HeadsInterval {
			n.disk[partition] = head
		}
	}
	y.drop(func(t *task) bool { return t.owner == n })
	for key := range y.serving {
		y.serving[key] = slices.DeleteFunc(y.serving[key], func(w *writer) bool { return w.node == n })
	}
}

// project keeps one read model.
func (y *system) project(name string) {
	for {
		had, of := len(y.logs[name].commits), y.store.Store
		if err := y.projectors[name].CatchUp(context.Background()); err != nil {
			y.pause(200 * time.Millisecond)
			continue
		}
		if had != len(y.logs[name].commits) || of != y.store.Store { // in a partition that was done already
			y.pause(time.Millisecond)
			continue
		}
		y.pause(time.Hour) // until the ledger grows, or the store loses something
	}
}

// roll puts the read models in the place of which they stood some commits ago: the older ones are made by the projector itself.
func (y *system) roll(back bool) {
	y.store.Store = store.NewMemory()
	if back {
		for _, name := range events.Contexts {
			older := *y.logs[name]
			older.commits = older.commits[:len(older.commits)/2]
			older.faults = &faults{}
			p := &app.Projector{Service: y.projectors[name].Service, Source: &older, Store: y.store, Waiter: y.waiter, Log: zerolog.Nop()}
			if err := p.CatchUp(context.Background()); err != nil {
				y.fail("I3", "%s: projecting half of the log: %v", name, err)
			}
		}
	}
	for _, t := range y.projecting {
		y.wake(t)
	}
}

// build makes the world of a seed.
func build(s *shared, w *world, f *faults, partitions, nodes int, planted string) *system {
	y := &system{world: w, shared: s, partitions: partitions, logs: make(map[string]*simLog), faults: f, serving: make(map[string][]*writer),
		store: &readModels{store.NewMemory()}, projectors: make(map[string]*app.Projector), projecting: make(map[string]*task)}
	y.waiter = store.NewWaiter(y.store)
	y.leases = &leases{w: w, faults: f, held: make(map[string]held)}
	y.clients = newClients(y)
	services := y.assemble()
	y.checker = newChecker(y, services)
	for _, service := range services {
		name := service.Machine.Context()
		y.logs[name] = &simLog{w: w, context: name, info: ledger.LogInfo{Created: w.now, Partitions: partitions}, faults: f, planted: planted, grown: y.grew}
		y.projectors[name] = &app.Projector{Service: service, Source: y.logs[name], Store: y.store, Waiter: y.waiter, Log: zerolog.Nop()}
		y.projecting[name] = w.spawn(nil, "projector "+name, func() { y.project(name) })
	}
	for i := range nodes {
		n := &node{name: fmt.Sprintf("node-%d", i+1), disk: make(map[string]ledger.Head), snapshots: make(map[string][]byte)}
		y.nodes = append(y.nodes, n)
		y.start(n)
	}
	y.feeder = newFeeder(y)
	return y
}

// grew tells whoever follows a log.
func (y *system) grew(l *simLog) {
	y.checker.read(l)
	if t := y.projecting[l.context]; t != nil && t.at.Sub(y.now) > time.Second {
		y.wake(t)
	}
	if y.feeder != nil {
		y.feeder.hear()
	}
}

// snapshot takes a snapshot of everything that a node writes.
func (y *system) snapshot(n *node) {
	for _, key := range slices.Sorted(maps.Keys(y.serving)) {
		for _, wr := range y.serving[key] {
			if wr.node != n || !wr.idle { // in the middle of a commit the state is ahead of its tip
				continue
			}
			var b bytes.Buffer
			if err := wr.stepper.Snapshot(&b); err != nil {
				y.fail("I10", "snapshot of %s: %v", key, err)
			}
			n.snapshots[key] = b.Bytes()
		}
	}
}
