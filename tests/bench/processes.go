package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
	"github.com/jieli-bus/jieli/tests/topology"
)

// Of a takeover: how long a caller waits for one answer, and until the next try.
const (
	tryMax       = 500 * time.Millisecond
	tryPause     = 10 * time.Millisecond
	takeoverMax  = time.Minute
	takeover     = 5 * time.Second // the target
	replicated   = "demand"        // the service with two processes
	splitOffers  = 2000
	splitParties = 250
)

// processesPart measures the topology of production on loopback: a broker of three nodes that each have everything on disk, a Redis,
// and every service a process of its own, two of one of them, one of which is killed again and again.
func (b *bench) processesPart() ([]table, error) {
	dir, remove, err := b.fresh("processes")
	if err != nil {
		return nil, err
	}
	defer remove()
	// The topology is made for tests, and its programs are built from where tests run.
	if err := os.Chdir(filepath.Join(b.root, "tests", "topology")); err != nil {
		return nil, err
	}
	defer topology.Remove()
	w, err := topology.Open(topology.Config{Dir: dir, Replicas: map[string]int{replicated: 2}})
	if w != nil {
		defer w.Close()
	}
	if err != nil {
		return nil, err
	}
	s, err := b.attachTo(w)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for _, list := range []func(func(command, error) bool){
		enterprises(latencyEnterprises), parties(splitParties), details(latencyEnterprises), offers(splitOffers, splitParties),
	} {
		if _, err := s.loadAll(b.ctx, list); err != nil {
			return nil, err
		}
	}
	demands, err := castDemands(mouldRows, latencyEnterprises)
	if err != nil {
		return nil, err
	}
	latency, err := b.latencyTable(s, demands, fmt.Sprintf("%s offers of %s institutions, %s enterprises with profiles and titles",
		number(splitOffers), number(splitParties), number(latencyEnterprises)))
	if err != nil {
		return nil, err
	}
	gaps, err := b.takeovers(s, w, demands)
	if err != nil {
		return nil, err
	}
	rates, err := b.splitRates(s, demands)
	return []table{rates, latency, gaps}, err
}

// attachTo connects to the broker as the operator.
func (b *bench) attachTo(w *topology.Topology) (*system, error) {
	s := &system{dir: w.Dir(), http: w.HTTP(), broker: w.NATS()}
	c, err := s.credential("operator")
	if err == nil {
		s.conns, err = connect(b.conns, c.URL, nats.UserInfo(c.User, c.Password))
	}
	return s, err
}

// splitRates is the closed loop of the commands part, against writers elsewhere.
func (b *bench) splitRates(s *system, m *mould) (table, error) {
	t := table{head: []string{fmt.Sprintf("%s concurrent callers", number(float64(b.requesters))), "per second", "p50", "p99"}}
	var rounds []load
	for n := range b.rounds {
		l, err := b.closedLoop(func(ctx context.Context, worker int) error {
			return give(ctx, s.conns[worker%len(s.conns)], m.command(uint64(worker), fmt.Sprintf("split-%d-%s", n, events.NewUUID7(time.Now()))))
		}, nil, nil)
		if err != nil {
			return t, err
		}
		b.log("round %d: separate processes: %s/s, p50 %s, p99 %s", n+1, number(l.rate), millis(l.p50), millis(l.p99))
		rounds = append(rounds, l)
	}
	l := medianLoad(rounds)
	t.row("accepted `jieli.demand.publish.v1`, separate processes, three replicas of every commit", number(l.rate), millis(l.p50), millis(l.p99))
	t.note("Three nodes of the broker, Redis, every service and the callers share the cores; each commit is on three disks (one disk here) before it is answered. "+
		"The all-in-one beside it: the rows \"all in one\" of durable commands. %d rounds of %s after %s of warm-up.", b.rounds, b.run, b.warm)
	return t, s.verified(b.ctx)
}

// takeovers kills the writer of the demands again and again, and measures until a caller's command is accepted.
func (b *bench) takeovers(s *system, w *topology.Topology, m *mould) (table, error) {
	t := table{head: []string{fmt.Sprintf("%d times kill -9 of the writer", b.kills), "p50", "p99", "most", "target"}}
	var gaps []time.Duration
	for n := range b.kills {
		writer, err := b.writerOf(s, w, m, n)
		if err != nil {
			return t, err
		}
		begun := time.Now()
		writer.Kill()
		if err := b.untilAccepted(s, m.command(uint64(n), fmt.Sprintf("kill-%d", n))); err != nil {
			return t, err
		}
		gap := time.Since(begun)
		b.log("takeover %d: %s", n+1, millis(gap))
		gaps = append(gaps, gap)
		if err := writer.Start(); err != nil {
			return t, err
		}
		if err := writer.Ready(); err != nil {
			return t, err
		}
	}
	p99 := percentile(gaps, 0.99)
	t.row("from the kill to the first accepted command", millis(percentile(gaps, 0.5)), millis(p99), millis(percentile(gaps, 1)), "p99 "+atMost(p99, takeover))
	t.note("Two processes serve demands; the one that writes is killed, a caller repeats one command under its id, waiting at most %s for an answer and %s between tries, until it is accepted. "+
		"A lease lives for 3 s after its last renewal, and who waits for it asks once a second. Verification holds after all of them.", tryMax, tryPause)
	return t, s.verified(b.ctx)
}

// writerOf finds the process whose commits grow when a command is given.
func (b *bench) writerOf(s *system, w *topology.Topology, m *mould, n int) (*topology.Process, error) {
	commits := func(p *topology.Process) float64 {
		found, err := countersOf(p.HTTP())
		if err != nil {
			return -1
		}
		return found[`jieli_ledger_group_commands_count{context="`+replicated+`"}`]
	}
	processes := w.Service[replicated]
	before := make([]float64, len(processes))
	for i, p := range processes {
		before[i] = commits(p)
	}
	if err := b.untilAccepted(s, m.command(uint64(n), fmt.Sprintf("who-%d", n))); err != nil {
		return nil, err
	}
	for i, p := range processes {
		if commits(p) > before[i] {
			return p, nil
		}
	}
	return nil, errors.New("no process of " + replicated + " has committed an accepted command")
}

// untilAccepted gives one command under one id until it is accepted, as a caller would.
func (b *bench) untilAccepted(s *system, c command) error {
	message := c.message()
	ctx, cancel := context.WithTimeout(b.ctx, takeoverMax)
	defer cancel()
	for {
		try, stop := context.WithTimeout(ctx, tryMax)
		answer, err := s.conns[0].RequestMsgWithContext(try, message)
		stop()
		if err == nil && strings.Contains(string(answer.Data), `"status":"accepted"`) {
			return nil
		}
		if err == nil {
			err = errors.New(string(answer.Data)) // what may come meanwhile: overloaded, unknown
			if p, ok := events.DecodeProblem(answer.Data); !ok || p.Status != http.StatusServiceUnavailable {
				return err
			}
		}
		if pause(ctx, tryPause); ctx.Err() != nil {
			return fmt.Errorf("%s of %s: %w", c.typ, c.subject, err)
		}
	}
}

// credential is what a user connects with. Of a broker elsewhere the passwords lie in files beside each other.
func (s *system) credential(name string) (allinone.NATSCredential, error) {
	if s.broker == "" {
		return credential(s.dir, name)
	}
	c := allinone.NATSCredential{URL: s.broker, User: name, Stream: events.ViewStream(name), Consumer: allinone.ViewConsumer}
	file := name
	if name == "operator" {
		c.User, file = "jieli", "jieli"
	}
	password, err := os.ReadFile(filepath.Join(s.dir, "credentials", file+".nats"))
	c.Password = strings.TrimSpace(string(password))
	return c, err
}
