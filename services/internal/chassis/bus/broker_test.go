package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

// deadline bounds every wait for a signal in the tests.
const deadline = 20 * time.Second

// The test binary is also its own broker process and its own restart command.
const (
	argBroker  = "as-broker"
	argRestart = "as-restart-command"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case argBroker:
			os.Exit(runBroker(os.Args[2], os.Args[3]))
		case argRestart:
			os.Exit(askForRestart(os.Args[2]))
		}
	}
	// Watermill's suite leaves goroutines of its own behind: see TestSuiteExternal, and subscribers that it closes before
	// it subscribes.
	const suite = "github.com/ThreeDotsLabs/watermill/"
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction(suite+"pubsub/tests.TestReconnect.func2"),
		goleak.IgnoreAnyFunction(suite+"internal/subscriber.(*multiplier).Subscribe.func2"),
		goleak.IgnoreAnyFunction(suite+"internal/subscriber.(*multiplier).Subscribe.func3"))
}

func brokerOptions(dir string, port int) *server.Options {
	return &server.Options{
		Host: "127.0.0.1", Port: port, DontListen: port == 0, JetStream: true, StoreDir: dir,
		NoLog: true, NoSigs: true,
	}
}

// embedded is a broker in this process that can be stopped and started again on the same store and port.
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
	srv, err := server.NewServer(brokerOptions(e.dir, e.port))
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

func (e *embedded) stop() {
	e.mu.Lock()
	srv := e.now
	e.mu.Unlock()
	srv.Shutdown()
	srv.WaitForShutdown()
}

// InProcessConn reaches whichever server runs now.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	srv := e.now
	e.mu.Unlock()
	if !srv.Running() {
		return nil, errors.New("the embedded broker is down")
	}
	return srv.InProcessConn()
}

func (e *embedded) config() Config {
	if e.port != 0 {
		return Config{URL: fmt.Sprintf("nats://127.0.0.1:%d", e.port)}
	}
	return Config{InProcess: e}
}

func dial(t testing.TB, cfg Config) *nats.Conn {
	t.Helper()
	cfg.ReconnectWait, cfg.ReconnectJitter = 10*time.Millisecond, 10*time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	conn, err := Connect(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// external is a broker in a process of its own, killed and started again on request.
type external struct {
	t       testing.TB
	dir     string
	port    int
	control net.Listener

	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.Closer
}

func startExternal(t testing.TB) *external {
	t.Helper()
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &external{t: t, dir: t.TempDir(), port: freePort(t), control: control}
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := control.Accept()
			if err != nil {
				return
			}
			e.kill()
			answer := byte('y')
			if err := e.start(); err != nil {
				answer = 'n'
			}
			_, _ = conn.Write([]byte{answer})
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = control.Close()
		<-served
		e.kill()
	})
	return e
}

func (e *external) start() error {
	cmd := exec.Command(os.Args[0], argBroker, e.dir, strconv.Itoa(e.port))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // the broker ends with this process
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	e.mu.Lock()
	e.cmd, e.stdin = cmd, stdin
	e.mu.Unlock()
	_, err = io.ReadFull(stdout, make([]byte, 1)) // it writes one byte when it is ready
	return err
}

// kill is kill -9: nothing is flushed by the broker.
func (e *external) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
	_ = e.stdin.Close()
}

func (e *external) config() Config {
	return Config{URL: fmt.Sprintf("nats://127.0.0.1:%d", e.port)}
}

func (e *external) restartCommand() []string {
	return []string{os.Args[0], argRestart, e.control.Addr().String()}
}

func runBroker(dir, port string) int {
	n, err := strconv.Atoi(port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	srv, err := server.NewServer(brokerOptions(dir, n))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	srv.Start()
	if !srv.ReadyForConnections(deadline) {
		fmt.Fprintln(os.Stderr, "the broker did not start")
		return 1
	}
	_, _ = os.Stdout.Write([]byte{'.'})
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent goes
	srv.Shutdown()
	return 0
}

func askForRestart(addr string) int {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 2
	}
	defer conn.Close()
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'y' {
		return 1
	}
	return 0
}

func jetStream(t testing.TB, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}
