package topology_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
	"github.com/jieli-bus/jieli/tests/topology"
)

// TestParty: a party gets its account on a broker of three nodes while everything runs, and its commands go through it at once.
func TestParty(t *testing.T) {
	w := topology.Start(t, topology.Config{})
	post := func(path string, body any) []byte {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.Post(w.HTTP()+path, "application/json", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if b, err = io.ReadAll(answer.Body); err != nil || answer.StatusCode/100 != 2 {
			t.Fatalf("%s: %s %s %v", path, answer.Status, b, err)
		}
		return b
	}
	a, err := events.DecodeReply(post("/v1/parties", map[string]any{"id": "bank-1", "kind": "bank", "name": "示例科技银行", "region": "330100",
		"licences": []any{map[string]any{"licence": "bank", "number": "B0001", "valid_from": "2020-01-01"}}}))
	if err != nil {
		t.Fatal(err)
	}
	read, err := http.NewRequestWithContext(t.Context(), "GET", w.HTTP()+"/v1/parties/bank-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	read.Header.Set("Jieli-Position", a.Position)
	seen, err := http.DefaultClient.Do(read)
	if err != nil || seen.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", seen, err)
	}
	seen.Body.Close()
	var c allinone.PartyCredentials
	if err := json.Unmarshal(post("/v1/parties/bank-1/credentials", map[string]any{}), &c); err != nil || c.Pending {
		t.Fatalf("%+v %v", c, err)
	}
	conn, err := nats.Connect(c.NATS.URL, nats.UserInfo(c.NATS.User, c.NATS.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	e := &events.Event{ID: "first-offer", Source: "/parties/bank-1", Type: events.TypePauseOffer, Subject: "offer-1", Data: []byte(`{"reason":"示例"}`)}
	reply, err := conn.RequestMsg(events.ToMsg("jieli.in.bank-1.offer", e), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := events.DecodeProblem(reply.Data); !ok || !events.ErrNotFound.Is(p) {
		t.Errorf("%s", reply.Data)
	}
	if b := post("/v1/verify", map[string]any{}); !strings.Contains(string(b), `"ok":true`) || !strings.Contains(string(b), `"bank-1":0`) {
		t.Errorf("%s", b)
	}
}
