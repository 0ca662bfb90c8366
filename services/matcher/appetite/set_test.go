package appetite

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jieli-bus/jieli/contracts"
)

func TestShippedSet(t *testing.T) {
	sets, err := Load(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	set := sets.Last()
	if len(set.Measured.Folds) == 0 || set.Measured.Rounds == 0 || set.Measured.Until == "" {
		t.Errorf("%s does not say where it was measured: %+v", set.ID, set.Measured)
	}
}

func TestSetsRefused(t *testing.T) {
	write := func(change func(*Set)) fstest.MapFS {
		s := plain()
		change(s)
		body, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(body, &all); err != nil {
			t.Fatal(err)
		}
		all["id"], all["effective_from"], all["effective_to"], all["document"], all["confidence"] = "appetite.2026-01-01", "2026-01-01", nil, "D", "unconfirmed"
		all["summary"] = map[string]string{"zh": "偏好", "en": "appetite"}
		if body, err = json.Marshal(all); err != nil {
			t.Fatal(err)
		}
		return fstest.MapFS{"appetite.2026-01-01.json": {Data: body}}
	}
	if _, err := Load(write(func(*Set) {})); err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(*Set){
		"size is -1":                    func(s *Set) { s.Weights.Size = -1 },
		"rules is 10001":                func(s *Set) { s.Weights.Rules = 10_001 },
		"half_life_days is 6":           func(s *Set) { s.Parameters.HalfLife = 6 },
		"stage_prior_percent is 0":      func(s *Set) { s.Parameters.StagePrior = 0 },
		"size_near_percent has":         func(s *Set) { s.Parameters.SizeNear = nil },
		"size_near_percent is 51":       func(s *Set) { s.Parameters.SizeNear = []int{100, 50, 51} },
		"accepted is missing":           func(s *Set) { delete(s.Parameters.Outcome, "accepted") },
		`there is no kind "considered"`: func(s *Set) { s.Parameters.Outcome["considered"] = 1 },
		"outcome_percent is 101":        func(s *Set) { s.Parameters.Outcome["disbursed"] = 101 },
	} {
		if _, err := Load(write(change)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
