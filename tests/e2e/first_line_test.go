package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestFirstLine is the main job: an enterprise, an institution, an offer, a demand; the recommendation reaches the views of the
// departments that may see it, and what a department may not see is not there.
func TestFirstLine(t *testing.T) {
	t.Parallel()
	firstLine(start(t, allinone.Options{}))
}

func firstLine(s *system) {
	t := s.t
	id, body := enterprise(20)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/parties", bank("first-bank"))
	s.do("POST", "/v1/offers", with(loanOffer("first-offer", "first-bank"), map[string]any{"instrument": "syndicated_loan"}))

	stream := s.follow("pboc")
	published := time.Now()
	a := s.do("POST", "/v1/demands", with(loanDemand("first-demand", id), map[string]any{"instruments": []any{"syndicated_loan"}}))
	if a.Version != 1 || a.Subject != "first-demand" {
		t.Errorf("answer %+v", a)
	}
	var seen events.Recommendation
	e := stream.await(events.TypeRecommended)
	t.Logf("recommendation in the view of pboc after %s", time.Since(published))
	if err := json.Unmarshal(e.Data, &seen); err != nil {
		t.Fatal(err)
	}
	if seen.Demand != "first-demand" || len(seen.Offers) != 1 || seen.Offers[0].Offer != "first-offer" || seen.Offers[0].Score <= 0 {
		t.Errorf("recommendation %s", e.Data)
	}

	// The same over NATS with a stock client and nothing but the department's credential.
	for dept, party := range map[string]bool{"pboc": true, "most": false} {
		var credential allinone.NATSCredential
		if err := json.Unmarshal([]byte(s.credential(dept+".nats.json")), &credential); err != nil {
			t.Fatal(err)
		}
		raw := stockRead(t, credential, "match.recommended", "first-demand")
		var payload struct {
			Demand string           `json:"demand"`
			Offers []map[string]any `json:"offers"`
		}
		if err := json.Unmarshal(raw.Data, &payload); err != nil {
			t.Fatal(err)
		}
		if payload.Demand != "first-demand" || len(payload.Offers) != 1 {
			t.Errorf("%s: %s", dept, raw.Data)
			continue
		}
		if _, has := payload.Offers[0]["party"]; has != party {
			t.Errorf("%s sees a party: %v, want %v: %s", dept, has, party, raw.Data)
		}
		if strings.Contains(string(raw.Data), "positions") {
			t.Errorf("%s sees a field nobody granted: %s", dept, raw.Data)
		}
	}

	// The ranking and its reasons.
	_, _, b := s.call("GET", "/v1/demands/first-demand/recommendations", nil, "Jieli-Position", a.Position)
	var fresh struct {
		Offers []struct {
			Offer   string `json:"offer"`
			Score   int    `json:"score"`
			Reasons string `json:"reasons"`
			Terms   []struct {
				Points int `json:"points"`
			} `json:"terms"`
		} `json:"offers"`
	}
	if err := json.Unmarshal(b, &fresh); err != nil || len(fresh.Offers) != 1 {
		t.Fatalf("recommendations: %s", b)
	}
	sum := 0
	for _, term := range fresh.Offers[0].Terms {
		sum += term.Points
	}
	if sum != fresh.Offers[0].Score || fresh.Offers[0].Reasons == "" {
		t.Errorf("terms sum to %d: %s", sum, b)
	}

	// Personal data is nowhere but in its store.
	if _, _, doc := s.call("GET", "/v1/enterprises/"+id, nil); strings.Contains(string(doc), "13800000000") || strings.Contains(string(doc), "王示例") {
		t.Errorf("a contact is in the read model: %s", doc)
	}
	s.verify()
	if _, header, doc := s.call("GET", "/v1/recommendations/first-demand", nil); header.Get("ETag") != `"1"` {
		t.Errorf("version %s, want exactly one recommendation for the demand: %s", header.Get("ETag"), doc)
	}
}

// TestViewsAreClosed: a department's credential reads its own view and does nothing else; a wrong or missing token gets no stream.
func TestViewsAreClosed(t *testing.T) {
	t.Parallel()
	viewsAreClosed(start(t, allinone.Options{}))
}

func viewsAreClosed(s *system) {
	t := s.t
	var credential allinone.NATSCredential
	if err := json.Unmarshal([]byte(s.credential("most.nats.json")), &credential); err != nil {
		t.Fatal(err)
	}
	conn, err := nats.Connect(credential.URL, nats.UserInfo(credential.User, credential.Password), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, subject := range []string{"jieli.cmd.demand.0", "$JS.API.STREAM.INFO.VIEW_PBOC", "$JS.API.STREAM.INFO.LEDGER_DEMAND", "$JS.API.STREAM.PURGE.VIEW_MOST", "$JS.API.STREAM.MSG.GET.VIEW_MOST"} {
		if answer, err := conn.Request(subject, nil, 300*time.Millisecond); err == nil {
			t.Errorf("%s answered a department: %s", subject, answer.Data)
		}
	}
	s.refused(events.ErrUnauthorised, "GET", "/v1/stream?view=pboc", nil, "Authorization", "Bearer wrong")
	s.refused(events.ErrForbidden, "GET", "/v1/stream?view=pboc", nil, "Authorization", "Bearer "+s.credential("most.token"))
	s.refused(events.ErrForbidden, "GET", "/v1/demands", nil, "Authorization", "Bearer "+s.credential("most.token"))
}

// stockRead reads a department's view with nats.go alone until an event of a type comes for a subject.
func stockRead(t *testing.T, c allinone.NATSCredential, what, of string) *nats.Msg {
	t.Helper()
	conn, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password))
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
	consumer, err := js.Consumer(ctx, c.Stream, c.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			t.Fatalf("%s: no %s came: %v", c.Stream, what, err)
		}
		if err := m.Ack(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.Subject(), "."+what+".") && m.Headers().Get("ce-subject") == of {
			return &nats.Msg{Subject: m.Subject(), Header: m.Headers(), Data: m.Data()}
		}
	}
}
