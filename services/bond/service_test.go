package bond

import (
	"context"
	"errors"
	"testing"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/steptest"
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

func known() documents {
	return documents{
		"enterprise/" + uscc: `{"name":"示例","region":"350100","industry":"C39","stage":"mature","listed":"SSE-STAR:688001","status":"active",
			"profiles":[{"fiscal_year":2025,"employees":9,"patents":31}],"authorisations":[{"user":"u1","role":"owner","from":"2026-06-01","until":"2026-06-15"}]}`,
		"enterprise/x-off":  `{"name":"示例","region":"350100","industry":"C39","status":"suspended"}`,
		"enterprise/x-away": "",
		"party/p-vc":        `{"kind":"vc","name":"示例创投","region":"350100","status":"active","licences":[{"licence":"pe_vc_fund_manager","number":"P1","valid_from":"2020-01-01"}]}`,
		"party/p-uw":        `{"kind":"underwriter","name":"示例证券","region":"350100","status":"active","licences":[{"licence":"securities","number":"S1","valid_from":"2020-01-01"}]}`,
		"party/p-off":       `{"kind":"underwriter","name":"示例二","region":"350100","status":"suspended"}`,
		"party/p-r":         `{"kind":"rating_agency","name":"示例评级","region":"110000","status":"active","licences":[{"licence":"rating","number":"R1","valid_from":"2020-01-01"}]}`,
		"offer/o1":          `{"party":"p-uw","instrument":"tech_note","capacity":{"amount":"900000000.00","currency":"CNY"},"status":"open","valid_until":"2027-01-01T00:00:00Z","facts":{"name":"示例证券"}}`,
		"offer/o2":          `{"party":"p-off","instrument":"tech_note","capacity":{"amount":"900000000.00","currency":"CNY"},"status":"open","valid_until":"2027-01-01T00:00:00Z","facts":{"name":"示例二"}}`,
		"bond/" + id:        `{"issuer":"` + uscc + `","issuer_kind":"technology_firm"}`,
	}
}

func service(t *testing.T, docs documents) app.Service {
	t.Helper()
	sets, err := LoadRules(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return New(Deps{Lookup: docs, Rules: sets, Course: courseRules})
}

// TestPrepareThenDecide: what the edge looks up is enough for every stage up to the rating.
func TestPrepareThenDecide(t *testing.T) {
	t.Parallel()
	prepare := service(t, known()).Prepare
	var s *Bond
	version := new(uint64)
	for _, c := range []struct {
		say    say
		refuse events.ProblemKind
		field  string
	}{
		{say: applied().by("user:u1")},
		{say: triaged()},
		{say: docked("o2"), refuse: events.ErrState, field: "/offer"},
		{say: docked("o9"), refuse: events.ErrNotFound, field: "/offer"},
		{say: docked("o1").by("user:u1")},
		{say: rated("AA", "2026-06-15").by("party:p-uw")},
		{say: enhanced("guarantee", 1).by("party:p-uw"), refuse: events.ErrNotFound, field: "/provider"},
		{say: filed("2026-06-15").by("party:p-uw")},
		{say: ended(events.TypeWithdrawBond).by("user:u2"), refuse: events.ErrForbidden, field: "/issuer"},
		{say: ended(events.TypeWithdrawBond).by("user:u1")},
	} {
		command, now := c.say.command()
		command.Facts = nil
		if err := prepare(t.Context(), command); err != nil {
			t.Fatalf("%s: %v", command.Type, err)
		}
		var err error
		s, _, err = steptest.Play(t, deciding(), s, version, command, now)
		if c.refuse.Code != "" {
			steptest.Refused(t, err, c.refuse, c.field)
		} else if err != nil {
			t.Fatalf("%s: %v", command.Type, err)
		}
	}
	if s.Status != StatusWithdrawn || s.Triage.Gate != "listed" || s.Docking.PartyName != "示例证券" || s.Enterprise.Patents != 31 || s.Triage.Position != "enterprise.0:42" {
		t.Fatalf("%+v", s)
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	prepare := service(t, known()).Prepare
	issuer := func(id, kind string) *step.Command {
		c, _ := applied(func(d *events.ApplyBond) { d.Issuer, d.IssuerKind = id, kind }).command()
		c.Facts = nil
		return c
	}
	steptest.Refused(t, prepare(t.Context(), issuer("x-none", events.IssuerTechnology)), events.ErrNotFound, "/issuer")
	steptest.Refused(t, prepare(t.Context(), issuer("p-none", events.IssuerInvestor)), events.ErrNotFound, "/issuer")
	steptest.Refused(t, prepare(t.Context(), issuer("*", events.IssuerInvestor)), events.ErrID, "/issuer")
	if err := prepare(t.Context(), issuer("x-away", events.IssuerTechnology)); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	c, _ := docked("*").command()
	steptest.Refused(t, prepare(t.Context(), c), events.ErrID, "/offer")
	c, _ = triaged().command()
	c.Subject = "bond:none"
	steptest.Refused(t, prepare(t.Context(), c), events.ErrNotFound, "")
	off := issuer("x-off", events.IssuerTechnology)
	if err := prepare(t.Context(), off); err != nil {
		t.Fatal(err)
	}
	_, err := deciding().Decide(nil, off, noon)
	steptest.Refused(t, err, events.ErrState, "/issuer")
}

func TestIndex(t *testing.T) {
	t.Parallel()
	s, _ := given(t, course(StatusDocked)...)
	list, err := Index([]byte(steptest.JSON(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"issuer": uscc, "status": "docked", "venue": "interbank", "issuer_kind": "technology_firm", "instrument": "tech_note", "currency": "CNY", "region": "350100", "underwriter": "p-uw", "clock": "running",
		"amount": "CNY:0000000030000000000", "created": "2026-06-15T04:00:00.000Z", "updated": "2026-06-15T04:00:00.000Z"}
	for _, i := range list {
		if want[i.Name] != i.Value {
			t.Errorf("%s is %q, want %q", i.Name, i.Value, want[i.Name])
		}
		delete(want, i.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if _, err := Index([]byte("{")); err == nil {
		t.Error("a broken document is indexed")
	}
}
