package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
)

// Cursor is a place in a listing, to go on from. It is opaque: base64url of a form that both implementations share, so
// it also survives a move from one to the other.
//
// A cursor carries no right and no secret, only (index value, key) of the last row seen. It is bound to its collection
// and query by a digest, and its place must lie inside the query's range: whoever computes one by hand can at most ask
// for a later page of a listing that may be read anyway. A key inside the digest would need a secret shared by all
// replicas and buy nothing.
type Cursor string

const (
	cursorForm        = 1 // first byte; another form gets another number
	cursorDigestBytes = 12
)

// place is a point in the order of a listing. When listing by key, value is the key and key is empty.
type place struct{ value, key string }

// span is a checked query: the range to scan, in the order (value, key).
type span struct {
	Query
	after    place
	hasAfter bool
}

// all says that nothing bounds the scan: keys are never empty, so an empty Value can't mean one of them.
func (s span) all() bool { return s.Value == "" && (s.Prefix || s.Index == "") }

func (s span) contains(value string) bool {
	if s.Prefix || s.all() {
		return strings.HasPrefix(value, s.Value)
	}
	return value == s.Value
}

func newSpan(collection string, q Query) (span, error) {
	if q.Index != "" {
		if err := checkName(q.Index); err != nil {
			return span{}, err
		}
	}
	if err := checkText(q.Value, max(KeyBytesMax, IndexBytesMax)); err != nil {
		return span{}, err
	}
	if q.Limit < 1 || q.Limit > ListLimitMax {
		return span{}, invalid("每页条数应在 1 至 %d 之间", "the limit must be 1 to %d", ListLimitMax)
	}
	s := span{Query: q}
	if err := checkWhere(q.Where); err != nil {
		return span{}, err
	}
	if q.Behind != nil {
		s.after, s.hasAfter = place{value: q.Behind.Value, key: q.Behind.Key}, true
		if q.After != "" || !s.after.valid(q.Index) || !s.contains(s.after.value) {
			return span{}, ErrCursor
		}
		return s, nil
	}
	if q.After == "" {
		return s, nil
	}
	after, ok := q.After.decode(collection, q)
	if !ok || !s.contains(after.value) {
		return span{}, ErrCursor
	}
	s.after, s.hasAfter = after, true
	return s, nil
}

// newCursor encodes form, digest, length of the value (2 bytes, big endian), value, key.
func newCursor(collection string, q Query, p place) Cursor {
	b := make([]byte, 0, 1+cursorDigestBytes+2+len(p.value)+len(p.key))
	b = append(b, cursorForm)
	b = append(b, cursorDigest(collection, q, p)...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.value)))
	b = append(b, p.value...)
	b = append(b, p.key...)
	return Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func (c Cursor) decode(collection string, q Query) (place, bool) {
	const head = 1 + cursorDigestBytes + 2
	if len(c) > CursorBytesMax {
		return place{}, false
	}
	// The decoder skips line breaks even when strict; a cursor has one spelling.
	if strings.ContainsAny(string(c), "\r\n") {
		return place{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(c))
	if err != nil || len(b) < head || b[0] != cursorForm {
		return place{}, false
	}
	rest := b[head:]
	valueLen := int(binary.BigEndian.Uint16(b[head-2:]))
	if valueLen > len(rest) {
		return place{}, false
	}
	p := place{value: string(rest[:valueLen]), key: string(rest[valueLen:])}
	if string(b[1:1+cursorDigestBytes]) != string(cursorDigest(collection, q, p)) {
		return place{}, false
	}
	return p, p.valid(q.Index)
}

// valid says whether a row of that order could stand there.
func (p place) valid(index string) bool {
	if index == "" {
		return p.key == "" && checkKey(p.value) == nil
	}
	return checkKey(p.key) == nil && checkText(p.value, IndexBytesMax) == nil
}

// goesOn says that a listing has more behind a place.
func (page *Page) goesOn(collection string, q Query, at place) {
	page.Next = newCursor(collection, q, at)
	page.Last = &Place{at.value, at.key}
}

func cursorDigest(collection string, q Query, p place) []byte {
	h := sha256.New()
	texts := []string{"jieli store cursor", collection, q.Index, q.Value, p.value, p.key}
	for _, m := range q.Where {
		texts = append(texts, m.Name, m.Value, strconv.FormatBool(m.Prefix))
	}
	for _, s := range texts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	flags := byte(0)
	if q.Prefix {
		flags |= 1
	}
	if q.Descending {
		flags |= 2
	}
	h.Write([]byte{flags})
	return h.Sum(nil)[:cursorDigestBytes]
}
