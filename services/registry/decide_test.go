package registry

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"pgregory.net/rapid"
)

const uscc = "91350100M000100Y43" // the golden vector of GB 32100-2015

// noon is 12:00 in Beijing on 2026-06-15.
var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

// say is a command with the least words: the operator, at noon, about the golden enterprise.
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
		c.about = uscc
	}
	return &step.Command{Type: c.typ, Subject: c.about, Actor: c.actor, Data: c.data, Facts: c.facts}, c.at
}

// play decides and applies, and holds the purity of both on the way.
func play(t testing.TB, s *Enterprise, version *uint64, c say) (*Enterprise, []step.Event, error) {
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

func registration(change ...func(*events.RegisterEnterprise)) say {
	d := &events.RegisterEnterprise{
		ID: uscc, Name: "福州示例光电科技有限公司", Region: "350100", Industry: "C39", Founded: "2019-03-01", Stage: "startup",
		Focus: []string{"sei_information"},
	}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeRegisterEnterprise, data: d}
}

func titled(change ...func(*events.Title)) say {
	d := &events.Title{Title: "high_tech", Certificate: "GR202635000001", Issuer: "福建省科学技术厅", ValidFrom: "2026-01-01", ValidTo: "2026-06-15"}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeTitleEnterprise, data: d}
}

func profiled(change ...func(*events.Profile)) say {
	d := &events.Profile{FiscalYear: 2025, Employees: 120, RDStaff: 40, Revenue: yuan(80_000_000), RDExpense: yuan(6_000_000), Stage: "growth", Patents: 12}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeProfileEnterprise, data: d}
}

func yuan(n int64) *events.Money { return &events.Money{Minor: n * 100, Currency: "CNY"} }

func authorised(user, role string, from, until events.Date) say {
	return say{typ: events.TypeAuthoriseUser, data: &events.Authorisation{User: user, Role: role, From: from, Until: until}}
}

func (c say) by(actor step.Actor) say   { c.actor = actor; return c }
func (c say) when(at time.Time) say     { c.at = at; return c }
func (c say) subject(about string) say  { c.about = about; return c }
func (c say) with(facts any) say        { c.facts = facts; return c }
func reason(typ string, why string) say { return say{typ: typ, data: &events.Reason{Reason: why}} }

func TestDecide(t *testing.T) {
	t.Parallel()
	private := func(id string) say {
		return registration(func(d *events.RegisterEnterprise) { d.ID, d.Scheme = id, events.SchemePrivate }).subject(id)
	}
	coded := func(id string, o *events.Override) say {
		return registration(func(d *events.RegisterEnterprise) { d.ID, d.Override = id, o }).subject(id)
	}
	owner := authorised("u1", RoleOwner, "2026-06-01", "2026-06-15")
	finance := authorised("u2", RoleFinance, "2026-06-01", "2026-12-31")
	suspend := reason(events.TypeSuspendEnterprise, "列入经营异常名录")
	reinstate := reason(events.TypeReinstateEnterprise, "已移出")
	agree := say{typ: events.TypeConsent, data: &events.Consent{Purpose: "matching", Until: "2026-12-31"}}
	withContact := registration().with(&Facts{Contact: &events.ContactRef{Ref: "r1", Hash: "h1"}})
	erase := reason(events.TypeEraseContact, "本人要求")
	many := func(n int) (out []say) {
		out = append(out, registration())
		for i := range n {
			out = append(out, titled(func(d *events.Title) { d.Certificate = strings.Repeat("x", i+1) }))
		}
		return out
	}

	tests := []struct {
		name   string
		given  []say
		when   say
		want   []string
		refuse events.ProblemKind
		field  string
	}{
		{name: "register", when: registration(), want: []string{events.TypeEnterpriseRegistered}},
		{name: "register again, same content", given: []say{registration()}, when: registration()},
		{name: "register again, same content after a change", given: []say{registration(), profiled()}, when: registration()},
		{name: "register again, scheme said", given: []say{registration()}, when: registration(func(d *events.RegisterEnterprise) { d.Scheme = events.SchemeUSCC })},
		{name: "register again, other name", given: []say{registration()}, when: registration(func(d *events.RegisterEnterprise) { d.Name = "另一家" }), refuse: events.ErrExists, field: "/id"},
		{name: "register by a user", when: registration().by("user:u1"), refuse: events.ErrForbidden},
		{name: "register by a party", when: registration().by("party:bank"), refuse: events.ErrForbidden},
		{name: "register under another subject", when: registration().subject("91350100M000100Y4X"), refuse: events.ErrMismatch, field: "/id"},
		{name: "register with a contact that was not put away", when: registration(func(d *events.RegisterEnterprise) { d.Contact = &events.Contact{Name: "张三"} }), refuse: events.ErrInternal, field: "/contact"},
		{name: "unknown region", when: registration(func(d *events.RegisterEnterprise) { d.Region = "999999" }), refuse: events.ErrRegion, field: "/region"},
		{name: "revoked region resolves", when: registration(func(d *events.RegisterEnterprise) { d.Region = "330104" }), want: []string{events.TypeEnterpriseRegistered}},
		{name: "unknown industry", when: registration(func(d *events.RegisterEnterprise) { d.Industry = "A39" }), refuse: events.ErrIndustry, field: "/industry"},
		{name: "unknown stage", when: registration(func(d *events.RegisterEnterprise) { d.Stage = "old" }), refuse: events.ErrCode, field: "/stage"},
		{name: "unknown focus", when: registration(func(d *events.RegisterEnterprise) { d.Focus = []string{"sei_information", "x"} }), refuse: events.ErrCode, field: "/focus/1"},
		{name: "too many focus areas", when: registration(func(d *events.RegisterEnterprise) { d.Focus = slices.Repeat([]string{"sei_biology"}, FocusMax+1) }), refuse: events.ErrRange, field: "/focus"},
		{name: "no such day", when: registration(func(d *events.RegisterEnterprise) { d.Founded = "2019-02-29" }), refuse: events.ErrDates, field: "/founded"},
		{name: "founded today in Beijing", when: registration(func(d *events.RegisterEnterprise) { d.Founded = "2026-06-16" }).when(time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC)), want: []string{events.TypeEnterpriseRegistered}},
		{name: "founded tomorrow", when: registration(func(d *events.RegisterEnterprise) { d.Founded = "2026-06-16" }).when(time.Date(2026, 6, 15, 15, 59, 59, 0, time.UTC)), refuse: events.ErrDates, field: "/founded"},
		{name: "wrong check digit", when: coded("91350100M000100Y4Z", nil), refuse: events.ErrUSCC, field: "/id"},
		{name: "wrong check digit, right alphabet", when: coded("91350100M000100Y44", nil), refuse: events.ErrUSCC, field: "/id"},
		{name: "wrong check digit with a document", when: coded("91350100M000100Y44", &events.Override{Document: "闽市监注〔2016〕1号", Reason: "早期试点代码"}), want: []string{events.TypeEnterpriseRegistered}},
		{name: "override without its document", when: coded("91350100M000100Y44", &events.Override{Document: " "}), refuse: events.ErrUSCC, field: "/override/document"},
		{name: "override of the alphabet", when: coded("91350100M000100Y4I", &events.Override{Document: "d"}), refuse: events.ErrUSCC, field: "/id"},
		{name: "override of the length", when: coded("91350100M000100Y4", &events.Override{Document: "d"}), refuse: events.ErrUSCC, field: "/id"},
		{name: "private id", when: private("x-688001"), want: []string{events.TypeEnterpriseRegistered}},
		{name: "private id without x-", when: private("688001"), refuse: events.ErrID, field: "/id"},
		{name: "private id with a wildcard", when: private("x-6*"), refuse: events.ErrID, field: "/id"},
		{name: "private id with an override", when: registration(func(d *events.RegisterEnterprise) {
			d.ID, d.Scheme, d.Override = "x-1", events.SchemePrivate, &events.Override{Document: "d"}
		}).subject("x-1"), refuse: events.ErrUSCC, field: "/override"},
		{name: "unknown scheme", when: registration(func(d *events.RegisterEnterprise) { d.Scheme = "duns" }), refuse: events.ErrCode, field: "/scheme"},
		{name: "a command about nobody", when: profiled(), refuse: events.ErrNotFound},
		{name: "a command of another context", given: []say{registration()}, when: say{typ: events.TypeResumeOffer, data: &events.Empty{}}, refuse: events.ErrUnknownType},
		{name: "a reason of another context", given: []say{registration()}, when: reason(events.TypeWithdrawDemand, "x"), refuse: events.ErrUnknownType},

		{name: "profile", given: []say{registration()}, when: profiled(), want: []string{events.TypeEnterpriseProfiled}},
		{name: "profile again, same", given: []say{registration(), profiled()}, when: profiled()},
		{name: "profile again, other", given: []say{registration(), profiled()}, when: profiled(func(d *events.Profile) { d.Revenue = nil }), want: []string{events.TypeEnterpriseProfiled}},
		{name: "profile of an earlier year", given: []say{registration(), profiled()}, when: profiled(func(d *events.Profile) { d.FiscalYear = 2024 }), want: []string{events.TypeEnterpriseProfiled}},
		{name: "profile by finance", given: []say{registration(), finance}, when: profiled().by("user:u2"), want: []string{events.TypeEnterpriseProfiled}},
		{name: "profile by an unknown user", given: []say{registration(), finance}, when: profiled().by("user:u3"), refuse: events.ErrForbidden},
		{name: "profile by a party", given: []say{registration()}, when: profiled().by("party:bank"), refuse: events.ErrForbidden},
		{name: "profile of next year", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.FiscalYear = 2027 }), refuse: events.ErrRange, field: "/fiscal_year"},
		{name: "profile before founding", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.FiscalYear = 2018 }), refuse: events.ErrDates, field: "/fiscal_year"},
		{name: "negative staff", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.Employees = -1 }), refuse: events.ErrRange, field: "/employees"},
		{name: "more R&D staff than staff", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.RDStaff = 121 }), refuse: events.ErrRange, field: "/rd_staff"},
		{name: "negative patents", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.Patents = -1 }), refuse: events.ErrRange, field: "/patents"},
		{name: "negative revenue", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.Revenue = yuan(-1) }), refuse: events.ErrMoney, field: "/revenue"},
		{name: "no revenue yet", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.Revenue = yuan(0) }), want: []string{events.TypeEnterpriseProfiled}},
		{name: "two currencies", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.RDExpense = &events.Money{Minor: 1, Currency: "USD"} }), refuse: events.ErrCurrency, field: "/rd_expense/currency"},
		{name: "unknown stage in a profile", given: []say{registration()}, when: profiled(func(d *events.Profile) { d.Stage = "x" }), refuse: events.ErrCode, field: "/stage"},
		{name: "profile while suspended", given: []say{registration(), suspend}, when: profiled(), refuse: events.ErrState},

		{name: "title on its last day", given: []say{registration()}, when: titled(), want: []string{events.TypeEnterpriseTitled}},
		{name: "title again, same", given: []say{registration(), titled()}, when: titled()},
		{name: "title again, same, after its end", given: []say{registration(), titled()}, when: titled().when(noon.AddDate(1, 0, 0))},
		{name: "certificate with other content", given: []say{registration(), titled()}, when: titled(func(d *events.Title) { d.ValidTo = "2027-01-01" }), refuse: events.ErrExists, field: "/certificate"},
		{name: "renewed certificate", given: []say{registration(), titled()}, when: titled(func(d *events.Title) { d.Certificate, d.ValidTo = "GR2", "2029-01-01" }), want: []string{events.TypeEnterpriseTitled}},
		{name: "title that ended yesterday", given: []say{registration()}, when: titled(func(d *events.Title) { d.ValidTo = "2026-06-14" }), refuse: events.ErrValidity, field: "/valid_to"},
		{name: "title of one day", given: []say{registration()}, when: titled(func(d *events.Title) { d.ValidFrom = "2026-06-15" }), want: []string{events.TypeEnterpriseTitled}},
		{name: "title that ends before it begins", given: []say{registration()}, when: titled(func(d *events.Title) { d.ValidFrom = "2026-06-16" }), refuse: events.ErrDates, field: "/valid_to"},
		{name: "title from no day", given: []say{registration()}, when: titled(func(d *events.Title) { d.ValidFrom = "2026-6-1" }), refuse: events.ErrDates, field: "/valid_from"},
		{name: "title to no day", given: []say{registration()}, when: titled(func(d *events.Title) { d.ValidTo = "" }), refuse: events.ErrDates, field: "/valid_to"},
		{name: "unknown title", given: []say{registration()}, when: titled(func(d *events.Title) { d.Title = "best" }), refuse: events.ErrCode, field: "/title"},
		{name: "title by the enterprise's owner", given: []say{registration(), owner}, when: titled().by("user:u1"), refuse: events.ErrForbidden},
		{name: "title while suspended", given: []say{registration(), suspend}, when: titled(), refuse: events.ErrState},
		{name: "one title too many", given: many(TitlesMax), when: titled(func(d *events.Title) { d.Certificate = "y" }), refuse: events.ErrRange, field: "/title"},

		{name: "title not yet over", given: []say{registration(), titled()}, when: expiry("GR202635000001", "2026-06-15", time.Date(2026, 6, 15, 15, 59, 59, 999, time.UTC))},
		{name: "title over", given: []say{registration(), titled()}, when: expiry("GR202635000001", "2026-06-15", time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC)), want: []string{events.TypeTitleExpired}},
		{name: "title over while suspended", given: []say{registration(), titled(), suspend}, when: expiry("GR202635000001", "2026-06-15", noon.AddDate(0, 0, 1)), want: []string{events.TypeTitleExpired}},
		{name: "title over twice", given: []say{registration(), titled(), expiry("GR202635000001", "2026-06-15", noon.AddDate(0, 0, 1))}, when: expiry("GR202635000001", "2026-06-15", noon.AddDate(0, 0, 1))},
		{name: "no such title to end", given: []say{registration()}, when: expiry("GR2", "2026-06-15", noon.AddDate(0, 0, 1))},

		{name: "authorise", given: []say{registration()}, when: owner, want: []string{events.TypeUserAuthorised}},
		{name: "authorise again, same", given: []say{registration(), owner}, when: owner},
		{name: "authorise again, longer", given: []say{registration(), owner}, when: authorised("u1", RoleAgent, "2026-06-01", "2027-01-01"), want: []string{events.TypeUserAuthorised}},
		{name: "authorise by the owner on the last day", given: []say{registration(), owner}, when: finance.by("user:u1"), want: []string{events.TypeUserAuthorised}},
		{name: "authorise by the owner a day late", given: []say{registration(), owner}, when: finance.by("user:u1").when(noon.AddDate(0, 0, 1)), refuse: events.ErrForbidden},
		{name: "authorise by the owner a day early", given: []say{registration(), owner}, when: finance.by("user:u1").when(time.Date(2026, 5, 31, 15, 59, 0, 0, time.UTC)), refuse: events.ErrForbidden},
		{name: "authorise by finance", given: []say{registration(), finance}, when: owner.by("user:u2"), refuse: events.ErrForbidden},
		{name: "unknown role", given: []say{registration()}, when: authorised("u1", "boss", "2026-06-01", "2026-06-15"), refuse: events.ErrCode, field: "/role"},
		{name: "user with a blank", given: []say{registration()}, when: authorised("u 1", RoleOwner, "2026-06-01", "2026-06-15"), refuse: events.ErrID, field: "/user"},
		{name: "authorisation of the past", given: []say{registration()}, when: authorised("u1", RoleOwner, "2026-06-01", "2026-06-14"), refuse: events.ErrValidity, field: "/until"},
		{name: "authorisation backwards", given: []say{registration()}, when: authorised("u1", RoleOwner, "2026-06-20", "2026-06-18"), refuse: events.ErrDates, field: "/until"},
		{name: "authorisation from no day", given: []say{registration()}, when: authorised("u1", RoleOwner, "x", "2026-06-18"), refuse: events.ErrDates, field: "/from"},
		{name: "authorise while suspended", given: []say{registration(), suspend}, when: owner, refuse: events.ErrState},
		{name: "revoke", given: []say{registration(), owner}, when: revoke("u1"), want: []string{events.TypeAuthorisationRevoked}},
		{name: "revoke one's own", given: []say{registration(), finance}, when: revoke("u2").by("user:u2"), want: []string{events.TypeAuthorisationRevoked}},
		{name: "revoke another's", given: []say{registration(), owner, finance}, when: revoke("u1").by("user:u2"), refuse: events.ErrForbidden},
		{name: "revoke by the owner", given: []say{registration(), owner, finance}, when: revoke("u2").by("user:u1"), want: []string{events.TypeAuthorisationRevoked}},
		{name: "revoke nobody's", given: []say{registration()}, when: revoke("u1"), refuse: events.ErrNotFound, field: "/user"},

		{name: "consent", given: []say{registration(), owner}, when: agree.by("user:u1"), want: []string{events.TypeConsented}},
		{name: "consent again, same", given: []say{registration(), agree}, when: agree},
		{name: "consent again, longer", given: []say{registration(), agree}, when: say{typ: events.TypeConsent, data: &events.Consent{Purpose: "matching", Until: "2027-12-31"}}, want: []string{events.TypeConsented}},
		{name: "consent by finance", given: []say{registration(), finance}, when: agree.by("user:u2"), refuse: events.ErrForbidden},
		{name: "unknown purpose", given: []say{registration()}, when: say{typ: events.TypeConsent, data: &events.Consent{Purpose: "gossip", Until: "2026-12-31"}}, refuse: events.ErrCode, field: "/purpose"},
		{name: "consent of the past", given: []say{registration()}, when: say{typ: events.TypeConsent, data: &events.Consent{Purpose: "matching", Until: "2026-06-14"}}, refuse: events.ErrValidity, field: "/until"},
		{name: "consent to no day", given: []say{registration()}, when: say{typ: events.TypeConsent, data: &events.Consent{Purpose: "matching", Until: "soon"}}, refuse: events.ErrDates, field: "/until"},
		{name: "consent while suspended", given: []say{registration(), suspend}, when: agree, refuse: events.ErrState},
		{name: "withdraw a consent", given: []say{registration(), agree}, when: disagree("matching"), want: []string{events.TypeConsentWithdrawn}},
		{name: "withdraw a consent while suspended", given: []say{registration(), agree, suspend}, when: disagree("matching"), want: []string{events.TypeConsentWithdrawn}},
		{name: "withdraw no consent", given: []say{registration()}, when: disagree("matching"), refuse: events.ErrNotFound, field: "/purpose"},

		{name: "suspend", given: []say{registration()}, when: suspend, want: []string{events.TypeEnterpriseSuspended}},
		{name: "suspend again, same", given: []say{registration(), suspend}, when: suspend},
		{name: "suspend again, other reason", given: []say{registration(), suspend}, when: reason(events.TypeSuspendEnterprise, "失信"), refuse: events.ErrState},
		{name: "suspend by the owner", given: []say{registration(), owner}, when: suspend.by("user:u1"), refuse: events.ErrForbidden},
		{name: "reinstate", given: []say{registration(), suspend}, when: reinstate, want: []string{events.TypeEnterpriseReinstated}},
		{name: "reinstate the active", given: []say{registration()}, when: reinstate, refuse: events.ErrState},

		{name: "register with a contact", when: withContact, want: []string{events.TypeEnterpriseRegistered}},
		{name: "erase the contact", given: []say{withContact, owner}, when: erase.by("user:u1"), want: []string{events.TypeContactErased}},
		{name: "erase the contact twice", given: []say{withContact, erase}, when: erase, refuse: events.ErrNotFound},
		{name: "erase by a party", given: []say{withContact}, when: erase.by("party:bank"), refuse: events.ErrForbidden},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		for _, typ := range tt.want {
			seen[typ] = true
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s *Enterprise
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
				if e.Attr.Region == "" || e.Attr.Industry == "" {
					t.Fatalf("%s lacks attributes: %+v", e.Type, e.Attr)
				}
			}
		})
	}
	for _, e := range events.Catalog {
		if e.Context == "enterprise" && e.Kind == events.Fact && !seen[e.Type] {
			t.Errorf("no case decides %s", e.Type)
		}
	}
}

func expiry(certificate string, to events.Date, at time.Time) say {
	return say{typ: events.TypeExpireTitle, data: &events.TitleRef{Title: "high_tech", Certificate: certificate, ValidTo: to}, actor: step.System, at: at}
}

func revoke(user string) say {
	return say{typ: events.TypeRevokeAuthorisation, data: &events.UserRef{User: user}}
}

func disagree(purpose string) say {
	return say{typ: events.TypeWithdrawConsent, data: &events.ConsentRef{Purpose: purpose}}
}

func TestStageFollowsTheLatestProfile(t *testing.T) {
	t.Parallel()
	var s *Enterprise
	var version uint64
	for _, c := range []struct {
		year  int
		stage string
		want  string // of the event and of the enterprise
	}{{2025, "growth", "growth"}, {2024, "seed", "growth"}, {2023, "", "growth"}, {2025, "expansion", "expansion"}, {2026, "mature", "mature"}, {2025, "seed", "mature"}} {
		if s == nil {
			s, _, _ = play(t, s, &version, registration())
		}
		var decided []step.Event
		s, decided, _ = play(t, s, &version, profiled(func(d *events.Profile) { d.FiscalYear, d.Stage = c.year, c.stage }))
		if s.Stage != c.want || decided[0].Attr.Stage != c.want {
			t.Fatalf("after %+v: stage %s, attribute %s", c, s.Stage, decided[0].Attr.Stage)
		}
	}
	if p := s.LatestProfile(); p.FiscalYear != 2026 || len(s.Profiles) != 4 {
		t.Fatalf("latest %+v of %d", p, len(s.Profiles))
	}
}

func TestTitleCountsToTheEndOfItsLastDayInBeijing(t *testing.T) {
	t.Parallel()
	var version uint64
	s, _, _ := play(t, nil, &version, registration())
	s, _, _ = play(t, s, &version, titled())
	for _, c := range []struct {
		at   time.Time
		want int
	}{
		{time.Date(2025, 12, 31, 15, 59, 59, 0, time.UTC), 0},
		{time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC), 1},
		{time.Date(2026, 6, 15, 15, 59, 59, 0, time.UTC), 1},
		{time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC), 0},
	} {
		if got := s.TitlesOn(events.DateOf(c.at)); len(got) != c.want {
			t.Errorf("at %s: %d titles", c.at, len(got))
		}
	}
}

func TestTimerEndsTitlesOneAfterAnother(t *testing.T) {
	t.Parallel()
	state := step.NewMachine(Decider()).New()
	var version uint64
	do := func(c *step.Command, now time.Time) []step.Event {
		t.Helper()
		decided, err := state.Decide(c, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range decided {
			version++
			state.Apply(&step.Applied{Type: e.Type, Subject: c.Subject, Version: version, Time: now, Data: e.Data})
		}
		return decided
	}
	ends := []events.Date{"2026-06-20", "2026-06-15", "2026-06-15"}
	for i, c := range append([]say{registration()}, titled(), titled(), titled()) {
		command, now := c.command()
		if d, ok := command.Data.(*events.Title); ok {
			d.ValidTo, d.Certificate = ends[i-1], "GR-"+string(rune('0'+i))
		}
		do(command, now)
	}
	first := time.Date(2026, 6, 15, 16, 0, 0, 0, time.UTC)
	if at, ok := state.NextDue(); !ok || !at.Equal(first) {
		t.Fatalf("due at %v %v", at, ok)
	}
	if due := state.Due(first.Add(-1), 10); len(due) != 0 {
		t.Fatalf("due too early: %+v", due[0])
	}
	var ended []string
	for _, now := range []time.Time{first, first.AddDate(0, 0, 5)} {
		for due := state.Due(now, 10); len(due) > 0; due = state.Due(now, 10) {
			if len(ended) > len(ends) {
				t.Fatalf("titles end more than once: %v", ended)
			}
			was := len(ended)
			for _, c := range due {
				for _, e := range do(c, now) {
					ended = append(ended, e.Data.(*events.TitleRef).Certificate)
				}
			}
			if len(ended) == was {
				t.Fatalf("a timer that changes nothing comes up for ever: %+v", due[0])
			}
		}
	}
	if want := []string{"GR-2", "GR-3", "GR-1"}; !slices.Equal(ended, want) {
		t.Fatalf("ended %v, want %v", ended, want)
	}
	if at, ok := state.NextDue(); ok {
		t.Fatalf("still due at %v", at)
	}
}

// TestLivesOfEnterprises plays random commands: state and its document never part, undo takes everything back, and a state
// loaded from documents decides alike.
func TestLivesOfEnterprises(t *testing.T) {
	t.Parallel()
	second, err := codes.MakeUSCC("440300", "MA5FNY2K")
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{uscc, second, "x-1"}
	rapid.Check(t, func(t *rapid.T) {
		machine := step.NewMachine(Decider())
		state, docs := machine.New(), map[string][]byte{}
		now := noon
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 40*24).Draw(t, "hours")) * time.Hour)
			command, _ := anyCommand(t, rapid.SampledFrom(ids).Draw(t, "id"), now).command()
			if due := state.Due(now, 1); len(due) > 0 && rapid.Bool().Draw(t, "timer") {
				command = due[0]
			}
			reloaded := machine.New()
			before := dumpState(t, state, reloaded)
			decided, err := state.Decide(command, now)
			again, errAgain := reloaded.Decide(command, now)
			if mustJSON(t, decided) != mustJSON(t, again) || (err == nil) != (errAgain == nil) {
				t.Fatalf("a reloaded state decides otherwise: %v %v, %v %v", decided, err, again, errAgain)
			}
			var undo []step.Undo
			var applied []*step.Applied
			for _, e := range decided {
				a := &step.Applied{Type: e.Type, Subject: command.Subject, Version: state.Version(command.Subject) + 1, Time: now, Data: e.Data}
				undo, applied = append(undo, state.Apply(a)), append(applied, a)
			}
			after := dumpState(t, state, nil)
			for _, u := range slices.Backward(undo) {
				state.Undo(u)
			}
			if got := dumpState(t, state, nil); got != before {
				t.Fatalf("undo of %s: %s, want %s", command.Type, got, before)
			}
			for _, a := range applied {
				state.Apply(a)
				if docs[a.Subject], err = machine.Project(docs[a.Subject], a); err != nil {
					t.Fatal(err)
				}
			}
			if got := dumpState(t, state, nil); got != after {
				t.Fatalf("applied again: %s, want %s", got, after)
			}
			if err := state.Range(func(subject string, _ uint64, doc []byte) error {
				if string(docs[subject]) != string(doc) {
					t.Fatalf("document %s, state %s", docs[subject], doc)
				}
				if _, err := Index(doc); err != nil {
					t.Fatal(err)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func anyCommand(t *rapid.T, id string, now time.Time) say {
	today := events.DateOf(now)
	day := func(label string) events.Date {
		return events.DateOf(now.AddDate(0, 0, rapid.IntRange(-20, 60).Draw(t, label)))
	}
	user := rapid.SampledFrom([]string{"u1", "u2"}).Draw(t, "user")
	all := []say{
		registration(func(d *events.RegisterEnterprise) {
			if d.ID = id; strings.HasPrefix(id, "x-") {
				d.Scheme = events.SchemePrivate
			}
		}).with(&Facts{Contact: &events.ContactRef{Ref: "r", Hash: "h"}}),
		profiled(func(d *events.Profile) { d.FiscalYear = rapid.IntRange(2019, 2030).Draw(t, "year") }),
		titled(func(d *events.Title) {
			d.Certificate = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "certificate")
			d.ValidTo = day("to")
		}),
		authorised(user, rapid.SampledFrom([]string{RoleOwner, RoleAgent}).Draw(t, "role"), today, day("until")),
		revoke(user),
		{typ: events.TypeConsent, data: &events.Consent{Purpose: "matching", Until: day("until")}},
		disagree("matching"),
		reason(events.TypeSuspendEnterprise, "x"),
		reason(events.TypeReinstateEnterprise, "x"),
		reason(events.TypeEraseContact, "x"),
	}
	actor := rapid.SampledFrom([]step.Actor{step.Operator, step.Operator, "user:u1", "party:p"}).Draw(t, "actor")
	return rapid.SampledFrom(all).Draw(t, "command").subject(id).by(actor)
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
