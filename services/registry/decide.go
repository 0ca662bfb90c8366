package registry

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context enterprise.
func Decider() step.Decider[Enterprise] {
	return step.Decider[Enterprise]{Context: "enterprise", FoldVersion: 1, Decide: Decide, Evolve: Evolve, Due: Due}
}

// Decide answers a command about one enterprise.
func Decide(s *Enterprise, c *step.Command, now time.Time) ([]step.Event, error) {
	if d, ok := c.Data.(*events.RegisterEnterprise); ok {
		return register(s, c, d, now)
	}
	if s == nil {
		return nil, unknown(c.Subject)
	}
	if err := allowed(s, c, now); err != nil {
		return nil, err
	}
	switch d := c.Data.(type) {
	case *events.Profile:
		return profile(s, d, now)
	case *events.Title:
		return title(s, d, now)
	case *events.TitleRef:
		return expireTitle(s, d, now)
	case *events.Authorisation:
		return authorise(s, d, now)
	case *events.UserRef:
		if s.authorisation(d.User) < 0 {
			return nil, events.ErrNotFound.Refuse("/user", "该用户没有授权", "this user has no authorisation")
		}
		return fact(s, events.TypeAuthorisationRevoked, d), nil
	case *events.Consent:
		return consent(s, d, now)
	case *events.ConsentRef:
		if s.consent(d.Purpose) < 0 {
			return nil, events.ErrNotFound.Refuse("/purpose", "没有该用途的同意", "there is no consent for this purpose")
		}
		return fact(s, events.TypeConsentWithdrawn, d), nil
	case *events.Reason:
		return because(s, c.Type, d)
	}
	return nil, events.ErrUnknownType.Refusef("", "企业登记不受理 %s", "the registry of enterprises does not take %s", c.Type)
}

// allowed holds the rules of who may do what to an enterprise that exists.
func allowed(s *Enterprise, c *step.Command, now time.Time) error {
	if c.Actor.Trusted() {
		return nil
	}
	user, ok := c.Actor.User()
	if !ok {
		return events.ErrForbidden.Refuse("", "机构不能代企业操作", "a party does not act for an enterprise")
	}
	role := s.RoleOn(user, events.DateOf(now))
	switch c.Type {
	case events.TypeProfileEnterprise:
		if role != "" {
			return nil
		}
	case events.TypeRevokeAuthorisation:
		if d, ok := c.Data.(*events.UserRef); ok && role != "" && d.User == user {
			return nil // anybody may lay down what he was given
		}
		fallthrough
	case events.TypeAuthoriseUser, events.TypeConsent, events.TypeWithdrawConsent, events.TypeEraseContact:
		if role == RoleOwner {
			return nil
		}
	}
	return events.ErrForbidden.Refuse("", "没有当日有效的企业授权，或该角色无权执行此操作", "no authorisation by the enterprise is valid today, or the role does not allow this")
}

func register(s *Enterprise, c *step.Command, d *events.RegisterEnterprise, now time.Time) ([]step.Event, error) {
	if !c.Actor.Trusted() {
		return nil, events.ErrForbidden.Refuse("", "只有运营方可以登记企业", "only the operator registers an enterprise")
	}
	registered := &events.EnterpriseRegistered{
		ID: d.ID, Scheme: d.Scheme, Name: d.Name, Region: d.Region, Industry: d.Industry, Founded: d.Founded,
		Stage: d.Stage, Focus: slices.Clone(d.Focus), Listed: d.Listed, Override: d.Override,
	}
	if registered.Scheme == "" {
		registered.Scheme = events.SchemeUSCC
	}
	if s != nil {
		if digest(registered) == s.Registration {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/id", "该企业已登记，内容不同", "this enterprise is registered with other content")
	}
	if err := checkRegistration(c.Subject, d); err != nil {
		return nil, err
	}
	if d.Founded.After(events.DateOf(now)) {
		return nil, events.ErrDates.Refuse("/founded", "成立日期在将来", "the day of founding lies in the future")
	}
	if d.Contact != nil {
		// Personal data must never reach the ledger; Prepare replaces it by a reference.
		return nil, events.ErrInternal.Refuse("/contact", "联系人未转存", "the contact was not put away")
	}
	if f, ok := c.Facts.(*Facts); ok && f != nil {
		registered.Contact = f.Contact
	}
	attr := events.Attributes{Region: d.Region, Industry: d.Industry, Stage: d.Stage}
	return []step.Event{{Type: events.TypeEnterpriseRegistered, Data: registered, Attr: attr}}, nil
}

func profile(s *Enterprise, d *events.Profile, now time.Time) ([]step.Event, error) {
	if err := active(s); err != nil {
		return nil, err
	}
	if err := checkProfile(s, d, now); err != nil {
		return nil, err
	}
	i, found := s.profile(d.FiscalYear)
	if found && sameProfile(&s.Profiles[i], d) {
		return nil, nil
	}
	if !found && len(s.Profiles) >= ProfilesMax {
		return nil, tooMany("/fiscal_year", ProfilesMax)
	}
	e := fact(s, events.TypeEnterpriseProfiled, d)
	latest := i == len(s.Profiles) || found && i == len(s.Profiles)-1
	if d.Stage != "" && latest {
		e[0].Attr.Stage = d.Stage
	}
	return e, nil
}

func title(s *Enterprise, d *events.Title, now time.Time) ([]step.Event, error) {
	if known, ok := s.title(d.Title, d.Certificate); ok {
		if known.Title == *d {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/certificate", "该证书已登记，内容不同", "this certificate is recorded with other content")
	}
	if err := active(s); err != nil {
		return nil, err
	}
	if err := checkTitle(d, now); err != nil {
		return nil, err
	}
	if len(s.Titles) >= TitlesMax {
		return nil, tooMany("/title", TitlesMax)
	}
	return fact(s, events.TypeEnterpriseTitled, d), nil
}

// expireTitle comes from the timer. One that has become moot is no refusal: there is nothing to do.
func expireTitle(s *Enterprise, d *events.TitleRef, now time.Time) ([]step.Event, error) {
	known, ok := s.title(d.Title, d.Certificate)
	if !ok || known.Expired || known.ValidTo != d.ValidTo {
		return nil, nil
	}
	if end, err := known.ValidTo.End(); err == nil && now.Before(end) {
		return nil, nil
	}
	return fact(s, events.TypeTitleExpired, d), nil
}

func authorise(s *Enterprise, d *events.Authorisation, now time.Time) ([]step.Event, error) {
	i := s.authorisation(d.User)
	if i >= 0 && s.Authorisations[i] == *d {
		return nil, nil
	}
	if err := active(s); err != nil {
		return nil, err
	}
	if !events.ValidID(d.User) {
		return nil, events.ErrID.Refuse("/user", "用户编号不正确", "the user's id is not valid")
	}
	if d.Role != RoleOwner && d.Role != RoleFinance && d.Role != RoleAgent {
		return nil, events.ErrCode.Refuse("/role", "角色应为 owner、finance 或 agent", "the role is owner, finance or agent")
	}
	if err := checkDays("/from", d.From, "/until", d.Until); err != nil {
		return nil, err
	}
	if d.Until.Before(events.DateOf(now)) {
		return nil, events.ErrValidity.Refuse("/until", "授权已过期", "the authorisation has ended already")
	}
	if i < 0 && len(s.Authorisations) >= AuthorisationsMax {
		return nil, tooMany("/user", AuthorisationsMax)
	}
	return fact(s, events.TypeUserAuthorised, d), nil
}

func consent(s *Enterprise, d *events.Consent, now time.Time) ([]step.Event, error) {
	if i := s.consent(d.Purpose); i >= 0 && s.Consents[i] == *d {
		return nil, nil
	}
	if err := active(s); err != nil {
		return nil, err
	}
	if !slices.Contains(purposes, d.Purpose) {
		return nil, events.ErrCode.Refuse("/purpose", "未知的用途", "unknown purpose")
	}
	if _, err := d.Until.Start(); err != nil {
		return nil, badDate("/until")
	}
	if d.Until.Before(events.DateOf(now)) {
		return nil, events.ErrValidity.Refuse("/until", "同意已过期", "the consent has ended already")
	}
	return fact(s, events.TypeConsented, d), nil
}

// because decides the commands whose payload is a reason: the type tells them apart.
func because(s *Enterprise, typ string, d *events.Reason) ([]step.Event, error) {
	switch typ {
	case events.TypeSuspendEnterprise:
		if s.Status == StatusSuspended {
			if s.Suspension != nil && *s.Suspension == *d {
				return nil, nil
			}
			return nil, active(s)
		}
		return fact(s, events.TypeEnterpriseSuspended, d), nil
	case events.TypeReinstateEnterprise:
		if s.Status == StatusActive {
			return nil, events.ErrState.Refuse("", "企业状态为正常 (active)", "the enterprise is active")
		}
		return fact(s, events.TypeEnterpriseReinstated, d), nil
	case events.TypeEraseContact:
		if s.Contact == nil {
			return nil, events.ErrNotFound.Refuse("", "没有登记联系人，或已删除", "no contact is recorded, or it has been erased")
		}
		return fact(s, events.TypeContactErased, d), nil
	}
	return nil, events.ErrUnknownType.Refusef("", "企业登记不受理 %s", "the registry of enterprises does not take %s", typ)
}

func fact(s *Enterprise, typ string, data any) []step.Event {
	return []step.Event{{Type: typ, Data: data, Attr: s.attributes()}}
}

// Due names the next title to expire: at the end of its last day in Beijing. Of several on one day the first recorded comes first.
func Due(s *Enterprise) step.Timer {
	var next step.Timer
	for _, t := range s.Titles {
		if t.Expired {
			continue
		}
		end, err := t.ValidTo.End()
		if err != nil || !next.At.IsZero() && !end.Before(next.At) {
			continue
		}
		next = step.Timer{At: end, Command: events.TypeExpireTitle, Data: &events.TitleRef{Title: t.Title.Title, Certificate: t.Certificate, ValidTo: t.ValidTo}}
	}
	return next
}

// Evolve returns the enterprise after an event. It looks nothing up and never fails: what a newer release wrote and this one
// does not know changes nothing but the time.
func Evolve(s *Enterprise, e *step.Applied) *Enterprise {
	next := &Enterprise{}
	if s != nil {
		*next = *s
	}
	next.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *events.EnterpriseRegistered:
		next.ID, next.Scheme, next.Name, next.Region, next.Industry = d.ID, d.Scheme, d.Name, d.Region, d.Industry
		next.Founded, next.Stage, next.Focus, next.Listed = d.Founded, d.Stage, slices.Clone(d.Focus), d.Listed
		next.Override, next.Contact = d.Override, d.Contact
		next.Status, next.Registration, next.CreatedAt = StatusActive, digest(d), e.Time
	case *events.Profile:
		i, found := next.profile(d.FiscalYear)
		next.Profiles = slices.Clone(next.Profiles)
		if found {
			next.Profiles[i] = *d
		} else {
			next.Profiles = slices.Insert(next.Profiles, i, *d)
		}
		if d.Stage != "" && i == len(next.Profiles)-1 {
			next.Stage = d.Stage
		}
	case *events.Title:
		next.Titles = append(slices.Clone(next.Titles), Title{Title: *d})
	case *events.TitleRef:
		next.Titles = slices.Clone(next.Titles)
		for i := range next.Titles {
			if t := &next.Titles[i]; t.Title.Title == d.Title && t.Certificate == d.Certificate {
				t.Expired = true
			}
		}
	case *events.Authorisation:
		next.Authorisations = slices.Clone(next.Authorisations)
		if i := next.authorisation(d.User); i >= 0 {
			next.Authorisations[i] = *d
		} else {
			next.Authorisations = append(next.Authorisations, *d)
		}
	case *events.UserRef:
		if i := next.authorisation(d.User); i >= 0 {
			next.Authorisations = slices.Delete(slices.Clone(next.Authorisations), i, i+1)
		}
	case *events.Consent:
		next.Consents = slices.Clone(next.Consents)
		if i := next.consent(d.Purpose); i >= 0 {
			next.Consents[i] = *d
		} else {
			next.Consents = append(next.Consents, *d)
		}
	case *events.ConsentRef:
		if i := next.consent(d.Purpose); i >= 0 {
			next.Consents = slices.Delete(slices.Clone(next.Consents), i, i+1)
		}
	case *events.Reason:
		switch e.Type {
		case events.TypeEnterpriseSuspended:
			next.Status, next.Suspension = StatusSuspended, d
		case events.TypeEnterpriseReinstated:
			next.Status, next.Suspension = StatusActive, nil
		case events.TypeContactErased:
			next.Contact = nil
		}
	}
	return next
}
