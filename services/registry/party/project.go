package party

import (
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index gives the list filters of a party's document: kind, region, status.
func Index(doc []byte) ([]store.Index, error) {
	var p struct { // the units may be many and are not listed by
		Kind   string `json:"kind"`
		Region string `json:"region"`
		Status string `json:"status"`

		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	}
	if err := events.Unmarshal(doc, &p); err != nil {
		return nil, fmt.Errorf("party: document of a party: %w", err)
	}
	index := []store.Index{{Name: "kind", Value: p.Kind}, {Name: "status", Value: p.Status}, store.SortTime("created", p.CreatedAt), store.SortTime("updated", p.UpdatedAt)}
	if p.Region != "" {
		index = append(index, store.Index{Name: "region", Value: p.Region})
	}
	return index, nil
}
