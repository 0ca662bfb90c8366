package crossborder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Status of a borrower.
const (
	StatusActive    = "active"
	StatusExcluded  = "excluded"  // nothing new; what there is runs on
	StatusWithdrawn = "withdrawn" // has left the route; an assessment begins again
)

// How a contract ended.
const (
	EndedClosed    = "closed"
	EndedCancelled = "cancelled"
	EndedRefused   = "refused"
)

// Contexts that know borrowers.
const (
	registryEnterprise = "enterprise"
	registryParty      = "party"
)

// Instrument is the code of every event's instrument attribute.
const Instrument = "crossborder_loan"

// Limits of one borrower. They bound its document: about 250 bytes a draw, 600 a contract.
const (
	ContractsMax = 64  // open at one time
	DrawsMax     = 512 // over the lives of the open contracts
	EndedMax     = 128 // ended contracts that are remembered; of older ones the id may be used again
	yearsMax     = 50  // a contract's term
	monthsMax    = 600 // of a rule
)

// Borrower is an enterprise or institution that borrows abroad (借款主体): state, snapshot form and read model in one. It is
// immutable: Evolve makes another.
type Borrower struct {
	ID        string               `json:"id"`
	Kind      string               `json:"kind"`
	Route     string               `json:"route"`
	Statement events.NetAssets     `json:"statement"`
	Declared  []string             `json:"declared,omitempty"`
	Source    string               `json:"source,omitempty"`
	Leverage  string               `json:"leverage"`
	Parameter string               `json:"parameter"`
	Facts     events.BorrowerFacts `json:"facts"`
	Status    string               `json:"status"`
	Headroom  events.Headroom      `json:"headroom"`
	Over      *Over                `json:"over,omitempty"` // while the balance is above the limit
	Contracts map[string]Contract  `json:"contracts,omitempty"`
	Ended     []Ended              `json:"ended,omitempty"` // the last EndedMax, oldest first
	Exclusion *events.Reason       `json:"exclusion,omitempty"`
	CreatedAt time.Time            `json:"created_at"`
	UpdatedAt time.Time            `json:"updated_at"`
}

// Over says that the limit fell below what was drawn (超上限). Until it is over, Used only falls.
type Over struct {
	Since events.Date  `json:"since"`
	Used  events.Money `json:"used"`
}

// Contract is an open contract of borrowing (跨境融资合约).
type Contract struct {
	events.FileContract
	FiledMatures events.Date     `json:"filed_matures"` // as filed: the term that decides the weight, whatever extensions come
	Filed        events.Date     `json:"filed"`
	Drawn        events.Money    `json:"drawn"`       // over its life
	Outstanding  events.Money    `json:"outstanding"` // sum of what its draws have left
	Draws        map[string]Draw `json:"draws,omitempty"`
}

// Draw is a part taken (提款). It weighs at the rate of its own day until it is repaid.
type Draw struct {
	Amount      events.Money   `json:"amount"`
	Outstanding events.Money   `json:"outstanding"`
	Rate        *events.FXRate `json:"rate,omitempty"`
	Day         events.Date    `json:"day"`
}

// Ended is what is remembered of a contract that has ended.
type Ended struct {
	Contract string       `json:"contract"`
	How      string       `json:"how"` // closed, cancelled, refused
	Amount   events.Money `json:"amount"`
	Drawn    events.Money `json:"drawn"`
	Day      events.Date  `json:"day"`
}

// undrawn is what may still be drawn, in the contract's currency.
func (c *Contract) undrawn() int64 {
	if c.Revolving {
		return c.Amount.Minor - c.Outstanding.Minor
	}
	return c.Amount.Minor - c.Drawn.Minor
}

// Facts are what Prepare hands on.
type Facts struct {
	Borrower       events.BorrowerFacts
	Suspended      bool
	Authorisations []events.Authorisation // of an enterprise
}

func (b *Borrower) attributes(amount events.Money) events.Attributes {
	return events.Attributes{
		Region: b.Facts.Region, Industry: b.Facts.Industry, Instrument: Instrument, AmountWan: amount.Wan(), Currency: amount.Currency,
	}
}

// same compares as the log does: what is written alike is alike, whether it came from a command or was read back.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// check is what holds of a borrower after every event: the balance is within the limit, unless the limit itself fell, and then it
// only falls; balances are the sums of their parts; the recorded limit and balance are what the recorded rule set makes of them.
func check(sets *RuleSets, b *Borrower) error {
	h := &b.Headroom
	if h.Used.Minor < 0 || h.Limit.Minor < 0 || h.Used.Currency != h.Limit.Currency {
		return fmt.Errorf("used %s of a limit of %s", h.Used, h.Limit)
	}
	if h.Used.Minor > h.Limit.Minor && (b.Over == nil || h.Used.Minor > b.Over.Used.Minor) {
		return fmt.Errorf("used %s is above the limit %s, which did not fall", h.Used, h.Limit)
	}
	if h.Used.Minor <= h.Limit.Minor && b.Over != nil {
		return fmt.Errorf("used %s is within the limit %s and still called over", h.Used, h.Limit)
	}
	for id, c := range b.Contracts {
		if err := c.check(); err != nil {
			return fmt.Errorf("contract %s: %w", id, err)
		}
	}
	r, ok := sets.ByID(h.RuleSet)
	if !ok || r.Hash != h.RuleHash {
		return nil // rules of another release: what they gave stands
	}
	limit, used, err := r.judge(b)
	if err != nil || limit != h.Limit || used != h.Used {
		return fmt.Errorf("limit %s and used %s, by the rules %s and %s (%v)", h.Limit, h.Used, limit, used, err)
	}
	return nil
}

func (c *Contract) check() error {
	var drawn, outstanding int64
	for id, d := range c.Draws {
		if d.Amount.Minor <= 0 || d.Outstanding.Minor < 0 || d.Outstanding.Minor > d.Amount.Minor || d.Amount.Currency != c.Amount.Currency {
			return fmt.Errorf("draw %s has %s left of %s", id, d.Outstanding, d.Amount)
		}
		drawn += d.Amount.Minor
		outstanding += d.Outstanding.Minor
	}
	if drawn != c.Drawn.Minor || outstanding != c.Outstanding.Minor {
		return fmt.Errorf("drawn %s and outstanding %s are not the sums of the draws (%d and %d)", c.Drawn, c.Outstanding, drawn, outstanding)
	}
	if c.undrawn() < 0 {
		return fmt.Errorf("drawn %s, outstanding %s of %s", c.Drawn, c.Outstanding, c.Amount)
	}
	return nil
}
