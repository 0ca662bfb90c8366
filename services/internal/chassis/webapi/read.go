package webapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// get answers one document as its service keeps it.
func (f *frame) get(collection string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		if !events.ValidID(id) {
			return badID()
		}
		ctx, cancel := context.WithTimeout(r.Context(), ReadMax)
		defer cancel()
		if err := f.reach(ctx, r); err != nil {
			return err
		}
		if err := f.stamp(ctx, w.Header(), collection, events.Partition(id, f.Partitions)); err != nil {
			return err
		}
		doc, err := f.Store.Get(ctx, collection, id)
		if errors.Is(err, store.ErrNotFound) {
			if err := f.stands(ctx, r); err != nil {
				return err
			}
			doc, err = f.Store.Get(ctx, collection, id) // it may have come between the two looks
		}
		if err != nil {
			return storeProblem(err)
		}
		return writeTagged(w, r, etag(doc.Version), "application/json", doc.Body)
	}
}

// WriteRead answers a read with v, tagged by its content, or says that the client holds it already.
func WriteRead(w http.ResponseWriter, r *http.Request, v any) error {
	b, err := encodeJSON(v)
	if err != nil {
		return err
	}
	return WriteContent(w, r, "application/json", b)
}

// WriteContent answers with bytes, tagged by what they are, or says that the client holds them already.
func WriteContent(w http.ResponseWriter, r *http.Request, contentType string, b []byte) error {
	return writeTagged(w, r, contentTag(b), contentType, b)
}

// contentTag is the entity tag of what has no version.
func contentTag(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

func writeTagged(w http.ResponseWriter, r *http.Request, tag, contentType string, body []byte) error {
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "private, no-cache") // may be kept, but is asked for again each time
	if noneMatch(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeBytes(w, http.StatusOK, contentType, body)
}

// positionsOf are the ledger positions that a request carries, none when it carries none: from the header or, without it, the query.
func (f *frame) positionsOf(r *http.Request) ([]events.Position, error) {
	text := r.Header.Get(HeaderPosition)
	if text == "" && strings.Contains(r.URL.RawQuery, "position=") {
		text = r.URL.Query().Get("position")
	}
	if text == "" {
		return nil, nil
	}
	var list []events.Position
	for one := range strings.SplitSeq(text, ",") {
		p, err := events.ParsePosition(strings.TrimSpace(one))
		// Contexts and partitions are bounded because the waiter remembers every source that was ever asked for.
		if err != nil || !f.contexts[p.Context] || p.Partition > PartitionMax || len(list) == PositionsMax {
			return nil, events.ErrMalformed.Refusef("", "读取位置须形如 demand.0:1234，至多 %d 个，以逗号隔开", "a position must look like demand.0:1234; at most %d, separated by commas", PositionsMax)
		}
		list = append(list, p)
	}
	return list, nil
}

// reach waits until the read models have seen the positions that the request carries: read your writes.
func (f *frame) reach(ctx context.Context, r *http.Request) error {
	list, err := f.positionsOf(r)
	if err != nil || len(list) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, WaitMax)
	defer cancel()
	for _, p := range list {
		if planted.On("read_does_not_wait") {
			break
		}
		err := f.Waiter.Wait(ctx, p.Context, sourceOf(p), p.Sequence)
		switch {
		case err == nil:
		case errors.Is(err, store.ErrBehind), ctx.Err() != nil:
			return stale(p)
		default:
			return storeProblem(err)
		}
	}
	return nil
}

// stands refuses to say that there is nothing while the store itself stands before a position: it may have come back empty.
func (f *frame) stands(ctx context.Context, r *http.Request) error {
	list, err := f.positionsOf(r)
	for _, p := range list {
		at, err := f.Store.Position(ctx, p.Context, sourceOf(p))
		if err != nil {
			return storeProblem(err)
		}
		if at.Sequence < p.Sequence {
			return stale(p)
		}
	}
	return err
}

// stamp tells how far the partitions of a collection had been read before the answer was looked up, so the answer shows at least that.
func (f *frame) stamp(ctx context.Context, h http.Header, collection string, partitions ...int) error {
	text := make([]byte, 0, 32)
	for _, n := range partitions {
		at, err := f.Store.Position(ctx, collection, collection+"."+strconv.Itoa(n))
		if err != nil {
			return storeProblem(err)
		}
		if at.Sequence == 0 {
			continue
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = append(text, events.Position{Context: collection, Partition: n, Sequence: at.Sequence}.String()...)
	}
	if len(text) > 0 {
		h.Set(HeaderPosition, string(text))
	}
	return nil
}

// reached does for a route what get does for a document: wait for the request's positions, then tell the collection's.
func (f *frame) reached(w http.ResponseWriter, r *http.Request, collection string) error {
	ctx, cancel := context.WithTimeout(r.Context(), ReadMax)
	defer cancel()
	if err := f.reach(ctx, r); err != nil {
		return err
	}
	all := make([]int, f.Partitions)
	for i := range all {
		all[i] = i
	}
	return f.stamp(ctx, w.Header(), collection, all...)
}

func sourceOf(p events.Position) string { return p.Context + "." + strconv.Itoa(p.Partition) }

func stale(p events.Position) error {
	return events.ErrStale.Refusef("", "位置 %s", "position %s", p)
}

// storeProblem words a store's failure for the outside; what it does not know stays an internal error.
func storeProblem(err error) error {
	var e *store.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.DeadlineExceeded) {
			return events.ErrUnavailable.Refuse("", "读取超时", "the read took too long")
		}
		return err
	}
	switch {
	case errors.Is(e, store.ErrNotFound):
		return events.ErrNotFound.Refuse("", "", "")
	case errors.Is(e, store.ErrCursor), errors.Is(e, store.ErrInvalid), errors.Is(e, store.ErrTooLarge):
		return events.ErrMalformed.Refuse("", e.Chinese, e.English)
	case errors.Is(e, store.ErrUnavailable), errors.Is(e, store.ErrClosed), errors.Is(e, store.ErrBehind), errors.Is(e, store.ErrDamaged):
		return events.ErrUnavailable.Refuse("", e.Chinese, e.English)
	}
	return err
}

// noneMatch compares weakly, as RFC 9110 asks of If-None-Match.
func noneMatch(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}
