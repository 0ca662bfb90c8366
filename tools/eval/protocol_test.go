package eval

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// watcher notes what it was shown and asked.
type watcher struct {
	learnt  []string
	asked   map[string][]string
	learned map[string][]string // before each question
	saw     []string            // firms in the rounds it was asked about
}

func (*watcher) Name() string     { return "watcher" }
func (w *watcher) Learn(r *Round) { w.learnt = append(w.learnt, r.ID) }
func (w *watcher) Rank(r *Round, candidates []string) []int64 {
	w.asked[r.ID], w.learned[r.ID] = candidates, slices.Clone(w.learnt)
	w.saw = append(w.saw, r.Firms...)
	return make([]int64, len(candidates))
}

func TestProtocol(t *testing.T) {
	s := &Set{Rounds: []*Round{
		made("R1", 100, "x", "a", "b"),
		made("R2", 101, "y", "a", "c"),
		made("R3", 102, "z", "b", "a"),
		made("R4", 102, "x", "c", "a"), // R3 is of the same day: no history
		made("R5", 103, "x", "b", "c"), // a, b and c have backed x; d is unknown
		made("R6", 103, "w", "c", "d"),
		made("R7", 104, "w", "e"), // nobody of it is a candidate
	}}
	w := &watcher{asked: map[string][]string{}, learned: map[string][]string{}}
	rankings := s.Run([]Ranker{w}, func(r *Round) bool { return r.ID >= "R3" })[0]
	for id, want := range map[string][]string{"R3": {"a"}, "R4": nil, "R5": nil, "R6": {"a", "b", "c"}, "R7": {"a", "b"}} {
		if !slices.Equal(w.asked[id], want) {
			t.Errorf("%s: candidates %v, not %v", id, w.asked[id], want)
		}
	}
	for id, want := range map[string][]string{"R3": {"R1", "R2"}, "R4": {"R1", "R2"}, "R5": {"R1", "R2", "R3", "R4"}, "R7": {"R1", "R2", "R3", "R4", "R5", "R6"}} {
		if !slices.Equal(w.learned[id], want) {
			t.Errorf("%s: learnt from %v, not %v", id, w.learned[id], want)
		}
	}
	if len(w.saw) > 0 {
		t.Errorf("the ranker was shown the outcome: %v", w.saw)
	}
	for i, want := range []struct {
		counted bool
		backers []int
	}{{true, []int{1}}, {false, nil}, {false, nil}, {true, []int{3}}, {false, nil}} {
		if r := rankings[i]; r.Counted != want.counted || !slices.Equal(r.Real, want.backers) {
			t.Errorf("%s: counted %v with places %v", r.Round.ID, r.Counted, r.Real)
		}
	}
}

// Whatever happens on a day or later, the rankings of that day and of all days before it stay the same; and what happened before
// changes them, or the test could not fail.
func TestNoLookAhead(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	t.Run("made", func(t *testing.T) { lookAhead(t, market(seed), seed) })
	t.Run("real", func(t *testing.T) { lookAhead(t, realSet(t), seed) })
}

func lookAhead(t *testing.T, s *Set, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 9))
	day := s.Rounds[len(s.Rounds)*(60+random.IntN(30))/100].Day
	window := func(r *Round) bool { return r.Day <= day && r.Day > day-40 }
	before := s.Run(everyRanker(t), window)

	future := s.copied()
	for _, r := range future.Rounds { // of the day itself only the outcome changes: the demand is what is asked about
		if r.Day == day {
			r.Firms = []string{"somebody else"}
		}
	}
	future.shuffleFrom(day+1, random)
	after := future.Run(everyRanker(t), window)
	if len(before[0]) == 0 {
		t.Fatal("nothing was ranked")
	}
	for i := range before {
		for j := range before[i] {
			if a, b := before[i][j], after[i][j]; !slices.Equal(a.Firms, b.Firms) {
				t.Fatalf("ranker %d, round %s of %s: the future from day %d changed the ranking", i, a.Round.ID, a.Round.Date, day)
			}
		}
	}

	past := s.copied()
	past.shuffleFrom(day-200, random)
	changed := past.Run(everyRanker(t)[:1], window)
	if slices.EqualFunc(before[0], changed[0], func(a, b Ranking) bool { return slices.Equal(a.Firms, b.Firms) }) {
		t.Error("the past does not change the ranking either")
	}
}

func TestSameSeedSameReport(t *testing.T) {
	rules, set := scoringRules(t)
	a, b := market(3).Evaluate("valid", rules, set, 5), market(3).Evaluate("valid", rules, set, 5)
	for i := range a.Rows {
		for metric, v := range a.Rows[i].Metrics {
			if b.Rows[i].Metrics[metric] != v || a.Rows[i].Ahead[metric] != b.Rows[i].Ahead[metric] {
				t.Errorf("%s: %s differs between two runs", a.Rows[i].Name, metric)
			}
		}
	}
	if a.Asked != 100 || a.Counted == 0 || a.Counted > a.Asked {
		t.Errorf("%d rounds, %d counted", a.Asked, a.Counted)
	}
}
