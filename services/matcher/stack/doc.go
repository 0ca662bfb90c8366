// Package stack combines several offers into one financing (组合融资) that covers a demand: money from at most four offers of
// instruments that go together, and what they need beside them, a guarantee for a guaranteed loan or an enhancement for a bond.
//
//   - model.go: what is asked, what may be combined, what comes out
//   - rules.go: dated rule data, contracts/rules/stack.<day>.json: classes, pairs, shares, supports
//   - allocate.go: the best amounts of one set of offers, by a greedy that is exact here
//   - search.go: branch and bound over the sets
//
// What is best, each only among equals of the one before: the most money (never more than is asked for), the most score weighted by
// amount, the least cost of the money weighted by amount, the least cost of guarantees, the best-scored guarantors, the fewest layers,
// the first offers in order (score, price, id).
//
// Choosing offers is a semi-continuous covering knapsack, hard in general: an offer is either not used or used with at least its
// smallest ticket. With at most 64 candidates and 4 layers there are 679,120 sets, so it is solved exactly; a caller who allows fewer
// steps gets the best found, a bound on what was not looked at, and is told that it is not proved.
//
// Invariants: no ticket, capacity, share or pairing rule is broken; the money never exceeds what is asked; the same question gives
// the same answer on every machine.
//
// Not here: eligibility and scores (they come with the candidates), a clock, a broker, reservations.
package stack
