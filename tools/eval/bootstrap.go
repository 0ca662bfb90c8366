package eval

import (
	"math/rand/v2"
	"slices"
)

// Interval is a difference of two means over the same rounds, with the interval that holds 95 of 100 resamplings of the rounds.
type Interval struct {
	Difference float64 `json:"difference"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
}

// resamplings of the rounds, with replacement.
const resamplings = 2000

// Compare gives, by metric, how much better the first ranking is than the second on the same rounds. Rounds are resampled in
// pairs, so that what makes a round hard for both does not widen the interval.
func Compare(a, b []Ranking, seed uint64) [MetricCount]Interval {
	return compare(each(a), each(b), seed)
}

func compare(a, b [][MetricCount]float64, seed uint64) [MetricCount]Interval {
	var out [MetricCount]Interval
	n := len(a)
	if n == 0 || n != len(b) {
		return out
	}
	random := rand.New(rand.NewPCG(seed, 0x626f6f74))
	var means [MetricCount][]float64
	for range resamplings {
		var sum [MetricCount]float64
		for range n {
			i := random.IntN(n)
			for k := range sum {
				sum[k] += a[i][k] - b[i][k]
			}
		}
		for k := range sum {
			means[k] = append(means[k], sum[k]/float64(n))
		}
	}
	for k := range out {
		for i := range a {
			out[k].Difference += (a[i][k] - b[i][k]) / float64(n)
		}
		slices.Sort(means[k])
		out[k].Low, out[k].High = means[k][resamplings*25/1000], means[k][resamplings*975/1000]
	}
	return out
}
