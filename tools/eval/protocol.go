package eval

import "slices"

// Ranker orders candidates. It is shown every round of the past once, in order, before it is asked about a later day.
type Ranker interface {
	// Name says which ranking it is, in the tables.
	Name() string
	// Learn takes in a round with its firms. Its day is before that of any Rank that follows.
	Learn(r *Round)
	// Rank gives each candidate a score; higher is better, equal ones are ordered by name. The round is without its firms.
	Rank(r *Round, candidates []string) []int64
}

// Ranking is how the candidates of one round were ordered.
type Ranking struct {
	Round   *Round
	Firms   []string // all candidates, best first
	Real    []int    // places, from 1, of the firms that really invested, ascending
	Counted bool     // one of the round's firms is a candidate
}

// past is what the protocol itself remembers.
type past struct {
	rounds  map[string]int                 // of each firm
	backers map[string]map[string]struct{} // of each company
}

// candidatesLeast is how many earlier rounds a firm needs to be ranked.
const candidatesLeast = 2

// candidates are the firms that may be ranked for a company, by name.
func (p *past) candidates(company string) []string {
	var list []string
	for firm, n := range p.rounds {
		if _, backed := p.backers[company][firm]; n >= candidatesLeast && !backed {
			list = append(list, firm)
		}
	}
	slices.Sort(list)
	return list
}

func (p *past) learn(r *Round) {
	for _, firm := range r.Firms {
		p.rounds[firm]++
		if p.backers[r.Company] == nil {
			p.backers[r.Company] = make(map[string]struct{})
		}
		p.backers[r.Company][firm] = struct{}{}
	}
}

// asked walks a set by day. Before each round that is wanted, learn has been called for every round of an earlier day and for no
// other; ask gets the round without its firms, and apart from it those of its firms that are candidates.
func (s *Set) asked(wanted func(*Round) bool, learn func(*Round), ask func(r *Round, candidates, backers []string)) {
	p := &past{rounds: make(map[string]int), backers: make(map[string]map[string]struct{})}
	next := 0
	for _, r := range s.Rounds {
		for s.Rounds[next].Day < r.Day {
			p.learn(s.Rounds[next])
			learn(s.Rounds[next])
			next++
		}
		if !wanted(r) {
			continue
		}
		candidates := p.candidates(r.Company)
		backers := slices.DeleteFunc(slices.Clone(r.Firms), func(firm string) bool {
			_, is := slices.BinarySearch(candidates, firm)
			return !is
		})
		blind := *r
		blind.Firms = nil
		ask(&blind, candidates, backers)
	}
}

// Run ranks every wanted round by every ranker; the result is by ranker, then by round.
func (s *Set) Run(rankers []Ranker, wanted func(*Round) bool) [][]Ranking {
	results := make([][]Ranking, len(rankers))
	learn := func(r *Round) {
		for _, ranker := range rankers {
			ranker.Learn(r)
		}
	}
	s.asked(wanted, learn, func(r *Round, candidates, backers []string) {
		for i, ranker := range rankers {
			firms := sorted(candidates, ranker.Rank(r, candidates))
			results[i] = append(results[i], Ranking{Round: r, Firms: firms, Real: places(firms, backers), Counted: len(backers) > 0})
		}
	})
	return results
}

// sorted orders candidates by score, equal ones by name.
func sorted(candidates []string, scores []int64) []string {
	order := make([]int, len(candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { // candidates come by name
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	firms := make([]string, len(order))
	for i, c := range order {
		firms[i] = candidates[c]
	}
	return firms
}

func places(firms, backers []string) []int {
	var list []int
	for i, firm := range firms {
		if _, is := slices.BinarySearch(backers, firm); is {
			list = append(list, i+1)
		}
	}
	return list
}
