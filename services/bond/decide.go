package bond

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context bond, judged by the rules of the course and a calendar of working days.
func Decider(course Course, calendar AddWorkingDays) step.Decider[Bond] {
	d := decider{course, calendar}
	return step.Decider[Bond]{Context: "bond", FoldVersion: 2, Decide: d.decide, Evolve: Evolve, Due: d.due, Check: Check}
}

// AddWorkingDays is the day on which the n-th working day after a day falls, as calendar.Add gives it.
type AddWorkingDays func(day string, n int) (string, error)

type decider struct {
	course   Course
	calendar AddWorkingDays
}

// decide answers a command about one application.
func (d decider) decide(s *Bond, c *step.Command, now time.Time) ([]step.Event, error) {
	decided, err := d.stage(s, c, now)
	if err != nil || len(decided) == 0 {
		return nil, err
	}
	return d.clocked(s, decided, c.Subject, now), nil
}

// stage answers a command, clocks aside.
func (d decider) stage(s *Bond, c *step.Command, now time.Time) ([]step.Event, error) {
	facts, _ := c.Facts.(*Facts)
	if facts == nil {
		facts = &Facts{}
	}
	if data, ok := c.Data.(*events.ApplyBond); ok {
		return apply(s, c, data, facts, now)
	}
	if s == nil {
		return nil, unknown(c.Subject)
	}
	if err := mayAct(s, c, facts, now); err != nil {
		return nil, err
	}
	switch data := c.Data.(type) {
	case *events.BreachBondClock, *events.BondClockRef:
		return d.timed(s, c, now)
	case *events.AllocateBond:
		return allocate(s, data, facts, now)
	case *events.ReleaseBondAllocation:
		return release(s, data)
	}
	if final(s.Status) {
		return again(s, c)
	}
	switch data := c.Data.(type) {
	case *events.ResubmitBond:
		return resubmit(s, data, facts, now)
	case *events.Empty:
		return d.triage(s, facts, now)
	case *events.DockBond:
		return dock(s, data, facts, now)
	case *events.BondEnhancement:
		return enhance(s, data, facts, now)
	case *events.BondRating:
		return rate(s, data, facts, now)
	case *events.BondFiling:
		return d.file(s, data, facts, now)
	case *events.BondRegistration:
		return d.register(s, data, now)
	case *events.BondIssue:
		return issue(s, data, now)
	case *events.ReturnBond:
		return sendBack(s, data)
	case *events.Reason:
		if c.Type == events.TypeRejectBond {
			return one(s, events.TypeBondRejected, data), nil
		}
		return one(s, events.TypeBondWithdrawn, data), nil
	}
	return nil, events.ErrUnknownType.Refusef("", "债券申请不受理 %s", "bond applications do not take %s", c.Type)
}

func apply(s *Bond, c *step.Command, d *events.ApplyBond, facts *Facts, now time.Time) ([]step.Event, error) {
	if s != nil {
		if same(d, s.application()) {
			return nil, mayFor(s.Issuer, s.IssuerKind, c, facts, now)
		}
		return nil, events.ErrExists.Refuse("/id", "该申请已受理，内容不同", "this application stands with other content")
	}
	if d.ID != c.Subject {
		return nil, events.ErrMismatch.Refuse("/id", "命令主题应为申请编号", "the command's subject is the application's id")
	}
	if err := checkID(d.ID); err != nil {
		return nil, err
	}
	if err := checkKind(d.IssuerKind); err != nil {
		return nil, err
	}
	if err := mayFor(d.Issuer, d.IssuerKind, c, facts, now); err != nil {
		return nil, err
	}
	if err := issuerKnown("/issuer", d.Issuer, facts); err != nil {
		return nil, err
	}
	if err := checkTerms(&d.BondTerms); err != nil {
		return nil, err
	}
	e := &events.BondApplied{ID: d.ID, Issuer: d.Issuer, IssuerKind: d.IssuerKind, BondTerms: d.BondTerms, Source: d.Source}
	e.Enterprise, e.Party = asOf(facts, now)
	placed := &Bond{BondTerms: e.BondTerms, Enterprise: e.Enterprise, Party: e.Party}
	return one(placed, events.TypeBondApplied, e), nil
}

func resubmit(s *Bond, d *events.ResubmitBond, facts *Facts, now time.Time) ([]step.Event, error) {
	if s.Status != StatusReturned {
		if s.Status == StatusApplied && s.Round > 1 && same(d.BondTerms, s.BondTerms) {
			return nil, nil
		}
		return nil, wrongStage(s, "退回后才能重新提交", "only what has been returned is resubmitted")
	}
	if err := issuerKnown("", s.Issuer, facts); err != nil {
		return nil, err
	}
	if err := checkTerms(&d.BondTerms); err != nil {
		return nil, err
	}
	e := &events.BondResubmitted{BondTerms: d.BondTerms}
	e.Enterprise, e.Party = asOf(facts, now)
	placed := *s
	placed.BondTerms, placed.Enterprise, placed.Party = e.BondTerms, e.Enterprise, e.Party
	return one(&placed, events.TypeBondResubmitted, e), nil
}

func (d decider) triage(s *Bond, facts *Facts, now time.Time) ([]step.Event, error) {
	if s.Status != StatusApplied {
		return nil, wrongStage(s, "已受理的申请才能分诊", "only what has been applied for is triaged")
	}
	if err := issuerKnown("", s.Issuer, facts); err != nil {
		return nil, err
	}
	day := events.DateOf(now)
	set, ok := facts.Rules.At(day)
	if !ok {
		return nil, events.ErrPolicy.Refusef("", "%s 没有生效的债券规则", "no bond rules are in force on %s", day)
	}
	proceeds, row, err := d.proceeds(s, facts, day)
	if err != nil {
		return nil, err
	}
	result, open, short, err := set.judge(s, facts, day, row)
	if err != nil {
		return nil, err
	}
	result.Proceeds = proceeds
	allowed := proceeds == nil || !slices.ContainsFunc(proceeds.Clauses, func(c events.ClauseResult) bool { return !c.Passed })
	if open && allowed {
		return one(s, events.TypeBondTriaged, result), nil
	}
	result.Gate = ""
	e := &events.BondReturned{From: s.Status, Triage: result}
	if !open {
		e.Reasons, e.Reason = append(e.Reasons, "gate_not_met"), "不符合当日规则的准入条件 the gate of the day's rules is not met"
	}
	if short {
		e.Reasons = append(e.Reasons, "tenor_too_short")
	}
	if !allowed {
		e.Reasons = append(e.Reasons, "proceeds_unclear")
		if open {
			e.Reason = "募集资金投向不符合当日规则 the use of the proceeds is not what the day's rules ask for"
		}
	}
	return one(s, events.TypeBondReturned, e), nil
}

func dock(s *Bond, d *events.DockBond, facts *Facts, now time.Time) ([]step.Event, error) {
	if s.Status == StatusDocked && s.Docking.Offer == d.Offer {
		return nil, nil
	}
	if !s.within(StatusTriaged, StatusDocked) {
		return nil, wrongStage(s, "分诊通过后、增信评级之前才能对接", "docking follows the triage and comes before enhancement and rating")
	}
	if err := checkOffer(s, d.Offer, facts.Offer, now); err != nil {
		return nil, err
	}
	o := facts.Offer
	return one(s, events.TypeBondDocked, &events.BondDocked{Offer: d.Offer, OfferVersion: o.Version, Party: o.Party, PartyName: o.PartyName}), nil
}

func enhance(s *Bond, d *events.BondEnhancement, facts *Facts, now time.Time) ([]step.Event, error) {
	if !s.within(StatusDocked, StatusRated) {
		return nil, wrongStage(s, "对接之后、申报之前才能登记增信", "enhancement follows the docking and comes before the filing")
	}
	if slices.ContainsFunc(s.Enhancements, func(e events.BondEnhancement) bool { return e == *d }) {
		return nil, nil
	}
	if err := checkEnhancement(s, d, facts.Other, now); err != nil {
		return nil, err
	}
	return one(s, events.TypeBondEnhanced, d), nil
}

func rate(s *Bond, d *events.BondRating, facts *Facts, now time.Time) ([]step.Event, error) {
	if !s.within(StatusDocked, StatusRated) {
		return nil, wrongStage(s, "对接之后、申报之前才能登记评级", "a rating follows the docking and comes before the filing")
	}
	if s.Rating != nil && *s.Rating == *d {
		return nil, nil
	}
	if err := checkRating(d, facts.Other, now); err != nil {
		return nil, err
	}
	return one(s, events.TypeBondRated, d), nil
}

func (d decider) file(s *Bond, f *events.BondFiling, facts *Facts, now time.Time) ([]step.Event, error) {
	if s.Status == StatusFiled && same(s.Filing, f) {
		return nil, nil
	}
	if !s.within(StatusDocked, StatusRated) {
		return nil, wrongStage(s, "对接主承销商之后才能申报", "the filing follows the docking")
	}
	if err := checkPast("/filed_on", f.FiledOn, now); err != nil {
		return nil, err
	}
	if rules, ok := d.course.At(f.FiledOn); ok {
		if err := checkReport(s, f, facts, rules); err != nil {
			return nil, err
		}
		if err := checkRatingStands(s.Rating, f.FiledOn, rules); err != nil {
			return nil, err
		}
	}
	return one(s, events.TypeBondFiled, f), nil
}

func (d decider) register(s *Bond, r *events.BondRegistration, now time.Time) ([]step.Event, error) {
	if s.Status == StatusRegistered && *s.Registration == *r {
		return nil, nil
	}
	if s.Status != StatusFiled {
		return nil, wrongStage(s, "申报之后才能注册", "the registration follows the filing")
	}
	if err := checkPast("/registered_on", r.RegisteredOn, now); err != nil {
		return nil, err
	}
	if r.RegisteredOn.Before(s.Filing.FiledOn) {
		return nil, events.ErrDates.Refusef("/registered_on", "注册早于申报日 %s", "the registration is before the filing on %s", s.Filing.FiledOn)
	}
	if _, err := r.ValidTo.Start(); err != nil || r.ValidTo.Before(r.RegisteredOn) {
		return nil, events.ErrDates.Refuse("/valid_to", "有效期截止日应为真实日期且不早于注册日", "the last day must exist and not be before the registration")
	}
	if rules, ok := d.course.At(r.RegisteredOn); ok {
		if err := checkRegistration(s, r, rules); err != nil {
			return nil, err
		}
	}
	return one(s, events.TypeBondRegistered, r), nil
}

func issue(s *Bond, d *events.BondIssue, now time.Time) ([]step.Event, error) {
	if s.Status != StatusRegistered {
		return nil, wrongStage(s, "注册之后才能发行", "the issue follows the registration")
	}
	if err := checkIssue(s, d, now); err != nil {
		return nil, err
	}
	return one(s, events.TypeBondIssued, d), nil
}

func sendBack(s *Bond, d *events.ReturnBond) ([]step.Event, error) {
	e := &events.BondReturned{Reasons: d.Reasons, Reason: d.Reason, Document: d.Document, From: s.Status}
	if s.Status == StatusReturned {
		e.From = s.Return.From
		if same(e, s.Return) {
			return nil, nil
		}
	}
	if !s.within(StatusApplied, StatusFiled) {
		return nil, wrongStage(s, "注册之前才能退回", "an application is returned before it is registered")
	}
	if err := checkReasons(d.Reasons); err != nil {
		return nil, err
	}
	return one(s, events.TypeBondReturned, e), nil
}

// again answers what comes after the end: a repetition of what ended it is accepted, everything else refused.
func again(s *Bond, c *step.Command) ([]step.Event, error) {
	switch d := c.Data.(type) {
	case *events.BondIssue:
		if s.Status == StatusIssued && *s.Issue == *d {
			return nil, nil
		}
	case *events.Reason:
		ended := s.Status == StatusRejected && c.Type == events.TypeRejectBond || s.Status == StatusWithdrawn && c.Type == events.TypeWithdrawBond
		if ended && *s.End == *d {
			return nil, nil
		}
	}
	switch s.Status {
	case StatusIssued:
		return nil, events.ErrState.Refuse("", "债券已发行 (issued)", "the bond is issued")
	case StatusRejected:
		return nil, events.ErrState.Refuse("", "申请已驳回 (rejected)", "the application is rejected")
	}
	return nil, events.ErrState.Refuse("", "申请已撤回 (withdrawn)", "the application is withdrawn")
}

func one(s *Bond, typ string, data any) []step.Event {
	return []step.Event{{Type: typ, Data: data, Attr: s.attributes()}}
}

// Evolve returns the application after an event. It looks nothing up and never fails: what a newer release wrote and this one does
// not know changes nothing but the time.
func Evolve(s *Bond, e *step.Applied) *Bond {
	next := &Bond{}
	if s != nil {
		*next = *s
	}
	next.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *events.BondApplied:
		next.ID, next.Issuer, next.IssuerKind, next.BondTerms, next.Source = d.ID, d.Issuer, d.IssuerKind, d.BondTerms, d.Source
		next.Enterprise, next.Party, next.Status, next.Round, next.CreatedAt = d.Enterprise, d.Party, StatusApplied, 1, e.Time
	case *events.BondResubmitted:
		if next.Original == nil {
			original := next.BondTerms
			next.Original = &original
		}
		next.keepRound(e.Time)
		next.BondTerms, next.Enterprise, next.Party, next.Status = d.BondTerms, d.Enterprise, d.Party, StatusApplied
		next.Round++
		// The course begins again: what was found out belongs to the former round.
		next.Triage, next.Docking, next.Enhancements, next.Rating, next.Filing = nil, nil, nil, nil, nil
	case *events.BondTriage:
		next.Triage, next.Status = d, StatusTriaged
	case *events.BondDocked:
		next.Docking, next.Status = d, StatusDocked
	case *events.BondEnhancement:
		next.Enhancements = append(slices.Clone(next.Enhancements), *d)
		if order[next.Status] < order[StatusEnhanced] {
			next.Status = StatusEnhanced
		}
	case *events.BondRating:
		next.Rating, next.Status = d, StatusRated
	case *events.BondFiling:
		next.Filing, next.Status = d, StatusFiled
	case *events.BondRegistration:
		next.Registration, next.Status = d, StatusRegistered
	case *events.BondIssue:
		next.Issue, next.Status = d, StatusIssued
	case *events.BondReturned:
		next.Return, next.Status = d, StatusReturned
	case *events.Reason:
		next.End = d
		switch e.Type {
		case events.TypeBondRejected:
			next.Status = StatusRejected
		case events.TypeBondWithdrawn:
			next.Status = StatusWithdrawn
		}
	default:
		next.evolveClock(e.Data)
		next.evolveAllocation(e.Data)
		return next
	}
	if enters(s, next) {
		next.stop(e.Time, next.Status)
	}
	return next
}

// keepRound puts what is kept of the round that ends into the history, and begins a round without clocks.
func (s *Bond) keepRound(now time.Time) {
	s.stop(now, StatusApplied)
	r := Round{Round: s.Round, BondTerms: s.BondTerms, Filing: s.Filing, Clocks: s.Clocks}
	if s.Return != nil {
		r.From, r.Reasons, r.Reason = s.Return.From, s.Return.Reasons, s.Return.Reason
		if s.Return.Triage != nil {
			r.RuleSet = s.Return.Triage.RuleSet
		}
	}
	if s.Triage != nil {
		r.RuleSet = s.Triage.RuleSet
	}
	if s.Docking != nil {
		r.Underwriter = s.Docking.Party
	}
	s.History = append(slices.Clone(s.History[max(0, len(s.History)-RoundsMax+1):]), r)
	s.Clocks = nil
}
