// Package matcher finds the offers that fit a demand (撮合): the exact best 20 of all live offers, each with its reasons.
//
// Eligibility is hard: law, regulation and product terms, every clause of which must hold. Appetite is soft: it scores and never
// excludes. A score is a sum of integer terms whose weights come from the dated rule set of the as-of day (contracts/rules). It
// orders matches and nothing else: it is not a credit score and may never be called or used as one.
//
// The rooms:
//
//   - offer.go, demand.go: the compiled, immutable forms of one offer and one demand
//   - eligibility.go, score.go, rules.go: the judgement of one pair
//   - index.go: the port; leaders.go: the best places seen; reference.go: a plain scan behind the port, exact by being simple, and the
//     oracle of the faster index
//   - cells*.go: that index. cells_lanes.go: blocks of 64 lanes, their scales and the comparison of eight lanes at once;
//     cells_pack.go: sorting like lanes together, beside everything else; cells_rows.go, cells_document.go, cells_judged.go: what is
//     kept of an offer or demand, without pointers; cells_offers.go, cells_best.go, cells_walk.go, cells.go: from a demand to offers;
//     cells_demands.go, cells_leads.go: from an offer to demands
//   - explain.go, render.go: why, for machines and for people; recomputed on demand, never stored
//   - stack.go: several offers that together cover a demand; the search is package stack's
//   - clearing.go: a batch of demands given to offers; the auction is package clearing's
//   - react.go: ordered facts of the demand, offer, party and match ledgers in, recommend commands out
//   - model.go, decide.go, project.go: the match context, one entity per demand
//   - service.go: the parts put together, and the questions that may be asked
//
// Commands in: match.recommend, by the matcher itself. Events out: match.recommended, one per version of a demand's terms.
//
// Invariants: an answer is exact for the offers the index has read, and names how far it has read; equal scores are ordered by
// offer id; the terms of an explanation sum to its score; a private bound appears in no explanation and moves no score; the same
// facts in the same order give the same commands.
//
// Not here: a broker, a store, a clock (the as-of instant is always given), reservations (an index's remaining capacity is a hint,
// the offer's own fold decides), and who may see what (the sharing service).
package matcher
