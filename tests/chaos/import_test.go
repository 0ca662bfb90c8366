package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

const rows = 20_000

// count is the number of enterprises that the program shows.
func (p *process) count() int {
	answer, err := http.Get(p.run.HTTP + "/v1/enterprises?limit=1")
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	var list struct {
		Count int `json:"count"`
	}
	if json.NewDecoder(answer.Body).Decode(&list) != nil {
		return -1
	}
	return list.Count
}

// TestKillDuringImport kills the program in the middle of an import of 20,000 rows, with clients of its own beside it that keep every
// answer; after the second start everything answered is there exactly once, and the import resumed ends with exactly 20,000.
func TestKillDuringImport(t *testing.T) {
	dir := t.TempDir()
	sample, err := exec.Command(jieli, "sample", "enterprises", "--rows", strconv.Itoa(rows), "--seed", "11").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "enterprises.jsonl")
	if err := os.WriteFile(file, sample, 0o600); err != nil {
		t.Fatal(err)
	}

	p := up(t, dir, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0")
	importing := exec.Command(jieli, "import", "enterprises", file, "--server", p.run.HTTP, "--deadline", "2s")
	importing.Dir = t.TempDir()
	if err := importing.Start(); err != nil {
		t.Fatal(err)
	}
	acked := newAcks(t, p.run.HTTP, sample)
	await(t, "a quarter of the rows", func() bool { return p.count() > rows/4 })
	p.kill()
	acked.stop()
	_ = importing.Process.Kill()
	_ = importing.Wait() // killed

	p = up(t, dir, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0")
	outcomes := ledgerOutcomes(t, dir)
	for id, answer := range acked.answers {
		if n := outcomes[id]; n != 1 {
			t.Errorf("command %s, answered with %s, is %d times in the ledger", id, answer.Position, n)
		}
	}
	before := p.count()
	if before <= rows/4 || before >= rows {
		t.Fatalf("%d enterprises: the kill did not come in the middle of the import", before)
	}
	t.Logf("killed with %d enterprises; %d answers kept by clients, each once in a ledger of %d outcomes", before, len(acked.answers), len(outcomes))
	if out, err := command(t, p.run.HTTP, "verify"); err != nil {
		t.Fatalf("verify after the kill: %v\n%s", err, out)
	}

	if out, err := command(t, p.run.HTTP, "import", "enterprises", file); err != nil {
		t.Fatalf("the import resumed: %v\n%s", err, out)
	}
	if n := p.count(); n != rows {
		t.Errorf("%d enterprises, want exactly %d", n, rows)
	}
	if out, err := command(t, p.run.HTTP, "verify"); err != nil {
		t.Errorf("verify at the end: %v\n%s", err, out)
	}
	p.kill()
	if out, err := command(t, p.run.HTTP, "verify", "--dir", dir); err != nil {
		t.Errorf("verify of the directory alone: %v\n%s", err, out)
	}
}

// acks are clients that register sample enterprises under ids of their own and keep every answer.
type acks struct {
	mu      sync.Mutex
	answers map[string]*events.Answer
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newAcks(t *testing.T, server string, sample []byte) *acks {
	ctx, cancel := context.WithCancel(t.Context())
	a := &acks{answers: make(map[string]*events.Answer), cancel: cancel}
	lines := bufio.NewScanner(bytes.NewReader(sample))
	rows := make(chan []byte)
	a.running.Add(1)
	go func() {
		defer a.running.Done()
		defer close(rows)
		for lines.Scan() {
			select {
			case rows <- append([]byte(nil), lines.Bytes()...):
			case <-ctx.Done():
				return
			}
		}
	}()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: 10 * time.Second}
	for range 16 {
		a.running.Add(1)
		go func() {
			defer a.running.Done()
			for row := range rows {
				a.send(ctx, client, server, row)
			}
		}()
	}
	return a
}

func (a *acks) send(ctx context.Context, client *http.Client, server string, row []byte) {
	r, err := http.NewRequestWithContext(ctx, "POST", server+"/v1/enterprises", bytes.NewReader(row))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil { // the program is gone: not answered
		return
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return
	}
	if decoded, err := events.DecodeReply(body); err == nil {
		a.mu.Lock()
		a.answers[decoded.Command] = decoded
		a.mu.Unlock()
	}
}

func (a *acks) stop() {
	a.cancel()
	a.running.Wait()
}

// ledgerOutcomes counts every command id in the ledger of enterprises, read with a stock client.
func ledgerOutcomes(t *testing.T, dir string) map[string]int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "credentials", "operator.nats.json"))
	if err != nil {
		t.Fatal(err)
	}
	var credential allinone.NATSCredential
	if err := json.Unmarshal(b, &credential); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(credential.URL, nats.UserInfo(credential.User, credential.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := js.Stream(ctx, events.LedgerStream("enterprise"))
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := js.OrderedConsumer(ctx, stream.CachedInfo().Config.Name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	seen := make(map[string]int)
	for range stream.CachedInfo().State.Msgs {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		var batch []struct {
			Type string `json:"type"`
			Data struct {
				Outcomes []struct {
					Command string `json:"c"`
				} `json:"outcomes"`
			} `json:"data"`
		}
		if err := json.Unmarshal(m.Data(), &batch); err != nil {
			t.Fatal(err)
		}
		for _, o := range batch[len(batch)-1].Data.Outcomes {
			seen[o.Command]++
		}
	}
	return seen
}

// TestStartRefusesWhatItCannotHave: a port in use, a directory in use, a bad address: said in both languages, with what to do.
func TestStartRefusesWhatItCannotHave(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	up(t, dir, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0")
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"http port":  {[]string{"--dir", t.TempDir(), "--http", taken.Addr().String(), "--nats", "127.0.0.1:0"}, []string{"--http", "端口"}},
		"nats port":  {[]string{"--dir", t.TempDir(), "--http", "127.0.0.1:0", "--nats", taken.Addr().String()}, []string{"--nats", "端口"}},
		"directory":  {[]string{"--dir", dir, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0"}, []string{dir, "in use"}},
		"production": {[]string{"--dir", t.TempDir(), "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0", "--environment", "production"}, []string{"three brokers", "三副本"}},
		"address":    {[]string{"--dir", t.TempDir(), "--http", "nowhere", "--nats", "127.0.0.1:0"}, []string{"nowhere"}},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, jieli, append([]string{"up"}, c.args...)...).CombinedOutput()
		cancel()
		if err == nil {
			t.Errorf("%s: it started", name)
		}
		for _, words := range c.says {
			if !strings.Contains(string(out), words) {
				t.Errorf("%s: %q is not in: %s", name, words, out)
			}
		}
	}
}
