package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/contracts"
)

func shipped(t testing.TB) *RuleSet {
	t.Helper()
	sets, err := Load(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return sets.Last()
}

func offer(id, instrument string, least, most, score, price int64) Candidate {
	return Candidate{Offer: id, Instrument: instrument, Least: least, Most: most, Score: score, PriceBP: price}
}

// what writes a stack as text: offer amount, in order.
func what(r *Result) string {
	var b strings.Builder
	for _, l := range r.Layers {
		fmt.Fprintf(&b, "%s %d ", l.Offer, l.Amount)
	}
	return strings.TrimSpace(b.String())
}

func TestBest(t *testing.T) {
	rules := shipped(t)
	equityAndLoan := []string{"vc_equity", "credit_loan", "guaranteed_loan", "ma_loan"}
	for name, c := range map[string]struct {
		need       Need
		candidates []Candidate
		want       string
	}{
		"one offer covers all": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "credit_loan", 10, 200, 50, 400), offer("b", "vc_equity", 10, 50, 40, 0)}, "a 100"},
		"equity with loan": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "credit_loan", 10, 60, 50, 400), offer("b", "vc_equity", 10, 60, 70, 0)}, "b 60 a 40"},
		"the smallest ticket holds": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "credit_loan", 50, 60, 50, 400), offer("b", "vc_equity", 10, 60, 70, 0)}, "b 50 a 50"},
		"two smallest tickets are too much": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "credit_loan", 60, 70, 50, 400), offer("b", "vc_equity", 60, 60, 70, 0)}, "a 70"},
		"money before score": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "credit_loan", 100, 100, 1, 900), offer("b", "vc_equity", 10, 99, 90, 0)}, "a 100"},
		"cheaper among equals": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "credit_loan", 1, 100, 50, 410), offer("b", "credit_loan", 1, 100, 50, 400)}, "b 100"},
		"fewer layers among equals, then the id": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("c", "credit_loan", 1, 100, 50, 400), offer("b", "credit_loan", 1, 100, 50, 400), offer("a", "credit_loan", 1, 50, 50, 400)}, "b 100"},
		"below the least is of no use": {
			Need{100, 90, equityAndLoan}, []Candidate{offer("a", "credit_loan", 1, 50, 50, 400), offer("b", "vc_equity", 1, 39, 50, 0)}, ""},
		"at most four layers": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "vc_equity", 1, 10, 1, 0), offer("b", "vc_equity", 1, 10, 2, 0), offer("c", "vc_equity", 1, 10, 3, 0), offer("d", "vc_equity", 1, 10, 4, 0), offer("e", "vc_equity", 1, 10, 5, 0)},
			"e 10 d 10 c 10 b 10"},
		"a guaranteed loan needs its guarantee": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "guaranteed_loan", 10, 100, 50, 400)}, ""},
		"a guarantee covers four fifths": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "guaranteed_loan", 10, 100, 50, 400), offer("g", "guarantee", 1, 500, 50, 100)}, "a 100 g 80"},
		"the guarantee bounds the loan": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "guaranteed_loan", 10, 100, 50, 400), offer("g", "guarantee", 1, 40, 50, 100), offer("b", "vc_equity", 10, 100, 20, 0)}, "a 50 b 50 g 40"},
		"the smallest guarantee asks for as much of the loan": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "guaranteed_loan", 10, 100, 20, 400), offer("g", "guarantee", 30, 500, 50, 100), offer("b", "vc_equity", 10, 80, 50, 0)}, "b 70 a 30 g 30"},
		"a guarantee stands behind no more than the loan": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "guaranteed_loan", 10, 40, 50, 400), offer("g", "guarantee", 41, 500, 50, 100)}, ""},
		"the cheaper of two guarantees": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "guaranteed_loan", 10, 100, 50, 400), offer("g", "guarantee", 1, 500, 50, 100), offer("h", "insurance_loan_guarantee", 1, 500, 10, 90)}, "a 100 h 80"},
		"a guarantee alone is no money": {
			Need{100, 1, []string{"guarantee"}}, []Candidate{offer("g", "guarantee", 1, 500, 50, 100)}, ""},
		"the share of an instrument": {
			Need{100, 1, equityAndLoan}, []Candidate{offer("a", "ma_loan", 10, 100, 50, 400), offer("b", "vc_equity", 10, 100, 20, 0)}, "a 60 b 40"},
		"an enhancement that is asked for": {
			Need{100, 1, []string{"tech_bond", "crmw"}}, []Candidate{offer("a", "tech_bond", 10, 100, 50, 300), offer("c", "crmw", 10, 100, 5, 50)}, "a 100 c 50"},
		"an enhancement that is not": {
			Need{100, 1, []string{"tech_bond"}}, []Candidate{offer("a", "tech_bond", 10, 100, 50, 300), offer("c", "crmw", 10, 100, 5, 50)}, "a 100"},
		"what is not named is not combined": {
			Need{100, 1, []string{"tech_bond", "vc_equity"}}, []Candidate{offer("a", "tech_bond", 10, 50, 50, 300), offer("b", "vc_equity", 10, 50, 70, 0)}, "b 50"},
		"what is not asked for is left out": {
			Need{100, 1, []string{"vc_equity"}}, []Candidate{offer("a", "credit_loan", 10, 100, 50, 300), offer("b", "vc_equity", 10, 50, 5, 0)}, "b 50"},
	} {
		r, err := Best(rules, c.need, c.candidates, StepsMax)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := what(r); got != c.want || !r.Proved {
			t.Errorf("%s: %q (proved %t), not %q", name, got, r.Proved, c.want)
		}
	}
}

// made rules for random worlds: shares and supports that nest.
func madeRules(t *rapid.T) *RuleSet {
	percent := func(name string) int { return rapid.IntRange(1, 100).Draw(t, name) }
	s := &RuleSet{
		Classes: []Class{{"equity", []string{"vc_equity", "pe_equity"}}, {"loan", []string{"credit_loan", "guaranteed_loan"}}, {"leasing", []string{"leasing"}}},
		Shares: []Share{
			{Share: "loans", Instruments: []string{"credit_loan", "guaranteed_loan"}, MostPercent: percent("loans")},
			{Share: "vc", Instruments: []string{"vc_equity"}, MostPercent: percent("vc")},
		},
		Supports: []Support{{Support: "guarantee", Instruments: []string{"guarantee", "insurance_loan_guarantee"}, Of: []string{"guaranteed_loan"}, Required: rapid.Bool().Draw(t, "required"), LeastPercent: percent("guarantee")}},
	}
	for _, p := range [][2]string{{"equity", "equity"}, {"equity", "loan"}, {"loan", "loan"}, {"leasing", "loan"}} {
		if rapid.IntRange(0, 3).Draw(t, "pair") > 0 {
			s.Pairs = append(s.Pairs, Pair{Pair: p[0] + p[1], Classes: p})
		}
	}
	return s
}

var madeInstruments = []string{"vc_equity", "pe_equity", "credit_loan", "guaranteed_loan", "guaranteed_loan", "leasing", "guarantee", "insurance_loan_guarantee"}

func madeCandidates(t *rapid.T, n int, most int64) []Candidate {
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Candidate {
		least := rapid.Int64Range(1, most).Draw(t, "least")
		return Candidate{
			Offer: rapid.StringMatching(`[a-z]{3}`).Draw(t, "offer"), Instrument: rapid.SampledFrom(madeInstruments).Draw(t, "instrument"),
			Least: least, Most: rapid.Int64Range(least, most).Draw(t, "most"), Score: rapid.Int64Range(0, 3).Draw(t, "score"), PriceBP: rapid.Int64Range(0, 3).Draw(t, "price"),
		}
	}), 0, n, func(c Candidate) string { return c.Offer }).Draw(t, "candidates")
}

// oracle tries every set and every amount; it shares nothing with the search but the rules.
func oracle(rules *RuleSet, need Need, candidates []Candidate) (best [3]int64, found bool) {
	amounts := make([]int64, len(candidates))
	var try func(i, layers int)
	try = func(i, layers int) {
		if i == len(candidates) {
			if covered, score, cost, err := judge(rules, need, candidates, amounts); err == nil && covered >= need.Least {
				if now := [3]int64{covered, score, -cost}; !found || less(best, now) {
					best, found = now, true
				}
			}
			return
		}
		amounts[i] = 0
		try(i+1, layers)
		if layers < LayersMax {
			for a := candidates[i].Least; a <= min(candidates[i].Most, need.Open); a++ {
				amounts[i] = a
				try(i+1, layers+1)
			}
			amounts[i] = 0
		}
	}
	try(0, 0)
	return best, found
}

func less(a, b [3]int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// judge holds amounts (0: not used) against every rule; cost is that of the money alone.
func judge(rules *RuleSet, need Need, candidates []Candidate, amounts []int64) (covered, score, cost int64, err error) {
	in := func(list []string, x string) bool {
		return strings.Contains(","+strings.Join(list, ",")+",", ","+x+",")
	}
	sums := map[string]int64{}
	layers := 0
	for i, c := range candidates {
		if amounts[i] == 0 {
			continue
		}
		layers++
		if amounts[i] < c.Least || amounts[i] > c.Most {
			return 0, 0, 0, fmt.Errorf("%s: %d is outside its tickets", c.Offer, amounts[i])
		}
		sums[c.Instrument] += amounts[i]
		if u, is := rules.SupportOf(c.Instrument); is {
			if !u.Required && !in(need.Instruments, c.Instrument) {
				return 0, 0, 0, fmt.Errorf("%s is not wanted", c.Offer)
			}
			continue
		}
		if !in(need.Instruments, c.Instrument) {
			return 0, 0, 0, fmt.Errorf("%s is not asked for", c.Offer)
		}
		covered += amounts[i]
		score += amounts[i] * c.Score
		cost += amounts[i] * c.PriceBP
		for j := range i {
			if _, is := rules.SupportOf(candidates[j].Instrument); amounts[j] > 0 && !is {
				if _, ok := rules.PairOf(c.Instrument, candidates[j].Instrument); !ok {
					return 0, 0, 0, fmt.Errorf("%s and %s do not go together", c.Offer, candidates[j].Offer)
				}
			}
		}
	}
	sum := func(list []string) (n int64) {
		for _, i := range list {
			n += sums[i]
		}
		return n
	}
	for _, h := range rules.Shares {
		if sum(h.Instruments)*100 > need.Open*int64(h.MostPercent) {
			return 0, 0, 0, fmt.Errorf("share %s is broken", h.Share)
		}
	}
	for _, u := range rules.Supports {
		asked := u.Required
		for _, i := range u.Instruments {
			asked = asked || in(need.Instruments, i)
		}
		behind, before := sum(u.Instruments), sum(u.Of)
		if behind > before || (behind > 0 || asked && before > 0) && behind*100 < before*int64(u.LeastPercent) {
			return 0, 0, 0, fmt.Errorf("%d stands behind %d", behind, before)
		}
	}
	if layers > LayersMax || covered > need.Open {
		return 0, 0, 0, errors.New("too many layers or too much money")
	}
	return covered, score, cost, nil
}

func madeNeed(t *rapid.T, most int64) Need {
	need := Need{Open: rapid.Int64Range(1, most).Draw(t, "open"), Instruments: []string{"vc_equity", "pe_equity", "credit_loan", "guaranteed_loan", "leasing"}}
	need.Least = rapid.Int64Range(1, need.Open).Draw(t, "need")
	return need
}

// On small cases the answer is as good as trying everything.
func TestBestEqualsTryingAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, need, candidates := madeRules(t), madeNeed(t, 12), madeCandidates(t, 5, 7)
		r, err := Best(rules, need, candidates, StepsMax)
		if err != nil {
			t.Fatal(err)
		}
		want, found := oracle(rules, need, candidates)
		verify(t, rules, need, candidates, r)
		var cost int64
		for _, l := range r.Layers {
			if l.Support == "" {
				cost += l.Amount * l.PriceBP
			}
		}
		if got := [3]int64{r.Covered, r.Score, -cost}; found != (len(r.Layers) > 0) || found && got != want || !r.Proved {
			t.Fatalf("found %v (%s), trying everything %v %t", got, what(r), want, found)
		}
	})
}

// verify holds a result against the rules and its own sums.
func verify(t *rapid.T, rules *RuleSet, need Need, candidates []Candidate, r *Result) {
	amounts := make([]int64, len(candidates))
	var cost int64
	for _, l := range r.Layers {
		for i := range candidates {
			if candidates[i].Offer == l.Offer {
				amounts[i] = l.Amount
			}
		}
		cost += l.Amount * l.PriceBP
	}
	covered, score, _, err := judge(rules, need, candidates, amounts)
	if err != nil {
		t.Fatalf("%s: %v", what(r), err)
	}
	if len(r.Layers) > 0 && (covered < need.Least || covered != r.Covered || score != r.Score || cost != r.Cost) {
		t.Fatalf("%s: covers %d, scores %d, costs %d; it says %d, %d, %d", what(r), covered, score, cost, r.Covered, r.Score, r.Cost)
	}
}

// Large cases: every rule holds, order does not matter, and fewer steps give no better stack, a true bound and no proof.
func TestStackRespectsEveryRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, need, candidates := madeRules(t), madeNeed(t, AmountMax), madeCandidates(t, 40, AmountMax)
		whole, err := Best(rules, need, candidates, StepsMax)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, rules, need, candidates, whole)
		shuffled := rapid.Permutation(candidates).Draw(t, "order")
		again, err := Best(rules, need, shuffled, StepsMax)
		if err != nil || what(again) != what(whole) || again.Steps != whole.Steps {
			t.Fatalf("in another order: %s, not %s (%v)", what(again), what(whole), err)
		}
		hurried, err := Best(rules, need, candidates, rapid.IntRange(1, 50).Draw(t, "steps"))
		if err != nil {
			t.Fatal(err)
		}
		verify(t, rules, need, candidates, hurried)
		best, bound := [3]int64{whole.Covered, whole.Score}, [3]int64{hurried.BoundCovered, hurried.BoundScore}
		if !whole.Proved || less(best, [3]int64{hurried.Covered, hurried.Score}) || less(bound, best) || hurried.Proved && what(hurried) != what(whole) {
			t.Fatalf("hurried %+v, whole %+v", hurried, whole)
		}
	})
}

// hard makes candidates whose tickets are nearly fixed and nearly alike, so that hardly any set fits and bounds say little.
func hard(seed uint64, tied bool) (Need, []Candidate) {
	random := rand.New(rand.NewPCG(seed, 64))
	need := Need{Open: 4_000_000_007, Least: 1, Instruments: []string{"vc_equity", "credit_loan"}}
	var list []Candidate
	for i := range CandidatesMax {
		least := 1_000_000_000 + 2*random.Int64N(50_000_000)
		c := offer(fmt.Sprintf("o-%02d", i), need.Instruments[i%2], least, least, random.Int64N(100), random.Int64N(900))
		if tied {
			c.Score, c.PriceBP = 50, 400
		}
		list = append(list, c)
	}
	return need, list
}

// The worst case is bounded by the number of sets, and stays quick.
func TestHardKnapsacksAreProved(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, tied := range []bool{false, true} {
		need, candidates := hard(seed, tied)
		r, err := Best(shipped(t), need, candidates, StepsMax)
		if err != nil || !r.Proved || r.Steps > 679_120 {
			t.Fatalf("tied %t: %+v %v", tied, r, err)
		}
		few, err := Best(shipped(t), need, candidates, 1000)
		if err != nil || few.Proved || few.Steps != 1000 || few.BoundCovered < r.Covered {
			t.Fatalf("tied %t: within 1000 steps %+v %v", tied, few, err)
		}
	}
}

func TestQuestionsOutOfBounds(t *testing.T) {
	good := offer("a", "credit_loan", 1, 10, 50, 400)
	for name, c := range map[string]struct {
		need  Need
		list  []Candidate
		steps int
	}{
		"nothing asked":       {Need{0, 1, nil}, nil, 1},
		"too much asked":      {Need{AmountMax + 1, 1, nil}, nil, 1},
		"least above open":    {Need{10, 11, nil}, nil, 1},
		"no steps":            {Need{10, 1, nil}, nil, 0},
		"too many candidates": {Need{10, 1, nil}, make([]Candidate, CandidatesMax+1), 1},
		"the same offer":      {Need{10, 1, nil}, []Candidate{good, good}, 1},
		"least of nothing":    {Need{10, 1, nil}, []Candidate{offer("a", "credit_loan", 0, 10, 0, 0)}, 1},
		"a score too high":    {Need{10, 1, nil}, []Candidate{offer("a", "credit_loan", 1, 10, PointsMax+1, 0)}, 1},
	} {
		if _, err := Best(shipped(t), c.need, c.list, c.steps); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRuleSetsRefused(t *testing.T) {
	body, err := contracts.Rules().Open("stack.2024-06-28.json")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	info, _ := body.Stat()
	data := make([]byte, info.Size())
	if _, err := body.Read(data); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"leasing", "instruments": ["leasing"]`:   `"leasing", "instruments": ["leasing", "credit_loan"]`,
		`"instruments": ["leasing"]`:              `"instruments": ["leasign"]`,
		`"classes": ["equity", "loan"]`:           `"classes": ["equity", "lone"]`,
		`"most_percent": 60`:                      `"most_percent": 101`,
		`"least_percent": 80`:                     `"least_percent": 0`,
		`"instruments": ["ma_loan"]`:              `"instruments": ["ma_loan", "guaranteed_loan", "leasing"], "share_": 1`,
		`"of": ["guaranteed_loan"]`:               `"of": ["guaranteed_loan", "tech_bond"]`,
		`"of": ["tech_bond", "tech_bond_private"`: `"of": ["guarantee", "tech_bond_private"`,
	} {
		changed := strings.Replace(string(data), from, to, 1)
		if changed == string(data) {
			t.Errorf("%s is not in the file", from)
		}
		if _, err := Load(fstest.MapFS{"stack.2024-06-28.json": {Data: []byte(changed)}}); err == nil {
			t.Errorf("accepted: %s", to)
		}
	}
	crossing := shipped(t)
	other := *crossing
	other.Shares = append(other.Shares[:1:1], Share{Share: "x", Instruments: []string{"guaranteed_loan", "ma_loan"}, MostPercent: 50, Source: other.Shares[0].Source})
	other.Supports[0].Of = []string{"guaranteed_loan", "credit_loan"}
	if err := other.Follows(nil); err == nil || !strings.Contains(err.Error(), "cross") {
		t.Errorf("groups that cross: %v", err)
	}
}

func BenchmarkBest(b *testing.B) {
	for name, tied := range map[string]bool{"hard": false, "hard, all tied": true} {
		need, candidates := hard(1, tied)
		b.Run(name, func(b *testing.B) {
			steps := 0
			for b.Loop() {
				r, err := Best(shipped(b), need, candidates, StepsMax)
				if err != nil {
					b.Fatal(err)
				}
				steps = r.Steps
			}
			b.ReportMetric(float64(steps), "sets")
		})
	}
	b.Run("usual", func(b *testing.B) {
		random := rand.New(rand.NewPCG(1, 2))
		need := Need{Open: 1_000_000_00, Least: 1, Instruments: []string{"vc_equity", "credit_loan", "guaranteed_loan"}}
		var list []Candidate
		for i := range CandidatesMax {
			most := 20_000_000 + random.Int64N(40_000_000)
			list = append(list, offer(fmt.Sprint(i), []string{"vc_equity", "credit_loan", "guaranteed_loan", "guarantee"}[i%4], most/10, most, 40+random.Int64N(60), 300+random.Int64N(300)))
		}
		rules := shipped(b)
		for b.Loop() {
			if _, err := Best(rules, need, list, StepsMax); err != nil {
				b.Fatal(err)
			}
		}
	})
}
