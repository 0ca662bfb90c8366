package store

import (
	"context"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/tidwall/btree"

	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// Memory is the embedded store (内存存储): ordered maps, nothing on disk, rebuilt from the ledger at start.
type Memory struct {
	mu          sync.RWMutex // guards the map and closed; never held while a collection is read or written
	collections map[string]*memoryCollection
	closed      bool
}

var _ Store = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{collections: map[string]*memoryCollection{}} }

// memoryCollection is guarded by one lock. A reader holds it for one page at most and a writer for one batch, both
// bounded, so neither keeps the other waiting long; a dump works on a copy-on-write snapshot without the lock.
type memoryCollection struct {
	mu        sync.RWMutex
	positions map[string]Position
	documents *btree.BTreeG[row] // value is the key, row.key is empty: the same scan serves all orders
	indexes   map[string]*btree.BTreeG[row]
}

// row is one entry of an order. It shares its strings and the document with the other orders.
type row struct {
	place
	doc *Document
}

func rowLess(a, b row) bool {
	if c := strings.Compare(a.value, b.value); c != 0 {
		return c < 0
	}
	return a.key < b.key
}

func newOrder() *btree.BTreeG[row] {
	return btree.NewBTreeGOptions(rowLess, btree.Options{NoLocks: true}) // the collection's lock guards it
}

func newMemoryCollection() *memoryCollection {
	return &memoryCollection{
		positions: map[string]Position{}, documents: newOrder(), indexes: map[string]*btree.BTreeG[row]{},
	}
}

// collection finds a collection; it makes a missing one only for a writer, so that reads of unknown names cost nothing.
func (m *Memory) collection(ctx context.Context, name string, create bool) (*memoryCollection, error) {
	if err := checkCall(ctx, name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	c, closed := m.collections[name], m.closed
	m.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if c != nil {
		return c, nil
	}
	if !create {
		return newMemoryCollection(), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if c = m.collections[name]; c == nil {
		c = newMemoryCollection()
		m.collections[name] = c
	}
	return c, nil
}

// Apply implements Store.
func (m *Memory) Apply(ctx context.Context, collection string, b Batch) error {
	puts, err := checkBatch(b)
	if err != nil {
		return err
	}
	c, err := m.collection(ctx, collection, true)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if stored := c.positions[b.Source]; !stored.Equal(b.From) && !planted.On("projection_applies_out_of_place") {
		return &PositionError{Collection: collection, Source: b.Source, Stored: stored, Expected: b.From, To: b.To}
	}
	// Nothing below can fail: the batch was checked whole.
	c.put(puts)
	for _, key := range b.Deletes {
		c.remove(key)
	}
	b.To.Created = b.To.Created.UTC().Round(0) // as it comes back from Redis: UTC, without a monotonic reading
	if planted.On("projection_without_position") {
		return nil
	}
	c.positions[b.Source] = b.To
	return nil
}

// listing is what an order takes in or gives up.
type listing struct {
	row
	gone bool
}

// aloneRowsMax is how many documents of a batch are put by one goroutine: for more, each order is brought up to date by its own. At
// start everything comes in large commits, and finding the places in the orders is most of the work.
const aloneRowsMax = 64

func (c *memoryCollection) put(puts []Document) {
	listings := make(map[string][]listing)
	for i := range puts {
		d := &puts[i]
		if old, replaced := c.documents.Set(row{place: place{value: d.Key}, doc: d}); replaced {
			for _, ix := range old.doc.Indexes {
				if !slices.Contains(d.Indexes, ix) { // most stay when a row is replaced
					listings[ix.Name] = append(listings[ix.Name], listing{row{place: place{value: ix.Value, key: d.Key}}, true})
				}
			}
		}
		for _, ix := range d.Indexes {
			listings[ix.Name] = append(listings[ix.Name], listing{row{place: place{value: ix.Value, key: d.Key}, doc: d}, false})
		}
	}
	var listed sync.WaitGroup
	for name, list := range listings {
		order := c.indexes[name]
		if order == nil {
			order = newOrder()
			c.indexes[name] = order
		}
		if len(puts) <= aloneRowsMax {
			relist(order, list)
			continue
		}
		listed.Go(func() { relist(order, list) })
	}
	listed.Wait()
}

func relist(order *btree.BTreeG[row], list []listing) {
	for _, l := range list {
		if l.gone {
			order.Delete(l.row)
		} else {
			order.Set(l.row)
		}
	}
}

func (c *memoryCollection) remove(key string) {
	if old, found := c.documents.Delete(row{place: place{value: key}}); found {
		for _, ix := range old.doc.Indexes {
			c.indexes[ix.Name].Delete(row{place: place{value: ix.Value, key: key}})
		}
	}
}

// Position implements Store.
func (m *Memory) Position(ctx context.Context, collection, source string) (Position, error) {
	if err := checkName(source); err != nil {
		return Position{}, err
	}
	c, err := m.collection(ctx, collection, false)
	if err != nil {
		return Position{}, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.positions[source], nil
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, collection, key string) (Document, error) {
	docs, err := m.GetMany(ctx, collection, []string{key})
	if err != nil {
		return Document{}, err
	}
	if len(docs) == 0 {
		return Document{}, ErrNotFound
	}
	return docs[0], nil
}

// GetMany implements Store.
func (m *Memory) GetMany(ctx context.Context, collection string, keys []string) ([]Document, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	c, err := m.collection(ctx, collection, false)
	if err != nil {
		return nil, err
	}
	docs := make([]Document, 0, len(keys))
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, key := range keys {
		if r, found := c.documents.Get(row{place: place{value: key}}); found {
			docs = append(docs, *r.doc)
		}
	}
	return docs, nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, collection string, q Query) (Page, error) {
	s, err := newSpan(collection, q)
	if err != nil {
		return Page{}, err
	}
	c, err := m.collection(ctx, collection, false)
	if err != nil {
		return Page{}, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	order := c.documents
	if q.Index != "" {
		order = c.indexes[q.Index]
	}
	if order == nil {
		return Page{}, nil
	}
	return listRows(order, collection, s), nil
}

func listRows(order *btree.BTreeG[row], collection string, s span) Page {
	var page Page
	var last place
	bytes, seen := 0, 0
	visit := func(r row) bool {
		if s.hasAfter && r.place == s.after {
			return true
		}
		if !s.contains(r.value) {
			return false // the scan starts inside the range or past all of it
		}
		n := len(page.Documents)
		if n == s.Limit || n > 0 && bytes+len(r.doc.Body) > PageBytesMax || len(s.Where) > 0 && seen == ScanRowsMax {
			page.goesOn(collection, s.Query, last)
			return false
		}
		seen++
		if !r.doc.fits(s.Where) {
			last = r.place
			return true
		}
		page.Documents = append(page.Documents, *r.doc)
		bytes += len(r.doc.Body)
		last = r.place
		return true
	}
	switch {
	case !s.Descending && s.hasAfter:
		order.Ascend(row{place: s.after}, visit)
	case !s.Descending:
		order.Ascend(row{place: place{value: s.Value}}, visit)
	case s.hasAfter:
		order.Descend(row{place: s.after}, visit)
	case s.all():
		order.Reverse(visit)
	case s.Prefix:
		order.Descend(row{place: place{value: s.Value + aboveText}}, visit)
	default:
		order.Descend(row{place: place{value: s.Value, key: aboveText}}, visit)
	}
	return page
}

// Tally implements Store.
func (m *Memory) Tally(ctx context.Context, collection string, q Query) (int, error) {
	s, err := newSpan(collection, Query{Index: q.Index, Value: q.Value, Prefix: q.Prefix, Limit: 1})
	if err != nil {
		return 0, err
	}
	c, err := m.collection(ctx, collection, false)
	if err != nil {
		return 0, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	order := c.documents
	if q.Index != "" {
		order = c.indexes[q.Index]
	}
	switch {
	case order == nil:
		return 0, nil
	case s.all():
		return order.Len(), nil
	case s.Prefix:
		return rank(order, row{place: place{value: s.Value + aboveText}}) - rank(order, row{place: place{value: s.Value}}), nil
	}
	return rank(order, row{place: place{value: s.Value, key: aboveText}}) - rank(order, row{place: place{value: s.Value}}), nil
}

// rank is the number of rows before a place.
func rank(order *btree.BTreeG[row], before row) int {
	return sort.Search(order.Len(), func(i int) bool {
		r, _ := order.GetAt(i)
		return !rowLess(r, before)
	})
}

// aboveText sorts after every valid UTF-8 text.
const aboveText = "\xff"

// Count implements Store.
func (m *Memory) Count(ctx context.Context, collection string) (int, error) {
	c, err := m.collection(ctx, collection, false)
	if err != nil {
		return 0, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.documents.Len(), nil
}

// Dump implements Store. It shows the state at its start and holds up nobody.
func (m *Memory) Dump(ctx context.Context, collection string, w io.Writer) error {
	c, err := m.collection(ctx, collection, false)
	if err != nil {
		return err
	}
	c.mu.Lock() // copying marks the tree's nodes as shared, which is a write
	snapshot := c.documents.Copy()
	c.mu.Unlock()

	d := newDumper(w)
	n := 0
	snapshot.Scan(func(r row) bool {
		if n++; n%dumpPageRows == 0 {
			err = ctx.Err()
		}
		if err == nil {
			err = d.write(*r.doc)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return d.flush()
}

// Drop implements Store.
func (m *Memory) Drop(ctx context.Context, collection string) error {
	c, err := m.collection(ctx, collection, true)
	if err != nil {
		return err
	}
	empty := newMemoryCollection()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.positions, c.documents, c.indexes = empty.positions, empty.documents, empty.indexes
	return nil
}

// Close implements Store: it lets go of everything held.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.collections, m.closed = nil, true
	return nil
}
