package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// captured is a log that can be read while it is written.
type captured struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (c *captured) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(b)
}

func (c *captured) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Split(strings.TrimSpace(c.b.String()), "\n")
}

// TestLogs: at the most talkative level, one command can be followed by its id through every part, and nothing that was in a command is
// told: no contact, no name, no price, no title, whether the command was taken or refused.
func TestLogs(t *testing.T) {
	t.Parallel()
	log := &captured{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started, err := allinone.Start(ctx, allinone.Options{Dir: t.TempDir(), HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0", Log: zerolog.New(log).Level(zerolog.TraceLevel)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = started.Close(context.Background()) })
	s := &system{started, t, false}

	id, firm := enterprise(1)
	canaries := []string{"canary-name", "13812345678", "canary-firm", "4217", "31337", "canary-title", "canary-field", "canary@example.org"}
	firm["name"] = "canary-firm"
	firm["contact"] = map[string]any{"name": "canary-name", "phone": "13812345678"}
	s.do("POST", "/v1/enterprises", firm)
	s.do("POST", "/v1/parties", bank("bank-1"))
	s.do("POST", "/v1/offers", with(loanOffer("offer-1", "bank-1"), map[string]any{"max_price_bp": 4217, "title": "canary-title"}))
	demand := with(loanDemand("demand-1", id), map[string]any{"max_price_bp": 4217, "title": "canary-title"})
	status, header, b := s.call("POST", "/v1/demands", demand, "X-Request-Id", "request-of-ours")
	a, err := events.DecodeReply(b)
	if err != nil || header.Get("X-Request-Id") != "request-of-ours" {
		t.Fatalf("%d %v, request %q: %s", status, err, header.Get("X-Request-Id"), b)
	}
	follower, err := s.open("pboc", "0")
	if err != nil {
		t.Fatal(err)
	}
	follower.await(events.TypeRecommended)
	follower.leave()
	// Refusals of many kinds, with canaries where the trouble is.
	for _, body := range []any{
		`{"id":"demand-2","title":"canary-title`, with(demand, map[string]any{"id": "demand-3", "max_price_bp": "canary-field"}),
		with(demand, map[string]any{"id": "demand-4", "canary-field": "canary-name"}), with(demand, map[string]any{"id": "demand-5", "amount": money("31337.123456")}),
		with(demand, map[string]any{"id": "demand-6", "use": "canary@example.org"}),
	} {
		if status, _, _ := s.call("POST", "/v1/demands", body); status/100 == 2 {
			t.Errorf("accepted: %v", body)
		}
	}
	if status, _, _ := s.call("POST", "/v1/enterprises", with(firm, map[string]any{"id": usccOf("330106", 9), "contact": map[string]any{"name": "canary-name", "phone": "13812345678", "x": 1}})); status/100 == 2 {
		t.Error("a contact with a field too many is accepted")
	}
	if got := s.requestID("two words"); got == "two words" || got == "" {
		t.Errorf("a request id that is none is answered with %q", got)
	}
	if err := started.Close(ctx); err != nil {
		t.Fatal(err)
	}

	told := make(map[string]bool)
	for _, line := range log.lines() {
		for _, canary := range canaries {
			if strings.Contains(line, canary) {
				t.Errorf("a log line tells %q: %s", canary, line)
			}
		}
		if !strings.Contains(line, a.Command) {
			continue
		}
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		told[entry["message"].(string)] = true
		switch entry["message"] {
		case "command answered":
			if entry["request"] != "request-of-ours" || entry["position"] != a.Position || entry["events"].([]any)[0] != a.Events[0] {
				t.Errorf("the answer's line: %s", line)
			}
		case "command committed":
			if entry["partition"] != "demand.0" || entry["commit"] == nil || entry["events"].([]any)[0] != a.Events[0] {
				t.Errorf("the ledger's line: %s", line)
			}
		case "relay", "project", "view":
			if entry["event"] != a.Events[0] || entry["origin"] != a.Position+":0" {
				t.Errorf("%v: %s", entry["message"], line)
			}
		}
	}
	for _, want := range []string{"command answered", "command committed", "relay", "project", "view", "match", "recommendation asked for"} {
		if !told[want] {
			t.Errorf("of command %s no line says %q", a.Command, want)
		}
	}
}

func (s *system) requestID(given string) string {
	_, header, _ := s.call("GET", "/healthz", nil, "X-Request-Id", given)
	return header.Get("X-Request-Id")
}
