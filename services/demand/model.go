package demand

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Status of a demand. All but open are final.
const (
	StatusOpen      = "open"
	StatusWithdrawn = "withdrawn"
	StatusExpired   = "expired"
	StatusFulfilled = "fulfilled"
)

// Reasons why a hold was released.
const (
	ReleasedByRequest    = "released"
	ReleasedByTime       = "expired"
	ReleasedByWithdrawal = "withdrawn"
)

// Confidentiality of a demand: who may see it.
const (
	Open    = "open"
	Matched = "matched"
	Private = "private"
)

// Limits of one demand. HoldsMax bounds the events of one withdrawal: each hold is released by its own event, and the events
// of one command may have 128 KiB together.
const (
	HoldsMax         = 128 // holds at one time
	FillsMax         = 512 // fills over the demand's life
	ListMax          = 16  // items of instruments, security and focus each
	MonthsMax        = 600
	PriceBPMax       = 100_000 // 1,000 %
	ValidityYearsMax = 30      // of a demand and of a hold
)

// Demand is a funding demand: state, snapshot form and read model in one. It is immutable: Evolve makes another.
type Demand struct {
	ID         string `json:"id"`
	Enterprise string `json:"enterprise"`
	events.DemandTerms
	Region     string                 `json:"region"`
	Industry   string                 `json:"industry"`
	Source     string                 `json:"source,omitempty"`
	Facts      events.EnterpriseFacts `json:"facts"`
	Status     string                 `json:"status"`
	Held       events.Money           `json:"held"`   // sum of Holds
	Filled     events.Money           `json:"filled"` // sum of Fills
	Holds      map[string]Hold        `json:"holds,omitempty"`
	Fills      map[string]Fill        `json:"fills,omitempty"`
	Withdrawal *events.Reason         `json:"withdrawal,omitempty"`
	Original   *events.DemandTerms    `json:"original,omitempty"` // what was published, once it has been amended
	CreatedAt  time.Time              `json:"created_at"`
	UpdatedAt  time.Time              `json:"updated_at"`
}

// Hold is a part set aside for one offer (预留).
type Hold struct {
	Offer  string       `json:"offer"`
	Amount events.Money `json:"amount"`
	Until  time.Time    `json:"until"`
}

// Fill is a part received through one offer (到账).
type Fill struct {
	Offer  string       `json:"offer"`
	Amount events.Money `json:"amount"`
}

// OpenAmount is what is neither held nor filled.
func (d *Demand) OpenAmount() events.Money {
	return events.Money{Minor: d.Amount.Minor - d.Held.Minor - d.Filled.Minor, Currency: d.Amount.Currency}
}

func (d *Demand) attributes(amount events.Money) events.Attributes {
	attr := events.Attributes{
		Region: d.Region, Industry: d.Industry, Stage: d.Facts.Stage, AmountWan: amount.Wan(), Currency: amount.Currency,
	}
	if len(d.Instruments) > 0 {
		attr.Instrument = d.Instruments[0]
	}
	return attr
}

// Facts are what Prepare hands on.
type Facts struct {
	Enterprise     events.EnterpriseFacts // recorded with a demand that is published or amended
	Suspended      bool
	Authorisations []events.Authorisation
	Offers         map[string]string // offer -> its party: a party acts for its own offers only
}

// publication is what the demand's publication said of itself, without the facts, which are of the moment.
func (d *Demand) publication() *events.PublishDemand {
	p := &events.PublishDemand{ID: d.ID, Enterprise: d.Enterprise, DemandTerms: d.DemandTerms, Region: d.Region, Industry: d.Industry, Source: d.Source}
	if d.Original != nil {
		p.DemandTerms = *d.Original
	}
	return p
}

// sameWritten holds two publications against each other as they are written: times and empty lists have one form there.
func sameWritten(a, b *events.PublishDemand) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false // cannot be: validity is within ValidityYearsMax, everything else always encodes
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// Check is invariant I2 of a demand: 0 <= held + filled <= amount, in minor units of one currency, and the sums are those of the parts.
func Check(d *Demand) error {
	var held, filled int64
	for id, h := range d.Holds {
		if h.Amount.Minor <= 0 || h.Amount.Currency != d.Amount.Currency {
			return fmt.Errorf("hold %s is of %s", id, h.Amount)
		}
		held += h.Amount.Minor
	}
	for id, f := range d.Fills {
		if f.Amount.Minor <= 0 || f.Amount.Currency != d.Amount.Currency {
			return fmt.Errorf("fill %s is of %s", id, f.Amount)
		}
		filled += f.Amount.Minor
	}
	if held != d.Held.Minor || filled != d.Filled.Minor {
		return fmt.Errorf("held %s and filled %s are not the sums of their parts (%d and %d)", d.Held, d.Filled, held, filled)
	}
	if held+filled > d.Amount.Minor {
		return fmt.Errorf("held %s and filled %s are more than the amount %s", d.Held, d.Filled, d.Amount)
	}
	return nil
}
