package topology

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestLocalUp starts the topology as a user does, by deployments/local/up, with TLS towards the broker by certificates of
// deployments/tls/certificates: who does not know the authority gets no connection; the command line works from outside; and when it is
// asked to, everything ends.
func TestLocalUp(t *testing.T) {
	Available(t)
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl isn't installed, and CI skips nothing: install the package openssl")
		}
		t.Skip("openssl isn't installed (Debian package openssl): TLS isn't tested here")
	}
	jieli, _, err := Programs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if kept := os.Getenv("JIELI_TOPOLOGY_DIR"); kept != "" {
		dir = filepath.Join(kept, t.Name())
	}
	certificates := filepath.Join(dir, "tls")
	if out, err := exec.Command("../../deployments/tls/certificates", certificates, "localhost", "127.0.0.1").CombinedOutput(); err != nil {
		t.Fatalf("certificates: %v\n%s", err, out)
	}
	port := consecutive(t)
	portal, err := free(2)
	if err != nil {
		t.Fatal(err)
	}
	up := exec.Command("../../deployments/local/up", dir)
	up.Env = append(os.Environ(), "JIELI_BIN="+filepath.Dir(jieli), "JIELI_TLS="+certificates, "JIELI_NATS_PORT="+strconv.Itoa(port),
		"JIELI_PORTAL=127.0.0.1:"+strconv.Itoa(portal[0]), "JIELI_REDIS_PORT="+strconv.Itoa(portal[1]))
	up.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	group := up.Process.Pid
	t.Cleanup(func() { _ = syscall.Kill(-group, syscall.SIGKILL) }) // fails when all have ended, as they should
	var text bytes.Buffer
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(said); s.Scan(); {
			lines <- s.Text()
		}
	}()
	await := func(word string) {
		t.Helper()
		deadline := time.After(2 * patience)
		for {
			select {
			case line, ok := <-lines:
				fmt.Fprintln(&text, line)
				if !ok {
					t.Fatalf("it has ended without %q:\n%s", word, &text)
				}
				if strings.Contains(line, word) {
					return
				}
			case <-deadline:
				t.Fatalf("no %q:\n%s", word, &text)
			}
		}
	}
	await("/ ready")

	var c allinone.NATSCredential
	b, err := os.ReadFile(filepath.Join(dir, "broker", "credentials", "operator.nats.json"))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(c.URL, "tls://", "nats://")
	for what, connect := range map[string]func() (*nats.Conn, error){
		"without TLS":           func() (*nats.Conn, error) { return nats.Connect(plain, nats.UserInfo(c.User, c.Password)) },
		"without the authority": func() (*nats.Conn, error) { return nats.Connect(c.URL, nats.UserInfo(c.User, c.Password)) },
	} {
		if conn, err := connect(); err == nil {
			_, tlsErr := conn.TLSConnectionState()
			conn.Close()
			if what != "without TLS" || tlsErr != nil { // a client that is told to use TLS does so, with what the system trusts
				t.Errorf("%s there is a connection", what)
			}
		}
	}
	conn, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password), nats.RootCAs(c.CA))
	if err != nil {
		t.Fatal(err)
	}
	if state, err := conn.TLSConnectionState(); err != nil || !state.HandshakeComplete {
		t.Errorf("the connection has no TLS: %v", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), events.LedgerStream("demand"))
	if err != nil {
		t.Fatal(err)
	}
	if info := stream.CachedInfo(); info.Config.Replicas != 3 || len(info.Cluster.Replicas) != 2 {
		t.Errorf("the ledger has %d replicas on %+v", info.Config.Replicas, info.Cluster)
	}
	conn.Close()

	for _, command := range [][]string{{"verify"}, {"rebuild"}, {"doctor", "--dir", filepath.Join(dir, "portal-1")}} {
		args := append(command, "--server", "http://127.0.0.1:"+strconv.Itoa(portal[0]))
		out, err := exec.Command(jieli, args...).CombinedOutput()
		t.Logf("jieli %s\n%s", command[0], out)
		if err != nil {
			t.Errorf("jieli %s: %v", strings.Join(args, " "), err)
		}
	}

	if err := up.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range lines { // it must not block on a full pipe
		}
	}()
	if err := up.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if err := syscall.Kill(-group, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("something still runs: %v", err)
	}
}

// consecutive finds a port for the script, which takes it, the next two, and the three 2000 above.
func consecutive(t *testing.T) int {
	t.Helper()
	for range 100 {
		ports, err := free(1)
		if err != nil {
			t.Fatal(err)
		}
		all := true
		for _, offset := range []int{0, 1, 2, 2000, 2001, 2002} {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(ports[0]+offset))
			if err != nil {
				all = false
				break
			}
			l.Close()
		}
		if all {
			return ports[0]
		}
	}
	t.Fatal("no six free ports")
	return 0
}
