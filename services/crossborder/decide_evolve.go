package crossborder

import (
	"maps"
	"slices"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Evolve returns the borrower after an event. It looks nothing up and never fails: limits and balances come with the events, and
// what a newer release wrote and this one does not know changes nothing but the time.
func Evolve(s *Borrower, e *step.Applied) *Borrower {
	next := &Borrower{}
	if s != nil {
		*next = *s
	}
	next.UpdatedAt = e.Time
	switch d := e.Data.(type) {
	case *events.BorrowerAssessed:
		next.ID, next.Kind, next.Route, next.Statement, next.Declared, next.Source = d.ID, d.Kind, d.Route, d.Statement, d.Declared, d.Source
		next.Leverage, next.Parameter, next.Facts = d.Leverage, d.Parameter, d.Facts
		if next.Status != StatusExcluded {
			next.Status = StatusActive
		}
		if s == nil {
			next.CreatedAt = e.Time
		}
		next.judged(d.Headroom)
	case *events.LimitChanged:
		next.judged(d.Headroom)
	case *events.ContractFiled:
		zero := events.Money{Currency: d.Amount.Currency}
		next.put(Contract{FileContract: d.FileContract, FiledMatures: d.Matures, Filed: d.Headroom.AsOf, Drawn: zero, Outstanding: zero})
		next.moved(d.Headroom)
	case *events.Drawn:
		c := next.Contracts[d.Contract]
		c.Draws = maps.Clone(c.Draws)
		if c.Draws == nil {
			c.Draws = make(map[string]Draw, 1)
		}
		c.Draws[d.DrawContract.Draw] = Draw{d.Amount, d.Amount, d.Rate, d.Headroom.AsOf}
		c.Drawn.Minor += d.Amount.Minor
		c.Outstanding.Minor += d.Amount.Minor
		next.put(c)
		next.moved(d.Headroom)
	case *events.Repaid:
		c := next.Contracts[d.Contract]
		next.put(c.repaid(&d.RepayContract))
		next.moved(d.Headroom)
	case *events.ContractExtended:
		c := next.Contracts[d.Contract]
		c.Matures = d.Matures
		if d.Registration != nil {
			c.Registration = d.Registration
		}
		next.put(c)
		next.moved(d.Headroom)
	case *events.ContractRef:
		if e.Type == events.TypeContractClosed {
			next.end(d.Contract, EndedClosed, e)
		}
	case *events.ContractReason:
		switch e.Type {
		case events.TypeContractCancelled:
			next.end(d.Contract, EndedCancelled, e)
		case events.TypeContractRefused:
			next.end(d.Contract, EndedRefused, e)
		}
	case *events.Reason:
		switch e.Type {
		case events.TypeBorrowerExcluded:
			next.Status, next.Exclusion = StatusExcluded, d
		case events.TypeBorrowerReadmitted:
			next.Status, next.Exclusion = StatusActive, nil
		case events.TypeBorrowerWithdrawn:
			next.Status, next.Exclusion = StatusWithdrawn, nil
		}
	}
	return next
}

// judged takes a limit that may have fallen below the balance.
func (b *Borrower) judged(h events.Headroom) {
	b.Headroom = h
	if h.Used.Minor <= h.Limit.Minor {
		b.Over = nil
		return
	}
	over := Over{Since: h.AsOf, Used: h.Used}
	if b.Over != nil {
		over.Since = b.Over.Since
	}
	b.Over = &over
}

// moved takes a balance under a limit that is as it was: above it, the balance only falls.
func (b *Borrower) moved(h events.Headroom) {
	b.Headroom = h
	switch {
	case h.Used.Minor <= h.Limit.Minor:
		b.Over = nil
	case b.Over != nil:
		b.Over = &Over{b.Over.Since, events.Money{Minor: min(b.Over.Used.Minor, h.Used.Minor), Currency: h.Used.Currency}}
	}
}

// put stores a contract in a copy that shares its map with the original.
func (b *Borrower) put(c Contract) {
	b.Contracts = maps.Clone(b.Contracts)
	if b.Contracts == nil {
		b.Contracts = make(map[string]Contract, 1)
	}
	b.Contracts[c.Contract] = c
}

// repaid is the contract with less outstanding of one draw.
func (c Contract) repaid(d *events.RepayContract) Contract {
	draw := c.Draws[d.Draw]
	draw.Outstanding.Minor -= d.Amount.Minor
	c.Draws = maps.Clone(c.Draws)
	if c.Draws == nil {
		return c // of a log that this release did not write
	}
	c.Draws[d.Draw] = draw
	c.Outstanding.Minor -= d.Amount.Minor
	return c
}

// end takes a contract out of the open ones and remembers it, the oldest making room.
func (b *Borrower) end(id, how string, e *step.Applied) {
	c, ok := b.Contracts[id]
	if !ok {
		return
	}
	b.Contracts = maps.Clone(b.Contracts)
	delete(b.Contracts, id)
	if len(b.Contracts) == 0 {
		b.Contracts = nil // as a document that was read back has it
	}
	from := max(0, len(b.Ended)+1-EndedMax)
	b.Ended = append(slices.Clone(b.Ended[from:]), Ended{id, how, c.Amount, c.Drawn, events.DateOf(e.Time)})
}
