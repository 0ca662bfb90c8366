package topology

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

var (
	chaosMinutes = flag.Int("chaos.minutes", 0, "how long TestChaos goes on, at most 30; 0: every fault once")
	chaosSeed    = flag.Uint64("chaos.seed", 0, "of the order of faults; 0: another each time")
	chaosReport  = flag.String("chaos.report", "", "file for the table")
	chaosOnly    = flag.String("chaos.only", "", "names of faults, separated by commas")
	chaosLoad    = flag.Int("chaos.load", 0, "commands a second; 0: 200, and 20 where every fault comes once")
)

// chaos is one run: a system, its load, and what is counted.
type chaos struct {
	t      *testing.T
	w      *Topology
	l      *load
	claims *claims
	net    *network
	disk   *disk
	random *rand.Rand
	read   *reading
	older  string // copy of Redis's files
	probes int
	slow   sync.WaitGroup
	ended  chan struct{}
}

// row of the table: what a fault did.
type row struct {
	times, acked, lost, doubled, over, violations int
	caughtUp                                      []time.Duration
}

// TestChaos strikes one part after another while commands come, and holds the system to its promises after each: no acknowledged
// command lost, none done twice, no money promised twice, every invariant, everything caught up within a minute. Every fault comes once; `make chaos`
// goes on for as long as it is told. TestKill has killed every process already, so one is enough here.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("a dozen faults, each of some seconds")
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("network namespaces and file systems of a test need root, and CI skips nothing")
		}
		t.Skip("network namespaces and file systems of a test need root")
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: -chaos.seed=%d gives the same order of faults", seed, seed)
	c := &chaos{t: t, random: rand.New(rand.NewPCG(seed, 0)), ended: make(chan struct{})}
	c.open()
	list := faults()
	if *chaosOnly != "" {
		list = slices.DeleteFunc(list, func(f fault) bool { return !slices.Contains(strings.Split(*chaosOnly, ","), f.name) })
	}
	table := make(map[string]*row)
	turn := make(map[string][]string) // victims whose turn has not come
	begun := time.Now()
	end := begun.Add(time.Duration(min(*chaosMinutes, 30)) * time.Minute)
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		c.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, f := range list {
			if round > 0 && time.Now().After(end) || t.Failed() {
				break
			}
			if len(turn[f.name]) == 0 {
				turn[f.name] = slices.Clone(f.victims)
				c.random.Shuffle(len(f.victims), func(i, j int) { turn[f.name][i], turn[f.name][j] = turn[f.name][j], turn[f.name][i] })
			}
			victim := turn[f.name][0]
			turn[f.name] = turn[f.name][1:]
			if table[f.name] == nil {
				table[f.name] = &row{}
			}
			c.once(&f, victim, table[f.name])
		}
		if t.Failed() {
			break
		}
	}
	c.end(seed, time.Since(begun), table)
}

func (c *chaos) open() {
	t := c.t
	dir := t.TempDir()
	if kept := os.Getenv("JIELI_TOPOLOGY_DIR"); kept != "" {
		dir = filepath.Join(kept, t.Name())
	}
	var err error
	if c.net, err = newNetwork(t); err != nil {
		t.Fatal(err)
	}
	if c.disk, err = newDisk(t, filepath.Join(dir, "broker", "n3")); err != nil {
		t.Fatal(err)
	}
	c.w = Start(t, Config{Dir: dir, Partitions: 2, Hosts: c.net.Hosts})
	c.l = newLoad(t, c.w)
	c.claims = &claims{l: c.l, taken: make(map[string]int)}
	c.read = newReading(t, c.w)
	rate := *chaosLoad
	if rate == 0 {
		if rate = 20; *chaosMinutes > 0 {
			rate = perSecond
		}
	}
	c.l.run(rate)
	claiming, stop := context.WithCancel(context.Background())
	c.l.running.Go(func() { c.claims.run(claiming) })
	halt := c.l.stop
	c.l.stop = func() { halt(); stop() }
}

// once strikes, heals, waits and counts.
func (c *chaos) once(f *fault, victim string, r *row) {
	c.l.steady(c.t)
	before := len(c.acknowledged())
	if err := f.strike(c, victim); err != nil {
		c.t.Fatalf("%s of %s: %v", f.name, victim, err)
	}
	wait(c.t, f.lasts)
	begun := time.Now()
	if err := f.heal(c, victim); err != nil {
		c.t.Fatalf("healing %s of %s: %v", f.name, victim, err)
	}
	c.probes++
	c.l.caughtUp(c.t, c.probes)
	c.read.current(c)
	took := time.Since(begun)
	counting := time.Now()
	acked := c.acknowledged()
	if f.deep {
		c.read.again()
	}
	lost, doubled := c.read.missing(c, acked)
	over := c.claims.over()
	violations := 0
	if f.deep || *chaosMinutes > 0 { // where every fault comes once, the end verifies the others
		violations = c.violations()
	}
	r.times, r.acked, r.lost, r.doubled, r.over, r.violations = r.times+1, r.acked+len(acked)-before, r.lost+lost, r.doubled+doubled, r.over+over, r.violations+violations
	r.caughtUp = append(r.caughtUp, took)
	c.t.Logf("%-18s %-12s caught up in %8s; %6d acknowledged until now, %d lost, %d doubled, %d over, %d violations; counted in %s", f.name, victim, took.Round(time.Millisecond), len(acked), lost, doubled, over, violations, time.Since(counting).Round(time.Millisecond))
	if lost+doubled+over+violations > 0 || took > patience {
		c.t.Errorf("%s of %s broke a promise", f.name, victim)
	}
}

func (c *chaos) acknowledged() (ids []string) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	for id, acked := range c.l.given {
		if acked {
			ids = append(ids, id)
		}
	}
	return ids
}

// violations verifies. What derives from the ledgers may be under way (a view is written anew after a grant): it must be right within
// the time that it has to catch up. What is wrong in a ledger itself never is for a while only.
func (c *chaos) violations() int {
	deadline := time.Now().Add(patience)
	for {
		report, err := verified(c.w)
		if err != nil {
			c.t.Errorf("verify: %v", err)
			return 1
		}
		derived := func(v allinone.Violation) bool { return slices.Contains([]string{"I3", "I4", "EV"}, v.Invariant) }
		lasting := time.Now().After(deadline) || slices.ContainsFunc(report.Violations, func(v allinone.Violation) bool { return !derived(v) })
		for _, v := range report.Violations {
			if text := fmt.Sprintf("violation %s at %s: %s", v.Invariant, v.Where, v.What); lasting {
				c.t.Error(text)
			} else {
				c.t.Log("not caught up yet: ", text)
			}
		}
		if len(report.Violations) == 0 || lasting {
			return len(report.Violations) + report.Omitted
		}
		wait(c.t, time.Second)
	}
}

func (c *chaos) end(seed uint64, took time.Duration, table map[string]*row) {
	close(c.ended)
	c.l.halt()
	c.slow.Wait()
	var text bytes.Buffer
	fmt.Fprintf(&text, "seed %d, %s, three nodes, every service a process, Redis\n\n", seed, took.Round(time.Second))
	fmt.Fprintf(&text, "| Fault | Times | Acknowledged meanwhile | Lost | Doubled | Over-allocated | Violations | Caught up, median | longest |\n|---|---|---|---|---|---|---|---|---|\n")
	total := &row{}
	line := func(name string, r *row) {
		slices.Sort(r.caughtUp)
		if len(r.caughtUp) > 0 {
			fmt.Fprintf(&text, "| %s | %d | %d | %d | %d | %d | %d | %.1f s | %.1f s |\n", name, r.times, r.acked, r.lost, r.doubled, r.over, r.violations,
				r.caughtUp[len(r.caughtUp)/2].Seconds(), r.caughtUp[len(r.caughtUp)-1].Seconds())
		}
	}
	for _, f := range faults() {
		if r := table[f.name]; r != nil {
			line(f.name, r)
			total = &row{total.times + r.times, total.acked + r.acked, total.lost + r.lost, total.doubled + r.doubled, total.over + r.over, total.violations + r.violations, append(total.caughtUp, r.caughtUp...)}
		}
	}
	line("all", total)
	fmt.Fprintf(&text, "\n%d commands given, %d acknowledged, %d attempts repeated, %d claims refused as there was nothing left\n", len(c.l.given), len(c.acknowledged()), c.l.repeats, c.claims.none)
	c.t.Logf("\n%s", text.String())
	if *chaosReport != "" {
		if err := os.WriteFile(*chaosReport, text.Bytes(), 0o600); err != nil {
			c.t.Error(err)
		}
	}
	c.l.check(c.t) // everything once more, from the beginning
}

// reading counts the commands in the ledgers, going on where it was.
type reading struct {
	t      *testing.T
	js     jetstream.JetStream
	at     map[string]uint64
	number map[string]int // by command id
}

func newReading(t *testing.T, w *Topology) *reading {
	js, err := jetstream.New(operator(t, w))
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{t: t, js: js}
	r.again()
	return r
}

func (r *reading) again() { r.at, r.number = make(map[string]uint64), make(map[string]int) }

// missing reads to the end and says how many of the acknowledged are not there, and how many commands are there twice.
func (r *reading) missing(c *chaos, acked []string) (lost, doubled int) {
	c.l.await(r.t, "the ledgers to be read", r.more)
	for _, id := range acked {
		if r.number[id] == 0 {
			lost++
		}
	}
	for _, n := range r.number {
		if n > 1 {
			doubled++
		}
	}
	return lost, doubled
}

func (r *reading) more() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for _, name := range events.Contexts {
		stream, err := r.js.Stream(ctx, events.LedgerStream(name))
		if err != nil {
			return err
		}
		last := stream.CachedInfo().State.LastSeq
		if r.at[name] >= last {
			continue
		}
		consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: r.at[name] + 1})
		if err != nil {
			return err
		}
		messages, err := consumer.Messages()
		if err != nil {
			return err
		}
		err = r.to(ctx, name, last, messages)
		messages.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) to(ctx context.Context, name string, last uint64, messages jetstream.MessagesContext) error {
	for r.at[name] < last {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if meta.Sequence.Stream != r.at[name]+1 {
			return fmt.Errorf("%s: commit %d follows %d", name, meta.Sequence.Stream, r.at[name])
		}
		ids, err := commandsOf(m.Data())
		if err != nil {
			return fmt.Errorf("%s, commit %d: %w", name, meta.Sequence.Stream, err)
		}
		for _, id := range ids {
			r.number[id]++
		}
		r.at[name] = meta.Sequence.Stream
	}
	return nil
}

func commandsOf(commit []byte) (ids []string, err error) {
	var batch []struct {
		Data struct {
			Outcomes []struct {
				Command string `json:"c"`
			} `json:"outcomes"`
		} `json:"data"`
	}
	err = json.Unmarshal(commit, &batch)
	for _, e := range batch {
		for _, o := range e.Data.Outcomes {
			ids = append(ids, o.Command)
		}
	}
	return ids, err
}

// current waits until every ledger is whole on every node again: the next fault may be another node's.
func (r *reading) current(c *chaos) {
	c.l.await(r.t, "every ledger on every node", func() error {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
		defer cancel()
		for _, name := range events.Contexts {
			stream, err := r.js.Stream(ctx, events.LedgerStream(name))
			if err != nil {
				return err
			}
			cluster := stream.CachedInfo().Cluster
			if cluster == nil || cluster.Leader == "" || len(cluster.Replicas) != Nodes-1 {
				return errors.New(name + " has no leader with two followers")
			}
			for _, p := range cluster.Replicas {
				if !p.Current || p.Offline {
					return fmt.Errorf("%s: %s is behind", name, p.Name)
				}
			}
		}
		return nil
	})
}
