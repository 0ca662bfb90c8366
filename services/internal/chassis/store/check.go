package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Everything is checked before an implementation sees it, so that both refuse the same input with the same error.
// NUL is refused because it separates value and key in a Redis index member; invalid UTF-8 because a dump is JSON, and
// because 0xff, which UTF-8 never contains, bounds a prefix from above.

func invalid(chinese, english string, args ...any) error {
	return ErrInvalid.detail(fmt.Sprintf(chinese, args...), fmt.Sprintf(english, args...))
}

func tooLarge(chinese, english string, args ...any) error {
	return ErrTooLarge.detail(fmt.Sprintf(chinese, args...), fmt.Sprintf(english, args...))
}

// checkName holds collection, source and index names to letters, digits, '.', '_' and '-': they become part of Redis
// keys, where braces would move a key to another slot.
func checkName(name string) error {
	ok := name != "" && len(name) <= NameBytesMax
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		ok = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
	}
	if !ok {
		return invalid("名称 %q 只能由 1 至 %d 个字母、数字、点、下划线或连字符组成",
			"the name %q must be 1 to %d letters, digits, dots, underscores or hyphens", clip(name), NameBytesMax)
	}
	return nil
}

func checkText(text string, bytesMax int) error {
	if len(text) > bytesMax {
		return tooLarge("%q 超过 %d 字节", "%q is longer than %d bytes", clip(text), bytesMax)
	}
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return invalid("%q 不是合法的 UTF-8 文本或含有 NUL", "%q isn't valid UTF-8 or contains NUL", clip(text))
	}
	return nil
}

func checkKey(key string) error {
	if key == "" {
		return invalid("键不能为空", "a key can't be empty")
	}
	return checkText(key, KeyBytesMax)
}

// clip keeps hostile input from filling logs; %q escapes whatever a cut rune leaves.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

func checkCall(ctx context.Context, collection string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return checkName(collection)
}

func checkWhere(where []Match) error {
	if len(where) > WhereMax {
		return tooLarge("一次查询最多 %d 个条件", "a query has at most %d conditions", WhereMax)
	}
	for _, m := range where {
		if err := checkName(m.Name); err != nil {
			return err
		}
		if err := checkText(m.Value, IndexBytesMax); err != nil {
			return err
		}
	}
	return nil
}

// fits says whether a document meets every condition.
func (d *Document) fits(where []Match) bool {
	for _, m := range where {
		if !slices.ContainsFunc(d.Indexes, func(ix Index) bool {
			return ix.Name == m.Name && (ix.Value == m.Value || m.Prefix && strings.HasPrefix(ix.Value, m.Value))
		}) {
			return false
		}
	}
	return true
}

func checkKeys(keys []string) error {
	if len(keys) > GetManyKeysMax {
		return tooLarge("一次最多读取 %d 个键", "at most %d keys can be read at once", GetManyKeysMax)
	}
	for _, key := range keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	return nil
}

// checkBatch refuses what can't be stored and returns the documents in the form to store: index entries sorted,
// without repeats. The caller's documents stay as they are.
func checkBatch(b Batch) ([]Document, error) {
	if err := checkName(b.Source); err != nil {
		return nil, err
	}
	if err := checkStep(b.From, b.To); err != nil {
		return nil, err
	}
	if rows := len(b.Puts) + len(b.Deletes); rows > BatchRowsMax {
		return nil, tooLarge("一批最多 %d 行", "a batch has at most %d rows", BatchRowsMax)
	}
	seen := make(map[string]struct{}, len(b.Puts)+len(b.Deletes))
	once := func(key string) error {
		if _, twice := seen[key]; twice {
			return invalid("键 %q 在一批中出现两次", "the key %q occurs twice in one batch", clip(key))
		}
		seen[key] = struct{}{}
		return checkKey(key)
	}
	bytes := 0
	puts := make([]Document, len(b.Puts))
	for i, d := range b.Puts {
		if err := once(d.Key); err != nil {
			return nil, err
		}
		if err := checkBody(d); err != nil {
			return nil, err
		}
		indexes, size, err := checkIndexes(d)
		if err != nil {
			return nil, err
		}
		bytes += len(d.Key) + len(d.Body) + size
		puts[i] = Document{Key: d.Key, Version: d.Version, Body: d.Body, Indexes: indexes}
	}
	for _, key := range b.Deletes {
		if err := once(key); err != nil {
			return nil, err
		}
		bytes += len(key)
	}
	if bytes > BatchBytesMax {
		return nil, tooLarge("一批最多 %d 字节", "a batch has at most %d bytes", BatchBytesMax)
	}
	return puts, nil
}

// checkStep: a batch moves forward on one history. Going back, or on to a re-created stream, is a rebuild, which
// starts with Drop: otherwise rows of a history that no longer exists would stay.
func checkStep(from, to Position) error {
	for _, p := range []Position{from, to} {
		if err := checkText(p.Hash, HashBytesMax); err != nil {
			return err
		}
		if year := p.Created.UTC().Year(); year < 1 || year > 9999 {
			return invalid("流的创建时间超出范围", "the stream's creation time is out of range")
		}
	}
	if to.Sequence == 0 {
		return invalid("新位置的序号不能为零", "the new position's sequence can't be zero")
	}
	if from.IsZero() {
		return nil
	}
	if !from.Created.Equal(to.Created) || to.Sequence <= from.Sequence {
		return invalid("新位置 %v 必须在同一个流中位于 %v 之后；换流请先清空再重建",
			"the new position %v must follow %v in the same stream; for another stream drop the collection and rebuild it", to, from)
	}
	return nil
}

func checkBody(d Document) error {
	if len(d.Body) > BodyBytesMax {
		return tooLarge("记录 %q 的内容超过 %d 字节", "the body of %q is longer than %d bytes", clip(d.Key), BodyBytesMax)
	}
	if !json.Valid(d.Body) || !utf8.Valid(d.Body) {
		return invalid("记录 %q 的内容不是合法的 JSON", "the body of %q isn't valid JSON", clip(d.Key))
	}
	return nil
}

func checkIndexes(d Document) (sorted []Index, bytes int, err error) {
	if len(d.Indexes) > IndexesMax {
		return nil, 0, tooLarge("记录 %q 的索引项超过 %d 个", "%q has more than %d index entries", clip(d.Key), IndexesMax)
	}
	if len(d.Indexes) == 0 {
		return nil, 0, nil
	}
	for _, ix := range d.Indexes {
		if err := checkName(ix.Name); err != nil {
			return nil, 0, err
		}
		if err := checkText(ix.Value, IndexBytesMax); err != nil {
			return nil, 0, err
		}
		bytes += len(ix.Name) + len(ix.Value)
	}
	sorted = slices.Clone(d.Indexes)
	slices.SortFunc(sorted, func(a, b Index) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Value, b.Value)
	})
	return slices.Compact(sorted), bytes, nil
}
