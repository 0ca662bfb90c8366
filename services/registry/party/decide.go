package party

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context party. Nothing happens to a party by time alone.
func Decider() step.Decider[Party] {
	return step.Decider[Party]{Context: "party", FoldVersion: 1, Decide: Decide, Evolve: Evolve}
}

// Decide answers a command about one party.
func Decide(s *Party, c *step.Command, now time.Time) ([]step.Event, error) {
	if d, ok := c.Data.(*events.RegisterParty); ok {
		return register(s, c, d, now)
	}
	if s == nil {
		return nil, events.ErrNotFound.Refusef("", "没有登记编号为 %s 的机构", "no party is registered under %s", c.Subject)
	}
	if err := allowed(c); err != nil {
		return nil, err
	}
	switch d := c.Data.(type) {
	case *events.Licence:
		return license(s, d, now)
	case *events.LicenceRef:
		if s.licence(d.Licence, d.Number) < 0 {
			return nil, events.ErrNotFound.Refuse("/number", "没有该牌照", "there is no such licence")
		}
		return fact(s, events.TypeLicenceRevoked, d), nil
	case *events.Unit:
		return addUnit(s, d)
	case *events.UnitRef:
		return closeUnit(s, d)
	case *events.Key:
		return addKey(s, d, now)
	case *events.KeyRef:
		return revokeKey(s, d)
	case *events.MemberRef:
		return member(s, c.Type, d)
	case *events.Reason:
		return because(s, c.Type, d)
	}
	return nil, notTaken(c.Type)
}

// allowed holds the rules of who may do what to a party that exists.
func allowed(c *step.Command) error {
	if c.Actor.Trusted() {
		return nil
	}
	id, ok := c.Actor.Party()
	if !ok || id != c.Subject {
		return events.ErrForbidden.Refuse("", "只有运营方或机构本身可以操作", "only the operator or the party itself may do this")
	}
	switch c.Type {
	case events.TypeAddUnit, events.TypeCloseUnit, events.TypeAddKey, events.TypeRevokeKey, events.TypeErasePartyContact:
		return nil
	}
	return events.ErrForbidden.Refuse("", "机构只能管理自己的层级、密钥和联系人", "a party manages its own units, keys and contact only")
}

func register(s *Party, c *step.Command, d *events.RegisterParty, now time.Time) ([]step.Event, error) {
	if !c.Actor.Trusted() {
		return nil, events.ErrForbidden.Refuse("", "只有运营方可以登记机构", "only the operator registers a party")
	}
	registered := &events.PartyRegistered{
		ID: d.ID, Kind: d.Kind, Name: d.Name, USCC: d.USCC, Region: d.Region,
		Licences: slices.Clone(d.Licences), Members: slices.Clone(d.Members),
	}
	slices.Sort(registered.Members)
	registered.Members = slices.Compact(registered.Members)
	if s != nil {
		if digest(registered) == s.Registration {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/id", "该机构已登记，内容不同", "this party is registered with other content")
	}
	if err := checkRegistration(c.Subject, d); err != nil {
		return nil, err
	}
	for i := range d.Licences {
		if err := checkLicence(field("/licences", i), &d.Licences[i], now); err != nil {
			return nil, err
		}
	}
	if d.Contact != nil {
		// Personal data must never reach the ledger; Prepare replaces it by a reference.
		return nil, events.ErrInternal.Refuse("/contact", "联系人未转存", "the contact was not put away")
	}
	if f, ok := c.Facts.(*Facts); ok && f != nil {
		registered.Contact = f.Contact
	}
	return []step.Event{{Type: events.TypePartyRegistered, Data: registered, Attr: events.Attributes{Region: d.Region}}}, nil
}

func license(s *Party, d *events.Licence, now time.Time) ([]step.Event, error) {
	if i := s.licence(d.Licence, d.Number); i >= 0 {
		if s.Licences[i] == *d {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/number", "该牌照已登记，内容不同", "this licence is recorded with other content")
	}
	if err := active(s); err != nil {
		return nil, err
	}
	if err := checkLicence("", d, now); err != nil {
		return nil, err
	}
	if len(s.Licences) >= LicencesMax {
		return nil, tooMany("/licence", LicencesMax)
	}
	return fact(s, events.TypePartyLicensed, d), nil
}

func addUnit(s *Party, d *events.Unit) ([]step.Event, error) {
	if known := s.Unit(d.Unit); known != nil {
		if known.Closed {
			return nil, events.ErrState.Refuse("/unit", "该层级已关闭 (closed)，编号不再使用", "this unit is closed and its id is not used again")
		}
		if sameUnit(&known.Unit, d) {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/unit", "该层级已登记，内容不同", "this unit is recorded with other content")
	}
	if err := active(s); err != nil {
		return nil, err
	}
	if err := checkUnit(s, d); err != nil {
		return nil, err
	}
	e := fact(s, events.TypeUnitAdded, d)
	e[0].Attr = events.Attributes{Region: d.Region}
	return e, nil
}

func closeUnit(s *Party, d *events.UnitRef) ([]step.Event, error) {
	known := s.Unit(d.Unit)
	if known == nil {
		return nil, events.ErrNotFound.Refuse("/unit", "没有该层级", "there is no such unit")
	}
	if known.Closed {
		return nil, events.ErrState.Refuse("/unit", "该层级已关闭 (closed)", "this unit is closed")
	}
	for _, u := range s.Units {
		if u.Parent == d.Unit && !u.Closed {
			return nil, events.ErrState.Refusef("/unit", "下级 %s 尚未关闭", "the unit %s below it is still open", u.Unit.Unit)
		}
	}
	e := fact(s, events.TypeUnitClosed, d)
	e[0].Attr = events.Attributes{Region: known.Region}
	return e, nil
}

func addKey(s *Party, d *events.Key, now time.Time) ([]step.Event, error) {
	if i := s.key(d.KeyID); i >= 0 {
		switch known := s.Keys[i]; {
		case known.Revoked:
			return nil, events.ErrState.Refuse("/key_id", "该密钥已吊销 (revoked)，编号不再使用", "this key is revoked and its id is not used again")
		case known.Key == *d:
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/key_id", "该密钥已登记，内容不同", "this key is recorded with other content")
	}
	if err := active(s); err != nil {
		return nil, err
	}
	if err := checkKey(d, now); err != nil {
		return nil, err
	}
	if len(s.Keys) >= KeysMax {
		return nil, tooMany("/key_id", KeysMax)
	}
	return fact(s, events.TypeKeyAdded, d), nil
}

func revokeKey(s *Party, d *events.KeyRef) ([]step.Event, error) {
	i := s.key(d.KeyID)
	if i < 0 {
		return nil, events.ErrNotFound.Refuse("/key_id", "没有该密钥", "there is no such key")
	}
	if s.Keys[i].Revoked {
		return nil, events.ErrState.Refuse("/key_id", "该密钥已吊销 (revoked)", "this key is revoked")
	}
	return fact(s, events.TypeKeyRevoked, d), nil
}

func member(s *Party, typ string, d *events.MemberRef) ([]step.Event, error) {
	if s.Kind != KindAlliance {
		return nil, events.ErrState.Refuse("/member", "只有联盟有成员", "only an alliance has members")
	}
	_, in := slices.BinarySearch(s.Members, d.Member)
	switch typ {
	case events.TypeJoinParty:
		if in {
			return nil, nil
		}
		if err := active(s); err != nil {
			return nil, err
		}
		if err := checkMember("/member", s.ID, d.Member); err != nil {
			return nil, err
		}
		if len(s.Members) >= MembersMax {
			return nil, tooMany("/member", MembersMax)
		}
		return fact(s, events.TypePartyJoined, d), nil
	case events.TypeLeaveParty:
		if !in {
			return nil, events.ErrNotFound.Refuse("/member", "不是该联盟的成员", "it is not a member of this alliance")
		}
		return fact(s, events.TypePartyLeft, d), nil
	}
	return nil, notTaken(typ)
}

func because(s *Party, typ string, d *events.Reason) ([]step.Event, error) {
	switch typ {
	case events.TypeSuspendParty:
		if s.Status == StatusSuspended {
			if s.Suspension != nil && *s.Suspension == *d {
				return nil, nil
			}
			return nil, active(s)
		}
		return fact(s, events.TypePartySuspended, d), nil
	case events.TypeReinstateParty:
		if s.Status == StatusActive {
			return nil, events.ErrState.Refuse("", "机构状态为正常 (active)", "the party is active")
		}
		return fact(s, events.TypePartyReinstated, d), nil
	case events.TypeErasePartyContact:
		if s.Contact == nil {
			return nil, events.ErrNotFound.Refuse("", "没有登记联系人，或已删除", "no contact is recorded, or it has been erased")
		}
		return fact(s, events.TypePartyContactErased, d), nil
	}
	return nil, notTaken(typ)
}

func fact(s *Party, typ string, data any) []step.Event {
	return []step.Event{{Type: typ, Data: data, Attr: events.Attributes{Region: s.Region}}}
}

// Evolve returns the party after an event. It looks nothing up and never fails: what a newer release wrote and this one does
// not know changes nothing but the time.
func Evolve(s *Party, e *step.Applied) *Party {
	next := &Party{}
	if s != nil {
		*next = *s
	}
	next.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *events.PartyRegistered:
		next.ID, next.Kind, next.Name, next.USCC, next.Region = d.ID, d.Kind, d.Name, d.USCC, d.Region
		next.Licences, next.Members, next.Contact = slices.Clone(d.Licences), slices.Clone(d.Members), d.Contact
		next.Status, next.Registration, next.CreatedAt = StatusActive, digest(d), e.Time
	case *events.Licence:
		next.Licences = append(slices.Clone(next.Licences), *d)
	case *events.LicenceRef:
		if i := next.licence(d.Licence, d.Number); i >= 0 {
			next.Licences = slices.Delete(slices.Clone(next.Licences), i, i+1)
		}
	case *events.Unit:
		i, found := next.unit(d.Unit)
		next.Units = slices.Clone(next.Units)
		if found {
			next.Units[i] = &Unit{Unit: *d}
		} else {
			next.Units = slices.Insert(next.Units, i, &Unit{Unit: *d})
		}
	case *events.UnitRef:
		if i, found := next.unit(d.Unit); found {
			next.Units = slices.Clone(next.Units)
			next.Units[i] = &Unit{Unit: next.Units[i].Unit, Closed: true}
		}
	case *events.Key:
		next.Keys = append(slices.Clone(next.Keys), Key{Key: *d})
	case *events.KeyRef:
		if i := next.key(d.KeyID); i >= 0 {
			next.Keys = slices.Clone(next.Keys)
			next.Keys[i].Revoked = true
		}
	case *events.MemberRef:
		i, in := slices.BinarySearch(next.Members, d.Member)
		switch {
		case e.Type == events.TypePartyJoined && !in:
			next.Members = slices.Insert(slices.Clone(next.Members), i, d.Member)
		case e.Type == events.TypePartyLeft && in:
			next.Members = slices.Delete(slices.Clone(next.Members), i, i+1)
		}
	case *events.Reason:
		switch e.Type {
		case events.TypePartySuspended:
			next.Status, next.Suspension = StatusSuspended, d
		case events.TypePartyReinstated:
			next.Status, next.Suspension = StatusActive, nil
		case events.TypePartyContactErased:
			next.Contact = nil
		}
	}
	return next
}
