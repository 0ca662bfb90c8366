package crossborder

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// countriesMax bounds the index entries of one borrower.
const countriesMax = 16

// Index gives the list filters of a borrower's document: kind, route, status, region, industry, over (true: its balance is above the
// limit), and the countries of the lenders of its open contracts (the first 16 by code).
func Index(doc []byte) ([]store.Index, error) {
	var b Borrower
	if err := events.Unmarshal(doc, &b); err != nil {
		return nil, fmt.Errorf("crossborder: document of a borrower: %w", err)
	}
	index := []store.Index{
		{Name: "kind", Value: b.Kind},
		{Name: "route", Value: b.Route},
		{Name: "status", Value: b.Status},
		{Name: "region", Value: b.Facts.Region},
		{Name: "industry", Value: b.Facts.Industry},
		{Name: "over", Value: strconv.FormatBool(b.Over != nil)},
		store.SortTime("created", b.CreatedAt),
		store.SortTime("updated", b.UpdatedAt),
	}
	countries := make(map[string]bool, len(b.Contracts))
	for _, c := range b.Contracts {
		countries[c.LenderCountry] = true
	}
	for i, country := range slices.Sorted(maps.Keys(countries)) {
		if i == countriesMax {
			break
		}
		index = append(index, store.Index{Name: "lender_country", Value: country})
	}
	return index, nil
}
