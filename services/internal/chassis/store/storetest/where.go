package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

func testWhere(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "c", step(1, []store.Document{
		doc("a", 1, "region", "330106", "status", "open", "stage", "growth"),
		doc("b", 1, "region", "330200", "status", "open"),
		doc("c", 1, "region", "110108", "status", "open"),
		doc("d", 1, "region", "330106", "status", "closed"),
		doc("e", 1, "stage", "status", "status", "region", "region", "open"), // values that read like names
		doc("f", 1, "status", "open", "status", "held", "region", "330100"),
	}))
	for _, tt := range []struct {
		q    store.Query
		want []string
	}{
		{store.Query{Where: []store.Match{{Name: "status", Value: "open"}}}, []string{"a", "b", "c", "f"}},
		{store.Query{Where: []store.Match{{Name: "status", Value: "open"}, {Name: "region", Value: "33", Prefix: true}}}, []string{"a", "b", "f"}},
		{store.Query{Where: []store.Match{{Name: "status", Value: "open"}, {Name: "status", Value: "held"}}}, []string{"f"}},
		{store.Query{Where: []store.Match{{Name: "status", Value: "ope"}}}, nil},
		{store.Query{Where: []store.Match{{Name: "region", Value: "33"}}}, nil},
		{store.Query{Where: []store.Match{{Name: "open", Value: "stage"}}}, nil},
		{store.Query{Where: []store.Match{{Name: "stage", Prefix: true}}}, []string{"a", "e"}},
		{store.Query{Index: "region", Value: "3301", Prefix: true, Where: []store.Match{{Name: "status", Value: "open"}}}, []string{"f", "a"}},
		{store.Query{Index: "status", Value: "open", Where: []store.Match{{Name: "stage", Value: "growth"}}}, []string{"a"}},
	} {
		for _, limit := range []int{1, 2, 1000} {
			q := tt.q
			q.Limit = limit
			wantKeys(t, fmt.Sprintf("%+v", q), behindAll(t, ctx, s, q), tt.want...)
			q.Descending = true
			reversed := slices.Clone(tt.want)
			slices.Reverse(reversed)
			wantKeys(t, fmt.Sprintf("%+v", q), behindAll(t, ctx, s, q), reversed...)
		}
	}
	q := store.Query{Limit: 1, Where: []store.Match{{Name: "status", Value: "open"}}}
	page := list(t, ctx, s, "c", q)
	q.After = page.Next
	q.Where = []store.Match{{Name: "status", Value: "closed"}}
	_, err := s.List(ctx, "c", q)
	wantError(t, "a cursor of other conditions", err, store.ErrCursor)
	for _, where := range [][]store.Match{{{Name: "a b"}}, {{Name: "a", Value: "\x00"}}, make([]store.Match, store.WhereMax+1)} {
		if _, err := s.List(ctx, "c", store.Query{Limit: 1, Where: where}); err == nil {
			t.Fatalf("%+v was taken", where)
		}
	}
	for _, behind := range []store.Place{{Value: "zz", Key: "a"}, {Value: "330106"}, {Value: "330106", Key: "\x00"}} {
		_, err := s.List(ctx, "c", store.Query{Index: "region", Value: "33", Prefix: true, Limit: 1, Behind: &behind})
		wantError(t, fmt.Sprintf("behind %q", behind), err, store.ErrCursor)
	}
}

// behindAll goes on behind the last place of each page, as After does by the cursor.
func behindAll(t *testing.T, ctx context.Context, s store.Store, q store.Query) []string {
	t.Helper()
	var byCursor, byPlace []string
	for c := q; ; {
		page := list(t, ctx, s, "c", c)
		byCursor = append(byCursor, keysOf(page.Documents)...)
		if c.After = page.Next; c.After == "" {
			break
		}
	}
	for c := q; ; {
		page := list(t, ctx, s, "c", c)
		byPlace = append(byPlace, keysOf(page.Documents)...)
		if (page.Last == nil) != (page.Next == "") {
			t.Fatalf("%+v: a place without a cursor or a cursor without a place", q)
		}
		if c.Behind = page.Last; c.Behind == nil {
			break
		}
	}
	wantKeys(t, fmt.Sprintf("behind places: %+v", q), byPlace, byCursor...)
	return byCursor
}

func testWhereBound(t *testing.T, ctx context.Context, s store.Store) {
	const count = store.ScanRowsMax + 1000
	for at := uint64(1); at <= 2; at++ {
		var puts []store.Document
		for i := count / 2 * int(at-1); i < count/2*int(at); i++ {
			kind := "hay"
			if i == count-1 {
				kind = "needle"
			}
			puts = append(puts, doc(fmt.Sprintf("k%06d", i), 1, "kind", kind))
		}
		apply(t, ctx, s, "c", step(at, puts))
	}
	q := store.Query{Limit: 10, Where: []store.Match{{Name: "kind", Value: "needle"}}}
	page := list(t, ctx, s, "c", q)
	if len(page.Documents) != 0 || page.Last == nil || page.Last.Value != fmt.Sprintf("k%06d", store.ScanRowsMax-1) {
		t.Fatalf("%d documents, last %+v", len(page.Documents), page.Last)
	}
	q.After = page.Next
	page = list(t, ctx, s, "c", q)
	if len(page.Documents) != 1 || page.Next != "" {
		t.Fatalf("%d documents, next %q", len(page.Documents), page.Next)
	}
}

func testTally(t *testing.T, ctx context.Context, s store.Store) {
	if n, err := s.Tally(ctx, "c", store.Query{Index: "region", Prefix: true}); n != 0 || err != nil {
		t.Fatalf("of nothing: %d, %v", n, err)
	}
	apply(t, ctx, s, "c", step(1, []store.Document{
		doc("a", 1, "region", "33"), doc("ab", 1, "region", "330000"), doc("abc", 1, "region", "330100"),
		doc("ac", 1, "region", "34"), doc("b", 1, "region", "3"), doc("a\x01", 1, "region", "33\x01"), doc("z", 1, "region", "33"),
	}))
	for _, tt := range []struct {
		q    store.Query
		want int
	}{
		{store.Query{}, 7},
		{store.Query{Value: "ab"}, 1},
		{store.Query{Value: "ab", Prefix: true}, 2},
		{store.Query{Value: "zz"}, 0},
		{store.Query{Index: "region", Value: "33"}, 2},
		{store.Query{Index: "region", Value: "33", Prefix: true}, 5},
		{store.Query{Index: "region", Prefix: true}, 7},
		{store.Query{Index: "region"}, 0},
		{store.Query{Index: "nothing", Prefix: true}, 0},
	} {
		if n, err := s.Tally(ctx, "c", tt.q); n != tt.want || err != nil {
			t.Errorf("%+v: %d, %v; want %d", tt.q, n, err, tt.want)
		}
	}
	_, err := s.Tally(ctx, "c", store.Query{Index: "a b"})
	wantError(t, "a bad name", err, store.ErrInvalid)
}
