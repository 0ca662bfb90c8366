package bond

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context bond.
func Decider() step.Decider[Bond] {
	return step.Decider[Bond]{Context: "bond", FoldVersion: 1, Decide: Decide, Evolve: Evolve, Check: Check}
}

// Decide answers a command about one application.
func Decide(s *Bond, c *step.Command, now time.Time) ([]step.Event, error) {
	facts, _ := c.Facts.(*Facts)
	if facts == nil {
		facts = &Facts{}
	}
	if d, ok := c.Data.(*events.ApplyBond); ok {
		return apply(s, c, d, facts, now)
	}
	if s == nil {
		return nil, unknown(c.Subject)
	}
	if err := mayAct(s, c, facts, now); err != nil {
		return nil, err
	}
	if final(s.Status) {
		return again(s, c)
	}
	switch d := c.Data.(type) {
	case *events.ResubmitBond:
		return resubmit(s, d, facts, now)
	case *events.Empty:
		return triage(s, facts, now)
	case *events.DockBond:
		return dock(s, d, facts, now)
	case *events.BondEnhancement:
		return enhance(s, d, facts, now)
	case *events.BondRating:
		return rate(s, d, facts, now)
	case *events.BondFiling:
		return file(s, d, now)
	case *events.BondRegistration:
		return register(s, d, now)
	case *events.BondIssue:
		return issue(s, d, now)
	case *events.ReturnBond:
		return sendBack(s, d)
	case *events.Reason:
		if c.Type == events.TypeRejectBond {
			return one(s, events.TypeBondRejected, d), nil
		}
		return one(s, events.TypeBondWithdrawn, d), nil
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

func triage(s *Bond, facts *Facts, now time.Time) ([]step.Event, error) {
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
	result, open, short, err := set.judge(s, facts, day)
	if err != nil {
		return nil, err
	}
	if open {
		return one(s, events.TypeBondTriaged, result), nil
	}
	e := &events.BondReturned{Reasons: []string{"gate_not_met"}, Reason: "不符合当日规则的准入条件 the gate of the day's rules is not met", From: s.Status, Triage: result}
	if short {
		e.Reasons = append(e.Reasons, "tenor_too_short")
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

func file(s *Bond, d *events.BondFiling, now time.Time) ([]step.Event, error) {
	if s.Status == StatusFiled && *s.Filing == *d {
		return nil, nil
	}
	if !s.within(StatusDocked, StatusRated) {
		return nil, wrongStage(s, "对接主承销商之后才能申报", "the filing follows the docking")
	}
	if err := checkPast("/filed_on", d.FiledOn, now); err != nil {
		return nil, err
	}
	return one(s, events.TypeBondFiled, d), nil
}

func register(s *Bond, d *events.BondRegistration, now time.Time) ([]step.Event, error) {
	if s.Status == StatusRegistered && *s.Registration == *d {
		return nil, nil
	}
	if s.Status != StatusFiled {
		return nil, wrongStage(s, "申报之后才能注册", "the registration follows the filing")
	}
	if err := checkPast("/registered_on", d.RegisteredOn, now); err != nil {
		return nil, err
	}
	if d.RegisteredOn.Before(s.Filing.FiledOn) {
		return nil, events.ErrDates.Refusef("/registered_on", "注册早于申报日 %s", "the registration is before the filing on %s", s.Filing.FiledOn)
	}
	if _, err := d.ValidTo.Start(); err != nil || d.ValidTo.Before(d.RegisteredOn) {
		return nil, events.ErrDates.Refuse("/valid_to", "有效期截止日应为真实日期且不早于注册日", "the last day must exist and not be before the registration")
	}
	return one(s, events.TypeBondRegistered, d), nil
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
	}
	return next
}
