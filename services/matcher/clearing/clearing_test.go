package clearing

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// made is a random batch; few scores make many ties.
func made(t *rapid.T, demands, offers, capacity int, scores int64) *Batch {
	b := &Batch{Demands: rapid.IntRange(0, demands).Draw(t, "demands")}
	b.Capacities = rapid.SliceOfN(rapid.IntRange(0, capacity), 0, offers).Draw(t, "capacities")
	for i := range b.Demands {
		for j := range b.Capacities {
			if rapid.IntRange(0, 2).Draw(t, "fits") > 0 {
				b.Edges = append(b.Edges, Edge{i, j, rapid.Int64Range(1, scores).Draw(t, "score")})
			}
		}
	}
	return b
}

// bruteForce tries every assignment.
func bruteForce(b *Batch) int64 {
	left := slices.Clone(b.Capacities)
	var best func(i int) int64
	best = func(i int) int64 {
		if i == b.Demands {
			return 0
		}
		most := best(i + 1)
		for _, e := range b.Edges {
			if e.Demand == i && left[e.Offer] > 0 {
				left[e.Offer]--
				most = max(most, e.Score+best(i+1))
				left[e.Offer]++
			}
		}
		return most
	}
	return best(0)
}

func TestClearEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := made(t, 6, 5, 3, rapid.SampledFrom([]int64{1, 3, 100, ScoreMax}).Draw(t, "scores"))
		r, err := Clear(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(b, r); err != nil {
			t.Fatal(err)
		}
		if want := bruteForce(b); r.Total != want || r.Gap != 0 {
			t.Fatalf("total %d, bound %d, gap %d; the best is %d", r.Total, r.Bound, r.Gap, want)
		}
		if FirstCome(b) > r.Total || Greedy(b) > r.Total {
			t.Fatalf("a baseline is better: %d, %d, %d", FirstCome(b), Greedy(b), r.Total)
		}
	})
}

// Larger batches are proved by the certificate alone.
func TestCertificateProvesLargerBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := made(t, 40, 30, 6, rapid.SampledFrom([]int64{1, 2, 100, ScoreMax}).Draw(t, "scores"))
		r, err := Clear(b)
		if err != nil || r.Gap != 0 {
			t.Fatalf("%+v %v", r, err)
		}
		if err := Check(b, r); err != nil {
			t.Fatal(err)
		}
		again, _ := Clear(b)
		if !slices.Equal(again.Offers, r.Offers) {
			t.Fatal("the same batch is cleared in another way")
		}
		hurried, err := clearWithin(b, rapid.IntRange(0, 20).Draw(t, "bids"))
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(b, hurried); err != nil || hurried.Bound < r.Total || hurried.Total > r.Total {
			t.Fatalf("within few bids: %+v %v", hurried, err)
		}
	})
}

// The checker refuses whatever is not as it is told.
func TestCheckRefuses(t *testing.T) {
	batch := func() *Batch {
		return &Batch{Demands: 2, Capacities: []int{1, 1}, Edges: []Edge{{0, 0, 10}, {0, 1, 9}, {1, 0, 9}, {1, 1, 5}}}
	}
	r, err := Clear(batch())
	if err != nil || r.Total != 18 || r.Gap != 0 || Check(batch(), r) != nil {
		t.Fatalf("%+v %v", r, err)
	}
	for name, break_ := range map[string]func(*Batch, *Result){
		"a higher total":          func(_ *Batch, r *Result) { r.Total++; r.Gap-- },
		"a lower bound":           func(_ *Batch, r *Result) { r.Bound--; r.Gap-- },
		"another gap":             func(_ *Batch, r *Result) { r.Gap++ },
		"two at one place":        func(_ *Batch, r *Result) { r.Offers = []int{0, 0} },
		"a pair that is none":     func(b *Batch, r *Result) { b.Edges = b.Edges[:3]; r.Offers = []int{0, 1} },
		"an offer that is none":   func(_ *Batch, r *Result) { r.Offers = []int{7, 0} },
		"a demand too few":        func(_ *Batch, r *Result) { r.Offers = r.Offers[:1] },
		"a price too few":         func(_ *Batch, r *Result) { r.Certificate.Prices = r.Certificate.Prices[:1] },
		"a price below nothing":   func(_ *Batch, r *Result) { r.Certificate.Prices[0] = -1 },
		"prices that prove less":  func(_ *Batch, r *Result) { r.Certificate.Prices = []int64{0, 0} },
		"no scale":                func(_ *Batch, r *Result) { r.Certificate.Scale = 0 },
		"a pair twice":            func(b *Batch, _ *Result) { b.Edges = append(b.Edges, b.Edges[0]) },
		"a score out of range":    func(b *Batch, _ *Result) { b.Edges[0].Score = ScoreMax + 1 },
		"an offer that takes -1":  func(b *Batch, _ *Result) { b.Capacities[0] = -1 },
		"a demand out of bounds":  func(b *Batch, _ *Result) { b.Edges[0].Demand = 2 },
		"more demands than fit":   func(b *Batch, _ *Result) { b.Demands = SideMax + 1 },
		"an offer out of bounds":  func(b *Batch, _ *Result) { b.Edges[3].Offer = 2 },
		"scores beneath a point":  func(b *Batch, _ *Result) { b.Edges[0].Score = 0 },
		"another batch's result":  func(b *Batch, _ *Result) { b.Edges[1].Score++ },
		"capacity that has grown": func(b *Batch, _ *Result) { b.Capacities[0] = 100 },
	} {
		b, wrong := batch(), *r
		wrong.Offers, wrong.Certificate.Prices = slices.Clone(r.Offers), slices.Clone(r.Certificate.Prices)
		break_(b, &wrong)
		if err := Check(b, &wrong); !errors.Is(err, ErrBatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// market is a batch in which each demand fits its best 20 offers and good offers are wanted by many.
func market(seed uint64, n int) *Batch {
	random := rand.New(rand.NewPCG(seed, 20))
	b := &Batch{Demands: n, Capacities: make([]int, n)}
	charm := make([]int64, n)
	for j := range b.Capacities {
		b.Capacities[j] = 1
		charm[j] = random.Int64N(40)
	}
	for i := range n {
		chosen := map[int]bool{}
		for len(chosen) < 20 {
			// Of two offers the more charming one: a top list is no random draw.
			x, y := random.IntN(n), random.IntN(n)
			if charm[y] > charm[x] {
				x = y
			}
			if !chosen[x] {
				chosen[x] = true
				b.Edges = append(b.Edges, Edge{i, x, 1 + charm[x] + random.Int64N(60)})
			}
		}
	}
	return b
}

func TestManyOfferMuch(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	b := market(seed, 2_000)
	r, err := Clear(b)
	if err != nil || r.Gap != 0 || Check(b, r) != nil {
		t.Fatalf("total %d, gap %d, %v", r.Total, r.Gap, err)
	}
	if first, greedy := FirstCome(b), Greedy(b); first >= r.Total || greedy >= r.Total {
		t.Errorf("first come %d, greedy %d, cleared %d", first, greedy, r.Total)
	}
}

// 20,000 demands and offers, 20 pairs a demand.
func BenchmarkClear(b *testing.B) {
	batch := market(1, 20_000)
	var r *Result
	for b.Loop() {
		var err error
		if r, err = Clear(batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := Check(batch, r); err != nil {
		b.Fatal(err)
	}
	lost := func(total int64) float64 { return 100 * float64(r.Total-total) / float64(r.Total) }
	b.ReportMetric(float64(r.Gap), "gap")
	b.ReportMetric(float64(r.Steps), "bids")
	b.ReportMetric(lost(FirstCome(batch)), "%lost-first-come")
	b.ReportMetric(lost(Greedy(batch)), "%lost-greedy")
}

func BenchmarkCheck(b *testing.B) {
	batch := market(1, 20_000)
	r, err := Clear(batch)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := Check(batch, r); err != nil {
			b.Fatal(err)
		}
	}
}
