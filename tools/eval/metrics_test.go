package eval

import (
	"math"
	"slices"
	"testing"
)

func TestMetricsByHand(t *testing.T) {
	counted := func(places ...int) Ranking { return Ranking{Real: places, Counted: true} }
	m := Measure([]Ranking{counted(1), counted(11, 20), counted(21), {}})
	want := [MetricCount]float64{
		Hit10: 1.0 / 3, Hit20: 2.0 / 3, MRR: (1 + 1.0/11 + 1.0/21) / 3,
		NDCG20: (1 + (1/math.Log2(12)+1/math.Log2(21))/(1+1/math.Log2(3)) + 0) / 3,
	}
	if m.Rounds != 3 {
		t.Errorf("%d rounds count", m.Rounds)
	}
	for k := range want {
		if math.Abs(m.Values[k]-want[k]) > 1e-12 {
			t.Errorf("%s is %f, not %f", MetricNames[k], m.Values[k], want[k])
		}
	}
	if none := Measure([]Ranking{{}}); none != (Metrics{}) {
		t.Errorf("without counted rounds: %+v", none)
	}
}

func TestBootstrap(t *testing.T) {
	var good, bad [][MetricCount]float64
	for i := range 100 {
		good = append(good, [MetricCount]float64{Hit20: float64(min(1, i%4))}) // 0.75
		bad = append(bad, [MetricCount]float64{Hit20: float64(i % 2)})         // 0.5
	}
	same := compare(good, good, 1)
	if same[Hit20] != (Interval{}) {
		t.Errorf("the same ranking differs from itself: %+v", same[Hit20])
	}
	d := compare(good, bad, 1)[Hit20]
	// A quarter of the pairs differ, all one way: the standard error of the mean is sqrt(0.25 * 0.75 / 100) = 0.0433.
	if math.Abs(d.Difference-0.25) > 1e-9 || math.Abs(d.Low-(0.25-1.96*0.0433)) > 0.03 || math.Abs(d.High-(0.25+1.96*0.0433)) > 0.03 {
		t.Errorf("ahead by %+v", d)
	}
	if again := compare(good, bad, 1)[Hit20]; again != d {
		t.Errorf("the same seed gave %+v and %+v", d, again)
	}
	if compare(nil, nil, 1) != ([MetricCount]Interval{}) {
		t.Error("no rounds gave an interval")
	}
}

func TestBaselines(t *testing.T) {
	round := func(id string, day int, sector, city, stage string, firms ...string) *Round {
		r := made(id, day, id, firms...)
		r.Sector, r.City, r.Stage = sector, city, stage
		return r
	}
	s := &Set{Rounds: []*Round{
		round("1", 1000, "food", "Pune", "seed", "old", "cook"),
		round("2", 1001, "food", "Pune", "seed", "old"),
		round("3", 1002, "fintech", "Delhi", "pe", "old"),
		round("4", 1300, "fintech", "Delhi", "pe", "new"),
		round("5", 1301, "fintech", "Delhi", "pe", "new"),
		round("6", 1302, "food", "Pune", "seed", "cook"),
		round("7", 1303, "food", "Pune", "seed", "cook"),
	}}
	best := func(ranker Ranker) []string {
		return s.Run([]Ranker{ranker}, func(r *Round) bool { return r.ID == "7" })[0][0].Firms
	}
	for _, c := range []struct {
		ranker Ranker
		want   []string
	}{
		{&popularity{}, []string{"old", "cook", "new"}}, // 3, 2, 2
		{&recent{}, []string{"new", "cook", "old"}},     // 2, 1, 0 within half a year
		{&frequency{}, []string{"old", "cook", "new"}},  // 6, 6, 0 alike: then old has more rounds
		{&neighbours{}, []string{"old", "cook", "new"}}, // 6, 6, 0: then old has more rounds
	} {
		if got := best(c.ranker); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.ranker.Name(), got, c.want)
		}
	}
	if a, b := best(&chance{1}), best(&chance{1}); !slices.Equal(a, b) {
		t.Error("chance is not repeatable")
	}
}
