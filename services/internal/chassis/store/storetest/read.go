package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

func testPrefix(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "c", step(1, []store.Document{
		doc("a", 1, "region", "33"), doc("ab", 1, "region", "330000"), doc("abc", 1, "region", "330100"),
		doc("ac", 1, "region", "34"), doc("b", 1, "region", "3"), doc("a\x01", 1, "region", "33\x01"),
	}))
	for _, tt := range []struct {
		q    store.Query
		want []string
	}{
		{store.Query{}, []string{"a", "a\x01", "ab", "abc", "ac", "b"}},
		{store.Query{Prefix: true}, []string{"a", "a\x01", "ab", "abc", "ac", "b"}},
		{store.Query{Value: "ab"}, []string{"ab"}},
		{store.Query{Value: "ab", Prefix: true}, []string{"ab", "abc"}},
		{store.Query{Value: "abcd", Prefix: true}, nil},
		{store.Query{Value: "zz"}, nil},
		{store.Query{Index: "region", Value: "33"}, []string{"a"}},
		{store.Query{Index: "region", Value: "33", Prefix: true}, []string{"a", "a\x01", "ab", "abc"}},
		{store.Query{Index: "region", Value: "3301", Prefix: true}, []string{"abc"}},
		{store.Query{Index: "region", Prefix: true}, []string{"b", "a", "a\x01", "ab", "abc", "ac"}},
		{store.Query{Index: "region"}, nil},
		{store.Query{Index: "nothing", Prefix: true}, nil},
	} {
		for _, limit := range []int{1, 2, 1000} {
			q := tt.q
			q.Limit = limit
			wantKeys(t, fmt.Sprintf("%+v", q), listAll(t, ctx, s, "c", q), tt.want...)
			q.Descending = true
			reversed := slices.Clone(tt.want)
			slices.Reverse(reversed)
			wantKeys(t, fmt.Sprintf("%+v", q), listAll(t, ctx, s, "c", q), reversed...)
		}
	}
}

func testUnicode(t *testing.T, ctx context.Context, s store.Store) {
	keys := []string{"企业/杭州深度求索", "企业/上海", "é", "e\u0301", "𠮷野家", "a b", "*?[x]", "\t", "%00", "-", "+", "(a", "[a", "\u2028", "\U0010ffff"}
	var puts []store.Document
	for _, key := range keys {
		puts = append(puts, doc(key, 1, "name", key))
	}
	apply(t, ctx, s, "c", step(1, puts))
	for _, key := range keys {
		if d, err := s.Get(ctx, "c", key); err != nil || d.Key != key {
			t.Fatalf("get %q: %+v, %v", key, d, err)
		}
		wantKeys(t, key, listAll(t, ctx, s, "c", store.Query{Value: key}), key)
		wantKeys(t, key, listAll(t, ctx, s, "c", store.Query{Index: "name", Value: key}), key)
	}
	sorted := slices.Sorted(slices.Values(keys))
	wantKeys(t, "all", listAll(t, ctx, s, "c", store.Query{Limit: 2}), sorted...)
	wantKeys(t, "all by index", listAll(t, ctx, s, "c", store.Query{Index: "name", Prefix: true, Limit: 2}), sorted...)
	wantKeys(t, "企业", listAll(t, ctx, s, "c", store.Query{Index: "name", Value: "企业", Prefix: true, Limit: 1}), "企业/上海", "企业/杭州深度求索")
	if lines := strings.Count(dump(t, ctx, s, "c"), "\n"); lines != len(keys) {
		t.Fatalf("%d lines of dump for %d documents", lines, len(keys))
	}
	apply(t, ctx, s, "c", step(2, nil, keys...))
	if n, err := s.Count(ctx, "c"); n != 0 || err != nil {
		t.Fatalf("count: %d, %v", n, err)
	}
}

func testPaging(t *testing.T, ctx context.Context, s store.Store) {
	var puts []store.Document
	var keys []string
	for i := range 60 {
		key := fmt.Sprintf("k%02d", i)
		puts, keys = append(puts, doc(key, 1, "parity", fmt.Sprint(i%2))), append(keys, key)
	}
	apply(t, ctx, s, "c", step(1, puts))
	for _, limit := range []int{1, 7, 30, 59, 60, 61} {
		q := store.Query{Limit: limit}
		wantKeys(t, "up", listAll(t, ctx, s, "c", q), keys...)
		page := list(t, ctx, s, "c", q)
		if len(page.Documents) != min(limit, 60) || (page.Next == "") != (limit >= 60) {
			t.Fatalf("limit %d: %d documents, next %q", limit, len(page.Documents), page.Next)
		}
	}
	// The limit may change between pages.
	page := list(t, ctx, s, "c", store.Query{Index: "parity", Value: "1", Limit: 3})
	page = list(t, ctx, s, "c", store.Query{Index: "parity", Value: "1", Limit: 2, After: page.Next})
	wantKeys(t, "second page", keysOf(page.Documents), "k07", "k09")
	// The row that a cursor names may be gone.
	apply(t, ctx, s, "c", step(2, nil, "k09"))
	page = list(t, ctx, s, "c", store.Query{Index: "parity", Value: "1", Limit: 2, After: page.Next})
	wantKeys(t, "after a deleted row", keysOf(page.Documents), "k11", "k13")
}

func testPageBytes(t *testing.T, ctx context.Context, s store.Store) {
	body := []byte(`"` + strings.Repeat("x", store.BodyBytesMax-2) + `"`)
	const docs = 12
	var want []string
	for i := range docs {
		key := fmt.Sprintf("k%02d", i)
		want = append(want, key)
		apply(t, ctx, s, "c", step(uint64(i+1), []store.Document{{Key: key, Body: body}}))
	}
	page := list(t, ctx, s, "c", store.Query{})
	if len(page.Documents) != store.PageBytesMax/store.BodyBytesMax || page.Next == "" {
		t.Fatalf("%d documents of 1 MiB in a page", len(page.Documents))
	}
	wantKeys(t, "all", listAll(t, ctx, s, "c", store.Query{}), want...)
}

func testCursor(t *testing.T, ctx context.Context, s store.Store) {
	var puts []store.Document
	for i := range 20 {
		puts = append(puts, doc(fmt.Sprintf("k%02d", i), 1, "region", fmt.Sprintf("33%d", i%3), "stage", "seed"))
	}
	apply(t, ctx, s, "c", step(1, puts))
	apply(t, ctx, s, "other", step(1, puts))
	q := store.Query{Index: "region", Value: "330", Limit: 2}
	good := list(t, ctx, s, "c", q).Next
	raw, err := base64.RawURLEncoding.DecodeString(string(good))
	if err != nil {
		t.Fatalf("a cursor isn't base64url: %v", err)
	}
	forged := map[string]store.Cursor{
		"text": "k03", "not base64": "***", "padded": good + "=", "line break": good[:4] + "\n" + good[4:], "blank": " ",
		"longer": good + "AAAA", "huge": store.Cursor(strings.Repeat("A", store.CursorBytesMax+4)), "NUL": "\x00",
	}
	for i := range raw { // each byte flipped
		b := bytes.Clone(raw)
		b[i] ^= 0x20
		forged[fmt.Sprintf("byte %d", i)] = store.Cursor(base64.RawURLEncoding.EncodeToString(b))
	}
	for n := 1; n < len(good); n++ { // each truncation
		forged[fmt.Sprintf("first %d", n)] = good[:n]
	}
	for name, c := range forged {
		bad := q
		bad.After = c
		page, err := s.List(ctx, "c", bad)
		if !errors.Is(err, store.ErrCursor) || len(page.Documents) != 0 {
			t.Errorf("%s: %v, %v", name, keysOf(page.Documents), err)
		}
	}
	for name, change := range map[string]func(*store.Query){
		"another value": func(q *store.Query) { q.Value = "331" },
		"another index": func(q *store.Query) { q.Index = "stage" },
		"by key":        func(q *store.Query) { q.Index, q.Value = "", "" },
		"prefix":        func(q *store.Query) { q.Prefix = true },
		"descending":    func(q *store.Query) { q.Descending = true },
	} {
		changed := q
		changed.After = good
		change(&changed)
		_, err := s.List(ctx, "c", changed)
		wantError(t, name, err, store.ErrCursor)
	}
	q.After = good
	_, err = s.List(ctx, "other", q)
	wantError(t, "another collection", err, store.ErrCursor)
	if len(list(t, ctx, s, "c", q).Documents) != 2 {
		t.Fatal("the good cursor doesn't work")
	}
}

func testDump(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "c", step(1, []store.Document{
		{Key: "b<&>\"\n", Version: 1<<64 - 1, Body: []byte("{\n  \"z\": 1.50,\n  \"a\": \"<企业>\"\n}"), Indexes: []store.Index{{Name: "y", Value: "2"}, {Name: "x", Value: "值"}}},
		{Key: "企业", Version: 0, Body: []byte("null")},
		{Key: "B", Version: 1, Body: []byte(" [ ] ")},
	}))
	want := `{"key":"B","version":1,"body":[]}` + "\n" +
		`{"key":"b<&>\"\n","version":18446744073709551615,"indexes":[{"name":"x","value":"值"},{"name":"y","value":"2"}],"body":{"z":1.50,"a":"<企业>"}}` + "\n" +
		`{"key":"企业","version":0,"body":null}` + "\n"
	if got := dump(t, ctx, s, "c"); got != want {
		t.Fatalf("dump:\n%s\nwant\n%s", got, want)
	}
	failure := errors.New("disk full")
	wantError(t, "a writer that fails", s.Dump(ctx, "c", failingWriter{failure}), failure)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func testMany(t *testing.T, ctx context.Context, s store.Store) {
	const documents, batch = 10_000, 1_000
	for n := range documents / batch {
		puts := make([]store.Document, batch)
		for i := range puts {
			id := (n*batch + i) * 7919 % documents // scattered over the key space; 7919 and 10,000 have no common factor
			puts[i] = doc(fmt.Sprintf("d%05d", id), 1, "region", fmt.Sprintf("%06d", id%31*10_000))
		}
		apply(t, ctx, s, "c", step(uint64(n+1), puts))
	}
	if n, err := s.Count(ctx, "c"); n != documents || err != nil {
		t.Fatalf("count: %d, %v", n, err)
	}
	keys := listAll(t, ctx, s, "c", store.Query{Descending: true, Limit: 997})
	if len(keys) != documents || keys[0] != "d09999" || keys[documents-1] != "d00000" {
		t.Fatalf("%d keys from %s to %s", len(keys), keys[0], keys[len(keys)-1])
	}
	total := 0
	for r := range 31 {
		got := listAll(t, ctx, s, "c", store.Query{Index: "region", Value: fmt.Sprintf("%06d", r*10_000), Limit: 100})
		if !slices.IsSorted(got) {
			t.Fatalf("region %d isn't sorted by key", r)
		}
		total += len(got)
	}
	if total != documents {
		t.Fatalf("the regions list %d documents", total)
	}
	if lines := strings.Count(dump(t, ctx, s, "c"), "\n"); lines != documents {
		t.Fatalf("%d lines of dump", lines)
	}
}

func testCancelled(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "c", step(1, []store.Document{doc("k", 1)}))
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	wantError(t, "apply", s.Apply(cancelled, "c", step(2, nil, "k")), context.Canceled)
	_, err := s.Get(cancelled, "c", "k")
	wantError(t, "get", err, context.Canceled)
	_, err = s.GetMany(cancelled, "c", []string{"k"})
	wantError(t, "get many", err, context.Canceled)
	_, err = s.List(cancelled, "c", store.Query{Limit: 1})
	wantError(t, "list", err, context.Canceled)
	_, err = s.Count(cancelled, "c")
	wantError(t, "count", err, context.Canceled)
	_, err = s.Position(cancelled, "c", source)
	wantError(t, "position", err, context.Canceled)
	wantError(t, "dump", s.Dump(cancelled, "c", &bytes.Buffer{}), context.Canceled)
	wantError(t, "drop", s.Drop(cancelled, "c"), context.Canceled)
	wantPosition(t, ctx, s, "c", At(1))
	wantKeys(t, "untouched", listAll(t, ctx, s, "c", store.Query{}), "k")
}

func testClose(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "c", step(1, []store.Document{doc("k", 1)}))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	wantError(t, "apply", s.Apply(ctx, "c", step(2, nil)), store.ErrClosed)
	_, err := s.Get(ctx, "c", "k")
	wantError(t, "get", err, store.ErrClosed)
	_, err = s.List(ctx, "c", store.Query{Limit: 1})
	wantError(t, "list", err, store.ErrClosed)
	_, err = s.Position(ctx, "c", source)
	wantError(t, "position", err, store.ErrClosed)
	wantError(t, "drop", s.Drop(ctx, "c"), store.ErrClosed)
}
