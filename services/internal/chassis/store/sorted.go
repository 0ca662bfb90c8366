package store

import (
	"fmt"
	"time"
)

// Listings are sorted bytewise, so what is to be sorted by is written in a form of fixed width.

// SortTime is the entry by which documents are sorted by an instant, to the millisecond.
func SortTime(name string, at time.Time) Index {
	return Index{Name: name, Value: at.UTC().Format("2006-01-02T15:04:05.000Z")}
}

// SortAmount is the entry by which documents are sorted by an amount: by currency first, since amounts of two currencies have no
// order. minor is in minor units and not negative.
func SortAmount(name, currency string, minor int64) Index {
	return Index{Name: name, Value: fmt.Sprintf("%s:%019d", currency, max(minor, 0))}
}
