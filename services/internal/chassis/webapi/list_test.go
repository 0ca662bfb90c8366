package webapi_test

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/store/redistest"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Whatever the filters, the order and the size of the pages: all pages together are what a plain filter and sort of all documents
// give, and an exact count is their number. Over both stores.
func TestListsAreWhatAFilterAndASortGive(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return store.NewMemory() },
		"redis":  openRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			defer s.Close()
			w := newWorld(t, func(c *webapi.Config) { c.Store, c.Registry = s, prometheus.NewRegistry() })
			all := fillMany(t, s)
			rapid.Check(t, func(rt *rapid.T) { compareLists(rt, w, all) })
		})
	}
}

func openRedis(t *testing.T) store.Store {
	s, err := store.Open(t.Context(), redistest.Start(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// row is one document as the test knows it.
type row struct{ id, region, industry, status, created, amount string }

// fillMany stores documents enough that a filter is rare or common.
func fillMany(t *testing.T, s store.Store) []row {
	var all []row
	var puts []store.Document
	for i := range 1500 {
		r := row{
			id: fmt.Sprintf("d-%04d", i*7919%1500), region: []string{"330106", "330200", "110108"}[i%3], industry: []string{"I65", "I6513", "C39"}[i/3%3],
			status: []string{"open", "withdrawn"}[min(i%10/9, 1)], created: fmt.Sprintf("2026-01-%02d", i%28+1), amount: fmt.Sprintf("CNY:%04d", i%50),
		}
		if i%400 == 0 {
			r.region, r.status = "440305", "held"
		}
		all = append(all, r)
		puts = append(puts, store.Document{Key: r.id, Version: 1, Body: []byte(`{"title":"x"}`), Indexes: []store.Index{
			{Name: "region", Value: r.region}, {Name: "industry", Value: r.industry}, {Name: "status", Value: r.status}, {Name: "created", Value: r.created}, {Name: "amount", Value: r.amount}}})
	}
	if err := s.Apply(t.Context(), "demand", store.Batch{Source: "demand.0", To: store.Position{Created: now, Sequence: 9}, Puts: puts}); err != nil {
		t.Fatal(err)
	}
	return all
}

func compareLists(rt *rapid.T, w *world, all []row) {
	region := rapid.SampledFrom([]string{"", "330000", "330100", "330106", "440305", "650000"}).Draw(rt, "region")
	industry := rapid.SampledFrom([]string{"", "I", "I65", "I6513", "A"}).Draw(rt, "industry")
	status := rapid.SampledFrom([]string{"", "open", "withdrawn", "held"}).Draw(rt, "status")
	sort := rapid.SampledFrom([]string{"", "id", "-id", "created", "-created", "amount", "-amount"}).Draw(rt, "sort")
	limit := rapid.SampledFrom([]int{1, 7, 50, 200}).Draw(rt, "limit")
	query := url.Values{}
	for name, value := range map[string]string{"region": region, "industry": industry, "status": status, "sort": sort} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var rows []row
	for _, r := range all {
		if strings.HasPrefix(r.region, strings.TrimSuffix(strings.TrimSuffix(region, "00"), "00")) && strings.HasPrefix(r.industry, industry) && (status == "" || status == r.status) {
			rows = append(rows, r)
		}
	}
	by, descending := strings.CutPrefix(sort, "-")
	slices.SortFunc(rows, func(a, b row) int {
		c := strings.Compare(a.id, b.id)
		switch by {
		case "created":
			c = cmp.Or(strings.Compare(a.created, b.created), c)
		case "amount":
			c = cmp.Or(strings.Compare(a.amount, b.amount), c)
		}
		if descending {
			return -c
		}
		return c
	})
	query.Set("limit", fmt.Sprint(limit))
	var got []string
	for pages := 0; ; pages++ {
		rec := w.do(request("GET", "/v1/demands?"+query.Encode(), ""))
		var p struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
			Next  string `json:"next"`
			Count int    `json:"count"`
			Exact bool   `json:"exact"`
		}
		if err := decodeInto(rec, &p); err != nil || rec.Code != 200 || pages > len(all) || len(p.Items) > limit {
			rt.Fatalf("%s: %d %v %s", query.Encode(), rec.Code, err, rec.Body)
		}
		if p.Count < len(rows) || p.Exact && p.Count != len(rows) {
			rt.Fatalf("%s: count %d (exact: %t), want %d", query.Encode(), p.Count, p.Exact, len(rows))
		}
		for _, item := range p.Items {
			got = append(got, item.ID)
		}
		if p.Next == "" || len(got) > 2000 {
			break
		}
		query.Set("cursor", p.Next)
		if limit == 1 && pages == 30 { // enough of the smallest pages
			rows = rows[:min(len(got), len(rows))]
			break
		}
	}
	for i, r := range rows {
		if i >= len(got) || got[i] != r.id {
			rt.Fatalf("%s: item %d of %d is not %s", query.Encode(), i, len(got), r.id)
		}
	}
	if len(got) != len(rows) {
		rt.Fatalf("%s: %d items, want %d", query.Encode(), len(got), len(rows))
	}
}
