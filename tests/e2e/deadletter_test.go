package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestDeadLetters: the operator lists, reads and redrives what a reader gave up, and nobody else does. The reader is a stock client here.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	s := start(t, allinone.Options{})
	conn, err := s.place.(*allinone.System).Connect(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"n":1}`, `{"n":2}`} {
		letter := nats.NewMsg("jieli.deadletter.EVENTS_DEMAND.notify")
		letter.Data = []byte(body)
		for name, value := range map[string]string{"Jieli-Dead-Reason": "attempts_exhausted", "Jieli-Dead-Error": "no answer", "Jieli-Dead-Stream": "EVENTS_DEMAND", "Jieli-Dead-Sequence": "7",
			"Jieli-Dead-Subject": "jieli.event.demand.published._._", "Jieli-Dead-Durable": "notify", "Jieli-Dead-Attempts": "10", "Jieli-Dead-Stored": time.Now().UTC().Format(time.RFC3339Nano), "ce-id": "e-1"} {
			letter.Header.Set(name, value)
		}
		if _, err := js.PublishMsg(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	type page struct {
		Items []struct {
			Number         uint64
			Reason, Stream string
			Header         map[string][]string
			Body           []byte
		}
		Next uint64
	}
	var list, rest page
	s.get("/v1/deadletters?limit=1", "", &list)
	if len(list.Items) != 1 || list.Items[0].Reason != "attempts_exhausted" || list.Items[0].Stream != "EVENTS_DEMAND" || list.Items[0].Body != nil || list.Next != 1 {
		t.Fatalf("the first page: %+v", list)
	}
	s.get("/v1/deadletters?after=1", "", &rest)
	if len(rest.Items) != 1 || rest.Items[0].Number != 2 || rest.Next != 0 {
		t.Errorf("the second page: %+v", rest)
	}
	var shown struct {
		Header map[string][]string
		Body   []byte
	}
	s.get("/v1/deadletters/1", "", &shown)
	if string(shown.Body) != `{"n":1}` || shown.Header["ce-id"][0] != "e-1" {
		t.Errorf("the letter: %+v", shown)
	}
	s.refused(events.ErrUnavailable, "POST", "/v1/deadletters/1/redrive", nil) // nobody would take it
	consumer, err := js.CreateConsumer(t.Context(), "REDRIVE", jetstream.ConsumerConfig{Durable: "notify", FilterSubject: "jieli.redrive.EVENTS_DEMAND.notify", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, b := s.call("POST", "/v1/deadletters/1/redrive", nil); status != http.StatusNoContent {
		t.Fatalf("redrive: %d %s", status, b)
	}
	m, err := consumer.Next(jetstream.FetchMaxWait(patience))
	if err != nil || string(m.Data()) != `{"n":1}` || m.Headers().Get("ce-id") != "e-1" || m.Headers().Get("Jieli-Dead-Reason") != "" {
		t.Fatalf("what comes back: %v %+v", err, m)
	}
	if err := m.Ack(); err != nil {
		t.Error(err)
	}
	s.refused(events.ErrNotFound, "POST", "/v1/deadletters/1/redrive", nil)
	for _, path := range []string{"/v1/deadletters/1", "/v1/deadletters/0", "/v1/deadletters/x", "/v1/deadletters/-1"} {
		s.refused(events.ErrNotFound, "GET", path, nil)
	}
	for _, query := range []string{"limit=0", "limit=501", "limit=x", "after=-1"} {
		s.refused(events.ErrMalformed, "GET", "/v1/deadletters?"+query, nil)
	}
	for _, path := range []string{"/v1/deadletters", "/v1/deadletters/2"} {
		s.refused(events.ErrForbidden, "GET", path, nil, "Authorization", "Bearer "+s.credential("pboc.token"))
	}
	s.refused(events.ErrForbidden, "POST", "/v1/deadletters/2/redrive", nil, "Authorization", "Bearer "+s.credential("pboc.token"))
	for _, m := range s.metrics()["jieli_stream_messages"] {
		if m["stream"] == "DEADLETTER" {
			return
		}
	}
	t.Error("no metric tells of dead letters")
}
