package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// The random history uses few keys and values, so that replacing and sharing values is common, and awkward ones.
var (
	modelKeys   = []string{"a", "ab", "a\x01", "b", "企", "企业", "é", "-", "+"}
	modelValues = []string{"", "3", "33", "330000", "33\x01", "浙江", "浙江杭州", "(", "["}
	modelNames  = []string{"region", "stage"}
)

func drawBatch(t *rapid.T, from uint64) store.Batch {
	b := step(from+1, nil)
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(modelKeys), 0, 4, rapid.ID).Draw(t, "keys") {
		if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
			b.Deletes = append(b.Deletes, key)
			continue
		}
		d := doc(key, from+1)
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			d.Indexes = append(d.Indexes, store.Index{
				Name: rapid.SampledFrom(modelNames).Draw(t, "name"), Value: rapid.SampledFrom(modelValues).Draw(t, "value"),
			})
		}
		b.Puts = append(b.Puts, d)
	}
	return b
}

func drawQuery(t *rapid.T) store.Query {
	q := store.Query{
		Index:      rapid.SampledFrom([]string{"", "region", "stage"}).Draw(t, "index"),
		Prefix:     rapid.Bool().Draw(t, "prefix"),
		Descending: rapid.Bool().Draw(t, "descending"),
		Limit:      rapid.IntRange(1, 5).Draw(t, "limit"),
	}
	q.Value = rapid.SampledFrom(slices.Concat(modelValues, modelKeys)).Draw(t, "value")
	return q
}

// model is the plain truth that a store is compared with: a map, sorted anew for every question.
type model map[string]store.Document

func (m model) apply(b store.Batch) {
	for _, d := range b.Puts {
		m[d.Key] = d
	}
	for _, key := range b.Deletes {
		delete(m, key)
	}
}

func (m model) list(q store.Query) []string {
	type entry struct{ value, key string }
	seen := map[entry]bool{}
	var entries []entry
	for key, d := range m {
		for _, ix := range append(slices.Clone(d.Indexes), store.Index{Value: key}) {
			e := entry{ix.Value, key}
			if ix.Name != q.Index || seen[e] {
				continue
			}
			exact := ix.Value == q.Value || q.Index == "" && q.Value == ""
			if seen[e] = true; exact || q.Prefix && strings.HasPrefix(ix.Value, q.Value) {
				entries = append(entries, e)
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return strings.Compare(a.value+"\x00"+a.key, b.value+"\x00"+b.key)
	})
	if q.Descending {
		slices.Reverse(entries)
	}
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.key
	}
	return keys
}

// testModel plays random histories on the store and the model and compares every kind of read.
func testModel(t *testing.T, ctx context.Context, s store.Store) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		c := fmt.Sprintf("model-%d", run)
		m := model{}
		var at uint64
		for range rapid.IntRange(1, 12).Draw(rt, "batches") {
			b := drawBatch(rt, at)
			if at > 0 && rapid.IntRange(0, 9).Draw(rt, "stale") == 0 {
				stale := b
				stale.From = At(at - 1)
				if err := s.Apply(ctx, c, stale); !errors.Is(err, store.ErrPosition) {
					rt.Fatalf("stale batch: %v", err)
				}
				continue
			}
			if err := s.Apply(ctx, c, b); err != nil {
				rt.Fatalf("apply: %v", err)
			}
			at++
			m.apply(b)
		}
		for range 4 {
			q := drawQuery(rt)
			var got []string
			for pages := 0; ; pages++ {
				page, err := s.List(ctx, c, q)
				if err != nil || pages > 100 {
					rt.Fatalf("list %+v: page %d: %v", q, pages, err)
				}
				got = append(got, keysOf(page.Documents)...)
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if want := m.list(q); !slices.Equal(got, want) {
				rt.Fatalf("list %+v: got %q, want %q", q, got, want)
			}
		}
		if n, err := s.Count(ctx, c); err != nil || n != len(m) {
			rt.Fatalf("count: %d, %v; want %d", n, err, len(m))
		}
		docs, err := s.GetMany(ctx, c, modelKeys)
		if err != nil || len(docs) != len(m) {
			rt.Fatalf("get many: %d, %v; want %d", len(docs), err, len(m))
		}
		for _, d := range docs {
			if want := m[d.Key]; d.Version != want.Version || !bytes.Equal(d.Body, want.Body) {
				rt.Fatalf("got %+v, want %+v", d, want)
			}
		}
		if err := s.Drop(ctx, c); err != nil {
			rt.Fatalf("drop: %v", err)
		}
	})
}

// RunEqual plays the same random histories on two stores: their dumps are equal byte for byte, and so are their pages
// and cursors.
func RunEqual(t *testing.T, a, b store.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		c := fmt.Sprintf("equal-%d", run)
		for at := range uint64(rapid.IntRange(1, 15).Draw(rt, "batches")) {
			batch := drawBatch(rt, at)
			if errA, errB := a.Apply(ctx, c, batch), b.Apply(ctx, c, batch); errA != nil || errB != nil {
				rt.Fatalf("apply: %v, %v", errA, errB)
			}
		}
		var dumpA, dumpB bytes.Buffer
		if errA, errB := a.Dump(ctx, c, &dumpA), b.Dump(ctx, c, &dumpB); errA != nil || errB != nil {
			rt.Fatalf("dump: %v, %v", errA, errB)
		}
		if !bytes.Equal(dumpA.Bytes(), dumpB.Bytes()) {
			rt.Fatalf("dumps differ:\n%s\n%s", &dumpA, &dumpB)
		}
		q := drawQuery(rt)
		for pages := 0; pages < 100; pages++ {
			pageA, errA := a.List(ctx, c, q)
			pageB, errB := b.List(ctx, c, q)
			if errA != nil || errB != nil || pageA.Next != pageB.Next || !slices.Equal(keysOf(pageA.Documents), keysOf(pageB.Documents)) {
				rt.Fatalf("pages differ: %+v (%v), %+v (%v)", pageA, errA, pageB, errB)
			}
			if q.After = pageA.Next; q.After == "" {
				break
			}
		}
		for _, s := range []store.Store{a, b} {
			if err := s.Drop(ctx, c); err != nil {
				rt.Fatalf("drop: %v", err)
			}
		}
	})
}
