package sharing

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// TestIndexOfManyGrants: a department with more grants than a document can be found by is stored all the same; it was not, and no later
// change of any grant reached the read model.
func TestIndexOfManyGrants(t *testing.T) {
	var granted []any
	for i := range grantsMax {
		granted = append(granted, grantOf(func(g *events.Grant) { g.Grant, g.Purpose = fmt.Sprint("g-", i), fmt.Sprint("purpose ", i/2) }))
	}
	doc, err := json.Marshal(given(granted...))
	if err != nil {
		t.Fatal(err)
	}
	list, err := index(doc)
	if err != nil || len(list) != min(store.IndexesMax, (grantsMax+1)/2) {
		t.Fatalf("%d index entries of %d grants: %v", len(list), grantsMax, err)
	}
	s := store.NewMemory()
	defer s.Close()
	batch := store.Batch{Source: "sharing.0", To: store.Position{Created: now, Sequence: 1}, Puts: []store.Document{{Key: "pboc", Version: uint64(grantsMax), Body: doc, Indexes: list}}}
	if err := s.Apply(t.Context(), "sharing", batch); err != nil {
		t.Error(err)
	}
}
