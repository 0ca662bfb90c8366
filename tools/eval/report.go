package eval

import (
	"bufio"
	"encoding/csv"
	"io"
	"slices"
	"strconv"

	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// Report is how the product ranked one split, beside the baselines.
type Report struct {
	Split   string          `json:"split"`
	Seed    uint64          `json:"seed"`
	RuleSet string          `json:"appetite"`      // id of the appetite set
	Hash    string          `json:"appetite_hash"` // SHA-256 of its file
	Asked   int             `json:"rounds"`        // of the split
	Counted int             `json:"counted"`       // with a real firm among the candidates
	Rows    []Row           `json:"rankings"`
	Folds   []appetite.Fold `json:"folds"` // of the train split, as measured when the set was fitted

	Rankings []Ranking `json:"-"` // the product's
}

// Row is one ranking, best known first. Ahead tells how far the product is ahead of it; it is empty in the product's own row.
type Row struct {
	Name    string              `json:"name"`
	Metrics map[string]float64  `json:"metrics"`
	Ahead   map[string]Interval `json:"ahead,omitempty"`
}

// Splits are the parts of the set that are measured: all but the train split, by first day.
func (s *Set) Splits() []string {
	var list []string
	for _, r := range s.Rounds {
		if r.Split != Train && !slices.Contains(list, r.Split) {
			list = append(list, r.Split)
		}
	}
	return list
}

// Evaluate ranks the rounds of a split by the product and by the baselines. The seed feeds the random baseline and the intervals.
func (s *Set) Evaluate(split string, rules *matcher.RuleSets, set *appetite.Set, seed uint64) *Report {
	rankers := append([]Ranker{NewProduct(rules, set), NewProduct(rules, nil)}, Baselines(seed)...)
	results := s.Run(rankers, func(r *Round) bool { return r.Split == split })
	report := &Report{Split: split, Seed: seed, RuleSet: set.ID, Hash: set.Hash, Asked: len(results[0]), Folds: set.Measured.Folds, Rankings: results[0]}
	for i, ranker := range rankers {
		m := Measure(results[i])
		report.Counted = m.Rounds
		row := Row{Name: ranker.Name(), Metrics: make(map[string]float64)}
		for k, name := range MetricNames {
			row.Metrics[name] = m.Values[k]
		}
		if i > 0 {
			row.Ahead = make(map[string]Interval)
			for k, interval := range Compare(results[0], results[i], seed) {
				row.Ahead[MetricNames[k]] = interval
			}
		}
		report.Rows = append(report.Rows, row)
	}
	return report
}

// WriteRanks writes every place of every ranking as CSV: round_id, rank (from 1), investor. Rounds that do not count are there too, so
// that others can apply the protocol by themselves.
func WriteRanks(w io.Writer, rankings []Ranking) error {
	buffered := bufio.NewWriter(w)
	out := csv.NewWriter(buffered)
	if err := out.Write([]string{"round_id", "rank", "investor"}); err != nil {
		return err
	}
	for i := range rankings {
		for place, firm := range rankings[i].Firms {
			if err := out.Write([]string{rankings[i].Round.ID, strconv.Itoa(place + 1), firm}); err != nil {
				return err
			}
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return err
	}
	return buffered.Flush()
}
