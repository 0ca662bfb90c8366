package matcher

import (
	"fmt"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

func TestGateCountsQuestions(t *testing.T) {
	g := NewGate(AskLimits{Burst: 10, PerMinute: 60, DraftCost: 5})
	at := instantPool[0]
	for i := range 10 {
		if err := g.Ask("user:a", false, at); err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
	}
	if err := g.Ask("user:a", false, at); !events.ErrTooMany.Is(err) {
		t.Errorf("the eleventh: %v", err)
	}
	if err := g.Ask("user:b", true, at); err != nil {
		t.Errorf("another asker: %v", err)
	}
	if err := g.Ask("user:a", false, at.Add(time.Second)); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if err := g.Ask("user:a", true, at.Add(4*time.Second)); !events.ErrTooMany.Is(err) {
		t.Errorf("a draft costs five: %v", err)
	}
}

// TestABoundCannotBeBisected plays the search for a private bound: each step is a new version of the demand and a look at one offer.
// Within a day no search gets past the bucket, whatever else it asks in between; and the same version again costs nothing.
func TestABoundCannotBeBisected(t *testing.T) {
	const bound, highest = 73_164_082, 1 << 27 // CNY of revenue
	s := newService(t)
	o := plainOffer("o")
	o.Eligibility = []events.Clause{{Field: events.FieldRevenue, Op: events.OpMin, Number: new(int64(bound * 100)), Visibility: events.VisiblePrivate}}
	s.index.PutOffer(NewOffer(o, 1))
	g := NewGate(AskLimits{})
	at := instantPool[0]
	low, high, steps := int64(0), int64(highest), 0
	for version := uint64(1); low < high; version++ {
		at = at.Add(time.Minute)
		if err := g.Ask("user:a", false, at); err != nil {
			t.Fatal(err)
		}
		if err := g.Judge("enterprise:x-1", "o", "d", version, at); err != nil {
			break
		}
		for range 3 {
			if err := g.Judge("enterprise:x-1", "o", "d", version, at); err != nil {
				t.Fatalf("the same version again: %v", err)
			}
		}
		d, middle := plainDemand("d"), (low+high)/2
		d.Facts.Revenue = new(cny(middle * 100))
		s.index.PutDemand(NewDemand(d, version))
		e, err := s.Explain("d", "o", at)
		if err != nil {
			t.Fatal(err)
		}
		if steps++; e.Eligible {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if known := high - low; steps > 9 || known < highest>>10 {
		t.Errorf("after %d steps the bound is known to %d", steps, known)
	}
}

func TestGateForgetsOnlyFullBuckets(t *testing.T) {
	g := NewGate(AskLimits{AskersMax: 3, PairBurst: 1, PairPerDay: 24})
	at := instantPool[0]
	for i := range 3 {
		if err := g.Judge("a", fmt.Sprint(i), "d", 1, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Judge("a", "3", "d", 1, at); !events.ErrTooMany.Is(err) {
		t.Errorf("a fourth pair while none can be forgotten: %v", err)
	}
	if err := g.Judge("a", "3", "d", 1, at.Add(time.Hour)); err != nil {
		t.Errorf("once their buckets are full again: %v", err)
	}
}
