package eval

import "math"

// Metrics of a ranker over counted rounds. Each is a mean over rounds, within 0 and 1.
type Metrics struct {
	Rounds int
	Values [MetricCount]float64
}

// Metric is one measure of a ranking.
type Metric int

// Metrics.
const (
	Hit10  Metric = iota // a real firm is among the first 10
	Hit20                // a real firm is among the first 20
	MRR                  // 1 / place of the first real firm
	NDCG20               // discounted gain of the first 20 over that of the best possible order
	MetricCount
)

// MetricNames head the tables.
var MetricNames = [MetricCount]string{"hit@10", "hit@20", "MRR", "nDCG@20"}

const ndcgPlaces = 20

// of measures one counted ranking.
func of(r *Ranking) [MetricCount]float64 {
	first := r.Real[0]
	var m [MetricCount]float64
	if first <= 10 {
		m[Hit10] = 1
	}
	if first <= 20 {
		m[Hit20] = 1
	}
	m[MRR] = 1 / float64(first)
	var gain, best float64
	for i, place := range r.Real {
		if place <= ndcgPlaces {
			gain += 1 / math.Log2(float64(place)+1)
		}
		if i < ndcgPlaces {
			best += 1 / math.Log2(float64(i)+2)
		}
	}
	m[NDCG20] = gain / best
	return m
}

// each gives the metrics of each counted ranking.
func each(rankings []Ranking) [][MetricCount]float64 {
	var list [][MetricCount]float64
	for i := range rankings {
		if rankings[i].Counted {
			list = append(list, of(&rankings[i]))
		}
	}
	return list
}

// Measure averages over the counted rankings; without any, all values are 0.
func Measure(rankings []Ranking) Metrics {
	list := each(rankings)
	m := Metrics{Rounds: len(list)}
	for _, one := range list {
		for k, v := range one {
			m.Values[k] += v / float64(len(list))
		}
	}
	return m
}
