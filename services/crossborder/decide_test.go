package crossborder

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// noon is 12:00 in Beijing on 2026-06-15.
var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

const uscc = "91350100M000100Y43"

// say is a command with the least words: the operator, at noon, about an enterprise that is registered.
type say struct {
	typ   string
	data  any
	actor step.Actor
	at    time.Time
	about string
	facts *Facts
}

func (c say) command() (*step.Command, time.Time) {
	if c.actor == "" {
		c.actor = step.Operator
	}
	if c.at.IsZero() {
		c.at = noon
	}
	if c.about == "" {
		c.about = uscc
	}
	command := &step.Command{Type: c.typ, Subject: c.about, Actor: c.actor, Data: c.data}
	if c.facts != nil {
		command.Facts = c.facts
	}
	return command, c.at
}

func (c say) by(actor step.Actor) say { c.actor = actor; return c }
func (c say) on(day events.Date) say {
	at, err := day.Start()
	if err != nil {
		panic(err)
	}
	c.at = at.Add(12 * time.Hour)
	return c
}
func (c say) of(about string) say { c.about = about; return c }
func (c say) without() say        { c.facts = nil; return c }
func (c say) with(change func(*Facts)) say {
	f := *c.facts
	change(&f)
	c.facts = &f
	return c
}

func known() *Facts {
	return &Facts{
		Borrower:       events.BorrowerFacts{Position: "enterprise.0:7", Version: 3, Name: "示例", Region: "350100", Industry: "C3976"},
		Authorisations: []events.Authorisation{{User: "u1", Role: "finance", From: "2026-06-01", Until: "2026-06-15"}},
	}
}

func bankFacts(f *Facts) {
	*f = Facts{Borrower: events.BorrowerFacts{Position: "party.0:7", Version: 2, Name: "示例银行", Region: "350100", PartyKind: "bank"}}
}

func assessed(change ...func(*events.AssessBorrower)) say {
	d := &events.AssessBorrower{ID: uscc, Kind: "firm", Route: "macro_prudential",
		Statement: events.NetAssets{Day: "2025-12-31", NetAssets: yuan("10000000.00"), Document: "审字1号"}}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeAssessBorrower, data: d, facts: known()}
}

func worth(amount string) func(*events.AssessBorrower) {
	return func(d *events.AssessBorrower) { d.Statement.NetAssets = yuan(amount) }
}

func rated() *events.FXRate {
	return &events.FXRate{Rate: "7.0", Source: "cfets_central_parity", Day: "2026-06-15"}
}

// filed is a contract of two million dollars for half a year: 28 million when all of it is drawn.
func filed(id string, change ...func(*events.FileContract)) say {
	d := &events.FileContract{Contract: id, Lender: "Example Bank", LenderCountry: "HK", Category: "on_balance",
		Amount: money("2000000.00", "USD"), Starts: "2026-06-15", Matures: "2026-12-15", Rate: rated()}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeFileContract, data: d, facts: known()}
}

// long makes it two years in yuan, with its registration: 1 yuan weighs 1.
func long(amount string) func(*events.FileContract) {
	return func(d *events.FileContract) {
		d.Amount, d.Rate, d.Matures = yuan(amount), nil, "2028-06-15"
		d.Registration = &events.Registration{Number: "发改办外资备1号", Day: "2026-05-01"}
	}
}

func drawn(contract, id string, amount events.Money, change ...func(*events.DrawContract)) say {
	d := &events.DrawContract{Contract: contract, Draw: id, Amount: amount}
	if amount.Currency != "CNY" {
		d.Rate = rated()
	}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeDraw, data: d, facts: known()}
}

func repaid(contract, id string, amount events.Money) say {
	return say{typ: events.TypeRepay, data: &events.RepayContract{Contract: contract, Draw: id, Amount: amount}}
}

func extended(contract string, matures events.Date) say {
	return say{typ: events.TypeExtendContract, data: &events.ExtendContract{Contract: contract, Matures: matures}, facts: known()}
}

func closed(contract string) say {
	return say{typ: events.TypeCloseContract, data: &events.ContractRef{Contract: contract}}
}

func ended(typ, contract string) say {
	return say{typ: typ, data: &events.ContractReason{Contract: contract, Reason: "示例"}, facts: known()}
}

func because(typ string) say {
	return say{typ: typ, data: &events.Reason{Reason: "示例"}, facts: known()}
}

var applied = say{typ: events.TypeApplyRules, data: &events.Empty{}, actor: step.System}

// play decides and applies, and holds the purity of both and the invariant on the way.
func play(t testing.TB, d step.Decider[Borrower], s *Borrower, version *uint64, c say) (*Borrower, []step.Event, error) {
	t.Helper()
	command, now := c.command()
	before := dump(t, s)
	decided, err := d.Decide(s, command, now)
	if after := dump(t, s); after != before {
		t.Fatalf("Decide of %s changed the state:\n%s\n%s", c.typ, before, after)
	}
	for _, e := range decided {
		*version++
		before := dump(t, s)
		applied := &step.Applied{Type: e.Type, Subject: command.Subject, Version: *version, Time: now, Data: e.Data}
		payload := dump(t, e.Data)
		next := d.Evolve(s, applied)
		if after := dump(t, s); after != before {
			t.Fatalf("Evolve of %s changed the old state:\n%s\n%s", e.Type, before, after)
		}
		if dump(t, next) != dump(t, d.Evolve(s, applied)) || dump(t, e.Data) != payload {
			t.Fatalf("Evolve of %s is not a function of its arguments", e.Type)
		}
		if err := d.Check(next); err != nil {
			t.Fatalf("after %s: %v", e.Type, err)
		}
		s = next
	}
	return s, decided, err
}

func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func types(decided []step.Event) string {
	var out []string
	for _, e := range decided {
		_, what := events.SplitType(e.Type)
		out = append(out, what)
	}
	return strings.Join(out, " ")
}

func refused(t testing.TB, err error, kind events.ProblemKind, field string) {
	t.Helper()
	p, ok := err.(*events.Problem)
	if !ok || !kind.Is(err) || p.Field != field {
		t.Fatalf("got %v, want the refusal %q at %q", err, kind.Code, field)
	}
	if p.Detail == "" || p.DetailEN == "" {
		t.Fatalf("a refusal has a sentence in both languages: %+v", p)
	}
}

// row is one given / when / then.
type row struct {
	name   string
	given  []say
	when   say
	then   string // what has happened; "" with no refusal: nothing to do
	used   string // the balance afterwards, yuan; "" is not looked at
	limit  string
	refuse events.ProblemKind
	field  string
}

func run(t *testing.T, rows []row) {
	t.Helper()
	d := Decider(sets(t))
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var s *Borrower
			var version uint64
			for i, c := range r.given {
				var err error
				var decided []step.Event
				if s, decided, err = play(t, d, s, &version, c); err != nil || len(decided) == 0 {
					t.Fatalf("given %d (%s): %v", i, c.typ, err)
				}
			}
			s, decided, err := play(t, d, s, &version, r.when)
			if r.refuse.Code != "" {
				refused(t, err, r.refuse, r.field)
				return
			}
			if err != nil || types(decided) != r.then {
				t.Fatalf("got %s (%v), want %s", types(decided), err, r.then)
			}
			if r.used != "" && s.Headroom.Used != yuan(r.used) || r.limit != "" && s.Headroom.Limit != yuan(r.limit) {
				t.Fatalf("used %s of %s, want %s of %s", s.Headroom.Used, s.Headroom.Limit, r.used, r.limit)
			}
			for _, e := range decided {
				if e.Attr.Instrument != Instrument || e.Attr.Region != "350100" {
					t.Fatalf("attributes of %s: %+v", e.Type, e.Attr)
				}
			}
		})
	}
}

func TestAssess(t *testing.T) {
	t.Parallel()
	bank := func(d *events.AssessBorrower) { d.Kind = "bank" }
	statement := func(day events.Date) func(*events.AssessBorrower) {
		return func(d *events.AssessBorrower) { d.Statement.Day = day }
	}
	run(t, []row{
		{name: "a firm", when: assessed(), then: "assessed", limit: "35000000.00", used: "0.00"},
		{name: "a firm without net assets", when: assessed(worth("0.00")), then: "assessed", limit: "0.00"},
		{name: "a bank", when: assessed(bank).with(bankFacts), then: "assessed", limit: "14000000.00"},
		{name: "a lessor", when: assessed(func(d *events.AssessBorrower) { d.Kind = "non_bank" }).with(bankFacts).with(func(f *Facts) { f.Borrower.PartyKind = "leasing" }), then: "assessed", limit: "17500000.00"},
		{name: "on the day before the parameter of 2025", when: assessed(statement("2023-12-31")).on("2025-01-12"), then: "assessed", limit: "30000000.00"},
		{name: "on its day", when: assessed(statement("2023-12-31")).on("2025-01-13"), then: "assessed", limit: "35000000.00"},
		{name: "before there were rules", when: assessed().on("2016-12-31"), refuse: events.ErrPolicy},
		{name: "the same again", given: []say{assessed()}, when: assessed()},
		{name: "the same on another day", given: []say{assessed()}, when: assessed().on("2026-07-01")},
		{name: "a new statement", given: []say{assessed()}, when: assessed(worth("12000000.00")), then: "assessed limit_changed", limit: "42000000.00"},
		{name: "another document", given: []say{assessed()}, when: assessed(func(d *events.AssessBorrower) { d.Statement.Document = "审字2号" }), then: "assessed"},
		{name: "an older statement", given: []say{assessed()}, when: assessed(statement("2025-06-30")), refuse: events.ErrDates, field: "/statement/day"},
		{name: "a statement of tomorrow", when: assessed(statement("2026-06-16")), refuse: events.ErrDates, field: "/statement/day"},
		{name: "a statement of today", when: assessed(statement("2026-06-15")), then: "assessed"},
		{name: "a statement of eighteen months", when: assessed(statement("2024-12-15")), then: "assessed"},
		{name: "a statement older than that", when: assessed(statement("2024-12-14")), refuse: events.ErrDates, field: "/statement/day"},
		{name: "a statement of no day", when: assessed(statement("2026-02-30")), refuse: events.ErrDates, field: "/statement/day"},
		{name: "net assets in dollars", when: assessed(func(d *events.AssessBorrower) { d.Statement.NetAssets = money("1.00", "USD") }), refuse: events.ErrCurrency, field: "/statement/net_assets/currency"},
		{name: "net assets below zero", when: assessed(worth("-1.00")), refuse: events.ErrMoney, field: "/statement/net_assets"},
		{name: "net assets beyond", when: assessed(func(d *events.AssessBorrower) { d.Statement.NetAssets.Minor = 1 << 62 }), refuse: events.ErrRange},
		{name: "an unknown kind", when: assessed(func(d *events.AssessBorrower) { d.Kind = "person" }), refuse: events.ErrCode, field: "/kind"},
		{name: "an unknown route", when: assessed(func(d *events.AssessBorrower) { d.Route = "silk_road" }), refuse: events.ErrCode, field: "/route"},
		{name: "an insurer is no bank", when: assessed(bank).with(bankFacts).with(func(f *Facts) { f.Borrower.PartyKind = "insurer" }), refuse: events.ErrPolicy, field: "/kind"},
		{name: "another's id", when: assessed().of("x-1"), refuse: events.ErrMismatch, field: "/id"},
		{name: "nobody registered", when: assessed().without(), refuse: events.ErrNotFound, field: "/id"},
		{name: "suspended", when: assessed().with(func(f *Facts) { f.Suspended = true }), refuse: events.ErrState},
		{name: "a real-estate firm by its industry", when: assessed().with(func(f *Facts) { f.Borrower.Industry = "K7010" }), refuse: events.ErrPolicy},
		{name: "a financing vehicle by its declaration", when: assessed(func(d *events.AssessBorrower) { d.Declared = []string{"local_government_financing_vehicle"} }), refuse: events.ErrPolicy},
		{name: "declared nonsense", when: assessed(func(d *events.AssessBorrower) { d.Declared = []string{"nice"} }), refuse: events.ErrCode, field: "/declared/0"},
		{name: "a firm becomes a bank", given: []say{assessed()}, when: assessed(bank).with(bankFacts), refuse: events.ErrState, field: "/kind"},
		{name: "a user", when: assessed().by("user:u1"), then: "assessed"},
		{name: "a user a day late", when: assessed().by("user:u1").on("2026-06-16"), refuse: events.ErrForbidden},
		{name: "a user a day early", when: assessed().by("user:u1").on("2026-05-31"), refuse: events.ErrForbidden},
		{name: "another user", when: assessed().by("user:u2"), refuse: events.ErrForbidden},
		{name: "a party for an enterprise", when: assessed().by("party:bank"), refuse: events.ErrForbidden},
		{name: "a bank for itself", when: assessed(bank).with(bankFacts).by("party:" + uscc), then: "assessed"},
		{name: "a bank for another", when: assessed(bank).with(bankFacts).by("party:else"), refuse: events.ErrForbidden},
		{name: "a user for a bank", when: assessed(bank).with(bankFacts).by("user:u1"), refuse: events.ErrForbidden},
	})
}

func TestFile(t *testing.T) {
	t.Parallel()
	first := []say{assessed()}
	run(t, []row{
		{name: "dollars", given: first, when: filed("c1"), then: "filed", used: "0.00"},
		{name: "yuan", given: first, when: filed("c1", long("35000000.00")), then: "filed"},
		{name: "a fen too much", given: first, when: filed("c1", long("35000000.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "beside what is drawn", given: []say{assessed(), filed("c1"), drawn("c1", "d1", money("2000000.00", "USD"))}, when: filed("c2", long("7000000.00")), then: "filed", used: "28000000.00"},
		{name: "not beside what is drawn", given: []say{assessed(), filed("c1"), drawn("c1", "d1", money("2000000.00", "USD"))}, when: filed("c2", long("7000000.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "what is not drawn takes nothing", given: []say{assessed(), filed("c1")}, when: filed("c2", long("35000000.00")), then: "filed"},
		{name: "unknown borrower", when: filed("c1"), refuse: events.ErrNotFound},
		{name: "the same again", given: []say{assessed(), filed("c1")}, when: filed("c1")},
		{name: "the same id otherwise", given: []say{assessed(), filed("c1")}, when: filed("c1", long("1.00")), refuse: events.ErrExists, field: "/contract"},
		{name: "the id of one that ended", given: []say{assessed(), filed("c1"), closed("c1")}, when: filed("c1"), refuse: events.ErrExists, field: "/contract"},
		{name: "a bad id", given: first, when: filed("c 1"), refuse: events.ErrID, field: "/contract"},
		{name: "a lender at home", given: first, when: filed("c1", func(d *events.FileContract) { d.LenderCountry = "CN" }), refuse: events.ErrPolicy, field: "/lender_country"},
		{name: "a category unknown", given: first, when: filed("c1", func(d *events.FileContract) { d.Category = "else" }), refuse: events.ErrCode, field: "/category"},
		{name: "of nothing", given: first, when: filed("c1", func(d *events.FileContract) { d.Amount.Minor = 0 }), refuse: events.ErrMoney, field: "/amount"},
		{name: "in gold", given: first, when: filed("c1", func(d *events.FileContract) { d.Amount.Currency = "XAU" }), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "beyond", given: first, when: filed("c1", func(d *events.FileContract) { d.Amount.Minor = 1 << 62 }), refuse: events.ErrRange, field: "/amount"},
		{name: "dollars without a rate", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate = nil }), refuse: events.ErrCurrency, field: "/rate"},
		{name: "yuan with a rate", given: first, when: filed("c1", long("1.00"), func(d *events.FileContract) { d.Rate = rated() }), refuse: events.ErrCurrency, field: "/rate"},
		{name: "a rate of nothing", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate.Rate = "0.00" }), refuse: events.ErrMoney, field: "/rate/rate"},
		{name: "a rate from the market stall", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate.Source = "stall" }), refuse: events.ErrCode, field: "/rate/source"},
		{name: "a rate of tomorrow", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate.Day = "2026-06-16" }), refuse: events.ErrDates, field: "/rate/day"},
		{name: "a rate ten days old", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate.Day = "2026-06-05" }), then: "filed"},
		{name: "a rate eleven days old", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate.Day = "2026-06-04" }), refuse: events.ErrDates, field: "/rate/day"},
		{name: "a rate of no day", given: first, when: filed("c1", func(d *events.FileContract) { d.Rate.Day = "2026-02-29" }), refuse: events.ErrDates, field: "/rate/day"},
		{name: "ends before it begins", given: first, when: filed("c1", func(d *events.FileContract) { d.Matures = d.Starts }), refuse: events.ErrDates, field: "/matures"},
		{name: "begins on no day", given: first, when: filed("c1", func(d *events.FileContract) { d.Starts = "2026-06-31" }), refuse: events.ErrDates, field: "/starts"},
		{name: "ends on no day", given: first, when: filed("c1", func(d *events.FileContract) { d.Matures = "2026-11-31" }), refuse: events.ErrDates, field: "/matures"},
		{name: "is over", given: first, when: filed("c1", func(d *events.FileContract) { d.Starts, d.Matures = "2026-01-01", "2026-06-14" }), refuse: events.ErrDates, field: "/matures"},
		{name: "fifty years and a day", given: first, when: filed("c1", long("1.00"), func(d *events.FileContract) { d.Matures = "2076-06-16" }), refuse: events.ErrRange, field: "/matures"},
		{name: "exactly a year needs no registration", given: first, when: filed("c1", func(d *events.FileContract) { d.Matures = "2027-06-15" }), then: "filed"},
		{name: "a year and a day needs one", given: first, when: filed("c1", func(d *events.FileContract) { d.Matures = "2027-06-16" }), refuse: events.ErrPolicy, field: "/registration"},
		{name: "before order 56 it did not", given: []say{assessed(func(d *events.AssessBorrower) { d.Statement.Day = "2021-12-31" }).on("2023-02-09")}, when: filed("c1", long("1.00"), func(d *events.FileContract) { d.Registration, d.Starts = nil, "2023-02-09" }).on("2023-02-09"), then: "filed"},
		{name: "since order 56 it does", given: []say{assessed(func(d *events.AssessBorrower) { d.Statement.Day = "2021-12-31" }).on("2023-02-09")}, when: filed("c1", long("1.00"), func(d *events.FileContract) { d.Registration, d.Starts = nil, "2023-02-10" }).on("2023-02-10"), refuse: events.ErrPolicy, field: "/registration"},
		{name: "registered tomorrow", given: first, when: filed("c1", long("1.00"), func(d *events.FileContract) { d.Registration.Day = "2026-06-16" }), refuse: events.ErrDates, field: "/registration/day"},
		{name: "registered on no day", given: first, when: filed("c1", long("1.00"), func(d *events.FileContract) { d.Registration.Day = "2026-04-31" }), refuse: events.ErrDates, field: "/registration/day"},
		{name: "suspended", given: first, when: filed("c1").with(func(f *Facts) { f.Suspended = true }), refuse: events.ErrState},
		{name: "excluded", given: []say{assessed(), because(events.TypeExcludeBorrower)}, when: filed("c1"), refuse: events.ErrPolicy},
		{name: "withdrawn", given: []say{assessed(), because(events.TypeWithdrawBorrower)}, when: filed("c1"), refuse: events.ErrState},
		{name: "a user", given: first, when: filed("c1").by("user:u1"), then: "filed"},
		{name: "another user", given: first, when: filed("c1").by("user:u2"), refuse: events.ErrForbidden},
		{name: "a party", given: first, when: filed("c1").by("party:" + uscc), refuse: events.ErrForbidden},
		{name: "by rules that give less than was recorded", given: []say{assessed(func(d *events.AssessBorrower) { d.Statement.Day = "2020-06-30" }).on("2020-12-31")}, when: filed("c1", long("20000000.00"), func(d *events.FileContract) { d.Starts, d.Registration = "2021-01-07", nil }).on("2021-01-07"), then: "limit_changed filed", limit: "20000000.00"},
	})
}

func TestDrawAndRepay(t *testing.T) {
	t.Parallel()
	usd := func(amount string) events.Money { return money(amount, "USD") }
	half := []say{assessed(), filed("c1"), drawn("c1", "d1", usd("1000000.00"))}
	revolving := func(d *events.FileContract) { d.Revolving = true }
	run(t, []row{
		{name: "a part", given: half[:2], when: drawn("c1", "d1", usd("1000000.00")), then: "drawn", used: "14000000.00"},
		{name: "the rest", given: half, when: drawn("c1", "d2", usd("1000000.00")), then: "drawn", used: "28000000.00"},
		{name: "at another rate", given: half, when: drawn("c1", "d2", usd("1000000.00"), func(d *events.DrawContract) { d.Rate.Rate = "10.5" }), then: "drawn", used: "35000000.00"},
		{name: "at a rate that takes more than there is", given: half, when: drawn("c1", "d2", usd("1000000.00"), func(d *events.DrawContract) { d.Rate.Rate = "10.5000000051" }), refuse: events.ErrCapacity, field: "/amount"},
		{name: "more than the contract", given: half, when: drawn("c1", "d2", usd("1000000.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "up to the limit with two contracts", given: append(slices.Clone(half), filed("c2", long("21000000.00"))), when: drawn("c2", "d1", yuan("21000000.00")), then: "drawn", used: "35000000.00"},
		{name: "two contracts that fitted alone", given: []say{assessed(), filed("c1"), filed("c2", long("35000000.00")), drawn("c2", "d1", yuan("7000000.01"))}, when: drawn("c1", "d1", usd("2000000.00")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "the same again", given: half, when: drawn("c1", "d1", usd("1000000.00"))},
		{name: "the same id otherwise", given: half, when: drawn("c1", "d1", usd("1.00")), refuse: events.ErrExists, field: "/draw"},
		{name: "the same id at another rate", given: half, when: drawn("c1", "d1", usd("1000000.00"), func(d *events.DrawContract) { d.Rate.Rate = "7.1" }), refuse: events.ErrExists, field: "/draw"},
		{name: "of no contract", given: half, when: drawn("c7", "d1", usd("1.00")), refuse: events.ErrNotFound, field: "/contract"},
		{name: "of a contract that ended", given: []say{assessed(), filed("c1"), closed("c1")}, when: drawn("c1", "d1", usd("1.00")), refuse: events.ErrState, field: "/contract"},
		{name: "with a bad id", given: half, when: drawn("c1", "d*", usd("1.00")), refuse: events.ErrID, field: "/draw"},
		{name: "of nothing", given: half, when: drawn("c1", "d2", usd("0.00")), refuse: events.ErrMoney, field: "/amount"},
		{name: "in yuan of a dollar contract", given: half, when: drawn("c1", "d2", yuan("1.00")), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "without a rate", given: half, when: drawn("c1", "d2", usd("1.00"), func(d *events.DrawContract) { d.Rate = nil }), refuse: events.ErrCurrency, field: "/rate"},
		{name: "before the term", given: []say{assessed(), filed("c1", func(d *events.FileContract) { d.Starts = "2026-06-16" })}, when: drawn("c1", "d1", usd("1.00")), refuse: events.ErrState},
		{name: "on its last day", given: half, when: drawn("c1", "d2", usd("1.00"), func(d *events.DrawContract) { d.Rate.Day = "2026-12-15" }).on("2026-12-15"), then: "drawn"},
		{name: "after it", given: half, when: drawn("c1", "d2", usd("1.00"), func(d *events.DrawContract) { d.Rate.Day = "2026-12-16" }).on("2026-12-16"), refuse: events.ErrState},
		{name: "excluded", given: append(slices.Clone(half), because(events.TypeExcludeBorrower)), when: drawn("c1", "d2", usd("1.00")), refuse: events.ErrPolicy},
		{name: "readmitted", given: append(slices.Clone(half), because(events.TypeExcludeBorrower), because(events.TypeReadmitBorrower)), when: drawn("c1", "d2", usd("1.00")), then: "drawn"},
		{name: "less net assets that still leave room", given: append(slices.Clone(half), assessed(worth("9000000.00"))), when: drawn("c1", "d2", usd("1.00")), then: "drawn"},
		{name: "suspended", given: half, when: drawn("c1", "d2", usd("1.00")).with(func(f *Facts) { f.Suspended = true }), refuse: events.ErrState},

		{name: "repay a part", given: half, when: repaid("c1", "d1", usd("500000.00")), then: "repaid", used: "7000000.00"},
		{name: "repay all", given: half, when: repaid("c1", "d1", usd("1000000.00")), then: "repaid", used: "0.00"},
		{name: "repay too much", given: half, when: repaid("c1", "d1", usd("1000000.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "repay of one draw what is left of two", given: append(slices.Clone(half), drawn("c1", "d2", usd("1000000.00"))), when: repaid("c1", "d1", usd("1000000.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "repay twice", given: append(slices.Clone(half), repaid("c1", "d1", usd("1000000.00"))), when: repaid("c1", "d1", usd("0.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "repay nothing", given: half, when: repaid("c1", "d1", usd("0.00")), refuse: events.ErrMoney, field: "/amount"},
		{name: "repay in yuan", given: half, when: repaid("c1", "d1", yuan("1.00")), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "repay no draw", given: half, when: repaid("c1", "d9", usd("1.00")), refuse: events.ErrNotFound, field: "/draw"},
		{name: "repay no contract", given: half, when: repaid("c9", "d1", usd("1.00")), refuse: events.ErrNotFound, field: "/contract"},
		{name: "repay when excluded", given: append(slices.Clone(half), because(events.TypeExcludeBorrower)), when: repaid("c1", "d1", usd("1.00")), then: "repaid"},
		{name: "repay after the term", given: half, when: repaid("c1", "d1", usd("1000000.00")).on("2027-03-01"), then: "repaid", used: "0.00"},
		{name: "what is repaid may not be drawn again", given: append(slices.Clone(half), drawn("c1", "d2", usd("1000000.00")), repaid("c1", "d1", usd("1000000.00"))), when: drawn("c1", "d3", usd("0.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "but of a revolving contract", given: []say{assessed(), filed("c1", revolving), drawn("c1", "d1", usd("2000000.00")), repaid("c1", "d1", usd("500000.00"))}, when: drawn("c1", "d2", usd("500000.00")), then: "drawn", used: "28000000.00"},
		{name: "and not above its balance", given: []say{assessed(), filed("c1", revolving), drawn("c1", "d1", usd("2000000.00")), repaid("c1", "d1", usd("500000.00"))}, when: drawn("c1", "d2", usd("500000.01")), refuse: events.ErrCapacity, field: "/amount"},
		{name: "a user repays", given: half, when: say{typ: events.TypeRepay, data: &events.RepayContract{Contract: "c1", Draw: "d1", Amount: usd("1.00")}, facts: known()}.by("user:u1"), then: "repaid"},
	})
}

func TestEndsAndExtensions(t *testing.T) {
	t.Parallel()
	usd := func(amount string) events.Money { return money(amount, "USD") }
	half := []say{assessed(), filed("c1"), drawn("c1", "d1", usd("1000000.00"))}
	run(t, []row{
		{name: "close with a balance", given: half, when: closed("c1"), refuse: events.ErrState},
		{name: "close after repayment", given: append(slices.Clone(half), repaid("c1", "d1", usd("1000000.00"))), when: closed("c1"), then: "closed"},
		{name: "close what was not drawn", given: half[:2], when: closed("c1"), then: "closed"},
		{name: "close again", given: append(slices.Clone(half[:2]), closed("c1")), when: closed("c1")},
		{name: "close nothing", given: half, when: closed("c9"), refuse: events.ErrNotFound, field: "/contract"},
		{name: "cancel", given: half[:2], when: ended(events.TypeCancelContract, "c1"), then: "cancelled"},
		{name: "cancel again", given: append(slices.Clone(half[:2]), ended(events.TypeCancelContract, "c1")), when: ended(events.TypeCancelContract, "c1")},
		{name: "cancel what is closed", given: append(slices.Clone(half[:2]), closed("c1")), when: ended(events.TypeCancelContract, "c1"), refuse: events.ErrState, field: "/contract"},
		{name: "cancel what was drawn", given: append(slices.Clone(half), repaid("c1", "d1", usd("1000000.00"))), when: ended(events.TypeCancelContract, "c1"), refuse: events.ErrState},
		{name: "refuse", given: half[:2], when: ended(events.TypeRefuseContract, "c1"), then: "refused"},
		{name: "refuse again", given: append(slices.Clone(half[:2]), ended(events.TypeRefuseContract, "c1")), when: ended(events.TypeRefuseContract, "c1")},
		{name: "refuse what was drawn", given: half, when: ended(events.TypeRefuseContract, "c1"), refuse: events.ErrState},
		{name: "a user does not refuse", given: half[:2], when: ended(events.TypeRefuseContract, "c1").by("user:u1"), refuse: events.ErrForbidden},

		{name: "exclude", given: half, when: because(events.TypeExcludeBorrower), then: "excluded"},
		{name: "exclude again", given: append(slices.Clone(half), because(events.TypeExcludeBorrower)), when: because(events.TypeExcludeBorrower)},
		{name: "exclude otherwise", given: append(slices.Clone(half), because(events.TypeExcludeBorrower)), when: say{typ: events.TypeExcludeBorrower, data: &events.Reason{Reason: "x"}}, refuse: events.ErrState},
		{name: "readmit who is not excluded", given: half, when: because(events.TypeReadmitBorrower), refuse: events.ErrState},
		{name: "a borrower's user withdraws it", given: []say{assessed()}, when: because(events.TypeWithdrawBorrower).by("user:u1"), then: "withdrawn"},
		{name: "a borrower does not readmit itself", given: append(slices.Clone(half), because(events.TypeExcludeBorrower)), when: because(events.TypeReadmitBorrower).by("user:u1"), refuse: events.ErrForbidden},
		{name: "an assessment does not readmit", given: append(slices.Clone(half), because(events.TypeExcludeBorrower), assessed(worth("11000000.00"))), when: because(events.TypeReadmitBorrower), then: "readmitted"},
		{name: "withdraw with a contract", given: half[:2], when: because(events.TypeWithdrawBorrower), refuse: events.ErrState},
		{name: "withdraw", given: append(slices.Clone(half[:2]), closed("c1")), when: because(events.TypeWithdrawBorrower), then: "withdrawn"},
		{name: "begin again", given: []say{assessed(), because(events.TypeWithdrawBorrower)}, when: assessed(), then: "assessed"},
		{name: "nothing between", given: []say{assessed(), because(events.TypeWithdrawBorrower)}, when: because(events.TypeExcludeBorrower), refuse: events.ErrState},

		{name: "extend", given: half, when: extended("c1", "2027-06-15"), then: "extended", used: "14000000.00"},
		{name: "extend to more than a year without registration", given: half, when: extended("c1", "2027-06-16"), refuse: events.ErrPolicy, field: "/registration"},
		{name: "with one it still weighs as filed", given: half, when: say{typ: events.TypeExtendContract, facts: known(), data: &events.ExtendContract{Contract: "c1", Matures: "2028-06-15", Registration: &events.Registration{Number: "1", Day: "2026-06-01"}}}, then: "extended", used: "14000000.00"},
		{name: "extend to the same day", given: half, when: extended("c1", "2026-12-15")},
		{name: "shorten", given: half, when: extended("c1", "2026-12-14"), refuse: events.ErrDates, field: "/matures"},
		{name: "extend what is over", given: half, when: extended("c1", "2027-06-15").on("2026-12-16"), refuse: events.ErrState},
		{name: "extend nothing", given: half, when: extended("c9", "2027-06-15"), refuse: events.ErrNotFound, field: "/contract"},
		{name: "extend when excluded", given: append(slices.Clone(half), because(events.TypeExcludeBorrower)), when: extended("c1", "2027-06-15"), refuse: events.ErrPolicy},
		{name: "not taken", given: half, when: say{typ: "jieli.crossborder.else.v1", data: &events.Expired{}}, refuse: events.ErrUnknownType},
		{name: "not taken of a contract", given: half, when: ended("jieli.crossborder.else.v1", "c1"), refuse: events.ErrUnknownType},
		{name: "not taken of a borrower", given: half, when: because("jieli.crossborder.else.v1"), refuse: events.ErrUnknownType},
	})
}

// TestAfterACut: when the limit falls below the balance, what there is runs on; nothing new is taken, nothing rolled over, until the
// balance is back under it.
func TestAfterACut(t *testing.T) {
	t.Parallel()
	old := func(d *events.AssessBorrower) { d.Statement.Day = "2020-06-30" }
	from := func(d *events.FileContract) { d.Starts, d.Matures, d.Registration = "2020-12-31", "2023-12-31", nil }
	// 25 million by the parameter 1.25 of 2020, 24 million of them drawn; from 2021-01-07 the limit is 20 million.
	given := []say{assessed(old).on("2020-12-31"), filed("c1", long("25000000.00"), from).on("2020-12-31"),
		drawn("c1", "d1", yuan("20000000.00")).on("2020-12-31"), drawn("c1", "d2", yuan("4000000.00")).on("2020-12-31")}
	cut := append(slices.Clone(given), applied.on("2021-01-07"))
	back := append(slices.Clone(cut), repaid("c1", "d2", yuan("4000000.00")).on("2021-02-01"))
	run(t, []row{
		{name: "on the day before", given: given, when: drawn("c1", "d3", yuan("1000000.00")).on("2021-01-06"), then: "drawn", used: "25000000.00", limit: "25000000.00"},
		{name: "the rules come into force", given: given, when: applied.on("2021-01-07"), then: "limit_changed", used: "24000000.00", limit: "20000000.00"},
		{name: "once", given: cut, when: applied.on("2021-01-08")},
		{name: "too early", given: given, when: applied.on("2021-01-06")},
		{name: "no draw", given: cut, when: drawn("c1", "d3", yuan("0.01")).on("2021-01-07"), refuse: events.ErrCapacity, field: "/amount"},
		{name: "no draw, even before the timer", given: given, when: drawn("c1", "d3", yuan("0.01")).on("2021-01-07"), refuse: events.ErrCapacity, field: "/amount"},
		{name: "no contract", given: cut, when: filed("c2", long("0.01"), from).on("2021-01-07"), refuse: events.ErrCapacity, field: "/amount"},
		{name: "no roll-over", given: cut, when: extended("c1", "2024-12-31").on("2021-01-07"), refuse: events.ErrPolicy},
		{name: "repayment before the timer says both", given: given, when: repaid("c1", "d2", yuan("1000000.00")).on("2021-01-07"), then: "limit_changed repaid", used: "23000000.00", limit: "20000000.00"},
		{name: "still above after a repayment", given: append(slices.Clone(cut), repaid("c1", "d2", yuan("3999999.99")).on("2021-02-01")), when: drawn("c1", "d3", yuan("0.01")).on("2021-02-01"), refuse: events.ErrCapacity, field: "/amount"},
		{name: "back at the limit a roll-over is taken", given: back, when: extended("c1", "2024-12-31").on("2021-02-01"), then: "extended", used: "20000000.00"},
		{name: "back at the limit there is nothing to draw", given: back, when: drawn("c1", "d3", yuan("0.01")).on("2021-02-01"), refuse: events.ErrCapacity, field: "/amount"},
		{name: "below it there is", given: append(slices.Clone(back), repaid("c1", "d1", yuan("0.01")).on("2021-02-02")), when: drawn("c1", "d3", yuan("0.01")).on("2021-02-02"), then: "drawn", used: "20000000.00"},
		{name: "the contract runs to maturity and weighs on", given: cut, when: repaid("c1", "d1", yuan("20000000.00")).on("2024-03-01"), then: "limit_changed repaid", used: "4000000.00", limit: "30000000.00"},
		{name: "a new statement below the balance", given: given, when: assessed(old, worth("5000000.00")).on("2021-01-01"), then: "assessed limit_changed", used: "24000000.00", limit: "12500000.00"},
	})
}

// TestDocument holds what is remembered, and from when.
func TestDocument(t *testing.T) {
	t.Parallel()
	d := Decider(sets(t))
	var s *Borrower
	var version uint64
	old := func(d *events.AssessBorrower) { d.Statement.Day = "2020-06-30" }
	short := func(d *events.FileContract) { d.Starts, d.Matures, d.Registration = "2020-12-31", "2021-12-31", nil }
	certificate := &events.Registration{Number: "1", Day: "2020-12-31"}
	for _, c := range []say{
		assessed(old).on("2020-12-31"), filed("c1", long("16000000.00"), short).on("2020-12-31"), drawn("c1", "d1", yuan("12000000.00")).on("2021-01-01"),
		drawn("c1", "d2", yuan("4000000.00")).on("2021-01-02"),
		{typ: events.TypeExtendContract, data: &events.ExtendContract{Contract: "c1", Matures: "2022-12-31", Registration: certificate}, facts: known()},
		applied.on("2021-01-07"), assessed(old, worth("9000000.00")).on("2021-01-08"), repaid("c1", "d1", yuan("1000000.00")).on("2021-01-09"),
	} {
		var err error
		if c.at.IsZero() {
			c = c.on("2021-01-03")
		}
		if s, _, err = play(t, d, s, &version, c); err != nil {
			t.Fatal(err)
		}
	}
	created, _ := events.Date("2020-12-31").Start()
	updated, _ := events.Date("2021-01-09").Start()
	if !s.CreatedAt.Equal(created.Add(12*time.Hour)) || !s.UpdatedAt.Equal(updated.Add(12*time.Hour)) {
		t.Errorf("created %s, updated %s", s.CreatedAt, s.UpdatedAt)
	}
	// 24 million of 20 since the cut on the 7th; a worse statement on the 8th makes it 18; a repayment weighs one and a half.
	if s.Over == nil || s.Over.Since != "2021-01-07" || s.Over.Used != yuan("22500000.00") || s.Headroom.Limit != yuan("18000000.00") || s.Headroom.AsOf != "2021-01-09" {
		t.Errorf("over %+v, headroom %+v", s.Over, s.Headroom)
	}
	c := s.Contracts["c1"]
	if c.Filed != "2020-12-31" || c.FiledMatures != "2021-12-31" || c.Matures != "2022-12-31" || *c.Registration != *certificate ||
		c.Drawn != yuan("16000000.00") || c.Outstanding != yuan("15000000.00") || c.Draws["d1"].Day != "2021-01-01" || c.Draws["d1"].Outstanding != yuan("11000000.00") {
		t.Errorf("contract %+v", c)
	}
	for _, r := range []say{repaid("c1", "d1", yuan("11000000.00")), repaid("c1", "d2", yuan("4000000.00")), closed("c1")} {
		s, _, _ = play(t, d, s, &version, r.on("2021-02-01"))
	}
	if want := []Ended{{"c1", EndedClosed, yuan("16000000.00"), yuan("16000000.00"), "2021-02-01"}}; !slices.Equal(s.Ended, want) || s.Contracts != nil || s.Over != nil {
		t.Errorf("at the end %+v", s)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	d := Decider(sets(t))
	var version uint64
	s, _, err := play(t, d, nil, &version, assessed())
	if err != nil {
		t.Fatal(err)
	}
	for i := range ContractsMax {
		if s, _, err = play(t, d, s, &version, filed(fmt.Sprint("c", i), long("1000.00"))); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = play(t, d, s, &version, filed("more", long("1.00")))
	refused(t, err, events.ErrRange, "/contract")
	many := *s // built by hand: playing 512 draws with all the checks on the way takes seconds
	many.Contracts = map[string]Contract{"c0": s.Contracts["c0"], "c1": s.Contracts["c1"]}
	c := many.Contracts["c1"]
	c.Draws = map[string]Draw{}
	for i := range DrawsMax {
		c.Draws[fmt.Sprint("d", i)] = Draw{Amount: yuan("0.01"), Outstanding: yuan("0.01"), Day: "2026-06-15"}
	}
	c.Drawn.Minor, c.Outstanding.Minor = DrawsMax, DrawsMax
	many.Contracts["c1"] = c
	command, now := drawn("c0", "one-more", yuan("1.00")).command()
	_, err = d.Decide(&many, command, now)
	refused(t, err, events.ErrRange, "/draw")
	for i := range EndedMax + 3 {
		id := fmt.Sprint("e", i)
		many = *d.Evolve(&many, &step.Applied{Type: events.TypeContractFiled, Data: &events.ContractFiled{FileContract: events.FileContract{Contract: id}}})
		many = *d.Evolve(&many, &step.Applied{Type: events.TypeContractClosed, Data: &events.ContractRef{Contract: id}})
	}
	if len(many.Ended) != EndedMax || many.Ended[0].Contract != "e3" || many.Ended[EndedMax-1].Contract != fmt.Sprint("e", EndedMax+2) {
		t.Fatalf("%d ended contracts are remembered, from %s", len(many.Ended), many.Ended[0].Contract)
	}
	if b := dump(t, many); len(b) > 512<<10 {
		t.Fatalf("a document of %d bytes", len(b))
	}
}

func TestCheckFindsWhatMayNotBe(t *testing.T) {
	t.Parallel()
	d := Decider(sets(t))
	var version uint64
	var s *Borrower
	for _, c := range []say{assessed(), filed("c1"), drawn("c1", "d1", money("1000000.00", "USD"))} {
		s, _, _ = play(t, d, s, &version, c)
	}
	for name, spoil := range map[string]func(b *Borrower, c *Contract){
		"above the limit":        func(b *Borrower, _ *Contract) { b.Headroom.Limit.Minor = b.Headroom.Used.Minor - 1 },
		"over without need":      func(b *Borrower, _ *Contract) { b.Over = &Over{} },
		"grown while over":       func(b *Borrower, _ *Contract) { b.Headroom.Limit.Minor, b.Over = 1, &Over{Used: yuan("13999999.99")} },
		"another limit":          func(b *Borrower, _ *Contract) { b.Headroom.Limit.Minor++ },
		"another balance":        func(b *Borrower, _ *Contract) { b.Headroom.Used.Minor-- },
		"another currency":       func(b *Borrower, _ *Contract) { b.Headroom.Used.Currency = "USD" },
		"below zero":             func(b *Borrower, _ *Contract) { b.Headroom.Used.Minor = -1 },
		"draws do not add up":    func(_ *Borrower, c *Contract) { c.Drawn.Minor++ },
		"balances do not add up": func(_ *Borrower, c *Contract) { c.Outstanding.Minor-- },
		"more than the contract": func(_ *Borrower, c *Contract) { c.Amount.Minor = 1 },
		"more repaid than drawn": func(_ *Borrower, c *Contract) {
			c.Draws = map[string]Draw{"d1": {Amount: money("1.00", "USD"), Outstanding: money("-1.00", "USD")}}
		},
		"a category nobody weighs": func(_ *Borrower, c *Contract) { c.Category = "else" },
	} {
		spoiled := *s
		c := spoiled.Contracts["c1"]
		spoil(&spoiled, &c)
		spoiled.Contracts = map[string]Contract{"c1": c}
		if err := d.Check(&spoiled); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
	foreign := *s
	foreign.Headroom.RuleHash, foreign.Headroom.Limit.Minor = strings.Repeat("0", 64), foreign.Headroom.Limit.Minor+1
	if err := d.Check(&foreign); err != nil {
		t.Errorf("rules of another release: %v", err)
	}
}
