package stack

import (
	"cmp"
	"slices"
)

// problem is one question made ready.
type problem struct {
	rules    *RuleSet
	need     Need
	required []bool // by support
	groups   []group
	items    []item
	most     [CandidatesMax + 1][LayersMax + 1]int64 // most money of so many items from a place on
	steps    int

	best     worth
	bestSet  set
	found    bool
	looked   int
	unlooked bool
	bound    [2]int64 // covered and score of what was not looked at
}

// Best finds the best stack within a number of steps, 1 to StepsMax; with StepsMax it is always proved. Candidates whose instruments
// the rules do not know, or the demand does not ask for, are left out.
func Best(rules *RuleSet, need Need, candidates []Candidate, steps int) (*Result, error) {
	if err := check(&need, candidates, steps); err != nil {
		return nil, err
	}
	p := &problem{rules: rules, need: need, steps: steps}
	p.prepare(candidates)
	p.descend(set{}, 0, ^uint64(0), 0)
	return p.result(), nil
}

func (p *problem) prepare(candidates []Candidate) {
	for i := range p.rules.Shares {
		share := &p.rules.Shares[i]
		p.groups = append(p.groups, group{share.Instruments, p.need.Open * int64(share.MostPercent) / 100, -1})
	}
	for i := range p.rules.Supports {
		support := &p.rules.Supports[i]
		p.groups = append(p.groups, group{support.Of, -1, i})
		p.required = append(p.required, support.requiredFor(p.need.Instruments))
	}
	money, supports := p.rules.Wanted(p.need.Instruments)
	for i := range candidates {
		c := &candidates[i]
		it := item{Candidate: c, support: -1}
		switch {
		case slices.Contains(money, c.Instrument) && c.Least <= p.need.Open:
			for g := range p.groups {
				if slices.Contains(p.groups[g].instruments, c.Instrument) {
					it.groups |= 1 << g
				}
			}
		case slices.Contains(supports, c.Instrument):
			it.support = p.rules.support(c.Instrument)
		default:
			continue
		}
		p.items = append(p.items, it)
	}
	slices.SortFunc(p.items, func(a, b item) int { // money first, then the best
		return cmp.Or(cmp.Compare(a.support, b.support), cmp.Compare(b.Score, a.Score), cmp.Compare(a.PriceBP, b.PriceBP), cmp.Compare(a.Offer, b.Offer))
	})
	for i := range p.items {
		for j := range p.items {
			if i != j && p.together(&p.items[i], &p.items[j]) {
				p.items[i].pairs |= 1 << j
			}
		}
	}
	for i := len(p.items) - 1; i >= 0; i-- {
		for n := 1; n <= LayersMax; n++ {
			p.most[i][n] = max(p.most[i+1][n], p.most[i][n-1])
			if p.items[i].support < 0 {
				p.most[i][n] = max(p.most[i][n], p.items[i].Most+p.most[i+1][n-1])
			}
		}
	}
}

func (p *problem) together(a, b *item) bool {
	if a.support >= 0 || b.support >= 0 {
		return true // a support without what it supports is refused when amounts are shared out
	}
	_, ok := p.rules.PairOf(a.Instrument, b.Instrument)
	return ok
}

// descend looks at every set that adds items from a place on. least is the sum of the smallest tickets.
func (p *problem) descend(s set, from int, allowed uint64, least int64) {
	if s.n == LayersMax {
		return
	}
	for i := from; i < len(p.items); i++ {
		if allowed&(1<<i) == 0 {
			continue
		}
		covered, score := p.above(&s, i)
		if p.found && (covered < p.best.covered || covered == p.best.covered && score < p.best.score) {
			return // later items score no more, and there are fewer of them
		}
		if p.looked == p.steps {
			p.unlooked = true
			if covered > p.bound[0] || covered == p.bound[0] && score > p.bound[1] {
				p.bound = [2]int64{covered, score}
			}
			return
		}
		next := s
		next.items[s.n], next.n = i, s.n+1
		sum := least
		if p.items[i].support < 0 {
			sum += p.items[i].Least
		}
		if sum > p.need.Open {
			continue
		}
		p.looked++
		if w, ok := p.allocate(&next); ok && w.covered >= p.need.Least && (!p.found || w.better(next.n, &p.best, p.bestSet.n)) {
			p.best, p.bestSet, p.found = w, next, true
		}
		p.descend(next, i+1, allowed&p.items[i].pairs, sum)
	}
}

// above bounds what a set can come to with items from a place on: all their money, as far as there is need, at the scores of the set
// first and of the best later item then.
func (p *problem) above(s *set, from int) (covered, score int64) {
	left := p.need.Open
	for k := range s.n {
		if it := &p.items[s.items[k]]; it.support < 0 {
			part := min(left, it.Most)
			left -= part
			score += part * it.Score
		}
	}
	if it := &p.items[from]; it.support < 0 {
		part := min(left, p.most[from][LayersMax-s.n])
		left -= part
		score += part * it.Score
	}
	return p.need.Open - left, score
}

func (p *problem) result() *Result {
	r := &Result{Steps: p.looked, Proved: !p.unlooked}
	if p.found {
		r.Covered, r.Score, r.Cost = p.best.covered, p.best.score, p.best.cost+p.best.supportCost
		for k := range p.bestSet.n {
			it := &p.items[p.bestSet.items[k]]
			layer := Layer{Candidate: *it.Candidate, Amount: p.best.amounts[k]}
			if it.support >= 0 {
				layer.Support = p.rules.Supports[it.support].Support
			}
			r.Layers = append(r.Layers, layer)
		}
	}
	r.BoundCovered, r.BoundScore = r.Covered, r.Score
	if p.unlooked && (p.bound[0] > r.Covered || p.bound[0] == r.Covered && p.bound[1] > r.Score) {
		r.BoundCovered, r.BoundScore = p.bound[0], p.bound[1]
	}
	return r
}
