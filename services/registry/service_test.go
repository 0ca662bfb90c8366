package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
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

func (v vault) Get(_ context.Context, ref string) ([]byte, error) {
	content, ok := v[ref]
	if !ok {
		return nil, store.ErrNotFound
	}
	return []byte(content), nil
}

func (v vault) Erase(_ context.Context, ref string) error {
	delete(v, ref)
	return nil
}

func service(d documents, v vault) app.Service {
	return New(Deps{Lookup: d, Vault: v, Clock: clock.NewManual(noon)})
}

func TestPrepareContact(t *testing.T) {
	t.Parallel()
	contact := &events.Contact{Name: "林女士", Phone: "13800000000"}
	with := func(change ...func(*events.RegisterEnterprise)) say {
		return registration(append(change, func(d *events.RegisterEnterprise) { d.Contact = contact })...)
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
		{name: "refused for its region", when: with(func(d *events.RegisterEnterprise) { d.Region = "1" })},
		{name: "refused for its actor", when: with().by("party:p")},
		{name: "registered already", docs: documents{"enterprise/" + uscc: []byte(`{}`)}, when: with()},
		{name: "store away", docs: documents{"enterprise/" + uscc: nil}, when: with(), fail: errBroken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := vault{}
			command, now := tt.when.command()
			given := command.Data.(*events.RegisterEnterprise)
			before := *given
			err := service(tt.docs, v).Prepare(t.Context(), command)
			if !errors.Is(err, tt.fail) {
				t.Fatalf("got %v, want %v", err, tt.fail)
			}
			if given.Contact != before.Contact {
				t.Fatal("the payload that was handed in was changed")
			}
			if command.Data.(*events.RegisterEnterprise).Contact != nil && err == nil {
				t.Fatal("a contact is on its way to the ledger")
			}
			if (len(v) == 1) != tt.put {
				t.Fatalf("vault: %v", v)
			}
			if !tt.put {
				return
			}
			decided, err := Decide(nil, command, now)
			if err != nil {
				t.Fatal(err)
			}
			ref := decided[0].Data.(*events.EnterpriseRegistered).Contact
			var kept events.Contact
			if err := json.Unmarshal([]byte(v[ref.Ref]), &kept); err != nil || kept != *contact || ref.Hash != "keyed" {
				t.Fatalf("kept %+v, %v under %+v", kept, err, ref)
			}
		})
	}
}

func TestPrepareErasure(t *testing.T) {
	t.Parallel()
	owner := authorised("u1", RoleOwner, "2026-06-01", "2026-06-15")
	erase := reason(events.TypeEraseContact, "本人要求")
	tests := []struct {
		name   string
		given  []say
		when   say
		erased bool
		refuse events.ProblemKind
	}{
		{name: "by the owner", given: []say{registration().with(&Facts{Contact: &events.ContactRef{Ref: "r1", Hash: "h"}}), owner}, when: erase.by("user:u1"), erased: true},
		{name: "by a stranger", given: []say{registration().with(&Facts{Contact: &events.ContactRef{Ref: "r1", Hash: "h"}}), owner}, when: erase.by("user:u2"), refuse: events.ErrForbidden},
		{name: "of none", given: []say{registration()}, when: erase},
		{name: "of nobody", when: erase, refuse: events.ErrNotFound},
		{name: "another reason", given: []say{registration().with(&Facts{Contact: &events.ContactRef{Ref: "r1", Hash: "h"}})}, when: reason(events.TypeSuspendEnterprise, "x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *Enterprise
			var version uint64
			for _, c := range tt.given {
				s, _, _ = play(t, s, &version, c)
			}
			docs, v := documents{}, vault{"r1": "{}"}
			if s != nil {
				docs["enterprise/"+uscc] = []byte(dump(t, s))
			}
			command, _ := tt.when.command()
			err := service(docs, v).Prepare(t.Context(), command)
			if tt.refuse.Code != "" {
				refused(t, err, tt.refuse, "")
			} else if err != nil {
				t.Fatal(err)
			}
			if (len(v) == 0) != tt.erased {
				t.Fatalf("vault: %v", v)
			}
			if !tt.erased {
				return
			}
			if err := service(docs, v).Prepare(t.Context(), command); err != nil {
				t.Fatalf("erasing again before the fact is recorded: %v", err)
			}
			if s, decided, err := play(t, s, &version, tt.when); err != nil || len(decided) != 1 || s.Contact != nil {
				t.Fatalf("%v %v", decided, err)
			}
		})
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	var s *Enterprise
	var version uint64
	for _, c := range []say{
		registration(func(d *events.RegisterEnterprise) {
			d.Focus = []string{"sei_information", "sei_information", "sei_biology"}
		}),
		titled(), titled(func(d *events.Title) { d.Certificate = "GR2" }),
		titled(func(d *events.Title) { d.Title, d.ValidTo = "little_giant", "2026-06-16" }),
		expiry("GR202635000001", "2026-06-15", noon.Add(24*time.Hour)),
	} {
		s, _, _ = play(t, s, &version, c)
	}
	got, err := Index([]byte(dump(t, s)))
	want := []store.Index{
		{Name: "region", Value: "350100"}, {Name: "industry", Value: "C39"}, {Name: "status", Value: "active"},
		{Name: "created", Value: "2026-06-15T04:00:00.000Z"}, {Name: "updated", Value: "2026-06-16T04:00:00.000Z"},
		{Name: "stage", Value: "startup"},
		{Name: "title", Value: "high_tech"}, {Name: "title", Value: "little_giant"},
		{Name: "focus", Value: "sei_information"}, {Name: "focus", Value: "sei_biology"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := Index([]byte("{")); err == nil {
		t.Fatal("half a document has an index")
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	s := service(nil, nil)
	if s.Machine.Context() != "enterprise" || s.Path != "enterprises" || s.Create != events.TypeRegisterEnterprise || s.Amend != "" {
		t.Fatalf("%+v", s)
	}
	if err := s.Prepare(t.Context(), &step.Command{Type: events.TypeProfileEnterprise, Data: &events.Profile{}}); err != nil {
		t.Fatal(err)
	}
}
