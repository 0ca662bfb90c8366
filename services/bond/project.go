package bond

import (
	"fmt"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index gives the list filters of an application's document: issuer, status, venue, issuer_kind, instrument, currency, region,
// clock and underwriter; and what it is sorted by.
func Index(doc []byte) ([]store.Index, error) {
	var b Bond
	if err := events.Unmarshal(doc, &b); err != nil {
		return nil, fmt.Errorf("bond: document of an application: %w", err)
	}
	index := []store.Index{
		{Name: "issuer", Value: b.Issuer},
		{Name: "status", Value: b.Status},
		{Name: "venue", Value: b.Venue},
		{Name: "issuer_kind", Value: b.IssuerKind},
		{Name: "instrument", Value: b.Instrument},
		{Name: "currency", Value: b.Amount.Currency},
		store.SortAmount("amount", b.Amount.Currency, b.Amount.Minor),
		store.SortTime("created", b.CreatedAt),
		store.SortTime("updated", b.UpdatedAt),
	}
	if region := b.attributes().Region; region != "" {
		index = append(index, store.Index{Name: "region", Value: region})
	}
	if c := b.running(); c != nil {
		index = append(index, store.Index{Name: "clock", Value: c.State})
	}
	if b.Docking != nil {
		index = append(index, store.Index{Name: "underwriter", Value: b.Docking.Party})
	}
	return index, nil
}
