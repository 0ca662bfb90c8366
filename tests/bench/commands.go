package main

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go/jetstream"
)

// What the measured commands refer to.
const (
	knownEnterprises = 1000
	knownParties     = 200
	mouldRows        = 2000
)

// round is one round of the system with what its counters say.
type round struct {
	load
	group float64 // commands per commit
}

// commands compares accepted commands with messages published one by one: the same bytes, the same number of concurrent callers,
// on the same kind of connections, to the same kind of store that is on disk before it answers.
func (b *bench) commands() ([]table, error) {
	demands, err := castDemands(mouldRows, knownEnterprises)
	if err != nil {
		return nil, err
	}
	published, err := castOffers(mouldRows, knownParties)
	if err != nil {
		return nil, err
	}
	var tcp, inProcess []load
	systems := map[string][]round{}
	kinds := []struct {
		name, context string
		*mould
	}{{"`jieli.demand.publish.v1`", "demand", demands}, {"`jieli.offer.publish.v1`", "offer", published}}
	settings := []struct {
		name string
		arrangement
	}{
		{"writers alone, TCP", arrangement{writersOnly: true}},
		{"writers alone, in-process connections", arrangement{writersOnly: true, inProcess: true}},
		{"all in one, TCP", arrangement{}},
	}
	for n := range b.rounds {
		for _, over := range []struct {
			tcp  bool
			list *[]load
		}{{true, &tcp}, {false, &inProcess}} {
			l, err := b.publishOneByOne(demands, over.tcp)
			if err != nil {
				return nil, err
			}
			b.log("round %d: one by one, tcp %v: %s/s, p50 %s, p99 %s, CPU %s", n+1, over.tcp, number(l.rate), millis(l.p50), millis(l.p99), micros(l.cpu))
			*over.list = append(*over.list, l)
		}
		for _, kind := range kinds {
			for i, setting := range settings {
				r, err := b.giveCommands(kind.mould, kind.context, fmt.Sprintf("%s-%d-%d", kind.context, i, n+1), setting.arrangement)
				if err != nil {
					return nil, err
				}
				name := kind.name + ", " + setting.name
				b.log("round %d: %s: %s/s, p50 %s, p99 %s, CPU %s, %.0f per commit", n+1, name, number(r.rate), millis(r.p50), millis(r.p99), micros(r.cpu), r.group)
				systems[name] = append(systems[name], r)
			}
		}
	}
	t := table{head: []string{fmt.Sprintf("%s concurrent callers", number(float64(b.requesters))), "per second", "p50", "p99", "CPU each", "per commit", "ratio", "target"}}
	base := medianLoad(tcp)
	t.row("publish one message each, `sync_interval: always`, TCP", number(base.rate), millis(base.p50), millis(base.p99), micros(base.cpu), "1", "1", "")
	inside := medianLoad(inProcess)
	t.row("the same, in-process connections", number(inside.rate), millis(inside.p50), millis(inside.p99), micros(inside.cpu), "1", times(inside.rate/base.rate), "")
	for _, kind := range kinds {
		for _, setting := range settings {
			var loads []load
			var groups []float64
			for _, r := range systems[kind.name+", "+setting.name] {
				loads, groups = append(loads, r.load), append(groups, r.group)
			}
			l, against := medianLoad(loads), base
			if setting.inProcess {
				against = inside
			}
			ratio := l.rate / against.rate
			t.row("accepted "+kind.name+", "+setting.name, number(l.rate), millis(l.p50), millis(l.p99), micros(l.cpu), number(median(groups)), times(ratio), atLeast(ratio, 10))
		}
	}
	sample := demands.command(0, demandID(1, 1))
	t.note("%d connections over TCP loopback on both sides; %d bytes a demand command (%d of them headers); the baseline publishes the very same message.",
		b.conns, sample.message().Size(), sample.message().Size()-len(sample.data))
	t.note("Each command is checked against its schema and the code lists, its enterprise or institution is looked up, it is decided, committed with " +
		"fsync, answered. Writers alone: relay, views, matching and the read models nobody decides on are other processes' work; all in one: they run " +
		"in the same process on the same cores meanwhile, seven departments' copies of every event included.")
	t.note("The ratio is to the baseline over the same kind of connections. It moves with the disk: the baseline waits for it once a message, the system once a group, " +
		"whose processor time bounds it. The faster the disk, the smaller the ratio.")
	t.note("CPU is of the whole process, clients and derived work included, per answered call.")
	t.note("%d rounds of %s after %s of warm-up, each on an empty store with %d enterprises or %d institutions known; one partition a context.",
		b.rounds, b.run, b.warm, knownEnterprises, knownParties)
	return []table{t}, nil
}

func demandID(worker int, n uint64) string {
	return "b" + strconv.Itoa(worker) + "-" + strconv.FormatUint(n, 10)
}

// publishOneByOne is the baseline: every caller publishes one message and waits until it is stored.
func (b *bench) publishOneByOne(m *mould, tcp bool) (load, error) {
	dir, remove, err := b.fresh("baseline")
	if err != nil {
		return load{}, err
	}
	defer remove()
	defer settle()
	broker, err := startBroker(dir)
	if err != nil {
		return load{}, err
	}
	defer broker.stop()
	conns, err := broker.connections(b.conns, tcp)
	if err != nil {
		return load{}, err
	}
	defer closeAll(conns)
	js, err := streams(b.ctx, conns, jetstream.StreamConfig{Name: "BASELINE", Subjects: []string{"baseline"}})
	if err != nil {
		return load{}, err
	}
	var count atomic.Uint64
	return b.closedLoop(func(ctx context.Context, worker int) error {
		n := count.Add(1)
		message := m.command(n, demandID(worker, n)).message()
		message.Subject = "baseline"
		_, err := js[worker%len(js)].PublishMsg(ctx, message)
		return err
	}, nil, nil)
}

// giveCommands is the system under the same load.
func (b *bench) giveCommands(m *mould, context, name string, o arrangement) (round, error) {
	s, done, err := b.knowing(name, o)
	if err != nil {
		return round{}, err
	}
	l, group, err := b.giveTo(s, m, context, name)
	if ended := done(); err == nil {
		err = ended
	}
	return round{l, group}, err
}

func (b *bench) giveTo(s *system, m *mould, name, profile string) (l load, group float64, err error) {
	var before, after map[string]float64
	begin := func() (err error) { before, err = s.counters(); return err }
	end := func() (err error) { after, err = s.counters(); return err }
	profileBegin, profileEnd := b.profiled(profile)
	var count atomic.Uint64
	l, err = b.closedLoop(func(ctx context.Context, worker int) error {
		n := count.Add(1)
		return give(ctx, s.conns[worker%len(s.conns)], m.command(n, demandID(worker, n)))
	}, together(begin, profileBegin), together(profileEnd, end))
	return l, perCommit(before, after, name), err
}

// knowing starts an empty system and enters what the measured commands refer to. done ends it and removes its data.
func (b *bench) knowing(name string, o arrangement) (s *system, done func() error, err error) {
	dir, remove, err := b.fresh(name)
	if err != nil {
		return nil, nil, err
	}
	if s, err = b.startSystem(dir, o); err != nil {
		remove()
		return nil, nil, err
	}
	done = func() error {
		err := s.close()
		remove()
		settle()
		return err
	}
	_, err = s.loadAll(b.ctx, enterprises(knownEnterprises))
	if err == nil {
		_, err = s.loadAll(b.ctx, parties(knownParties))
	}
	if err != nil {
		_ = done() // the first trouble is the one to tell
		return nil, nil, err
	}
	return s, done, nil
}
