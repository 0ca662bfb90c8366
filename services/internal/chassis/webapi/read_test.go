package webapi_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// fill puts n demands into the store, every third of region 330000, the others of 110000.
func (w *world) fill(t *testing.T, n int) {
	t.Helper()
	b := store.Batch{Source: "demand.0", To: store.Position{Created: now, Sequence: 1, Hash: "aa", Commit: 1}}
	for i := range n {
		region := "110000"
		if i%3 == 0 {
			region = "330000"
		}
		b.Puts = append(b.Puts, store.Document{Key: fmt.Sprintf("d-%03d", i), Version: uint64(i + 1), Body: fmt.Appendf(nil, `{"title":"需求<%d>"}`, i),
			Indexes: []store.Index{{Name: "region", Value: region}}})
	}
	if err := w.store.Apply(t.Context(), "demand", b); err != nil {
		t.Fatal(err)
	}
}

func TestGetOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill(t, 3)
	rec := w.do(request("GET", "/v1/demands/d-002", ""))
	if rec.Code != 200 || rec.Body.String() != `{"title":"需求<2>"}` || rec.Header().Get("ETag") != `"3"` || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	for header, status := range map[string]int{`"3"`: 304, `W/"3"`: 304, `"1", "3"`: 304, "*": 304, `"2"`: 200, "3": 200, "": 200} {
		rec := w.do(request("GET", "/v1/demands/d-002", "", "If-None-Match: "+header))
		if rec.Code != status || status == 304 && (rec.Body.Len() != 0 || rec.Header().Get("ETag") != `"3"`) {
			t.Errorf("If-None-Match %q: %d %s", header, rec.Code, rec.Body)
		}
	}
	refused(t, w.do(request("GET", "/v1/demands/d-999", "")), events.ErrNotFound)
	refused(t, w.do(request("GET", "/v1/offers/d-002", "")), events.ErrNotFound)
	for _, id := range []string{"%00", "a%20b", "*", "a.b", "%E4%BC%81", strings.Repeat("a", 65)} {
		refused(t, w.do(request("GET", "/v1/demands/"+id, "")), events.ErrID)
	}
}

func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		position string
		kind     *events.ProblemKind
		asked    string
	}{
		{"demand.0:100", nil, "demand demand.0"},
		{"demand.7:100:3", nil, "demand demand.7"},
		{"enterprise.0:5", nil, "enterprise enterprise.0"}, // of another collection: waited for as well
		{"demand.0:101", &events.ErrStale, "demand demand.0"},
		{"demand.1024:1", &events.ErrMalformed, ""},
		{"sharing.0:1", &events.ErrMalformed, ""}, // not served here
		{"deal.0:1", &events.ErrMalformed, ""},
		{"demand.-1:1", &events.ErrMalformed, ""},
		{"demand.0:x", &events.ErrMalformed, ""},
		{"1234", &events.ErrMalformed, ""},
	} {
		for _, target := range []string{"/v1/demands/d-001", "/v1/demands"} {
			for _, how := range []string{"header", "query"} {
				w := newWorld(t)
				w.fill(t, 2)
				r := request("GET", target, "", "Jieli-Position: "+tt.position)
				if how == "query" {
					r = request("GET", target+"?position="+url.QueryEscape(tt.position), "")
				}
				rec := w.do(r)
				if tt.kind != nil {
					refused(t, rec, *tt.kind)
				} else if rec.Code != 200 {
					t.Fatalf("%s by %s: %d %s", tt.position, how, rec.Code, rec.Body)
				}
				if got := strings.Join(w.waiter.asked, ","); got != tt.asked {
					t.Fatalf("%s by %s: waited for %q", tt.position, how, got)
				}
				if tt.asked != "" && (w.waiter.deadline <= 0 || w.waiter.deadline > time.Second) {
					t.Fatalf("waited up to %s", w.waiter.deadline)
				}
			}
		}
	}
}

// The real waiter is told by the projector while the request waits.
func TestReadWaitsForTheProjector(t *testing.T) {
	t.Parallel()
	real := store.NewWaiter(nil)
	waiting := make(chan struct{})
	w := newWorld(t, func(c *webapi.Config) {
		c.Waiter = waiterFunc(func(ctx context.Context, collection, source string, sequence uint64) error {
			close(waiting)
			return real.Wait(ctx, collection, source, sequence)
		})
	})
	go func() {
		<-waiting
		w.fill(t, 1)
		real.Advance("demand", "demand.0", 9)
	}()
	rec := w.do(request("GET", "/v1/demands/d-000", "", "Jieli-Position: demand.0:9"))
	if rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
}

type waiterFunc func(ctx context.Context, collection, source string, sequence uint64) error

func (f waiterFunc) Wait(ctx context.Context, collection, source string, sequence uint64) error {
	return f(ctx, collection, source, sequence)
}

type page struct {
	Items []struct {
		ID       string         `json:"id"`
		Version  uint64         `json:"version"`
		Document map[string]any `json:"document"`
	} `json:"items"`
	Next  string `json:"next"`
	Count int    `json:"count"`
}

func TestListPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill(t, 120)
	for _, tt := range []struct {
		query string
		sizes []int
	}{
		{"", []int{50, 50, 20}},
		{"limit=120", []int{120}},
		{"limit=200", []int{120}},
		{"region=330000", []int{40}},
		{"region=110000&limit=33", []int{33, 33, 14}},
		{"region=999999", []int{0}},
	} {
		seen := make(map[string]bool)
		cursor, total := "", 0
		for _, size := range tt.sizes {
			total += size
		}
		for i, size := range tt.sizes {
			rec := w.do(request("GET", "/v1/demands?"+tt.query+cursor, ""))
			if rec.Code != 200 {
				t.Fatalf("%s: %d %s", tt.query, rec.Code, rec.Body)
			}
			p := decode[page](t, rec)
			if len(p.Items) != size || p.Count != total || (p.Next == "") != (i == len(tt.sizes)-1) {
				t.Fatalf("%s, page %d: %d items, next %q, count %d", tt.query, i, len(p.Items), p.Next, p.Count)
			}
			for _, item := range p.Items {
				if seen[item.ID] || item.Version == 0 || item.Document["title"] == nil {
					t.Fatalf("%s: %+v", tt.query, item)
				}
				seen[item.ID] = true
			}
			cursor = "&cursor=" + url.QueryEscape(p.Next)
		}
	}
	if body := w.do(request("GET", "/v1/offers", "")).Body.String(); body != `{"items":[],"next":"","count":0,"exact":true}`+"\n" {
		t.Fatalf("empty collection: %s", body)
	}
}

func TestListRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill(t, 120)
	next := decode[page](t, w.do(request("GET", "/v1/demands?limit=5", ""))).Next
	raw, err := base64.RawURLEncoding.DecodeString(next)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	forged := base64.RawURLEncoding.EncodeToString(raw)
	raw[len(raw)-1] ^= 1
	raw[0]-- // of a form that is no longer taken
	expired := base64.RawURLEncoding.EncodeToString(raw)
	elsewhere := decode[page](t, newWorld(t, func(c *webapi.Config) { c.Store, c.CursorKey = w.store, []byte("another system's") }).do(request("GET", "/v1/demands?limit=5", ""))).Next
	for _, query := range []string{
		"cursor=zzz", "cursor=", "cursor=" + forged, "cursor=" + expired, "cursor=" + elsewhere, "cursor=" + next + "=", "cursor=" + next + "%0A",
		"cursor=" + strings.Repeat("A", 5000), "region=110000&cursor=" + next, "sort=-id&cursor=" + next, "sort=created&cursor=" + next, "status=open&cursor=" + next,
	} {
		t.Run(fmt.Sprintf("%.40s", query), func(t *testing.T) {
			refused(t, w.do(request("GET", "/v1/demands?"+query, "")), events.ErrCursor)
		})
	}
	refused(t, w.do(request("GET", "/v1/offers?cursor="+next, "")), events.ErrCursor)
	for _, query := range []string{
		"limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=5&limit=6",
		"sort=title", "sort=", "sort=--id", "status=", "region=33", "region=33000x", "region=", "order=x",
		"region=1&region=2", "Region=1", "a.b=1", "%00=1", "region=%00", "region=" + strings.Repeat("9", 600), "a;b=1", "x=%zz",
		strings.Repeat("a", 65) + "=1",
	} {
		t.Run(fmt.Sprintf("%.40s", query), func(t *testing.T) {
			refused(t, w.do(request("GET", "/v1/demands?"+query, "")), events.ErrMalformed)
		})
	}
}

type failing struct {
	store.Store
	err error
}

func (f failing) Get(context.Context, string, string) (store.Document, error) {
	return store.Document{}, f.err
}
func (f failing) List(context.Context, string, store.Query) (store.Page, error) {
	return store.Page{}, f.err
}

func TestStoreFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		kind events.ProblemKind
	}{
		{fmt.Errorf("reading: %w", store.ErrUnavailable), events.ErrUnavailable},
		{store.ErrClosed, events.ErrUnavailable},
		{store.ErrDamaged, events.ErrUnavailable},
		{context.DeadlineExceeded, events.ErrUnavailable},
		{errBroken, events.ErrInternal},
		{errors.New("x"), events.ErrInternal},
	} {
		w := newWorld(t, func(c *webapi.Config) { c.Store = failing{c.Store, tt.err} })
		for _, target := range []string{"/v1/demands/d-1", "/v1/demands"} {
			rec := w.do(request("GET", target, ""))
			refused(t, rec, tt.kind)
			if strings.Contains(rec.Body.String(), "cable") {
				t.Fatal("the cause leaked")
			}
		}
	}
}
