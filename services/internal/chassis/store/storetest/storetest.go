// Package storetest is the suite that every implementation of store.Store passes (投影存储的统一测试).
package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Deadline bounds every test of the suite.
const Deadline = 60 * time.Second

const source = "demand.0"

var created = time.Date(2026, 3, 1, 8, 0, 0, 123456789, time.UTC)

// Run runs the suite. open gives an empty store that lives as long as the test it is given.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, ctx context.Context, s store.Store)
	}{
		{"empty", testEmpty},
		{"get and replace", testGetReplace},
		{"position compare-and-set", testPosition},
		{"position steps", testPositionSteps},
		{"refused batch changes nothing", testRefusedBatch},
		{"replaced index entries", testIndexEntries},
		{"invalid input", testInvalid},
		{"limits", testLimits},
		{"prefix", testPrefix},
		{"unicode", testUnicode},
		{"paging", testPaging},
		{"paging under writes", testPagingUnderWrites},
		{"page bytes", testPageBytes},
		{"cursor", testCursor},
		{"conditions", testWhere},
		{"conditions look at a bounded number of rows", testWhereBound},
		{"tally", testTally},
		{"atomic to readers", testAtomic},
		{"two projectors", testTwoProjectors},
		{"drop and rebuild", testDropRebuild},
		{"dump", testDump},
		{"10,000 documents", testMany},
		{"cancelled context", testCancelled},
		{"model", testModel},
		{"close", testClose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), Deadline)
			t.Cleanup(cancel)
			tt.run(t, ctx, open(t))
		})
	}
}

// At is the position with a sequence in the suite's stream.
func At(sequence uint64) store.Position {
	if sequence == 0 {
		return store.Position{}
	}
	return store.Position{Created: created, Sequence: sequence, Hash: fmt.Sprintf("%064x", sequence*7919), Commit: sequence}
}

// step is the batch from one sequence to the next.
func step(to uint64, puts []store.Document, deletes ...string) store.Batch {
	return store.Batch{Source: source, From: At(to - 1), To: At(to), Puts: puts, Deletes: deletes}
}

func doc(key string, version uint64, indexes ...string) store.Document {
	id, err := json.Marshal(key)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	d := store.Document{Key: key, Version: version, Body: fmt.Appendf(nil, `{"id":%s,"version":%d}`, id, version)}
	for i := 0; i+1 < len(indexes); i += 2 {
		d.Indexes = append(d.Indexes, store.Index{Name: indexes[i], Value: indexes[i+1]})
	}
	return d
}

func apply(t *testing.T, ctx context.Context, s store.Store, c string, b store.Batch) {
	t.Helper()
	if err := s.Apply(ctx, c, b); err != nil {
		t.Fatalf("apply to %d: %v", b.To.Sequence, err)
	}
}

func list(t *testing.T, ctx context.Context, s store.Store, c string, q store.Query) store.Page {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = store.ListLimitMax
	}
	page, err := s.List(ctx, c, q)
	if err != nil {
		t.Fatalf("list %+v: %v", q, err)
	}
	return page
}

// listAll follows the cursors to the end.
func listAll(t *testing.T, ctx context.Context, s store.Store, c string, q store.Query) []string {
	t.Helper()
	var keys []string
	for {
		page := list(t, ctx, s, c, q)
		keys = append(keys, keysOf(page.Documents)...)
		if page.Next == "" {
			return keys
		}
		if len(page.Documents) == 0 {
			t.Fatalf("an empty page with a cursor: %+v", q)
		}
		q.After = page.Next
	}
}

func keysOf(docs []store.Document) []string {
	keys := make([]string, len(docs))
	for i, d := range docs {
		keys[i] = d.Key
	}
	return keys
}

func wantKeys(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
		t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

func wantPosition(t *testing.T, ctx context.Context, s store.Store, c string, want store.Position) {
	t.Helper()
	got, err := s.Position(ctx, c, source)
	if err != nil || !got.Equal(want) {
		t.Fatalf("position: got %v (%v), want %v", got, err, want)
	}
}

func dump(t *testing.T, ctx context.Context, s store.Store, c string) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.Dump(ctx, c, &out); err != nil {
		t.Fatalf("dump: %v", err)
	}
	return out.String()
}
