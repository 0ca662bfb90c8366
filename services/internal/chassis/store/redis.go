package store

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
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

const (
	redisNamespace   = "jieli"
	redisDialTimeout = 3 * time.Second
	redisWait        = 10 * time.Second // longest wait for one answer; a caller's shorter deadline holds
)

// openRedis connects and refuses a server whose settings could lose parts of a collection.
func openRedis(ctx context.Context, address string) (*Redis, error) {
	options, namespace, err := redisOptions(address)
	if err != nil {
		return nil, err
	}
	r := &Redis{client: redis.NewClient(options), namespace: namespace}
	if err := r.checkServer(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// redisOptions reads the address. What the URL parser has against it is not passed on: it quotes the address, and that
// may hold a password.
func redisOptions(address string) (*redis.Options, string, error) {
	bad := ErrURL.detail("格式为 redis://[用户:密码@]主机:端口/库号[?namespace=名称]，密码中的特殊字符须百分号编码",
		"the form is redis://[user:password@]host:port/database[?namespace=name], special characters in a password percent-encoded")
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", bad
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, "", bad
	}
	namespace := redisNamespace
	if query.Has("namespace") {
		namespace = query.Get("namespace")
		if err := checkName(namespace); err != nil {
			return nil, "", ErrURL.because(err)
		}
		query.Del("namespace")
	}
	u.RawQuery = query.Encode()
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, "", bad
	}
	if options.DialTimeout == 0 {
		options.DialTimeout = redisDialTimeout
	}
	if options.ReadTimeout == 0 {
		options.ReadTimeout = redisWait
	}
	if options.WriteTimeout == 0 {
		options.WriteTimeout = redisWait
	}
	options.ContextTimeoutEnabled = true
	// No hidden retry: a batch that was applied and then sent again would be answered by a PositionError that the
	// caller couldn't tell from a rival's. Retrying is the caller's, who sees ErrUnavailable first.
	options.MaxRetries = -1
	options.DialerRetries = 1
	// Not asked of a server that may be older than these features.
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, namespace, nil
}

// checkServer refuses what would fail later and silently: no read-only scripts (Redis before 7.0), and eviction of keys
// without expiry, which would take an index or the documents away and leave the position.
func (r *Redis) checkServer(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return redisError(err)
	}
	if err := r.client.EvalRO(ctx, "return 1", nil).Err(); err != nil {
		return settingError(err, "需要 Redis 7.0 或更新版本，并允许运行脚本", "Redis 7.0 or newer is needed, with scripts allowed")
	}
	info, err := r.client.Info(ctx, "memory").Result()
	if err != nil {
		return settingError(err, "须允许 INFO 命令", "the INFO command must be allowed")
	}
	for line := range strings.Lines(info) {
		policy, found := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
		if found && strings.HasPrefix(policy, "allkeys-") {
			return ErrSetting.detail("maxmemory-policy 为 "+policy+"，会丢弃数据，请改为 noeviction",
				"maxmemory-policy is "+policy+", which throws data away: set noeviction")
		}
	}
	return nil
}

func settingError(err error, chinese, english string) error {
	if replied(err) {
		return ErrSetting.detail(chinese, english).because(err)
	}
	return redisError(err)
}

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
	answer, err := listScript.RunRO(ctx, r.client, keys, start, end, descending, s.Limit, PageBytesMax).StringSlice()
	if err != nil {
		return Page{}, "", redisError(err)
	}
	if len(answer) < 2 || len(answer)%2 != 0 {
		return Page{}, "", ErrDamaged.because(fmt.Errorf("a page of %d parts", len(answer)))
	}
	revision, more, rows := answer[0], answer[1] == "1", answer[2:]
	if len(rows) == 0 {
		return Page{}, revision, nil
	}
	page := Page{Documents: make([]Document, 0, len(rows)/2)}
	var last place
	for i := 0; i < len(rows); i += 2 {
		last = splitMember(s.Index, rows[i])
		key := last.key
		if s.Index == "" {
			key = last.value
		}
		d, err := unpackDocument(key, rows[i+1])
		if err != nil {
			return Page{}, "", err
		}
		page.Documents = append(page.Documents, d)
	}
	if more {
		page.Next = newCursor(collection, s.Query, last)
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
