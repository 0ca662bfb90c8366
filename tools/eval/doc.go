// Package eval measures the quality of matching (撮合质量) on sets of real funding rounds: given a round and only what happened
// before its day, does the ranking put the firms that really invested near the top?
//
// The protocol is the set's own: history is every round of an earlier day; candidates are the firms with at least two rounds in it
// that have not backed the company; a round counts when one of its firms is a candidate. Nothing of a round's outcome (its
// investors, their number) takes part in its ranking.
//
//   - set.go: reads a folder with rounds.csv and investments.csv
//   - protocol.go: walks the rounds in order of days; rankers see the past grow and never more
//   - baselines.go: what a ranking must beat
//   - product.go: the product's own scoring, services/matcher and services/matcher/appetite
//   - metrics.go, bootstrap.go: hit@10, hit@20, MRR, nDCG@20, and paired intervals
//   - tune.go, logit.go: chooses the parameters of a dated appetite set on folds of the train split alone
package eval
