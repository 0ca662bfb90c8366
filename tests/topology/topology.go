// Package topology runs Jieli as it runs in production, as plain processes on loopback: a broker of three nodes, a Redis, and every
// service a process of its own, so that tests can use it, kill parts of it, and start them again.
package topology

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

// patience bounds every wait: a machine under load is slow, a broken system never answers.
const patience = 60 * time.Second

// Nodes of the broker.
const Nodes = 3

// Topology is a running system.
type Topology struct {
	t       testing.TB
	dir     string
	url     string // of the broker
	redis   string
	Broker  [Nodes]*Process
	Redis   *Process
	Service map[string][]*Process // by name; several replicas
}

// Process is one program that can be killed and started again.
type Process struct {
	Name string
	Dir  string
	t    testing.TB
	args []string
	cmd  *exec.Cmd
	done chan struct{}
}

var programs struct {
	once        sync.Once
	dir         string
	jieli, nats string
	err         error
}

// Programs builds jieli and the nats-server of the pinned module, once, and returns where they are.
func Programs(t testing.TB) (jieli, nats string) {
	t.Helper()
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
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.jieli, p.nats
}

// Remove deletes the programs; call it at the end of a test binary.
func Remove() { _ = os.RemoveAll(programs.dir) }

// Start brings everything up: replicas of each service, 1 where the map names none. It skips the test where there is no redis-server,
// never in CI.
func Start(t testing.TB, replicas map[string]int) *Topology {
	t.Helper()
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server isn't installed, and CI skips nothing: install the package redis-server")
		}
		t.Skip("redis-server isn't installed (Debian package redis-server): separate processes aren't tested here")
	}
	jieli, nats := Programs(t)
	w := &Topology{t: t, dir: t.TempDir(), Service: make(map[string][]*Process)}
	ports := free(t, 2*Nodes+1)
	var nodes []allinone.BrokerNode
	var urls []string
	for i := range Nodes {
		client, cluster := "127.0.0.1:"+strconv.Itoa(ports[2*i]), "127.0.0.1:"+strconv.Itoa(ports[2*i+1])
		nodes = append(nodes, allinone.BrokerNode{Name: "n" + strconv.Itoa(i+1), Client: client, Cluster: cluster, Store: filepath.Join(w.dir, "broker", "n"+strconv.Itoa(i+1))})
		urls = append(urls, "nats://"+client)
	}
	w.url = strings.Join(urls, ",")
	files, err := allinone.WriteBroker(filepath.Join(w.dir, "broker"), nodes, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		w.Broker[i] = w.process(nodes[i].Name, nats, "-c", file)
		w.Broker[i].Start()
	}
	port := strconv.Itoa(ports[2*Nodes])
	w.redis = "redis://127.0.0.1:" + port + "/0"
	w.Redis = w.process("redis", redis, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", w.folder("redis"))
	w.Redis.Start()
	for _, service := range allinone.Services {
		for i := range max(1, replicas[service]) {
			name := service + "-" + strconv.Itoa(i+1)
			p := w.process(name, jieli, "serve", service, "--dir", w.folder(name), "--broker", w.url, "--credentials", filepath.Join(w.dir, "broker", "credentials"),
				"--store", w.redis, "--http", "127.0.0.1:0", "--replicas", strconv.Itoa(Nodes), "--log-level", "warn")
			w.Service[service] = append(w.Service[service], p)
			p.Start()
		}
	}
	w.Ready()
	return w
}

func (w *Topology) folder(name string) string {
	w.t.Helper()
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// Ready waits until every service says that it is ready.
func (w *Topology) Ready() {
	w.t.Helper()
	for _, list := range w.Service {
		for _, p := range list {
			p.Ready()
		}
	}
}

// HTTP is the portal's address.
func (w *Topology) HTTP() string { return w.Service["portal"][0].HTTP() }

// NATS is the broker's addresses.
func (w *Topology) NATS() string { return w.url }

// Dir is the directory whose folder credentials has the tokens and the NATS accounts.
func (w *Topology) Dir() string { return filepath.Join(w.dir, "broker") }

func (w *Topology) process(name string, program string, args ...string) *Process {
	p := &Process{Name: name, Dir: filepath.Join(w.dir, name), t: w.t, args: append([]string{program}, args...)}
	w.t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

// Start starts a process that is not running.
func (p *Process) Start() {
	p.t.Helper()
	log, err := os.OpenFile(p.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("%s: %v", p.Name, err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	p.cmd, p.done = cmd, done
}

// Kill ends the process as a crash would.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

// Stop asks the process to end and waits until it has.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

func (p *Process) end(signal syscall.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Errorf("%s does not end; its log:\n%s", p.Name, p.Log())
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	p.cmd = nil
}

// Log is the end of what the process has said.
func (p *Process) Log() string {
	b, _ := os.ReadFile(p.Dir + ".log") // a process that has said nothing may have none
	return string(b[max(0, len(b)-8<<10):])
}

// HTTP is the address it has written into its directory; it waits until there is one.
func (p *Process) HTTP() string {
	p.t.Helper()
	var run allinone.RunFile
	p.await("an address", func() error {
		b, err := os.ReadFile(filepath.Join(p.Dir, "run.json"))
		if err == nil {
			err = json.Unmarshal(b, &run)
		}
		if err == nil && run.PID != p.PID() {
			err = errors.New("run.json is of a process before")
		}
		return err
	})
	return run.HTTP
}

// Ready waits until the process says that it is.
func (p *Process) Ready() {
	p.t.Helper()
	url := p.HTTP() + "/readyz"
	p.await("to be ready", func() error {
		r, err := http.Get(url)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, r.Status)
		}
		return nil
	})
}

// await repeats a check until it holds, and fails the test with the process's log when it never does.
func (p *Process) await(what string, check func() error) {
	p.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-p.done:
			p.t.Fatalf("%s has ended, waiting for %s: %v; its log:\n%s", p.Name, what, err, p.Log())
		case <-deadline.C:
			p.t.Fatalf("%s: no %s within %s: %v; its log:\n%s", p.Name, what, patience, err, p.Log())
		}
	}
}

// free finds n ports that nobody listens on.
func free(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
