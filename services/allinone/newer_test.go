package allinone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/demand"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/matcher"
)

// newerCommit is what a process of a newer version may write: an event with a field that this version does not know, or of a type that it does
// not know.
func newerCommit(typ, data string) string {
	const id = "0190a1b2-0000-7000-8000-00000000000f"
	return fmt.Sprintf(`[{"specversion":"1.0","id":"0190a1b2-0000-8000-8000-000000000001","source":"/jieli/demand/0","type":%q,"subject":"d-1","time":"2026-11-22T08:00:00Z","datacontenttype":"application/json","sequence":"1","data":%s},
		{"specversion":"1.0","id":%q,"source":"/jieli/demand/0","type":"jieli.ledger.commit.v1","time":"2026-11-22T08:00:00Z","datacontenttype":"application/json","data":{"commit":%q,"partition":"demand.0","number":1,"prev":%q,"epoch":1,"outcomes":[]}}]`,
		typ, data, id, id, strings.Repeat("0", 64))
}

// TestMatcherMeetsNewerVersion: with versions side by side the matcher passes over what it does not know, and goes on.
func TestMatcherMeetsNewerVersion(t *testing.T) {
	rules, err := matcher.LoadRules(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	service := matcher.New(matcher.Deps{Rules: rules})
	f := &feeder{m: &matching{log: zerolog.Nop(), read: make(map[string]uint64), moved: make(chan struct{})}, service: service, read: make(map[string]uint64)}
	c, err := (&ledger.Stored{Sequence: 1, Body: []byte(newerCommit("jieli.demand.dreamt.v1", `{"of":"x"}`))}).Decode()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.apply(t.Context(), read{matcher.Origin{Context: "demand", Sequence: 1}, c}); err != nil {
		t.Fatal(err)
	}
	if f.read["demand"] != 1 {
		t.Error("the commit does not count as read")
	}
}

// TestProjectorMeetsNewerVersion: a field that is not known is passed over; a type that is not known ends the projector, so that its lease
// comes free for a process that knows it, and nothing half read is stored.
func TestProjectorMeetsNewerVersion(t *testing.T) {
	for name, test := range map[string]struct {
		typ, data string
		ends      bool
	}{
		"field": {events.TypeDemandPublished, `{"id":"d-1","enterprise":"91330106MA0000015K","title":"x","amount":{"amount":"1.00","currency":"CNY"},"dreams":{"of":["x"]}}`, false},
		"type":  {"jieli.demand.dreamt.v1", `{}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			log, err := ledger.NewMemory(time.Minute).OpenLog(ctx, "demand", 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := log.Append(ctx, 0, 0, []byte(newerCommit(test.typ, test.data))); err != nil {
				t.Fatal(err)
			}
			s := store.NewMemory()
			defer s.Close()
			p := &app.Projector{Service: demand.New(demand.Deps{}), Source: log, Store: s, Waiter: store.NewWaiter(nil), Log: zerolog.New(zerolog.NewTestWriter(t))}
			ended := make(chan error, 1)
			go func() { ended <- p.Run(ctx) }()
			if test.ends {
				if err := <-ended; !errors.Is(err, events.ErrNewerType) {
					t.Errorf("it ended with %v", err)
				}
				if n, err := s.Count(t.Context(), "demand"); err != nil || n != 0 {
					t.Errorf("%d documents, %v", n, err)
				}
				return
			}
			if err := p.Waiter.Wait(ctx, "demand", "demand.0", 1); err != nil {
				t.Fatal(err)
			}
			cancel()
			<-ended
		})
	}
}
