// Package clients holds what others do with the bus: programs of stock clients, with nothing of ours in them, each run against a system.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// patience bounds every wait; installing may take long.
const patience = 3 * time.Minute

// natscli is the pinned nats command line.
const natscli = "github.com/nats-io/natscli v0.5.1"

// client is one stock client: how it gives a command and reads an event, as commands of a shell would.
type client struct {
	publish func(subject, typ, id, file string) *exec.Cmd
	read    func(stream, consumer string) *exec.Cmd
}

// TestClients: with each client an institution publishes an offer and reads the recommendation that comes of it, and a department
// reads its view.
func TestClients(t *testing.T) {
	s := start(t)
	for name, install := range map[string]func(t *testing.T) client{"go": installGo, "js": installJS, "nats": installNATS} {
		t.Run(name, func(t *testing.T) {
			c := install(t)
			s.use(t, name, c)
		})
	}
}

// system is a running Jieli with an enterprise and its departments.
type system struct {
	*allinone.System
	enterprise string
}

func start(t *testing.T) *system {
	t.Helper()
	running, err := allinone.Start(t.Context(), allinone.Options{Dir: t.TempDir(), HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0", Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := running.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	code, err := codes.MakeUSCC("330106", "MA2T0001")
	if err != nil {
		t.Fatal(err)
	}
	s := &system{running, code}
	s.post(t, "/v1/enterprises", map[string]any{"id": code, "name": "示例智造科技有限公司", "region": "330106", "industry": "I65", "founded": "2019-03-01", "stage": "growth"})
	return s
}

func (s *system) post(t *testing.T, path string, body any) []byte {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(s.HTTP()+path, "application/json", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, err = io.ReadAll(answer.Body); err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("%s: %s %s %v", path, answer.Status, b, err)
	}
	return b
}

// use has an institution of the client's name publish and read, and a department read.
func (s *system) use(t *testing.T, name string, c client) {
	party := "bank-" + name
	a, err := events.DecodeReply(s.post(t, "/v1/parties", map[string]any{"id": party, "kind": "bank", "name": "示例科技银行", "region": "330100",
		"licences": []any{map[string]any{"licence": "bank", "number": "B0001", "valid_from": "2020-01-01"}}}))
	if err != nil {
		t.Fatal(err)
	}
	s.wait(t, "/v1/parties/"+party, a.Position)
	var given allinone.PartyCredentials
	if err := json.Unmarshal(s.post(t, "/v1/parties/"+party+"/credentials", map[string]any{}), &given); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(90 * 24 * time.Hour).UTC().Format(time.RFC3339)
	money := func(amount string) map[string]any { return map[string]any{"amount": amount, "currency": "CNY"} }
	months := map[string]any{"min": 6, "max": 36}
	offer := filepath.Join(t.TempDir(), "offer.json")
	b, err := json.Marshal(map[string]any{"id": "offer-" + name, "party": party, "instrument": "credit_loan", "title": "科技信用贷", "capacity": money("100000000.00"),
		"min_ticket": money("500000.00"), "max_ticket": money("10000000.00"), "term_months": months, "min_price_bp": 320, "max_price_bp": 450, "valid_until": until})
	if err == nil {
		err = os.WriteFile(offer, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	said := run(t, c.publish("jieli.in."+party+".offer", events.TypePublishOffer, "offer-"+name, offer), given.NATS)
	if !strings.Contains(said, `"status":"accepted"`) {
		t.Fatalf("the offer: %s", said)
	}
	s.post(t, "/v1/demands", map[string]any{"id": "demand-" + name, "enterprise": s.enterprise, "instruments": []any{"credit_loan"}, "amount": money("5000000.00"),
		"term_months": months, "max_price_bp": 420, "use": "rnd", "title": "研发投入", "valid_until": until})
	said = run(t, c.read(given.NATS.Stream, given.NATS.Consumer), given.NATS)
	if !strings.Contains(said, "demand-"+name) || !strings.Contains(said, "offer-"+name) || strings.Contains(said, s.enterprise) {
		t.Errorf("the recommendation: %s", said)
	}
	refused := run(t, c.publish("jieli.in."+party+".offer", events.TypePublishOffer, "offer-"+name+"-2", offer), given.NATS)
	if !strings.Contains(refused, events.ProblemPrefix) {
		t.Errorf("an offer under another id: %s", refused)
	}
	var department allinone.NATSCredential
	if b, err = os.ReadFile(filepath.Join(s.Dir(), "credentials", "pboc.nats.json")); err == nil {
		err = json.Unmarshal(b, &department)
	}
	if err != nil {
		t.Fatal(err)
	}
	if said = run(t, c.read(department.Stream, department.Consumer), department); !json.Valid([]byte(strings.TrimSpace(said))) || !strings.Contains(said, `"id"`) {
		t.Errorf("the department reads: %s", said)
	}
}

// wait reads until a position is there.
func (s *system) wait(t *testing.T, path, position string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "GET", s.HTTP()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Jieli-Position", position)
	answer, err := http.DefaultClient.Do(q)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %v", path, answer, err)
	}
	answer.Body.Close()
}

// run runs a client's command with credentials and returns what it printed.
func run(t *testing.T, cmd *exec.Cmd, as allinone.NATSCredential) string {
	t.Helper()
	cmd.Env = append(os.Environ(), "NATS_URL="+as.URL, "NATS_USER="+as.User, "NATS_PASSWORD="+as.Password, "NO_COLOR=1")
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out.String(), trouble.String())
	}
	return out.String()
}

// without skips a client that cannot be installed here, never in CI.
func without(t *testing.T, what string, err error, said []byte) {
	t.Helper()
	message := fmt.Sprintf("%s: %v %.600s", what, err, said)
	if os.Getenv("CI") == "true" {
		t.Fatal(message + "; CI skips nothing")
	}
	t.Skip(message)
}

func installGo(t *testing.T) client {
	bin := filepath.Join(t.TempDir(), "client")
	if said, err := exec.Command("go", "build", "-o", bin, "./go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return client{
		publish: func(subject, typ, id, file string) *exec.Cmd {
			return exec.Command(bin, "publish", subject, typ, id, file)
		},
		read: func(stream, consumer string) *exec.Cmd { return exec.Command(bin, "read", stream, consumer) },
	}
}

func installJS(t *testing.T) client {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("js")); err != nil {
		t.Fatal(err)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		without(t, "npm isn't installed", err, nil)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund", "--no-package-lock")
	install.Dir = dir
	if said, err := install.CombinedOutput(); err != nil {
		without(t, "npm install", err, said)
	}
	node := func(args ...string) *exec.Cmd {
		cmd := exec.Command("node", append([]string{"client.mjs"}, args...)...)
		cmd.Dir = dir
		return cmd
	}
	return client{
		publish: func(subject, typ, id, file string) *exec.Cmd { return node("publish", subject, typ, id, file) },
		read:    func(stream, consumer string) *exec.Cmd { return node("read", stream, consumer) },
	}
}

func installNATS(t *testing.T) client {
	dir := t.TempDir()
	bin := filepath.Join(dir, "nats")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module client\n\ngo 1.26\n\nrequire "+natscli+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-mod=mod", "-o", bin, "github.com/nats-io/natscli/nats")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if said, err := build.CombinedOutput(); err != nil {
		without(t, "the nats command line", err, said)
	}
	nats := func(script string, args ...string) *exec.Cmd {
		cmd := exec.Command("sh", append([]string{"-c", script, bin}, args...)...)
		cmd.Dir = dir
		return cmd
	}
	const login = `"$0" --server "$NATS_URL" --user "$NATS_USER" --password "$NATS_PASSWORD" `
	return client{
		publish: func(subject, typ, id, file string) *exec.Cmd {
			return nats(login+`request "$1" "$(cat "$4")" --raw -H ce-specversion:1.0 -H "ce-id:cli-$(date +%s%N)" -H "ce-source:/parties/$(echo "$1" | cut -d. -f3)" -H "ce-type:$2" -H "ce-subject:$3" -H content-type:application/json`,
				subject, typ, id, file)
		},
		read: func(stream, consumer string) *exec.Cmd {
			return nats(login+`consumer next "$1" "$2" --raw --ack --timeout 30s`, stream, consumer)
		},
	}
}
