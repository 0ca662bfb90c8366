package webapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

const publish = `{"enterprise":"e1","title":"设备更新"}`

func TestCommands(t *testing.T) {
	t.Parallel()
	v7 := events.NewUUID7(now).String()
	for _, tt := range []struct {
		name, method, target, body string
		headers                    []string
		typ, subject, data         string // data "": the body as it is
		status                     int
		location                   string
	}{
		{"register", "POST", "/v1/enterprises", `{"id":"91330000TEST000018","name":"甲"}`, nil, events.TypeRegisterEnterprise, "91330000TEST000018", "", 201, "/v1/enterprises/91330000TEST000018"},
		{"party", "POST", "/v1/parties", ` {"name":"x", "id":"p-1"} `, nil, events.TypeRegisterParty, "p-1", "", 201, "/v1/parties/p-1"},
		{"demand with id", "POST", "/v1/demands", `{"id":"d-9","enterprise":"e1"}`, nil, events.TypePublishDemand, "d-9", "", 201, "/v1/demands/d-9"},
		{"amend", "PUT", "/v1/demands/d-9", `{"amount":{}}`, []string{`If-Match: "3"`}, events.TypeAmendDemand, "d-9", "", 200, ""},
		{"amend offer", "PUT", "/v1/offers/o-9", `{"a":1}`, []string{`If-Match: "3"`}, events.TypeAmendOffer, "o-9", "", 200, ""},
		{"named", "POST", "/v1/demands/d-9/withdraw", `{"reason":"x"}`, nil, events.TypeWithdrawDemand, "d-9", "", 200, ""},
		{"named with underscore", "POST", "/v1/demands/d-9/release_hold", `{"hold":"h"}`, nil, events.TypeReleaseHold, "d-9", "", 200, ""},
		{"empty payload", "POST", "/v1/offers/o-9/resume", "", nil, events.TypeResumeOffer, "o-9", "{}", 200, ""},
		{"internal commands are the ledger's to refuse", "POST", "/v1/demands/d-9/expire", "", nil, events.TypeExpireDemand, "d-9", "{}", 200, ""},
		{"erase", "DELETE", "/v1/enterprises/e1/contact", "", nil, events.TypeEraseContact, "e1", `{"reason":"未说明（HTTP DELETE） / none given (HTTP DELETE)"}`, 200, ""},
		{"erase with a reason", "DELETE", "/v1/enterprises/e1/contact", `{"reason":"本人要求"}`, nil, events.TypeEraseContact, "e1", "", 200, ""},
		{"charset", "POST", "/v1/parties", `{"id":"p-1"}`, []string{"Content-Type: application/json; charset=UTF-8"}, events.TypeRegisterParty, "p-1", "", 201, "/v1/parties/p-1"},
		{"id escaped in JSON", "POST", "/v1/parties", `{"\u0069d":"p\u002d1"}`, nil, events.TypeRegisterParty, "p-1", "", 201, "/v1/parties/p-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.do(request(tt.method, tt.target, tt.body, append(tt.headers, "Idempotency-Key: "+v7)...))
			if rec.Code != tt.status {
				t.Fatalf("status %d: %s", rec.Code, rec.Body)
			}
			e := w.ledger.last(t)
			data := tt.data
			if data == "" {
				data = tt.body
			}
			if e.Type != tt.typ || e.Subject != tt.subject || string(e.Data) != data || e.ID != v7 || e.Get(events.ExtActor) != "operator" {
				t.Fatalf("sent %s %s %s %s %q", e.Type, e.Subject, e.ID, e.Data, e.Get(events.ExtActor))
			}
			if err := e.Validate(); err != nil {
				t.Fatal(err)
			}
			a := decode[events.Answer](t, rec)
			if a.Command != v7 || a.Status != "accepted" || a.Version != 3 {
				t.Fatalf("answer %+v", a)
			}
			h := rec.Header()
			if h.Get("ETag") != `"3"` || h.Get("Jieli-Position") != a.Position || h.Get("Location") != tt.location {
				t.Fatalf("headers %v", h)
			}
			if want := map[bool]string{true: "3"}[strings.Contains(fmt.Sprint(tt.headers), "If-Match")]; e.Get(events.ExtExpected) != want {
				t.Fatalf("expectedversion %q", e.Get(events.ExtExpected))
			}
		})
	}
}

func TestCreateWithoutEventsIsNotCreated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ledger.send = func(ctx context.Context, e *events.Event) (*events.Answer, error) {
		a, err := accept(ctx, e)
		a.Events = nil
		return a, err
	}
	rec := w.do(request("POST", "/v1/parties", `{"id":"p-1"}`))
	if rec.Code != 200 || rec.Header().Get("Location") != "" || !strings.Contains(rec.Body.String(), `"events":[]`) {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
}

func TestIDFillIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, prefix, body, want string }{
		{"demand", "demands", "d-", publish, `{"id":"%s","enterprise":"e1","title":"设备更新"}`},
		{"offer", "offers", "o-", "\n { \"party\":\t\"p\" }\n", "\n {\"id\":\"%s\", \"party\":\t\"p\" }\n"},
		{"empty object", "demands", "d-", "{ \n}", `{"id":"%s"` + " \n}"},
		{"other case is another name", "demands", "d-", `{"ID":"d-1"}`, `{"id":"%s","ID":"d-1"}`},
		{"nested id", "demands", "d-", `{"x":{"id":"d-1"}}`, `{"id":"%s","x":{"id":"d-1"}}`},
		// What the edge is going to refuse travels as it came, under an id that belongs to nobody.
		{"id is a number", "demands", "d-", `{"id":7}`, ""},
		{"id with a wildcard", "demands", "d-", `{"id":"a.>"}`, ""},
		{"id is null", "offers", "o-", `{"id":null}`, ""},
		{"cut off", "demands", "d-", `{"enterprise":"e1"`, ""},
		{"no object", "demands", "d-", `["id"]`, ""},
		{"null", "demands", "d-", `null`, ""},
		{"repeated id", "demands", "d-", `{"id":"d-1","id":"d-2"}`, ""},
		{"nested a thousand times", "demands", "d-", strings.Repeat("[", 1000), ""},
		{"nul", "demands", "d-", "{\"enterprise\":\"\x00\"}", ""},
		{"gbk", "demands", "d-", "{\"title\":\"\xc9\xe8\"}", ""},
		{"an enterprise needs its own", "enterprises", "x-", `{"name":"x"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			send := func() (string, string) {
				w.do(request("POST", "/v1/"+tt.path, tt.body, "Idempotency-Key: row 7"))
				e := w.ledger.last(t)
				return e.Subject, string(e.Data)
			}
			subject, data := send()
			if !events.ValidID(subject) || !strings.HasPrefix(subject, tt.prefix) || len(subject) != 14 {
				t.Fatalf("subject %q", subject)
			}
			want := tt.body
			if tt.want != "" {
				want = fmt.Sprintf(tt.want, subject)
				if !json.Valid([]byte(data)) {
					t.Fatalf("not JSON: %s", data)
				}
			}
			if data != want {
				t.Fatalf("sent %q, want %q", data, want)
			}
			if again, sameData := send(); again != subject || sameData != data {
				t.Fatalf("a repeat was sent as %s %s", again, sameData)
			}
		})
	}
}

func TestCommandIDs(t *testing.T) {
	t.Parallel()
	v7 := events.NewUUID7(now)
	for _, tt := range []struct {
		key     string
		version int
		ok      bool
	}{
		{v7.String(), 7, true},
		{strings.ToUpper(v7.String()), 7, true},
		{"import/3/第7行", 8, true},
		{"8c5c6c0e-0000-4000-8000-000000000000", 8, true}, // version 4: text like any other
		{strings.Repeat("键", 200), 8, true},
		{strings.Repeat("k", 201), 0, false},
		{"", 0, false},
		{"a\x7fb", 0, false},
		{"a\tb", 0, false},
		{"\xff\xfe", 0, false},
	} {
		w := newWorld(t)
		id := func(headers ...string) string {
			rec := w.do(request("POST", "/v1/demands/d-1/withdraw", `{"reason":"r"}`, append(headers, "Idempotency-Key: "+tt.key)...))
			if !tt.ok {
				refused(t, rec, events.ErrHeader)
				return ""
			}
			return w.ledger.last(t).ID
		}
		first := id()
		if !tt.ok {
			if w.ledger.count() != 0 {
				t.Fatalf("%q was sent", tt.key)
			}
			continue
		}
		u, err := events.ParseUUID(first)
		if err != nil || u.Version() != tt.version || tt.version == 7 && u != v7 {
			t.Fatalf("key %q gave %s", tt.key, first)
		}
		if id() != first {
			t.Fatalf("key %q gave another id the second time", tt.key)
		}
		if other := id("Jieli-Actor: party:p-1"); (other == first) != (tt.version == 7) {
			t.Fatalf("key %q of another actor gave %s", tt.key, other)
		}
	}
	w := newWorld(t)
	w.do(request("POST", "/v1/demands/d-1/withdraw", `{"reason":"r"}`))
	a := w.ledger.last(t).ID
	w.do(request("POST", "/v1/demands/d-1/withdraw", `{"reason":"r"}`))
	b := w.ledger.last(t).ID
	if u, _ := events.ParseUUID(a); a == b || u.Version() != 7 || !u.Time().Equal(now) {
		t.Fatalf("ids without a key: %s, %s", a, b)
	}
}

func TestRequestRefusals(t *testing.T) {
	t.Parallel()
	body := `{"reason":"r"}`
	for _, tt := range []struct {
		name, method, target, body string
		headers                    []string
		kind                       events.ProblemKind
	}{
		{"weak If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: W/"3"`}, events.ErrHeader},
		{"no If-Match", "PUT", "/v1/demands/d-1", body, nil, events.ErrPrecondition},
		{"bare If-Match", "PUT", "/v1/demands/d-1", body, []string{"If-Match: 3"}, events.ErrHeader},
		{"list If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: "3", "4"`}, events.ErrHeader},
		{"zero If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: "0"`}, events.ErrHeader},
		{"padded If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: "03"`}, events.ErrHeader},
		{"negative If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: "-1"`}, events.ErrHeader},
		{"huge If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: "18446744073709551616"`}, events.ErrHeader},
		{"empty If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: `}, events.ErrHeader},
		{"system", "POST", "/v1/demands/d-1/withdraw", body, []string{"Jieli-Actor: system"}, events.ErrForbidden},
		{"nobody", "POST", "/v1/demands/d-1/withdraw", body, []string{"Jieli-Actor: root"}, events.ErrHeader},
		{"empty actor", "POST", "/v1/demands/d-1/withdraw", body, []string{"Jieli-Actor: "}, events.ErrHeader},
		{"actor with a wildcard", "POST", "/v1/demands/d-1/withdraw", body, []string{"Jieli-Actor: party:*"}, events.ErrHeader},
		{"repeated key", "POST", "/v1/demands", body, []string{"Idempotency-Key: a", "Idempotency-Key: a"}, events.ErrHeader},
		{"repeated If-Match", "PUT", "/v1/demands/d-1", body, []string{`If-Match: "3"`, `If-Match: "3"`}, events.ErrHeader},
		{"repeated actor", "POST", "/v1/demands", body, []string{"Jieli-Actor: operator", "Jieli-Actor: party:p"}, events.ErrHeader},
		{"repeated authorization", "POST", "/v1/demands", body, []string{"Authorization: Bearer op-token", "Authorization: Bearer pboc-token"}, events.ErrHeader},
		{"text", "POST", "/v1/demands", body, []string{"Content-Type: text/plain"}, events.ErrHeader},
		{"no type", "POST", "/v1/demands", body, []string{"-Content-Type"}, events.ErrHeader},
		{"two types in one", "POST", "/v1/demands", body, []string{"Content-Type: application/json, text/plain"}, events.ErrHeader},
		{"form", "POST", "/v1/demands", body, []string{"Content-Type: application/x-www-form-urlencoded"}, events.ErrHeader},
		{"gbk", "POST", "/v1/demands", body, []string{"Content-Type: application/json; charset=gbk"}, events.ErrEncoding},
		{"odd parameter", "POST", "/v1/demands", body, []string{"Content-Type: application/json; profile=x"}, events.ErrHeader},
		{"compressed", "POST", "/v1/demands", body, []string{"Content-Encoding: gzip"}, events.ErrHeader},
		{"empty body", "POST", "/v1/demands", "", nil, events.ErrMalformed},
		{"empty reason", "POST", "/v1/demands/d-1/withdraw", "", nil, events.ErrMalformed},
		{"oversize", "POST", "/v1/demands", strings.Repeat(" ", 128<<10) + body, nil, events.ErrTooLarge},
		{"unknown command", "POST", "/v1/demands/d-1/steal", body, nil, events.ErrUnknownType},
		{"command of another context", "POST", "/v1/demands/d-1/pause", body, nil, events.ErrUnknownType},
		{"an event is no command", "POST", "/v1/demands/d-1/published", body, nil, events.ErrUnknownType},
		{"NUL in the path", "POST", "/v1/demands/d%00/withdraw", body, nil, events.ErrID},
		{"wildcard in the path", "PUT", "/v1/demands/%3E", body, nil, events.ErrID},
		{"dot in the path", "PUT", "/v1/demands/a.b", body, nil, events.ErrID},
		{"slash in the id", "PUT", "/v1/demands/a%2Fb", body, nil, events.ErrID},
		{"not UTF-8 in the path", "PUT", "/v1/demands/%ff", body, nil, events.ErrID},
		{"long id", "PUT", "/v1/demands/" + strings.Repeat("a", 65), body, nil, events.ErrID},
		{"dots", "PUT", "/v1/offers/../demands/d-1", body, nil, events.ErrNotFound},
		{"double slash", "POST", "/v1//demands", body, nil, events.ErrNotFound},
		{"trailing slash", "POST", "/v1/demands/", body, nil, events.ErrNotFound},
		{"escaped dots", "POST", "/v1/offers/%2E%2E/pause", body, nil, events.ErrID},
		{"connect", "CONNECT", "/v1/demands", body, nil, events.ErrMethod},
		{"no such collection", "POST", "/v1/deals", body, nil, events.ErrNotFound},
		{"a context without a path", "GET", "/v1/", "", nil, events.ErrNotFound},
		{"root", "GET", "/", "", nil, events.ErrNotFound},
		{"parties are not amended", "PUT", "/v1/parties/p", body, nil, events.ErrMethod},
		{"method", "PATCH", "/v1/demands/d-1", body, nil, events.ErrMethod},
		{"preflight", "OPTIONS", "/v1/demands", "", nil, events.ErrMethod},
		{"delete", "DELETE", "/v1/demands/d-1", "", nil, events.ErrMethod},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			rec := w.do(request(tt.method, tt.target, tt.body, tt.headers...))
			refused(t, rec, tt.kind)
			if w.ledger.count() != 0 {
				t.Fatal("the command was sent all the same")
			}
			if tt.kind.Status == 405 && rec.Header().Get("Allow") == "" {
				t.Fatal("405 without Allow")
			}
			metrics := w.do(request("GET", "/metrics", "")).Body.String()
			if want := fmt.Sprintf("jieli_http_refusals_total{problem=%q} 1\n", tt.kind.Code); !strings.Contains(metrics, want) {
				t.Fatalf("no %s in the metrics", want)
			}
		})
	}
}

func TestAnswersFromBehind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		kind events.ProblemKind
	}{
		{"refusal", events.ErrUSCC.Refuse("/id", "", ""), events.ErrUSCC},
		{"overloaded", events.ErrOverloaded.Refuse("", "", ""), events.ErrOverloaded},
		{"unknown", events.ErrUnknown.Refuse("", "", ""), events.ErrUnknown},
		{"version", events.ErrVersion.Refuse("", "", ""), events.ErrVersion},
		{"internal type", events.ErrInternalType.Refuse("", "", ""), events.ErrInternalType},
		{"failure: maybe done", errBroken, events.ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			var deadline time.Duration
			w.ledger.send = func(ctx context.Context, _ *events.Event) (*events.Answer, error) {
				if d, ok := ctx.Deadline(); ok {
					deadline = time.Until(d)
				}
				return nil, tt.err
			}
			rec := w.do(request("POST", "/v1/demands", publish))
			p := refused(t, rec, tt.kind)
			if tt.kind == events.ErrUSCC && p.Field != "/id" {
				t.Fatalf("field %q", p.Field)
			}
			if strings.Contains(rec.Body.String(), "cable") {
				t.Fatal("the cause leaked")
			}
			if p.Instance != w.ledger.last(t).ID {
				t.Fatalf("instance %q: the client cannot repeat it", p.Instance)
			}
			if deadline <= 0 || deadline > 5*time.Second {
				t.Fatalf("deadline %s", deadline)
			}
		})
	}
}

func TestTraceParent(t *testing.T) {
	t.Parallel()
	good := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for in, want := range map[string]string{
		good:                  good,
		"":                    "",
		strings.ToUpper(good): "",
		"ff" + good[2:]:       "",
		good + "-extra":       "",
		"00-" + strings.Repeat("0", 32) + good[35:]: "",
		good[:36] + strings.Repeat("0", 16) + "-01": "",
	} {
		w := newWorld(t)
		w.do(request("POST", "/v1/demands", publish, "Traceparent: "+in))
		if got := w.ledger.last(t).Get(events.ExtTraceParent); got != want {
			t.Errorf("%q travelled as %q", in, got)
		}
	}
}

func TestActorTravels(t *testing.T) {
	t.Parallel()
	for _, actor := range []string{"operator", "party:bank-1", "user:u-77"} {
		w := newWorld(t)
		if rec := w.do(request("POST", "/v1/demands", publish, "Jieli-Actor: "+actor)); rec.Code != http.StatusCreated {
			t.Fatalf("%s: %d %s", actor, rec.Code, rec.Body)
		}
		if got := w.ledger.last(t).Get(events.ExtActor); got != actor {
			t.Fatalf("%s travelled as %q", actor, got)
		}
	}
}
