// Package ledgertest holds what the tests of the ledger frame share: the suite every Broker passes (账本接口的统一测试), a small machine
// with an invariant and timers, and a broker that fails on request.
package ledgertest

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Context is the one the account borrows: the catalogue of types is fixed, so it speaks the offer context's.
const Context = "offer"

// Commands of the account.
const (
	Deposit  = events.TypeReserveCapacity   // *events.Reserve; Until, when set, ends it by a timer
	Withdraw = events.TypeReleaseCapacity   // *events.ReservationRef
	Note     = events.TypePauseOffer        // *events.Reason: an instruction to the machine, see Account
	Freeze   = events.TypeWithdrawOffer     // *events.Reason: from now on timers are refused
	Expire   = events.TypeExpireReservation // by the timer only
)

// Capacity is what an account holds at most, in fen.
const Capacity = 1_000_000

// Account is the entity. A Note's Reason tells Decide what to do: "panic" panics, "error" fails without a refusal, "nothing" decides
// nothing, "events:N:BYTES" decides N notes, "refuse:BYTES" refuses with a detail of that size; anything else is one note.
type Account struct {
	Held   map[string]Held `json:"held"`
	Total  int64           `json:"total"`
	Notes  int             `json:"notes"`
	Frozen bool            `json:"frozen"`
}

// Held is one deposit.
type Held struct {
	Fen   int64     `json:"fen"`
	Until time.Time `json:"until"`
}

// NewAccount is the machine. foldVersion is the one its snapshots carry.
func NewAccount(foldVersion int) step.Machine {
	return step.NewMachine(step.Decider[Account]{
		Context: Context, FoldVersion: foldVersion, Decide: decide, Evolve: evolve, Due: due, Check: check,
	})
}

// Validate decodes a payload by the catalogue; the account has no schema of its own.
func Validate(typ string, data []byte) (any, error) {
	payload, err := events.DecodeData(typ, data)
	if err != nil {
		return nil, events.ErrSchema.Refuse("", "内容不能解析", "the payload can't be read")
	}
	return payload, nil
}

func decide(a *Account, c *step.Command, _ time.Time) ([]step.Event, error) {
	if a == nil {
		a = &Account{}
	}
	switch d := c.Data.(type) {
	case *events.Reserve:
		switch _, exists := a.Held[d.Reservation]; {
		case exists:
			return nil, events.ErrExists.Refuse("/reservation", "", "")
		case d.Amount.Minor <= 0 || d.Amount.Minor > Capacity-a.Total:
			return nil, events.ErrCapacity.Refusef("/amount", "已用 %d 分", "%d fen are in use", a.Total)
		}
		return []step.Event{{Type: events.TypeCapacityReserved, Data: d, Attr: events.Attributes{Region: "310000", AmountWan: d.Amount.Wan(), Currency: "CNY"}}}, nil
	case *events.ReservationRef:
		held, exists := a.Held[d.Reservation]
		switch {
		case !exists:
			return nil, events.ErrNotFound.Refuse("/reservation", "", "")
		case c.Type == Expire && a.Frozen:
			return nil, events.ErrState.Refuse("", "账户已冻结", "the account is frozen")
		}
		return []step.Event{{Type: events.TypeCapacityReleased, Data: &events.CapacityReleased{
			Reservation: d.Reservation, Amount: events.Money{Minor: held.Fen, Currency: "CNY"}, Reason: d.Reason,
		}}}, nil
	case *events.Reason:
		if c.Type == Freeze {
			return []step.Event{{Type: events.TypeOfferWithdrawn, Data: d}}, nil
		}
		return note(d)
	}
	return nil, fmt.Errorf("ledgertest: no rule for %T", c.Data)
}

func note(d *events.Reason) ([]step.Event, error) {
	one := step.Event{Type: events.TypeOfferPaused, Data: d}
	what, rest, _ := strings.Cut(d.Reason, ":")
	switch what {
	case "panic":
		panic("asked for")
	case "error":
		return nil, errors.New("asked for")
	case "nothing":
		return nil, nil
	case "refuse":
		size, err := strconv.Atoi(rest)
		if err != nil {
			return nil, err
		}
		return nil, events.ErrState.Refuse("", strings.Repeat("<", size), "")
	case "events":
		count, size, _ := strings.Cut(rest, ":")
		n, err := strconv.Atoi(count)
		if err != nil {
			return nil, err
		}
		bytes, err := strconv.Atoi(size)
		if err != nil {
			return nil, err
		}
		one.Data = &events.Reason{Reason: "many", Document: strings.Repeat("x", bytes)}
		list := make([]step.Event, n)
		for i := range list {
			list[i] = one
		}
		return list, nil
	}
	return []step.Event{one}, nil
}

func evolve(a *Account, e *step.Applied) *Account {
	next := Account{Held: make(map[string]Held)}
	if a != nil {
		next.Total, next.Notes, next.Frozen = a.Total, a.Notes, a.Frozen
		maps.Copy(next.Held, a.Held)
	}
	switch d := e.Data.(type) {
	case *events.Reserve:
		next.Held[d.Reservation] = Held{d.Amount.Minor, d.Until}
		next.Total += d.Amount.Minor
	case *events.CapacityReleased:
		delete(next.Held, d.Reservation)
		next.Total -= d.Amount.Minor
	case *events.Reason:
		if e.Type == events.TypeOfferWithdrawn {
			next.Frozen = true
		} else {
			next.Notes++
		}
	}
	return &next
}

func due(a *Account) step.Timer {
	var name string
	var at time.Time
	for reservation, held := range a.Held {
		if held.Until.IsZero() {
			continue
		}
		if at.IsZero() || held.Until.Before(at) || held.Until.Equal(at) && reservation < name {
			name, at = reservation, held.Until
		}
	}
	if at.IsZero() {
		return step.Timer{}
	}
	return step.Timer{At: at, Command: Expire, Data: &events.ReservationRef{Reservation: name, Reason: "expired"}}
}

func check(a *Account) error {
	sum := int64(0)
	for _, held := range a.Held {
		sum += held.Fen
	}
	if sum != a.Total || sum < 0 || sum > Capacity {
		return fmt.Errorf("total %d, sum of deposits %d, capacity %d", a.Total, sum, Capacity)
	}
	return nil
}
