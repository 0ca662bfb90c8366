package e2e

import (
	"github.com/jieli-bus/jieli/events"
)

// stackCovers: a demand larger than any ticket is covered by several offers, asked for right after it was accepted.
func stackCovers(s *system, enterprise string) {
	for _, id := range []string{"stack-a", "stack-b"} {
		s.do("POST", "/v1/offers", loanOffer(id, "life-bank"))
	}
	a := s.do("POST", "/v1/demands", with(loanDemand("stacked", enterprise), map[string]any{"amount": money("16000000.00")}))
	var stack struct {
		Covered events.Money `json:"covered"`
		Proved  bool         `json:"proved"`
		Layers  []struct {
			Offer   string            `json:"offer"`
			Amount  events.Money      `json:"amount"`
			Reasons map[string]string `json:"reasons"`
		} `json:"layers"`
	}
	s.get("/v1/demands/stacked/stack", a.Position, &stack)
	sum := int64(0)
	for _, l := range stack.Layers {
		sum += l.Amount.Minor
		if l.Reasons["zh"] == "" || l.Reasons["en"] == "" {
			s.t.Errorf("layer %+v has no reasons", l)
		}
	}
	if stack.Covered.Amount() != "16000000.00" || sum != stack.Covered.Minor || len(stack.Layers) != 2 || !stack.Proved {
		s.t.Errorf("stack %+v", stack)
	}
	s.refused(events.ErrNotFound, "GET", "/v1/demands/nobody/stack", nil)
}
