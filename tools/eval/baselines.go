package eval

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
)

// Baselines are what a ranking must beat. None of them has a parameter that was chosen by trying.
func Baselines(seed uint64) []Ranker {
	return []Ranker{&chance{seed}, &popularity{}, &recent{}, &frequency{}, &neighbours{}}
}

// chance draws an order for each round from the seed and the round's id.
type chance struct{ seed uint64 }

func (*chance) Name() string { return "random" }
func (*chance) Learn(*Round) {}

func (c *chance) Rank(r *Round, candidates []string) []int64 {
	h := fnv.New64a()
	h.Write([]byte(r.ID))
	random := rand.New(rand.NewPCG(c.seed, h.Sum64()))
	scores := make([]int64, len(candidates))
	for i := range scores {
		scores[i] = random.Int64()
	}
	return scores
}

// popularity is the number of earlier rounds.
type popularity struct{ rounds map[string]int64 }

func (*popularity) Name() string { return "popularity" }

func (p *popularity) Learn(r *Round) {
	if p.rounds == nil {
		p.rounds = make(map[string]int64)
	}
	for _, firm := range r.Firms {
		p.rounds[firm]++
	}
}

func (p *popularity) Rank(_ *Round, candidates []string) []int64 {
	scores := make([]int64, len(candidates))
	for i, firm := range candidates {
		scores[i] = p.rounds[firm]
	}
	return scores
}

// recent is the number of rounds in the half year before the day, then of all.
type recent struct{ days map[string][]int }

const recentDays = 182

func (*recent) Name() string { return "recent popularity" }

func (p *recent) Learn(r *Round) {
	if p.days == nil {
		p.days = make(map[string][]int)
	}
	for _, firm := range r.Firms {
		p.days[firm] = append(p.days[firm], r.Day)
	}
}

func (p *recent) Rank(r *Round, candidates []string) []int64 {
	scores := make([]int64, len(candidates))
	for i, firm := range candidates {
		days := p.days[firm]
		from, _ := slices.BinarySearch(days, r.Day-recentDays)
		scores[i] = int64(len(days)-from)*roundsMax + int64(len(days))
	}
	return scores
}

// frequency is how often the firm did the sector, the city and the stage, added up, then all its rounds.
type frequency struct{ rounds map[string][]*Round }

func (*frequency) Name() string { return "sector+city+stage frequency" }

func (f *frequency) Learn(r *Round) {
	if f.rounds == nil {
		f.rounds = make(map[string][]*Round)
	}
	for _, firm := range r.Firms {
		f.rounds[firm] = append(f.rounds[firm], r)
	}
}

func (f *frequency) Rank(r *Round, candidates []string) []int64 {
	scores := make([]int64, len(candidates))
	for i, firm := range candidates {
		earlier := f.rounds[firm]
		for _, e := range earlier {
			scores[i] += alike(e, r) * roundsMax
		}
		scores[i] += int64(len(earlier))
	}
	return scores
}

// alike counts what two rounds share of sector, city and stage.
func alike(a, b *Round) int64 {
	var n int64
	for _, pair := range [...][2]string{{a.Sector, b.Sector}, {a.City, b.City}, {a.Stage, b.Stage}} {
		if pair[0] != "" && pair[0] == pair[1] {
			n++
		}
	}
	return n
}

// neighbours lets the 100 most similar earlier rounds, the latest first among equals, vote for their firms, each with its similarity;
// then all rounds count.
type neighbours struct {
	popularity
	rounds []*Round
}

const neighboursMax = 100

func (*neighbours) Name() string { return "nearest neighbours" }

func (n *neighbours) Learn(r *Round) {
	n.popularity.Learn(r)
	n.rounds = append(n.rounds, r)
}

func (n *neighbours) Rank(r *Round, candidates []string) []int64 {
	type near struct {
		round *Round
		alike int64
	}
	nearest := make([]near, 0, len(n.rounds))
	for _, e := range slices.Backward(n.rounds) {
		similarity := alike(e, r)
		if e.Amount != nil && r.Amount != nil && e.Amount.Minor <= 2*r.Amount.Minor && r.Amount.Minor <= 2*e.Amount.Minor {
			similarity++
		}
		if len(e.Firms) > 0 && similarity > 0 {
			nearest = append(nearest, near{e, similarity})
		}
	}
	slices.SortStableFunc(nearest, func(a, b near) int { return cmp.Compare(b.alike, a.alike) })
	votes := make(map[string]int64)
	for _, e := range nearest[:min(len(nearest), neighboursMax)] {
		for _, firm := range e.round.Firms {
			votes[firm] += e.alike
		}
	}
	scores := n.popularity.Rank(r, candidates)
	for i, firm := range candidates {
		scores[i] += votes[firm] * roundsMax
	}
	return scores
}
