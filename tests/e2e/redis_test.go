package e2e

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// redis is a real redis-server that keeps nothing: killed, it comes back empty.
type redis struct {
	t        *testing.T
	binary   string
	dir      string
	port     int
	password string
	process  *exec.Cmd
}

func startRedis(t *testing.T) *redis {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server isn't installed, and CI skips nothing: install the package redis-server")
		}
		t.Skip("redis-server isn't installed (Debian package redis-server): the system isn't tested on Redis here")
	}
	r := &redis{t: t, binary: binary, dir: t.TempDir(), password: rand.Text()}
	t.Cleanup(r.kill)
	for range 5 { // another process may take the free port first
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r.port = l.Addr().(*net.TCPAddr).Port
		l.Close()
		if err = r.start(); err == nil {
			return r
		}
		t.Log(err)
	}
	t.Fatal("redis-server doesn't start")
	return nil
}

// start returns when the server says that it takes connections.
func (r *redis) start() error {
	p := exec.Command(r.binary, "--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir, "--requirepass", r.password, "--save", "", "--appendonly", "no")
	out, err := p.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	watchdog := time.AfterFunc(patience, func() { _ = p.Process.Kill() })
	defer watchdog.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			r.process = p
			go func() { // it must not block on a full pipe
				for lines.Scan() {
				}
			}()
			return nil
		}
	}
	return fmt.Errorf("redis-server ended: %w", p.Wait())
}

// kill ends the process as a crash would.
func (r *redis) kill() {
	if r.process == nil {
		return
	}
	_ = r.process.Process.Kill()
	_, _ = r.process.Process.Wait()
	r.process = nil
}

func (r *redis) url() string { return fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", r.password, r.port) }

// TestRedis: the first line with the read models in Redis, which is lost half-way with all it holds.
func TestRedis(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	s := start(t, allinone.Options{Store: r.url()})
	id, body := enterprise(0)
	registered := s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/parties", bank("bank-1"))
	s.do("POST", "/v1/offers", loanOffer("offer-1", "bank-1"))
	stream := s.follow("pboc")
	a := s.do("POST", "/v1/demands", loanDemand("demand-1", id))
	stream.await(events.TypeRecommended)
	s.get("/v1/demands/demand-1", a.Position, nil)
	s.verify()

	r.kill()
	// What needs no look-up goes on: the ledger does not depend on the read models.
	gone := s.do("POST", "/v1/demands/demand-1/withdraw", map[string]any{"reason": "示例"})
	if status, h, b := s.call("GET", "/v1/demands/demand-1", nil, "Jieli-Position", gone.Position); status != 503 || h.Get("Retry-After") == "" {
		t.Errorf("a read without Redis: %d %s", status, b)
	}
	s.refused(events.ErrUnavailable, "POST", "/v1/demands", loanDemand("demand-2", id))
	if status, _, b := s.call("GET", "/readyz", nil); status != 503 || !strings.Contains(string(b), "store") {
		t.Errorf("ready without Redis: %d %s", status, b)
	}
	if status, _, b := s.call("GET", "/v1/demands/demand-1/explain/offer-1", nil); status == 500 {
		t.Errorf("the matcher without Redis: %d %s", status, b)
	}

	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	// Until the read models are there, everybody is told to come again: never that there is nothing, never the past. Nothing is
	// written meanwhile: each has to find out by itself that it is empty.
	come := func(method, path string, body any, header ...string) http.Header {
		t.Helper()
		deadline := time.Now().Add(patience)
		for {
			status, h, b := s.call(method, path, body, header...)
			if status/100 == 2 {
				return h
			}
			if status != 503 || h.Get("Retry-After") == "" {
				t.Fatalf("%s %s while Redis fills: %d %s", method, path, status, b)
			}
			if time.Now().After(deadline) {
				t.Fatalf("the read model did not come back: %d %s", status, b)
			}
		}
	}
	come("GET", "/v1/enterprises/"+id, nil, "Jieli-Position", registered.Position)
	if h := come("GET", "/v1/demands/demand-1", nil, "Jieli-Position", gone.Position); h.Get("ETag") != match(gone) {
		t.Errorf("read at %s: version %s", gone.Position, h.Get("ETag"))
	}
	come("POST", "/v1/demands", loanDemand("demand-2", id))
	come("POST", "/v1/offers", loanOffer("offer-2", "bank-1"))
	s.verify()
	e := stream.await(events.TypeRecommended)
	if e.Subject != "demand-2" {
		t.Errorf("recommended for %s", e.Subject)
	}
	s.verify()
}
