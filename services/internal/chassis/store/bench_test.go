package store_test

import (
	"fmt"
	"testing"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/store/redistest"
)

// The figures are documents: batches of 500 with three index entries and 600 bytes each, then reads of them.
func benchmarkStore(b *testing.B, s store.Store) {
	const rows, keys = 500, 200_000
	body := fmt.Appendf(nil, `{"text":"%0585d"}`, 0)
	n := uint64(0)
	b.Run("apply", func(b *testing.B) {
		for range b.N {
			puts := make([]store.Document, rows)
			for i := range puts {
				id := (n*rows + uint64(i)) % keys
				puts[i] = store.Document{Key: fmt.Sprintf("demand-%09d", id*7919%keys), Version: n, Body: body, Indexes: []store.Index{
					{Name: "region", Value: fmt.Sprintf("%06d", id%3000)}, {Name: "industry", Value: fmt.Sprintf("I%02d", id%97)},
					{Name: "due", Value: fmt.Sprintf("2026-%05d", (id+n)%365)},
				}}
			}
			n++
			if err := s.Apply(b.Context(), "demands", batch(n, puts...)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "documents/s")
	})
	b.Run("get", func(b *testing.B) {
		for i := range b.N {
			if _, err := s.Get(b.Context(), "demands", fmt.Sprintf("demand-%09d", i%rows*7919%keys)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list20", func(b *testing.B) {
		for i := range b.N {
			if _, err := s.List(b.Context(), "demands", store.Query{Index: "industry", Value: fmt.Sprintf("I%02d", i%97), Limit: 20}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMemory(b *testing.B) { benchmarkStore(b, store.NewMemory()) }

func BenchmarkRedis(b *testing.B) {
	server := redistest.Start(b)
	s, err := store.Open(b.Context(), server.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	benchmarkStore(b, s)
}
