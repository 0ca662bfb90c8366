package sharing

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

var now = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

func grantOf(edit func(*events.Grant)) *events.Grant {
	g := &events.Grant{Grant: "g-1", Purpose: "statistics", Basis: "工作方案 2024-06-28", Types: map[string][]string{events.TypeDemandPublished: {"id", "amount"}}}
	if edit != nil {
		edit(g)
	}
	return g
}

// given evolves a department through grants.
func given(grants ...any) *Department {
	var d *Department
	for i, data := range grants {
		typ := events.TypeGranted
		if _, ok := data.(*events.GrantRef); ok {
			typ = events.TypeGrantRevoked
		}
		d = Evolve(d, &step.Applied{Type: typ, Subject: "pboc", Version: uint64(i + 1), Time: now, Data: data})
	}
	return d
}

func TestDecide(t *testing.T) {
	cuts := []events.Cut{{Context: "demand", Sequence: 7}}
	for _, c := range []struct {
		name  string
		given *Department
		actor step.Actor
		when  any
		then  []any
		code  events.ProblemKind
		field string
	}{
		{name: "a first grant, with its cut", when: grantOf(nil), then: []any{grantOf(func(g *events.Grant) { g.Cuts = cuts })}},
		{name: "the same grant again changes nothing", given: given(grantOf(nil)), when: grantOf(nil)},
		{name: "a grant is never edited", given: given(grantOf(nil)), when: grantOf(func(g *events.Grant) { g.Purpose = "other" }), code: events.ErrExists, field: "/grant"},
		{name: "a revoked grant does not come back", given: given(grantOf(nil), &events.GrantRef{Grant: "g-1"}), when: grantOf(nil), code: events.ErrExists, field: "/grant"},
		{name: "an unknown event type", when: grantOf(func(g *events.Grant) { g.Types = map[string][]string{"jieli.demand.dreamt.v1": {"id"}} }), code: events.ErrUnknownType, field: "/types/jieli.demand.dreamt.v1"},
		{name: "a command is no event", when: grantOf(func(g *events.Grant) { g.Types = map[string][]string{events.TypePublishDemand: {"id"}} }), code: events.ErrUnknownType, field: "/types/" + events.TypePublishDemand},
		{name: "no fields", when: grantOf(func(g *events.Grant) { g.Types = map[string][]string{events.TypeDemandPublished: {}} }), code: events.ErrRange, field: "/types/" + events.TypeDemandPublished},
		{name: "an unknown region", when: grantOf(func(g *events.Grant) { g.Regions = []string{"330000", "999999"} }), code: events.ErrRegion, field: "/regions/1"},
		{name: "ended yesterday", when: grantOf(func(g *events.Grant) { g.Until = "2026-11-21" }), code: events.ErrValidity, field: "/until"},
		{name: "ends today", when: grantOf(func(g *events.Grant) { g.Until = "2026-11-22" }), then: []any{grantOf(func(g *events.Grant) { g.Until, g.Cuts = "2026-11-22", cuts })}},
		{name: "a party cannot grant", actor: "party:bank-1", when: grantOf(nil), code: events.ErrForbidden},
		{name: "revoked, with its cut", given: given(grantOf(nil)), when: &events.GrantRef{Grant: "g-1", Reason: "done"}, then: []any{&events.GrantRef{Grant: "g-1", Reason: "done", Cuts: cuts}}},
		{name: "revoked twice changes nothing", given: given(grantOf(nil), &events.GrantRef{Grant: "g-1"}), when: &events.GrantRef{Grant: "g-1"}},
		{name: "nothing to revoke", when: &events.GrantRef{Grant: "g-9"}, code: events.ErrNotFound, field: "/grant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.actor == "" {
				c.actor = step.Operator
			}
			before, _ := json.Marshal(c.given)
			list, err := Decide(c.given, &step.Command{Subject: "pboc", Actor: c.actor, Data: c.when, Facts: &Facts{Cuts: cuts}}, now)
			if after, _ := json.Marshal(c.given); string(after) != string(before) {
				t.Errorf("Decide changed the state")
			}
			var p *events.Problem
			if errors.As(err, &p) != (c.code.Code != "") || p != nil && (!c.code.Is(p) || p.Field != c.field) {
				t.Fatalf("refusal %v, want %s at %q", err, c.code.Code, c.field)
			}
			var got []any
			for _, e := range list {
				got = append(got, e.Data)
			}
			if !reflect.DeepEqual(got, c.then) {
				t.Errorf("got %+v, want %+v", got, c.then)
			}
		})
	}
}

func TestEvolveLeavesTheOldStateAlone(t *testing.T) {
	old := given(grantOf(nil))
	before, _ := json.Marshal(old)
	Evolve(old, &step.Applied{Type: events.TypeGrantRevoked, Subject: "pboc", Data: &events.GrantRef{Grant: "g-1"}})
	Evolve(old, &step.Applied{Type: events.TypeGranted, Subject: "pboc", Data: grantOf(func(g *events.Grant) { g.Grant = "g-2" })})
	if after, _ := json.Marshal(old); string(after) != string(before) {
		t.Errorf("was %s, is %s", before, after)
	}
}

// demand is a published demand at a place of the ledger.
func demand(sequence uint64, region string) (*events.Event, events.Position) {
	e := &events.Event{ID: "e-1", Source: "/jieli/demand", Type: events.TypeDemandPublished, Subject: "d-1", Time: now, Data: []byte(`{"id":"d-1","enterprise":"X","amount":{"amount":"5.00","currency":"CNY"}}`)}
	e.Set(events.ExtActor, "party:bank-1", events.String)
	e.Set(events.ExtAmountWan, "500", events.Integer)
	e.Set(events.ExtRegion, region, events.String)
	return e, events.Position{Context: "demand", Sequence: sequence}
}

func TestView(t *testing.T) {
	cut := func(n uint64) []events.Cut { return []events.Cut{{Context: "demand", Sequence: n}} }
	from := func(n uint64) *events.Grant { return grantOf(func(g *events.Grant) { g.Cuts = cut(n) }) }
	for _, c := range []struct {
		name     string
		given    *Department
		sequence uint64
		region   string
		want     string // "" nothing
	}{
		{"granted from the beginning", given(grantOf(nil)), 1, "330106", `{"id":"d-1","amount":{"amount":"5.00","currency":"CNY"}}`},
		{"before the cut", given(from(5)), 4, "330106", ""},
		{"at the cut", given(from(5)), 5, "330106", `{"id":"d-1","amount":{"amount":"5.00","currency":"CNY"}}`},
		{"revoked later", given(from(5), &events.GrantRef{Grant: "g-1", Cuts: cut(9)}), 8, "330106", `{"id":"d-1","amount":{"amount":"5.00","currency":"CNY"}}`},
		{"revoked", given(from(5), &events.GrantRef{Grant: "g-1", Cuts: cut(9)}), 9, "330106", ""},
		{"revoked before anything was read", given(from(5), &events.GrantRef{Grant: "g-1"}), 9, "330106", ""},
		{"a local office's region", given(grantOf(func(g *events.Grant) { g.Regions = []string{"330000"} })), 1, "330106", `{"id":"d-1","amount":{"amount":"5.00","currency":"CNY"}}`},
		{"another region", given(grantOf(func(g *events.Grant) { g.Regions = []string{"330000"} })), 1, "440300", ""},
		{"past its last day", given(grantOf(func(g *events.Grant) { g.Until = "2026-11-21" })), 1, "330106", ""},
		{"two grants add up", given(grantOf(nil), grantOf(func(g *events.Grant) {
			g.Grant, g.Types = "g-2", map[string][]string{events.TypeDemandPublished: {"enterprise"}}
		})), 1, "330106", `{"id":"d-1","enterprise":"X","amount":{"amount":"5.00","currency":"CNY"}}`},
		{"another event type", given(grantOf(func(g *events.Grant) { g.Types = map[string][]string{events.TypeOfferPublished: {"id"}} })), 1, "330106", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, origin := demand(c.sequence, c.region)
			view, may, err := NewPolicy(c.given).View(e, origin)
			if err != nil || may != (c.want != "") {
				t.Fatalf("may %v, %v", may, err)
			}
			if !may {
				return
			}
			if string(view.Data) != c.want {
				t.Errorf("%s, want %s", view.Data, c.want)
			}
			if view.Get(events.ExtActor) != "" || view.ID == e.ID || view.Get(ExtPolicy) == "" {
				t.Errorf("the actor, the id or the policy version is wrong: %+v", view)
			}
		})
	}
}

// TestAmountAttribute: the rounded amount in the attributes says as much as the amount, so it goes with it only.
func TestAmountAttribute(t *testing.T) {
	e, origin := demand(1, "330106")
	for fields, want := range map[string]string{"amount": "500", "id": ""} {
		view, _, err := NewPolicy(given(grantOf(func(g *events.Grant) { g.Types = map[string][]string{events.TypeDemandPublished: {fields}} }))).View(e, origin)
		if err != nil || view.Get(events.ExtAmountWan) != want {
			t.Errorf("with field %s: amountwan %q, want %q (%v)", fields, view.Get(events.ExtAmountWan), want, err)
		}
	}
}

func TestDefaultGrantsAreAccepted(t *testing.T) {
	grants, err := contracts.DefaultGrants()
	if err != nil || len(grants) == 0 {
		t.Fatal(err)
	}
	for _, g := range grants {
		p := &events.Grant{Grant: g.Grant, Purpose: g.Purpose, Basis: g.Basis, Regions: g.Regions, Types: g.Types, Until: events.Date(g.Until)}
		if list, err := Decide(nil, &step.Command{Subject: g.Department, Actor: step.System, Data: p}, now); err != nil || len(list) != 1 {
			t.Errorf("%s: %v", g.Grant, err)
		}
	}
}
