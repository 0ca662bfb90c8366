package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/matcher"
)

// recommendations is the answer to GET /v1/demands/{id}/recommendations: a fresh ranking, and the recommendation on record.
type recommendations struct {
	Demand      string          `json:"demand"`
	Version     uint64          `json:"version"`
	AsOf        time.Time       `json:"as_of"`
	RuleSet     string          `json:"rule_set"`
	RuleSetHash string          `json:"rule_set_hash"`
	Eligible    int             `json:"eligible"`
	Positions   []string        `json:"positions"`
	Recorded    json.RawMessage `json:"recorded"` // null until there is one
	Offers      []rankedOffer   `json:"offers"`
	Notice      string          `json:"notice"`
}

type rankedOffer struct {
	Rank int `json:"rank"`
	events.RankedOffer
	PartyName string              `json:"party_name"`
	Terms     []matcher.ScoreTerm `json:"terms"`
	Reasons   string              `json:"reasons"`
}

// recorded is the recommendation that the ledger holds for a demand, or null.
func (s *System) recorded(ctx context.Context, demand string) (json.RawMessage, error) {
	d, err := s.store.Get(ctx, matcher.Context, demand)
	if errors.Is(err, store.ErrNotFound) {
		return json.RawMessage("null"), nil
	}
	return d.Body, err
}
