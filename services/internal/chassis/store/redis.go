package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Redis is the store for production, shared by replicas. Redis 7.0 or newer.
//
// A collection lives under five keys and one more for each index name; the braces put all of them into one cluster
// slot, without which no script could change them together:
//
//	jieli:{demands}:positions   hash        source -> position
//	jieli:{demands}:documents   hash        key -> packed document
//	jieli:{demands}:keys        sorted set  key, all scores 0: ordered by bytes
//	jieli:{demands}:names       set         index names ever used
//	jieli:{demands}:revision    counter of changes
//	jieli:{demands}:index:due   sorted set  value NUL key, all scores 0
//
// One hash for all documents, rather than a key for each, makes Count and Drop constant-time for the callers.
// A write is one script, so one round trip; a page is one script too, so its entries and documents are of one moment.
// Redis may lose its last writes when it crashes, but documents and positions go back together, and the projector
// learns of it by a PositionError.
type Redis struct {
	client    *redis.Client
	namespace string
}

var _ Store = (*Redis)(nil)

var (
	//go:embed scripts/apply.lua
	applySource string
	//go:embed scripts/list.lua
	listSource string
	//go:embed scripts/drop.lua
	dropSource string

	applyScript = redis.NewScript(applySource)
	listScript  = redis.NewScript(listSource)
	dropScript  = redis.NewScript(dropSource)
)

// replied says whether the server answered with an error, rather than not at all.
func replied(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}

func redisError(err error) error {
	switch {
	case errors.Is(err, redis.ErrClosed):
		return ErrClosed
	case replied(err) && (strings.Contains(err.Error(), "DAMAGED") || strings.Contains(err.Error(), "WRONGTYPE")):
		return ErrDamaged.because(err)
	default:
		return ErrUnavailable.because(err)
	}
}

func (r *Redis) key(collection, part string) string {
	return r.namespace + ":{" + collection + "}:" + part
}

// Apply implements Store.
func (r *Redis) Apply(ctx context.Context, collection string, b Batch) error {
	puts, err := checkBatch(b)
	if err != nil {
		return err
	}
	if err := checkCall(ctx, collection); err != nil {
		return err
	}
	from, err := encodePosition(b.From)
	if err != nil {
		return err
	}
	to, err := encodePosition(b.To)
	if err != nil {
		return err
	}
	args := make([]any, 0, 5+2*len(puts)+len(b.Deletes))
	args = append(args, b.Source, from, to, r.key(collection, "index:"), len(puts))
	for _, d := range puts {
		args = append(args, d.Key, packDocument(d))
	}
	for _, key := range b.Deletes {
		args = append(args, key)
	}
	keys := []string{
		r.key(collection, "positions"), r.key(collection, "documents"), r.key(collection, "keys"),
		r.key(collection, "names"), r.key(collection, "revision"),
	}
	answer, err := applyScript.Run(ctx, r.client, keys, args...).Slice()
	if err != nil {
		return redisError(err)
	}
	if len(answer) == 1 {
		return nil
	}
	var encoded string
	if len(answer) == 2 {
		encoded, _ = answer[1].(string)
	}
	stored, err := decodePosition(encoded)
	if err != nil {
		return err
	}
	return &PositionError{Collection: collection, Source: b.Source, Stored: stored, Expected: b.From, To: b.To}
}

// Position implements Store.
func (r *Redis) Position(ctx context.Context, collection, source string) (Position, error) {
	if err := checkName(source); err != nil {
		return Position{}, err
	}
	if err := checkCall(ctx, collection); err != nil {
		return Position{}, err
	}
	encoded, err := r.client.HGet(ctx, r.key(collection, "positions"), source).Result()
	if errors.Is(err, redis.Nil) {
		return Position{}, nil
	}
	if err != nil {
		return Position{}, redisError(err)
	}
	return decodePosition(encoded)
}

// Get implements Store.
func (r *Redis) Get(ctx context.Context, collection, key string) (Document, error) {
	docs, err := r.GetMany(ctx, collection, []string{key})
	if err != nil {
		return Document{}, err
	}
	if len(docs) == 0 {
		return Document{}, ErrNotFound
	}
	return docs[0], nil
}

// GetMany implements Store.
func (r *Redis) GetMany(ctx context.Context, collection string, keys []string) ([]Document, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	if err := checkCall(ctx, collection); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return []Document{}, nil
	}
	values, err := r.client.HMGet(ctx, r.key(collection, "documents"), keys...).Result()
	if err != nil {
		return nil, redisError(err)
	}
	docs := make([]Document, 0, len(keys))
	for i, value := range values {
		packed, found := value.(string)
		if !found {
			continue
		}
		d, err := unpackDocument(keys[i], packed)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// List implements Store.
func (r *Redis) List(ctx context.Context, collection string, q Query) (Page, error) {
	s, err := newSpan(collection, q)
	if err != nil {
		return Page{}, err
	}
	if err := checkCall(ctx, collection); err != nil {
		return Page{}, err
	}
	page, _, err := r.listSpan(ctx, collection, s)
	return page, err
}

// listSpan also tells the collection's revision as of the page.
func (r *Redis) listSpan(ctx context.Context, collection string, s span) (Page, string, error) {
	order := "keys"
	if s.Index != "" {
		order = "index:" + s.Index
	}
	start, end := lexRange(s)
	descending := "0"
	if s.Descending {
		start, end, descending = end, start, "1"
	}
	keys := []string{r.key(collection, order), r.key(collection, "documents"), r.key(collection, "revision")}
	args := []any{start, end, descending, s.Limit, PageBytesMax, ScanRowsMax}
	for _, m := range s.Where {
		prefix := "0"
		if m.Prefix {
			prefix = "1"
		}
		args = append(args, m.Name, m.Value, prefix)
	}
	answer, err := listScript.RunRO(ctx, r.client, keys, args...).StringSlice()
	if err != nil {
		return Page{}, "", redisError(err)
	}
	if len(answer) < 3 || len(answer)%2 != 1 {
		return Page{}, "", ErrDamaged.because(fmt.Errorf("a page of %d parts", len(answer)))
	}
	revision, more, rows := answer[0], answer[1] == "1", answer[3:]
	var page Page
	if len(rows) > 0 {
		page.Documents = make([]Document, 0, len(rows)/2)
	}
	for i := 0; i < len(rows); i += 2 {
		at := splitMember(s.Index, rows[i])
		key := at.key
		if s.Index == "" {
			key = at.value
		}
		d, err := unpackDocument(key, rows[i+1])
		if err != nil {
			return Page{}, "", err
		}
		page.Documents = append(page.Documents, d)
	}
	if more {
		page.goesOn(collection, s.Query, splitMember(s.Index, answer[2]))
	}
	return page, revision, nil
}

// lexRange gives the least and greatest member of a span in the notation of ZRANGE BYLEX: '[' inclusive, '(' exclusive.
func lexRange(s span) (least, greatest string) {
	switch {
	case s.all():
		least, greatest = "-", "+"
	case s.Prefix:
		least, greatest = "["+s.Value, "("+s.Value+aboveText
	case s.Index == "":
		least, greatest = "["+s.Value, "["+s.Value
	default:
		least, greatest = "["+s.Value+"\x00", "("+s.Value+"\x01"
	}
	if !s.hasAfter {
		return least, greatest
	}
	after := "(" + s.after.value
	if s.Index != "" {
		after += "\x00" + s.after.key
	}
	if s.Descending {
		return least, after
	}
	return after, greatest
}

func splitMember(index, member string) place {
	if index == "" {
		return place{value: member}
	}
	value, key, _ := strings.Cut(member, "\x00")
	return place{value: value, key: key}
}

// Count implements Store.
func (r *Redis) Count(ctx context.Context, collection string) (int, error) {
	if err := checkCall(ctx, collection); err != nil {
		return 0, err
	}
	n, err := r.client.HLen(ctx, r.key(collection, "documents")).Result()
	if err != nil {
		return 0, redisError(err)
	}
	return int(n), nil
}

// Tally implements Store.
func (r *Redis) Tally(ctx context.Context, collection string, q Query) (int, error) {
	s, err := newSpan(collection, Query{Index: q.Index, Value: q.Value, Prefix: q.Prefix, Limit: 1})
	if err != nil {
		return 0, err
	}
	if err := checkCall(ctx, collection); err != nil {
		return 0, err
	}
	order := "keys"
	if s.Index != "" {
		order = "index:" + s.Index
	}
	least, greatest := lexRange(s)
	n, err := r.client.ZLexCount(ctx, r.key(collection, order), least, greatest).Result()
	if err != nil {
		return 0, redisError(err)
	}
	return int(n), nil
}

// Dump implements Store. Redis has no snapshots to read from: pages that aren't of one revision are refused.
func (r *Redis) Dump(ctx context.Context, collection string, w io.Writer) error {
	if err := checkCall(ctx, collection); err != nil {
		return err
	}
	d := newDumper(w)
	s := span{Query: Query{Limit: dumpPageRows}}
	first := ""
	for {
		page, revision, err := r.listSpan(ctx, collection, s)
		if err != nil {
			return err
		}
		if s.hasAfter && revision != first {
			return ErrChanged
		}
		first = revision
		for _, doc := range page.Documents {
			if err := d.write(doc); err != nil {
				return err
			}
			s.after = place{value: doc.Key}
		}
		s.hasAfter = true
		if page.Next == "" {
			return d.flush()
		}
	}
}

// Drop implements Store.
func (r *Redis) Drop(ctx context.Context, collection string) error {
	if err := checkCall(ctx, collection); err != nil {
		return err
	}
	keys := []string{
		r.key(collection, "positions"), r.key(collection, "documents"), r.key(collection, "keys"),
		r.key(collection, "names"), r.key(collection, "revision"),
	}
	if err := dropScript.Run(ctx, r.client, keys, r.key(collection, "index:")).Err(); err != nil {
		return redisError(err)
	}
	return nil
}

// Close implements Store.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return redisError(err)
	}
	return nil
}

// encodePosition gives the one spelling of a position, which the script compares as text; empty for none.
func encodePosition(p Position) (string, error) {
	if p.IsZero() {
		return "", nil
	}
	p.Created = p.Created.UTC().Round(0)
	b, err := json.Marshal(p)
	if err != nil {
		return "", ErrInvalid.because(err)
	}
	return string(b), nil
}

func decodePosition(s string) (Position, error) {
	var p Position
	if s == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(s), &p); err != nil {
		return Position{}, ErrDamaged.because(err)
	}
	return p, nil
}
