// Package topology runs Jieli as it runs in production, as plain processes on loopback: a broker of three nodes, a Redis, and every
// service a process of its own, so that tests can use it, kill parts of it, and start them again.
package topology

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

// patience bounds every wait: a machine under load is slow, a broken system never answers.
const patience = 60 * time.Second

// Nodes of the broker.
const Nodes = 3

// Config of a topology. The zero value of every field but Dir is useful.
type Config struct {
	Dir        string
	Partitions int                 // of each ledger; default 1
	Replicas   map[string]int      // processes of a service; 1 where it names none
	TLS        *allinone.BrokerTLS // none: the broker takes plain connections
	Programs   map[string]string   // by service: another jieli than the one built from this source
	Hosts      []Host              // of the nodes; none: this machine's loopback
}

// Host is where a node runs: its address, and what goes before its command.
type Host struct {
	IP   string
	Wrap []string
}

// Topology is a running system.
type Topology struct {
	config  Config
	jieli   string
	url     string // of the broker
	redis   string
	Broker  [Nodes]*Process
	Redis   *Process
	Service map[string][]*Process // by name; several replicas
}

// Available skips the test where there is no redis-server, never in CI.
func Available(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("redis-server isn't installed, and CI skips nothing: install the package redis-server")
	}
	t.Skip("redis-server isn't installed (Debian package redis-server): separate processes aren't tested here")
}

var programs struct {
	once        sync.Once
	dir         string
	jieli, nats string
	err         error
}

// Programs builds jieli and the nats-server of the pinned module, once, and returns where they are.
func Programs() (jieli, nats string, err error) {
	p := &programs
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "jieli-topology-"); p.err != nil {
			return
		}
		p.jieli, p.nats = filepath.Join(p.dir, "jieli"), filepath.Join(p.dir, "nats-server")
		for out, pkg := range map[string][2]string{p.jieli: {"../../tools", "./jieli"}, p.nats: {"../../services", "github.com/nats-io/nats-server/v2"}} {
			build := exec.Command("go", "build", "-o", out, pkg[1])
			build.Dir = pkg[0]
			if text, err := build.CombinedOutput(); err != nil {
				p.err = errors.Join(p.err, fmt.Errorf("building %s: %w\n%s", pkg[1], err, text))
			}
		}
	})
	return p.jieli, p.nats, p.err
}

// Remove deletes the programs; call it at the end of a test binary.
func Remove() { _ = os.RemoveAll(programs.dir) }

// Start brings everything up for one test and ends it with the test.
func Start(t testing.TB, c Config) *Topology {
	t.Helper()
	Available(t)
	if c.Dir == "" {
		c.Dir = t.TempDir()
		if kept := os.Getenv("JIELI_TOPOLOGY_DIR"); kept != "" { // to look at the logs afterwards
			c.Dir = filepath.Join(kept, t.Name())
		}
	}
	w, err := Open(c)
	if w != nil {
		t.Cleanup(func() {
			w.Close()
			if !t.Failed() {
				return
			}
			for _, p := range w.services() {
				if said := p.Log(); said != "" {
					t.Logf("%s said at last:\n%s", p.Name, said)
				}
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Open brings everything up and returns when every service is ready. Close what it returns, with an error too.
func Open(c Config) (*Topology, error) {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, err
	}
	w := &Topology{config: c, Service: make(map[string][]*Process)}
	var nats string
	if w.jieli, nats, err = Programs(); err != nil {
		return nil, err
	}
	ports, err := free(2*Nodes + 1)
	if err != nil {
		return nil, err
	}
	var nodes []allinone.BrokerNode
	var urls []string
	scheme := "nats://"
	if c.TLS != nil {
		scheme = "tls://"
	}
	for i := range Nodes {
		host := Host{IP: "127.0.0.1"}
		if c.Hosts != nil {
			host = c.Hosts[i]
		}
		client, cluster := net.JoinHostPort(host.IP, strconv.Itoa(ports[2*i])), net.JoinHostPort(host.IP, strconv.Itoa(ports[2*i+1]))
		name := "n" + strconv.Itoa(i+1)
		nodes = append(nodes, allinone.BrokerNode{Name: name, Client: client, Cluster: cluster, Store: filepath.Join(w.Dir(), name)})
		urls = append(urls, scheme+client)
	}
	w.url = strings.Join(urls, ",")
	files, err := allinone.WriteBroker(w.Dir(), nodes, c.TLS)
	if err != nil {
		return w, err
	}
	for i, file := range files {
		command := []string{nats, "-c", file}
		if c.Hosts != nil {
			command = append(slices.Clone(c.Hosts[i].Wrap), command...)
		}
		w.Broker[i] = newProcess(nodes[i].Name, c.Dir, command[0], command[1:]...)
		if err := w.Broker[i].Start(); err != nil {
			return w, err
		}
	}
	port := strconv.Itoa(ports[2*Nodes])
	w.redis = "redis://127.0.0.1:" + port + "/0"
	w.Redis = newProcess("redis", c.Dir, redis, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", filepath.Join(c.Dir, "redis"))
	if err := w.Redis.Start(); err != nil {
		return w, err
	}
	for _, service := range allinone.Services {
		for range max(1, c.Replicas[service]) {
			if err := w.Add(service).Start(); err != nil {
				return w, err
			}
		}
	}
	return w, w.Ready()
}

// Add makes one more replica of a service, which Start starts.
func (w *Topology) Add(service string) *Process {
	name := service + "-" + strconv.Itoa(len(w.Service[service])+1)
	program := w.jieli
	if other := w.config.Programs[service]; other != "" {
		program = other
	}
	args := []string{"serve", service, "--dir", filepath.Join(w.config.Dir, name), "--broker", w.url, "--credentials", w.Credentials(), "--store", w.redis,
		"--http", "127.0.0.1:0", "--replicas", strconv.Itoa(Nodes), "--partitions", strconv.Itoa(max(1, w.config.Partitions)), "--log-level", "warn"}
	if w.config.TLS != nil {
		args = append(args, "--ca", w.config.TLS.CA)
	}
	p := newProcess(name, w.config.Dir, program, args...)
	w.Service[service] = append(w.Service[service], p)
	return p
}

// Ready waits until every service says that it is ready.
func (w *Topology) Ready() error {
	for _, p := range w.services() {
		if err := p.Ready(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends everything: the services first, as nothing that they say then is of interest.
func (w *Topology) Close() {
	for _, p := range append(append(w.services(), w.Redis), w.Broker[:]...) {
		if p != nil {
			p.Kill()
		}
	}
}

func (w *Topology) services() (all []*Process) {
	for _, service := range allinone.Services {
		all = append(all, w.Service[service]...)
	}
	return all
}

// HTTP is the portal's address.
func (w *Topology) HTTP() string { return w.Service["portal"][0].HTTP() }

// NATS is the broker's addresses.
func (w *Topology) NATS() string { return w.url }

// Dir is the directory whose folder credentials has the tokens and the NATS accounts.
func (w *Topology) Dir() string { return filepath.Join(w.config.Dir, "broker") }

// Credentials is that folder.
func (w *Topology) Credentials() string { return filepath.Join(w.Dir(), "credentials") }

// Jieli is the program.
func (w *Topology) Jieli() string { return w.jieli }

// free finds n ports that nobody listens on.
func free(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
