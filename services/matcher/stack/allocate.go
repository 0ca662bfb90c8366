package stack

// item is a candidate as the search sees it.
type item struct {
	*Candidate
	support int    // rule it is of; -1: it brings money
	groups  uint64 // groups that it counts in, by bit
	pairs   uint64 // items that it may stand with, by place
}

// group is some instruments whose money is bounded together: by a share, or by what supports them.
type group struct {
	instruments []string
	share       int64 // most, minor units; -1 when it is not of a share
	support     int   // -1 when it is of a share
}

// set is up to LayersMax items, in order of their places.
type set struct {
	items [LayersMax]int
	n     int
}

// worth is what one set of offers comes to.
type worth struct {
	amounts                                        [LayersMax]int64
	covered, score, cost, supportCost, supportGain int64
}

// better compares two stacks; n and m are their layers.
func (w *worth) better(n int, v *worth, m int) bool {
	for _, c := range [...][2]int64{
		{w.covered, v.covered}, {w.score, v.score}, {-w.cost, -v.cost}, {-w.supportCost, -v.supportCost},
		{w.supportGain, v.supportGain}, {int64(-n), int64(-m)},
	} {
		if c[0] != c[1] {
			return c[0] > c[1]
		}
	}
	return false
}

// bounds are the least and most of a group's money in one set.
type bounds struct {
	least, most, sum int64
	used             bool
}

// groupsMax bounds the groups of a rule set: shares and supports together.
const groupsMax = 2 * rulesMax

// allocate finds the best amounts of a set; ok is false where none are allowed. Every offer gets its smallest ticket first; then what
// the supports ask for at least; then money goes to the best-scored, cheapest offers as long as all bounds let it. Bounds of groups
// that do not cross make this exact: money put where it counts most never takes away more elsewhere.
func (p *problem) allocate(s *set) (w worth, ok bool) {
	var limits [groupsMax]bounds
	var supporting [rulesMax][2]int64 // sums of the smallest and largest tickets, by rule
	var supported [rulesMax]bool
	for k := range s.n {
		it := &p.items[s.items[k]]
		if it.support >= 0 {
			supporting[it.support][0] += it.Least
			supporting[it.support][1] += it.Most
			supported[it.support] = true
			continue
		}
		w.amounts[k] = it.Least
		w.covered += it.Least
		for g := range p.groups {
			if it.groups&(1<<g) != 0 {
				limits[g].used = true
				limits[g].sum += it.Least
			}
		}
	}
	for g := range p.groups {
		limit := &limits[g]
		limit.most = p.need.Open
		if p.groups[g].support < 0 {
			limit.most = p.groups[g].share
		} else {
			rule := p.groups[g].support
			switch {
			case supported[rule]:
				limit.least = supporting[rule][0]
				limit.most = min(limit.most, supporting[rule][1]*100/int64(p.rules.Supports[rule].LeastPercent))
			case limit.used && p.required[rule]:
				return w, false
			}
		}
		if limit.used && limit.sum > limit.most || !limit.used && limit.least > 0 {
			return w, false
		}
	}
	if w.covered == 0 || w.covered > p.need.Open {
		return w, false
	}
	raise := func(k int, most int64) {
		it := &p.items[s.items[k]]
		add := min(most, it.Most-w.amounts[k], p.need.Open-w.covered)
		for g := range p.groups {
			if it.groups&(1<<g) != 0 {
				add = min(add, limits[g].most-limits[g].sum)
			}
		}
		w.amounts[k] += add
		w.covered += add
		for g := range p.groups {
			if it.groups&(1<<g) != 0 {
				limits[g].sum += add
			}
		}
	}
	for g := range p.groups { // of supports no group holds another, so their order does not matter
		for k := 0; k < s.n && limits[g].sum < limits[g].least; k++ {
			if p.items[s.items[k]].groups&(1<<g) != 0 {
				raise(k, limits[g].least-limits[g].sum)
			}
		}
		if limits[g].sum < limits[g].least {
			return w, false
		}
	}
	for k := range s.n {
		if p.items[s.items[k]].support < 0 {
			raise(k, AmountMax)
		}
	}
	for g := range p.groups {
		if rule := p.groups[g].support; rule >= 0 && supported[rule] {
			p.support(s, &w, rule, limits[g].sum)
		}
	}
	for k := range s.n {
		if it := &p.items[s.items[k]]; it.support < 0 {
			w.score += w.amounts[k] * it.Score
			w.cost += w.amounts[k] * it.PriceBP
		}
	}
	return w, true
}

// support shares out what stands behind some money: as little as the rule allows, the cheapest first above the smallest tickets.
func (p *problem) support(s *set, w *worth, rule int, money int64) {
	missing := (money*int64(p.rules.Supports[rule].LeastPercent) + 99) / 100
	for k := range s.n {
		if it := &p.items[s.items[k]]; it.support == rule {
			w.amounts[k] = it.Least
			missing -= it.Least
		}
	}
	for missing > 0 {
		cheapest := -1
		for k := range s.n {
			it := &p.items[s.items[k]]
			if it.support == rule && w.amounts[k] < it.Most && (cheapest < 0 || it.PriceBP < p.items[s.items[cheapest]].PriceBP) {
				cheapest = k
			}
		}
		add := min(missing, p.items[s.items[cheapest]].Most-w.amounts[cheapest])
		w.amounts[cheapest] += add
		missing -= add
	}
	for k := range s.n {
		if it := &p.items[s.items[k]]; it.support == rule {
			w.supportCost += w.amounts[k] * it.PriceBP
			w.supportGain += w.amounts[k] * it.Score
		}
	}
}
