package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// BenchmarkAudit is the checker's reading of a log, an event an operation.
func BenchmarkAudit(b *testing.B) {
	const clients, each = 64, 400
	broker := ledger.NewMemory(time.Minute)
	heads, err := ledger.OpenHeads(b.TempDir() + "/heads.json")
	if err != nil {
		b.Fatal(err)
	}
	k, err := ledger.Open(b.Context(), ledger.Config{
		Machine: ledgertest.NewAccount(1), Partitions: 1, Owner: "a", Broker: broker, Validate: ledgertest.Validate, Clock: clock.Real{}, Heads: heads,
		Snapshots: b.TempDir(), Stats: ledger.NewStats(prometheus.NewRegistry(), ledgertest.Context), Log: zerolog.Nop(),
	})
	if err != nil {
		b.Fatal(err)
	}
	s := sender(broker, 1)
	var running sync.WaitGroup
	for c := range clients {
		running.Go(func() {
			for i := range each {
				if _, err := s.Internal(b.Context(), deposit(fmt.Sprintf("acc-%d-%d", c, i%40), fmt.Sprint(i), 1)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	if err := k.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	log, info := k.Ledger(), ledger.LogInfo{}
	if info, err = log.Info(b.Context()); err != nil {
		b.Fatal(err)
	}
	seen := 0
	begun := time.Now()
	for b.Loop() {
		a := &ledger.Auditor{Machine: ledgertest.NewAccount(1), Violation: func(invariant, where, what string) { b.Errorf("%s %s: %s", invariant, where, what) },
			Event: func(*events.Event, events.Position) error { return nil }}
		if err := a.Read(b.Context(), log, 1, info.Last); err != nil {
			b.Fatal(err)
		}
		seen += a.Events
	}
	b.ReportMetric(float64(seen)/time.Since(begun).Seconds(), "events/s")
	if err := heads.Close(); err != nil {
		b.Fatal(err)
	}
}
