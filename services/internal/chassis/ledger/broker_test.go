package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"encoding/json"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// deadline bounds every wait for a signal in the tests.
const deadline = 40 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// embedded is a broker in this process that can be stopped and started again on the same store, with the production's fsync.
type embedded struct {
	t    testing.TB
	dir  string
	port int // 0: no socket, connections are in-process

	mu  sync.Mutex
	now *server.Server
}

func startEmbedded(t testing.TB, port int) *embedded {
	t.Helper()
	e := &embedded{t: t, dir: t.TempDir(), port: port}
	e.start()
	t.Cleanup(e.stop)
	return e
}

func (e *embedded) start() {
	e.t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: e.port, DontListen: e.port == 0, JetStream: true, StoreDir: e.dir, SyncAlways: true, NoLog: true, NoSigs: true,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(deadline) {
		e.t.Fatal("the embedded broker did not start")
	}
	e.mu.Lock()
	e.now = srv
	e.mu.Unlock()
}

func (e *embedded) server() *server.Server {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func (e *embedded) stop() {
	srv := e.server()
	srv.Shutdown()
	srv.WaitForShutdown()
}

// InProcessConn reaches whichever server runs now.
func (e *embedded) InProcessConn() (net.Conn, error) {
	srv := e.server()
	if !srv.Running() {
		return nil, errors.New("the embedded broker is down")
	}
	return srv.InProcessConn()
}

func (e *embedded) connect(t testing.TB) *nats.Conn {
	t.Helper()
	if e.port != 0 {
		return dial(t, e.server().ClientURL())
	}
	return dial(t, "", nats.InProcessServer(e))
}

// dial connects as the product does: reconnecting for ever, buffering nothing.
func dial(t testing.TB, url string, options ...nats.Option) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url, append([]nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.ReconnectWait(10 * time.Millisecond), nats.ReconnectJitter(10*time.Millisecond, 10*time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func jetStream(t testing.TB, conn *nats.Conn, replicas int, ttl time.Duration) *ledger.JetStream {
	t.Helper()
	b, err := ledger.NewJetStream(within(t), ledger.JetStreamConfig{Conn: conn, Replicas: replicas, LeaseTTL: ttl, Log: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// logger writes what a test's parts say to stderr when JIELI_TEST_LOG is set: t.Log would outlive the test.
func logger(testing.TB) zerolog.Logger {
	if os.Getenv("JIELI_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, NoColor: true, TimeFormat: "15:04:05.000"}).With().Timestamp().Logger()
}

// audited reads recorded refusals from the broker's stream.
func audited(conn *nats.Conn) func(ctx context.Context, n int) (ledger.Audit, error) {
	return func(ctx context.Context, n int) (a ledger.Audit, err error) {
		js, err := jetstream.New(conn)
		if err != nil {
			return a, err
		}
		consumer, err := js.OrderedConsumer(ctx, "AUDIT", jetstream.OrderedConsumerConfig{})
		if err != nil {
			return a, err
		}
		messages, err := consumer.Messages()
		if err != nil {
			return a, err
		}
		defer messages.Stop()
		for range n {
			m, err := messages.Next(jetstream.NextContext(ctx))
			if err != nil {
				return a, err
			}
			a = ledger.Audit{}
			if err := json.Unmarshal(m.Data(), &a); err != nil {
				return a, err
			}
		}
		return a, nil
	}
}

func remembered(m *ledger.Memory) func(ctx context.Context, n int) (ledger.Audit, error) {
	return func(_ context.Context, n int) (ledger.Audit, error) {
		all := m.Audits()
		if len(all) < n {
			return ledger.Audit{}, fmt.Errorf("%d refusals recorded, not %d", len(all), n)
		}
		return all[n-1], nil
	}
}

// backends are the implementations of the port.
var backends = []struct {
	name string
	open func(t *testing.T, ttl time.Duration) ledgertest.Opened
}{
	{"memory", func(_ *testing.T, ttl time.Duration) ledgertest.Opened {
		m := ledger.NewMemory(ttl)
		return ledgertest.Opened{Broker: m, Audited: remembered(m)}
	}},
	{"jetstream in process", func(t *testing.T, ttl time.Duration) ledgertest.Opened {
		conn := startEmbedded(t, 0).connect(t)
		return ledgertest.Opened{Broker: jetStream(t, conn, 1, ttl), Audited: audited(conn)}
	}},
	{"jetstream over tcp", func(t *testing.T, ttl time.Duration) ledgertest.Opened {
		conn := startEmbedded(t, -1).connect(t)
		return ledgertest.Opened{Broker: jetStream(t, conn, 1, ttl), Audited: audited(conn)}
	}},
}

// TestBroker runs the port's suite over every implementation.
func TestBroker(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) { ledgertest.Run(t, b.open) })
	}
}

// TestStopOutlastsDrain: a handler that takes longer than the drain does not let a command in afterwards: it would reach a closed queue.
func TestStopOutlastsDrain(t *testing.T) {
	t.Parallel()
	b := jetStream(t, startEmbedded(t, 0).connect(t), 1, time.Second)
	entered, release := make(chan struct{}, 2), make(chan struct{})
	var stopped atomic.Bool
	stop, err := b.Serve(ledgertest.Context, 0, func(r *ledger.Request) {
		if stopped.Load() {
			t.Error("handle was called after stop had returned")
		}
		entered <- struct{}{}
		<-release
		r.Respond([]byte("{}"))
	})
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan []byte, 2)
	for range 2 {
		e, err := ledger.CommandEvent(note("a", "x"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			body, err := b.Send(within(t), ledgertest.Context, 0, e)
			if err != nil && !errors.Is(err, ledger.ErrNobody) {
				t.Error(err)
			}
			answers <- body
		}()
	}
	<-entered
	done := make(chan struct{})
	go func() { stop(); stopped.Store(true); close(done) }()
	select {
	case <-done:
		t.Error("stop returned while handle was running")
	case <-time.After(ledger.ReadTimeout + 500*time.Millisecond): // the drain has been given up by then
	}
	close(release)
	<-done
	for range 2 {
		<-answers
	}
}

// onBoth runs a component test over memory and over a real broker in process, with leases that outlive a busy machine.
func onBoth(t *testing.T, run func(t *testing.T, b ledgertest.Opened)) {
	onBothFor(t, 20*time.Second, run)
}

func onBothFor(t *testing.T, ttl time.Duration, run func(t *testing.T, b ledgertest.Opened)) {
	t.Parallel()
	for _, b := range backends[:2] {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			run(t, b.open(t, ttl))
		})
	}
}

// proxy passes TCP connections on to a broker until they are cut.
type proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	open    map[net.Conn]struct{}
	cuts    int
	closed  bool
	running sync.WaitGroup
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, open: make(map[net.Conn]struct{})}
	p.running.Add(1)
	go p.accept()
	t.Cleanup(p.close)
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	defer p.running.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		upstream, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		if !p.track(client, upstream) {
			return
		}
		p.running.Add(2)
		go p.copy(client, upstream)
		go p.copy(upstream, client)
	}
}

func (p *proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.closed {
			c.Close()
			continue
		}
		p.open[c] = struct{}{}
	}
	return !p.closed
}

func (p *proxy) copy(to, from net.Conn) {
	defer p.running.Done()
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, from)
	delete(p.open, to)
}

// cut resets every connection: what was under way in either direction is lost at some byte.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts++
	for c := range p.open {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.Close()
	}
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.listener.Close()
	p.cut()
	p.running.Wait()
}
