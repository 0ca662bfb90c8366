package offer

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

// noon is 12:00 in Beijing on 2026-06-15; until is a month later.
var (
	noon  = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)
	until = noon.AddDate(0, 1, 0)
)

// say is a command with the least words: the operator, at noon, about offer o1, with the facts of a licensed bank.
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
		c.about = "o1"
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
func (c say) without() say             { c.facts = nil; return c }
func (c say) with(change func(*Facts)) say {
	f := *c.facts
	change(&f)
	c.facts = &f
	return c
}

func known() *Facts {
	return &Facts{Unit: UnitOpen, Party: events.PartyFacts{
		Position: "party.0:7", Version: 3, Kind: "bank", Name: "示例银行", Region: "350100",
		Licences: []events.Licence{
			{Licence: "bank", Number: "B1", ValidFrom: "2010-01-01", ValidTo: "2026-06-15"},
			{Licence: "aic", Number: "A1", ValidFrom: "2010-01-01", ValidTo: "2026-06-14"},
			{Licence: "leasing", Number: "L1", ValidFrom: "2026-06-16"},
		},
		AuthorityLimit: &events.Money{Minor: 600, Currency: "CNY"},
	}}
}

// play decides and applies, and holds the purity of both and the invariant on the way.
func play(t testing.TB, s *Offer, version *uint64, c say) (*Offer, []step.Event, error) {
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

// holds is the invariant: 0 <= reserved + committed <= capacity, a sum that agrees with its parts, nothing reserved by what has ended.
func holds(o *Offer) error {
	var reserved int64
	for id, r := range o.Reservations {
		if r.Amount.Minor <= 0 || r.Amount.Currency != o.Capacity.Currency {
			return fmt.Errorf("reservation %s of %v", id, r.Amount)
		}
		reserved += r.Amount.Minor
	}
	committed := o.Committed.Minor
	switch {
	case reserved != o.Reserved.Minor:
		return fmt.Errorf("reserved %d, sum %d", o.Reserved.Minor, reserved)
	case reserved+committed > o.Capacity.Minor || reserved < 0 || committed < 0:
		return fmt.Errorf("reserved %d and committed %d of %d", reserved, committed, o.Capacity.Minor)
	case o.Reserved.Currency != o.Capacity.Currency || o.Committed.Currency != o.Capacity.Currency:
		return fmt.Errorf("currencies %v %v %v", o.Reserved, o.Committed, o.Capacity)
	case final(o.Status) && reserved != 0:
		return fmt.Errorf("%s and still reserving %d", o.Status, reserved)
	case o.Status == StatusExhausted && committed != o.Capacity.Minor:
		return fmt.Errorf("exhausted with %d of %d", committed, o.Capacity.Minor)
	case (o.Status == StatusPaused) != (o.Pause != nil):
		return fmt.Errorf("%s with pause %v", o.Status, o.Pause)
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

func number(n int64) *int64 { return &n }

func terms() events.OfferTerms {
	low, high := 300, 450
	return events.OfferTerms{
		Instrument: "ip_pledge_loan", Capacity: fen(1000), MinTicket: fen(10), MaxTicket: fen(600), TermMonths: &events.Months{Min: 6, Max: 36},
		MinPriceBP: &low, MaxPriceBP: &high, PolicyTools: []string{"relending_tech"}, Title: "知识产权质押贷", ValidUntil: until,
		Eligibility: []events.Clause{
			{Field: events.FieldRegion, Op: events.OpIn, Values: []string{"350000"}},
			{Field: events.FieldEmployees, Op: events.OpMin, Number: number(10), Visibility: events.VisiblePrivate},
			{Field: events.FieldEmployees, Op: events.OpMax, Number: number(500)},
			{Field: events.FieldTitle, Op: events.OpAny, Values: []string{"high_tech", "little_giant"}, Visibility: events.VisibleMatched},
		},
		Appetite: []events.Preference{{Field: events.FieldIndustry, Values: []string{"C39", "I6513"}, Weight: 30}},
	}
}

func published(change ...func(*events.PublishOffer)) say {
	d := &events.PublishOffer{ID: "o1", Party: "bank", Unit: "u1", OfferTerms: terms()}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypePublishOffer, data: d, facts: known()}
}

func amended(change ...func(*events.OfferTerms)) say {
	d := &events.AmendOffer{OfferTerms: terms()}
	for _, f := range change {
		f(&d.OfferTerms)
	}
	return say{typ: events.TypeAmendOffer, data: d, facts: known()}
}

func reserved(id string, amount int64, change ...func(*events.Reserve)) say {
	d := &events.Reserve{Reservation: id, Demand: "d1", Amount: fen(amount), Until: noon.Add(48 * time.Hour)}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeReserveCapacity, data: d}
}

func committed(id string, amount int64) say {
	return say{typ: events.TypeCommitCapacity, data: &events.CommitCapacity{Reservation: id, Amount: fen(amount)}}
}

func release(id string) say {
	return say{typ: events.TypeReleaseCapacity, data: &events.ReservationRef{Reservation: id}}
}

func reason(typ string) say { return say{typ: typ, data: &events.Reason{Reason: "额度调整"}} }

func expiry(at time.Time) say {
	return say{typ: events.TypeExpireOffer, data: &events.Empty{}, actor: step.System, at: at}
}

func reservationExpiry(id string, at time.Time) say {
	return say{typ: events.TypeExpireReservation, data: &events.ReservationRef{Reservation: id, Reason: ReleasedByTime}, actor: step.System, at: at}
}

func dollars(t *events.OfferTerms) {
	t.Capacity, t.MinTicket, t.MaxTicket = usd(1000), usd(10), usd(600)
}

var (
	pause    = reason(events.TypePauseOffer)
	withdraw = reason(events.TypeWithdrawOffer)
	resumed  = say{typ: events.TypeResumeOffer, data: &events.Empty{}}
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type offer = events.PublishOffer
	open := []say{published()}
	part := []say{published(), reserved("r1", 600), committed("r1", 400), reserved("r2", 300)} // 400 committed, 300 reserved, 300 left
	done := []say{published(), reserved("r1", 600), reserved("r2", 400), committed("r1", 600), committed("r2", 400)}
	gone := []say{published(), withdraw}
	over := []say{published(), expiry(until)}
	asleep := []say{published(), reserved("r1", 100), pause}
	unlimited := func(f *Facts) { f.Party.AuthorityLimit = nil }
	crowd := open
	for i := range ReservationsMax {
		crowd = append(slices.Clone(crowd), reserved(fmt.Sprintf("r%d", i), 1))
	}
	tests := []struct {
		name   string
		given  []say
		when   say
		want   []string
		refuse events.ProblemKind
		field  string
	}{
		{name: "publish", when: published(), want: []string{events.TypeOfferPublished}},
		{name: "publish by its party", when: published().by("party:bank"), want: []string{events.TypeOfferPublished}},
		{name: "publish for another party", when: published().by("party:rival"), refuse: events.ErrForbidden},
		{name: "publish by a user", when: published().by("user:bank"), refuse: events.ErrForbidden},
		{name: "publish again, same", given: open, when: published().with(func(f *Facts) { f.Party.Suspended = true })},
		{name: "publish again, same, after the end", given: gone, when: published().when(until.AddDate(1, 0, 0))},
		{name: "publish again, same, by another party", given: open, when: published().by("party:rival"), refuse: events.ErrForbidden},
		{name: "publish again, other", given: open, when: published(func(d *offer) { d.Title = "x" }), refuse: events.ErrExists, field: "/id"},
		{name: "publish under another subject", when: published().subject("o2"), refuse: events.ErrMismatch, field: "/id"},
		{name: "id with a wildcard", when: published(func(d *offer) { d.ID = "o*" }).subject("o*"), refuse: events.ErrID, field: "/id"},
		{name: "unknown party", when: published().without(), refuse: events.ErrNotFound, field: "/party"},
		{name: "suspended party", when: published().with(func(f *Facts) { f.Party.Suspended = true }), refuse: events.ErrState, field: "/party"},
		{name: "unknown unit", when: published().with(func(f *Facts) { f.Unit = UnitMissing }), refuse: events.ErrNotFound, field: "/unit"},
		{name: "closed unit", when: published().with(func(f *Facts) { f.Unit = UnitClosed }), refuse: events.ErrState, field: "/unit"},
		{name: "licence a day after its end", when: published().when(time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC)), refuse: events.ErrLicence, field: "/instrument"},
		{name: "licence that ended", when: published(plain("aic_equity")), refuse: events.ErrLicence, field: "/instrument"},
		{name: "licence that has not begun", when: published(plain("leasing")), refuse: events.ErrLicence, field: "/instrument"},
		{name: "licence that begins today", when: published(plain("leasing")).when(time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC)), want: []string{events.TypeOfferPublished}},
		{name: "fund that is not registered", when: published(plain("vc_equity")).with(func(f *Facts) { f.Party.Kind = "vc" }), refuse: events.ErrLicence, field: "/instrument"},
		{name: "fund that is registered", when: published(plain("vc_equity")).with(func(f *Facts) {
			f.Party.Licences = []events.Licence{{Licence: "pe_vc_fund_manager", Number: "P1", ValidFrom: "2020-01-01"}}
		}), want: []string{events.TypeOfferPublished}},
		{name: "angel, registered as such", when: published(plain("angel_equity")).with(func(f *Facts) { f.Party.Kind = "angel" }), want: []string{events.TypeOfferPublished}},
		{name: "angel as a bank", when: published(plain("angel_equity")), refuse: events.ErrLicence, field: "/instrument"},
		{name: "ticket above the unit's authority", when: published().with(func(f *Facts) { f.Party.AuthorityLimit = &events.Money{Minor: 599, Currency: "CNY"} }), refuse: events.ErrAuthority, field: "/max_ticket"},
		{name: "authority in another currency", when: published().with(func(f *Facts) { f.Party.AuthorityLimit = &events.Money{Minor: 9999, Currency: "USD"} }), refuse: events.ErrAuthority, field: "/max_ticket"},
		{name: "no authority limit", when: published().with(unlimited), want: []string{events.TypeOfferPublished}},
		{name: "no unit", when: published(func(d *offer) { d.Unit = "" }).with(func(f *Facts) { f.Unit = UnitNone }), want: []string{events.TypeOfferPublished}},
		{name: "unknown instrument", when: published(func(d *offer) { d.Instrument = "gift" }), refuse: events.ErrCode, field: "/instrument"},
		{name: "no capacity", when: published(func(d *offer) { d.Capacity.Minor = 0 }), refuse: events.ErrMoney, field: "/capacity"},
		{name: "negative ticket", when: published(func(d *offer) { d.MinTicket.Minor = -1 }), refuse: events.ErrMoney, field: "/min_ticket"},
		{name: "zero ticket", when: published(func(d *offer) { d.MaxTicket.Minor = 0 }), refuse: events.ErrMoney, field: "/max_ticket"},
		{name: "unknown currency", when: published(func(d *offer) { d.Capacity.Currency = "RMB" }), refuse: events.ErrCurrency, field: "/capacity/currency"},
		{name: "ticket in another currency", when: published(func(d *offer) { d.MaxTicket.Currency = "USD" }), refuse: events.ErrCurrency, field: "/max_ticket/currency"},
		{name: "tickets backwards", when: published(func(d *offer) { d.MinTicket.Minor = 601 }), refuse: events.ErrRange, field: "/min_ticket"},
		{name: "ticket above the capacity", when: published(func(d *offer) { d.MaxTicket.Minor = 1001 }).with(unlimited), refuse: events.ErrRange, field: "/max_ticket"},
		{name: "one ticket is all", when: published(func(d *offer) { d.MinTicket.Minor, d.MaxTicket.Minor = 1000, 1000 }).with(unlimited), want: []string{events.TypeOfferPublished}},
		{name: "term backwards", when: published(func(d *offer) { d.TermMonths.Min = 37 }), refuse: events.ErrRange, field: "/term_months/min"},
		{name: "term too long", when: published(func(d *offer) { d.TermMonths.Max = MonthsMax + 1 }), refuse: events.ErrRange, field: "/term_months"},
		{name: "term of equity", when: published(plain("vc_equity"), func(d *offer) { d.TermMonths = &events.Months{Min: 1} }), refuse: events.ErrRange, field: "/term_months"},
		{name: "price of equity", when: published(plain("vc_equity"), func(d *offer) { d.MinPriceBP = new(int) }), refuse: events.ErrRange, field: "/min_price_bp"},
		{name: "negative price", when: published(func(d *offer) { *d.MinPriceBP = -1 }), refuse: events.ErrRange, field: "/min_price_bp"},
		{name: "price too high", when: published(func(d *offer) { *d.MaxPriceBP = PriceBPMax + 1 }), refuse: events.ErrRange, field: "/max_price_bp"},
		{name: "prices backwards", when: published(func(d *offer) { *d.MinPriceBP = 451 }), refuse: events.ErrRange, field: "/min_price_bp"},
		{name: "unknown policy tool", when: published(func(d *offer) { d.PolicyTools = []string{"relending_tech", "x"} }), refuse: events.ErrCode, field: "/policy_tools/1"},
		{name: "too many policy tools", when: published(func(d *offer) { d.PolicyTools = slices.Repeat(d.PolicyTools, PolicyToolsMax+1) }), refuse: events.ErrRange, field: "/policy_tools"},
		{name: "valid until now", when: published(func(d *offer) { d.ValidUntil = noon }), refuse: events.ErrValidity, field: "/valid_until"},
		{name: "valid for ever", when: published(func(d *offer) { d.ValidUntil = noon.AddDate(8000, 0, 0) }), refuse: events.ErrRange, field: "/valid_until"},
		{name: "a command about nothing", when: pause, refuse: events.ErrNotFound},
		{name: "a command of another context", given: open, when: say{typ: events.TypeTitleEnterprise, data: &events.Title{}}, refuse: events.ErrUnknownType},
		{name: "a reason of another context", given: open, when: reason(events.TypeSuspendParty), refuse: events.ErrUnknownType},
		{name: "an empty command of another context", given: open, when: say{typ: "jieli.offer.sing.v1", data: &events.Empty{}}, refuse: events.ErrUnknownType},

		{name: "amend", given: part, when: amended(func(t *events.OfferTerms) { t.Capacity = fen(700) }), want: []string{events.TypeOfferAmended}},
		{name: "amend to the same", given: part, when: amended().by("party:bank")},
		{name: "amend to the same, read later", given: part, when: amended().with(func(f *Facts) { f.Party.Version, f.Party.Position = 9, "party.0:99" })},
		{name: "amend to the same with new facts", given: part, when: amended().with(func(f *Facts) { f.Party.Name = "新名" }), want: []string{events.TypeOfferAmended}},
		{name: "amend the instrument", given: part, when: amended(func(t *events.OfferTerms) { t.Instrument = "credit_loan" }), refuse: events.ErrState, field: "/instrument"},
		{name: "amend below reserved and committed", given: part, when: amended(func(t *events.OfferTerms) { t.Capacity = fen(699) }), refuse: events.ErrCapacity, field: "/capacity"},
		{name: "amend the currency while in use", given: part, when: amended(dollars).with(unlimited), refuse: events.ErrCurrency, field: "/capacity/currency"},
		{name: "amend the currency when free", given: []say{published(), reserved("r1", 1), release("r1")}, when: amended(dollars).with(unlimited), want: []string{events.TypeOfferAmended}},
		{name: "amend down to what is committed", given: []say{published(), reserved("r1", 600), committed("r1", 600)}, when: amended(func(t *events.OfferTerms) { t.Capacity = fen(600) }), want: []string{events.TypeOfferAmended, events.TypeOfferExhausted}},
		{name: "amend to nonsense", given: part, when: amended(func(t *events.OfferTerms) { t.MinTicket = fen(601) }), refuse: events.ErrRange, field: "/min_ticket"},
		{name: "amend beyond authority", given: part, when: amended(func(t *events.OfferTerms) { t.MaxTicket = fen(601) }), refuse: events.ErrAuthority, field: "/max_ticket"},
		{name: "amend without the licence", given: part, when: amended().with(func(f *Facts) { f.Party.Licences = nil }), refuse: events.ErrLicence, field: "/instrument"},
		{name: "amend while suspended", given: part, when: amended().with(func(f *Facts) { f.Party.Suspended = true }), refuse: events.ErrState},
		{name: "amend without facts", given: part, when: amended().without(), refuse: events.ErrNotFound},
		{name: "amend while paused", given: asleep, when: amended(func(t *events.OfferTerms) { t.Title = "x" }), want: []string{events.TypeOfferAmended}},
		{name: "amend by another party", given: part, when: amended().by("party:rival"), refuse: events.ErrForbidden},
		{name: "amend past the end, before the timer", given: open, when: amended(func(t *events.OfferTerms) { t.ValidUntil = until.AddDate(1, 0, 0) }).when(until), refuse: events.ErrState},

		{name: "pause", given: open, when: pause.by("party:bank"), want: []string{events.TypeOfferPaused}},
		{name: "pause again, same", given: asleep, when: pause},
		{name: "pause again, other", given: asleep, when: say{typ: events.TypePauseOffer, data: &events.Reason{Reason: "x"}}, refuse: events.ErrState},
		{name: "pause by another party", given: open, when: pause.by("party:rival"), refuse: events.ErrForbidden},
		{name: "resume", given: asleep, when: resumed.by("party:bank"), want: []string{events.TypeOfferResumed}},
		{name: "resume the open", given: open, when: resumed, refuse: events.ErrState},
		{name: "withdraw", given: open, when: withdraw.by("party:bank"), want: []string{events.TypeOfferWithdrawn}},
		{name: "withdraw with reservations", given: append(slices.Clone(part), reserved("r0", 1)), when: withdraw, want: []string{events.TypeCapacityReleased, events.TypeCapacityReleased, events.TypeOfferWithdrawn}},
		{name: "withdraw the paused", given: asleep, when: withdraw, want: []string{events.TypeCapacityReleased, events.TypeOfferWithdrawn}},
		{name: "withdraw twice", given: gone, when: withdraw, refuse: events.ErrState},

		{name: "reserve", given: open, when: reserved("r1", 600).by("party:bank"), want: []string{events.TypeCapacityReserved}},
		{name: "reserve by another party", given: open, when: reserved("r1", 600).by("party:rival"), refuse: events.ErrForbidden},
		{name: "reserve by a user", given: open, when: reserved("r1", 600).by("user:u"), refuse: events.ErrForbidden},
		{name: "reserve again, same", given: part, when: reserved("r2", 300)},
		{name: "reserve again, same, while paused", given: asleep, when: reserved("r1", 100)},
		{name: "reserve again, other amount", given: part, when: reserved("r2", 299), refuse: events.ErrExists, field: "/reservation"},
		{name: "reserve again, other demand", given: part, when: reserved("r2", 300, func(d *events.Reserve) { d.Demand = "d2" }), refuse: events.ErrExists, field: "/reservation"},
		{name: "reserve all that is left", given: part, when: reserved("r3", 300), want: []string{events.TypeCapacityReserved}},
		{name: "reserve more than is left", given: part, when: reserved("r3", 301), refuse: events.ErrCapacity, field: "/amount"},
		{name: "reserve above the ticket", given: open, when: reserved("r1", 601), refuse: events.ErrRange, field: "/amount"},
		{name: "reserve nothing", given: open, when: reserved("r1", 0), refuse: events.ErrMoney, field: "/amount"},
		{name: "reserve dollars", given: open, when: reserved("r1", 1, func(d *events.Reserve) { d.Amount = usd(1) }), refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "reserve until now", given: open, when: reserved("r1", 1, func(d *events.Reserve) { d.Until = noon }), refuse: events.ErrValidity, field: "/until"},
		{name: "reserve for ever", given: open, when: reserved("r1", 1, func(d *events.Reserve) { d.Until = noon.AddDate(31, 0, 0) }), refuse: events.ErrRange, field: "/until"},
		{name: "reserve with a bad id", given: open, when: reserved("r 1", 1), refuse: events.ErrID, field: "/reservation"},
		{name: "reserve for a bad demand", given: open, when: reserved("r1", 1, func(d *events.Reserve) { d.Demand = "d.1" }), refuse: events.ErrID, field: "/demand"},
		{name: "one reservation too many", given: crowd, when: reserved("x", 1), refuse: events.ErrRange, field: "/reservation"},
		{name: "reserve the paused", given: asleep, when: reserved("r9", 1), refuse: events.ErrState},
		{name: "reserve the withdrawn", given: gone, when: reserved("r9", 1), refuse: events.ErrState},
		{name: "reserve the expired", given: over, when: reserved("r9", 1).when(until), refuse: events.ErrState},
		{name: "reserve the exhausted", given: done, when: reserved("r9", 1), refuse: events.ErrState},

		{name: "release", given: part, when: release("r2").by("party:bank"), want: []string{events.TypeCapacityReleased}},
		{name: "release while paused", given: asleep, when: release("r1"), want: []string{events.TypeCapacityReleased}},
		{name: "release by another party", given: part, when: release("r2").by("party:rival"), refuse: events.ErrForbidden},
		{name: "release nothing", given: part, when: release("r9"), refuse: events.ErrNotFound, field: "/reservation"},
		{name: "commit less than reserved", given: part, when: committed("r2", 1), want: []string{events.TypeCapacityCommitted}},
		{name: "commit while paused", given: asleep, when: committed("r1", 100), want: []string{events.TypeCapacityCommitted}},
		{name: "commit the last", given: append(slices.Clone(part), reserved("r3", 300), committed("r3", 300)), when: committed("r2", 300), want: []string{events.TypeCapacityCommitted, events.TypeOfferExhausted}},
		{name: "commit more than reserved", given: part, when: committed("r2", 301), refuse: events.ErrCapacity, field: "/amount"},
		{name: "commit nothing", given: part, when: committed("r2", 0), refuse: events.ErrMoney, field: "/amount"},
		{name: "commit dollars", given: part, when: say{typ: events.TypeCommitCapacity, data: &events.CommitCapacity{Reservation: "r2", Amount: usd(1)}}, refuse: events.ErrCurrency, field: "/amount/currency"},
		{name: "commit twice", given: part, when: committed("r1", 400), refuse: events.ErrNotFound, field: "/reservation"},
		{name: "commit at the reservation's end, before the timer", given: part, when: committed("r2", 1).when(noon.Add(48 * time.Hour)), refuse: events.ErrState, field: "/reservation"},

		{name: "expire too early", given: open, when: expiry(until.Add(-1))},
		{name: "expire", given: open, when: expiry(until), want: []string{events.TypeOfferExpired}},
		{name: "expire the paused with a reservation", given: asleep, when: expiry(until), want: []string{events.TypeCapacityReleased, events.TypeOfferExpired}},
		{name: "expire the withdrawn", given: gone, when: expiry(until)},
		{name: "expire the amended", given: []say{published(), amended(func(t *events.OfferTerms) { t.ValidUntil = until.Add(1) })}, when: expiry(until)},
		{name: "expire a reservation too early", given: part, when: reservationExpiry("r2", noon.Add(48*time.Hour-1))},
		{name: "expire a reservation", given: part, when: reservationExpiry("r2", noon.Add(48*time.Hour)), want: []string{events.TypeCapacityReleased}},
		{name: "expire a committed reservation", given: part, when: reservationExpiry("r1", until)},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		for _, typ := range tt.want {
			seen[typ] = true
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *Offer
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
				if a := e.Attr; a.Region != "350100" || a.Instrument == "" || a.Currency == "" {
					t.Fatalf("%s lacks attributes: %+v", e.Type, e.Attr)
				}
			}
		})
	}
	for _, e := range events.Catalog {
		if e.Context == "offer" && e.Kind == events.Fact && !seen[e.Type] {
			t.Errorf("no case decides %s", e.Type)
		}
	}
}

// plain changes the instrument and takes away what not every instrument has.
func plain(instrument string) func(*events.PublishOffer) {
	return func(d *events.PublishOffer) {
		d.Instrument, d.TermMonths, d.MinPriceBP, d.MaxPriceBP = instrument, nil, nil, nil
	}
}

func TestClauses(t *testing.T) {
	t.Parallel()
	in := func(field, op string, values ...string) events.Clause {
		return events.Clause{Field: field, Op: op, Values: values}
	}
	bound := func(field, op string, n int64) events.Clause {
		return events.Clause{Field: field, Op: op, Number: &n}
	}
	several := func(n int, c events.Clause) []events.Clause { return slices.Repeat([]events.Clause{c}, n) }
	tests := []struct {
		name    string
		clauses []events.Clause
		refuse  events.ProblemKind
		field   string
	}{
		{name: "one of every field", clauses: []events.Clause{
			in("region", "in", "350100", "110000"), in("industry", "in", "C", "C39", "I6513"), in("stage", "in", "seed"), in("use", "in", "rnd"),
			in("title", "all", "high_tech"), in("focus", "any", "sei_biology"), in("security", "all", "ip_pledge"),
			bound("employees", "min", 0), bound("revenue", "max", 1), bound("rd_ratio", "min", 500), bound("patents", "min", 1), bound("age_months", "max", 120),
		}},
		{name: "exactly as many as allowed", clauses: several(ClausesMax, bound("patents", "min", 1))},
		{name: "one too many", clauses: several(ClausesMax+1, bound("patents", "min", 1)), refuse: events.ErrRange, field: "/eligibility"},
		{name: "unknown field", clauses: []events.Clause{in("colour", "in", "red")}, refuse: events.ErrClause, field: "/eligibility/0/field"},
		{name: "region with any", clauses: []events.Clause{in("region", "any", "350100")}, refuse: events.ErrClause, field: "/eligibility/0/op"},
		{name: "title with in", clauses: []events.Clause{in("title", "in", "high_tech")}, refuse: events.ErrClause, field: "/eligibility/0/op"},
		{name: "patents with in", clauses: []events.Clause{in("patents", "in", "1")}, refuse: events.ErrClause, field: "/eligibility/0/op"},
		{name: "stage with min", clauses: []events.Clause{bound("stage", "min", 1)}, refuse: events.ErrClause, field: "/eligibility/0/op"},
		{name: "unknown region", clauses: []events.Clause{in("region", "in", "350100", "1")}, refuse: events.ErrRegion, field: "/eligibility/0/values/1"},
		{name: "unknown industry", clauses: []events.Clause{bound("patents", "min", 1), in("industry", "in", "39")}, refuse: events.ErrIndustry, field: "/eligibility/1/values/0"},
		{name: "unknown stage", clauses: []events.Clause{in("stage", "in", "x")}, refuse: events.ErrCode, field: "/eligibility/0/values/0"},
		{name: "unknown title", clauses: []events.Clause{in("title", "any", "x")}, refuse: events.ErrCode, field: "/eligibility/0/values/0"},
		{name: "unknown focus", clauses: []events.Clause{in("focus", "any", "x")}, refuse: events.ErrCode, field: "/eligibility/0/values/0"},
		{name: "unknown security", clauses: []events.Clause{in("security", "any", "x")}, refuse: events.ErrCode, field: "/eligibility/0/values/0"},
		{name: "unknown use", clauses: []events.Clause{in("use", "in", "x")}, refuse: events.ErrCode, field: "/eligibility/0/values/0"},
		{name: "no values", clauses: []events.Clause{in("stage", "in")}, refuse: events.ErrClause, field: "/eligibility/0/values"},
		{name: "too many values", clauses: []events.Clause{in("stage", "in", slices.Repeat([]string{"seed"}, ValuesMax+1)...)}, refuse: events.ErrClause, field: "/eligibility/0/values"},
		{name: "values and a number", clauses: []events.Clause{{Field: "stage", Op: "in", Values: []string{"seed"}, Number: number(1)}}, refuse: events.ErrClause, field: "/eligibility/0/number"},
		{name: "a bound with values", clauses: []events.Clause{{Field: "patents", Op: "min", Values: []string{"1"}, Number: number(1)}}, refuse: events.ErrClause, field: "/eligibility/0/values"},
		{name: "a bound without its number", clauses: []events.Clause{{Field: "patents", Op: "min"}}, refuse: events.ErrClause, field: "/eligibility/0/number"},
		{name: "negative bound", clauses: []events.Clause{bound("patents", "min", -1)}, refuse: events.ErrClause, field: "/eligibility/0/number"},
		{name: "unknown visibility", clauses: []events.Clause{{Field: "patents", Op: "min", Number: number(1), Visibility: "friends"}}, refuse: events.ErrClause, field: "/eligibility/0/visibility"},
		{name: "bounds that meet", clauses: []events.Clause{bound("employees", "min", 5), bound("employees", "max", 5)}},
		{name: "bounds that contradict", clauses: []events.Clause{bound("employees", "min", 6), bound("patents", "min", 9), bound("employees", "max", 5)}, refuse: events.ErrClause, field: "/eligibility/2/number"},
		{name: "bounds that contradict, maximum first", clauses: []events.Clause{bound("employees", "max", 5), bound("employees", "min", 6)}, refuse: events.ErrClause, field: "/eligibility/1/number"},
		{name: "the tightest bounds count", clauses: []events.Clause{bound("employees", "min", 1), bound("employees", "max", 9), bound("employees", "max", 3), bound("employees", "min", 4)}, refuse: events.ErrClause, field: "/eligibility/3/number"},
		{name: "bounds of different fields", clauses: []events.Clause{bound("employees", "min", 9), bound("patents", "max", 3)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := play(t, nil, new(uint64), published(func(d *events.PublishOffer) { d.Eligibility = tt.clauses }))
			if tt.refuse.Code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refused(t, err, tt.refuse, tt.field)
		})
	}
}

func TestAppetite(t *testing.T) {
	t.Parallel()
	like := func(field string, weight int, values ...string) []events.Preference {
		return []events.Preference{{Field: field, Weight: weight, Values: values}}
	}
	tests := []struct {
		name     string
		appetite []events.Preference
		refuse   events.ProblemKind
		field    string
	}{
		{name: "weight 1", appetite: like("region", 1, "350000")},
		{name: "weight 100", appetite: like("focus", 100, "sei_biology")},
		{name: "weight 0", appetite: like("stage", 0, "seed"), refuse: events.ErrRange, field: "/appetite/0/weight"},
		{name: "weight 101", appetite: like("stage", 101, "seed"), refuse: events.ErrRange, field: "/appetite/0/weight"},
		{name: "of no field", appetite: like("patents", 1, "1"), refuse: events.ErrClause, field: "/appetite/0/field"},
		{name: "of nothing", appetite: like("stage", 1), refuse: events.ErrClause, field: "/appetite/0/values"},
		{name: "of the unknown", appetite: like("title", 1, "high_tech", "x"), refuse: events.ErrCode, field: "/appetite/0/values/1"},
		{name: "too many", appetite: slices.Repeat(like("stage", 1, "seed"), PreferencesMax+1), refuse: events.ErrRange, field: "/appetite"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := play(t, nil, new(uint64), published(func(d *events.PublishOffer) { d.Appetite = tt.appetite }))
			if tt.refuse.Code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			refused(t, err, tt.refuse, tt.field)
		})
	}
}

func TestRefusalsNameTheStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given []say
		at    time.Time
	}{
		"withdrawn": {[]say{published(), withdraw}, noon},
		"expired":   {[]say{published(), expiry(until)}, until},
		"exhausted": {[]say{published(), reserved("r", 600), reserved("s", 400), committed("r", 600), committed("s", 400)}, noon},
	} {
		var s *Offer
		var version uint64
		for _, g := range c.given {
			s, _, _ = play(t, s, &version, g)
		}
		for _, when := range []say{amended(), pause, resumed, withdraw, reserved("r9", 1), release("r9"), committed("r9", 1)} {
			_, _, err := play(t, s, &version, when.when(c.at))
			refused(t, err, events.ErrState, "")
			if p := err.(*events.Problem); !strings.Contains(p.Detail, name) || !strings.Contains(p.DetailEN, name) {
				t.Errorf("%s of the %s: %s / %s", when.typ, name, p.Detail, p.DetailEN)
			}
		}
	}
}

func TestPublishedRecordsTheLicencesOfTheDay(t *testing.T) {
	t.Parallel()
	s, decided, err := play(t, nil, new(uint64), published(func(d *events.PublishOffer) { d.ValidUntil = until.In(events.Beijing) }))
	if err != nil {
		t.Fatal(err)
	}
	e := decided[0].Data.(*events.OfferPublished)
	if len(e.Facts.Licences) != 1 || e.Facts.Licences[0].Licence != "bank" || e.Facts.Position != "party.0:7" || e.ValidUntil != until {
		t.Fatalf("%+v", e)
	}
	if s.Remaining() != fen(1000) || s.Status != StatusOpen || s.CreatedAt != noon || decided[0].Attr.Instrument != "ip_pledge_loan" {
		t.Fatalf("%+v", s)
	}
}

func TestReleases(t *testing.T) {
	t.Parallel()
	for want, when := range map[string]say{
		ReleasedByRequest:    {typ: events.TypeReleaseCapacity, data: &events.ReservationRef{Reservation: "r1", Reason: "because"}},
		ReleasedByWithdrawal: withdraw,
		ReleasedByTime:       reservationExpiry("r1", noon.Add(48*time.Hour)),
	} {
		var version uint64
		s, _, _ := play(t, nil, &version, published())
		s, _, _ = play(t, s, &version, reserved("r1", 7))
		_, decided, err := play(t, s, &version, when)
		if err != nil {
			t.Fatal(err)
		}
		if e := decided[0].Data.(*events.CapacityReleased); e.Reason != want || e.Amount != fen(7) || e.Reservation != "r1" {
			t.Errorf("got %+v, want %s", e, want)
		}
	}
	var version uint64
	s, _, _ := play(t, nil, &version, published())
	s, _, _ = play(t, s, &version, reserved("r1", 7))
	s, decided, _ := play(t, s, &version, committed("r1", 5))
	if e := decided[0].Data.(*events.CapacityCommitted); e.Demand != "d1" || e.Amount != fen(5) || e.Released != fen(2) || s.Remaining() != fen(995) {
		t.Fatalf("%+v leaves %v", e, s.Remaining())
	}
}

// TestWithdrawalOfTheFullestFitsACommand holds the events of one withdrawal under the 128 KiB of one command.
func TestWithdrawalOfTheFullestFitsACommand(t *testing.T) {
	t.Parallel()
	const envelope = 620 // bytes of a CloudEvent's attributes, extensions included
	var s *Offer
	var version uint64
	s, _, _ = play(t, s, &version, published())
	for i := range ReservationsMax {
		s, _, _ = play(t, s, &version, reserved(fmt.Sprintf("%064d", i), 1))
	}
	_, decided, err := play(t, s, &version, withdraw)
	if err != nil || len(decided) != ReservationsMax+1 {
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
