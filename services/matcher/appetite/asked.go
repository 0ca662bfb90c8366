package appetite

// Term is one term of an institution's points.
type Term uint8

// Terms.
const (
	Active Term = iota
	Recent
	Industry
	Place
	Stage
	Size
	Undeclared
	Alike
	TermCount
)

// Names of terms for machines and people.
var Names = [TermCount]struct{ Name, Zh, En string }{
	{"done", "历来活跃", "active over time"},
	{"done_recently", "近期活跃", "active of late"},
	{"done_industry", "做过同行业", "has done the industry"},
	{"done_place", "做过同地区", "has done the place"},
	{"done_stage", "做过同阶段", "has done the stage"},
	{"done_size", "做过相近额度", "has done the size"},
	{"done_undeclared", "额度公开习惯相同", "makes amounts known alike"},
	{"done_alike", "做过类似需求", "has done much the same"},
}

// liftMax bounds how many times more often than everybody an institution may be taken to do something, and liftMin how many
// times less: six doublings each way.
const (
	liftMax = One << 6
	liftMin = One >> 6
)

// common is how common a value is among everybody: weight out of whole, smoothed so that neither is 0.
type common struct {
	value         value
	weight, whole int64
}

// Asked is one demand on one day, ready to be asked for many institutions. It holds until the book changes.
type Asked struct {
	book     *Book
	subject  Subject
	day      int
	industry []common
	place    []common
	stage    []common
	declared []common
	sizes    []value // by nearness: the amount's own doubling, one away on both sides, and so on
	size     common
}

// Ask prepares a demand. Outcomes after the day count as if they were of it: a caller who wants the past only must not have added
// more.
func (b *Book) Ask(s Subject, day int) *Asked {
	a := &Asked{book: b, subject: s, day: day}
	s.each(func(v value, _ bool) {
		switch v.facet {
		case facetIndustry:
			a.industry = append(a.industry, a.common(v))
		case facetPlace:
			a.place = append(a.place, a.common(v))
		case facetStage:
			a.stage = append(a.stage, a.common(v))
		case facetDeclared:
			a.declared = append(a.declared, a.common(v))
		case facetSize:
			a.near(v)
		}
	})
	return a
}

// Smoothing of how common a value is: as if everybody had done it once more, out of ten.
const (
	smoothWeight = One
	smoothWhole  = 10 * One
)

func (a *Asked) common(v value) common {
	h := a.book.set.Parameters.HalfLife
	c := common{value: v, weight: smoothWeight, whole: smoothWhole + a.book.everybody.known[v.facet].at(a.day, h)}
	if t := a.book.everybody.values[v]; t != nil {
		c.weight += t.at(a.day, h)
	}
	return c
}

func (a *Asked) near(v value) {
	a.sizes = append(a.sizes, v)
	for away := 1; away < len(a.book.set.Parameters.SizeNear); away++ {
		below, above := v, v
		below.size -= away
		above.size += away
		a.sizes = append(a.sizes, below, above)
	}
	h := a.book.set.Parameters.HalfLife
	a.size = common{value: v, weight: smoothWeight, whole: smoothWhole + a.book.everybody.known[facetSize].at(a.day, h)}
	a.size.weight += a.nearby(a.book.everybody)
}

// nearby is the tally of amounts as large or nearly so, each by its nearness.
func (a *Asked) nearby(t *tallies) int64 {
	p := &a.book.set.Parameters
	var sum int64
	for i, v := range a.sizes {
		if own := t.values[v]; own != nil {
			sum += own.at(a.day, p.HalfLife) * int64(p.SizeNear[(i+1)/2]) / percentWhole
		}
	}
	return sum
}

// Lifts are the terms before their weights, in units of 1/Doubling. An institution that nothing is known of has 0 everywhere.
func (a *Asked) Lifts(institution string) [TermCount]int64 {
	own := a.book.institutions[institution]
	if own == nil {
		return [TermCount]int64{}
	}
	p := &a.book.set.Parameters
	lifts := [TermCount]int64{
		Active:     activity(own.active.at(a.day, p.HalfLife), p.ActivePrior),
		Recent:     activity(own.recent.at(a.day, p.RecentHalfLife), p.RecentPrior),
		Industry:   a.along(own, a.industry, p.IndustryPrior),
		Place:      a.along(own, a.place, p.PlacePrior),
		Stage:      a.along(own, a.stage, p.StagePrior),
		Undeclared: a.along(own, a.declared, p.UndeclaredPrior),
	}
	if len(a.sizes) > 0 {
		known := own.known[facetSize].at(a.day, p.HalfLife)
		lifts[Size] = log2(lift(a.nearby(own), known, &a.size, One, prior(p.SizePrior)))
	}
	lifts[Alike] = a.alike(own)
	return lifts
}

func prior(percent int) int64 { return int64(percent) * One / percentWhole }

// activity is the logarithm of (outcomes + prior) / prior: 0 for none.
func activity(outcomes int64, percent int) int64 {
	first := prior(percent)
	return log2(ratio(outcomes+first, One, first, 1<<46))
}

// along is the logarithm of the lift of the narrowest node. Each node's prior is the lift of the one above: who has done much of
// a section is taken to like its divisions until its own outcomes say otherwise. That is how sectors are near each other.
func (a *Asked) along(own *tallies, path []common, percent int) int64 {
	p := &a.book.set.Parameters
	l := int64(One)
	for i := range path {
		c := &path[i]
		if i > 0 && c.weight == path[i-1].weight {
			continue // all that was done there was done here: the same evidence would count twice
		}
		var done int64
		if t := own.values[c.value]; t != nil {
			done = t.at(a.day, p.HalfLife)
		}
		l = lift(done, own.known[c.value.facet].at(a.day, p.HalfLife), c, l, prior(percent))
	}
	return log2(l)
}

// lift is how many times more often than everybody an institution does something: its own share over the common one, mixed with
// what was thought before by weight of outcomes against the prior.
func lift(done, outcomes int64, c *common, before, prior int64) int64 {
	expected := ratio(done, c.whole, c.weight, 1<<46) // what is done, scaled so that an average institution has its outcomes
	l := ratio(expected+ratio(prior, before, One, 1<<46), One, outcomes+prior, liftMax)
	return max(l, liftMin)
}

// Points are the terms with their weights; they sum to what an institution gets for the demand.
func (a *Asked) Points(institution string) [TermCount]int {
	w := &a.book.set.Weights
	weights := [TermCount]int{w.Active, w.Recent, w.Industry, w.Place, w.Stage, w.Size, w.Undeclared, w.Alike}
	var points [TermCount]int
	for t, l := range a.Lifts(institution) {
		points[t] = int(l * int64(weights[t]) >> doublingBits) // rounded down, also below 0
	}
	return points
}

// Total is the sum of an institution's points.
func (a *Asked) Total(institution string) int {
	sum := 0
	for _, p := range a.Points(institution) {
		sum += p
	}
	return sum
}
