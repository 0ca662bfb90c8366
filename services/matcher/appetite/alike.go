package appetite

import "slices"

// alike is the logarithm of (outcomes like the demand + prior) / prior. An outcome alike in everything counts whole; each way in
// which it differs leaves a part of it. The other terms look at one side of a demand at a time; this one knows that an institution
// does large software rounds and small food ones, and not the other way round.
func (a *Asked) alike(own *tallies) int64 {
	p := &a.book.set.Parameters
	var sum int64
	for i := range own.latest {
		o := &own.latest[i]
		sum += decayed(o.amount, o.day, a.day, p.HalfLife) * likeness(p, &a.subject, &o.Subject) / One
	}
	first := int64(p.AlikePrior) * One / 1000
	return log2(ratio(max(0, sum)+first, One, first, 1<<46))
}

// likeness of two subjects, One when they differ in nothing.
func likeness(p *Parameters, a, b *Subject) int64 {
	l := int64(One)
	keep := func(percent int) { l = l * int64(percent) / percentWhole }
	if !within(a.Industry, b.Industry) {
		keep(p.Unlike.Industry)
	}
	if !within(a.Place, b.Place) {
		keep(p.Unlike.Place)
	}
	if a.Stage == "" || a.Stage != b.Stage {
		keep(p.Unlike.Stage)
	}
	if a.Amount == nil || b.Amount == nil {
		keep(p.Unlike.Undeclared)
	} else {
		near := 0
		x, y := sizeOf(*a.Amount), sizeOf(*b.Amount)
		if away := max(x.size-y.size, y.size-x.size); x.name == y.name && away < len(p.SizeNear) {
			near = p.SizeNear[away]
		}
		keep(p.Unlike.Size + (percentWhole-p.Unlike.Size)*near/percentWhole)
	}
	return l
}

// within reports whether one of two paths is the other's beginning. Nothing is within a path that is not known.
func within(a, b []string) bool {
	n := min(len(a), len(b))
	return n > 0 && slices.Equal(a[:n], b[:n])
}
