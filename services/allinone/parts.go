package allinone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// openParts opens the directory, the broker and what needs no stream.
func (s *System) openParts(ctx context.Context) (grants []contracts.Grant, err error) {
	if s.departments, err = contracts.Departments(); err != nil {
		return nil, err
	}
	if grants, err = contracts.DefaultGrants(); err != nil {
		return nil, err
	}
	if s.dir, err = openDirectory(s.options.Dir, s.options.Credentials); err != nil {
		return nil, err
	}
	if s.node, err = s.dir.node(); err != nil {
		return nil, err
	}
	if s.clock, err = clock.FromEnvironment(os.Getenv); err != nil {
		return nil, err
	}
	if shifted, ok := s.clock.(clock.Shifted); ok {
		if s.options.Environment == "production" {
			return nil, fmt.Errorf("allinone: %s is for tests; environment=production refuses it / 该变量仅供测试，生产环境不接受", clock.Offset)
		}
		s.options.Log.Warn().Dur("by", shifted.By).Msg("the clock of this process is set apart from the machine's / 本进程时钟已偏移，仅供测试")
	}
	if s.traces, err = trace.Open(ctx, os.Getenv, s.options.Version, s.node[:8], s.options.Log); err != nil {
		return nil, err
	}
	var names []string
	for _, d := range s.departments {
		names = append(names, d.ID)
	}
	if s.broker, err = openBroker(s.dir, &s.options, names); err != nil {
		return nil, err
	}
	if disk, err := s.options.disk(); err != nil {
		return nil, err
	} else if disk != 0 {
		s.limits = limits(disk, s.departments)
	}
	// A connection for each kind of traffic: what must be quick does not queue behind what is big.
	for name, conn := range map[string]**nats.Conn{"core": &s.conn, "commands": &s.commands, "followers": &s.followers, "events": &s.writing, "ingress": &s.ingress} {
		err := s.tillReached(ctx, func(ctx context.Context) (err error) {
			*conn, err = s.connect(ctx, name, coreUser, s.broker.core)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if s.heads, err = ledger.OpenHeads(s.dir.at("heads.json")); err != nil {
		return nil, err
	}
	err = s.tillReached(ctx, func(ctx context.Context) (err error) {
		s.store, err = s.openStore(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var shared store.Positions
	if s.options.Store != "memory" {
		shared = s.store
	}
	s.waiter = store.NewWaiter(shared)
	return grants, nil
}

// tillReached repeats what needs a broker or a store elsewhere until it answers: any process of a system may start first.
func (s *System) tillReached(ctx context.Context, open func(ctx context.Context) error) error {
	if s.broker.url == "" {
		return open(ctx)
	}
	for patience := reachMin; ; patience = min(2*patience, reachMax) {
		// A cluster that is electing leaders, or is asked for the same stream from two sides, answers some requests never: each
		// attempt has an end of its own.
		attempt, cancel := context.WithTimeout(ctx, patience)
		err := open(attempt)
		cancel()
		if err == nil || ctx.Err() != nil || errors.Is(err, ledger.ErrPartitions) || errors.Is(err, store.ErrURL) || errors.Is(err, store.ErrSetting) {
			return err
		}
		s.options.Log.Warn().Err(err).Msg("broker or store do not answer yet; trying again / 消息代理或投影存储尚未应答，正在重试")
		select {
		case <-time.After(reachPause):
		case <-ctx.Done():
			return err
		}
	}
}

// Of reaching a broker elsewhere: how long an attempt may take, at first and at most, and the wait between two.
const (
	reachMin   = time.Second
	reachMax   = 15 * time.Second
	reachPause = 200 * time.Millisecond
)

// elected waits until a cluster has a leader that makes streams; until then it answers nothing.
func (s *System) elected(ctx context.Context) error {
	js, err := jetstream.New(s.conn)
	if err != nil {
		return fmt.Errorf("allinone: broker: %w", err)
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, reachPause)
		_, err := js.AccountInfo(attempt)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(reachPause / 4):
		case <-ctx.Done():
			return err
		}
	}
}

func (s *System) connect(ctx context.Context, name, user, password string) (*nats.Conn, error) {
	counters := &bus.ConnCounters{}
	conn, err := s.dial(ctx, name, user, password, counters)
	if err == nil {
		s.ending.Lock() // views are opened side by side
		defer s.ending.Unlock()
		s.connections[name] = connection{counters, conn.IsConnected}
	}
	return conn, err
}

// dial opens a connection that Close closes.
func (s *System) dial(ctx context.Context, name, user, password string, counters *bus.ConnCounters) (*nats.Conn, error) {
	conn, err := s.broker.connect(ctx, name, user, password, counters, s.options.Log)
	if err != nil {
		return nil, err
	}
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ended {
		conn.Close()
		return nil, nats.ErrConnectionClosed
	}
	s.conns = append(s.conns, conn)
	return conn, nil
}

func (s *System) openStore(ctx context.Context) (store.Store, error) {
	opened, err := store.Open(ctx, s.options.Store)
	if err != nil {
		return nil, err
	}
	return store.Measured(opened, s.registry)
}

// tracer is the tracer of a service, nil when nothing is traced.
func (s *System) tracer(service string) *trace.Tracer { return s.traces.Service(service) }

// trail is how single events are followed through a part of a service, nil when neither spans nor debug lines are wanted.
func (s *System) trail(service, what string) *trace.Trail {
	return trace.NewTrail(s.tracer(service), s.options.Log.With().Str("part", what).Logger(), what)
}

// Connect opens a connection to the broker as the operator, to one inside without a socket: for programs that run Jieli inside
// themselves. The caller closes it.
func (s *System) Connect(ctx context.Context, name string) (*nats.Conn, error) {
	return s.broker.connect(ctx, name, coreUser, s.broker.core, nil, s.options.Log)
}

// openStreams opens every stream, all at once: with sync_interval always each one costs the disk a few writes.
func (s *System) openStreams(ctx context.Context) (err error) {
	if s.broker.url != "" {
		if err := s.elected(ctx); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var tasks []func() error
	for _, context := range events.Contexts {
		tasks = append(tasks, func() error {
			d, err := ledger.OpenDerived(ctx, s.writing, s.followers, events.EventsStream(context), "events of "+context+", from its ledger", s.limits[events.EventsStream(context)], "jieli.event."+context+".>")
			mu.Lock()
			defer mu.Unlock()
			s.derived[context] = d
			return err
		})
	}
	for _, dept := range s.departments {
		if !s.options.has("sharing") && !s.options.has("portal") {
			break
		}
		tasks = append(tasks, func() error {
			d, err := s.openView(ctx, dept.ID)
			if err == nil {
				s.views.add(dept.ID, d)
			}
			return err
		})
	}
	tasks = append(tasks, func() error {
		js, err := jetstream.New(s.conn)
		if err != nil {
			return err
		}
		s.letters, err = bus.OpenLetters(ctx, js, bus.DeadLetterConfig{Replicas: s.options.Replicas, MaxBytes: s.limits[deadName]}, s.limits[redriveName])
		return err
	}, func() (err error) {
		s.vault, err = ledger.OpenVault(ctx, s.conn, s.options.Replicas, s.limits[contactsName])
		return err
	}, func() (err error) {
		s.jet, err = ledger.NewJetStream(ctx, ledger.JetStreamConfig{Conn: s.conn, Commands: s.commands, Followers: s.followers, Replicas: s.options.Replicas, LeaseTTL: s.options.LeaseTTL, Limits: s.limits, Log: s.options.Log})
		if err != nil {
			return err
		}
		return s.openLedgers(ctx)
	})
	return atOnce(tasks)
}

func (s *System) openLedgers(ctx context.Context) error {
	s.created = make([]time.Time, len(events.Contexts))
	logs := make([]ledger.Log, len(events.Contexts))
	var tasks []func() error
	for i, context := range events.Contexts {
		tasks = append(tasks, func() (err error) {
			if logs[i], err = s.jet.OpenLog(ctx, context, s.options.Partitions); err != nil {
				return err
			}
			info, err := logs[i].Info(ctx)
			s.created[i] = info.Created
			return err
		})
	}
	if err := atOnce(tasks); err != nil {
		return err
	}
	for i, context := range events.Contexts {
		s.logs[context] = logs[i]
	}
	return nil
}
