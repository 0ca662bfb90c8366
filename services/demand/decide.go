package demand

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context demand.
func Decider() step.Decider[Demand] {
	return step.Decider[Demand]{Context: "demand", FoldVersion: 2, Decide: Decide, Evolve: Evolve, Due: Due, Check: Check}
}

// Decide answers a command about one demand.
func Decide(s *Demand, c *step.Command, now time.Time) ([]step.Event, error) {
	facts, _ := c.Facts.(*Facts)
	if facts == nil {
		facts = &Facts{}
	}
	if d, ok := c.Data.(*events.PublishDemand); ok {
		return publish(s, c, d, facts, now)
	}
	if s == nil {
		return nil, unknown(c.Subject)
	}
	switch c.Type {
	case events.TypeExpireDemand:
		return expire(s, now)
	case events.TypeExpireHold:
		if d, ok := c.Data.(*events.HoldRef); ok {
			return expireHold(s, d, now)
		}
	}
	if err := mayAct(s, c, facts, now); err != nil {
		return nil, err
	}
	if err := open(s, now); err != nil {
		return nil, err
	}
	switch d := c.Data.(type) {
	case *events.AmendDemand:
		return amend(s, d, facts, now)
	case *events.Reason:
		return append(releaseAll(s, ReleasedByWithdrawal), fact(s, events.TypeDemandWithdrawn, d, s.Amount)), nil
	case *events.Hold:
		return hold(s, d, now)
	case *events.HoldRef:
		h, ok := s.Holds[d.Hold]
		if !ok {
			return nil, noHold()
		}
		return []step.Event{released(s, d.Hold, h.Amount, ReleasedByRequest)}, nil
	case *events.FillDemand:
		return fill(s, d, now)
	}
	return nil, events.ErrUnknownType.Refusef("", "融资需求不受理 %s", "demands do not take %s", c.Type)
}

func publish(s *Demand, c *step.Command, d *events.PublishDemand, facts *Facts, now time.Time) ([]step.Event, error) {
	p := *d
	p.DemandTerms = normal(d.DemandTerms)
	if s != nil {
		// What the command leaves to default was filled in when the demand was published, and may be another default by now.
		if p.Region == "" {
			p.Region = s.Region
		}
		if p.Industry == "" {
			p.Industry = s.Industry
		}
		if sameWritten(&p, s.publication()) {
			return nil, mayFor(s.Enterprise, c, facts, now)
		}
		return nil, events.ErrExists.Refuse("/id", "该需求已发布，内容不同", "this demand is published with other content")
	}
	if d.ID != c.Subject {
		return nil, events.ErrMismatch.Refuse("/id", "命令主题应为需求编号", "the command's subject is the demand's id")
	}
	if !events.ValidID(d.ID) || strings.HasPrefix(d.ID, events.BondPrefix) {
		return nil, events.ErrID.Refusef("/id", "需求编号含有不允许的字符，或以 %s 开头", "the demand's id has characters that are not allowed, or begins with %s", events.BondPrefix)
	}
	if err := mayFor(d.Enterprise, c, facts, now); err != nil {
		return nil, err
	}
	if err := enterpriseKnown("/enterprise", d.Enterprise, facts); err != nil {
		return nil, err
	}
	if p.Region == "" {
		p.Region = facts.Enterprise.Region
	}
	if p.Industry == "" {
		p.Industry = facts.Enterprise.Industry
	}
	if err := checkPlace(p.Region, p.Industry); err != nil {
		return nil, err
	}
	if err := checkTerms(&p.DemandTerms, now); err != nil {
		return nil, err
	}
	e := &events.DemandPublished{
		ID: p.ID, Enterprise: p.Enterprise, DemandTerms: p.DemandTerms, Region: p.Region, Industry: p.Industry, Source: p.Source,
		Facts: asOf(facts.Enterprise, now),
	}
	placed := &Demand{DemandTerms: e.DemandTerms, Region: e.Region, Industry: e.Industry, Facts: e.Facts}
	return []step.Event{fact(placed, events.TypeDemandPublished, e, e.Amount)}, nil
}

func amend(s *Demand, d *events.AmendDemand, facts *Facts, now time.Time) ([]step.Event, error) {
	if err := enterpriseKnown("", s.Enterprise, facts); err != nil {
		return nil, err
	}
	e := &events.DemandAmended{DemandTerms: normal(d.DemandTerms), Facts: asOf(facts.Enterprise, now)}
	if err := checkTerms(&e.DemandTerms, now); err != nil {
		return nil, err
	}
	taken := s.Held.Minor + s.Filled.Minor
	if taken > 0 && e.Amount.Currency != s.Amount.Currency {
		return nil, events.ErrCurrency.Refusef("/amount/currency", "已有预留或到账，货币须为 %s", "something is held or filled: the currency stays %s", s.Amount.Currency)
	}
	if e.Amount.Minor < taken {
		return nil, events.ErrCapacity.Refusef("/amount", "金额低于已预留和到账的 %s", "the amount is below the %s held and filled",
			events.Money{Minor: taken, Currency: s.Amount.Currency})
	}
	if same(e.DemandTerms, s.DemandTerms) && same(undated(e.Facts), undated(s.Facts)) {
		return nil, nil
	}
	amended := *s
	amended.DemandTerms, amended.Facts = e.DemandTerms, e.Facts
	out := []step.Event{fact(&amended, events.TypeDemandAmended, e, e.Amount)}
	if s.Filled.Minor == e.Amount.Minor {
		out = append(out, fact(&amended, events.TypeDemandFulfilled, &events.DemandFulfilled{Amount: e.Amount}, e.Amount))
	}
	return out, nil
}

func hold(s *Demand, d *events.Hold, now time.Time) ([]step.Event, error) {
	want := Hold{d.Offer, d.Amount, d.Until.UTC()}
	if known, ok := s.Holds[d.Hold]; ok {
		if known.Offer == want.Offer && known.Amount == want.Amount && known.Until.Equal(want.Until) {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/hold", "该预留已存在，内容不同", "this hold exists with other content")
	}
	if _, ok := s.Fills[d.Hold]; ok {
		return nil, events.ErrExists.Refuse("/hold", "该预留已到账 (filled)，编号不再使用", "this hold has been filled and its id is not used again")
	}
	if err := checkHold(s, d, now); err != nil {
		return nil, err
	}
	e := *d
	e.Until = want.Until
	return []step.Event{fact(s, events.TypeDemandHeld, &e, e.Amount)}, nil
}

func fill(s *Demand, d *events.FillDemand, now time.Time) ([]step.Event, error) {
	if done, ok := s.Fills[d.Hold]; ok {
		if done.Amount == d.Amount {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/hold", "该预留已到账，金额不同", "this hold has been filled with another amount")
	}
	h, ok := s.Holds[d.Hold]
	if !ok {
		return nil, noHold()
	}
	if !now.Before(h.Until) {
		return nil, events.ErrState.Refuse("/hold", "该预留已到期 (expired)", "this hold has expired")
	}
	if d.Amount.Minor <= 0 {
		return nil, notPositive("/amount")
	}
	if d.Amount.Currency != h.Amount.Currency {
		return nil, otherCurrency("/amount/currency", h.Amount.Currency)
	}
	if d.Amount.Minor > h.Amount.Minor {
		return nil, events.ErrCapacity.Refusef("/amount", "超过预留的 %s", "it is above the %s held", h.Amount)
	}
	rest := events.Money{Minor: h.Amount.Minor - d.Amount.Minor, Currency: h.Amount.Currency}
	out := []step.Event{fact(s, events.TypeDemandFilled, &events.DemandFilled{Hold: d.Hold, Offer: h.Offer, Amount: d.Amount, Released: rest}, d.Amount)}
	if s.Filled.Minor+d.Amount.Minor == s.Amount.Minor {
		out = append(out, fact(s, events.TypeDemandFulfilled, &events.DemandFulfilled{Amount: s.Amount}, s.Amount))
	}
	return out, nil
}

// expire and expireHold come from timers. One that has become moot is no refusal: there is nothing to do.
func expire(s *Demand, now time.Time) ([]step.Event, error) {
	if s.Status != StatusOpen || now.Before(s.ValidUntil) {
		return nil, nil
	}
	return append(releaseAll(s, ReleasedByTime), fact(s, events.TypeDemandExpired, &events.Expired{ValidUntil: s.ValidUntil}, s.Amount)), nil
}

func expireHold(s *Demand, d *events.HoldRef, now time.Time) ([]step.Event, error) {
	h, ok := s.Holds[d.Hold]
	if !ok || now.Before(h.Until) {
		return nil, nil
	}
	return []step.Event{released(s, d.Hold, h.Amount, ReleasedByTime)}, nil
}

// releaseAll returns every hold, in the order of their ids. What has ended holds nothing, so there is none then.
func releaseAll(s *Demand, reason string) []step.Event {
	out := make([]step.Event, 0, len(s.Holds)+1)
	for _, id := range slices.Sorted(maps.Keys(s.Holds)) {
		out = append(out, released(s, id, s.Holds[id].Amount, reason))
	}
	return out
}

func released(s *Demand, id string, amount events.Money, reason string) step.Event {
	return fact(s, events.TypeDemandHoldReleased, &events.DemandHoldReleased{Hold: id, Amount: amount, Reason: reason}, amount)
}

func fact(s *Demand, typ string, data any, amount events.Money) step.Event {
	return step.Event{Type: typ, Data: data, Attr: s.attributes(amount)}
}

// Due names what time does next: the end of the demand, which returns all holds, or of the hold that ends first.
func Due(s *Demand) step.Timer {
	if s.Status != StatusOpen {
		return step.Timer{}
	}
	next := step.Timer{At: s.ValidUntil, Command: events.TypeExpireDemand, Data: &events.Empty{}}
	first := ""
	for id, h := range s.Holds {
		if h.Until.Before(next.At) || first != "" && h.Until.Equal(next.At) && id < first {
			first, next.At = id, h.Until
		}
	}
	if first != "" {
		next.Command, next.Data = events.TypeExpireHold, &events.HoldRef{Hold: first, Reason: ReleasedByTime}
	}
	return next
}

// Evolve returns the demand after an event. It looks nothing up and never fails: what a newer release wrote and this one does
// not know changes nothing but the time.
func Evolve(s *Demand, e *step.Applied) *Demand {
	next := &Demand{}
	if s != nil {
		*next = *s
	}
	next.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *events.DemandPublished:
		next.ID, next.Enterprise, next.DemandTerms, next.Region, next.Industry = d.ID, d.Enterprise, d.DemandTerms, d.Region, d.Industry
		next.Source, next.Facts, next.Status, next.CreatedAt = d.Source, d.Facts, StatusOpen, e.Time
		next.Held, next.Filled = events.Money{Currency: d.Amount.Currency}, events.Money{Currency: d.Amount.Currency}
	case *events.DemandAmended:
		if next.Original == nil {
			original := next.DemandTerms
			next.Original = &original
		}
		next.DemandTerms, next.Facts = d.DemandTerms, d.Facts
		next.Held.Currency, next.Filled.Currency = d.Amount.Currency, d.Amount.Currency // another one only while both are zero
	case *events.Reason:
		if e.Type == events.TypeDemandWithdrawn {
			next.Status, next.Withdrawal = StatusWithdrawn, d
		}
	case *events.Expired:
		next.Status = StatusExpired
	case *events.Hold:
		next.Holds = cloneMap(next.Holds)
		next.Holds[d.Hold] = Hold{d.Offer, d.Amount, d.Until}
		next.Held.Minor += d.Amount.Minor
	case *events.DemandHoldReleased:
		next.drop(d.Hold)
	case *events.DemandFilled:
		next.drop(d.Hold)
		next.Fills = cloneMap(next.Fills)
		next.Fills[d.Hold] = Fill{d.Offer, d.Amount}
		next.Filled.Minor += d.Amount.Minor
	case *events.DemandFulfilled:
		next.Status = StatusFulfilled
	}
	return next
}

// drop takes a hold out of a copy that shares its map with the original.
func (d *Demand) drop(id string) {
	h, ok := d.Holds[id]
	if !ok {
		return
	}
	d.Holds = cloneMap(d.Holds)
	delete(d.Holds, id)
	if len(d.Holds) == 0 {
		d.Holds = nil // as a document that was read back has it
	}
	d.Held.Minor -= h.Amount.Minor
}

func cloneMap[V any](m map[string]V) map[string]V {
	if m == nil {
		return make(map[string]V, 1)
	}
	return maps.Clone(m)
}
