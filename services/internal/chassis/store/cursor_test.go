package store

import (
	"errors"
	"testing"
)

// Somebody who knows the form can compute a cursor with a right digest: its place must still lie in the query's range.
func TestCursorOutsideItsRange(t *testing.T) {
	for _, tt := range []struct {
		q  Query
		p  place
		ok bool
	}{
		{Query{Index: "region", Value: "33"}, place{"33", "k"}, true},
		{Query{Index: "region", Value: "33"}, place{"330000", "k"}, false},
		{Query{Index: "region", Value: "33", Prefix: true}, place{"330000", "k"}, true},
		{Query{Index: "region", Value: "33", Prefix: true}, place{"34", "k"}, false},
		{Query{Index: "region", Value: "33"}, place{"33", ""}, false},
		{Query{Index: "region", Value: "33"}, place{"33", "a\x00b"}, false},
		{Query{Index: "region", Prefix: true}, place{"\xff", "k"}, false},
		{Query{}, place{"k", ""}, true},
		{Query{}, place{"k", "x"}, false},
		{Query{}, place{"", ""}, false},
		{Query{Value: "a", Prefix: true}, place{"b", ""}, false},
	} {
		q := tt.q
		q.Limit = 1
		for _, q.Descending = range []bool{false, true} {
			q.After = newCursor("c", q, tt.p)
			_, err := newSpan("c", q)
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrCursor) {
				t.Errorf("%+v %+v: %v", tt.q, tt.p, err)
			}
		}
	}
}
