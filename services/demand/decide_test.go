package demand

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

const uscc = "91350100M000100Y43" // the golden vector of GB 32100-2015

// noon is 12:00 in Beijing on 2026-06-15; until is a month later.
var (
	noon  = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)
	until = noon.AddDate(0, 1, 0)
)

// say is a command with the least words: the operator, at noon, about demand d1, with the facts of an active enterprise.
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
		c.about = "d1"
	}
	command := &step.Command{Type: c.typ, Subject: c.about, Actor: c.actor, Data: c.data}
	if c.facts != nil {
		command.Facts = c.facts
	}
	return command, c.at
}

func (c say) by(actor step.Actor) say  { c.actor = actor; return c }
func (c say) when(at time.Time) say    { c.at = at; return c }
func (c say) subject(about string) say { c.about = about; return c }
func (c say) with(change ...func(*Facts)) say {
	f := *known()
	if c.facts != nil {
		f = *c.facts
	}
	for _, g := range change {
		g(&f)
	}
	c.facts = &f
	return c
}
func (c say) without() say { c.facts = nil; return c }

func known() *Facts {
	return &Facts{
		Enterprise: events.EnterpriseFacts{
			Position: "enterprise.0:7", Version: 3, Name: "福州示例光电科技有限公司", Region: "350100", Industry: "C39", Stage: "growth",
			Titles: []events.Title{
				{Title: "high_tech", Certificate: "GR1", Issuer: "x", ValidFrom: "2024-01-01", ValidTo: "2026-06-15"},
				{Title: "little_giant", Certificate: "LG1", Issuer: "x", ValidFrom: "2023-01-01", ValidTo: "2026-06-14"},
			},
		},
		Authorisations: []events.Authorisation{{User: "u1", Role: "finance", From: "2026-06-01", Until: "2026-06-15"}},
		Offers:         map[string]string{"o1": "bank", "o2": "rival"},
	}
}

// play decides and applies, and holds the purity of both and the invariant on the way.
func play(t testing.TB, s *Demand, version *uint64, c say) (*Demand, []step.Event, error) {
	t.Helper()
	command, now := c.command()
	before := dump(t, s)
	decided, err := Decide(s, command, now)
	if after := dump(t, s); after != before {
		t.Fatalf("Decide of %s changed the state:\n%s\n%s", c.typ, before, after)
	}
	for _, e := range decided {
		*version++
		before := dump(t, s)
		applied := &step.Applied{Type: e.Type, Subject: command.Subject, Version: *version, Time: now, Data: e.Data}
		payload := dump(t, e.Data)
		next := Evolve(s, applied)
		if after := dump(t, s); after != before {
			t.Fatalf("Evolve of %s changed the old state:\n%s\n%s", e.Type, before, after)
		}
		if dump(t, next) != dump(t, Evolve(s, applied)) || dump(t, e.Data) != payload {
			t.Fatalf("Evolve of %s is not a function of its arguments", e.Type)
		}
		if err := holds(next); err != nil {
			t.Fatalf("after %s: %v", e.Type, err)
		}
		s = next
	}
	return s, decided, err
}

// holds is the invariant: 0 <= held + filled <= amount, sums that agree with their parts, nothing held by what has ended.
func holds(d *Demand) error {
	var held, filled int64
	for id, h := range d.Holds {
		if h.Amount.Minor <= 0 || h.Amount.Currency != d.Amount.Currency {
			return fmt.Errorf("hold %s of %v", id, h.Amount)
		}
		held += h.Amount.Minor
	}
	for id, f := range d.Fills {
		if f.Amount.Minor <= 0 || f.Amount.Currency != d.Amount.Currency {
			return fmt.Errorf("fill %s of %v", id, f.Amount)
		}
		filled += f.Amount.Minor
	}
	switch {
	case held != d.Held.Minor || filled != d.Filled.Minor:
		return fmt.Errorf("held %d, sum %d; filled %d, sum %d", d.Held.Minor, held, d.Filled.Minor, filled)
	case held+filled > d.Amount.Minor || held < 0 || filled < 0:
		return fmt.Errorf("held %d and filled %d of %d", held, filled, d.Amount.Minor)
	case d.Held.Currency != d.Amount.Currency || d.Filled.Currency != d.Amount.Currency:
		return fmt.Errorf("currencies %v %v %v", d.Held, d.Filled, d.Amount)
	case d.Status != StatusOpen && held != 0:
		return fmt.Errorf("%s and still holding %d", d.Status, held)
	case d.Status == StatusFulfilled && filled != d.Amount.Minor:
		return fmt.Errorf("fulfilled with %d of %d", filled, d.Amount.Minor)
	}
	return nil
}

func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func types(decided []step.Event) []string {
	var out []string
	for _, e := range decided {
		out = append(out, e.Type)
	}
	return out
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

func fen(n int64) events.Money { return events.Money{Minor: n, Currency: "CNY"} }

func usd(n int64) events.Money { return events.Money{Minor: n, Currency: "USD"} }

func terms() events.DemandTerms {
	least, price := fen(100), 450
	return events.DemandTerms{
		Instruments: []string{"ip_pledge_loan", "vc_equity"}, Amount: fen(1000), MinAmount: &least, TermMonths: &events.Months{Min: 6, Max: 36},
		MaxPriceBP: &price, Use: "rnd", Security: []string{"ip_pledge"}, Focus: []string{"sei_information"}, Title: "研发贷款", ValidUntil: until,
	}
}

func published(change ...func(*events.PublishDemand)) say {
	d := &events.PublishDemand{ID: "d1", Enterprise: uscc, DemandTerms: terms()}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypePublishDemand, data: d, facts: known()}
}

func amended(change ...func(*events.DemandTerms)) say {
	d := &events.AmendDemand{DemandTerms: terms()}
	for _, f := range change {
		f(&d.DemandTerms)
	}
	return say{typ: events.TypeAmendDemand, data: d, facts: known()}
}

func held(id string, amount int64, change ...func(*events.Hold)) say {
	d := &events.Hold{Hold: id, Offer: "o1", Amount: fen(amount), Until: noon.Add(48 * time.Hour)}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeHoldDemand, data: d, facts: known()}
}

func filled(id string, amount int64) say {
	return say{typ: events.TypeFillDemand, data: &events.FillDemand{Hold: id, Amount: fen(amount)}, facts: known()}
}

func release(id string) say {
	return say{typ: events.TypeReleaseHold, data: &events.HoldRef{Hold: id}, facts: known()}
}

func withdrawn() say {
	return say{typ: events.TypeWithdrawDemand, data: &events.Reason{Reason: "已自筹"}, facts: known()}
}

func expiry(at time.Time) say {
	return say{typ: events.TypeExpireDemand, data: &events.Empty{}, actor: step.System, at: at}
}

func holdExpiry(id string, at time.Time) say {
	return say{typ: events.TypeExpireHold, data: &events.HoldRef{Hold: id, Reason: ReleasedByTime}, actor: step.System, at: at}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	type demand = events.PublishDemand
	open := []say{published()}
	part := []say{published(), held("h1", 600), filled("h1", 400), held("h2", 300)} // 400 filled, 300 held, 300 open
	done := []say{published(), held("h1", 1000), filled("h1", 1000)}
	gone := []say{published(), withdrawn()}
	over := []say{published(), expiry(until)}
	suspended := func(f *Facts) { f.Suspended = true }
	crowd := open
	for i := range HoldsMax {
		crowd = append(slices.Clone(crowd), held(fmt.Sprintf("h%d", i), 1))
	}
	tests := []struct {
		name   string
		given  []say
		when   say
		want   []string
		refuse events.ProblemKind
		field  string
	}{
		{name: "publish", when: published(), want: []string{events.TypeDemandPublished}},
		{name: "publish by an authorised user on the last day", when: published().by("user:u1"), want: []string{events.TypeDemandPublished}},
		{name: "publish a day after the authorisation", when: published().by("user:u1").when(time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC)), refuse: events.ErrForbidden},
		{name: "publish a day before the authorisation", when: published().by("user:u1").when(time.Date(2026, 5, 31, 15, 59, 59, 0, time.UTC)), refuse: events.ErrForbidden},
		{name: "publish by another user", when: published().by("user:u2"), refuse: events.ErrForbidden},
		{name: "publish by a party", when: published().by("party:bank"), refuse: events.ErrForbidden},
		{name: "publish again, same", given: open, when: published()},
		{name: "publish again, same, after other facts", given: open, when: published().with(func(f *Facts) { f.Enterprise.Region, f.Enterprise.Stage = "110000", "mature" })},
		{name: "publish again, same, in another zone", given: open, when: published(func(d *demand) { d.ValidUntil = until.In(events.Beijing) })},
		{name: "publish again, same, default said", given: open, when: published(func(d *demand) { d.Confidentiality, d.Region = Open, "350100" })},
		{name: "publish again, same, by a stranger", given: open, when: published().by("user:u2"), refuse: events.ErrForbidden},
		{name: "publish again, same, after withdrawal", given: gone, when: published()},
		{name: "publish again, other", given: open, when: published(func(d *demand) { d.Amount = fen(1001) }), refuse: events.ErrExists, field: "/id"},
		{name: "publish under another subject", when: published().subject("d2"), refuse: events.ErrMismatch, field: "/id"},
		{name: "id with a wildcard", when: published(func(d *demand) { d.ID = "d>" }).subject("d>"), refuse: events.ErrID, field: "/id"},
		{name: "unknown enterprise", when: published().without(), refuse: events.ErrNotFound, field: "/enterprise"},
		{name: "suspended enterprise", when: published().with(suspended), refuse: events.ErrState, field: "/enterprise"},
		{name: "unknown region", when: published(func(d *demand) { d.Region = "35" }), refuse: events.ErrRegion, field: "/region"},
		{name: "unknown industry", when: published(func(d *demand) { d.Industry = "C99" }), refuse: events.ErrIndustry, field: "/industry"},
		{name: "no instrument", when: published(func(d *demand) { d.Instruments = nil }), refuse: events.ErrRange, field: "/instruments"},
		{name: "unknown instrument", when: published(func(d *demand) { d.Instruments[1] = "gift" }), refuse: events.ErrCode, field: "/instruments/1"},
		{name: "instrument twice", when: published(func(d *demand) { d.Instruments[1] = d.Instruments[0] }), refuse: events.ErrCode, field: "/instruments/1"},
		{name: "too many instruments", when: published(func(d *demand) { d.Instruments = slices.Repeat(d.Instruments, 9) }), refuse: events.ErrRange, field: "/instruments"},
		{name: "zero amount", when: published(func(d *demand) { d.Amount.Minor = 0 }), refuse: events.ErrMoney, field: "/amount"},
		{name: "negative amount", when: published(func(d *demand) { d.Amount.Minor = -1 }), refuse: events.ErrMoney, field: "/amount"},
		{name: "unknown currency", when: published(func(d *demand) { d.Amount.Currency = "RMB" }), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "zero minimum", when: published(func(d *demand) { d.MinAmount.Minor = 0 }), refuse: events.ErrMoney, field: "/min_amount"},
		{name: "minimum above the amount", when: published(func(d *demand) { d.MinAmount.Minor = 1001 }), refuse: events.ErrRange, field: "/min_amount"},
		{name: "minimum is the amount", when: published(func(d *demand) { d.MinAmount.Minor = 1000 }), want: []string{events.TypeDemandPublished}},
		{name: "minimum in another currency", when: published(func(d *demand) { d.MinAmount.Currency = "USD" }), refuse: events.ErrCurrency, field: "/min_amount/currency"},
		{name: "term of exactly a year", when: published(func(d *demand) { d.TermMonths = &events.Months{Min: 12, Max: 12} }), want: []string{events.TypeDemandPublished}},
		{name: "term without an upper end", when: published(func(d *demand) { d.TermMonths = &events.Months{Min: 12} }), want: []string{events.TypeDemandPublished}},
		{name: "term backwards", when: published(func(d *demand) { d.TermMonths = &events.Months{Min: 13, Max: 12} }), refuse: events.ErrRange, field: "/term_months/min"},
		{name: "term too long", when: published(func(d *demand) { d.TermMonths.Max = MonthsMax + 1 }), refuse: events.ErrRange, field: "/term_months"},
		{name: "term of equity", when: published(func(d *demand) { d.Instruments = []string{"vc_equity"} }), refuse: events.ErrRange, field: "/term_months"},
		{name: "negative price", when: published(func(d *demand) { *d.MaxPriceBP = -1 }), refuse: events.ErrRange, field: "/max_price_bp"},
		{name: "unknown use", when: published(func(d *demand) { d.Use = "yacht" }), refuse: events.ErrCode, field: "/use"},
		{name: "unknown security", when: published(func(d *demand) { d.Security = []string{"ip_pledge", "word"} }), refuse: events.ErrCode, field: "/security/1"},
		{name: "unknown focus", when: published(func(d *demand) { d.Focus = []string{"x"} }), refuse: events.ErrCode, field: "/focus/0"},
		{name: "too many focus areas", when: published(func(d *demand) { d.Focus = slices.Repeat(d.Focus, ListMax+1) }), refuse: events.ErrRange, field: "/focus"},
		{name: "unknown confidentiality", when: published(func(d *demand) { d.Confidentiality = "secret" }), refuse: events.ErrCode, field: "/confidentiality"},
		{name: "valid until now", when: published(func(d *demand) { d.ValidUntil = noon }), refuse: events.ErrValidity, field: "/valid_until"},
		{name: "valid for ever", when: published(func(d *demand) { d.ValidUntil = noon.AddDate(8000, 0, 0) }), refuse: events.ErrRange, field: "/valid_until"},
		{name: "a command about nothing", when: withdrawn(), refuse: events.ErrNotFound},
		{name: "a command of another context", given: open, when: say{typ: events.TypeResumeOffer, data: &events.Empty{}}, refuse: events.ErrUnknownType},

		{name: "amend", given: part, when: amended(func(d *events.DemandTerms) { d.Amount = fen(700) }), want: []string{events.TypeDemandAmended}},
		{name: "amend to the same", given: part, when: amended()},
		{name: "amend to the same with new facts", given: part, when: amended().with(func(f *Facts) { f.Enterprise.Patents = 9 }), want: []string{events.TypeDemandAmended}},
		{name: "amend to the same, read later", given: part, when: amended().with(func(f *Facts) { f.Enterprise.Version, f.Enterprise.Position = 9, "enterprise.0:99" })},
		{name: "amend below held and filled", given: part, when: amended(func(d *events.DemandTerms) { d.Amount = fen(699) }), refuse: events.ErrCapacity, field: "/amount"},
		{name: "amend the currency while held", given: []say{published(), held("h1", 1)}, when: amended(dollars), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "amend the currency after a fill", given: []say{published(), held("h1", 1), filled("h1", 1)}, when: amended(dollars), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "amend the currency when free again", given: []say{published(), held("h1", 1), release("h1")}, when: amended(dollars), want: []string{events.TypeDemandAmended}},
		{name: "amend down to what is filled", given: []say{published(), held("h1", 400), filled("h1", 400)}, when: amended(func(d *events.DemandTerms) { d.Amount = fen(400) }), want: []string{events.TypeDemandAmended, events.TypeDemandFulfilled}},
		{name: "amend to nonsense", given: part, when: amended(func(d *events.DemandTerms) { d.Use = "x" }), refuse: events.ErrCode, field: "/use"},
		{name: "amend into the past", given: part, when: amended(func(d *events.DemandTerms) { d.ValidUntil = noon }), refuse: events.ErrValidity, field: "/valid_until"},
		{name: "amend for the suspended", given: part, when: amended().with(suspended), refuse: events.ErrState},
		{name: "amend without facts", given: part, when: amended().without(), refuse: events.ErrNotFound},
		{name: "amend by the user", given: part, when: amended(func(d *events.DemandTerms) { d.Title = "x" }).by("user:u1"), want: []string{events.TypeDemandAmended}},
		{name: "amend by a stranger", given: part, when: amended().by("user:u2"), refuse: events.ErrForbidden},
		{name: "amend by a party", given: part, when: amended().by("party:bank"), refuse: events.ErrForbidden},
		{name: "amend the withdrawn", given: gone, when: amended(), refuse: events.ErrState},
		{name: "amend the expired", given: over, when: amended().when(until), refuse: events.ErrState},
		{name: "amend past the end, before the timer", given: open, when: amended(func(d *events.DemandTerms) { d.ValidUntil = until.AddDate(1, 0, 0) }).when(until), refuse: events.ErrState},
		{name: "amend the fulfilled", given: done, when: amended(), refuse: events.ErrState},

		{name: "withdraw", given: open, when: withdrawn().by("user:u1"), want: []string{events.TypeDemandWithdrawn}},
		{name: "withdraw with holds", given: part, when: withdrawn(), want: []string{events.TypeDemandHoldReleased, events.TypeDemandWithdrawn}},
		{name: "withdraw by a party", given: open, when: withdrawn().by("party:bank"), refuse: events.ErrForbidden},
		{name: "withdraw twice", given: gone, when: withdrawn(), refuse: events.ErrState},

		{name: "hold", given: open, when: held("h1", 1000), want: []string{events.TypeDemandHeld}},
		{name: "hold by the offer's party", given: open, when: held("h1", 1000).by("party:bank"), want: []string{events.TypeDemandHeld}},
		{name: "hold by another party", given: open, when: held("h1", 1000).by("party:rival"), refuse: events.ErrForbidden},
		{name: "hold by a user", given: open, when: held("h1", 1000).by("user:u1"), refuse: events.ErrForbidden},
		{name: "hold by a party without facts", given: open, when: held("h1", 1000).by("party:bank").without(), refuse: events.ErrStale},
		{name: "hold again, same", given: part, when: held("h2", 300)},
		{name: "hold again, other", given: part, when: held("h2", 299), refuse: events.ErrExists, field: "/hold"},
		{name: "hold what was filled", given: part, when: held("h1", 1), refuse: events.ErrExists, field: "/hold"},
		{name: "hold all that is open", given: part, when: held("h3", 300), want: []string{events.TypeDemandHeld}},
		{name: "hold more than is open", given: part, when: held("h3", 301), refuse: events.ErrCapacity, field: "/amount"},
		{name: "hold nothing", given: open, when: held("h1", 0), refuse: events.ErrMoney, field: "/amount"},
		{name: "hold dollars", given: open, when: held("h1", 1, func(d *events.Hold) { d.Amount = usd(1) }), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "hold until now", given: open, when: held("h1", 1, func(d *events.Hold) { d.Until = noon }), refuse: events.ErrValidity, field: "/until"},
		{name: "hold for ever", given: open, when: held("h1", 1, func(d *events.Hold) { d.Until = noon.AddDate(31, 0, 0) }), refuse: events.ErrRange, field: "/until"},
		{name: "hold with a bad id", given: open, when: held("h.1", 1), refuse: events.ErrID, field: "/hold"},
		{name: "hold for a bad offer", given: open, when: held("h1", 1, func(d *events.Hold) { d.Offer = "o*" }), refuse: events.ErrID, field: "/offer"},
		{name: "one hold too many", given: crowd, when: held("x", 1), refuse: events.ErrRange, field: "/hold"},
		{name: "hold the withdrawn", given: gone, when: held("h1", 1), refuse: events.ErrState},
		{name: "hold at the very end", given: open, when: held("h1", 1, func(d *events.Hold) { d.Until = until.AddDate(0, 1, 0) }).when(until), refuse: events.ErrState},

		{name: "release", given: part, when: release("h2").by("party:bank"), want: []string{events.TypeDemandHoldReleased}},
		{name: "release by another party", given: part, when: release("h2").by("party:rival"), refuse: events.ErrForbidden},
		{name: "release by a party that read too early", given: part, when: release("h2").by("party:bank").without(), refuse: events.ErrStale},
		{name: "release nothing", given: part, when: release("h9"), refuse: events.ErrNotFound, field: "/hold"},
		{name: "release nothing by a party", given: part, when: release("h9").by("party:bank"), refuse: events.ErrNotFound, field: "/hold"},
		{name: "release after withdrawal", given: append(slices.Clone(part), withdrawn()), when: release("h2"), refuse: events.ErrState},

		{name: "fill a part", given: part, when: filled("h2", 1).by("party:bank"), want: []string{events.TypeDemandFilled}},
		{name: "fill the last", given: append(slices.Clone(part), held("h3", 300), filled("h3", 300)), when: filled("h2", 300), want: []string{events.TypeDemandFilled, events.TypeDemandFulfilled}},
		{name: "fill again, same", given: part, when: filled("h1", 400).by("party:bank")},
		{name: "fill again, other", given: part, when: filled("h1", 401), refuse: events.ErrExists, field: "/hold"},
		{name: "fill more than held", given: part, when: filled("h2", 301), refuse: events.ErrCapacity, field: "/amount"},
		{name: "fill nothing", given: part, when: filled("h2", 0), refuse: events.ErrMoney, field: "/amount"},
		{name: "fill dollars", given: part, when: say{typ: events.TypeFillDemand, data: &events.FillDemand{Hold: "h2", Amount: usd(1)}}, refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "fill no hold", given: part, when: filled("h9", 1), refuse: events.ErrNotFound, field: "/hold"},
		{name: "fill no hold by a party", given: part, when: filled("h9", 1).by("party:bank"), refuse: events.ErrNotFound, field: "/hold"},
		{name: "fill by a user", given: part, when: filled("h2", 1).by("user:u1"), refuse: events.ErrForbidden},
		{name: "fill at the hold's end, before the timer", given: part, when: filled("h2", 1).when(noon.Add(48 * time.Hour)), refuse: events.ErrState, field: "/hold"},
		{name: "fill the fulfilled", given: done, when: filled("h1", 1000), refuse: events.ErrState},

		{name: "expire too early", given: open, when: expiry(until.Add(-1))},
		{name: "expire", given: open, when: expiry(until), want: []string{events.TypeDemandExpired}},
		{name: "expire with holds", given: part, when: expiry(until), want: []string{events.TypeDemandHoldReleased, events.TypeDemandExpired}},
		{name: "expire the withdrawn", given: gone, when: expiry(until)},
		{name: "expire the amended", given: []say{published(), amended(func(d *events.DemandTerms) { d.ValidUntil = until.Add(1) })}, when: expiry(until)},
		{name: "expire a hold too early", given: part, when: holdExpiry("h2", noon.Add(48*time.Hour-1))},
		{name: "expire a hold", given: part, when: holdExpiry("h2", noon.Add(48*time.Hour)), want: []string{events.TypeDemandHoldReleased}},
		{name: "expire a filled hold", given: part, when: holdExpiry("h1", until)},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		for _, typ := range tt.want {
			seen[typ] = true
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *Demand
			var version uint64
			for _, c := range tt.given {
				var err error
				if s, _, err = play(t, s, &version, c); err != nil {
					t.Fatalf("given %s: %v", c.typ, err)
				}
			}
			_, decided, err := play(t, s, &version, tt.when)
			if tt.refuse.Code != "" {
				refused(t, err, tt.refuse, tt.field)
				return
			}
			if err != nil || !slices.Equal(types(decided), tt.want) {
				t.Fatalf("got %v, %v; want %v", types(decided), err, tt.want)
			}
			for _, e := range decided {
				if a := e.Attr; a.Region != "350100" || a.Industry != "C39" || a.Stage != "growth" || a.Instrument != "ip_pledge_loan" || a.Currency == "" {
					t.Fatalf("%s lacks attributes: %+v", e.Type, e.Attr)
				}
			}
		})
	}
	for _, e := range events.Catalog {
		if e.Context == "demand" && e.Kind == events.Fact && !seen[e.Type] {
			t.Errorf("no case decides %s", e.Type)
		}
	}
}

func dollars(d *events.DemandTerms) {
	least := usd(1)
	d.Amount, d.MinAmount = usd(1000), &least
}

func TestRefusalsNameTheStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given []say
		at    time.Time
	}{
		"withdrawn": {[]say{published(), withdrawn()}, noon},
		"expired":   {[]say{published(), expiry(until)}, until},
		"fulfilled": {[]say{published(), held("h", 1000), filled("h", 1000)}, noon},
	} {
		var s *Demand
		var version uint64
		for _, g := range c.given {
			s, _, _ = play(t, s, &version, g)
		}
		for _, when := range []say{amended(), withdrawn(), held("h9", 1), release("h9"), filled("h9", 1)} {
			_, _, err := play(t, s, &version, when.when(c.at))
			refused(t, err, events.ErrState, "")
			if p := err.(*events.Problem); !strings.Contains(p.Detail, name) || !strings.Contains(p.DetailEN, name) {
				t.Errorf("%s of the %s: %s / %s", when.typ, name, p.Detail, p.DetailEN)
			}
		}
	}
}

func TestPublishedRecordsDefaultsAndFactsOfTheDay(t *testing.T) {
	t.Parallel()
	s, decided, err := play(t, nil, new(uint64), published(func(d *events.PublishDemand) { d.ValidUntil = until.In(events.Beijing) }))
	if err != nil {
		t.Fatal(err)
	}
	e := decided[0].Data.(*events.DemandPublished)
	if e.Region != "350100" || e.Industry != "C39" || e.Confidentiality != Open || e.ValidUntil != until || e.Facts.Position != "enterprise.0:7" {
		t.Fatalf("%+v", e)
	}
	if len(e.Facts.Titles) != 1 || e.Facts.Titles[0].Title != "high_tech" {
		t.Fatalf("titles of the day: %+v", e.Facts.Titles) // valid to this very day counts, to yesterday does not
	}
	if s.OpenAmount() != fen(1000) || s.Status != StatusOpen || s.CreatedAt != noon {
		t.Fatalf("%+v", s)
	}
	_, decided, _ = play(t, nil, new(uint64), published(func(d *events.PublishDemand) { d.Region, d.Industry = "440300", "I6513" }))
	if a := decided[0].Attr; a.Region != "440300" || a.Industry != "I6513" {
		t.Fatalf("a project's own place: %+v", a)
	}
}

func TestReleaseReasons(t *testing.T) {
	t.Parallel()
	for want, when := range map[string]say{
		ReleasedByRequest:    {typ: events.TypeReleaseHold, data: &events.HoldRef{Hold: "h1", Reason: "because"}},
		ReleasedByWithdrawal: withdrawn(),
		ReleasedByTime:       holdExpiry("h1", noon.Add(48*time.Hour)),
	} {
		var version uint64
		s, _, _ := play(t, nil, &version, published())
		s, _, _ = play(t, s, &version, held("h1", 7))
		_, decided, err := play(t, s, &version, when)
		if err != nil {
			t.Fatal(err)
		}
		if e := decided[0].Data.(*events.DemandHoldReleased); e.Reason != want || e.Amount != fen(7) || e.Hold != "h1" {
			t.Errorf("got %+v, want %s", e, want)
		}
	}
}

// TestWithdrawalOfTheFullestFitsACommand holds the events of one withdrawal under the 128 KiB of one command.
func TestWithdrawalOfTheFullestFitsACommand(t *testing.T) {
	t.Parallel()
	const envelope = 620 // bytes of a CloudEvent's attributes, extensions included
	var s *Demand
	var version uint64
	s, _, _ = play(t, s, &version, published())
	for i := range HoldsMax {
		s, _, _ = play(t, s, &version, held(fmt.Sprintf("%064d", i), 1))
	}
	_, decided, err := play(t, s, &version, withdrawn())
	if err != nil || len(decided) != HoldsMax+1 {
		t.Fatalf("%d events, %v", len(decided), err)
	}
	size := 0
	for _, e := range decided {
		size += envelope + len(dump(t, e.Data))
	}
	if size > 128<<10 {
		t.Fatalf("%d bytes", size)
	}
}
