// Package clearing gives a batch of demands, a roadshow's or a region's, to offers so that the total score is the largest that the
// capacities allow (批量撮合): each demand goes to one offer at most, each offer takes a number of demands at most.
//
//   - model.go: the batch, the assignment, the certificate
//   - auction.go: a forward and reverse auction with epsilon scaling, in integers
//   - check.go: verifies an assignment and its certificate; it knows nothing of how they were found
//   - baselines.go: first come, first served, and the highest score first
//
// The certificate is a price for a place at each offer. Whatever the prices, no assignment can score more than all places at their
// prices plus the best that each demand can get above them; so prices prove how far an assignment is from the best one, to anybody,
// with a pass over the batch. A gap of 0 means that nothing better exists.
//
// Not here: money budgets (the caller turns them into numbers of places), eligibility, a clock, reservations: the result is a proposal.
package clearing
