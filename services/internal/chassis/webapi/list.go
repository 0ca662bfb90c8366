package webapi

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// gatherMax is how many rows of one filter are read whole and sorted: below it that is quicker than to go through all documents
// in their order, and above it the order is dense enough.
const gatherMax = 500

// Listing is one page of a collection.
type Listing struct {
	Items []Listed `json:"items"`
	Next  string   `json:"next"`  // cursor of the next page, "" at the end
	Count int      `json:"count"` // documents that the filters leave
	Exact bool     `json:"exact"` // whether Count is exact; if not, there may be fewer
}

// Listed is one document of a page.
type Listed struct {
	ID       string          `json:"id"`
	Version  uint64          `json:"version"`
	Document json.RawMessage `json:"document"`
}

// listRequest is what a list is asked for.
type listRequest struct {
	collection string
	filters    []store.Match
	sort       string // "": by id
	descending bool
	limit      int
	behind     *store.Place
}

// list answers GET of a collection.
func (f *frame) list(s app.Service) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		l, err := f.listRequest(s, r.URL.Query())
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), ReadMax)
		defer cancel()
		out, err := f.page(ctx, l)
		if err != nil {
			return storeProblem(err)
		}
		return WriteRead(w, r, out)
	}
}

func (f *frame) listRequest(s app.Service, query url.Values) (*listRequest, error) {
	l := &listRequest{collection: s.Machine.Context(), limit: ListLimit}
	for name, values := range query {
		value := values[0] // the frame has refused repeats
		switch name {
		case "limit":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > ListLimitMax {
				return nil, badParameter(name, "须为 1 至 "+strconv.Itoa(ListLimitMax)+" 的整数", "must be an integer from 1 to "+strconv.Itoa(ListLimitMax))
			}
			l.limit = n
		case "sort":
			field, descending := strings.CutPrefix(value, "-")
			if field != "id" && !slices.Contains(s.Sorts, field) {
				return nil, badParameter(name, "须为 "+strings.Join(sorts(s), "、"), "must be one of "+strings.Join(sorts(s), ", "))
			}
			l.descending = descending
			if field != "id" {
				l.sort = field
			}
		case "cursor", "position":
		default:
			i := slices.IndexFunc(s.Filters, func(x app.Filter) bool { return x.Name == name })
			if i < 0 {
				return nil, badParameter(name, "不是过滤条件", "is not a filter")
			}
			m, err := match(s.Filters[i], value)
			if err != nil {
				return nil, err
			}
			l.filters = append(l.filters, m)
		}
	}
	if query.Has("cursor") {
		at, err := f.place(l, query.Get("cursor"))
		if err != nil {
			return nil, err
		}
		l.behind = &at
	}
	return l, nil
}

// match turns a filter's value into a condition: a code of a tree stands for all below it.
func match(x app.Filter, value string) (store.Match, error) {
	if value == "" {
		return store.Match{}, badParameter(x.Name, "不能为空", "must not be empty")
	}
	m := store.Match{Name: x.Name, Value: value}
	switch x.Tree {
	case app.RegionTree:
		if len(value) != 6 || strings.Trim(value, "0123456789") != "" {
			return m, badParameter(x.Name, "须为 6 位行政区划代码", "must be a region code of 6 digits")
		}
		for strings.HasSuffix(m.Value, "00") && len(m.Value) > 2 {
			m.Value = m.Value[:len(m.Value)-2]
		}
		m.Prefix = len(m.Value) < 6
	case app.IndustryTree:
		m.Prefix = true
	}
	return m, nil
}

// sorts names the orders of a list.
func sorts(s app.Service) []string {
	list := []string{"id", "-id"}
	for _, name := range s.Sorts {
		list = append(list, name, "-"+name)
	}
	return list
}

// page finds one page. Without filters it goes along the order; by id and with an exact filter, along that filter's entries, which
// are ordered by id; with a rare filter it reads all that it leaves and sorts; else it goes along the order and passes over
// what the filters exclude, a bounded number of rows at a time.
func (f *frame) page(ctx context.Context, l *listRequest) (*Listing, error) {
	q := store.Query{Index: l.sort, Prefix: l.sort != "", Descending: l.descending, Limit: l.limit, Behind: l.behind, Where: l.filters}
	count, rarest, err := f.tally(ctx, l)
	if err != nil {
		return nil, err
	}
	exact := len(l.filters) < 2
	if len(l.filters) > 0 {
		x := l.filters[rarest]
		by := store.Query{Index: x.Name, Value: x.Value, Prefix: x.Prefix, Where: slices.Delete(slices.Clone(l.filters), rarest, rarest+1)}
		switch {
		case l.sort == "" && !x.Prefix:
			by.Descending, by.Limit = l.descending, l.limit
			if l.behind != nil {
				by.Behind = &store.Place{Value: x.Value, Key: l.behind.Value}
			}
			return f.scan(ctx, l, by, count, exact)
		case count <= gatherMax:
			by.Limit = gatherMax + 1
			page, err := f.Store.List(ctx, l.collection, by)
			if err != nil {
				return nil, err
			}
			if page.Last == nil { // else it grew meanwhile, or its bodies are too many
				return f.gathered(l, page.Documents), nil
			}
		}
	}
	return f.scan(ctx, l, q, count, exact)
}

// tally tells how many documents the rarest filter leaves, or all, and which filter that is.
func (f *frame) tally(ctx context.Context, l *listRequest) (count, rarest int, err error) {
	if len(l.filters) == 0 {
		count, err = f.Store.Count(ctx, l.collection)
		return count, 0, err
	}
	for i, x := range l.filters {
		n, err := f.Store.Tally(ctx, l.collection, store.Query{Index: x.Name, Value: x.Value, Prefix: x.Prefix})
		if err != nil {
			return 0, 0, err
		}
		if i == 0 || n < count {
			count, rarest = n, i
		}
	}
	return count, rarest, nil
}

// scan goes along one order. The store's places are those of the order; a cursor's are of the sort, whichever order found the page.
func (f *frame) scan(ctx context.Context, l *listRequest, q store.Query, count int, exact bool) (*Listing, error) {
	page, err := f.Store.List(ctx, l.collection, q)
	if err != nil {
		return nil, err
	}
	out := f.listing(l, page.Documents, count, exact || count == 0)
	if at := page.Last; at != nil {
		if l.sort == "" && q.Index != "" {
			at = &store.Place{Value: at.Key}
		}
		out.Next = f.cursor(l, *at)
	}
	return out, nil
}

// gathered sorts all documents that the filters leave and cuts the page out.
func (f *frame) gathered(l *listRequest, docs []store.Document) *Listing {
	places := make(map[string]store.Place, len(docs))
	for i := range docs {
		places[docs[i].Key] = placeOf(l.sort, &docs[i])
	}
	compare := func(a, b store.Place) int {
		c := cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Key, b.Key))
		if l.descending {
			return -c
		}
		return c
	}
	docs = slices.DeleteFunc(docs, func(d store.Document) bool { return places[d.Key] == store.Place{} })
	slices.SortFunc(docs, func(a, b store.Document) int { return compare(places[a.Key], places[b.Key]) })
	docs = slices.CompactFunc(docs, func(a, b store.Document) bool { return a.Key == b.Key }) // two entries under one prefix
	count, from := len(docs), 0
	if l.behind != nil {
		from, _ = slices.BinarySearchFunc(docs, *l.behind, func(d store.Document, at store.Place) int {
			if compare(places[d.Key], at) <= 0 {
				return -1
			}
			return 1
		})
	}
	to := min(from+l.limit, count)
	out := f.listing(l, docs[from:to], count, true)
	if to < count {
		out.Next = f.cursor(l, places[docs[to-1].Key])
	}
	return out
}

// placeOf is where a document stands in an order; the zero place when it is not in it.
func placeOf(sort string, d *store.Document) store.Place {
	if sort == "" {
		return store.Place{Value: d.Key}
	}
	for _, ix := range d.Indexes {
		if ix.Name == sort {
			return store.Place{Value: ix.Value, Key: d.Key}
		}
	}
	return store.Place{}
}

func (f *frame) listing(l *listRequest, docs []store.Document, count int, exact bool) *Listing {
	out := &Listing{Items: make([]Listed, len(docs)), Count: count, Exact: exact}
	for i, d := range docs {
		out.Items[i] = Listed{d.Key, d.Version, d.Body}
	}
	return out
}

func badParameter(name, why, whyEN string) error {
	name = strconv.Quote(short(name))
	return events.ErrMalformed.Refuse("", "查询参数 "+name+" "+why, "the query parameter "+name+" "+whyEN)
}
