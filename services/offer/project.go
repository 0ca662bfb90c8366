package offer

import (
	"encoding/json"
	"fmt"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index gives the list filters of an offer's document: party, status, instrument, currency.
func Index(doc []byte) ([]store.Index, error) {
	var o Offer
	if err := json.Unmarshal(doc, &o); err != nil {
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
