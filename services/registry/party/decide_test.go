package party

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"pgregory.net/rapid"
)

// noon is 12:00 in Beijing on 2026-06-15.
var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

// say is a command with the least words: the operator, at noon, about the bank.
type say struct {
	typ   string
	data  any
	actor step.Actor
	at    time.Time
	about string
	facts any
}

func (c say) command() (*step.Command, time.Time) {
	if c.actor == "" {
		c.actor = step.Operator
	}
	if c.at.IsZero() {
		c.at = noon
	}
	if c.about == "" {
		c.about = "bank"
	}
	return &step.Command{Type: c.typ, Subject: c.about, Actor: c.actor, Data: c.data, Facts: c.facts}, c.at
}

func (c say) by(actor step.Actor) say  { c.actor = actor; return c }
func (c say) when(at time.Time) say    { c.at = at; return c }
func (c say) subject(about string) say { c.about = about; return c }
func (c say) with(facts any) say       { c.facts = facts; return c }

// play decides and applies, and holds the purity of both on the way.
func play(t testing.TB, s *Party, version *uint64, c say) (*Party, []step.Event, error) {
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
		s = next
	}
	return s, decided, err
}

func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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

func registration(change ...func(*events.RegisterParty)) say {
	d := &events.RegisterParty{
		ID: "bank", Kind: "bank", Name: "示例银行股份有限公司", USCC: "91350100M000100Y43", Region: "350100",
		Licences: []events.Licence{{Licence: "bank", Number: "B0001", ValidFrom: "2010-01-01"}},
	}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeRegisterParty, data: d}
}

func alliance(members ...string) say {
	return registration(func(d *events.RegisterParty) {
		d.ID, d.Kind, d.Licences, d.Members = "ally", "alliance", nil, members
	}).subject("ally")
}

func licensed(change ...func(*events.Licence)) say {
	d := &events.Licence{Licence: "aic", Number: "A1", ValidFrom: "2026-01-01", ValidTo: "2026-06-15"}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeLicenseParty, data: d}
}

func unit(id, parent string, limit int64, change ...func(*events.Unit)) say {
	d := &events.Unit{Unit: id, Parent: parent, Kind: "branch", Name: "支行 " + id, Region: "350100"}
	if limit != 0 {
		d.AuthorityLimit = &events.Money{Minor: limit, Currency: "CNY"}
	}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeAddUnit, data: d}
}

func shut(id string) say {
	return say{typ: events.TypeCloseUnit, data: &events.UnitRef{Unit: id, Reason: "合并"}}
}

func key(change ...func(*events.Key)) say {
	d := &events.Key{KeyID: "k1", Algorithm: "ed25519", Public: base64.StdEncoding.EncodeToString(make([]byte, 32)), ValidTo: "2026-06-15"}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeAddKey, data: d}
}

func sm2(first byte, length int) func(*events.Key) {
	return func(d *events.Key) {
		b := make([]byte, length)
		b[0] = first
		d.Algorithm, d.Public = "sm2", base64.StdEncoding.EncodeToString(b)
	}
}

func unkey(id string) say {
	return say{typ: events.TypeRevokeKey, data: &events.KeyRef{KeyID: id}}
}

func join(member string) say {
	return say{typ: events.TypeJoinParty, data: &events.MemberRef{Member: member}, about: "ally"}
}

func leave(member string) say {
	return say{typ: events.TypeLeaveParty, data: &events.MemberRef{Member: member}, about: "ally"}
}

func reason(typ, why string) say { return say{typ: typ, data: &events.Reason{Reason: why}} }

func TestDecide(t *testing.T) {
	t.Parallel()
	erase := reason(events.TypeErasePartyContact, "本人要求")
	withContact := registration().with(&Facts{Contact: &events.ContactRef{Ref: "r1", Hash: "h"}})
	suspend, reinstate := reason(events.TypeSuspendParty, "牌照核查"), reason(events.TypeReinstateParty, "核查完成")
	revoke := say{typ: events.TypeRevokeLicence, data: &events.LicenceRef{Licence: "bank", Number: "B0001"}}
	tree := []say{registration(), unit("u1", "", 1000), unit("u2", "u1", 0), unit("u3", "u2", 500)}
	deep := []say{registration()}
	parent := ""
	for i := range DepthMax {
		deep = append(deep, unit(fmt.Sprintf("d%d", i), parent, 0))
		parent = fmt.Sprintf("d%d", i)
	}
	keys := []say{registration()}
	for i := range KeysMax {
		keys = append(keys, key(func(d *events.Key) { d.KeyID = fmt.Sprintf("key%d", i) }))
	}
	licences := []say{registration()}
	for i := range LicencesMax - 1 {
		licences = append(licences, licensed(func(d *events.Licence) { d.Number = fmt.Sprintf("A-%d", i) }))
	}
	crowd := make([]string, MembersMax)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("m%d", i)
	}
	tests := []struct {
		name   string
		given  []say
		when   say
		want   string // type of the one event
		refuse events.ProblemKind
		field  string
	}{
		{name: "erase the contact", given: []say{withContact}, when: erase, want: events.TypePartyContactErased},
		{name: "erase its own contact", given: []say{withContact}, when: erase.by("party:bank"), want: events.TypePartyContactErased},
		{name: "erase another's contact", given: []say{withContact}, when: erase.by("party:other"), refuse: events.ErrForbidden},
		{name: "erase the contact twice", given: []say{withContact, erase}, when: erase, refuse: events.ErrNotFound},
		{name: "register", when: registration(), want: events.TypePartyRegistered},
		{name: "register again, same", given: []say{registration(), licensed()}, when: registration()},
		{name: "register again, other", given: []say{registration()}, when: registration(func(d *events.RegisterParty) { d.Name = "x" }), refuse: events.ErrExists, field: "/id"},
		{name: "register by itself", when: registration().by("party:bank"), refuse: events.ErrForbidden},
		{name: "register under another subject", when: registration().subject("bank2"), refuse: events.ErrMismatch, field: "/id"},
		{name: "id with a dot", when: registration(func(d *events.RegisterParty) { d.ID = "a.b" }).subject("a.b"), refuse: events.ErrID, field: "/id"},
		{name: "unknown kind", when: registration(func(d *events.RegisterParty) { d.Kind = "shop" }), refuse: events.ErrCode, field: "/kind"},
		{name: "wrong USCC", when: registration(func(d *events.RegisterParty) { d.USCC = "91350100M000100Y44" }), refuse: events.ErrUSCC, field: "/uscc"},
		{name: "no USCC", when: registration(func(d *events.RegisterParty) { d.USCC = "" }), want: events.TypePartyRegistered},
		{name: "unknown region", when: registration(func(d *events.RegisterParty) { d.Region = "000000" }), refuse: events.ErrRegion, field: "/region"},
		{name: "unknown licence", when: registration(func(d *events.RegisterParty) { d.Licences[0].Licence = "x" }), refuse: events.ErrCode, field: "/licences/0/licence"},
		{name: "licence twice", when: registration(func(d *events.RegisterParty) { d.Licences = append(d.Licences, d.Licences[0]) }), refuse: events.ErrExists, field: "/licences/1/number"},
		{name: "too many licences", when: registration(func(d *events.RegisterParty) { d.Licences = slices.Repeat(d.Licences, LicencesMax+1) }), refuse: events.ErrRange, field: "/licences"},
		{name: "members of a bank", when: registration(func(d *events.RegisterParty) { d.Members = []string{"x"} }), refuse: events.ErrSchema, field: "/members"},
		{name: "contact not put away", when: registration(func(d *events.RegisterParty) { d.Contact = &events.Contact{Name: "张"} }), refuse: events.ErrInternal, field: "/contact"},
		{name: "contact put away", when: registration().with(&Facts{Contact: &events.ContactRef{Ref: "r", Hash: "h"}}), want: events.TypePartyRegistered},
		{name: "alliance", when: alliance("b", "a", "b"), want: events.TypePartyRegistered},
		{name: "alliance again, other order", given: []say{alliance("b", "a", "b")}, when: alliance("a", "b")},
		{name: "alliance of itself", when: alliance("a", "ally"), refuse: events.ErrID, field: "/members/1"},
		{name: "alliance with a bad id", when: alliance("a", "b>"), refuse: events.ErrID, field: "/members/1"},
		{name: "alliance too large", when: alliance(append(crowd, "x")...), refuse: events.ErrRange, field: "/members"},
		{name: "a command about nobody", when: licensed(), refuse: events.ErrNotFound},
		{name: "a command of another context", given: []say{registration()}, when: say{typ: events.TypeResumeOffer, data: &events.Empty{}}, refuse: events.ErrUnknownType},
		{name: "a reason of another context", given: []say{registration()}, when: reason(events.TypePauseOffer, "x"), refuse: events.ErrUnknownType},
		{name: "a member command of no kind", given: []say{alliance()}, when: say{typ: "jieli.party.adore.v1", data: &events.MemberRef{Member: "x"}, about: "ally"}, refuse: events.ErrUnknownType},

		{name: "licence on its last day", given: []say{registration()}, when: licensed(), want: events.TypePartyLicensed},
		{name: "licence again, same", given: []say{registration(), licensed()}, when: licensed().when(noon.AddDate(1, 0, 0))},
		{name: "licence again, other", given: []say{registration(), licensed()}, when: licensed(func(d *events.Licence) { d.ValidTo = "" }), refuse: events.ErrExists, field: "/number"},
		{name: "licence of the past", given: []say{registration()}, when: licensed(func(d *events.Licence) { d.ValidTo = "2026-06-14" }), refuse: events.ErrValidity, field: "/valid_to"},
		{name: "licence backwards", given: []say{registration()}, when: licensed(func(d *events.Licence) { d.ValidFrom = "2026-06-16" }), refuse: events.ErrDates, field: "/valid_to"},
		{name: "licence from no day", given: []say{registration()}, when: licensed(func(d *events.Licence) { d.ValidFrom = "" }), refuse: events.ErrDates, field: "/valid_from"},
		{name: "licence to no day", given: []say{registration()}, when: licensed(func(d *events.Licence) { d.ValidTo = "2026-13-01" }), refuse: events.ErrDates, field: "/valid_to"},
		{name: "licence without a list", given: []say{registration()}, when: licensed(func(d *events.Licence) { d.Licence = "magic" }), refuse: events.ErrCode, field: "/licence"},
		{name: "licence by the party", given: []say{registration()}, when: licensed().by("party:bank"), refuse: events.ErrForbidden},
		{name: "licence while suspended", given: []say{registration(), suspend}, when: licensed(), refuse: events.ErrState},
		{name: "one licence too many", given: licences, when: licensed(), refuse: events.ErrRange, field: "/licence"},
		{name: "revoke a licence", given: []say{registration(), suspend}, when: revoke, want: events.TypeLicenceRevoked},
		{name: "revoke it twice", given: []say{registration(), revoke}, when: revoke, refuse: events.ErrNotFound, field: "/number"},

		{name: "unit by the party", given: []say{registration()}, when: unit("u1", "", 1000).by("party:bank"), want: events.TypeUnitAdded},
		{name: "unit by another party", given: []say{registration()}, when: unit("u1", "", 1000).by("party:rival"), refuse: events.ErrForbidden},
		{name: "unit by a user", given: []say{registration()}, when: unit("u1", "", 1000).by("user:bank"), refuse: events.ErrForbidden},
		{name: "unit again, same", given: tree, when: unit("u1", "", 1000)},
		{name: "unit again, other limit", given: tree, when: unit("u1", "", 999), refuse: events.ErrExists, field: "/unit"},
		{name: "unit again, no limit", given: tree, when: unit("u1", "", 0), refuse: events.ErrExists, field: "/unit"},
		{name: "unit with a bad id", given: tree, when: unit("u 9", "", 0), refuse: events.ErrID, field: "/unit"},
		{name: "unit of no kind", given: tree, when: unit("u9", "", 0, func(d *events.Unit) { d.Kind = "kiosk" }), refuse: events.ErrCode, field: "/kind"},
		{name: "unit nowhere", given: tree, when: unit("u9", "", 0, func(d *events.Unit) { d.Region = "350199" }), refuse: events.ErrRegion, field: "/region"},
		{name: "unit without its parent", given: tree, when: unit("u9", "u8", 0), refuse: events.ErrNotFound, field: "/parent"},
		{name: "unit below itself", given: tree, when: unit("u9", "u9", 0), refuse: events.ErrNotFound, field: "/parent"},
		{name: "unit below a closed one", given: append(slices.Clone(tree), shut("u3")), when: unit("u9", "u3", 0), refuse: events.ErrState, field: "/parent"},
		{name: "limit as that above", given: tree, when: unit("u9", "u2", 1000), want: events.TypeUnitAdded},
		{name: "limit above that of a grandparent", given: tree, when: unit("u9", "u2", 1001), refuse: events.ErrAuthority, field: "/authority_limit"},
		{name: "limit above that of the parent", given: tree, when: unit("u9", "u3", 501), refuse: events.ErrAuthority, field: "/authority_limit"},
		{name: "limit in another currency", given: tree, when: unit("u9", "u3", 1, func(d *events.Unit) { d.AuthorityLimit.Currency = "USD" }), refuse: events.ErrCurrency, field: "/authority_limit/currency"},
		{name: "limit in no currency", given: tree, when: unit("u9", "", 1, func(d *events.Unit) { d.AuthorityLimit.Currency = "XYZ" }), refuse: events.ErrCurrency, field: "/authority_limit/currency"},
		{name: "negative limit", given: tree, when: unit("u9", "u3", -1), refuse: events.ErrMoney, field: "/authority_limit"},
		{name: "the deepest level", given: deep[:DepthMax], when: deep[DepthMax], want: events.TypeUnitAdded},
		{name: "a level too deep", given: deep, when: unit("u9", parent, 0), refuse: events.ErrRange, field: "/parent"},
		{name: "unit while suspended", given: []say{registration(), suspend}, when: unit("u1", "", 0), refuse: events.ErrState},
		{name: "close a unit", given: tree, when: shut("u3").by("party:bank"), want: events.TypeUnitClosed},
		{name: "close a unit with an open one below", given: tree, when: shut("u2"), refuse: events.ErrState, field: "/unit"},
		{name: "close a unit whose below is closed", given: append(slices.Clone(tree), shut("u3")), when: shut("u2"), want: events.TypeUnitClosed},
		{name: "close a unit twice", given: append(slices.Clone(tree), shut("u3")), when: shut("u3"), refuse: events.ErrState, field: "/unit"},
		{name: "close no unit", given: tree, when: shut("u9"), refuse: events.ErrNotFound, field: "/unit"},
		{name: "a closed unit's id again", given: append(slices.Clone(tree), shut("u3")), when: unit("u3", "u2", 500), refuse: events.ErrState, field: "/unit"},

		{name: "key on its last day", given: []say{registration()}, when: key().by("party:bank"), want: events.TypeKeyAdded},
		{name: "key again, same", given: []say{registration(), key()}, when: key()},
		{name: "key again, other", given: []say{registration(), key()}, when: key(sm2(4, 65)), refuse: events.ErrExists, field: "/key_id"},
		{name: "key of the past", given: []say{registration()}, when: key(func(d *events.Key) { d.ValidTo = "2026-06-14" }), refuse: events.ErrValidity, field: "/valid_to"},
		{name: "key to no day", given: []say{registration()}, when: key(func(d *events.Key) { d.ValidTo = "x" }), refuse: events.ErrDates, field: "/valid_to"},
		{name: "key without an end", given: []say{registration()}, when: key(func(d *events.Key) { d.ValidTo = "" }), want: events.TypeKeyAdded},
		{name: "key with a bad id", given: []say{registration()}, when: key(func(d *events.Key) { d.KeyID = "" }), refuse: events.ErrID, field: "/key_id"},
		{name: "key of 31 bytes", given: []say{registration()}, when: key(func(d *events.Key) { d.Public = base64.StdEncoding.EncodeToString(make([]byte, 31)) }), refuse: events.ErrSchema, field: "/public"},
		{name: "key without padding", given: []say{registration()}, when: key(func(d *events.Key) { d.Public = strings.TrimRight(d.Public, "=") }), refuse: events.ErrSchema, field: "/public"},
		{name: "key of rsa", given: []say{registration()}, when: key(func(d *events.Key) { d.Algorithm = "rsa" }), refuse: events.ErrCode, field: "/algorithm"},
		{name: "sm2 uncompressed", given: []say{registration()}, when: key(sm2(4, 65)), want: events.TypeKeyAdded},
		{name: "sm2 compressed", given: []say{registration()}, when: key(sm2(3, 33)), want: events.TypeKeyAdded},
		{name: "sm2 of no form", given: []say{registration()}, when: key(sm2(4, 33)), refuse: events.ErrSchema, field: "/public"},
		{name: "key while suspended", given: []say{registration(), suspend}, when: key(), refuse: events.ErrState},
		{name: "one key too many", given: keys, when: key(), refuse: events.ErrRange, field: "/key_id"},
		{name: "revoke a key", given: []say{registration(), key(), suspend}, when: unkey("k1").by("party:bank"), want: events.TypeKeyRevoked},
		{name: "revoke a key twice", given: []say{registration(), key(), unkey("k1")}, when: unkey("k1"), refuse: events.ErrState, field: "/key_id"},
		{name: "revoke no key", given: []say{registration()}, when: unkey("k1"), refuse: events.ErrNotFound, field: "/key_id"},
		{name: "a revoked key's id again", given: []say{registration(), key(), unkey("k1")}, when: key(), refuse: events.ErrState, field: "/key_id"},

		{name: "join", given: []say{alliance("a", "c")}, when: join("b"), want: events.TypePartyJoined},
		{name: "join again", given: []say{alliance("a", "c"), join("b")}, when: join("b")},
		{name: "join a bank", given: []say{registration()}, when: join("b").subject("bank"), refuse: events.ErrState, field: "/member"},
		{name: "join oneself", given: []say{alliance()}, when: join("ally"), refuse: events.ErrID, field: "/member"},
		{name: "join by the member", given: []say{alliance()}, when: join("b").by("party:b"), refuse: events.ErrForbidden},
		{name: "join by the alliance", given: []say{alliance()}, when: join("b").by("party:ally"), refuse: events.ErrForbidden},
		{name: "join the suspended", given: []say{alliance(), suspend.subject("ally")}, when: join("b"), refuse: events.ErrState},
		{name: "join the full", given: []say{alliance(crowd...)}, when: join("b"), refuse: events.ErrRange, field: "/member"},
		{name: "leave", given: []say{alliance("a", "c")}, when: leave("c"), want: events.TypePartyLeft},
		{name: "leave what one is not in", given: []say{alliance("a", "c")}, when: leave("b"), refuse: events.ErrNotFound, field: "/member"},

		{name: "suspend", given: []say{registration()}, when: suspend, want: events.TypePartySuspended},
		{name: "suspend again, same", given: []say{registration(), suspend}, when: suspend},
		{name: "suspend again, other", given: []say{registration(), suspend}, when: reason(events.TypeSuspendParty, "x"), refuse: events.ErrState},
		{name: "suspend by itself", given: []say{registration()}, when: suspend.by("party:bank"), refuse: events.ErrForbidden},
		{name: "reinstate", given: []say{registration(), suspend}, when: reinstate, want: events.TypePartyReinstated},
		{name: "reinstate the active", given: []say{registration()}, when: reinstate, refuse: events.ErrState},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.want] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *Party
			var version uint64
			for _, c := range tt.given {
				var err error
				if s, _, err = play(t, s, &version, c); err != nil {
					t.Fatalf("given %s: %v", c.typ, err)
				}
			}
			_, decided, err := play(t, s, &version, tt.when)
			switch {
			case tt.refuse.Code != "":
				refused(t, err, tt.refuse, tt.field)
			case err != nil:
				t.Fatal(err)
			case tt.want == "" && len(decided) != 0, tt.want != "" && (len(decided) != 1 || decided[0].Type != tt.want || decided[0].Attr.Region == ""):
				t.Fatalf("got %+v, want %q", decided, tt.want)
			}
		})
	}
	for _, e := range events.Catalog {
		if e.Context == "party" && e.Kind == events.Fact && !seen[e.Type] {
			t.Errorf("no case decides %s", e.Type)
		}
	}
}

func TestAuthorityLimitIsTheNearestAbove(t *testing.T) {
	t.Parallel()
	var s *Party
	var version uint64
	for _, c := range []say{registration(), unit("a", "", 0), unit("b", "a", 900), unit("c", "b", 0), unit("d", "c", 100)} {
		s, _, _ = play(t, s, &version, c)
	}
	for id, want := range map[string]int64{"b": 900, "c": 900, "d": 100} {
		if got := s.AuthorityLimit(id); got == nil || got.Minor != want {
			t.Errorf("%s: %v, want %d", id, got, want)
		}
	}
	for _, id := range []string{"a", "", "x"} {
		if got := s.AuthorityLimit(id); got != nil {
			t.Errorf("%q: %v", id, got)
		}
	}
}

func TestLicencesOnTheirDays(t *testing.T) {
	t.Parallel()
	var version uint64
	s, _, _ := play(t, nil, &version, registration())
	s, _, _ = play(t, s, &version, licensed())
	for day, want := range map[events.Date]int{"2009-12-31": 0, "2025-12-31": 1, "2026-01-01": 2, "2026-06-15": 2, "2026-06-16": 1} {
		if got := s.LicencesOn(day); len(got) != want {
			t.Errorf("%s: %v", day, got)
		}
	}
}

// TestLargestTreeFitsTheStore fills a party to its limits and holds its document under the store's limit of 1 MiB.
func TestLargestTreeFitsTheStore(t *testing.T) {
	t.Parallel()
	for name, label := range map[string]string{"short names": "支行", "long names": strings.Repeat("<&\u2028", 20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, _ := play(t, nil, new(uint64), registration())
			var refusal error
			for i := 0; refusal == nil; i++ {
				command, now := unit(fmt.Sprintf("unit-%05d", i), "", 1<<50, func(d *events.Unit) { d.Name = label }).command()
				var decided []step.Event
				if decided, refusal = Decide(s, command, now); refusal == nil {
					s = Evolve(s, &step.Applied{Type: decided[0].Type, Subject: "bank", Time: now, Data: decided[0].Data})
				}
			}
			if !events.ErrRange.Is(refusal) && !events.ErrTooLarge.Is(refusal) {
				t.Fatal(refusal)
			}
			if size := len(dump(t, s)); size > 850<<10 || size < 300<<10 {
				t.Fatalf("%d units are %d bytes", len(s.Units), size)
			}
			if !slices.IsSortedFunc(s.Units, func(a, b *Unit) int { return strings.Compare(a.Unit.Unit, b.Unit.Unit) }) {
				t.Fatal("units out of order")
			}
		})
	}
}

// TestLivesOfParties plays random commands: the tree holds after each, undo takes everything back, and a state loaded from
// documents decides alike.
func TestLivesOfParties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		machine := step.NewMachine(Decider())
		state, docs := machine.New(), map[string][]byte{}
		now := noon
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "hours")) * time.Hour)
			command, _ := anyCommand(t).command()
			reloaded := machine.New()
			before := dumpState(t, state, reloaded)
			decided, err := state.Decide(command, now)
			again, errAgain := reloaded.Decide(command, now)
			if mustJSON(t, decided) != mustJSON(t, again) || (err == nil) != (errAgain == nil) {
				t.Fatalf("a reloaded state decides otherwise: %v %v, %v %v", decided, err, again, errAgain)
			}
			for _, e := range decided { // at most one
				a := &step.Applied{Type: e.Type, Subject: command.Subject, Version: state.Version(command.Subject) + 1, Time: now, Data: e.Data}
				undo := state.Apply(a)
				after := dumpState(t, state, nil)
				state.Undo(undo)
				if got := dumpState(t, state, nil); got != before {
					t.Fatalf("undo of %s: %s, want %s", command.Type, got, before)
				}
				state.Apply(a)
				if got := dumpState(t, state, nil); got != after {
					t.Fatalf("applied again: %s, want %s", got, after)
				}
				if docs[a.Subject], err = machine.Project(docs[a.Subject], a); err != nil {
					t.Fatal(err)
				}
			}
			if err := state.Range(func(subject string, _ uint64, doc []byte) error {
				if string(docs[subject]) != string(doc) {
					t.Fatalf("document %s, state %s", docs[subject], doc)
				}
				return holds(doc)
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// holds is the invariant of the tree, read off a document.
func holds(doc []byte) error {
	var p Party
	if err := json.Unmarshal(doc, &p); err != nil {
		return err
	}
	for _, u := range p.Units {
		above := u.Parent
		for depth := 1; above != ""; depth++ {
			parent := p.Unit(above)
			switch {
			case parent == nil || depth >= DepthMax:
				return fmt.Errorf("unit %s: no path of at most %d levels", u.Unit.Unit, DepthMax)
			case parent.Closed && !u.Closed:
				return fmt.Errorf("unit %s is open below the closed %s", u.Unit.Unit, above)
			case u.AuthorityLimit != nil && parent.AuthorityLimit != nil && u.AuthorityLimit.Minor > parent.AuthorityLimit.Minor:
				return fmt.Errorf("unit %s has more authority than %s", u.Unit.Unit, above)
			}
			above = parent.Parent
		}
	}
	return nil
}

func anyCommand(t *rapid.T) say {
	id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
	unitID, parent := id.Draw(t, "unit"), rapid.OneOf(id, rapid.Just("")).Draw(t, "parent")
	all := []say{
		registration(), alliance("a"), join(unitID), leave(unitID),
		unit(unitID, parent, rapid.Int64Range(0, 5).Draw(t, "limit")),
		unit(unitID, parent, rapid.Int64Range(0, 5).Draw(t, "limit")),
		unit(unitID, parent, 0), shut(unitID), shut(unitID), key(), unkey("k1"), licensed(),
		{typ: events.TypeRevokeLicence, data: &events.LicenceRef{Licence: "aic", Number: "A1"}},
		reason(events.TypeSuspendParty, "x"), reason(events.TypeReinstateParty, "x"),
	}
	return rapid.SampledFrom(all).Draw(t, "command")
}

func dumpState(t *rapid.T, s step.State, copyTo step.State) string {
	var b strings.Builder
	if err := s.Range(func(subject string, version uint64, doc []byte) error {
		b.WriteString(mustJSON(t, []any{subject, version, json.RawMessage(doc)}))
		if copyTo == nil {
			return nil
		}
		return copyTo.Load(subject, version, doc)
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func mustJSON(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
