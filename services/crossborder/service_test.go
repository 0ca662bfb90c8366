package crossborder

import (
	"context"
	"errors"
	"fmt"
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

func preparing(t *testing.T, docs documents, c say) (*Facts, error) {
	t.Helper()
	command, _ := c.without().command()
	err := New(Deps{Lookup: docs, Rules: sets(t)}).Prepare(t.Context(), command)
	f, _ := command.Facts.(*Facts)
	return f, err
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	docs := documents{
		"enterprise/" + uscc:  `{"id":"x","name":"示例","region":"350100","industry":"C39","status":"active","titles":[],"authorisations":[{"user":"u1","role":"owner","from":"2026-06-01","until":"2026-06-15"}]}`,
		"party/bank-1":        `{"kind":"bank","name":"示例银行","region":"350100","status":"suspended"}`,
		"crossborder/" + uscc: `{"id":"` + uscc + `","kind":"firm"}`, "crossborder/bank-1": `{"kind":"bank"}`, "crossborder/gone": `{"kind":"firm"}`,
		"crossborder/off": `{"kind":"firm"}`, "enterprise/off": `{"name":"示例","region":"350100","industry":"C39","status":"suspended"}`, "crossborder/strange": `{"kind":"person"}`, "crossborder/away": "", "crossborder/broken": `{`,
	}
	bank := func(d *events.AssessBorrower) { d.Kind = "bank" }
	for name, c := range map[string]say{
		"assess": assessed(), "file": filed("c1"), "draw": drawn("c1", "d1", yuan("1.00")), "extend": extended("c1", "2027-01-01"),
		"repay by a user": repaid("c1", "d1", yuan("1.00")).by("user:u1"), "withdraw by a user": because(events.TypeWithdrawBorrower).by("user:u1"),
	} {
		f, err := preparing(t, docs, c)
		if err != nil || f == nil || f.Borrower != (events.BorrowerFacts{Position: "enterprise.0:42", Version: 5, Name: "示例", Region: "350100", Industry: "C39"}) ||
			f.Suspended || len(f.Authorisations) != 1 {
			t.Errorf("%s: %+v %v", name, f, err)
		}
	}
	if f, err := preparing(t, docs, filed("c1").of("off")); err != nil || !f.Suspended {
		t.Errorf("a suspended enterprise: %+v %v", f, err)
	}
	for name, c := range map[string]say{"assess": assessed(bank).of("bank-1"), "draw": drawn("c1", "d1", yuan("1.00")).of("bank-1").by("party:bank-1")} {
		f, err := preparing(t, docs, c)
		if err != nil || f == nil || f.Borrower != (events.BorrowerFacts{Position: "party.0:42", Version: 5, Name: "示例银行", Region: "350100", PartyKind: "bank"}) || !f.Suspended {
			t.Errorf("%s of a bank: %+v %v", name, f, err)
		}
	}
	for name, c := range map[string]say{
		"repay by the operator": repaid("c1", "d1", yuan("1.00")), "exclude": because(events.TypeExcludeBorrower), "apply rules": applied,
		"assess an unknown kind": assessed(func(d *events.AssessBorrower) { d.Kind = "person" }), "draw of a kind that is no more": drawn("c1", "d1", yuan("1.00")).of("strange"),
	} {
		if f, err := preparing(t, docs, c); f != nil || err != nil {
			t.Errorf("%s: %+v %v", name, f, err)
		}
	}
	for name, c := range map[string]struct {
		say   say
		field string
	}{
		"assess who is not registered":       {assessed().of("x-none"), "/id"},
		"assess a bank that is none":         {assessed(bank).of("x-none"), "/id"},
		"draw of who was not assessed":       {filed("c1").of("x-none"), ""},
		"draw of one that is registered not": {filed("c1").of("gone"), "/id"},
	} {
		_, err := preparing(t, docs, c.say)
		t.Run(name, func(t *testing.T) { refused(t, err, events.ErrNotFound, c.field) })
	}
	if _, err := preparing(t, docs, filed("c1").of("away")); !errors.Is(err, errBroken) {
		t.Error(err)
	}
	if _, err := preparing(t, docs, filed("c1").of("broken")); err == nil || events.ErrNotFound.Is(err) {
		t.Errorf("a broken document: %v", err)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	d := Decider(sets(t))
	var version uint64
	var s *Borrower
	for _, c := range []say{assessed(), filed("c1"), filed("c2", func(d *events.FileContract) { d.LenderCountry = "DE" }), filed("c3")} {
		s, _, _ = play(t, d, s, &version, c)
	}
	want := []store.Index{
		{Name: "kind", Value: "firm"}, {Name: "route", Value: "macro_prudential"}, {Name: "status", Value: "active"}, {Name: "region", Value: "350100"},
		{Name: "industry", Value: "C3976"}, {Name: "over", Value: "false"}, {Name: "created", Value: "2026-06-15T04:00:00.000Z"}, {Name: "updated", Value: "2026-06-15T04:00:00.000Z"},
		{Name: "lender_country", Value: "DE"}, {Name: "lender_country", Value: "HK"},
	}
	if got, err := Index([]byte(dump(t, s))); err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	for i := range 30 {
		c := s.Contracts["c1"]
		c.Contract, c.LenderCountry = fmt.Sprint("x", i), string([]byte{'A', byte('A' + i%26)})
		s.put(c)
	}
	s.Over = &Over{Since: "2026-06-15", Used: s.Headroom.Used}
	got, err := Index([]byte(dump(t, s)))
	if err != nil || len(got) != 8+countriesMax || got[5].Value != "true" {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := Index(nil); err == nil {
		t.Fatal("nothing has an index")
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	s := New(Deps{Rules: sets(t)})
	if s.Machine.Context() != "crossborder" || s.Path != "crossborder" || s.Create != events.TypeAssessBorrower || s.Amend != "" {
		t.Fatalf("%+v", s)
	}
}
