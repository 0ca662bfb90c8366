package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

func testEmpty(t *testing.T, ctx context.Context, s store.Store) {
	_, err := s.Get(ctx, "demands", "d1")
	wantError(t, "get", err, store.ErrNotFound)
	docs, err := s.GetMany(ctx, "demands", []string{"d1", "d2"})
	if err != nil || len(docs) != 0 {
		t.Fatalf("get many: %v, %v", docs, err)
	}
	if docs, err = s.GetMany(ctx, "demands", nil); err != nil || len(docs) != 0 {
		t.Fatalf("get none: %v, %v", docs, err)
	}
	for _, index := range []string{"", "region"} {
		if page := list(t, ctx, s, "demands", store.Query{Index: index, Prefix: true}); len(page.Documents) != 0 || page.Next != "" {
			t.Fatalf("list %q: %+v", index, page)
		}
	}
	if n, err := s.Count(ctx, "demands"); n != 0 || err != nil {
		t.Fatalf("count: %d, %v", n, err)
	}
	if d := dump(t, ctx, s, "demands"); d != "" {
		t.Fatalf("dump: %q", d)
	}
	wantPosition(t, ctx, s, "demands", store.Position{})
	if err := s.Drop(ctx, "demands"); err != nil {
		t.Fatalf("drop: %v", err)
	}
}

func testGetReplace(t *testing.T, ctx context.Context, s store.Store) {
	given := doc("d1", 1, "region", "330000", "industry", "I65", "region", "110000", "region", "330000")
	order := slices.Clone(given.Indexes)
	apply(t, ctx, s, "demands", step(1, []store.Document{given, doc("d2", 1)}))
	if !slices.Equal(given.Indexes, order) {
		t.Fatal("the caller's index entries were changed")
	}
	d, err := s.Get(ctx, "demands", "d1")
	if err != nil || d.Key != "d1" || d.Version != 1 || !bytes.Equal(d.Body, given.Body) {
		t.Fatalf("get: %+v, %v", d, err)
	}
	want := []store.Index{{Name: "industry", Value: "I65"}, {Name: "region", Value: "110000"}, {Name: "region", Value: "330000"}}
	if !slices.Equal(d.Indexes, want) {
		t.Fatalf("index entries: %v, want %v", d.Indexes, want)
	}
	big := store.Document{Key: "d1", Version: 1<<64 - 1, Body: []byte(`[1, "<接力&>"]`)}
	apply(t, ctx, s, "demands", step(2, []store.Document{big}, "d2", "never there"))
	if d, err = s.Get(ctx, "demands", "d1"); err != nil || d.Version != 1<<64-1 || string(d.Body) != `[1, "<接力&>"]` || len(d.Indexes) != 0 {
		t.Fatalf("replaced: %+v, %v", d, err)
	}
	_, err = s.Get(ctx, "demands", "d2")
	wantError(t, "deleted", err, store.ErrNotFound)
	apply(t, ctx, s, "demands", step(3, []store.Document{doc("d3", 1), doc("d4", 1)}))
	docs, err := s.GetMany(ctx, "demands", []string{"d4", "missing", "d1", "d3", "d4"})
	if err != nil {
		t.Fatal(err)
	}
	wantKeys(t, "get many", keysOf(docs), "d4", "d1", "d3", "d4")
	if n, err := s.Count(ctx, "demands"); n != 3 || err != nil {
		t.Fatalf("count: %d, %v", n, err)
	}
	if _, err := s.Get(ctx, "offers", "d1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("another collection: %v", err)
	}
}

func testPosition(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "demands", step(1, []store.Document{doc("d1", 1)}))
	wantPosition(t, ctx, s, "demands", At(1))
	// Each part of a position is compared.
	for name, wrong := range map[string]store.Position{
		"none":       {},
		"created":    {Created: created.Add(time.Nanosecond), Sequence: 1, Hash: At(1).Hash, Commit: 1},
		"sequence":   {Created: created, Sequence: 2, Hash: At(1).Hash, Commit: 1},
		"hash":       {Created: created, Sequence: 1, Hash: At(2).Hash, Commit: 1},
		"commit":     {Created: created, Sequence: 1, Hash: At(1).Hash, Commit: 2},
		"2^53 apart": {Created: created, Sequence: 1<<53 + 1, Hash: At(1).Hash, Commit: 1},
	} {
		to := At(9)
		to.Created, to.Sequence = wrong.Created, wrong.Sequence+5
		err := s.Apply(ctx, "demands", store.Batch{Source: source, From: wrong, To: to, Puts: []store.Document{doc("d1", 2), doc("x", 1)}, Deletes: []string{"d0"}})
		var refused *store.PositionError
		if !errors.Is(err, store.ErrPosition) || !errors.As(err, &refused) {
			t.Fatalf("%s: %v", name, err)
		}
		if !refused.Stored.Equal(At(1)) || !refused.Expected.Equal(wrong) || refused.Applied() || refused.Source != source || refused.Collection != "demands" {
			t.Fatalf("%s: %+v", name, refused)
		}
	}
	wantPosition(t, ctx, s, "demands", At(1))
	if d := dump(t, ctx, s, "demands"); d != `{"key":"d1","version":1,"body":{"id":"d1","version":1}}`+"\n" {
		t.Fatalf("a refused batch changed something: %s", d)
	}
	// The same batch again is refused too, and recognisable.
	err := s.Apply(ctx, "demands", step(1, []store.Document{doc("d1", 1)}))
	var repeated *store.PositionError
	if !errors.As(err, &repeated) || !repeated.Applied() {
		t.Fatalf("repeated: %v", err)
	}
	// Sources are apart, and so are collections; a time zone makes no difference.
	other := step(1, nil)
	other.Source = "demand.1"
	apply(t, ctx, s, "demands", other)
	apply(t, ctx, s, "offers", step(1, nil))
	local := step(2, nil)
	local.From.Created = created.In(time.FixedZone("UTC+8", 8*3600))
	local.To.Created = local.From.Created
	apply(t, ctx, s, "demands", local)
	wantPosition(t, ctx, s, "demands", At(2))
}

func testPositionSteps(t *testing.T, ctx context.Context, s store.Store) {
	first := step(1<<53+1, nil) // beyond what a Lua number holds
	first.From = store.Position{}
	apply(t, ctx, s, "demands", first)
	wantPosition(t, ctx, s, "demands", At(1<<53+1))
	from := first.To
	recreated := At(1<<53 + 2)
	recreated.Created = created.Add(time.Hour)
	for name, to := range map[string]store.Position{
		"same": from, "back": At(5), "zero": {}, "another stream": recreated, "sequence zero": {Created: created, Hash: "ab", Commit: 1},
	} {
		err := s.Apply(ctx, "demands", store.Batch{Source: source, From: from, To: to})
		wantError(t, name, err, store.ErrInvalid)
	}
	wantPosition(t, ctx, s, "demands", from)
	apply(t, ctx, s, "demands", step(1<<53+2, nil))
}

func testRefusedBatch(t *testing.T, ctx context.Context, s store.Store) {
	apply(t, ctx, s, "demands", step(1, []store.Document{doc("d1", 1, "region", "330000")}))
	before := dump(t, ctx, s, "demands")
	good := doc("d2", 1, "region", "110000")
	for name, b := range map[string]store.Batch{
		"bad body":    step(2, []store.Document{good, {Key: "d3", Body: []byte(`{"a":`)}}, "d1"),
		"no body":     step(2, []store.Document{good, {Key: "d3"}}, "d1"),
		"twice":       step(2, []store.Document{good, good}),
		"put, delete": step(2, []store.Document{good}, "d2"),
		"del, del":    step(2, []store.Document{good}, "d1", "d1"),
		"empty key":   step(2, []store.Document{good, {Key: "", Body: []byte("1")}}),
		"empty del":   step(2, []store.Document{good}, ""),
	} {
		wantError(t, name, s.Apply(ctx, "demands", b), store.ErrInvalid)
	}
	if after := dump(t, ctx, s, "demands"); after != before {
		t.Fatalf("changed:\n%s%s", before, after)
	}
	wantPosition(t, ctx, s, "demands", At(1))
	wantKeys(t, "region", listAll(t, ctx, s, "demands", store.Query{Index: "region", Prefix: true}), "d1")
}

func testIndexEntries(t *testing.T, ctx context.Context, s store.Store) {
	at := func(index, value string) []string {
		return listAll(t, ctx, s, "demands", store.Query{Index: index, Value: value})
	}
	apply(t, ctx, s, "demands", step(1, []store.Document{
		doc("a", 1, "region", "330000", "stage", "seed"), doc("b", 1, "region", "330000", "region", "110000"), doc("c", 1, "stage", ""),
	}))
	wantKeys(t, "330000", at("region", "330000"), "a", "b")
	wantKeys(t, "110000", at("region", "110000"), "b")
	wantKeys(t, "empty value", at("stage", ""), "c")
	wantKeys(t, "both entries", listAll(t, ctx, s, "demands", store.Query{Index: "region", Prefix: true}), "b", "a", "b")

	apply(t, ctx, s, "demands", step(2, []store.Document{doc("a", 2, "region", "440000"), doc("b", 2, "region", "330000", "region", "110000")}))
	wantKeys(t, "330000 after a moved", at("region", "330000"), "b")
	wantKeys(t, "440000", at("region", "440000"), "a")
	wantKeys(t, "stage dropped", at("stage", "seed"))
	if page := list(t, ctx, s, "demands", store.Query{Index: "region", Value: "330000"}); page.Documents[0].Version != 2 {
		t.Fatalf("a listing shows the version replaced: %+v", page.Documents[0])
	}
	apply(t, ctx, s, "demands", step(3, []store.Document{doc("c", 2)}, "b"))
	wantKeys(t, "after delete", listAll(t, ctx, s, "demands", store.Query{Index: "region", Prefix: true}), "a")
	wantKeys(t, "no stage", listAll(t, ctx, s, "demands", store.Query{Index: "stage", Prefix: true}))
	wantKeys(t, "by key", listAll(t, ctx, s, "demands", store.Query{}), "a", "c")
}

func testInvalid(t *testing.T, ctx context.Context, s store.Store) {
	for _, name := range []string{"", "a b", "a{b}", "a:b", "需求", "a\x00", strings.Repeat("n", store.NameBytesMax+1)} {
		wantError(t, "collection "+name, s.Apply(ctx, name, step(1, nil)), store.ErrInvalid)
		_, err := s.Get(ctx, name, "k")
		wantError(t, "get", err, store.ErrInvalid)
		_, err = s.Count(ctx, name)
		wantError(t, "count", err, store.ErrInvalid)
		wantError(t, "drop", s.Drop(ctx, name), store.ErrInvalid)
		wantError(t, "dump", s.Dump(ctx, name, &bytes.Buffer{}), store.ErrInvalid)
		_, err = s.Position(ctx, "demands", name)
		wantError(t, "source", err, store.ErrInvalid)
		wantError(t, "index name", s.Apply(ctx, "demands", step(1, []store.Document{doc("k", 1, name, "v")})), store.ErrInvalid)
		if name != "" {
			_, err = s.List(ctx, "demands", store.Query{Index: name, Limit: 1})
			wantError(t, "list index", err, store.ErrInvalid)
		}
	}
	for _, text := range []string{"a\x00b", "\xff", "a\xc3"} {
		_, err := s.Get(ctx, "demands", text)
		wantError(t, "get", err, store.ErrInvalid)
		_, err = s.List(ctx, "demands", store.Query{Value: text, Limit: 1})
		wantError(t, "list", err, store.ErrInvalid)
		wantError(t, "key", s.Apply(ctx, "demands", step(1, []store.Document{{Key: text, Body: []byte("1")}})), store.ErrInvalid)
		wantError(t, "value", s.Apply(ctx, "demands", step(1, []store.Document{doc("k", 1, "i", text)})), store.ErrInvalid)
		wantError(t, "delete", s.Apply(ctx, "demands", step(1, nil, text)), store.ErrInvalid)
	}
	for _, limit := range []int{-1, 0, store.ListLimitMax + 1} {
		_, err := s.List(ctx, "demands", store.Query{Limit: limit})
		wantError(t, "limit", err, store.ErrInvalid)
	}
}

func testLimits(t *testing.T, ctx context.Context, s store.Store) {
	big := []byte(`"` + strings.Repeat("x", store.BodyBytesMax-1) + `"`)
	many := make([]store.Document, store.BatchRowsMax+1)
	for i := range many {
		many[i] = doc("k"+strconv.Itoa(i), 1)
	}
	heavy := make([]store.Document, store.BatchBytesMax/(1<<19)+1)
	for i := range heavy {
		heavy[i] = store.Document{Key: "k" + strconv.Itoa(i), Body: []byte(`"` + strings.Repeat("x", 1<<19) + `"`)}
	}
	var pairs []string
	for i := range store.IndexesMax + 1 {
		pairs = append(pairs, "i", strconv.Itoa(i))
	}
	for name, puts := range map[string][]store.Document{
		"body": {{Key: "k", Body: big}}, "rows": many, "bytes": heavy,
		"key":     {doc(strings.Repeat("k", store.KeyBytesMax+1), 1)},
		"value":   {doc("k", 1, "i", strings.Repeat("v", store.IndexBytesMax+1))},
		"indexes": {doc("k", 1, pairs...)},
	} {
		wantError(t, name, s.Apply(ctx, "demands", step(1, puts)), store.ErrTooLarge)
	}
	_, err := s.GetMany(ctx, "demands", make([]string, store.GetManyKeysMax+1))
	wantError(t, "get many", err, store.ErrTooLarge)
	wantPosition(t, ctx, s, "demands", store.Position{})
	// At the limits it works.
	apply(t, ctx, s, "demands", step(1, many[:store.BatchRowsMax]))
	longest := doc(strings.Repeat("k", store.KeyBytesMax), 1, append(pairs[:2*store.IndexesMax-2], "long", strings.Repeat("v", store.IndexBytesMax))...)
	apply(t, ctx, s, "demands", step(2, []store.Document{longest, doc("zz", 1, "long", "w")}))
	page := list(t, ctx, s, "demands", store.Query{Index: "long", Prefix: true, Limit: 1})
	page = list(t, ctx, s, "demands", store.Query{Index: "long", Prefix: true, Limit: 1, After: page.Next})
	wantKeys(t, "after the longest cursor", keysOf(page.Documents), "zz")
}

// testTwoProjectors: many goroutines race to apply each next step; exactly one wins each.
func testTwoProjectors(t *testing.T, ctx context.Context, s store.Store) {
	const steps, rivals = 40, 4
	for n := uint64(1); n <= steps; n++ {
		var group sync.WaitGroup
		won := make(chan string, rivals)
		for r := range rivals {
			group.Go(func() {
				who := "rival-" + strconv.Itoa(r)
				err := s.Apply(ctx, "demands", step(n, []store.Document{doc("last", n, "who", who), doc(who, n)}))
				switch {
				case err == nil:
					won <- who
				case !errors.Is(err, store.ErrPosition):
					t.Errorf("step %d: %v", n, err)
				}
			})
		}
		group.Wait()
		if len(won) != 1 {
			t.Fatalf("step %d was applied %d times", n, len(won))
		}
		who := <-won
		wantKeys(t, "winner", listAll(t, ctx, s, "demands", store.Query{Index: "who", Prefix: true}), "last")
		if page := list(t, ctx, s, "demands", store.Query{Index: "who", Value: who}); len(page.Documents) != 1 {
			t.Fatalf("step %d: the winner's row isn't there", n)
		}
	}
	wantPosition(t, ctx, s, "demands", At(steps))
}
