package eval

import (
	"math"

	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// inputs are what a candidate's score is a weighted sum of: the lifts of appetite, then the score by the rules.
const inputs = int(appetite.TermCount) + 1

// sample is one counted round of the past: its candidates' inputs, and which of them really invested.
type sample struct {
	day     int
	inputs  [][inputs]float64
	backers []int
}

// penalty holds weights of standardised inputs near 0, as so many rounds of evidence against them.
const penalty = 3

const (
	newtonSteps = 30
	stillStep   = 1e-9 // of a standardised weight
	tinySpread  = 1e-9
)

// fit finds the non-negative weights under which the firms that really invested are likeliest to be drawn from the candidates
// (conditional logit, each round counting once). An input that would get a negative weight is left out, the worst first.
func fit(samples []sample) [inputs]float64 {
	spread := spreads(samples)
	scaled := make([]sample, len(samples))
	for i, s := range samples {
		scaled[i] = sample{inputs: make([][inputs]float64, len(s.inputs)), backers: s.backers}
		for j := range s.inputs {
			for k := range inputs {
				scaled[i].inputs[j][k] = s.inputs[j][k] / spread[k]
			}
		}
	}
	var used []int
	for k := range inputs {
		used = append(used, k)
	}
	for {
		weights := fitUsed(scaled, used)
		worst := -1
		for i, k := range used {
			if weights[k] < 0 && (worst < 0 || weights[k] < weights[used[worst]]) {
				worst = i
			}
		}
		if worst < 0 {
			for k := range weights {
				weights[k] /= spread[k]
			}
			return weights
		}
		used = append(used[:worst], used[worst+1:]...)
	}
}

// slope is the first and, negated, the second derivative of the log-likelihood; of the second the lower half.
type slope struct {
	gradient  [inputs]float64
	curvature [inputs][inputs]float64
}

// fitUsed maximises the penalised likelihood over some standardised inputs by Newton's method; the others have weight 0.
func fitUsed(samples []sample, used []int) [inputs]float64 {
	var weights [inputs]float64
	for range newtonSteps {
		var at slope
		for i := range samples {
			at.add(&samples[i], &weights)
		}
		gradient := make([]float64, len(used))
		curvature := make([][]float64, len(used))
		for a, k := range used {
			gradient[a] = at.gradient[k] - penalty*weights[k]
			curvature[a] = make([]float64, len(used))
			for b, l := range used {
				curvature[a][b] = at.curvature[max(k, l)][min(k, l)]
			}
			curvature[a][a] += penalty
		}
		var longest float64
		for a, step := range solve(curvature, gradient) {
			weights[used[a]] += step
			longest = max(longest, math.Abs(step))
		}
		if longest < stillStep {
			break
		}
	}
	return weights
}

// spreads are the standard deviations of the inputs among the candidates of a round.
func spreads(samples []sample) [inputs]float64 {
	var spread [inputs]float64
	for i := range samples {
		s := &samples[i]
		n := float64(len(s.inputs))
		for k := range inputs {
			var mean, square float64
			for _, x := range s.inputs {
				mean += x[k] / n
				square += x[k] * x[k] / n
			}
			spread[k] += max(0, square-mean*mean) / float64(len(samples))
		}
	}
	for k := range spread {
		spread[k] = math.Sqrt(spread[k]) + tinySpread
	}
	return spread
}

func (at *slope) add(s *sample, weights *[inputs]float64) {
	chance := s.chances(weights)
	var mean [inputs]float64
	for i := range s.inputs {
		x, p := &s.inputs[i], chance[i]
		for k := range inputs {
			px := p * x[k]
			mean[k] += px
			for l := range k + 1 {
				at.curvature[k][l] += px * x[l]
			}
		}
	}
	for k := range inputs {
		for l := range k + 1 {
			at.curvature[k][l] -= mean[k] * mean[l]
		}
	}
	for _, i := range s.backers {
		for k := range inputs {
			at.gradient[k] += (s.inputs[i][k] - mean[k]) / float64(len(s.backers))
		}
	}
}

// chances are the probabilities that each candidate is drawn.
func (s *sample) chances(weights *[inputs]float64) []float64 {
	list := make([]float64, len(s.inputs))
	highest := math.Inf(-1)
	for i := range s.inputs {
		for k, w := range weights {
			list[i] += w * s.inputs[i][k]
		}
		highest = max(highest, list[i])
	}
	var sum float64
	for i := range list {
		list[i] = math.Exp(list[i] - highest)
		sum += list[i]
	}
	for i := range list {
		list[i] /= sum
	}
	return list
}

// likelihood is the mean logarithm of the chance of the firms that really invested, over all samples.
func likelihood(samples []sample, weights *[inputs]float64) float64 {
	var sum float64
	for i := range samples {
		chance := samples[i].chances(weights)
		for _, b := range samples[i].backers {
			sum += math.Log(chance[b]) / float64(len(samples[i].backers))
		}
	}
	return sum / float64(len(samples))
}

// solve solves a positive definite system by elimination, in place; the penalty on the diagonal keeps it well away from singular.
func solve(a [][]float64, b []float64) []float64 {
	n := len(b)
	for i := range n {
		for j := i + 1; j < n; j++ {
			factor := a[j][i] / a[i][i]
			for k := i; k < n; k++ {
				a[j][k] -= factor * a[i][k]
			}
			b[j] -= factor * b[i]
		}
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= a[i][k] * b[k]
		}
		b[i] /= a[i][i]
	}
	return b
}
