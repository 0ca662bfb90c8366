package policy

import (
	"encoding/json"
	"fmt"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Index lists subjects by how sure the rules are that come into force last: ?confidence=unconfirmed names what is to be checked.
func Index(doc []byte) ([]store.Index, error) {
	var s Subject
	if err := json.Unmarshal(doc, &s); err != nil {
		return nil, fmt.Errorf("policy: document: %w", err)
	}
	list := []store.Index{store.SortTime("created", s.CreatedAt), store.SortTime("updated", s.UpdatedAt)}
	if last := s.last(); last != nil {
		list = append(list, store.Index{Name: "confidence", Value: last.Confidence})
	}
	return list, nil
}
