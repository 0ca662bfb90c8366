package offer

import (
	"maps"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context offer.
func Decider() step.Decider[Offer] {
	return step.Decider[Offer]{Context: "offer", FoldVersion: 2, Decide: Decide, Evolve: Evolve, Due: Due, Check: Check}
}

// Decide answers a command about one offer.
func Decide(s *Offer, c *step.Command, now time.Time) ([]step.Event, error) {
	if d, ok := c.Data.(*events.PublishOffer); ok {
		return publish(s, c, d, now)
	}
	if s == nil {
		return nil, unknown(c.Subject)
	}
	switch c.Type {
	case events.TypeExpireOffer:
		return expire(s, now)
	case events.TypeExpireReservation:
		if d, ok := c.Data.(*events.ReservationRef); ok {
			return expireReservation(s, d, now)
		}
	}
	if err := allowed(c, s.Party); err != nil {
		return nil, err
	}
	if err := live(s, now); err != nil {
		return nil, err
	}
	switch d := c.Data.(type) {
	case *events.AmendOffer:
		return amend(s, c, d, now)
	case *events.Reason:
		return because(s, c.Type, d)
	case *events.Empty:
		if c.Type == events.TypeResumeOffer {
			return resume(s, d)
		}
	case *events.Reserve:
		return reserve(s, d, now)
	case *events.ReservationRef:
		r, ok := s.Reservations[d.Reservation]
		if !ok {
			return nil, noReservation()
		}
		return []step.Event{released(s, d.Reservation, r.Amount, ReleasedByRequest)}, nil
	case *events.CommitCapacity:
		return commit(s, d, now)
	}
	return nil, notTaken(c.Type)
}

func publish(s *Offer, c *step.Command, d *events.PublishOffer, now time.Time) ([]step.Event, error) {
	p := *d
	p.OfferTerms = normal(d.OfferTerms)
	if s != nil {
		if sameWritten(&p, s.publication()) {
			return nil, allowed(c, s.Party)
		}
		return nil, events.ErrExists.Refuse("/id", "该产品已发布，内容不同", "this offer is published with other content")
	}
	if d.ID != c.Subject {
		return nil, events.ErrMismatch.Refuse("/id", "命令主题应为产品编号", "the command's subject is the offer's id")
	}
	if !events.ValidID(d.ID) {
		return nil, events.ErrID.Refuse("/id", "产品编号含有不允许的字符", "the offer's id has characters that are not allowed")
	}
	if err := allowed(c, d.Party); err != nil {
		return nil, err
	}
	if err := checkTerms(&p.OfferTerms, now); err != nil {
		return nil, err
	}
	facts, err := checkParty(c, "/party", d.Party, &p.OfferTerms, now)
	if err != nil {
		return nil, err
	}
	e := &events.OfferPublished{ID: p.ID, Party: p.Party, Unit: p.Unit, OfferTerms: p.OfferTerms, Source: p.Source, Facts: facts}
	placed := &Offer{OfferTerms: e.OfferTerms, Facts: facts}
	return []step.Event{fact(placed, events.TypeOfferPublished, e, e.Capacity)}, nil
}

func amend(s *Offer, c *step.Command, d *events.AmendOffer, now time.Time) ([]step.Event, error) {
	terms := normal(d.OfferTerms)
	if terms.Instrument != s.Instrument {
		return nil, events.ErrState.Refusef("/instrument", "品种 %s 不能变更", "the instrument stays %s", s.Instrument)
	}
	if err := checkTerms(&terms, now); err != nil {
		return nil, err
	}
	facts, err := checkParty(c, "", s.Party, &terms, now)
	if err != nil {
		return nil, err
	}
	taken := s.Reserved.Minor + s.Committed.Minor
	if taken > 0 && terms.Capacity.Currency != s.Capacity.Currency {
		return nil, otherCurrency("/capacity/currency", s.Capacity.Currency)
	}
	if terms.Capacity.Minor < taken {
		return nil, events.ErrCapacity.Refusef("/capacity", "额度低于已预留和已承诺的 %s", "the capacity is below the %s reserved and committed",
			events.Money{Minor: taken, Currency: s.Capacity.Currency})
	}
	if same(terms, s.OfferTerms) && same(undated(facts), undated(s.Facts)) {
		return nil, nil
	}
	amended := *s
	amended.OfferTerms, amended.Facts = terms, facts
	out := []step.Event{fact(&amended, events.TypeOfferAmended, &events.OfferAmended{OfferTerms: terms, Facts: facts}, terms.Capacity)}
	if s.Committed.Minor == terms.Capacity.Minor {
		out = append(out, fact(&amended, events.TypeOfferExhausted, &events.OfferExhausted{Capacity: terms.Capacity}, terms.Capacity))
	}
	return out, nil
}

func because(s *Offer, typ string, d *events.Reason) ([]step.Event, error) {
	switch typ {
	case events.TypePauseOffer:
		if s.Status == StatusPaused {
			if s.Pause != nil && *s.Pause == *d {
				return nil, nil
			}
			return nil, paused()
		}
		return []step.Event{fact(s, events.TypeOfferPaused, d, s.Capacity)}, nil
	case events.TypeWithdrawOffer:
		return append(releaseAll(s, ReleasedByWithdrawal), fact(s, events.TypeOfferWithdrawn, d, s.Capacity)), nil
	}
	return nil, notTaken(typ)
}

func resume(s *Offer, d *events.Empty) ([]step.Event, error) {
	if s.Status != StatusPaused {
		return nil, events.ErrState.Refuse("", "产品状态为开放 (open)", "the offer is open")
	}
	return []step.Event{fact(s, events.TypeOfferResumed, d, s.Capacity)}, nil
}

func reserve(s *Offer, d *events.Reserve, now time.Time) ([]step.Event, error) {
	if known, ok := s.Reservations[d.Reservation]; ok {
		if known.Demand == d.Demand && known.Amount == d.Amount && known.Until.Equal(d.Until) {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/reservation", "该预留已存在，内容不同", "this reservation exists with other content")
	}
	if s.Status == StatusPaused {
		return nil, paused()
	}
	if err := checkReservation(s, d, now); err != nil {
		return nil, err
	}
	e := *d
	e.Until = d.Until.UTC()
	return []step.Event{fact(s, events.TypeCapacityReserved, &e, e.Amount)}, nil
}

func commit(s *Offer, d *events.CommitCapacity, now time.Time) ([]step.Event, error) {
	r, ok := s.Reservations[d.Reservation]
	if !ok {
		return nil, noReservation()
	}
	if !now.Before(r.Until) {
		return nil, events.ErrState.Refuse("/reservation", "该预留已到期 (expired)", "this reservation has expired")
	}
	if d.Amount.Minor <= 0 {
		return nil, notPositive("/amount")
	}
	if d.Amount.Currency != r.Amount.Currency {
		return nil, otherCurrency("/amount/currency", r.Amount.Currency)
	}
	if d.Amount.Minor > r.Amount.Minor {
		return nil, events.ErrCapacity.Refusef("/amount", "超过预留的 %s", "it is above the %s reserved", r.Amount)
	}
	rest := events.Money{Minor: r.Amount.Minor - d.Amount.Minor, Currency: r.Amount.Currency}
	e := &events.CapacityCommitted{Reservation: d.Reservation, Demand: r.Demand, Amount: d.Amount, Released: rest}
	out := []step.Event{fact(s, events.TypeCapacityCommitted, e, d.Amount)}
	if s.Committed.Minor+d.Amount.Minor == s.Capacity.Minor {
		out = append(out, fact(s, events.TypeOfferExhausted, &events.OfferExhausted{Capacity: s.Capacity}, s.Capacity))
	}
	return out, nil
}

// expire and expireReservation come from timers. One that has become moot is no refusal: there is nothing to do.
func expire(s *Offer, now time.Time) ([]step.Event, error) {
	if final(s.Status) || now.Before(s.ValidUntil) {
		return nil, nil
	}
	return append(releaseAll(s, ReleasedByTime), fact(s, events.TypeOfferExpired, &events.Expired{ValidUntil: s.ValidUntil}, s.Capacity)), nil
}

func expireReservation(s *Offer, d *events.ReservationRef, now time.Time) ([]step.Event, error) {
	r, ok := s.Reservations[d.Reservation]
	if !ok && !planted.On("reservation_expires_twice") || now.Before(r.Until) {
		return nil, nil
	}
	return []step.Event{released(s, d.Reservation, r.Amount, ReleasedByTime)}, nil
}

// releaseAll returns every reservation, in the order of their ids.
func releaseAll(s *Offer, reason string) []step.Event {
	out := make([]step.Event, 0, len(s.Reservations)+1)
	for _, id := range slices.Sorted(maps.Keys(s.Reservations)) {
		out = append(out, released(s, id, s.Reservations[id].Amount, reason))
	}
	return out
}

func released(s *Offer, id string, amount events.Money, reason string) step.Event {
	return fact(s, events.TypeCapacityReleased, &events.CapacityReleased{Reservation: id, Amount: amount, Reason: reason}, amount)
}

func fact(s *Offer, typ string, data any, amount events.Money) step.Event {
	return step.Event{Type: typ, Data: data, Attr: s.attributes(amount)}
}

// Due names what time does next: the end of the offer, which returns all reservations, or of the one that ends first.
func Due(s *Offer) step.Timer {
	if final(s.Status) {
		return step.Timer{}
	}
	next := step.Timer{At: s.ValidUntil, Command: events.TypeExpireOffer, Data: &events.Empty{}}
	first := ""
	for id, r := range s.Reservations {
		if r.Until.Before(next.At) || first != "" && r.Until.Equal(next.At) && id < first {
			first, next.At = id, r.Until
		}
	}
	if first != "" {
		next.Command, next.Data = events.TypeExpireReservation, &events.ReservationRef{Reservation: first, Reason: ReleasedByTime}
	}
	return next
}

// Evolve returns the offer after an event. It looks nothing up and never fails: what a newer release wrote and this one does
// not know changes nothing but the time.
func Evolve(s *Offer, e *step.Applied) *Offer {
	next := &Offer{}
	if s != nil {
		*next = *s
	}
	next.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *events.OfferPublished:
		next.ID, next.Party, next.Unit, next.OfferTerms = d.ID, d.Party, d.Unit, d.OfferTerms
		next.Source, next.Facts, next.Status, next.CreatedAt = d.Source, d.Facts, StatusOpen, e.Time
		next.Reserved, next.Committed = events.Money{Currency: d.Capacity.Currency}, events.Money{Currency: d.Capacity.Currency}
	case *events.OfferAmended:
		if next.Original == nil {
			original := next.OfferTerms
			next.Original = &original
		}
		next.OfferTerms, next.Facts = d.OfferTerms, d.Facts
		next.Reserved.Currency, next.Committed.Currency = d.Capacity.Currency, d.Capacity.Currency // another one only while both are zero
	case *events.Reason:
		switch e.Type {
		case events.TypeOfferPaused:
			next.Status, next.Pause = StatusPaused, d
		case events.TypeOfferWithdrawn:
			next.Status, next.Pause, next.Withdrawal = StatusWithdrawn, nil, d
		}
	case *events.Empty:
		if e.Type == events.TypeOfferResumed {
			next.Status, next.Pause = StatusOpen, nil
		}
	case *events.Expired:
		next.Status, next.Pause = StatusExpired, nil
	case *events.Reserve:
		next.Reservations = maps.Clone(next.Reservations)
		if next.Reservations == nil {
			next.Reservations = make(map[string]Reservation, 1)
		}
		next.Reservations[d.Reservation] = Reservation{d.Demand, d.Amount, d.Until}
		next.Reserved.Minor += d.Amount.Minor
	case *events.CapacityReleased:
		next.drop(d.Reservation)
	case *events.CapacityCommitted:
		next.drop(d.Reservation)
		next.Committed.Minor += d.Amount.Minor
	case *events.OfferExhausted:
		next.Status, next.Pause = StatusExhausted, nil
	}
	return next
}

// drop takes a reservation out of a copy that shares its map with the original.
func (o *Offer) drop(id string) {
	r, ok := o.Reservations[id]
	if !ok {
		return
	}
	o.Reservations = maps.Clone(o.Reservations)
	delete(o.Reservations, id)
	if len(o.Reservations) == 0 {
		o.Reservations = nil // as a document that was read back has it
	}
	o.Reserved.Minor -= r.Amount.Minor
}
