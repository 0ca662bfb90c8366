// Package appetite learns what institutions really do (机构真实偏好) from the outcomes of their matches, and gives each pair of an
// institution and a demand integer points for it.
//
// What an institution says it wants is a preference of its offer, scored by the matcher's rules. What it did is another thing:
// mandates read off earlier deals and taken literally exclude most of what the same institutions did next, so here nothing
// excludes. Each outcome is tallied by industry, place, stage and size, and loses half its weight with every half-life. A term is
// a logarithm to base 2, so "twice as often as its peers" is worth the same anywhere; an institution without outcomes has 0 in every
// term, a newcomer is neither punished nor favoured beside one that is average in all.
//
//   - book.go: the tallies; Add takes outcomes in
//   - asked.go: the terms of one demand on one day
//   - alike.go: the one term that compares outcomes with the demand as a whole
//   - set.go: the dated parameters (contracts/rules/appetite.<day>.json) with where they were measured
//   - fixed.go: powers and logarithms in fixed point, the same on every machine
//
// Invariants: the same outcomes in the same order give the same points; the terms sum to the points; each term but
// alike depends on one facet of the demand alone.
//
// Not here: a clock (days are given), a broker or store, eligibility, and who may see an explanation. The points order matches; they
// are no credit score and no judgement of a person: outcomes are those of institutions only.
package appetite
