package e2e

import (
	"encoding/json"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
)

func bondTerms() map[string]any {
	return map[string]any{"venue": "interbank", "instrument": "tech_note", "amount": money("300000000.00"), "tenor_days": 1095,
		"proceeds": []any{map[string]any{"use": "rnd", "share_bp": 10000}}}
}

// issue gives the hostile world two applications: one that stands, one that is withdrawn.
func (h *hostile) issue() {
	for _, id := range []string{"bond:open", "bond:gone"} {
		h.do("POST", "/v1/bonds", with(bondTerms(), map[string]any{"id": id, "issuer": h.enterprise, "issuer_kind": "technology_firm"}))
	}
	h.do("POST", "/v1/bonds/bond:gone/withdraw", map[string]any{"reason": "示例"})
}

// bonds are the attempts upon contexts bond and sharing.
func (h *hostile) bonds() []attempt {
	apply := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		body := with(bondTerms(), map[string]any{"id": "bond:new", "issuer": h.enterprise, "issuer_kind": "technology_firm"})
		return attempt{name: "bond: apply " + name, want: want, record: where, typ: events.TypeApplyBond, subject: "bond:new", body: with(body, fields)}
	}
	on := func(name string, want events.ProblemKind, where record, typ, subject string, body any) attempt {
		return attempt{name: "bond: " + name, want: want, record: where, typ: typ, subject: subject, body: body}
	}
	as := func(actor string, a attempt) attempt { a.actor = actor; a.name += " (" + actor + ")"; return a }
	share := func(bp ...int) map[string]any {
		var list []any
		for i, n := range bp {
			list = append(list, map[string]any{"use": []string{"rnd", "working_capital", "equity_investment"}[i], "share_bp": n})
		}
		return map[string]any{"proceeds": list}
	}
	reason := map[string]any{"reason": "示例"}
	grant := map[string]any{"grant": "g-1", "purpose": "示例", "basis": "示例", "types": map[string]any{events.TypeDemandPublished: []any{"id"}}}
	granting := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		return attempt{name: "sharing: grant " + name, want: want, record: where, typ: events.TypeGrant, subject: "pboc", body: with(grant, fields)}
	}
	return []attempt{
		{name: "bond: apply without the prefix of bonds", want: events.ErrID, record: inLedger, typ: events.TypeApplyBond, subject: "new",
			body: with(bondTerms(), map[string]any{"id": "new", "issuer": h.enterprise, "issuer_kind": "technology_firm"})},
		apply("for an issuer that is none", events.ErrNotFound, inAudit, map[string]any{"issuer": usccOf("330106", 9999)}),
		apply("for a suspended issuer", events.ErrState, inLedger, map[string]any{"issuer": h.suspended}),
		apply("of an issuer kind that is none", events.ErrSchema, inAudit, map[string]any{"issuer_kind": "individual"}),
		apply("at a venue that is none", events.ErrSchema, inAudit, map[string]any{"venue": "street"}),
		apply("of an instrument that is no bond", events.ErrCode, inLedger, map[string]any{"instrument": "credit_loan"}),
		apply("of nothing", events.ErrMoney, inLedger, map[string]any{"amount": money("0.00")}),
		apply("below zero", events.ErrMoney, inAudit, map[string]any{"amount": money("-1.00")}),
		apply("in gold", events.ErrCurrency, inAudit, map[string]any{"amount": map[string]any{"amount": "1", "currency": "XAU"}}),
		apply("for no time", events.ErrSchema, inAudit, map[string]any{"tenor_days": 0}),
		apply("for half a day", events.ErrSchema, inAudit, map[string]any{"tenor_days": 1.5}),
		apply("with nine tenths of the proceeds", events.ErrRange, inLedger, share(9000)),
		apply("with more than all of the proceeds", events.ErrSchema, inAudit, share(10001)),
		apply("with a share of nothing", events.ErrSchema, inAudit, share(10000, 0)),
		{name: "bond: apply for another id than the subject", want: events.ErrMismatch, record: inLedger, typ: events.TypeApplyBond, subject: "bond:new",
			body: with(bondTerms(), map[string]any{"id": "bond:other", "issuer": h.enterprise, "issuer_kind": "technology_firm"}),
			web:  func(r *webRequest) { r.path = "/v1/bonds/bond:new/apply" }},
		on("triage nothing", events.ErrNotFound, inAudit, events.TypeTriageBond, "bond:none", nil),
		on("resubmit what was not returned", events.ErrState, inLedger, events.TypeResubmitBond, "bond:open", bondTerms()),
		on("reject what is withdrawn", events.ErrState, inLedger, events.TypeRejectBond, "bond:gone", reason),
		on("reject without a reason", events.ErrSchema, inAudit, events.TypeRejectBond, "bond:open", map[string]any{}),
		as("user:stranger", apply("for another", events.ErrForbidden, inLedger, nil)),
		as("party:bank-1", apply("for an enterprise", events.ErrForbidden, inLedger, nil)),
		as("party:bank-3", on("withdraw another's", events.ErrForbidden, inLedger, events.TypeWithdrawBond, "bond:open", reason)),
		as("party:bank-1", on("triage", events.ErrForbidden, inLedger, events.TypeTriageBond, "bond:open", nil)),

		granting("of no type", events.ErrSchema, inAudit, map[string]any{"types": map[string]any{}}),
		granting("of a command", events.ErrUnknownType, inLedger, map[string]any{"types": map[string]any{events.TypePublishDemand: []any{"id"}}}),
		granting("of a type that is none", events.ErrUnknownType, inLedger, map[string]any{"types": map[string]any{"jieli.demand.stolen.v1": []any{"id"}}}),
		granting("of no fields", events.ErrSchema, inAudit, map[string]any{"types": map[string]any{events.TypeDemandPublished: []any{}}}),
		granting("of everything", events.ErrSchema, inAudit, map[string]any{"types": map[string]any{events.TypeDemandPublished: []any{"*"}}}),
		granting("of another planet", events.ErrRegion, inLedger, map[string]any{"regions": []any{"990000"}}),
		granting("that has ended", events.ErrValidity, inLedger, map[string]any{"until": "2020-01-01"}),
		granting("until a day that is none", events.ErrDates, inLedger, map[string]any{"until": "2030-02-30"}),
		granting("of its own, said in words", events.ErrSchema, inAudit, map[string]any{"own": "yes"}),
		granting("that is known with other content", events.ErrExists, inLedger, map[string]any{"grant": "pboc-default"}),
		{name: "sharing: revoke what was not granted", want: events.ErrNotFound, record: inLedger, typ: events.TypeRevokeGrant, subject: "pboc", body: map[string]any{"grant": "none", "reason": "示例"}},
		as("party:bank-1", attempt{name: "sharing: a party revokes a department's grant", want: events.ErrForbidden, record: inLedger, typ: events.TypeRevokeGrant, subject: "pboc", body: map[string]any{"grant": "pboc-default", "reason": "示例"}}),
	}
}

// envelopes are faults of the CloudEvent around a good payload, at the doors that take one.
func (h *hostile) envelopes() (list []attempt) {
	offer := loanOffer("offer-3", "bank-1")
	headers := []door{binary, partyBinary}
	add := func(name string, want events.ProblemKind, only []door, change func(m *nats.Msg)) {
		list = append(list, attempt{name: "envelope: " + name, want: want, record: inAudit, only: only, typ: events.TypePublishOffer, subject: "offer-3", body: offer,
			party: "bank-1", actor: "party:bank-1", msg: change})
	}
	set := func(name, value string) func(m *nats.Msg) {
		return func(m *nats.Msg) { m.Header[name] = []string{value} }
	}
	for name, c := range map[string]struct {
		want   events.ProblemKind
		change func(m *nats.Msg)
	}{
		"another version of CloudEvents":   {events.ErrMalformed, set("ce-specversion", "0.3")},
		"no version":                       {events.ErrMalformed, func(m *nats.Msg) { delete(m.Header, "ce-specversion") }},
		"no id":                            {events.ErrMalformed, func(m *nats.Msg) { delete(m.Header, "ce-id") }},
		"no type":                          {events.ErrMalformed, func(m *nats.Msg) { delete(m.Header, "ce-type") }},
		"no source":                        {events.ErrMalformed, func(m *nats.Msg) { delete(m.Header, "ce-source") }},
		"a time of no form":                {events.ErrMalformed, set("ce-time", "gestern")},
		"a source that is no URI":          {events.ErrMalformed, set("ce-source", "http://[")},
		"an attribute with capitals":       {events.ErrMalformed, set("ce-trace_parent", "x")},
		"percent signs that decode badly":  {events.ErrHeader, set("ce-source", "%zz")},
		"a type with a version of letters": {events.ErrUnknownType, set("ce-type", "jieli.offer.publish.vX")},
		"no subject":                       {events.ErrID, func(m *nats.Msg) { delete(m.Header, "ce-subject") }},
		"a subject with a point":           {events.ErrID, set("ce-subject", "a.b")},
		"a subject with a star":            {events.ErrID, set("ce-subject", "*")},
		"a subject with a blank":           {events.ErrID, set("ce-subject", "a%20b")},
		"a subject with a line break":      {events.ErrEncoding, set("ce-subject", "a%0D%0Ab")},
		"a subject with NUL":               {events.ErrEncoding, set("ce-subject", "a%00b")},
		"two content types":                {events.ErrHeader, set("content-type", "text/csv")},
		"a content type that is no JSON":   {events.ErrHeader, func(m *nats.Msg) { m.Header["ce-datacontenttype"] = []string{"application/xml"} }},
		"a repeated attribute":             {events.ErrHeader, func(m *nats.Msg) { m.Header["ce-type"] = append(m.Header["ce-type"], "x") }},
		"an attribute in two cases":        {events.ErrHeader, set("CE-TYPE", "x")},
		"too many headers": {events.ErrTooLarge, func(m *nats.Msg) {
			for i := range 65 {
				m.Header["x-"+strings.Repeat("a", i+1)] = []string{"1"}
			}
		}},
		"headers that are too long": {events.ErrTooLarge, set("x-long", strings.Repeat("a", 17<<10))},
		"both modes at once":        {events.ErrHeader, set("content-type", events.ContentTypeEvent)},
		"a batch":                   {events.ErrHeader, set("content-type", events.ContentTypeBatch)},
	} {
		add(name, c.want, headers, c.change)
	}
	texts := []door{structured, partyStructured}
	for name, c := range map[string]struct {
		want events.ProblemKind
		body func(event string) string
	}{
		"half an event":          {events.ErrMalformed, func(s string) string { return s[:len(s)/2] }},
		"two events":             {events.ErrMalformed, func(s string) string { return s + s }},
		"a list of events":       {events.ErrMalformed, func(s string) string { return "[" + s + "]" }},
		"an id of 7":             {events.ErrMalformed, func(s string) string { return strings.Replace(s, `"specversion":"1.0"`, `"specversion":1.0`, 1) }},
		"type twice":             {events.ErrDuplicateKey, func(s string) string { return strings.Replace(s, `{`, `{"type":"x","type":"y",`, 1) }},
		"type in two spells":     {events.ErrDuplicateKey, func(s string) string { return strings.Replace(s, `{`, `{"t\u0079pe":"x",`, 1) }},
		"data twice":             {events.ErrDuplicateKey, func(s string) string { return strings.Replace(s, `{`, `{"data":{},`, 1) }},
		"nothing":                {events.ErrMalformed, func(string) string { return "" }},
		"an object of names":     {events.ErrMalformed, func(string) string { return "{}" }},
		"an extension of a list": {events.ErrMalformed, func(s string) string { return strings.Replace(s, `{`, `{"actors":["operator"],`, 1) }},
	} {
		add(name, c.want, texts, func(m *nats.Msg) { m.Data = []byte(c.body(string(m.Data))) })
	}
	party := []door{partyBinary, partyStructured}
	rights := func(name string, want events.ProblemKind, change func(a *attempt)) {
		a := attempt{name: "at its own door: " + name, want: want, record: inAudit, only: party, typ: events.TypePublishOffer, subject: "offer-3", body: offer, party: "bank-1"}
		change(&a)
		list = append(list, a)
	}
	rights("a foreign source", events.ErrForbidden, func(a *attempt) { a.source = "https://bank.example/credit" })
	rights("another's source", events.ErrForbidden, func(a *attempt) { a.source = "/parties/bank-3" })
	rights("a source that begins like its own", events.ErrForbidden, func(a *attempt) { a.source = "/parties/bank-10" })
	rights("the operator's source", events.ErrForbidden, func(a *attempt) { a.source = "/jieli/offer" })
	rights("as the operator", events.ErrForbidden, func(a *attempt) { a.actor = "operator" })
	rights("as the system", events.ErrForbidden, func(a *attempt) { a.actor = "system" })
	rights("as another", events.ErrForbidden, func(a *attempt) { a.actor = "party:bank-3" })
	rights("for another", events.ErrForbidden, func(a *attempt) { a.body, a.record = loanOffer("offer-3", "bank-3"), inLedger })
	rights("a command that was given already, with another body", events.ErrReusedID, func(a *attempt) {
		a.typ, a.subject, a.body, a.id = events.TypeWithdrawDemand, "demand-1", map[string]any{"reason": "示例"}, func() string { return h.used }
	})
	rights("an id of 31 days ago", events.ErrExpired, func(a *attempt) { a.id = func() string { return "0195a3a0-0000-7000-8000-000000000001" } })
	rights("an event", events.ErrUnknownType, func(a *attempt) { a.typ, a.body = events.TypeOfferPublished, json.RawMessage(`{}`) })
	return list
}
