package party

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// documents is a Lookup over a map: "context/id" -> document.
type documents map[string][]byte

var errBroken = errors.New("the store is away")

func (d documents) Document(_ context.Context, context, id string) ([]byte, uint64, string, error) {
	doc, ok := d[context+"/"+id]
	switch {
	case !ok:
		return nil, 0, "", store.ErrNotFound
	case doc == nil:
		return nil, 0, "", errBroken
	}
	return doc, 1, context + ".0:1", nil
}

// vault keeps what was put, by reference.
type vault map[string]string

func (v vault) Put(_ context.Context, owner string, content []byte) (ref, hash string, err error) {
	ref = fmt.Sprintf("%s#%d", owner, len(v))
	v[ref] = string(content)
	return ref, "keyed", nil
}

func (v vault) Get(context.Context, string) ([]byte, error) { return nil, store.ErrNotFound }

func (v vault) Erase(_ context.Context, ref string) error {
	delete(v, ref)
	return nil
}

func TestPrepareErasure(t *testing.T) {
	t.Parallel()
	erase := reason(events.TypeErasePartyContact, "本人要求")
	withContact := registration().with(&Facts{Contact: &events.ContactRef{Ref: "r1", Hash: "h"}})
	for _, tt := range []struct {
		name   string
		given  []say
		when   say
		erased bool
		refuse events.ProblemKind
	}{
		{name: "by the operator", given: []say{withContact}, when: erase, erased: true},
		{name: "by itself", given: []say{withContact}, when: erase.by("party:bank"), erased: true},
		{name: "by another", given: []say{withContact}, when: erase.by("party:other"), refuse: events.ErrForbidden},
		{name: "of none", given: []say{registration()}, when: erase},
		{name: "of nobody", when: erase, refuse: events.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *Party
			var version uint64
			for _, c := range tt.given {
				s, _, _ = play(t, s, &version, c)
			}
			docs, v := documents{}, vault{"r1": "{}"}
			if s != nil {
				docs["party/bank"] = []byte(dump(t, s))
			}
			command, _ := tt.when.command()
			err := New(Deps{Lookup: docs, Vault: v}).Prepare(t.Context(), command)
			if tt.refuse.Code != "" {
				refused(t, err, tt.refuse, "")
			} else if err != nil {
				t.Fatal(err)
			}
			if (len(v) == 0) != tt.erased {
				t.Fatalf("vault: %v", v)
			}
		})
	}
}

func TestPrepareContact(t *testing.T) {
	t.Parallel()
	contact := &events.Contact{Name: "陈经理", Email: "chen@bank.example"}
	with := func(change ...func(*events.RegisterParty)) say {
		return registration(append(change, func(d *events.RegisterParty) { d.Contact = contact })...)
	}
	tests := []struct {
		name string
		docs documents
		when say
		put  bool
		fail error
	}{
		{name: "put away", when: with(), put: true},
		{name: "none given", when: registration()},
		{name: "refused for its kind", when: with(func(d *events.RegisterParty) { d.Kind = "x" })},
		{name: "refused for its actor", when: with().by("party:bank")},
		{name: "registered already", docs: documents{"party/bank": []byte(`{}`)}, when: with()},
		{name: "store away", docs: documents{"party/bank": nil}, when: with(), fail: errBroken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := vault{}
			command, now := tt.when.command()
			given := command.Data.(*events.RegisterParty)
			before := given.Contact
			err := New(Deps{Lookup: tt.docs, Vault: v}).Prepare(t.Context(), command)
			if !errors.Is(err, tt.fail) || given.Contact != before || (len(v) == 1) != tt.put {
				t.Fatalf("%v, contact %v, vault %v", err, given.Contact, v)
			}
			if command.Data.(*events.RegisterParty).Contact != nil && err == nil {
				t.Fatal("a contact is on its way to the ledger")
			}
			if !tt.put {
				return
			}
			decided, err := Decide(nil, command, now)
			if err != nil {
				t.Fatal(err)
			}
			ref := decided[0].Data.(*events.PartyRegistered).Contact
			var kept events.Contact
			if err := json.Unmarshal([]byte(v[ref.Ref]), &kept); err != nil || kept != *contact || ref.Hash != "keyed" {
				t.Fatalf("kept %+v, %v under %+v", kept, err, ref)
			}
		})
	}
}

func TestPrepareMembers(t *testing.T) {
	t.Parallel()
	docs := documents{"party/a": []byte(`{}`), "party/down": nil}
	s := New(Deps{Lookup: docs, Vault: vault{}})
	for _, tt := range []struct {
		name  string
		when  say
		field string // of the refusal; "": none
	}{
		{"known members", alliance("a"), ""},
		{"an unknown member", alliance("a", "b"), "/members/1"},
		{"the known joins", join("a"), ""},
		{"the unknown joins", join("b"), "/member"},
		{"a bad id is left to Decide", join("b*"), ""},
		{"the unknown leaves", leave("b"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			command, _ := tt.when.command()
			err := s.Prepare(t.Context(), command)
			if tt.field == "" && err != nil {
				t.Fatal(err)
			}
			if tt.field != "" {
				refused(t, err, events.ErrNotFound, tt.field)
			}
		})
	}
	command, _ := join("down").command()
	if err := s.Prepare(t.Context(), command); !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	s, _, _ := play(t, nil, new(uint64), registration())
	got, err := Index([]byte(dump(t, s)))
	want := []store.Index{{Name: "kind", Value: "bank"}, {Name: "status", Value: "active"},
		{Name: "created", Value: "2026-06-15T04:00:00.000Z"}, {Name: "updated", Value: "2026-06-15T04:00:00.000Z"}, {Name: "region", Value: "350100"}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if got, err := Index([]byte(`{"kind":"alliance","status":"active"}`)); err != nil || len(got) != 4 {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := Index([]byte("[]")); err == nil {
		t.Fatal("a list has an index")
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	s := New(Deps{})
	if s.Machine.Context() != "party" || s.Path != "parties" || s.Create != events.TypeRegisterParty || s.Amend != "" {
		t.Fatalf("%+v", s)
	}
}
