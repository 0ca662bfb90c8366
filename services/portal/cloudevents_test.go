package portal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/protocol"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/portal"
)

const (
	id1 = "01a20244-e800-7000-8000-000000000001"
	id2 = "01a20244-e800-7000-8000-000000000002"
)

// commands answers by subject and keeps what it was given.
type commands struct {
	mu    sync.Mutex
	given []*events.Event
	fail  map[string]error // by the command's id
}

func newCommands() *commands { return &commands{fail: make(map[string]error)} }

func (c *commands) Send(_ context.Context, e *events.Event) (*events.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = append(c.given, e)
	if err := c.fail[e.ID]; err != nil {
		return nil, err
	}
	return &events.Answer{Command: e.ID, Status: events.Accepted, Subject: e.Subject, Version: uint64(len(c.given)), Position: "offer.0:7", Events: []string{"x"}}, nil
}

func structured(id, subject string, more ...string) string {
	extra := strings.Join(more, "")
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/parties/bank-1","type":%q,"subject":%q%s,"data":{"reason":"x"}}`, id, events.TypePauseOffer, subject, extra)
}

func (w *world) post(body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(body))
	r.Host = "localhost"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func TestEventsInEveryMode(t *testing.T) {
	t.Parallel()
	binary := []string{"Ce-Specversion: 1.0", "Ce-Id: " + id1, "Ce-Source: /parties/bank-1", "Ce-Type: " + events.TypePauseOffer, "Ce-Subject: offer-1", "Content-Type: application/json", "Ce-Expectedversion: 3"}
	for _, tt := range []struct {
		name, body string
		headers    []string
		actor      string
	}{
		{"structured", structured(id1, "offer-1", `,"expectedversion":3`), []string{"Content-Type: application/cloudevents+json; charset=utf-8"}, "operator"},
		{"binary", `{"reason":"x"}`, binary, "operator"},
		{"for another, by header", `{"reason":"x"}`, append(binary[:7:7], "Jieli-Actor: party:bank-1"), "party:bank-1"},
		{"for another, by attribute", `{"reason":"x"}`, append(binary[:7:7], "Ce-Actor: party:bank-1"), "party:bank-1"},
		{"a party itself", `{"reason":"x"}`, append(binary[:7:7], "Authorization: Bearer bank-token"), "party:bank-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.post(tt.body, tt.headers...)
			if rec.Code != 200 || rec.Header().Get("Jieli-Position") != "offer.0:7" || !strings.Contains(rec.Body.String(), `"status":"accepted"`) {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			e := w.commands.given[0]
			if e.ID != id1 || e.Type != events.TypePauseOffer || e.Subject != "offer-1" || string(e.Data) != `{"reason":"x"}` || e.Get(events.ExtActor) != tt.actor || e.Get(events.ExtExpected) != "3" {
				t.Fatalf("%+v", e)
			}
		})
	}
}

func TestEventRefusals(t *testing.T) {
	t.Parallel()
	const single, batch = "Content-Type: application/cloudevents+json", "Content-Type: application/cloudevents-batch+json"
	bank := "Authorization: Bearer bank-token"
	for _, tt := range []struct {
		name, body string
		headers    []string
		kind       events.ProblemKind
	}{
		{"no mode", `{}`, nil, events.ErrHeader},
		{"plain JSON", `{}`, []string{"Content-Type: application/json"}, events.ErrMalformed},
		{"half an event", structured(id1, "o")[:40], []string{single}, events.ErrMalformed},
		{"an unknown context", strings.ReplaceAll(structured(id1, "o"), "jieli.offer.", "jieli.weather."), []string{single}, events.ErrUnknownType},
		{"no id", structured("", "o"), []string{single}, events.ErrMalformed},
		{"an invisible id", structured("\u200b", "o"), []string{single}, events.ErrCommandID},
		{"compressed", "x", []string{single, "Content-Encoding: gzip"}, events.ErrHeader},
		{"the system's voice", structured(id1, "o", `,"actor":"system"`), []string{single}, events.ErrForbidden},
		{"two actors", structured(id1, "o", `,"actor":"party:a"`), []string{single, "Jieli-Actor: party:b"}, events.ErrForbidden},
		{"a party for another", structured(id1, "o", `,"actor":"party:other"`), []string{single, bank}, events.ErrForbidden},
		{"a party under another's source", strings.ReplaceAll(structured(id1, "o"), "/parties/bank-1", "/parties/bank-10"), []string{single, bank}, events.ErrForbidden},
		{"a department", structured(id1, "o"), []string{single, pboc}, events.ErrForbidden},
		{"a batch that is none", structured(id1, "o"), []string{batch}, events.ErrMalformed},
		{"a batch cut short", "[" + structured(id1, "o"), []string{batch}, events.ErrMalformed},
		{"too many", "[" + strings.Repeat(structured(id1, "o")+",", portal.BatchEventsMax) + structured(id1, "o") + "]", []string{batch}, events.ErrTooLarge},
		{"too much", strings.Repeat(" ", portal.BatchBytesMax+1), []string{batch}, events.ErrTooLarge},
		{"too long an event", strings.Replace(structured(id1, "o"), `"x"`, `"`+strings.Repeat("a", events.MaxDataBytes)+`"`, 1), []string{single}, events.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			refused(t, w.post(tt.body, tt.headers...), tt.kind)
			if len(w.commands.given) != 0 {
				t.Fatal("it was given all the same")
			}
		})
	}
}

type batchAnswer struct {
	Results []struct {
		Status  int             `json:"status"`
		Answer  *events.Answer  `json:"answer"`
		Problem *events.Problem `json:"problem"`
	} `json:"results"`
}

func TestBatchAnswersEachInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := func(n int) string { return fmt.Sprintf("01a20244-e800-7000-8000-%012d", n) }
	w.commands.fail[id(2)] = events.ErrState.Refuse("", "", "")
	w.commands.fail[id(4)] = events.ErrUnknown.Refuse("", "", "")
	var list []string
	for n, subject := range []string{"a", "b", "a", "b", "c", "c", "a"} {
		list = append(list, structured(id(n), subject))
	}
	list = append(list, `{"specversion":"1.0","id":"`+id(7)+`","id":"x"}`, `7`)
	rec := w.post("["+strings.Join(list, ",")+"]", "Content-Type: application/cloudevents-batch+json")
	var got batchAnswer
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != http.StatusMultiStatus || len(got.Results) != len(list) {
		t.Fatalf("%d %v %s", rec.Code, err, rec.Body)
	}
	for i, want := range []string{"", "", "state", "", "unknown", "overloaded", "", "duplicate-key", "malformed"} {
		r := got.Results[i]
		switch {
		case want == "" && (r.Status != 200 || r.Answer == nil || r.Answer.Command != id(i)):
			t.Errorf("%d: %+v", i, r)
		case want != "" && (r.Problem == nil || r.Problem.Type != events.ProblemPrefix+want || r.Status != r.Problem.Status):
			t.Errorf("%d: %+v, want %s", i, r.Problem, want)
		}
	}
	order := make(map[string]string)
	for _, e := range w.commands.given {
		if e.ID <= order[e.Subject] {
			t.Errorf("%s came after %s", e.ID, order[e.Subject])
		}
		order[e.Subject] = e.ID
	}
	if len(w.commands.given) != 6 { // the sixth might have overtaken the fifth
		t.Errorf("%d commands were given", len(w.commands.given))
	}
	if rec := w.post("[]", "Content-Type: application/cloudevents-batch+json"); rec.Code != 200 || rec.Body.String() != `{"results":[]}`+"\n" {
		t.Errorf("an empty batch: %d %s", rec.Code, rec.Body)
	}
	if rec := w.post("["+structured(id1, "a")+"]", "Content-Type: application/cloudevents-batch+json"); rec.Code != 200 {
		t.Errorf("a batch that was accepted: %d %s", rec.Code, rec.Body)
	}
}

// The stock client of CloudEvents, as it comes, sends in both of its modes.
func TestStockCloudEventsClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.listen(t)
	transport := &http.Transport{DisableKeepAlives: true}
	p, err := cloudevents.NewHTTP(cloudevents.WithTarget(url+"/v1/events"), cloudevents.WithRoundTripper(transport))
	if err != nil {
		t.Fatal(err)
	}
	c, err := cloudevents.NewClient(p)
	if err != nil {
		t.Fatal(err)
	}
	for id, mode := range map[string]func(context.Context) context.Context{id1: cloudevents.WithEncodingBinary, id2: cloudevents.WithEncodingStructured} {
		e := cloudevents.NewEvent()
		e.SetID(id)
		e.SetSource("/parties/bank-1")
		e.SetType(events.TypePauseOffer)
		e.SetSubject("offer-1")
		if err := e.SetData(cloudevents.ApplicationJSON, map[string]string{"reason": "额度调整"}); err != nil {
			t.Fatal(err)
		}
		if result := c.Send(mode(t.Context()), e); !protocol.IsACK(result) {
			t.Fatalf("%v", result)
		}
		given := w.commands.given[len(w.commands.given)-1]
		if given.ID != id || given.Subject != "offer-1" || string(given.Data) != `{"reason":"额度调整"}` {
			t.Fatalf("%+v", given)
		}
		w.commands.fail[id] = events.ErrState.Refuse("", "", "")
		if result := c.Send(mode(t.Context()), e); protocol.IsACK(result) {
			t.Fatal("a refusal reads as an acknowledgement")
		}
	}
}
