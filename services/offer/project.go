package offer

import (
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index gives the list filters of an offer's document: party, status, instrument, currency.
func Index(doc []byte) ([]store.Index, error) {
	var o struct { // what the list is filtered and sorted by; every change of an offer comes here
		Party      string       `json:"party"`
		Status     string       `json:"status"`
		Instrument string       `json:"instrument"`
		Capacity   events.Money `json:"capacity"`
		CreatedAt  time.Time    `json:"created_at"`
		UpdatedAt  time.Time    `json:"updated_at"`
	}
	if err := events.Unmarshal(doc, &o); err != nil {
		return nil, fmt.Errorf("offer: document of an offer: %w", err)
	}
	return []store.Index{
		{Name: "party", Value: o.Party},
		{Name: "status", Value: o.Status},
		{Name: "instrument", Value: o.Instrument},
		{Name: "currency", Value: o.Capacity.Currency},
		store.SortAmount("amount", o.Capacity.Currency, o.Capacity.Minor),
		store.SortTime("created", o.CreatedAt),
		store.SortTime("updated", o.UpdatedAt),
	}, nil
}
