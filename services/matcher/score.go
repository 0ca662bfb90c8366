package matcher

import "math/bits"

// Terms of a score, in the order of Weights.
const (
	termSize = iota
	termTerm
	termRegion
	termIndustry
	termStage
	termPrice
	termAppetite
	termEarly
	termSmall
	termLong
	termHard
	termTool
	termCount
)

// termNames name the terms for machines and people.
var termNames = [termCount]struct{ name, zh, en string }{
	{"size_fit", "额度合适", "amount fits"},
	{"term_fit", "期限合适", "term fits"},
	{"region", "地区相近", "near by"},
	{"industry", "行业对口", "industry fits"},
	{"stage", "阶段合适", "stage fits"},
	{"price", "价格有余地", "price within reach"},
	{"appetite", "符合机构偏好", "in the institution's appetite"},
	{"early", "投早", "early-stage"},
	{"small", "投小", "small firms"},
	{"long_term", "投长期", "long-term"},
	{"hard_tech", "投硬科技", "hard technology"},
	{"policy_tool", "政策工具支持", "policy tool"},
}

// score is the sum of the terms' points.
func (q *query) score(o *Offer) int {
	points := q.points(o)
	var sum int64
	for _, p := range points {
		sum += p
	}
	return int(sum)
}

// points gives each term: its weight times its closeness, rounded down. Only eligible pairs are scored. No clause of eligibility
// takes part, so that a score can tell nothing about a private one.
func (q *query) points(o *Offer) [termCount]int64 {
	c := &q.rules.compiled
	percent := [termCount]int64{
		termSize:     q.sizeFit(&o.rec),
		termTerm:     q.termFit(o),
		termRegion:   c.region[q.commonRegion(o)],
		termIndustry: q.industryFit(o),
		termStage:    q.stageFit(o),
		termPrice:    q.priceFit(&o.rec),
		termAppetite: q.appetiteFit(o),
		termEarly:    yes(q.early && (c.earlyLeg[o.leg] || o.stages&c.earlyStages != 0)),
		termSmall:    yes(q.small && atMost(o.rec.minTicket, q.open, c.smallMinTicket)),
		termLong:     yes(c.longTermLeg[o.leg] || o.Terms.TermMonths != nil && o.rec.termMax >= c.longTermMonths),
		termHard:     q.hardFit(o),
		termTool:     yes(o.tools > 0),
	}
	for i := range percent {
		percent[i] = c.weights[i] * percent[i] / 100
	}
	return percent
}

func yes(b bool) int64 {
	if b {
		return 100
	}
	return 0
}

// share is part / whole in per cent, rounded down, for 0 <= part <= whole; 128-bit in between, amounts may be large.
func share(part, whole int64) int64 {
	if part >= whole {
		return 100
	}
	hi, lo := bits.Mul64(uint64(part), 100)
	quotient, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(quotient)
}

// atMost says whether n <= whole * percent / 100, without rounding.
func atMost(n, whole, percent int64) bool {
	nHi, nLo := bits.Mul64(uint64(n), 100)
	wHi, wLo := bits.Mul64(uint64(whole), uint64(percent))
	return nHi < wHi || nHi == wHi && nLo <= wLo
}

// sizeFit is how much of the open amount one ticket can cover, and how near the amount lies to the middle of the ticket range on
// a scale of doublings: an institution that lends 1 to 3 million knows a demand of 2 million better than one that lends anything.
// What is left of the capacity stays out: it is the institution's business.
func (q *query) sizeFit(r *record) int64 {
	c := &q.rules.compiled
	cover := share(min(r.maxTicket, q.open), q.open)
	away := 2*octave(q.open) - octave(r.minTicket) - octave(r.maxTicket) // in half doublings
	if away < 0 {
		away = -away
	}
	centre := max(0, 100-away*c.sizeDoubling/2)
	return (cover*(100-c.sizeCentre) + centre*c.sizeCentre) / 100
}

// termFit is the part of the wanted terms that the offer has.
func (q *query) termFit(o *Offer) int64 {
	if q.d.anyTerm || o.Terms.TermMonths == nil {
		return q.rules.compiled.neutral
	}
	common := min(q.d.termMax, o.rec.termMax) - max(q.d.termMin, o.rec.termMin) + 1
	return share(int64(common), int64(q.d.termMax-q.d.termMin+1))
}

// commonRegion is the depth of the smallest region that holds both the project and the institution's unit: 3 county, 2 prefecture,
// 1 province, 0 the country (or one of them is not known).
func (q *query) commonRegion(o *Offer) int {
	if q.d.region[0] == outside { // one code for everywhere else is no common place
		return 0
	}
	for level := len(o.place) - 1; level >= 0; level-- {
		if o.place[level] != 0 && o.place[level] == q.d.region[level] {
			return level + 1
		}
	}
	return 0
}

// industryFit is how closely the project's industry lies to the ones the institution prefers.
func (q *query) industryFit(o *Offer) int64 {
	c := &q.rules.compiled
	if len(o.sectors) == 0 {
		return c.neutral
	}
	var best int64
	for i := range o.sectors {
		sector := &o.sectors[i]
		common := 0
		for common < len(sector) && sector[common] != 0 && sector[common] == q.d.industry[common] {
			common++
		}
		percent := c.industryNear[common]
		if common == sector.depth() {
			percent = c.industryWithin[common]
		}
		best = max(best, percent)
	}
	return best
}

// stageFit is full for a preferred stage and less for its neighbours; without preference the relay's legs decide.
func (q *query) stageFit(o *Offer) int64 {
	c := &q.rules.compiled
	switch stage := q.d.stage; {
	case stage == 0:
		return 0
	case o.stages&stage != 0:
		return 100
	case o.stages != 0:
		if o.stages&(stage<<1|stage>>1) != 0 {
			return c.stageAdjacent
		}
		return 0
	default:
		if o.leg == 0 {
			return c.neutral // beside the relay
		}
		if c.stageLegs[o.leg]&stage != 0 {
			return c.stageLeg
		}
		return 0
	}
}

// priceFit is the room between the offer's lowest price and the demand's highest.
func (q *query) priceFit(r *record) int64 {
	if r.minPrice == noPrice || q.d.maxPrice == noPrice {
		return q.rules.compiled.neutral
	}
	if q.d.maxPrice == 0 {
		return 100 // it asks for a price of nothing, and an eligible offer has it
	}
	return share(q.d.maxPrice-r.minPrice, q.d.maxPrice)
}

// appetiteFit is the weight of the preferences that are met, of all.
func (q *query) appetiteFit(o *Offer) int64 {
	if o.weights <= 0 {
		return q.rules.compiled.neutral
	}
	var met int64
	for i := range o.appetite {
		if w := &o.appetite[i]; q.wanted(w) {
			met += w.weight
		}
	}
	return share(met, o.weights)
}

func (q *query) wanted(w *want) bool {
	switch w.field {
	case fieldRegion:
		return onPath(q.d.region[:], w.nodes) >= 0
	case fieldIndustry:
		return onPath(q.d.industry[:], w.nodes) >= 0
	case fieldStage:
		return q.d.stage&w.word != 0
	}
	return q.set(w.field)&w.word != 0
}

// hardFit is full where the institution prefers just what makes the enterprise hard technology, neutral where it is hard
// technology anyway.
func (q *query) hardFit(o *Offer) int64 {
	if !q.hard {
		return 0
	}
	c := &q.rules.compiled
	for i := range o.appetite {
		switch w := &o.appetite[i]; w.field {
		case fieldFocus:
			if q.d.focus&w.word != 0 {
				return 100
			}
		case fieldTitle:
			if q.titles&w.word&c.hardTitles != 0 {
				return 100
			}
		}
	}
	return c.neutral
}
