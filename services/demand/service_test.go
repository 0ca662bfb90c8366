package demand

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// documents is a Lookup over a map: "context/id" -> document.
type documents map[string]string

var errBroken = errors.New("the store is away")

func (d documents) Document(_ context.Context, context, id string) ([]byte, uint64, string, error) {
	doc, ok := d[context+"/"+id]
	switch {
	case !ok:
		return nil, 0, "", store.ErrNotFound
	case doc == "":
		return nil, 0, "", errBroken
	}
	return []byte(doc), 5, context + ".0:42", nil
}

const enterprise = `{"id":"91350100M000100Y43","name":"示例","region":"350100","industry":"C39","stage":"growth","founded":"2019-03-01",
 "focus":["sei_information"],"status":"active","created_at":"2026-01-01T00:00:00Z",
 "profiles":[{"fiscal_year":2024,"employees":9},{"fiscal_year":2025,"employees":120,"revenue":{"amount":"80.00","currency":"CNY"},"rd_expense":{"amount":"6.00","currency":"CNY"},"patents":12}],
 "titles":[{"title":"high_tech","certificate":"GR1","issuer":"x","valid_from":"2024-01-01","valid_to":"2026-06-15"}],
 "authorisations":[{"user":"u1","role":"owner","from":"2026-06-01","until":"2026-06-15"}]}`

func TestPrepareEnterprise(t *testing.T) {
	t.Parallel()
	docs := documents{"enterprise/" + uscc: enterprise, "demand/d1": `{"id":"d1","enterprise":"` + uscc + `"}`, "enterprise/x-away": "", "enterprise/x-off": `{"status":"suspended"}`}
	prepare := New(Deps{Lookup: docs}).Prepare
	for name, c := range map[string]say{"publish": published(), "amend": amended(), "withdraw by a user": withdrawn().by("user:u1")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command, _ := c.without().command()
			if err := prepare(t.Context(), command); err != nil {
				t.Fatal(err)
			}
			f := command.Facts.(*Facts)
			e := f.Enterprise
			if e.Position != "enterprise.0:42" || e.Version != 5 || e.Name != "示例" || e.Region != "350100" || e.Industry != "C39" || e.Stage != "growth" ||
				e.Founded != "2019-03-01" || e.Employees != 120 || *e.Revenue != fen(8000) || *e.RDExpense != fen(600) || e.Patents != 12 ||
				len(e.Titles) != 1 || !slices.Equal(e.Focus, []string{"sei_information"}) || f.Suspended || len(f.Authorisations) != 1 {
				t.Fatalf("%+v", f)
			}
		})
	}
	t.Run("decided with what was prepared", func(t *testing.T) {
		t.Parallel()
		command, now := published().by("user:u1").without().command()
		if err := prepare(t.Context(), command); err != nil {
			t.Fatal(err)
		}
		if decided, err := Decide(nil, command, now); err != nil || len(decided) != 1 {
			t.Fatalf("%v %v", decided, err)
		}
	})
	of := func(enterprise string) say {
		return published(func(d *events.PublishDemand) { d.Enterprise = enterprise })
	}
	t.Run("refusals", func(t *testing.T) {
		t.Parallel()
		command, _ := of("x-none").command()
		refused(t, prepare(t.Context(), command), events.ErrNotFound, "/enterprise")
		command, _ = amended().subject("d9").command()
		refused(t, prepare(t.Context(), command), events.ErrNotFound, "")
		command, _ = of("x-away").command()
		if err := prepare(t.Context(), command); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		command, now := of("x-off").without().command()
		if err := prepare(t.Context(), command); err != nil {
			t.Fatal(err)
		}
		_, err := Decide(nil, command, now)
		refused(t, err, events.ErrState, "/enterprise")
	})
	for name, c := range map[string]say{
		"publish by a party": published().by("party:bank"), "publish for a bad id": of("x y"), "withdraw by the operator": withdrawn(), "hold by the operator": held("h", 1),
	} {
		command, _ := c.without().command()
		if err := prepare(t.Context(), command); err != nil || command.Facts != nil {
			t.Errorf("%s: %v %v", name, err, command.Facts)
		}
	}
}

func TestPrepareParty(t *testing.T) {
	t.Parallel()
	docs := documents{
		"demand/d1": `{"enterprise":"` + uscc + `","holds":{"h2":{"offer":"o1","amount":{"amount":"3.00","currency":"CNY"},"until":"2026-06-17T04:00:00Z"}},
			"fills":{"h1":{"offer":"o1","amount":{"amount":"4.00","currency":"CNY"}}}}`,
		"offer/o1": `{"party":"bank"}`,
	}
	prepare := New(Deps{Lookup: docs}).Prepare
	var version uint64
	var s *Demand
	for _, c := range []say{published(), held("h1", 600), filled("h1", 400), held("h2", 300), held("h3", 1)} {
		s, _, _ = play(t, s, &version, c)
	}
	tests := []struct {
		name   string
		when   say
		events int
		refuse events.ProblemKind
		field  string
	}{
		{name: "hold", when: held("h9", 1), events: 1},
		{name: "hold for an unknown offer", when: held("h9", 1, func(d *events.Hold) { d.Offer = "o7" }), refuse: events.ErrNotFound, field: "/offer"},
		{name: "hold for a bad offer", when: held("h9", 1, func(d *events.Hold) { d.Offer = "*" }), refuse: events.ErrID, field: "/offer"},
		{name: "release", when: release("h2"), events: 1},
		{name: "fill", when: filled("h2", 300), events: 1},
		{name: "fill what is filled", when: filled("h1", 400)},
		{name: "fill what the document does not show yet", when: filled("h3", 1), refuse: events.ErrStale},
		{name: "release what is not there", when: release("h7"), refuse: events.ErrNotFound, field: "/hold"},
		{name: "release of an unknown demand", when: release("h2").subject("d9"), refuse: events.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command, now := tt.when.without().by("party:bank").command()
			err := prepare(t.Context(), command)
			var decided []step.Event
			if err == nil {
				decided, err = Decide(s, command, now)
			}
			if tt.refuse.Code != "" {
				refused(t, err, tt.refuse, tt.field)
			} else if err != nil || len(decided) != tt.events {
				t.Fatalf("%v %v", decided, err)
			}
		})
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	s, _, _ := play(t, nil, new(uint64), published())
	got, err := Index([]byte(dump(t, s)))
	want := []store.Index{
		{Name: "enterprise", Value: uscc}, {Name: "status", Value: "open"}, {Name: "region", Value: "350100"}, {Name: "industry", Value: "C39"},
		{Name: "currency", Value: "CNY"}, {Name: "amount", Value: "CNY:0000000000000001000"}, {Name: "created", Value: "2026-06-15T04:00:00.000Z"}, {Name: "updated", Value: "2026-06-15T04:00:00.000Z"},
		{Name: "instrument", Value: "ip_pledge_loan"}, {Name: "instrument", Value: "vc_equity"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := Index(nil); err == nil {
		t.Fatal("nothing has an index")
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	s := New(Deps{})
	if s.Machine.Context() != "demand" || s.Path != "demands" || s.Create != events.TypePublishDemand || s.Amend != events.TypeAmendDemand {
		t.Fatalf("%+v", s)
	}
}

// versioned is a Lookup of one enterprise whose document moves on.
type versioned struct {
	version uint64
	region  string
}

func (v *versioned) Document(context.Context, string, string) ([]byte, uint64, string, error) {
	return fmt.Appendf(nil, `{"name":"示例","region":%q,"status":"active"}`, v.region), v.version, "enterprise.0:9", nil
}

// TestPrepareSeesANewVersion: decoded documents are kept by version; a moved-on enterprise is read anew.
func TestPrepareSeesANewVersion(t *testing.T) {
	t.Parallel()
	lookup := &versioned{version: 1, region: "330106"}
	prepare := New(Deps{Lookup: lookup}).Prepare
	for _, c := range []struct {
		version uint64
		region  string
	}{{1, "330106"}, {1, "330106"}, {2, "440300"}, {3, "110108"}} {
		lookup.version, lookup.region = c.version, c.region
		command := &step.Command{Type: events.TypePublishDemand, Subject: "d1", Actor: step.Operator, Data: &events.PublishDemand{ID: "d1", Enterprise: "x-1"}}
		if err := prepare(t.Context(), command); err != nil {
			t.Fatal(err)
		}
		facts := command.Facts.(*Facts)
		if facts.Enterprise.Region != c.region || facts.Enterprise.Version != c.version {
			t.Errorf("version %d: %+v", c.version, facts.Enterprise)
		}
	}
}
