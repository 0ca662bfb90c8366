package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// testAtomic defines atomicity and tries it: batch n writes version n of two documents, moves both to index value n and
// sets position n. Readers beside it must see, in one call, both documents of one version under one value; a position
// read after a document covers it, and a document read after a position is at least as new.
func testAtomic(t *testing.T, ctx context.Context, s store.Store) {
	const steps, looks, readers = 300, 3000, 3 // at least; the writer goes on until readers had their share
	pair := func(n uint64) []store.Document {
		value := fmt.Sprintf("%06d", n)
		return []store.Document{doc("a", n, "at", value), doc("b", n, "at", value)}
	}
	apply(t, ctx, s, "c", step(1, pair(1)))
	done := make(chan struct{})
	var looked atomic.Int64
	var group sync.WaitGroup
	look := func() error {
		before, err := s.Position(ctx, "c", source)
		if err != nil {
			return err
		}
		docs, err := s.GetMany(ctx, "c", []string{"a", "b"})
		if err != nil || len(docs) != 2 || docs[0].Version != docs[1].Version {
			return fmt.Errorf("get many saw half a batch: %v, %v", docs, err)
		}
		if docs[0].Version < before.Sequence {
			return fmt.Errorf("version %d read after position %d", docs[0].Version, before.Sequence)
		}
		page, err := s.List(ctx, "c", store.Query{Index: "at", Prefix: true, Limit: 10})
		if err != nil || len(page.Documents) != 2 {
			return fmt.Errorf("list saw half a batch: %v, %v", keysOf(page.Documents), err)
		}
		for _, d := range page.Documents {
			if d.Version != page.Documents[0].Version || d.Indexes[0].Value != fmt.Sprintf("%06d", d.Version) {
				return fmt.Errorf("list mixed batches: %+v", d)
			}
		}
		after, err := s.Position(ctx, "c", source)
		if err != nil || after.Sequence < page.Documents[0].Version {
			return fmt.Errorf("position %d (%v) read after version %d", after.Sequence, err, page.Documents[0].Version)
		}
		return nil
	}
	for range readers {
		group.Go(func() {
			for {
				if err := look(); err != nil {
					t.Error(err)
					looked.Add(looks) // the writer needn't go on
					return
				}
				looked.Add(1)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := uint64(2); n <= steps || looked.Load() < looks; n++ {
		if err := s.Apply(ctx, "c", step(n, pair(n))); err != nil {
			t.Errorf("apply %d: %v", n, err)
			break
		}
	}
	close(done)
	group.Wait()
}

// testPagingUnderWrites: while others come, go and move, a document that nobody touches is listed exactly once and in
// order.
func testPagingUnderWrites(t *testing.T, ctx context.Context, s store.Store) {
	const still = 200
	var puts []store.Document
	var want []string
	for i := range still {
		key := fmt.Sprintf("k%03d.still", i)
		puts, want = append(puts, doc(key, 1, "v", fmt.Sprintf("%03d", i))), append(want, key)
	}
	apply(t, ctx, s, "c", step(1, puts))
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := uint64(2); ; n++ {
			i := int(n*37) % still
			moving := fmt.Sprintf("k%03d.moving", i)
			b := step(n, []store.Document{doc(moving, n, "v", fmt.Sprintf("%03d", int(n*53)%still))}, fmt.Sprintf("k%03d.moving", (i+100)%still))
			if err := s.Apply(ctx, "c", b); err != nil {
				t.Errorf("apply %d: %v", n, err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	defer func() { close(done); <-stopped }()
	reversed := slices.Clone(want)
	slices.Reverse(reversed)
	for range 5 {
		for _, q := range []store.Query{{Limit: 7}, {Index: "v", Prefix: true, Limit: 7}} {
			up := slices.DeleteFunc(listAll(t, ctx, s, "c", q), isMoving)
			wantKeys(t, "up", up, want...)
			q.Descending = true
			down := slices.DeleteFunc(listAll(t, ctx, s, "c", q), isMoving)
			wantKeys(t, "down", down, reversed...)
		}
	}
}

func isMoving(key string) bool { return strings.HasSuffix(key, ".moving") }

func testDropRebuild(t *testing.T, ctx context.Context, s store.Store) {
	history := func() {
		for n := uint64(1); n <= 20; n++ {
			apply(t, ctx, s, "c", step(n, []store.Document{
				doc(fmt.Sprintf("d%d", n%7), n, "region", fmt.Sprint(n%3)), doc(fmt.Sprintf("e%d", n), n, "stage", "seed"),
			}, fmt.Sprintf("e%d", n/2)))
		}
	}
	history()
	apply(t, ctx, s, "other", step(1, []store.Document{doc("k", 1, "region", "1")}))
	before := dump(t, ctx, s, "c")
	listed := listAll(t, ctx, s, "c", store.Query{Index: "region", Prefix: true})
	if err := s.Drop(ctx, "c"); err != nil {
		t.Fatalf("drop: %v", err)
	}
	wantPosition(t, ctx, s, "c", store.Position{})
	for _, index := range []string{"", "region", "stage"} {
		wantKeys(t, "dropped "+index, listAll(t, ctx, s, "c", store.Query{Index: index, Prefix: true}))
	}
	if n, err := s.Count(ctx, "c"); n != 0 || err != nil {
		t.Fatalf("count: %d, %v", n, err)
	}
	// A projector that doesn't know of the drop is stopped.
	wantError(t, "old projector", s.Apply(ctx, "c", step(21, nil)), store.ErrPosition)
	history()
	if after := dump(t, ctx, s, "c"); after != before || after == "" {
		t.Fatalf("the rebuilt projection differs:\n%s\nbefore\n%s", after, before)
	}
	wantKeys(t, "rebuilt index", listAll(t, ctx, s, "c", store.Query{Index: "region", Prefix: true}), listed...)
	wantKeys(t, "other collection", listAll(t, ctx, s, "other", store.Query{Index: "region", Prefix: true}), "k")
}
