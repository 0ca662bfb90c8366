// Package redistest runs a real redis-server (真实 Redis 进程) for tests: on loopback, in a temporary folder, with its
// own password, ended by its process when the test ends.
package redistest

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	startDeadline = 20 * time.Second
	startTries    = 5 // another process may take the free port first
	logLinesMax   = 200
)

// Server is one redis-server. It saves nothing by itself: Save writes its snapshot, Kill loses what came after.
type Server struct {
	t        testing.TB
	binary   string
	dir      string
	port     int
	password string
	settings []string

	process *exec.Cmd
	exited  chan struct{} // closed when process ended

	mu  sync.Mutex
	log []string // last lines printed
}

// Start runs a redis-server until the test ends; settings are further command line options ("--maxmemory", "10mb").
// Without redis-server on the PATH the test is skipped, except in CI (CI=true), where it fails.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server isn't installed, and CI skips nothing: install the package redis-server")
		}
		t.Skip("redis-server isn't installed (Debian package redis-server): the Redis store isn't tested here")
	}
	s := &Server{t: t, binary: binary, dir: t.TempDir(), password: rand.Text(), settings: settings}
	t.Cleanup(s.Kill)
	for range startTries {
		s.port = freePort(t)
		if err = s.run(); err == nil {
			return s
		}
	}
	t.Fatalf("redis-server doesn't start: %v\n%s", err, s.printed())
	return nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("no free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run starts the process and returns when it says that it accepts connections.
func (s *Server) run() error {
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--requirepass", s.password,
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--databases", "16",
	}, s.settings...)
	process := exec.Command(s.binary, args...)
	out, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	process.Stderr = process.Stdout
	if err := process.Start(); err != nil {
		return err
	}
	ready, exited := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(exited)
		s.read(out, ready)
		_ = process.Wait() // how it ended doesn't matter: Kill ends it with a signal
	}()
	timeout := time.NewTimer(startDeadline)
	defer timeout.Stop()
	select {
	case <-ready:
		s.process, s.exited = process, exited
		return nil
	case <-exited:
		return fmt.Errorf("it ended on port %d", s.port)
	case <-timeout.C:
		_ = process.Process.Kill()
		<-exited
		return fmt.Errorf("not ready within %v", startDeadline)
	}
}

func (s *Server) read(out io.Reader, ready chan<- struct{}) {
	lines := bufio.NewScanner(out)
	told := false
	for lines.Scan() {
		line := lines.Text()
		s.mu.Lock()
		if s.log = append(s.log, line); len(s.log) > logLinesMax {
			s.log = s.log[1:]
		}
		s.mu.Unlock()
		if !told && strings.Contains(line, "Ready to accept connections") {
			told = true
			close(ready)
		}
	}
}

func (s *Server) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Password is what the server asks for.
func (s *Server) Password() string { return s.password }

// URL is the address for store.Open, the same after a Restart.
func (s *Server) URL() string { return "redis://:" + s.password + "@" + s.Addr() + "/0" }

// Client is a connection of the test's own, closed when the test ends.
func (s *Server) Client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.password})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Save writes a snapshot to disk: what a restart comes back with.
func (s *Server) Save() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startDeadline)
	defer cancel()
	if err := s.Client().Save(ctx).Err(); err != nil {
		s.t.Fatalf("redis save: %v", err)
	}
}

// Kill ends the process with SIGKILL, as a crash would, and waits for it. It does nothing if none runs.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	<-s.exited
	s.process = nil
}

// Restart starts the killed server again on the same port and folder.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.run(); err != nil {
		s.t.Fatalf("redis-server doesn't start again: %v\n%s", err, s.printed())
	}
}
