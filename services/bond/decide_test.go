package bond

import (
	"slices"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/calendar"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/steptest"
)

const (
	uscc = "91350100M000100Y43" // the golden vector of GB 32100-2015
	id   = "bond:b1"
)

// noon is 12:00 in Beijing on 2026-06-15.
var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

var ruleSets = func() *rules.Sets[RuleSet] {
	s, err := LoadRules(contracts.Rules())
	if err != nil {
		panic(err)
	}
	return s
}()

var courseRules = func() *rules.Sets[CourseRules] {
	s, err := LoadCourse(contracts.Rules())
	if err != nil {
		panic(err)
	}
	return s
}()

// deciding is what the tests decide by: the rule files, and the calendar.
func deciding() step.Decider[Bond] { return Decider(courseRules, calendar.Add) }

// say is a command with the least words: the operator, at noon, about bond:b1.
type say struct {
	typ   string
	data  any
	actor step.Actor
	at    time.Time
	facts *Facts
}

func (c say) by(actor step.Actor) say { c.actor = actor; return c }
func (c say) on(day string) say {
	at, err := events.Date(day).Start()
	if err != nil {
		panic(err)
	}
	c.at = at.Add(12 * time.Hour)
	return c
}
func (c say) with(change func(*Facts)) say {
	f := *c.facts
	change(&f)
	c.facts = &f
	return c
}

func (c say) command() (*step.Command, time.Time) {
	if c.actor == "" {
		c.actor = step.Operator
	}
	if c.at.IsZero() {
		c.at = noon
	}
	return &step.Command{Type: c.typ, Subject: id, Actor: c.actor, Data: c.data, Facts: c.facts}, c.at
}

func yuan(n int64) events.Money   { return events.Money{Minor: n * 100, Currency: "CNY"} }
func money(n int64) *events.Money { m := yuan(n); return &m }

// firm is an unlisted technology firm without titles, of three even years: R&D 4 % of revenue, 12 patents.
func firm() *Facts {
	f := &Facts{
		Enterprise:     &events.EnterpriseFacts{Position: "enterprise.0:7", Version: 3, Name: "福州示例光电科技有限公司", Region: "350100", Industry: "C39", Stage: "mature"},
		Authorisations: []events.Authorisation{{User: "u1", Role: "finance", From: "2026-06-01", Until: "2026-06-15"}},
		Rules:          ruleSets,
		Other:          &OtherParty{Kind: "guarantor", Licences: []events.Licence{{Licence: "guarantor", Number: "1", ValidFrom: "2020-01-01"}, {Licence: "rating", Number: "2", ValidFrom: "2020-01-01", ValidTo: "2026-06-15"}}},
		Offer:          &OfferFacts{Version: 4, Party: "p-uw", PartyName: "示例证券", Instrument: "tech_note", Currency: "CNY", Status: "open", Until: noon.AddDate(1, 0, 0)},
	}
	for year := 2023; year <= 2025; year++ {
		f.Profiles = append(f.Profiles, events.Profile{FiscalYear: year, Employees: 300, Revenue: money(100_000_000), RDExpense: money(4_000_000), Patents: 12, Assets: money(200_000_000), Liabilities: money(150_000_000)})
	}
	return f
}

func titled(title string, to events.Date) func(*Facts) {
	return func(f *Facts) {
		e := *f.Enterprise
		e.Titles = append(slices.Clone(e.Titles), events.Title{Title: title, Certificate: "C1", Issuer: "x", ValidFrom: "2024-01-01", ValidTo: to})
		f.Enterprise = &e
	}
}

func fund() *Facts {
	f := firm()
	f.Enterprise, f.Profiles, f.Authorisations = nil, nil, nil
	f.Party = &events.PartyFacts{Position: "party.0:9", Version: 2, Kind: "vc", Name: "示例创投", Region: "350100", Licences: []events.Licence{{Licence: "pe_vc_fund_manager", Number: "P1", ValidFrom: "2020-01-01"}}}
	return f
}

func terms() events.BondTerms {
	return events.BondTerms{Venue: "interbank", Instrument: "tech_note", Amount: yuan(300_000_000), TenorDays: 1095,
		Proceeds: []events.ProceedsShare{{Use: "rnd", ShareBP: 6667}, {Use: "refinancing", ShareBP: 3333}}}
}

func applied(change ...func(*events.ApplyBond)) say {
	d := &events.ApplyBond{ID: id, Issuer: uscc, IssuerKind: events.IssuerTechnology, BondTerms: terms()}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeApplyBond, data: d, facts: firm().titledAs("high_tech")}
}

// titledAs gives a firm a title that opens the interbank gate.
func (f *Facts) titledAs(title string) *Facts { titled(title, "2027-01-01")(f); return f }

func byFund(d *events.ApplyBond) {
	d.Issuer, d.IssuerKind, d.Instrument = "p-vc", events.IssuerInvestor, "tech_bond"
}

func resubmitted(change ...func(*events.BondTerms)) say {
	t := terms()
	for _, f := range change {
		f(&t)
	}
	return say{typ: events.TypeResubmitBond, data: &events.ResubmitBond{BondTerms: t}, facts: firm().titledAs("high_tech")}
}

func triaged() say {
	return say{typ: events.TypeTriageBond, data: &events.Empty{}, facts: firm().titledAs("high_tech")}
}
func docked(offer string) say {
	return say{typ: events.TypeDockBond, data: &events.DockBond{Offer: offer}, facts: firm()}
}
func enhanced(kind string, amount int64) say {
	return say{typ: events.TypeEnhanceBond, data: &events.BondEnhancement{Kind: kind, Provider: "p-g", Amount: yuan(amount)}, facts: firm()}
}
func rated(rating string, day events.Date, until ...events.Date) say {
	d := &events.BondRating{Agency: "p-r", Rating: rating, Outlook: "stable", RatedOn: day}
	if len(until) > 0 {
		d.ValidTo = until[0]
	}
	return say{typ: events.TypeRateBond, data: d, facts: firm()}
}
func filed(day events.Date, change ...func(*events.BondFiling)) say {
	d := &events.BondFiling{Number: "F1", FiledOn: day, Report: &events.BondReport{Kind: "annual", FiscalYear: 2025}}
	for _, f := range change {
		f(d)
	}
	return say{typ: events.TypeFileBond, data: d, facts: firm()}
}

// report names another report, or none.
func report(kind string, year int) func(*events.BondFiling) {
	return func(f *events.BondFiling) {
		if f.Report = nil; kind != "" {
			f.Report = &events.BondReport{Kind: kind, FiscalYear: year}
		}
	}
}

func listed(f *Facts) { f.Listed = "SSE-STAR:688001" }

// late is a course all of one day.
func late(until, day string) []say {
	list := course(until)
	for i := range list {
		list[i] = list[i].on(day)
	}
	return list
}

func registered(day, to events.Date) say {
	return say{typ: events.TypeRegisterBond, data: &events.BondRegistration{Number: "R1", RegisteredOn: day, ValidTo: to}}
}
func issued(amount int64, day, matures events.Date) say {
	return say{typ: events.TypeIssueBond, data: &events.BondIssue{Amount: yuan(amount), CouponBP: 215, IssuedOn: day, MaturesOn: matures}}
}
func returned(reasons ...string) say {
	return say{typ: events.TypeReturnBond, data: &events.ReturnBond{Reasons: reasons, Reason: "请补充"}}
}
func ended(typ string) say {
	return say{typ: typ, data: &events.Reason{Reason: "示例"}, facts: firm()}
}

// course is everything up to the stage before a word.
func course(until string) []say {
	all := []struct {
		stage string
		say   say
	}{
		{StatusApplied, applied()}, {StatusTriaged, triaged()}, {StatusDocked, docked("o1")}, {StatusEnhanced, enhanced("guarantee", 100_000_000)}, {StatusRated, rated("AA+", "2026-06-14")},
		{StatusFiled, filed("2026-06-15")}, {StatusRegistered, registered("2026-06-15", "2026-06-15")}, {StatusIssued, issued(300_000_000, "2026-06-15", "2029-06-15")},
	}
	var list []say
	for _, c := range all {
		list = append(list, c.say)
		if c.stage == until {
			return list
		}
	}
	panic(until)
}

func play(t testing.TB, s *Bond, version *uint64, c say) (*Bond, []step.Event, error) {
	t.Helper()
	command, now := c.command()
	return steptest.Play(t, deciding(), s, version, command, now)
}

func given(t testing.TB, list ...say) (*Bond, *uint64) {
	t.Helper()
	var s *Bond
	version := new(uint64)
	for _, c := range list {
		var err error
		if s, _, err = play(t, s, version, c); err != nil {
			t.Fatalf("%s: %v", c.typ, err)
		}
	}
	return s, version
}

// clockless is what was decided, clocks aside.
func clockless(decided []step.Event) []step.Event {
	return slices.DeleteFunc(slices.Clone(decided), func(e step.Event) bool { return e.Type == events.TypeBondClockStarted })
}

func TestCourse(t *testing.T) {
	t.Parallel()
	s, version := given(t, course(StatusIssued)...)
	if s.Status != StatusIssued || *version != 15 || s.Docking.Party != "p-uw" || s.Triage.Gate != "title" || s.Round != 1 || !s.within(StatusFiled, StatusIssued) {
		t.Fatalf("%+v at version %d", s, *version)
	}
	s, _ = given(t, append(course(StatusFiled), returned("rating_missing"), resubmitted(func(b *events.BondTerms) { b.Amount = yuan(200_000_000) }), triaged(), docked("o1"), filed("2026-06-15"), returned("other"), ended(events.TypeWithdrawBond))...)
	if n := len(s.History); n != 1 || s.History[0].From != StatusFiled || s.History[0].Amount != yuan(300_000_000) || s.History[0].Underwriter != "p-uw" || s.History[0].Filing.Number != "F1" || len(s.History[0].Clocks) != 7 {
		t.Fatalf("%+v", s.History)
	}
	if s.Status != StatusWithdrawn || s.Round != 2 || s.Rating != nil || len(s.Enhancements) != 0 || s.Original.Amount != yuan(300_000_000) || s.Return.From != StatusFiled {
		t.Fatalf("%+v", s)
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	returnedFrom := func(stage string) []say { return append(course(stage), returned("other")) }
	tests := map[string]struct {
		given  []say
		when   say
		then   []string
		refuse events.ProblemKind
		field  string
	}{
		"apply":                            {when: applied(), then: []string{events.TypeBondApplied}},
		"apply by an authorised user":      {when: applied().by("user:u1"), then: []string{events.TypeBondApplied}},
		"apply after the authorisation":    {when: applied().by("user:u1").on("2026-06-16"), refuse: events.ErrForbidden, field: "/issuer"},
		"apply by another user":            {when: applied().by("user:u2"), refuse: events.ErrForbidden, field: "/issuer"},
		"a party applies for a firm":       {when: applied().by("party:p-uw"), refuse: events.ErrForbidden, field: "/issuer"},
		"a fund applies for itself":        {when: say{typ: events.TypeApplyBond, data: applied(byFund).data, facts: fund()}.by("party:p-vc"), then: []string{events.TypeBondApplied}},
		"a party applies for another":      {when: say{typ: events.TypeApplyBond, data: applied(byFund).data, facts: fund()}.by("party:p-x"), refuse: events.ErrForbidden, field: "/issuer"},
		"a suspended fund":                 {when: say{typ: events.TypeApplyBond, data: applied(byFund).data, facts: fund()}.with(func(f *Facts) { p := *f.Party; p.Suspended = true; f.Party = &p }), refuse: events.ErrState, field: "/issuer"},
		"a fund without a region":          {when: say{typ: events.TypeApplyBond, data: applied(byFund).data, facts: fund()}.with(func(f *Facts) { p := *f.Party; p.Region = ""; f.Party = &p }), refuse: events.ErrRegion, field: "/issuer"},
		"apply again alike":                {given: course(StatusDocked), when: applied()},
		"apply again after a resubmission": {given: append(returnedFrom(StatusApplied), resubmitted(func(b *events.BondTerms) { b.TenorDays = 700 })), when: applied()},
		"apply again otherwise":            {given: course(StatusApplied), when: applied(func(d *events.ApplyBond) { d.TenorDays = 1 }), refuse: events.ErrExists, field: "/id"},
		"an id without its prefix":         {when: applied(func(d *events.ApplyBond) { d.ID = "b1" }), refuse: events.ErrMismatch, field: "/id"},
		"an unknown issuer":                {when: applied().with(func(f *Facts) { f.Enterprise = nil }), refuse: events.ErrNotFound, field: "/issuer"},
		"a suspended issuer":               {when: applied().with(func(f *Facts) { f.Suspended = true }), refuse: events.ErrState, field: "/issuer"},
		"shares of 99.99 %":                {when: applied(func(d *events.ApplyBond) { d.Proceeds = []events.ProceedsShare{{Use: "rnd", ShareBP: 9999}} }), refuse: events.ErrRange, field: "/proceeds"},
		"shares of 100.01 %": {when: applied(func(d *events.ApplyBond) {
			d.Proceeds = []events.ProceedsShare{{Use: "rnd", ShareBP: 9999}, {Use: "ma", ShareBP: 2}}
		}), refuse: events.ErrRange, field: "/proceeds"},
		"a use twice": {when: applied(func(d *events.ApplyBond) {
			d.Proceeds = []events.ProceedsShare{{Use: "rnd", ShareBP: 5000}, {Use: "rnd", ShareBP: 5000}}
		}), refuse: events.ErrCode, field: "/proceeds/1/use"},
		"an unknown use":                     {when: applied(func(d *events.ApplyBond) { d.Proceeds = []events.ProceedsShare{{Use: "yacht", ShareBP: 10000}} }), refuse: events.ErrCode, field: "/proceeds/0/use"},
		"a loan is no bond":                  {when: applied(func(d *events.ApplyBond) { d.Instrument = "credit_loan" }), refuse: events.ErrCode, field: "/instrument"},
		"a listing is no bond":               {when: applied(func(d *events.ApplyBond) { d.Instrument = "star_ipo" }), refuse: events.ErrCode, field: "/instrument"},
		"an unknown currency":                {when: applied(func(d *events.ApplyBond) { d.Amount.Currency = "ZZZ" }), refuse: events.ErrCurrency, field: "/amount/currency"},
		"an amount of nothing":               {when: applied(func(d *events.ApplyBond) { d.Amount = yuan(0) }), refuse: events.ErrMoney, field: "/amount"},
		"a tenor of 51 years":                {when: applied(func(d *events.ApplyBond) { d.TenorDays = 18_301 }), refuse: events.ErrRange, field: "/tenor_days"},
		"triage of what is not there":        {when: triaged(), refuse: events.ErrNotFound},
		"triage":                             {given: course(StatusApplied), when: triaged(), then: []string{events.TypeBondTriaged}},
		"triage by the issuer":               {given: course(StatusApplied), when: triaged().by("user:u1"), refuse: events.ErrForbidden},
		"triage twice":                       {given: course(StatusTriaged), when: triaged(), refuse: events.ErrState},
		"triage before there were rules":     {given: course(StatusApplied), when: triaged().on("2025-05-06"), refuse: events.ErrPolicy},
		"triage that fails":                  {given: course(StatusApplied), when: say{typ: events.TypeTriageBond, data: &events.Empty{}, facts: firm()}, then: []string{events.TypeBondReturned}},
		"dock before the triage":             {given: course(StatusApplied), when: docked("o1"), refuse: events.ErrState},
		"dock":                               {given: course(StatusTriaged), when: docked("o1"), then: []string{events.TypeBondDocked}},
		"dock by the issuer's user":          {given: course(StatusTriaged), when: docked("o1").by("user:u1"), then: []string{events.TypeBondDocked}},
		"dock by the underwriter":            {given: course(StatusTriaged), when: docked("o1").by("party:p-uw"), refuse: events.ErrForbidden, field: "/issuer"},
		"dock again alike":                   {given: course(StatusDocked), when: docked("o1")},
		"dock with another":                  {given: course(StatusDocked), when: docked("o2"), then: []string{events.TypeBondDocked}},
		"dock with another once rated":       {given: course(StatusRated), when: docked("o2"), refuse: events.ErrState},
		"dock with an unknown offer":         {given: course(StatusTriaged), when: docked("o1").with(func(f *Facts) { f.Offer = nil }), refuse: events.ErrNotFound, field: "/offer"},
		"dock with a paused offer":           {given: course(StatusTriaged), when: docked("o1").with(offer(func(o *OfferFacts) { o.Status = "paused" })), refuse: events.ErrState, field: "/offer"},
		"dock at the end of the offer":       {given: course(StatusTriaged), when: docked("o1").with(offer(func(o *OfferFacts) { o.Until = noon })), refuse: events.ErrState, field: "/offer"},
		"dock with a suspended underwriter":  {given: course(StatusTriaged), when: docked("o1").with(offer(func(o *OfferFacts) { o.Suspended = true })), refuse: events.ErrState, field: "/offer"},
		"dock with another instrument":       {given: course(StatusTriaged), when: docked("o1").with(offer(func(o *OfferFacts) { o.Instrument = "tech_bond" })), refuse: events.ErrMismatch, field: "/offer"},
		"dock in another currency":           {given: course(StatusTriaged), when: docked("o1").with(offer(func(o *OfferFacts) { o.Currency = "USD" })), refuse: events.ErrCurrency, field: "/offer"},
		"enhance before the docking":         {given: course(StatusTriaged), when: enhanced("guarantee", 1), refuse: events.ErrState},
		"enhance by the underwriter":         {given: course(StatusDocked), when: enhanced("guarantee", 1).by("party:p-uw"), then: []string{events.TypeBondEnhanced}},
		"enhance by another party":           {given: course(StatusDocked), when: enhanced("guarantee", 1).by("party:p-x"), refuse: events.ErrForbidden},
		"enhance twice alike":                {given: course(StatusEnhanced), when: enhanced("guarantee", 100_000_000)},
		"enhance the whole":                  {given: course(StatusDocked), when: enhanced("guarantee", 300_000_000), then: []string{events.TypeBondEnhanced}},
		"enhance more than the whole":        {given: course(StatusDocked), when: enhanced("guarantee", 300_000_001), refuse: events.ErrRange, field: "/amount"},
		"a warrant without its licence":      {given: course(StatusDocked), when: enhanced("crmw", 1), refuse: events.ErrLicence, field: "/provider"},
		"the risk-sharing tool":              {given: course(StatusDocked), when: enhanced("risk_sharing_tool", 1), then: []string{events.TypeBondEnhanced}},
		"an unknown provider":                {given: course(StatusDocked), when: enhanced("guarantee", 1).with(func(f *Facts) { f.Other = nil }), refuse: events.ErrNotFound, field: "/provider"},
		"rate on the last day of its filing": {given: course(StatusDocked), when: rated("AAA", "2026-06-15"), then: []string{events.TypeBondRated}},
		"rate after the filing ended":        {given: course(StatusDocked), when: rated("AAA", "2026-06-15").on("2026-06-16"), refuse: events.ErrLicence, field: "/agency"},
		"rate tomorrow":                      {given: course(StatusDocked), when: rated("AAA", "2026-06-16"), refuse: events.ErrDates, field: "/rated_on"},
		"rate alike":                         {given: course(StatusRated), when: rated("AA+", "2026-06-14")},
		"rate anew":                          {given: course(StatusRated), when: rated("AA", "2026-06-15"), then: []string{events.TypeBondRated}},
		"rate until before its day":          {given: course(StatusDocked), when: rated("AA", "2026-06-15", "2026-06-14"), refuse: events.ErrDates, field: "/valid_to"},
		"rate until no day":                  {given: course(StatusDocked), when: rated("AA", "2026-06-15", "2026-02-30"), refuse: events.ErrDates, field: "/valid_to"},
		"file on the rating's last day":      {given: append(course(StatusDocked), rated("AA", "2026-06-14", "2026-06-15")), when: filed("2026-06-15"), then: []string{events.TypeBondFiled}},
		"file after the rating":              {given: append(course(StatusDocked), rated("AA", "2026-06-13", "2026-06-14")), when: filed("2026-06-15"), refuse: events.ErrValidity, field: "/filed_on"},
		"file on a rating a year old":        {given: append(course(StatusDocked), rated("AA", "2025-06-15")), when: filed("2026-06-15"), then: []string{events.TypeBondFiled}},
		"file on a rating of a year and day": {given: append(course(StatusDocked), rated("AA", "2025-06-14")), when: filed("2026-06-15"), refuse: events.ErrValidity, field: "/filed_on"},
		"file without a report":              {given: course(StatusDocked), when: filed("2026-06-15", report("", 0)), refuse: events.ErrPolicy, field: "/report"},
		"file on the annual report, last":    {given: late(StatusDocked, "2026-08-31"), when: filed("2026-08-31").on("2026-08-31"), then: []string{events.TypeBondFiled}},
		"file a day after the annual report": {given: late(StatusDocked, "2026-09-01"), when: filed("2026-09-01").on("2026-09-01"), refuse: events.ErrValidity, field: "/report"},
		"file on a report of this year":      {given: course(StatusDocked), when: filed("2026-06-15", report("annual", 2026)), refuse: events.ErrDates, field: "/report/fiscal_year"},
		"file on a half-year report":         {given: course(StatusDocked), when: filed("2026-06-15", report("half_year", 2025)), refuse: events.ErrPolicy, field: "/report/kind"},
		"file half-year, listed, last day":   {given: late(StatusDocked, "2026-04-30"), when: filed("2026-04-30", report("half_year", 2025)).on("2026-04-30").with(listed), then: []string{events.TypeBondFiled}},
		"file half-year, listed, a day late": {given: late(StatusDocked, "2026-05-01"), when: filed("2026-05-01", report("half_year", 2025)).on("2026-05-01").with(listed), refuse: events.ErrValidity, field: "/report"},
		"register for 24 months":             {given: course(StatusFiled), when: registered("2026-06-15", "2028-06-15"), then: []string{events.TypeBondRegistered}},
		"register for 24 months and a day":   {given: course(StatusFiled), when: registered("2026-06-15", "2028-06-16"), refuse: events.ErrValidity, field: "/valid_to"},
		"a category that is none":            {when: applied(func(d *events.ApplyBond) { d.Category = "park" }), refuse: events.ErrCode, field: "/category"},
		"triage in a category of elsewhere":  {given: []say{applied(func(d *events.ApplyBond) { d.Category = events.CategoryUpgrade })}, when: triaged(), refuse: events.ErrPolicy},
		"file without a rating":              {given: course(StatusDocked), when: filed("2026-06-15"), then: []string{events.TypeBondFiled}},
		"file before the docking":            {given: course(StatusTriaged), when: filed("2026-06-15"), refuse: events.ErrState},
		"file alike":                         {given: course(StatusFiled), when: filed("2026-06-15")},
		"file on no day":                     {given: course(StatusDocked), when: filed("2026-02-30"), refuse: events.ErrDates, field: "/filed_on"},
		"register by the underwriter":        {given: course(StatusFiled), when: registered("2026-06-15", "2028-06-14").by("party:p-uw"), refuse: events.ErrForbidden},
		"register before the filing's day":   {given: course(StatusFiled), when: registered("2026-06-14", "2028-06-14"), refuse: events.ErrDates, field: "/registered_on"},
		"register until yesterday":           {given: course(StatusFiled), when: registered("2026-06-15", "2026-06-14"), refuse: events.ErrDates, field: "/valid_to"},
		"register what is not filed":         {given: course(StatusRated), when: registered("2026-06-15", "2028-06-14"), refuse: events.ErrState},
		"issue on the registration's last":   {given: course(StatusRegistered), when: issued(1, "2026-06-15", "2026-06-16"), then: []string{events.TypeBondIssued}},
		"issue after the registration":       {given: course(StatusRegistered), when: issued(1, "2026-06-16", "2029-06-16").on("2026-06-16"), refuse: events.ErrValidity, field: "/issued_on"},
		"issue above the application":        {given: course(StatusRegistered), when: issued(300_000_001, "2026-06-15", "2029-06-15"), refuse: events.ErrRange, field: "/amount"},
		"issue that matures the same day":    {given: course(StatusRegistered), when: issued(1, "2026-06-15", "2026-06-15"), refuse: events.ErrDates, field: "/matures_on"},
		"issue what is not registered":       {given: course(StatusFiled), when: issued(1, "2026-06-15", "2029-06-15"), refuse: events.ErrState},
		"issue alike":                        {given: course(StatusIssued), when: issued(300_000_000, "2026-06-15", "2029-06-15")},
		"issue more":                         {given: course(StatusIssued), when: issued(1, "2026-06-15", "2029-06-15"), refuse: events.ErrState},
		"return when filed":                  {given: course(StatusFiled), when: returned("rating_missing", "other"), then: []string{events.TypeBondReturned}},
		"return when registered":             {given: course(StatusRegistered), when: returned("other"), refuse: events.ErrState},
		"return without a known reason":      {given: course(StatusFiled), when: returned("mood"), refuse: events.ErrCode, field: "/reasons/0"},
		"return for a reason twice":          {given: course(StatusFiled), when: returned("other", "other"), refuse: events.ErrCode, field: "/reasons/1"},
		"return alike":                       {given: returnedFrom(StatusFiled), when: returned("other")},
		"return by the underwriter":          {given: course(StatusFiled), when: returned("other").by("party:p-uw"), refuse: events.ErrForbidden},
		"resubmit what is not returned":      {given: course(StatusTriaged), when: resubmitted(), refuse: events.ErrState},
		"resubmit":                           {given: returnedFrom(StatusDocked), when: resubmitted(), then: []string{events.TypeBondResubmitted}},
		"resubmit by the underwriter":        {given: returnedFrom(StatusDocked), when: resubmitted().by("party:p-uw"), refuse: events.ErrForbidden, field: "/issuer"},
		"resubmit alike":                     {given: append(returnedFrom(StatusDocked), resubmitted()), when: resubmitted()},
		"resubmit bad shares":                {given: returnedFrom(StatusDocked), when: resubmitted(func(b *events.BondTerms) { b.Proceeds = nil }), refuse: events.ErrRange, field: "/proceeds"},
		"dock what is returned":              {given: returnedFrom(StatusTriaged), when: docked("o1"), refuse: events.ErrState},
		"withdraw when registered":           {given: course(StatusRegistered), when: ended(events.TypeWithdrawBond).by("user:u1"), then: []string{events.TypeBondWithdrawn}},
		"withdraw when issued":               {given: course(StatusIssued), when: ended(events.TypeWithdrawBond), refuse: events.ErrState},
		"withdraw twice":                     {given: append(course(StatusDocked), ended(events.TypeWithdrawBond)), when: ended(events.TypeWithdrawBond)},
		"reject":                             {given: course(StatusFiled), when: ended(events.TypeRejectBond), then: []string{events.TypeBondRejected}},
		"reject by the issuer":               {given: course(StatusFiled), when: ended(events.TypeRejectBond).by("user:u1"), refuse: events.ErrForbidden},
		"withdraw what is rejected":          {given: append(course(StatusFiled), ended(events.TypeRejectBond)), when: ended(events.TypeWithdrawBond), refuse: events.ErrState},
		"triage what is withdrawn":           {given: append(course(StatusApplied), ended(events.TypeWithdrawBond)), when: triaged(), refuse: events.ErrState},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, version := given(t, c.given...)
			_, decided, err := play(t, s, version, c.when)
			if c.refuse.Code != "" {
				steptest.Refused(t, err, c.refuse, c.field)
				return
			}
			if err != nil || !slices.Equal(steptest.Types(clockless(decided)), c.then) {
				t.Fatalf("%v %v, want %v", steptest.Types(decided), err, c.then)
			}
		})
	}
}

func offer(change func(*OfferFacts)) func(*Facts) {
	return func(f *Facts) { o := *f.Offer; change(&o); f.Offer = &o }
}
