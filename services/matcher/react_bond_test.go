package matcher

import (
	"errors"
	"slices"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// TestReactorFollowsBonds: an application is matched with underwriters from its triage until it is docked or sent back.
func TestReactorFollowsBonds(t *testing.T) {
	const id = "bond:1"
	f := newFeed(t)
	f.service.CaughtUp()
	underwriting := func(id string, most int64) {
		o := plainOffer(id)
		o.Instrument, o.Eligibility, o.TermMonths = "tech_note", nil, nil
		o.Capacity.Minor, o.MinTicket.Minor, o.MaxTicket.Minor = 1_000_000_000, 1, most
		f.give(events.TypeOfferPublished, id, o)
	}
	underwriting("large", 900_000_000)
	underwriting("small", 100_000)
	terms := events.BondTerms{Venue: "interbank", Instrument: "tech_note", Amount: events.Money{Minor: 300_000_000, Currency: "CNY"}, TenorDays: 1095}
	facts := &events.EnterpriseFacts{Position: "enterprise.0:1", Version: 1, Name: "示例", Region: "330106", Industry: "I65"}
	quiet := func(typ string, data any) {
		t.Helper()
		if c := f.give(typ, id, data); c != nil {
			t.Fatalf("%s asks for %+v", typ, c)
		}
		if _, open := f.service.Demand(id); open {
			t.Fatalf("after %s it looks for an underwriter", typ)
		}
	}
	asks := func(version uint64, want ...string) {
		t.Helper()
		c := f.give(events.TypeBondTriaged, id, &events.BondTriage{})
		got := slices.Sorted(slices.Values(ids(c)))
		expect(t, "triaged", got, want...)
		if r := c.Data.(*events.Recommendation); r.Demand != id || r.DemandVersion != version || r.Enterprise != "x-1" || r.Region != "330106" || r.Industry != "I65" {
			t.Fatalf("%+v", r)
		}
		expect(t, "asked", slices.Sorted(slices.Values(f.ranking(id))), want...)
	}
	quiet(events.TypeBondApplied, &events.BondApplied{ID: id, Issuer: "x-1", IssuerKind: events.IssuerTechnology, BondTerms: terms, Enterprise: facts})
	asks(2, "large")
	for _, typ := range []string{events.TypeBondClockStarted, events.TypeBondClockBreached} { // its clock changes nothing
		if c := f.give(typ, id, &events.BondClock{}); c != nil {
			t.Fatalf("%s asks for %+v", typ, c)
		}
	}
	expect(t, "with its clock", f.ranking(id), "large")
	quiet(events.TypeBondReturned, &events.BondReturned{From: "triaged"})
	terms.Amount.Minor = 100_000
	quiet(events.TypeBondResubmitted, &events.BondResubmitted{BondTerms: terms, Enterprise: facts})
	asks(7, "large", "small")
	quiet(events.TypeBondDocked, &events.BondDocked{Offer: "small"})
	quiet(events.TypeBondRated, &events.BondRating{})
	if _, err := f.service.Apply(Origin{"bond", 0, 99}, &step.Applied{Type: events.TypeBondFiled, Subject: id, Version: 99, Data: &events.BondFiling{}}); !errors.Is(err, ErrGap) {
		t.Fatalf("a gap: %v", err)
	}
	quiet(events.TypeBondIssued, &events.BondIssue{})
	if n := len(f.service.bonds); n != 0 {
		t.Fatalf("%d applications are held after the end", n)
	}
	quiet(events.TypeBondRated, &events.BondRating{}) // what comes behind the end is not followed
}

// TestReactorInstitutionalIssuer: an institution is of the finance section and of its own region.
func TestReactorInstitutionalIssuer(t *testing.T) {
	const id = "bond:2"
	f := newFeed(t)
	f.service.CaughtUp()
	f.give(events.TypeBondApplied, id, &events.BondApplied{ID: id, Issuer: "p-vc", IssuerKind: events.IssuerInvestor, Party: &events.PartyFacts{Version: 1, Name: "示例创投", Region: "310000"},
		BondTerms: events.BondTerms{Instrument: "tech_bond", Amount: events.Money{Minor: 1, Currency: "CNY"}, TenorDays: 1}})
	r := f.give(events.TypeBondTriaged, id, &events.BondTriage{}).Data.(*events.Recommendation)
	if r.Region != "310000" || r.Industry != "J" || r.Instrument != "tech_bond" || len(r.Offers) != 0 {
		t.Fatalf("%+v", r)
	}
}
