package topology

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// fault is one way in which a part of the system goes wrong. Between strike and heal the load goes on.
type fault struct {
	name    string
	victims []string // one of them each time
	strike  func(c *chaos, victim string) error
	heal    func(c *chaos, victim string) error
	lasts   time.Duration
	deep    bool // may have harmed what was stored before: everything is read again
}

func faults() []fault {
	var services, nodes, all []string
	services = append(services, allinone.Services...)
	for i := range Nodes {
		nodes = append(nodes, fmt.Sprint("n", i+1))
	}
	all = append(append(all, services...), nodes...)
	kill := func(c *chaos, v string) error { c.process(v).Kill(); return nil }
	start := func(c *chaos, v string) error { return c.process(v).Start() }
	return []fault{
		{name: "kill -9", victims: append(all, "redis"), strike: kill, heal: start, lasts: away},
		{name: "pause", victims: all, lasts: 5 * time.Second, // longer than a lease: who wakes up is no writer any more
			strike: func(c *chaos, v string) error { return c.process(v).Pause() }, heal: func(c *chaos, v string) error { return c.process(v).Resume() }},
		{name: "partition", victims: nodes, lasts: 5 * time.Second,
			strike: func(c *chaos, v string) error { return c.net.plug(node(v), false) }, heal: func(c *chaos, v string) error { return c.net.plug(node(v), true) }},
		{name: "full disk", victims: []string{"n3"}, lasts: 3 * time.Second, strike: func(c *chaos, _ string) error { return c.disk.fill() }, heal: func(c *chaos, v string) error {
			if err := c.disk.free(); err != nil { // the broker does not try again by itself: it is started again, as the operator must
				return err
			}
			c.process(v).Kill()
			return c.process(v).Start()
		}},
		{name: "Redis lost", victims: []string{"redis"}, lasts: away, strike: func(c *chaos, _ string) error {
			c.w.Redis.Kill()
			return os.RemoveAll(c.w.Redis.Dir)
		}, heal: start},
		{name: "Redis flushed", victims: []string{"redis"}, lasts: away, strike: func(c *chaos, _ string) error { return c.redis("FLUSHALL") }, heal: nothing},
		{name: "Redis rolled back", victims: []string{"redis"}, lasts: 2 * time.Second, strike: func(c *chaos, _ string) error { // the copy grows old meanwhile
			c.older = filepath.Join(c.t.TempDir(), "redis")
			return os.CopyFS(c.older, os.DirFS(c.w.Redis.Dir))
		}, heal: func(c *chaos, v string) error {
			c.w.Redis.Kill()
			if err := errors.Join(os.RemoveAll(c.w.Redis.Dir), os.CopyFS(c.w.Redis.Dir, os.DirFS(c.older))); err != nil {
				return err
			}
			return c.w.Redis.Start()
		}},
		{name: "slow reader", victims: []string{"broker", "portal"}, lasts: 4 * time.Second, strike: (*chaos).readSlowly, heal: nothing},
		{name: "repeated, late", victims: []string{"clients"}, lasts: 0, strike: (*chaos).repeat, heal: nothing},
		{name: "clock ahead, back", victims: services, lasts: 2 * time.Second, strike: func(c *chaos, v string) error {
			return c.restartWith(v, allinone.ClockOffset+"="+(time.Duration(1+c.random.IntN(360))*time.Minute).String())
		}, heal: func(c *chaos, v string) error { return c.restartWith(v) }},
		{name: "clock behind", victims: services, lasts: 2 * time.Second, strike: func(c *chaos, v string) error { // further than that, ids of now lie in its future and are refused
			return c.restartWith(v, allinone.ClockOffset+"=-4m")
		}, heal: func(c *chaos, v string) error { return c.restartWith(v) }},
		{name: "flipped bit", victims: nodes, deep: true, strike: func(c *chaos, v string) error {
			c.process(v).Kill()
			return c.flip(v)
		}, heal: start, lasts: away},
	}
}

func nothing(*chaos, string) error { return nil }

func node(name string) int { return int(name[1] - '1') }

// process by its name: a service's is its first.
func (c *chaos) process(name string) *Process {
	switch {
	case name == "redis":
		return c.w.Redis
	case name[0] == 'n' && len(name) == 2:
		return c.w.Broker[node(name)]
	}
	return c.w.Service[name][0]
}

func (c *chaos) restartWith(service string, env ...string) error {
	p := c.process(service)
	p.Kill()
	p.Env = env
	return p.Start()
}

// redis gives one command to Redis.
func (c *chaos) redis(text string) error {
	u, err := url.Parse(c.w.redis)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", u.Host, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, text+"\r\n"); err != nil {
		return err
	}
	if said, err := bufio.NewReader(conn).ReadString('\n'); err != nil || said != "+OK\r\n" {
		return fmt.Errorf("redis: %s: %q %v", text, said, err)
	}
	return nil
}

// readSlowly asks for everything and reads one byte a second of it, until the test ends.
func (c *chaos) readSlowly(of string) error {
	var from io.ReadCloser
	if of == "portal" {
		answer, err := http.Get(c.w.HTTP() + "/v1/stream")
		if err != nil {
			return err
		}
		if from = answer.Body; answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/v1/stream: %s", answer.Status)
		}
	} else {
		var credential allinone.NATSCredential
		b, err := os.ReadFile(filepath.Join(c.w.Credentials(), "operator.nats.json"))
		if err == nil {
			err = json.Unmarshal(b, &credential)
		}
		if err != nil {
			return err
		}
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(strings.Split(c.w.NATS(), ",")[0], "nats://"), patience)
		if err != nil {
			return err
		}
		from = conn
		if _, err := fmt.Fprintf(conn, "CONNECT {\"user\":%q,\"pass\":%q,\"verbose\":false}\r\nSUB > 1\r\n", credential.User, credential.Password); err != nil {
			return err
		}
	}
	c.t.Cleanup(func() { _ = from.Close() }) // the broker may have cut it
	c.slow.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-c.ended:
				return
			}
			if _, err := from.Read(make([]byte, 1)); err != nil {
				return
			}
		}
	})
	return nil
}

// repeat gives commands that are long answered again under their ids, each several times at once and in another order.
func (c *chaos) repeat(string) error {
	type one struct {
		id   string
		body []byte
	}
	var list []one
	for i := range 40 {
		c.probes++
		body, err := json.Marshal(c.l.demand(fmt.Sprint("again-", c.probes), i))
		if err != nil {
			return err
		}
		list = append(list, one{events.NewUUID7(time.Now()).String(), body})
	}
	c.l.mu.Lock()
	for _, o := range list {
		c.l.given[o.id] = false
	}
	c.l.mu.Unlock()
	for range 4 {
		c.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		var all sync.WaitGroup
		for _, o := range list {
			for range 2 {
				all.Go(func() {
					status, said, err := c.l.once(c.t.Context(), demands, o.id, o.body)
					switch {
					case err == nil && status/100 == 2:
						c.l.acknowledge(probe, o.id)
					case err == nil && status != http.StatusServiceUnavailable:
						c.l.note(fmt.Sprintf("a repeated command: %d %s", status, said))
					}
				})
			}
		}
		all.Wait()
	}
	return nil
}

// flip turns one bit of a block of a ledger of a node that does not run.
func (c *chaos) flip(node string) error {
	var blocks []string
	err := filepath.WalkDir(filepath.Join(c.w.Dir(), node), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".blk") && strings.Contains(path, "/LEDGER_") {
			if info, err := d.Info(); err == nil && info.Size() > 0 {
				blocks = append(blocks, path)
			}
		}
		return err
	})
	if err != nil || len(blocks) == 0 {
		return fmt.Errorf("blocks of %s: %v %w", node, blocks, err)
	}
	path := blocks[c.random.IntN(len(blocks))]
	at, err := flipBit(path, c.random)
	c.t.Logf("%s: one bit at byte %d of %s", node, at, path[strings.Index(path, "LEDGER_"):])
	return err
}

func flipBit(path string, random *rand.Rand) (at int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	at = random.IntN(len(b))
	b[at] ^= 1 << random.IntN(8)
	return at, os.WriteFile(path, b, 0o600)
}
