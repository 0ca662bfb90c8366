package eval

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// A market of specialists: what is fitted on its train split beats popularity on the valid split, and no round of the valid split
// takes part in the fit.
func TestTune(t *testing.T) {
	rules, _ := scoringRules(t)
	few := []knob{knobs[0], knobs[4]}
	few[0].options, few[1].options = []int{1460}, []int{600}
	set, err := tune(market(11), rules, Start(), few, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(set.Parameters, Start().Parameters) {
		t.Error("no parameter was changed by the search")
	}
	if len(set.Measured.Folds) != foldCount || set.Measured.Rounds == 0 {
		t.Errorf("measured %+v", set.Measured)
	}
	body, err := File(set, "2026-01-01", "made")
	if err != nil {
		t.Fatal(err)
	}
	sets, err := appetite.Load(fstest.MapFS{"appetite.2026-01-01.json": {Data: body}})
	if err != nil {
		t.Fatalf("the file that was made is refused: %v\n%s", err, body)
	}
	report := market(11).Evaluate("valid", rules, sets.Last(), 1)
	if own, popular := report.Rows[0].Metrics["MRR"], report.Rows[3].Metrics["MRR"]; own < 1.5*popular {
		t.Errorf("the product reaches an MRR of %.3f, popularity (%s) %.3f", own, report.Rows[3].Name, popular)
	}

	changed := market(11).copied()
	changed.shuffleFrom(16_900, rand.New(rand.NewPCG(1, 1)))
	again, err := refit(changed, rules, *set) // a whole search again would only take longer
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(set, again) {
		t.Errorf("the valid split changed the fit:\n%+v\n%+v", set, again)
	}
}

func TestTuneNeedsFolds(t *testing.T) {
	rules, _ := scoringRules(t)
	small := market(1)
	small.Rounds = small.Rounds[:300]
	for _, s := range []*Set{small, {}} {
		if _, err := Tune(s, rules, Start(), io.Discard); !errors.Is(err, ErrTooSmall) {
			t.Errorf("%d rounds: %v", len(s.Rounds), err)
		}
	}
	if _, err := File(&appetite.Set{}, "tomorrow", "made"); err == nil {
		t.Error("a file of no day was made")
	}
}

// Weights that drew the choices are found again.
func TestFitFindsWeights(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	want := [inputs]float64{0: 1.5, 1: 0.5} // the rest is noise
	var samples []sample
	for range 4000 {
		s := sample{inputs: make([][inputs]float64, 10)}
		for i := range s.inputs {
			for k := range inputs {
				s.inputs[i][k] = random.NormFloat64()
			}
		}
		left := random.Float64()
		for i, p := range s.chances(&want) {
			if left -= p; left < 0 || i == 9 {
				s.backers = []int{i}
				break
			}
		}
		samples = append(samples, s)
	}
	got := fit(samples)
	for k := range want {
		if math.Abs(got[k]-want[k]) > 0.15 {
			t.Errorf("weight %d is %.3f, not %.3f", k, got[k], want[k])
		}
		if got[k] < 0 {
			t.Errorf("weight %d is negative: %f", k, got[k])
		}
	}
}

// The shipped file is what the real train split gives: weights and fold measurements are computed again from its parameters.
func TestShippedFileIsReproduced(t *testing.T) {
	data := realSet(t)
	rules, shipped := scoringRules(t)
	start := *shipped
	start.Weights, start.Measured = appetite.Weights{}, appetite.Measured{}
	again, err := refit(data, rules, start)
	if err != nil {
		t.Fatal(err)
	}
	again.Measured.Data = shipped.Measured.Data
	a, _ := json.Marshal([]any{shipped.Weights, shipped.Measured})
	b, _ := json.Marshal([]any{again.Weights, again.Measured})
	if string(a) != string(b) {
		t.Errorf("the file says\n%s\nthe data give\n%s", a, b)
	}
}

// The real rounds of the valid split, which nothing was tuned on.
func TestRealRounds(t *testing.T) {
	rules, set := scoringRules(t)
	report := realSet(t).Evaluate("valid", rules, set, 1)
	if report.Asked != 371 || report.Counted != 147 {
		t.Errorf("%d rounds, %d counted; the protocol gives 371 and 147", report.Asked, report.Counted)
	}
	own := report.Rows[0].Metrics
	for _, row := range report.Rows[1:] {
		if own["hit@20"] <= row.Metrics["hit@20"] || own["MRR"] <= row.Metrics["MRR"] {
			t.Errorf("%s is not beaten: %v against %v", row.Name, row.Metrics, own)
		}
	}
}
