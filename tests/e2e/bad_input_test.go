package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// The hostile world: what the attempts are made upon.
type hostile struct {
	*system
	c          *stock
	enterprise string
	suspended  string // a suspended enterprise
	wrongDigit string // a code whose check digit does not hold
	used       string // id of a command that has been answered
	parties    map[string]*stock
	audited    uint64 // refusals seen in AUDIT
}

func newHostile(s *system) *hostile {
	h := &hostile{system: s, c: s.core()}
	from := h.c.info(events.EventsStream("match")).LastSeq
	id, body := enterprise(0)
	h.enterprise = id
	s.do("POST", "/v1/enterprises", body)
	h.suspended, body = enterprise(1)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/enterprises/"+h.suspended+"/suspend", map[string]any{"reason": "示例", "document": "示例〔2026〕1号"})
	s.do("POST", "/v1/enterprises/"+id+"/authorise", map[string]any{"user": "u-old", "role": "owner", "from": "2020-01-01", "until": events.DateOf(time.Now())})
	s.do("POST", "/v1/enterprises/"+id+"/revoke_authorisation", map[string]any{"user": "u-old"})
	for _, bankID := range []string{"bank-1", "bank-2", "bank-3"} {
		s.do("POST", "/v1/parties", bank(bankID))
	}
	s.do("POST", "/v1/parties/bank-1/add_unit", map[string]any{"unit": "tech-1", "kind": "technology_branch", "name": "科技支行", "region": "330106", "authority_limit": money("1000000.00")})
	s.do("POST", "/v1/parties/bank-2/suspend", map[string]any{"reason": "示例"})
	s.do("POST", "/v1/parties", with(bank("guarantor-1"), map[string]any{"kind": "guarantor", "licences": []any{map[string]any{"licence": "guarantor", "number": "G1", "valid_from": "2020-01-01"}}}))
	s.do("POST", "/v1/offers", loanOffer("offer-1", "bank-1"))
	s.do("POST", "/v1/offers", loanOffer("offer-gone", "bank-1"))
	s.do("POST", "/v1/offers/offer-gone/withdraw", map[string]any{"reason": "示例"})
	h.used = events.NewUUID7(time.Now()).String()
	s.do("POST", "/v1/demands", loanDemand("demand-1", id), "Idempotency-Key", h.used)
	s.do("POST", "/v1/demands", loanDemand("demand-gone", id))
	last := s.do("POST", "/v1/demands/demand-gone/withdraw", map[string]any{"reason": "示例"})
	s.get("/v1/demands", last.Position, nil)

	h.borrow()
	h.issue()
	h.parties = map[string]*stock{}
	for _, id := range []string{"bank-1", "bank-3"} {
		c := h.admit(id)
		h.parties[id] = h.connect(c.NATS.User, c.NATS.Password)
	}
	h.wrongDigit = wrongDigit(77)
	// The matcher has answered both demands: nothing of its own comes later.
	h.c.behind(events.EventsStream("match"), from, 2)
	h.audited = h.c.info("AUDIT").LastSeq
	return h
}

// wrongDigit is a code whose check digit does not hold.
func wrongDigit(n int) string {
	code := usccOf("330106", n)
	if code[17] == '0' {
		return code[:17] + "1"
	}
	return code[:17] + "0"
}

// TestBadInput: every bad input is refused with the same type at every door, in two languages, is recorded, and changes nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	badInput(start(t, allinone.Options{}))
}

func badInput(s *system) {
	t := s.t
	h := newHostile(s)
	h.overrides()
	h.badReads()
	h.audited += uint64(len(h.c.behind("AUDIT", h.audited, 4))) // those that would have changed something
	before := h.verify()
	faceBefore := h.counter("jieli_http_refusals_total")
	outcomes, face, atParties, parent := 0, 0, 0, t
	for _, a := range h.attempts() {
		t.Run(a.name, func(t *testing.T) {
			h.t, h.c.t = t, t
			defer func() { h.t, h.c.t = parent, parent }()
			for _, d := range a.doors(h.parties) {
				was := h.state(a.context())
				c := h.c
				if d == partyBinary || d == partyStructured {
					c = h.parties[a.party]
				} else {
					a.party = ""
				}
				answer, status, id, err := a.knock(h.system, c, d)
				if err == nil {
					err = a.problem(answer, status)
				}
				if err != nil {
					t.Errorf("%s: %v", d, err)
				}
				switch a.at(d) {
				case inAudit, atFace:
					h.expectAudit(&a, d, id)
				case inLedger:
					h.expectOutcome(&a, d, id)
					outcomes++
				}
				switch d {
				case overHTTP:
					face++
				case partyBinary, partyStructured:
					atParties++
				}
				if is := h.state(a.context()); is != was {
					t.Errorf("%s: something changed:\nwas %s\nis  %s", d, was, is)
				}
			}
		})
	}
	after := h.verify()
	refusals := 0
	for name, r := range after.Ledgers {
		if r.Events != before.Ledgers[name].Events || r.Entities != before.Ledgers[name].Entities {
			t.Errorf("%s had %d events of %d entities, now it has %d of %d", name, before.Ledgers[name].Events, before.Ledgers[name].Entities, r.Events, r.Entities)
		}
		refusals += r.Refusals - before.Ledgers[name].Refusals
	}
	if refusals != outcomes {
		t.Errorf("the ledgers hold %d more refusals, %d were given", refusals, outcomes)
	}
	if n := h.c.info("AUDIT").LastSeq; n != h.audited {
		t.Errorf("AUDIT holds %d refusals, %d were seen", n, h.audited)
	}
	if n := h.counter("jieli_http_refusals_total") - faceBefore; n != face {
		t.Errorf("the HTTP face counts %d refusals, it gave %d", n, face)
	}
	t.Logf("%d refusals at the doors of parties", atParties)
	t.Logf("%d refusals over HTTP, %d in the ledgers, %d in AUDIT", face, outcomes, h.audited)
}

// overrides: a wrong check digit is accepted with a named document, at every door, and marked as such.
func (h *hostile) overrides() {
	t := h.t
	for i, d := range doors {
		code := wrongDigit(80 + i)
		_, body := enterprise(5)
		payload := with(body, map[string]any{"id": code, "contact": nil})
		a := &attempt{typ: events.TypeRegisterEnterprise, subject: code, body: payload, want: events.ErrUSCC}
		answer, status, _, err := a.knock(h.system, h.c, d)
		if err == nil {
			err = a.problem(answer, status)
		}
		if err != nil {
			t.Fatalf("%s: without a document: %v", d, err)
		}
		a.body = with(payload, map[string]any{"override": map[string]any{"document": "示例〔2026〕7号", "reason": "早期试点码"}})
		answer, _, _, err = a.knock(h.system, h.c, d)
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := events.DecodeReply(answer)
		if err != nil {
			t.Fatalf("%s: with a document: %v", d, err)
		}
		var doc struct {
			Override events.Override `json:"override"`
		}
		h.get("/v1/enterprises/"+code, accepted.Position, &doc)
		if doc.Override.Document != "示例〔2026〕7号" {
			t.Errorf("%s: the override is not on record: %+v", d, doc)
		}
	}
}

// state is what a context's read model holds at the tip of its ledger.
func (h *hostile) state(context string) string {
	position := events.Position{Context: context, Sequence: h.c.info(events.LedgerStream(context)).LastSeq}
	return string(h.get("/v1/"+paths[context]+"?limit=200", position.String(), nil))
}

// counter is the sum of a metric over its labels.
func (h *hostile) counter(name string) int {
	h.t.Helper()
	_, _, b := h.call("GET", "/metrics", nil)
	sum := 0
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, name+"{") {
			var n int
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n); err != nil {
				h.t.Fatalf("%s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}

// expectAudit wants exactly one more record in AUDIT: of this refusal.
func (h *hostile) expectAudit(a *attempt, d door, id string) {
	h.t.Helper()
	if h.t.Failed() { // what was not refused is not recorded, and waiting for it would take the patience
		h.audited = h.c.info("AUDIT").LastSeq
		return
	}
	h.audited++
	body := h.c.at("AUDIT", h.audited)
	var entry struct {
		Time    time.Time       `json:"time"`
		Context string          `json:"context"`
		Command string          `json:"command"`
		Body    string          `json:"body_sha256"`
		Problem *events.Problem `json:"problem"`
	}
	if err := json.Unmarshal(body, &entry); err != nil || entry.Problem == nil {
		h.t.Fatalf("%s: audit record %s: %v", d, body, err)
	}
	context := a.context()
	if a.at(d) == atFace {
		context = "http"
	}
	if entry.Problem.Type != events.ProblemPrefix+a.want.Code || entry.Context != context || entry.Time.IsZero() || entry.Command != "" && entry.Command != id {
		h.t.Errorf("%s: audit record %s, want %s of command %s", d, body, a.want.Code, id)
	}
}

// expectOutcome wants the refusal as the last outcome of its context's ledger.
func (h *hostile) expectOutcome(a *attempt, d door, id string) {
	h.t.Helper()
	stream, err := h.c.Stream(h.c.ctx(), events.LedgerStream(a.context()))
	if err != nil {
		h.t.Fatal(err)
	}
	var m *jetstream.RawStreamMsg
	if m, err = stream.GetLastMsgForSubject(h.c.ctx(), events.LedgerSubject(a.context(), 0)); err != nil {
		h.t.Fatal(err)
	}
	if body := string(m.Data); !strings.Contains(body, id) || !strings.Contains(body, events.ProblemPrefix+a.want.Code) {
		h.t.Errorf("%s: the last commit does not hold the refusal of %s: %.600s", d, id, body)
	}
}

// raw is a demand's payload with something written in that no encoder would write.
func (h *hostile) raw(title string) string {
	b, err := json.Marshal(with(loanDemand("demand-2", h.enterprise), map[string]any{"title": "TITLE"}))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Replace(string(b), `"TITLE"`, title, 1)
}

func (h *hostile) attempts() []attempt {
	register := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		_, body := enterprise(6)
		body = with(body, fields)
		return attempt{name: name, want: want, record: where, typ: events.TypeRegisterEnterprise, subject: body["id"].(string), body: body}
	}
	publish := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		return attempt{name: name, want: want, record: where, typ: events.TypePublishDemand, subject: "demand-2", body: with(loanDemand("demand-2", h.enterprise), fields)}
	}
	offer := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		return attempt{name: name, want: want, record: where, typ: events.TypePublishOffer, subject: "offer-2", body: with(loanOffer("offer-2", "bank-1"), fields)}
	}
	text := func(name string, want events.ProblemKind, body string) attempt {
		return attempt{name: name, want: want, record: inAudit, typ: events.TypePublishDemand, subject: "demand-2", body: body}
	}
	on := func(name string, want events.ProblemKind, where record, typ, subject string, body any) attempt {
		return attempt{name: name, want: want, record: where, typ: typ, subject: subject, body: body}
	}
	as := func(actor string, a attempt) attempt { a.actor = actor; return a }
	past := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	faceHTTP := map[door]record{overHTTP: atFace}
	reserve := map[string]any{"reservation": "r-1", "demand": "demand-1", "amount": money("1000000.00"), "until": validUntil()}
	reason := map[string]any{"reason": "示例"}
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	id7 := func(at time.Time) func() string { return func() string { return events.NewUUID7(at).String() } }

	list := []attempt{
		// Values.
		register("wrong check digit", events.ErrUSCC, inLedger, map[string]any{"id": h.wrongDigit, "contact": nil}),
		register("wrong check digit, override without a document", events.ErrSchema, inAudit, map[string]any{"id": h.wrongDigit, "override": map[string]any{"document": "", "reason": "x"}}),
		register("override that only has blanks", events.ErrUSCC, inLedger, map[string]any{"id": h.wrongDigit, "contact": nil, "override": map[string]any{"document": " ", "reason": "示例"}}),
		register("letters no code has", events.ErrUSCC, inLedger, map[string]any{"id": "91330106MA2T0I0O1X", "contact": nil}),
		register("unknown region", events.ErrRegion, inLedger, map[string]any{"region": "999999", "contact": nil}),
		register("region of another form", events.ErrRegion, inAudit, map[string]any{"region": "浙江"}),
		register("unknown industry", events.ErrIndustry, inLedger, map[string]any{"industry": "I99", "contact": nil}),
		register("founded in the future", events.ErrDates, inLedger, map[string]any{"founded": "2190-01-01", "contact": nil}),
		register("founded on a day that does not exist", events.ErrDates, inLedger, map[string]any{"founded": "2019-02-30", "contact": nil}),
		publish("unknown region of a project", events.ErrRegion, inLedger, map[string]any{"region": "990000"}),
		publish("negative money", events.ErrMoney, inAudit, map[string]any{"amount": money("-1.00")}),
		publish("over-precise money", events.ErrMoney, inAudit, map[string]any{"amount": money("1.001")}),
		publish("money as a number", events.ErrMoney, inAudit, map[string]any{"amount": map[string]any{"amount": 5000000, "currency": "CNY"}}),
		publish("money beyond 64 bits", events.ErrMoney, inAudit, map[string]any{"amount": money("99999999999999999999.00")}),
		publish("money of nothing", events.ErrMoney, inLedger, map[string]any{"amount": money("0.00")}),
		publish("unknown currency", events.ErrCurrency, inAudit, map[string]any{"amount": map[string]any{"amount": "1.00", "currency": "QQQ"}}),
		publish("shortest term above the longest", events.ErrRange, inLedger, map[string]any{"term_months": map[string]any{"min": 25, "max": 24}}),
		publish("minimum above the amount", events.ErrRange, inLedger, map[string]any{"min_amount": money("5000000.01")}),
		offer("smallest ticket above the largest", events.ErrRange, inLedger, map[string]any{"min_ticket": money("10000000.01")}),
		offer("largest ticket above the capacity", events.ErrRange, inLedger, map[string]any{"max_ticket": money("100000000.01")}),
		publish("validity in the past", events.ErrValidity, inLedger, map[string]any{"valid_until": past}),
		offer("offer's validity in the past", events.ErrValidity, inLedger, map[string]any{"valid_until": past}),
		publish("unknown instrument", events.ErrCode, inLedger, map[string]any{"instruments": []any{"lottery_ticket"}}),
		publish("unknown enterprise", events.ErrNotFound, inAudit, map[string]any{"enterprise": usccOf("330106", 9999)}),
		offer("unknown party", events.ErrNotFound, inAudit, map[string]any{"party": "nobody"}),

		// The payload.
		publish("unknown field", events.ErrSchema, inAudit, map[string]any{"urgent": true}),
		publish("unknown field further in", events.ErrSchema, inAudit, map[string]any{"amount": map[string]any{"amount": "1.00", "currency": "CNY", "unit": "wan"}}),
		publish("a field of the wrong type", events.ErrSchema, inAudit, map[string]any{"title": 7}),
		publish("a required field is missing", events.ErrSchema, inAudit, map[string]any{"instruments": nil}),
		text("duplicate key", events.ErrDuplicateKey, h.raw(`"a","title":"b"`)),
		text("duplicate key in another spelling", events.ErrDuplicateKey, h.raw(`"a","t\u0069tle":"b"`)),
		text("duplicate key further in", events.ErrDuplicateKey, strings.Replace(h.raw(`"a"`), `"currency":"CNY"`, `"currency":"CNY","currency":"USD"`, 1)),
		text("GB18030", events.ErrEncoding, h.raw("\"\xd1\xd0\xb7\xa2\"")),
		text("UTF-8 cut off", events.ErrEncoding, h.raw("\"\xe7\xa0\"")),
		text("overlong UTF-8", events.ErrEncoding, h.raw("\"\xc0\xaf\"")),
		text("UTF-16", events.ErrEncoding, "\xff\xfe{\x00}\x00"),
		text("NUL", events.ErrEncoding, h.raw("\"a\x00b\"")),
		text("NUL as an escape", events.ErrEncoding, h.raw(`"a\u0000b"`)),
		text("nesting of 1,000", events.ErrTooDeep, h.raw(deep)),
		text("half a payload", events.ErrMalformed, `{"id":"demand-2","enterprise":`),
		text("no JSON", events.ErrMalformed, `id=demand-2`),
		text("two payloads", events.ErrMalformed, h.raw(`"a"`)+"{}"),
		text("a list", events.ErrSchema, `[]`),
		text("null", events.ErrSchema, `null`),
		{name: "body over the limit", want: events.ErrTooLarge, record: inAudit, recordAt: faceHTTP, typ: events.TypePublishDemand, subject: "demand-2", body: h.raw(`"` + strings.Repeat("x", 200<<10) + `"`)},
		{name: "body just over the limit", want: events.ErrTooLarge, record: inAudit, recordAt: faceHTTP, typ: events.TypePublishDemand, subject: "demand-2", body: h.raw(`"` + strings.Repeat("x", 128<<10) + `"`)},

		// The message.
		{name: "half a body", want: events.ErrMalformed, record: atFace, only: []door{overHTTP}, typ: events.TypePublishDemand, subject: "demand-2",
			body: loanDemand("demand-2", h.enterprise), web: func(r *webRequest) { r.broken = true }},
		{name: "another content type", want: events.ErrHeader, record: inAudit, recordAt: faceHTTP, typ: events.TypePublishDemand, subject: "demand-2", only: []door{overHTTP, binary},
			body: loanDemand("demand-2", h.enterprise), web: func(r *webRequest) { r.header.Set("Content-Type", "text/plain") }, msg: func(m *nats.Msg) { m.Header.Set("ce-datacontenttype", "text/plain") }},
		{name: "another charset", want: events.ErrEncoding, record: inAudit, recordAt: faceHTTP, typ: events.TypePublishDemand, subject: "demand-2", only: []door{overHTTP, binary},
			body: loanDemand("demand-2", h.enterprise), web: func(r *webRequest) { r.header.Set("Content-Type", "application/json; charset=gb18030") },
			msg: func(m *nats.Msg) { m.Header["ce-datacontenttype"] = []string{"application/json;%20charset=gb18030"} }},
		{name: "a repeated header", want: events.ErrHeader, record: inAudit, recordAt: faceHTTP, typ: events.TypePublishDemand, subject: "demand-2", only: []door{overHTTP, binary},
			body: loanDemand("demand-2", h.enterprise), web: func(r *webRequest) { r.header.Add("Idempotency-Key", "other") }, msg: func(m *nats.Msg) { m.Header["ce-id"] = append(m.Header["ce-id"], "other") }},
		{name: "a header repeated in another case", want: events.ErrHeader, record: inAudit, recordAt: faceHTTP, typ: events.TypePublishDemand, subject: "demand-2", only: []door{overHTTP, binary},
			body: loanDemand("demand-2", h.enterprise), web: func(r *webRequest) {
				r.header["jieli-actor"] = []string{"operator"}
				r.header.Set("Jieli-Actor", "party:bank-1")
			},
			msg: func(m *nats.Msg) {
				m.Header["CE-Actor"] = []string{"system"}
				m.Header["ce-actor"] = []string{"operator"}
			}},
		{name: "both modes at once", want: events.ErrHeader, record: inAudit, only: []door{structured}, typ: events.TypePublishDemand, subject: "demand-2",
			body: loanDemand("demand-2", h.enterprise), msg: func(m *nats.Msg) { m.Header["ce-type"] = []string{events.TypeWithdrawDemand} }},
		{name: "unknown type", want: events.ErrUnknownType, record: inAudit, recordAt: faceHTTP, typ: "jieli.demand.steal.v1", subject: "demand-1"},
		{name: "an event in place of a command", want: events.ErrUnknownType, record: inAudit, recordAt: faceHTTP, typ: events.TypeDemandFulfilled, subject: "demand-1", body: map[string]any{"amount": money("1.00")}},
		{name: "a type of another version", want: events.ErrUnknownType, record: inAudit, only: []door{binary, structured}, typ: "jieli.demand.publish.v2", subject: "demand-2", body: loanDemand("demand-2", h.enterprise)},
		{name: "a type of another context", want: events.ErrUnknownType, record: inAudit, only: []door{binary}, typ: events.TypePublishDemand, subject: "demand-2",
			body: loanDemand("demand-2", h.enterprise), msg: func(m *nats.Msg) { m.Header.Set("ce-type", events.TypePublishOffer) }},

		// Ids.
		{name: "wildcards in an id", want: events.ErrID, record: inAudit, typ: events.TypePublishDemand, subject: "demand-2", body: loanDemand("demand.*", h.enterprise)},
		{name: "wildcard > in an id", want: events.ErrID, record: inAudit, typ: events.TypePublishOffer, subject: "offer-2", body: loanOffer(">", "bank-1")},
		{name: "wildcards in a reference", want: events.ErrID, record: inAudit, typ: events.TypePublishOffer, subject: "offer-2", body: loanOffer("offer-2", "bank.>")},
		{name: "a blank in an id", want: events.ErrID, record: inAudit, typ: events.TypePublishDemand, subject: "demand-2", body: loanDemand("demand 2", h.enterprise)},
		{name: "a line break in an id", want: events.ErrID, record: inAudit, typ: events.TypePublishDemand, subject: "demand-2", body: loanDemand("demand-2\r\nPUB x 1", h.enterprise)},
		{name: "wildcards in the subject", want: events.ErrID, record: inAudit, recordAt: faceHTTP, typ: events.TypeWithdrawDemand, subject: "demand.>", body: reason},
		{name: "a subject of 65 characters", want: events.ErrID, record: inAudit, recordAt: faceHTTP, typ: events.TypeWithdrawDemand, subject: strings.Repeat("d", 65), body: reason},
		on("subject and id differ", events.ErrMismatch, inLedger, events.TypePublishDemand, "demand-1b", loanDemand("demand-2", h.enterprise)),
		on("nobody's demand", events.ErrNotFound, inLedger, events.TypeWithdrawDemand, "demand-none", reason),
		{name: "a command id that is no UUID", want: events.ErrCommandID, record: inAudit, only: []door{binary, structured}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, id: func() string { return "42" }},
		{name: "a command id of version 4", want: events.ErrCommandID, record: inAudit, only: []door{binary, structured}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason,
			id: func() string { return "8c9b0d4e-1f5c-4d6e-9b8a-0123456789ab" }},
		{name: "a command id of 31 days ago", want: events.ErrExpired, record: inAudit, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, id: id7(time.Now().Add(-31 * 24 * time.Hour))},
		{name: "a command id of tomorrow", want: events.ErrCommandID, record: inAudit, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, id: id7(time.Now().Add(24 * time.Hour))},
		{name: "an empty idempotency key", want: events.ErrHeader, record: atFace, only: []door{overHTTP}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason,
			web: func(r *webRequest) { r.header["Idempotency-Key"] = []string{""} }},
		{name: "the same command id with another body", want: events.ErrReusedID, record: inAudit, typ: events.TypePublishDemand, subject: "demand-1",
			body: with(loanDemand("demand-1", h.enterprise), map[string]any{"title": "另一内容"}), id: func() string { return h.used }},
		{name: "the same command id for another command", want: events.ErrReusedID, record: inAudit, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, id: func() string { return h.used }},

		// State.
		on("amending what is withdrawn", events.ErrState, inLedger, events.TypeAmendDemand, "demand-gone", with(loanDemand("x", "x"), map[string]any{"id": nil, "enterprise": nil})),
		on("holding what is withdrawn", events.ErrState, inLedger, events.TypeHoldDemand, "demand-gone", map[string]any{"hold": "h-1", "offer": "offer-1", "amount": money("1.00"), "until": validUntil()}),
		on("reserving what is withdrawn", events.ErrState, inLedger, events.TypeReserveCapacity, "offer-gone", reserve),
		on("publishing again with other content", events.ErrExists, inLedger, events.TypePublishDemand, "demand-gone", with(loanDemand("demand-gone", h.enterprise), map[string]any{"title": "另一内容"})),
		on("an id in the body of an amendment", events.ErrSchema, inAudit, events.TypeAmendDemand, "demand-1", loanDemand("demand-2", h.enterprise)),
		{name: "another version", want: events.ErrVersion, record: inLedger, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, expected: "9"},
		{name: "a version that is no number", want: events.ErrHeader, record: atFace, only: []door{overHTTP}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, web: func(r *webRequest) { r.header.Set("If-Match", "W/\"1\"") }},
		{name: "an expectation that is no number", want: events.ErrMalformed, record: inAudit, only: []door{binary, structured}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason, expected: "one"},
		on("an enterprise that is suspended", events.ErrState, inLedger, events.TypePublishDemand, "demand-2", loanDemand("demand-2", h.suspended)),
		on("a party that is suspended", events.ErrState, inLedger, events.TypePublishOffer, "offer-2", loanOffer("offer-2", "bank-2")),
		on("more than the capacity", events.ErrRange, inLedger, events.TypeReserveCapacity, "offer-1", with(reserve, map[string]any{"amount": money("10000000.01")})),
		on("more than is needed", events.ErrCapacity, inLedger, events.TypeHoldDemand, "demand-1", map[string]any{"hold": "h-1", "offer": "offer-1", "amount": money("5000000.01"), "until": validUntil()}),

		// Rights.
		{name: "the matcher's command", want: events.ErrInternalType, record: inAudit, typ: events.TypeRecommend, subject: "demand-1", body: map[string]any{}},
		{name: "the timer's command", want: events.ErrInternalType, record: inAudit, typ: events.TypeExpireDemand, subject: "demand-1"},
		as("party:bank-1", attempt{name: "the timer's command by a party", want: events.ErrInternalType, record: inAudit, typ: events.TypeExpireReservation, subject: "offer-1", body: map[string]any{"reservation": "r-1"}}),
		as("system", attempt{name: "speaking as the system", want: events.ErrForbidden, record: atFace, only: []door{overHTTP}, typ: events.TypeExpireDemand, subject: "demand-1"}),
		as("emperor", attempt{name: "an actor of no form", want: events.ErrForbidden, record: inAudit, only: []door{binary, structured}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason}),
		as("party:a.*", attempt{name: "an actor with wildcards", want: events.ErrHeader, record: atFace, only: []door{overHTTP}, typ: events.TypeWithdrawDemand, subject: "demand-1", body: reason}),
		as("user:stranger", publish("a user without authorisation", events.ErrForbidden, inLedger, nil)),
		as("user:u-old", publish("a user whose authorisation was revoked", events.ErrForbidden, inLedger, nil)),
		as("user:stranger", on("a stranger withdraws", events.ErrForbidden, inLedger, events.TypeWithdrawDemand, "demand-1", reason)),
		as("party:bank-3", on("a party pauses another's offer", events.ErrForbidden, inLedger, events.TypePauseOffer, "offer-1", reason)),
		as("party:bank-3", offer("a party publishes for another", events.ErrForbidden, inLedger, nil)),
		as("party:bank-3", on("a party holds by another's offer", events.ErrForbidden, inLedger, events.TypeHoldDemand, "demand-1",
			map[string]any{"hold": "h-1", "offer": "offer-1", "amount": money("1.00"), "until": validUntil()})),
		as("party:bank-1", on("a party licenses itself", events.ErrForbidden, inLedger, events.TypeLicenseParty, "bank-1", map[string]any{"licence": "insurer", "number": "I1", "valid_from": "2020-01-01"})),
		as("party:bank-1", attempt{name: "a party grants itself a view", want: events.ErrForbidden, record: inLedger, typ: events.TypeGrant, subject: "pboc",
			body: map[string]any{"grant": "mine", "purpose": "x", "basis": "x", "types": map[string]any{events.TypeDemandPublished: []any{"id"}}}}),
		on("a licence that does not cover it", events.ErrLicence, inLedger, events.TypePublishOffer, "offer-2", loanOffer("offer-2", "guarantor-1")),
		offer("beyond the unit's authority", events.ErrAuthority, inLedger, map[string]any{"unit": "tech-1"}),
		offer("a unit that is not there", events.ErrNotFound, inLedger, map[string]any{"unit": "tech-2"}),
	}
	list = append(list, h.borrowings()...)
	list = append(list, h.bonds()...)
	list = append(list, h.envelopes()...)
	for i := range list {
		// A create command's id is its subject over HTTP, whatever the path would say: there is a path of its own for the odd ones.
		if a := &list[i]; a.name == "subject and id differ" {
			a.web = func(r *webRequest) { r.path = "/v1/demands/demand-1b/publish" }
		}
	}
	return list
}
