package offer

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jieli-bus/jieli/events"
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

const bank = `{"id":"bank","kind":"bank","name":"示例银行","region":"350100","status":"active","created_at":"2026-01-01T00:00:00Z",
 "licences":[{"licence":"bank","number":"B1","valid_from":"2010-01-01"}],
 "units":[{"unit":"u1","kind":"branch","name":"一","region":"350200","authority_limit":{"amount":"6.00","currency":"CNY"}},
  {"unit":"u2","parent":"u1","kind":"branch","name":"二","region":"350300"},
  {"unit":"u3","kind":"branch","name":"三","region":"350400","closed":true},
  {"unit":"u4","kind":"branch","name":"四","region":"350500"},
  {"unit":"u5","parent":"u1","kind":"branch","name":"五","region":"350600","authority_limit":{"amount":"5.99","currency":"CNY"}}]}`

func TestPrepare(t *testing.T) {
	t.Parallel()
	docs := documents{
		"party/bank": bank, "party/away": "", "party/off": `{"kind":"bank","status":"suspended"}`,
		"offer/o1": `{"party":"bank","unit":"u5"}`, "offer/o2": `{"party":"bank"}`,
	}
	prepare := New(Deps{Lookup: docs}).Prepare
	of := func(party, unit string) say {
		return published(func(d *events.PublishOffer) { d.Party, d.Unit = party, unit })
	}
	tests := []struct {
		name   string
		when   say
		unit   string
		region string
		limit  int64 // 0: none
		refuse events.ProblemKind
		field  string
	}{
		{name: "no unit", when: of("bank", ""), unit: UnitNone, region: "350100"},
		{name: "own limit", when: of("bank", "u1"), unit: UnitOpen, region: "350200", limit: 600},
		{name: "limit of the unit above", when: of("bank", "u2"), unit: UnitOpen, region: "350300", limit: 600},
		{name: "no limit at all", when: of("bank", "u4"), unit: UnitOpen, region: "350500"},
		{name: "amended", when: amended(), unit: UnitOpen, region: "350600", limit: 599, refuse: events.ErrNotFound}, // o1 is not in the fold of this test
		{name: "amended without a unit", when: amended().subject("o2"), unit: UnitNone, region: "350100", refuse: events.ErrNotFound},
		{name: "unit above its limit", when: of("bank", "u5"), unit: UnitOpen, region: "350600", limit: 599, refuse: events.ErrAuthority, field: "/max_ticket"},
		{name: "closed unit", when: of("bank", "u3"), unit: UnitClosed, region: "350400", refuse: events.ErrState, field: "/unit"},
		{name: "no such unit", when: of("bank", "u9"), unit: UnitMissing, region: "350100", refuse: events.ErrNotFound, field: "/unit"},
		{name: "suspended", when: of("off", ""), unit: UnitNone, refuse: events.ErrState, field: "/party"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command, now := tt.when.without().command()
			if err := prepare(t.Context(), command); err != nil {
				t.Fatal(err)
			}
			f := command.Facts.(*Facts)
			p := f.Party
			if f.Unit != tt.unit || p.Region != tt.region || p.Kind != "bank" || p.Position != "party.0:42" || p.Version != 5 {
				t.Fatalf("%+v", f)
			}
			if (p.AuthorityLimit == nil) != (tt.limit == 0) || tt.limit != 0 && *p.AuthorityLimit != fen(tt.limit) {
				t.Fatalf("limit %v", p.AuthorityLimit)
			}
			decided, err := Decide(nil, command, now)
			if tt.refuse.Code != "" {
				refused(t, err, tt.refuse, tt.field)
			} else if err != nil || len(decided) != 1 {
				t.Fatalf("%v %v", decided, err)
			}
		})
	}
	for _, tt := range []struct {
		name   string
		when   say
		refuse events.ProblemKind
		field  string
	}{
		{"unknown party", of("nobody", ""), events.ErrNotFound, "/party"},
		{"bad id", of("a.b", ""), events.ErrID, "/party"},
		{"unknown offer", amended().subject("o9"), events.ErrNotFound, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command, _ := tt.when.command()
			refused(t, prepare(t.Context(), command), tt.refuse, tt.field)
		})
	}
	command, _ := of("away", "").command()
	if err := prepare(t.Context(), command); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	command, _ = pause.command()
	if err := prepare(t.Context(), command); err != nil || command.Facts != nil {
		t.Fatalf("%v %v", err, command.Facts)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	s, _, _ := play(t, nil, new(uint64), published())
	got, err := Index([]byte(dump(t, s)))
	want := []store.Index{{Name: "party", Value: "bank"}, {Name: "status", Value: "open"}, {Name: "instrument", Value: "ip_pledge_loan"}, {Name: "currency", Value: "CNY"},
		{Name: "amount", Value: "CNY:0000000000000001000"}, {Name: "created", Value: "2026-06-15T04:00:00.000Z"}, {Name: "updated", Value: "2026-06-15T04:00:00.000Z"}}
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
	if s.Machine.Context() != "offer" || s.Path != "offers" || s.Create != events.TypePublishOffer || s.Amend != events.TypeAmendOffer {
		t.Fatalf("%+v", s)
	}
}
