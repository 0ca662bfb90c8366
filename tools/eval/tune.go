package eval

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// Folds are stretches of equal length at the end of the train split; each is ranked with weights fitted on what came before it.
const (
	foldCount    = 4
	foldDays     = 91
	burnInDays   = 120 // from the first day on nothing is fitted: hardly any firm has a past
	samplesLeast = 30  // before the first fold, and in each fold
)

// ErrTooSmall says that the train split does not reach over all folds.
var ErrTooSmall = errors.New("the train split is too small to be cut into folds")

// tuner holds what does not change while parameters are tried.
type tuner struct {
	set   *Set // the train split alone
	rules *matcher.RuleSets
	ruled [][]int64          // what the rules give each candidate, by round
	cuts  [foldCount + 1]int // first day of each fold, and the day after the last
}

// Tune chooses the parameters of an appetite set on the train split of a data set: no round of another split is looked at. Half-
// lives, priors and nearness are tried one after the other, each kept when the folds' rounds become likelier; then the weights are
// fitted on the whole train split. The result carries the folds' measurements. Progress goes to log.
func Tune(data *Set, rules *matcher.RuleSets, start appetite.Set, log io.Writer) (*appetite.Set, error) {
	return tune(data, rules, start, knobs, log)
}

func tune(data *Set, rules *matcher.RuleSets, start appetite.Set, knobs []knob, log io.Writer) (*appetite.Set, error) {
	t, err := newTuner(data, rules)
	if err != nil {
		return nil, err
	}
	best := start
	samples := t.samples(&best)
	if err := t.enough(samples); err != nil {
		return nil, err
	}
	likeliest := t.folds(samples)
	fmt.Fprintf(log, "start: log-likelihood of a round in the folds %.4f\n", likeliest)
	for pass := 1; ; pass++ {
		improved := false
		for _, k := range knobs {
			for _, option := range k.options {
				tried := best
				if !k.set(&tried.Parameters, option) {
					continue
				}
				if l := t.folds(t.samples(&tried)); l > likeliest+leastGain {
					likeliest, best, improved = l, tried, true
					fmt.Fprintf(log, "pass %d: %s %d: %.4f\n", pass, k.name, option, l)
				}
			}
		}
		if !improved || pass == passesMax {
			break
		}
	}
	return t.weigh(best), nil
}

// refit gives a set's weights and measurements anew, its other parameters staying as they are.
func refit(data *Set, rules *matcher.RuleSets, set appetite.Set) (*appetite.Set, error) {
	t, err := newTuner(data, rules)
	if err != nil {
		return nil, err
	}
	return t.weigh(set), nil
}

func newTuner(data *Set, rules *matcher.RuleSets) (*tuner, error) {
	t := &tuner{set: data.only(Train), rules: rules}
	if len(t.set.Rounds) == 0 {
		return nil, ErrTooSmall
	}
	last := t.set.Rounds[len(t.set.Rounds)-1].Day
	for i := range t.cuts {
		t.cuts[i] = last + 1 - (foldCount-i)*foldDays
	}
	t.judge()
	return t, nil
}

// weigh fits the weights on the whole train split.
func (t *tuner) weigh(set appetite.Set) *appetite.Set {
	set.Weights = weighed(fit(t.samples(&set)))
	set.Measured = t.measure(set)
	return &set
}

const (
	leastGain = 0.0005
	passesMax = 3
)

// only is the rounds of one split.
func (s *Set) only(split string) *Set {
	out := &Set{}
	for _, r := range s.Rounds {
		if r.Split == split {
			out.Rounds = append(out.Rounds, r)
		}
	}
	return out
}

func (t *tuner) wanted(r *Round) bool { return r.Day >= t.set.Rounds[0].Day+burnInDays }

// judge scores every candidate of every round by the rules, once: no parameter of the appetite changes that.
func (t *tuner) judge() {
	alone := NewProduct(t.rules, nil)
	t.set.asked(t.wanted, alone.Learn, func(r *Round, candidates, backers []string) {
		if len(backers) == 0 {
			t.ruled = append(t.ruled, nil)
			return
		}
		t.ruled = append(t.ruled, alone.Rank(r, candidates))
	})
}

// samples are the counted rounds under some parameters.
func (t *tuner) samples(set *appetite.Set) []sample {
	var list []sample
	book := appetite.NewBook(set)
	learn := func(r *Round) {
		for _, firm := range r.Firms {
			book.Add(appetite.Outcome{Institution: firm, Kind: appetite.Disbursed, Day: r.Day, Subject: subjectOf(r)})
		}
	}
	n := -1
	t.set.asked(t.wanted, learn, func(r *Round, candidates, backers []string) {
		if n++; len(backers) == 0 {
			return
		}
		asked := book.Ask(subjectOf(r), r.Day)
		s := sample{day: r.Day, inputs: make([][inputs]float64, len(candidates))}
		for i, firm := range candidates {
			for k, l := range asked.Lifts(firm) {
				s.inputs[i][k] = float64(l) / appetite.Doubling
			}
			s.inputs[i][appetite.TermCount] = float64(t.ruled[n][i])
		}
		for _, firm := range backers {
			i, _ := slices.BinarySearch(candidates, firm)
			s.backers = append(s.backers, i)
		}
		list = append(list, s)
	})
	return list
}

// split gives the samples before a fold and those in it.
func (t *tuner) split(samples []sample, fold int) (before, in []sample) {
	at := func(day int) int {
		i, _ := slices.BinarySearchFunc(samples, day, func(s sample, day int) int { return s.day - day })
		return i
	}
	first, end := at(t.cuts[fold]), at(t.cuts[fold+1])
	return samples[:first], samples[first:end]
}

func (t *tuner) enough(samples []sample) error {
	for fold := range foldCount {
		if before, in := t.split(samples, fold); len(before) < samplesLeast || len(in) < samplesLeast {
			return fmt.Errorf("%w: %d counted rounds before fold %d and %d in it, at least %d are needed", ErrTooSmall, len(before), fold+1, len(in), samplesLeast)
		}
	}
	return nil
}

// folds is the mean log-likelihood of the rounds of all folds, each under the weights of what came before it.
func (t *tuner) folds(samples []sample) float64 {
	var sum, rounds float64
	for fold := range foldCount {
		before, in := t.split(samples, fold)
		weights := fit(before)
		sum += likelihood(in, &weights) * float64(len(in))
		rounds += float64(len(in))
	}
	return sum / rounds
}

// pointsOfUnit is how many points a weight of 1 is: a thousand points make a firm e times likelier than another.
const pointsOfUnit = 1000

// rulesLeast is how many points a point of the rules is worth at least. In these sets the rules' preferences are read off the same
// rounds as the outcomes and add nothing to them, so the fit leaves them out; in the product they are the institution's own word.
// At 10 the whole of the rules weighs about as much as doing the like of a demand four times as often. Measured on the folds it
// costs 0.003 of hit@20 and 0.002 of MRR; 20 would cost 0.007 of MRR.
const rulesLeast = 10

// weighed rounds fitted weights to points.
func weighed(w [inputs]float64) appetite.Weights {
	points := func(k int) int { return int(math.Round(w[k] * pointsOfUnit)) }
	return appetite.Weights{
		Active: points(int(appetite.Active)), Recent: points(int(appetite.Recent)), Industry: points(int(appetite.Industry)),
		Place: points(int(appetite.Place)), Stage: points(int(appetite.Stage)), Size: points(int(appetite.Size)),
		Undeclared: points(int(appetite.Undeclared)), Alike: points(int(appetite.Alike)),
		Rules: max(rulesLeast, points(int(appetite.TermCount))),
	}
}

// measure ranks each fold through the product itself, with the weights of what came before the fold.
func (t *tuner) measure(set appetite.Set) appetite.Measured {
	samples := t.samples(&set)
	m := appetite.Measured{
		Method: "jieli eval tune", Until: string(t.set.Rounds[len(t.set.Rounds)-1].Date), Rounds: len(samples),
	}
	for fold := range foldCount {
		before, _ := t.split(samples, fold)
		set.Weights = weighed(fit(before))
		wanted := func(r *Round) bool { return r.Day >= t.cuts[fold] && r.Day < t.cuts[fold+1] }
		results := t.set.Run([]Ranker{NewProduct(t.rules, &set), &popularity{}}, wanted)
		own, popular := Measure(results[0]), Measure(results[1])
		m.Folds = append(m.Folds, appetite.Fold{
			From: day(t.cuts[fold]), To: day(t.cuts[fold+1] - 1), Rounds: own.Rounds,
			Hit20PPM: ppm(own.Values[Hit20]), MRRPPM: ppm(own.Values[MRR]),
			PopularHit20PPM: ppm(popular.Values[Hit20]), PopularMRRPPM: ppm(popular.Values[MRR]),
		})
	}
	return m
}

func ppm(share float64) int { return int(math.Round(share * 1_000_000)) }

func day(n int) string { return time.Unix(int64(n)*86_400, 0).UTC().Format(time.DateOnly) }
