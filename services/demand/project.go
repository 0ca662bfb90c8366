package demand

import (
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index gives the list filters of a demand's document: enterprise, status, region, industry, currency and each instrument.
func Index(doc []byte) ([]store.Index, error) {
	var d struct { // what the list is filtered and sorted by; every change of a demand comes here
		Enterprise  string       `json:"enterprise"`
		Status      string       `json:"status"`
		Region      string       `json:"region"`
		Industry    string       `json:"industry"`
		Amount      events.Money `json:"amount"`
		Instruments []string     `json:"instruments"`
		CreatedAt   time.Time    `json:"created_at"`
		UpdatedAt   time.Time    `json:"updated_at"`
	}
	if err := events.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("demand: document of a demand: %w", err)
	}
	index := []store.Index{
		{Name: "enterprise", Value: d.Enterprise},
		{Name: "status", Value: d.Status},
		{Name: "region", Value: d.Region},
		{Name: "industry", Value: d.Industry},
		{Name: "currency", Value: d.Amount.Currency},
		store.SortAmount("amount", d.Amount.Currency, d.Amount.Minor),
		store.SortTime("created", d.CreatedAt),
		store.SortTime("updated", d.UpdatedAt),
	}
	for _, i := range d.Instruments {
		index = append(index, store.Index{Name: "instrument", Value: i})
	}
	return index, nil
}
