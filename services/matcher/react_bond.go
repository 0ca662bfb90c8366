package matcher

import (
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// needs reports whether a context's entities are matched with offers.
func needs(context string) bool { return context == "demand" || context == "bond" }

// applyBond takes in an event of a bond application (债券申请). From its triage until it is docked or leaves the course it is matched
// like a demand, with the offers of underwriters; every triage is a new version of what it asks for.
func (r *Reactor) applyBond(e *step.Applied) error {
	d, looking := r.index.Demand(e.Subject)
	if !looking {
		d = r.bonds[e.Subject]
	}
	if d == nil {
		applied, ok := e.Data.(*events.BondApplied)
		switch {
		case e.Type != events.TypeBondApplied:
			return nil // of one that has ended
		case !ok:
			return ErrPayload
		case len(r.bonds) >= r.limits.DemandsMax:
			return ErrFull
		}
		r.bonds[e.Subject] = newBondNeed(applied.ID, applied.Issuer, &applied.BondTerms, applied.Enterprise, applied.Party, e.Version)
		return nil
	}
	if fresh, err := next(d.Version, e); !fresh {
		return err
	}
	switch f := e.Data.(type) {
	case *events.BondResubmitted:
		d = newBondNeed(d.ID, d.Enterprise, &f.BondTerms, f.Enterprise, f.Party, e.Version)
	case *events.BondTriage:
		if r.index.Demands() >= r.limits.DemandsMax {
			return ErrFull
		}
		d = d.standing(d.after(e.Version, 0, 0))
		d.TermsVersion = e.Version
		delete(r.bonds, e.Subject)
		r.index.PutDemand(d)
		return nil
	default:
		d = d.standing(d.after(e.Version, 0, 0))
		if looking && !leavesMarket(e.Type) { // a clock, or what a newer release wrote: only the version moves
			r.index.StandDemand(e.Subject, d.DemandStanding)
			return nil
		}
	}
	r.index.RemoveDemand(e.Subject)
	delete(r.answered, e.Subject)
	switch e.Type {
	case events.TypeBondIssued, events.TypeBondRejected, events.TypeBondWithdrawn:
		delete(r.bonds, e.Subject)
	default:
		r.bonds[e.Subject] = d
	}
	return nil
}

// leavesMarket reports whether an application looks for no underwriter after an event.
func leavesMarket(typ string) bool {
	switch typ {
	case events.TypeBondDocked, events.TypeBondReturned, events.TypeBondRejected, events.TypeBondWithdrawn:
		return true
	}
	return false
}

// finance is the section of GB/T 4754 that institutions are in (金融业).
const finance = "J"

// noEnd is the validity of what has none.
var noEnd = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// newBondNeed compiles what a bond asks of an underwriter: its instrument, the whole amount, and a term of as many months as the
// tenor has begun.
func newBondNeed(id, issuer string, t *events.BondTerms, enterprise *events.EnterpriseFacts, party *events.PartyFacts, version uint64) *Demand {
	const daysAYear, monthsAYear = 365, 12
	months := (t.TenorDays*monthsAYear + daysAYear - 1) / daysAYear
	d := &Demand{
		ID: id, Enterprise: issuer, DemandStanding: DemandStanding{Version: version, TermsVersion: version},
		Terms: events.DemandTerms{
			Instruments: []string{t.Instrument}, Amount: t.Amount, MinAmount: &t.Amount, TermMonths: &events.Months{Min: months, Max: months}, Title: t.Title,
			ValidUntil: noEnd,
		},
	}
	switch {
	case enterprise != nil:
		d.Facts = *enterprise
	case party != nil:
		d.Facts = events.EnterpriseFacts{Position: party.Position, Version: party.Version, Name: party.Name, Region: party.Region, Industry: finance}
	}
	d.Region, d.Industry = d.Facts.Region, d.Facts.Industry
	d.compile()
	return d
}
