// Package sample generates enterprises, institutions, offers and demands that look like real ones and are marked as
// sample (示例) wherever a reader may meet them: every name carries 示例 and a number, every offer and demand the
// source "sample".
//
// A row is a pure function of (seed, kind, number): the same seed gives the same bytes on every machine, rows can be
// made in any order, and a demand can name an enterprise that another process generates. Sizes, terms, industries and
// regions follow the distributions of calibration.go. Nothing here is a fact about anybody.
package sample

import "github.com/jieli-bus/jieli/events"

// Source marks generated offers and demands.
const Source = "sample"

// ValidUntil is the end of validity of every generated offer and demand: far off and fixed, because a validity that
// moved with the clock would make the same seed give other bytes tomorrow.
const ValidUntil = "2035-12-31T15:59:59Z"

// epoch is the day that ages and title dates are counted from, fixed for the same reason.
const epoch = events.Date("2026-01-01")
