package store

import (
	"math"
	"testing"
	"time"
)

func TestSortedEntriesSortByTheirBytes(t *testing.T) {
	amounts := []Index{SortAmount("amount", "CNY", 0), SortAmount("amount", "CNY", 9), SortAmount("amount", "CNY", 10), SortAmount("amount", "CNY", math.MaxInt64), SortAmount("amount", "USD", 1)}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	shanghai := time.FixedZone("", 8*3600)
	times := []Index{SortTime("t", time.Time{}), SortTime("t", at), SortTime("t", at.Add(time.Millisecond)), SortTime("t", at.Add(time.Second).In(shanghai)), SortTime("t", at.Add(20*time.Hour))}
	for _, list := range [][]Index{amounts, times} {
		for i := 1; i < len(list); i++ {
			if list[i-1].Value >= list[i].Value {
				t.Errorf("%q does not come before %q", list[i-1].Value, list[i].Value)
			}
		}
	}
}
