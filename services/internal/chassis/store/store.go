package store

import (
	"context"
	"io"
	"time"
)

// Bounds on what one call carries. They are the same in every implementation. A batch becomes one Redis script, and
// Redis serves nobody else while a script runs: 4,096 rows and 8 MiB keep that near 50 ms at worst. A batch is refused,
// never split, because a split would no longer be atomic; a ledger commit (at most 512 KiB) always fits.
const (
	BatchRowsMax   = 4096    // puts and deletes of one batch
	BatchBytesMax  = 8 << 20 // keys, index entries and bodies of one batch
	BodyBytesMax   = 1 << 20 // body of one document
	KeyBytesMax    = 512     // key of a document
	IndexesMax     = 64      // index entries of one document
	IndexBytesMax  = 512     // value of one index entry
	NameBytesMax   = 64      // collection, source or index name
	HashBytesMax   = 128     // Position.Hash
	GetManyKeysMax = 4096    // keys of one GetMany
	ListLimitMax   = 1000    // documents of one page
	PageBytesMax   = 8 << 20 // bodies of one page; a page of a query without Where holds at least one document
	WhereMax       = 16      // conditions of one query
	ScanRowsMax    = 4096    // rows that one page of a query with Where looks at
	CursorBytesMax = 4 << 10 // an encoded cursor
	dumpPageRows   = 500     // documents that one step of a Redis dump reads
	urlBytesMax    = 4 << 10 // a store URL
)

// Position is how far a projection has read one source (a ledger partition). It is stored with the data, atomically.
// The zero value means nothing was read. See design: a checkpoint is creation time, sequence, hash and commit number,
// because a broker that lost its tail hands sequence numbers out again.
type Position struct {
	Created  time.Time `json:"created"`  // creation time of the ledger stream: a re-created stream is another history
	Sequence uint64    `json:"sequence"` // stream sequence of the last commit applied
	Hash     string    `json:"hash"`     // hash of that commit, in hexadecimal
	Commit   uint64    `json:"commit"`   // number of that commit in its partition
}

// IsZero says whether nothing was read yet.
func (p Position) IsZero() bool { return p.Equal(Position{}) }

// Equal says whether both name the same point of the same history; time zones don't matter.
func (p Position) Equal(q Position) bool {
	return p.Created.Equal(q.Created) && p.Sequence == q.Sequence && p.Hash == q.Hash && p.Commit == q.Commit
}

// Document is one row of a read model. A document handed to Apply or got from a Store is immutable: neither side
// changes Body or Indexes afterwards (the memory store shares them with its readers).
type Document struct {
	Key     string  // 1 to KeyBytesMax bytes of UTF-8 without NUL
	Version uint64  // version of the aggregate it shows
	Body    []byte  // one JSON value, at most BodyBytesMax
	Indexes []Index // where it is listed, at most IndexesMax; comes back sorted by name and value, without repeats
}

// Index is one entry under which a document is listed, such as {"region", "330000"}. A document may have several
// entries of one name (a firm in two industries); it is then listed under each.
type Index struct {
	Name  string `json:"name"`  // letters, digits, '.', '_', '-'; at most NameBytesMax
	Value string `json:"value"` // UTF-8 without NUL, at most IndexBytesMax; may be empty; sorts by its bytes
}

// Batch is what a projector changes in one step: the effects of the commits after From up to and including To.
type Batch struct {
	Source  string     // the ledger partition read, such as "demand.0"
	From    Position   // what the projector believes is stored
	To      Position   // what is stored afterwards: a later sequence of the same stream (any, if From is zero)
	Puts    []Document // documents inserted or replaced whole; a key occurs once in Puts and Deletes together
	Deletes []string   // keys removed; a missing one is no error
}

// Query selects the documents of a List. Rows are sorted by (index value, key), bytewise.
//
//	{Limit: 50}                                                all, by key
//	{Value: "demand-2026", Prefix: true, Limit: 50}            keys that start with it
//	{Index: "region", Value: "330000", Limit: 50}              one value of an index
//	{Index: "region", Value: "33", Prefix: true, Limit: 50}    values that start with it
//	{Index: "due", Prefix: true, Limit: 50}                    every entry of an index, by value
type Query struct {
	Index      string // empty: the key is the value sorted by
	Value      string // with an empty Index, an empty Value means all
	Prefix     bool   // Value is a prefix
	After      Cursor // Next of the page before; it belongs to the same query (Limit may differ)
	Behind     *Place // in the place of After: begin behind this place, which must lie in the query's range
	Limit      int    // 1 to ListLimitMax
	Descending bool
	// Where are conditions on other entries of a document; rows that miss one are passed over. A page looks at no more
	// than ScanRowsMax rows, so it may hold fewer documents than Limit, or none, and still not be the last.
	Where []Match
}

// Match is a condition: the document has an entry of that name with that value, or one that starts with it.
type Match struct {
	Name   string
	Value  string
	Prefix bool
}

// Place is a point in the order of a listing: (value of the index, key); when listing by key, (key, "").
type Place struct{ Value, Key string }

// Page is one part of a listing. Paging is stable under writes: a document whose entry isn't touched meanwhile comes
// exactly once; one that moves may come twice or not at all.
type Page struct {
	Documents []Document // at most Query.Limit, and no more than PageBytesMax of bodies
	Next      Cursor     // empty at the end
	Last      *Place     // the last row looked at, where Next goes on; nil at the end
}

// Store holds read models in collections. Its methods are safe for concurrent use. Errors are told apart with errors.Is:
// every method may answer ErrInvalid, ErrTooLarge, ErrUnavailable, ErrClosed or the context's error.
type Store interface {
	// Apply changes documents, index entries and the position of b.Source together, or nothing. A *PositionError
	// (errors.Is ErrPosition) tells that the position stored isn't b.From; its Applied says whether this very batch
	// was applied before. After ErrUnavailable it isn't known whether the batch was applied: apply it again.
	Apply(ctx context.Context, collection string, b Batch) error
	// Position tells how far a source was read, zero if it never was.
	Position(ctx context.Context, collection, source string) (Position, error)
	// Get answers ErrNotFound if there is no such document.
	Get(ctx context.Context, collection, key string) (Document, error)
	// GetMany answers the documents that exist, in the order of keys; missing ones are left out. At most
	// GetManyKeysMax keys.
	GetMany(ctx context.Context, collection string, keys []string) ([]Document, error)
	// List answers one page of a query; ErrCursor if q.After wasn't made by this query.
	List(ctx context.Context, collection string, q Query) (Page, error)
	// Count is the number of documents.
	Count(ctx context.Context, collection string) (int, error)
	// Tally is the number of rows in a query's range, which Index, Value and Prefix say; in the time of one search.
	Tally(ctx context.Context, collection string, q Query) (int, error)
	// Dump writes the documents sorted by key, one JSON line each, without positions: equal contents give equal bytes
	// in every implementation. It shows one state: where the store can't hold a snapshot and a batch is applied
	// meanwhile, it answers ErrChanged (dump again).
	Dump(ctx context.Context, collection string, w io.Writer) error
	// Drop removes documents, index entries and positions of a collection: a rebuild starts with it.
	Drop(ctx context.Context, collection string) error
	// Close releases the store; later calls answer ErrClosed. Closing again does nothing.
	Close() error
}
