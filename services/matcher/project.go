package matcher

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// indexes gives the list filters of a match: GET /v1/recommendations?enterprise=...
func indexes(doc []byte) ([]store.Index, error) {
	var m struct { // what the list is filtered and sorted by; every recommendation comes here
		Enterprise string     `json:"enterprise"`
		Region     string     `json:"region"`
		Industry   string     `json:"industry"`
		Stage      string     `json:"stage"`
		Instrument string     `json:"instrument"`
		Offers     []struct{} `json:"offers"`
		CreatedAt  time.Time  `json:"created_at"`
		UpdatedAt  time.Time  `json:"updated_at"`
		Leads      *struct {
			Offer string `json:"offer"`
			Party string `json:"party"`
		} `json:"leads"`
	}
	if err := events.Unmarshal(doc, &m); err != nil {
		return nil, fmt.Errorf("matcher: document: %w", err)
	}
	list := []store.Index{store.SortTime("created", m.CreatedAt), store.SortTime("updated", m.UpdatedAt)}
	if m.Leads != nil {
		return append(list, store.Index{Name: "offer", Value: m.Leads.Offer}, store.Index{Name: "party", Value: m.Leads.Party}), nil
	}
	for _, x := range []store.Index{
		{Name: "enterprise", Value: m.Enterprise},
		{Name: "region", Value: m.Region},
		{Name: "industry", Value: m.Industry},
		{Name: "stage", Value: m.Stage},
		{Name: "instrument", Value: m.Instrument},
		{Name: "matched", Value: strconv.FormatBool(len(m.Offers) > 0)},
	} {
		if x.Value != "" {
			list = append(list, x)
		}
	}
	return list, nil
}
