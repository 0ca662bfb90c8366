package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
	"github.com/jieli-bus/jieli/services/matcher/clearing"
)

// TestClearing: the open demands of a region are given to offers; the answer proves by itself that nothing better exists.
func TestClearing(t *testing.T) {
	t.Parallel()
	s := start(t, allinone.Options{})
	s.do("POST", "/v1/parties", bank("bank-1"))
	for i := range 2 {
		s.do("POST", "/v1/offers", loanOffer(fmt.Sprint("clear-", i), "bank-1"))
	}
	for i := range 5 {
		id, body := enterprise(i)
		s.do("POST", "/v1/enterprises", body)
		s.do("POST", "/v1/demands", loanDemand(fmt.Sprint("clear-", i), id))
	}
	var c struct {
		Demands  []string          `json:"demands"`
		Assigned []json.RawMessage `json:"assigned"`
		Batch    clearing.Batch    `json:"batch"`
		Result   clearing.Result   `json:"result"`
	}
	status, _, b := s.call("POST", "/v1/clearings", map[string]any{"region": "330000", "per_offer": 2})
	if err := json.Unmarshal(b, &c); err != nil || status != 200 {
		t.Fatalf("%d %s", status, b)
	}
	if err := clearing.Check(&c.Batch, &c.Result); err != nil {
		t.Fatal(err)
	}
	if len(c.Demands) != 5 || len(c.Assigned) != 4 || c.Result.Gap != 0 {
		t.Errorf("%d demands, %d assigned, gap %d", len(c.Demands), len(c.Assigned), c.Result.Gap)
	}
	s.refused(events.ErrRegion, "POST", "/v1/clearings", map[string]any{"region": "000001"})
	s.refused(events.ErrMalformed, "POST", "/v1/clearings", map[string]any{"regoin": "330000"})
}
