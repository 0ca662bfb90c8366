package e2e

import (
	"time"

	"github.com/jieli-bus/jieli/events"
)

// borrow gives the hostile world a borrower with contracts: "open" has a draw, "unused" none, "done" has ended.
func (h *hostile) borrow() {
	path := "/v1/crossborder/" + h.enterprise
	h.do("POST", "/v1/crossborder", assessment(h.enterprise))
	for _, id := range []string{"open", "unused", "done"} {
		h.do("POST", path+"/file", shortDollars(id, "1000000.00"))
	}
	h.do("POST", path+"/close", map[string]any{"contract": "done"})
	last := h.do("POST", path+"/draw", map[string]any{"contract": "open", "draw": "d-1", "amount": dollars("500000.00"), "rate": sevenYuan()})
	h.get(path, last.Position, nil)
}

// borrowings are the attempts upon context crossborder.
func (h *hostile) borrowings() []attempt {
	on := func(name string, want events.ProblemKind, where record, typ string, body map[string]any, fields map[string]any) attempt {
		return attempt{name: "borrowing: " + name, want: want, record: where, typ: typ, subject: h.enterprise, body: with(body, fields)}
	}
	as := func(actor string, a attempt) attempt { a.actor = actor; a.name += " (" + actor + ")"; return a }
	assess := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		return on("assess "+name, want, where, events.TypeAssessBorrower, assessment(h.enterprise), fields)
	}
	file := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		return on("file "+name, want, where, events.TypeFileContract, shortDollars("new", "1000.00"), fields)
	}
	draw := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		body := map[string]any{"contract": "open", "draw": "d-2", "amount": dollars("1000.00"), "rate": sevenYuan()}
		return on("draw "+name, want, where, events.TypeDraw, body, fields)
	}
	repay := func(name string, want events.ProblemKind, where record, fields map[string]any) attempt {
		return on("repay "+name, want, where, events.TypeRepay, map[string]any{"contract": "open", "draw": "d-1", "amount": dollars("1.00")}, fields)
	}
	statement := func(day any, assets any) map[string]any {
		return map[string]any{"statement": map[string]any{"day": day, "net_assets": assets, "document": "审字"}}
	}
	rate := func(fields map[string]any) map[string]any { return map[string]any{"rate": with(sevenYuan(), fields)} }
	contract := map[string]any{"contract": "open"}
	why := map[string]any{"contract": "open", "reason": "示例"}
	reason := map[string]any{"reason": "示例"}
	someone := usccOf("330106", 9999)
	return []attempt{
		assess("a kind that is none", events.ErrCode, inLedger, map[string]any{"kind": "person"}),
		assess("a route that is none", events.ErrCode, inLedger, map[string]any{"route": "silk_road"}),
		assess("net assets below zero", events.ErrMoney, inAudit, statement(inDays(-200), money("-1.00"))),
		assess("net assets in dollars", events.ErrCurrency, inLedger, statement(inDays(-200), dollars("1.00"))),
		assess("net assets as a number", events.ErrMoney, inAudit, statement(inDays(-200), map[string]any{"amount": 1, "currency": "CNY"})),
		assess("a statement of the future", events.ErrDates, inLedger, statement(inDays(2), money("1.00"))),
		assess("a statement before the known one", events.ErrDates, inLedger, statement(inDays(-300), money("1.00"))),
		assess("a statement of no day", events.ErrDates, inLedger, statement("2026-02-30", money("1.00"))),
		assess("without a statement", events.ErrSchema, inAudit, map[string]any{"statement": nil}),
		assess("with a limit of its own", events.ErrSchema, inAudit, map[string]any{"limit": money("35000000.00")}),
		assess("as a financing vehicle", events.ErrPolicy, inLedger, map[string]any{"declared": []any{"local_government_financing_vehicle"}}),
		assess("with a declaration of nothing known", events.ErrCode, inLedger, map[string]any{"declared": []any{"nice"}}),
		{name: "borrowing: assess who is not registered", want: events.ErrNotFound, record: inAudit, typ: events.TypeAssessBorrower, subject: someone, body: assessment(someone)},
		{name: "borrowing: assess who is suspended", want: events.ErrState, record: inLedger, typ: events.TypeAssessBorrower, subject: h.suspended, body: assessment(h.suspended)},
		{name: "borrowing: assess a guarantor as a bank", want: events.ErrPolicy, record: inLedger, typ: events.TypeAssessBorrower, subject: "guarantor-1", body: with(assessment("guarantor-1"), map[string]any{"kind": "bank"})},
		{name: "borrowing: draw of who was not assessed", want: events.ErrNotFound, record: inAudit, typ: events.TypeDraw, subject: someone, body: map[string]any{"contract": "a", "draw": "1", "amount": money("1.00")}},

		file("above the limit", events.ErrCapacity, inLedger, map[string]any{"amount": dollars("2500000.00")}),
		file("a known id with other content", events.ErrExists, inLedger, map[string]any{"contract": "open"}),
		file("the id of an ended contract", events.ErrExists, inLedger, map[string]any{"contract": "done"}),
		file("with wildcards in its id", events.ErrID, inAudit, map[string]any{"contract": "a.*"}),
		file("of a lender at home", events.ErrPolicy, inLedger, map[string]any{"lender_country": "CN"}),
		file("of a country by name", events.ErrSchema, inAudit, map[string]any{"lender_country": "Singapore"}),
		file("of no category", events.ErrCode, inLedger, map[string]any{"category": "lottery"}),
		file("of nothing", events.ErrMoney, inLedger, map[string]any{"amount": dollars("0.00")}),
		file("of gold", events.ErrCurrency, inAudit, map[string]any{"amount": map[string]any{"amount": "1", "currency": "XAU"}}),
		file("without a rate", events.ErrCurrency, inLedger, map[string]any{"rate": nil}),
		file("at a rate of nothing", events.ErrMoney, inLedger, rate(map[string]any{"rate": "0.0"})),
		file("at a rate as a number", events.ErrSchema, inAudit, rate(map[string]any{"rate": 7.0})),
		file("at a rate in exponents", events.ErrSchema, inAudit, rate(map[string]any{"rate": "7e0"})),
		file("at a rate of its own source", events.ErrCode, inLedger, rate(map[string]any{"source": "my_bank"})),
		file("at a rate of the future", events.ErrDates, inLedger, rate(map[string]any{"day": inDays(2)})),
		file("at a rate of last year", events.ErrDates, inLedger, rate(map[string]any{"day": inDays(-365)})),
		file("that ends before it begins", events.ErrDates, inLedger, map[string]any{"matures": inDays(-1)}),
		file("that ends on no day", events.ErrDates, inLedger, map[string]any{"matures": "2027-02-29"}),
		file("for a century", events.ErrRange, inLedger, map[string]any{"matures": inDays(36600)}),
		file("for two years without registration", events.ErrPolicy, inLedger, map[string]any{"matures": inDays(730)}),
		file("registered in the future", events.ErrDates, inLedger, map[string]any{"registration": map[string]any{"number": "1", "day": inDays(2)}}),

		draw("more than the contract", events.ErrCapacity, inLedger, map[string]any{"amount": dollars("500000.01")}),
		draw("above the limit", events.ErrCapacity, inLedger, rate(map[string]any{"rate": "99999"})),
		draw("in another currency", events.ErrCurrency, inLedger, map[string]any{"amount": money("1.00")}),
		draw("of nothing", events.ErrMoney, inLedger, map[string]any{"amount": dollars("0.00")}),
		draw("below zero", events.ErrMoney, inAudit, map[string]any{"amount": dollars("-1.00")}),
		draw("a known id with other content", events.ErrExists, inLedger, map[string]any{"draw": "d-1"}),
		draw("of no contract", events.ErrNotFound, inLedger, map[string]any{"contract": "none"}),
		draw("of an ended contract", events.ErrState, inLedger, map[string]any{"contract": "done"}),
		draw("without a rate", events.ErrCurrency, inLedger, map[string]any{"rate": nil}),
		repay("more than is drawn", events.ErrCapacity, inLedger, map[string]any{"amount": dollars("500000.01")}),
		repay("another's draw", events.ErrNotFound, inLedger, map[string]any{"draw": "d-9"}),
		repay("in yuan", events.ErrCurrency, inLedger, map[string]any{"amount": money("1.00")}),
		repay("nothing", events.ErrMoney, inLedger, map[string]any{"amount": dollars("0.00")}),

		on("close with a balance", events.ErrState, inLedger, events.TypeCloseContract, contract, nil),
		on("close no contract", events.ErrNotFound, inLedger, events.TypeCloseContract, contract, map[string]any{"contract": "none"}),
		on("cancel what is drawn", events.ErrState, inLedger, events.TypeCancelContract, why, nil),
		on("refuse what is drawn", events.ErrState, inLedger, events.TypeRefuseContract, why, nil),
		on("refuse without a reason", events.ErrSchema, inAudit, events.TypeRefuseContract, contract, nil),
		on("extend backwards", events.ErrDates, inLedger, events.TypeExtendContract, contract, map[string]any{"matures": inDays(1)}),
		on("extend without registration", events.ErrPolicy, inLedger, events.TypeExtendContract, contract, map[string]any{"matures": inDays(800)}),
		on("readmit who is not excluded", events.ErrState, inLedger, events.TypeReadmitBorrower, reason, nil),
		on("withdraw with open contracts", events.ErrState, inLedger, events.TypeWithdrawBorrower, reason, nil),
		on("the timer's command", events.ErrInternalType, inAudit, events.TypeApplyRules, nil, nil),

		as("user:stranger", file("for another", events.ErrForbidden, inLedger, nil)),
		as("user:u-old", draw("after a revocation", events.ErrForbidden, inLedger, nil)),
		as("user:stranger", repay("another's debt", events.ErrForbidden, inLedger, nil)),
		as("party:bank-1", draw("for an enterprise", events.ErrForbidden, inLedger, nil)),
		as("user:stranger", on("readmit", events.ErrForbidden, inLedger, events.TypeReadmitBorrower, reason, nil)),
		as("party:bank-1", attempt{name: "borrowing: a bank assesses another", want: events.ErrForbidden, record: inLedger, typ: events.TypeAssessBorrower, subject: "bank-3",
			body: with(assessment("bank-3"), map[string]any{"kind": "bank"})}),
		{name: "borrowing: a command id of 31 days ago", want: events.ErrExpired, record: inAudit, typ: events.TypeRepay, subject: h.enterprise, body: map[string]any{"contract": "open", "draw": "d-1", "amount": dollars("1.00")},
			id: func() string { return events.NewUUID7(time.Now().Add(-31 * 24 * time.Hour)).String() }},
	}
}
