package registry

import (
	"fmt"
	"slices"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index gives the list filters of an enterprise's document: region, industry, stage, status, and each title (recorded and not
// yet expired) and focus area once.
func Index(doc []byte) ([]store.Index, error) {
	var e Enterprise
	if err := events.Unmarshal(doc, &e); err != nil {
		return nil, fmt.Errorf("registry: document of an enterprise: %w", err)
	}
	index := []store.Index{{Name: "region", Value: e.Region}, {Name: "industry", Value: e.Industry}, {Name: "status", Value: e.Status},
		store.SortTime("created", e.CreatedAt), store.SortTime("updated", e.UpdatedAt)}
	if e.Stage != "" {
		index = append(index, store.Index{Name: "stage", Value: e.Stage})
	}
	for _, t := range e.Titles {
		if at := (store.Index{Name: "title", Value: t.Title.Title}); !t.Expired && !slices.Contains(index, at) {
			index = append(index, at)
		}
	}
	for _, f := range e.Focus {
		if at := (store.Index{Name: "focus", Value: f}); !slices.Contains(index, at) {
			index = append(index, at)
		}
	}
	return index, nil
}
