package offer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Status of an offer. Withdrawn, expired and exhausted are final.
const (
	StatusOpen      = "open"
	StatusPaused    = "paused" // no new reservations; those that exist live on
	StatusWithdrawn = "withdrawn"
	StatusExpired   = "expired"
	StatusExhausted = "exhausted"
)

// Reasons why reserved capacity was released.
const (
	ReleasedByRequest    = "released"
	ReleasedByTime       = "expired"
	ReleasedByWithdrawal = "withdrawn"
)

// Limits of one offer. ReservationsMax bounds the events of one withdrawal: each reservation is released by its own event, and
// the events of one command may have 128 KiB together.
const (
	ReservationsMax  = 128 // at one time
	ClausesMax       = 32
	PreferencesMax   = 32
	ValuesMax        = 64 // values of one clause or preference
	PolicyToolsMax   = 16
	MonthsMax        = 600
	PriceBPMax       = 100_000 // 1,000 %
	WeightMax        = 100
	ValidityYearsMax = 30 // of an offer and of a reservation
)

// Offer is a funding product: state, snapshot form and read model in one. It is immutable: Evolve makes another.
type Offer struct {
	ID    string `json:"id"`
	Party string `json:"party"`
	Unit  string `json:"unit,omitempty"`
	events.OfferTerms
	Source       string                 `json:"source,omitempty"`
	Facts        events.PartyFacts      `json:"facts"`
	Status       string                 `json:"status"`
	Reserved     events.Money           `json:"reserved"`  // sum of Reservations
	Committed    events.Money           `json:"committed"` // promises kept, over the offer's life
	Reservations map[string]Reservation `json:"reservations,omitempty"`
	Pause        *events.Reason         `json:"pause,omitempty"`
	Withdrawal   *events.Reason         `json:"withdrawal,omitempty"`
	Original     *events.OfferTerms     `json:"original,omitempty"` // what was published, once it has been amended
	CreatedAt    time.Time              `json:"created_at"`
	UpdatedAt    time.Time              `json:"updated_at"`
}

// Reservation is capacity set aside for one demand (额度预留).
type Reservation struct {
	Demand string       `json:"demand"`
	Amount events.Money `json:"amount"`
	Until  time.Time    `json:"until"`
}

// Remaining is the capacity that is neither reserved nor committed.
func (o *Offer) Remaining() events.Money {
	return events.Money{Minor: o.Capacity.Minor - o.Reserved.Minor - o.Committed.Minor, Currency: o.Capacity.Currency}
}

func (o *Offer) attributes(amount events.Money) events.Attributes {
	return events.Attributes{Region: o.Facts.Region, Instrument: o.Instrument, AmountWan: amount.Wan(), Currency: amount.Currency}
}

// States of the unit that an offer names.
const (
	UnitNone    = "" // none is named
	UnitOpen    = "open"
	UnitClosed  = "closed"
	UnitMissing = "missing"
)

// Facts are what Prepare hands on: the institution, recorded with an offer that is published or amended, and its unit's state.
type Facts struct {
	Party events.PartyFacts
	Unit  string
}

// publication is what the offer's publication said of itself, without the facts, which are of the moment.
func (o *Offer) publication() *events.PublishOffer {
	p := &events.PublishOffer{ID: o.ID, Party: o.Party, Unit: o.Unit, OfferTerms: o.OfferTerms, Source: o.Source}
	if o.Original != nil {
		p.OfferTerms = *o.Original
	}
	return p
}

// sameWritten holds two publications against each other as they are written: times and empty lists have one form there.
func sameWritten(a, b *events.PublishOffer) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false // cannot be: validity is within ValidityYearsMax, everything else always encodes
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// Check is invariant I2 of an offer: 0 <= reserved + committed <= capacity, in minor units of one currency, and the reserved sum is
// that of the reservations.
func Check(o *Offer) error {
	var reserved int64
	for id, r := range o.Reservations {
		if r.Amount.Minor <= 0 || r.Amount.Currency != o.Capacity.Currency {
			return fmt.Errorf("reservation %s is of %s", id, r.Amount)
		}
		reserved += r.Amount.Minor
	}
	if reserved != o.Reserved.Minor {
		return fmt.Errorf("reserved %s is not the sum of the reservations (%d)", o.Reserved, reserved)
	}
	if o.Committed.Minor < 0 || reserved+o.Committed.Minor > o.Capacity.Minor {
		return fmt.Errorf("reserved %s and committed %s are more than the capacity %s", o.Reserved, o.Committed, o.Capacity)
	}
	return nil
}
