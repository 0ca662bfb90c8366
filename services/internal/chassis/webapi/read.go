package webapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// get answers one document as its service keeps it.
func (f *frame) get(collection string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		if !events.ValidID(id) {
			return badID()
		}
		query, err := parseQuery(r)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), ReadMax)
		defer cancel()
		position, err := f.reach(ctx, r.Header, query)
		if err != nil {
			return err
		}
		doc, err := f.Store.Get(ctx, collection, id)
		if errors.Is(err, store.ErrNotFound) {
			if err := f.stands(ctx, position); err != nil {
				return err
			}
			doc, err = f.Store.Get(ctx, collection, id) // it may have come between the two looks
		}
		if err != nil {
			return storeProblem(err)
		}
		tag := etag(doc.Version)
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "private, no-cache") // may be kept, but is asked for again each time
		if noneMatch(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		return writeBytes(w, http.StatusOK, "application/json", doc.Body)
	}
}

// listing is one page of a collection.
type listing struct {
	Items []listed `json:"items"`
	Next  string   `json:"next"`  // cursor of the next page, "" at the end
	Count int      `json:"count"` // documents in the whole collection
}

type listed struct {
	ID       string          `json:"id"`
	Version  uint64          `json:"version"`
	Document json.RawMessage `json:"document"`
}

func (f *frame) list(collection string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		query, err := parseQuery(r)
		if err != nil {
			return err
		}
		q, err := listQuery(query)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), ReadMax)
		defer cancel()
		if _, err := f.reach(ctx, r.Header, query); err != nil {
			return err
		}
		page, err := f.Store.List(ctx, collection, q)
		if err != nil {
			return storeProblem(err)
		}
		count, err := f.Store.Count(ctx, collection)
		if err != nil {
			return storeProblem(err)
		}
		out := listing{Items: make([]listed, len(page.Documents)), Next: string(page.Next), Count: count}
		for i, d := range page.Documents {
			out.Items[i] = listed{d.Key, d.Version, d.Body}
		}
		return WriteJSON(w, http.StatusOK, out)
	}
}

// parseQuery takes each parameter at most once: of two, nobody could say which counts.
func parseQuery(r *http.Request) (map[string]string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, events.ErrMalformed.Refuse("", "查询参数无法解析", "the query cannot be read")
	}
	out := make(map[string]string, len(values))
	for name, v := range values {
		if len(v) != 1 {
			return nil, badParameter(name, "出现了多次", "is repeated")
		}
		out[name] = v[0]
	}
	return out, nil
}

func badParameter(name, why, whyEN string) error {
	name = strconv.Quote(short(name))
	return events.ErrMalformed.Refuse("", "查询参数 "+name+" "+why, "the query parameter "+name+" "+whyEN)
}

// listQuery reads limit, cursor and at most one filter.
func listQuery(query map[string]string) (store.Query, error) {
	q := store.Query{Limit: ListLimit}
	for name, value := range query {
		switch name {
		case "limit":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > store.ListLimitMax {
				return q, badParameter(name, "须为 1 至 "+strconv.Itoa(store.ListLimitMax)+" 的整数", "must be an integer from 1 to "+strconv.Itoa(store.ListLimitMax))
			}
			q.Limit = n
		case "cursor":
			q.After = store.Cursor(value)
		case "position":
		default:
			if !filterName(name) {
				return q, badParameter(name, "不是过滤条件", "is not a filter")
			}
			if q.Index != "" {
				return q, badParameter(name, "无法与其他过滤条件同时使用", "cannot be combined with another filter")
			}
			q.Index, q.Value = name, value
		}
	}
	return q, nil
}

func filterName(s string) bool {
	return s != "" && len(s) <= store.NameBytesMax && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// reach waits until the read model has seen the position that the request carries: read your writes. It returns the position, the
// zero one when there is none.
func (f *frame) reach(ctx context.Context, h http.Header, query map[string]string) (events.Position, error) {
	text := h.Get(HeaderPosition)
	if text == "" {
		text = query["position"]
	}
	if text == "" {
		return events.Position{}, nil
	}
	p, err := events.ParsePosition(text)
	// Contexts and partitions are bounded because the waiter remembers every source that was ever asked for.
	if err != nil || !f.contexts[p.Context] || p.Partition > PartitionMax {
		return p, events.ErrMalformed.Refuse("", "读取位置须形如 demand.0:1234", "a position must look like demand.0:1234")
	}
	ctx, cancel := context.WithTimeout(ctx, WaitMax)
	defer cancel()
	err = f.Waiter.Wait(ctx, p.Context, sourceOf(p), p.Sequence)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, store.ErrBehind), ctx.Err() != nil:
		return p, stale(p)
	}
	return p, storeProblem(err)
}

// stands refuses to say that there is nothing while the store itself stands before the position: it may have come back empty.
func (f *frame) stands(ctx context.Context, p events.Position) error {
	if p.Sequence == 0 {
		return nil
	}
	at, err := f.Store.Position(ctx, p.Context, sourceOf(p))
	if err != nil {
		return storeProblem(err)
	}
	if at.Sequence < p.Sequence {
		return stale(p)
	}
	return nil
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
