package matcher

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// book plays the match context beside a feed: it decides what the reactor asks for and feeds back what was decided.
type book struct {
	*feed
	state   map[string]*Match
	history map[string][]*events.Recommendation // by demand
	leads   map[string][]*events.LeadsFound     // by offer
}

func newBook(t fataler) *book {
	return &book{newFeed(t), map[string]*Match{}, map[string][]*events.Recommendation{}, map[string][]*events.LeadsFound{}}
}

func (b *book) decide(c *step.Command) {
	b.t.Helper()
	if c == nil {
		return
	}
	decided, err := Decide(b.state[c.Subject], c, b.at)
	if err != nil {
		b.t.Fatal(fmt.Sprintf("%s of %s: %v", c.Type, c.Subject, err))
	}
	for _, e := range decided {
		b.state[c.Subject] = Evolve(b.state[c.Subject], &step.Applied{Type: e.Type, Subject: c.Subject, Time: b.at, Data: e.Data})
		switch d := e.Data.(type) {
		case *events.Recommendation:
			b.history[d.Demand] = append(b.history[d.Demand], d)
		case *events.LeadsFound:
			b.leads[d.Offer] = append(b.leads[d.Offer], d)
		}
		b.give(e.Type, c.Subject, e.Data)
	}
}

// settle tends until nothing is left.
func (b *book) settle() {
	b.t.Helper()
	for round := 0; ; round++ {
		commands := b.service.Tend(b.at, 3)
		if len(commands) == 0 && len(b.service.tending.stirred) == 0 {
			return
		}
		if round > 1000 {
			b.t.Fatal("tending does not end")
		}
		for _, c := range commands {
			b.decide(c)
		}
	}
}

// check holds the history of each demand: one first recommendation a version, then refreshes in their order, whose ranges join.
func (b *book) check() {
	b.t.Helper()
	for demand, list := range b.history {
		versions := map[uint64]int{}
		for i, r := range list {
			if r.Refresh == nil {
				if versions[r.DemandVersion]++; versions[r.DemandVersion] > 1 {
					b.t.Fatal(fmt.Sprintf("%s: two recommendations of version %d", demand, r.DemandVersion))
				}
				continue
			}
			before := sequences(list[i-1].Positions)
			for _, c := range r.Refresh.Causes {
				from, _ := events.ParsePosition(c.From)
				if from.Sequence != before[ledgerOf{from.Context, from.Partition}]+1 {
					b.t.Fatal(fmt.Sprintf("%s: a refresh takes in %v after %v", demand, c, list[i-1].Positions))
				}
			}
		}
	}
	for offer, list := range b.leads {
		for i := range list[1:] {
			if list[i].OfferVersion >= list[i+1].OfferVersion {
				b.t.Fatal(fmt.Sprintf("%s: leads of versions %d and %d", offer, list[i].OfferVersion, list[i+1].OfferVersion))
			}
		}
	}
}

// TestRefreshesKeepUp: whatever offers do, once tended the ledger's recommendation of each open demand is what a read gives, and a
// reactor that begins anew asks for nothing.
func TestRefreshesKeepUp(t *testing.T) {
	refreshes := 0
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDice{t}
		b := newBook(t)
		b.service.CaughtUp()
		paused, terms := map[string]bool{}, map[string]*events.OfferPublished{}
		for i := range 1 + d.below(25) {
			id := fmt.Sprintf("o-%d", d.below(30))
			o := terms[id]
			switch d.below(7) {
			case 0:
				e := plainDemand(fmt.Sprintf("d-%d", i))
				e.Amount = cny(int64(1+d.below(12)) * 1_000_000_00)
				b.decide(b.give(events.TypeDemandPublished, e.ID, e))
			case 1, 2, 3:
				fresh := plainOffer(id)
				fresh.Party = fmt.Sprintf("bank-%d", d.below(3))
				fresh.Facts.Region = one(d, []string{"440300", "440000", "110000"})
				fresh.MaxTicket = cny(int64(2+d.below(9)) * 1_000_000_00)
				if o == nil {
					b.give(events.TypeOfferPublished, id, fresh)
				} else {
					fresh.Party = o.Party
					b.give(events.TypeOfferAmended, id, &events.OfferAmended{OfferTerms: fresh.OfferTerms, Facts: fresh.Facts})
				}
				terms[id] = fresh
			case 4:
				if o != nil && paused[id] {
					b.give(events.TypeOfferResumed, id, &events.Empty{})
				} else if o != nil {
					b.give(events.TypeOfferPaused, id, &events.Reason{})
				}
				paused[id] = o != nil && !paused[id]
			case 5:
				if o != nil {
					b.give(events.TypeOfferWithdrawn, id, &events.Reason{})
					delete(terms, id)
					delete(paused, id)
					b.version["offer/"+id] = 0 // an id may come again in this test only
				}
			case 6:
				b.give(one(d, []string{events.TypePartySuspended, events.TypePartyReinstated}), fmt.Sprintf("bank-%d", d.below(3)), &events.Reason{})
			}
			if d.below(3) == 0 {
				b.settle()
			}
		}
		b.settle()
		b.check()
		for demand, list := range b.history {
			last := list[len(list)-1]
			refreshes += len(list) - 1
			var got []string
			for _, o := range last.Offers {
				got = append(got, o.Offer)
			}
			if want := b.ranking(demand); !slices.Equal(got, want) {
				t.Fatalf("%s: on record %v, a read gives %v", demand, got, want)
			}
		}
		again := newService(t)
		for _, f := range b.log {
			if _, err := again.Apply(f.at, f.e); err != nil {
				t.Fatal(err)
			}
		}
		again.CaughtUp()
		if pending, tend := again.Pending(b.at, 100), again.Tend(b.at, 100); len(pending)+len(tend) != 0 {
			t.Fatalf("a reactor that begins anew asks for %v, %v", pending, tend)
		}
	})
	t.Logf("%d refreshes", refreshes)
	if refreshes < 20 {
		t.Fatal("too few refreshes: the worlds test too little")
	}
}

// TestWhatAKillForgetsIsFoundAgain: leads that are recorded and demands that are not refreshed, offers that fell unseen.
func TestWhatAKillForgetsIsFoundAgain(t *testing.T) {
	b := newBook(t)
	b.service.CaughtUp()
	for i := range 3 {
		b.decide(b.give(events.TypeDemandPublished, fmt.Sprintf("d-%d", i), plainDemand(fmt.Sprintf("d-%d", i))))
	}
	b.give(events.TypeOfferPublished, "o-1", plainOffer("o-1"))
	b.give(events.TypeOfferPublished, "o-2", plainOffer("o-2"))
	for _, c := range b.service.Tend(b.at, 1) { // one offer's leads are recorded; no refresh is
		if c.Type == events.TypeFindLeads {
			b.decide(c)
		}
	}
	restart := func() {
		again := newService(t)
		for _, f := range b.log {
			if _, err := again.Apply(f.at, f.e); err != nil {
				t.Fatal(err)
			}
		}
		again.CaughtUp()
		b.service = again
	}
	restart()
	b.settle()
	b.check()
	for demand, list := range b.history {
		if last := list[len(list)-1]; len(last.Offers) != 2 {
			t.Errorf("%s: %d offers on record", demand, len(last.Offers))
		}
	}
	if len(b.leads["o-1"]) != 1 || len(b.leads["o-2"]) != 1 {
		t.Errorf("leads: %v", b.leads)
	}
	b.give(events.TypeOfferWithdrawn, "o-1", &events.Reason{})
	restart()
	b.settle()
	b.check()
	for demand, list := range b.history {
		if last := list[len(list)-1]; len(last.Offers) != 1 || last.Offers[0].Offer != "o-2" {
			t.Errorf("%s: %+v on record", demand, last.Offers)
		}
	}
}

// TestACauseThatComesAgainChangesNothing: a refresh given twice is one, and so is one that another matcher gives.
func TestACauseThatComesAgainChangesNothing(t *testing.T) {
	first := recommendation(3, "a")
	m := Evolve(nil, &step.Applied{Type: events.TypeRecommended, Time: instantPool[0], Data: first})
	refresh := func(number uint64, from, to uint64, offers ...string) *step.Command {
		r := recommendation(3, offers...)
		r.Positions = []string{"demand.0:7", Origin{"offer", 0, to}.String()}
		r.Refresh = &events.Refresh{Number: number, Causes: []events.CauseRange{{From: Origin{"offer", 0, from}.String(), To: Origin{"offer", 0, to}.String()}}}
		return recommend(r)
	}
	decided, err := Decide(m, refresh(1, 10, 12, "a", "b"), instantPool[0])
	if err != nil || len(decided) != 1 {
		t.Fatal(decided, err)
	}
	m = Evolve(m, &step.Applied{Type: events.TypeRecommended, Time: instantPool[0].Add(time.Second), Data: decided[0].Data})
	for name, c := range map[string]*step.Command{"the same": refresh(1, 10, 12, "a", "b"), "another's": refresh(1, 10, 11, "b")} {
		if decided, err := Decide(m, c, instantPool[0]); err != nil || len(decided) != 0 {
			t.Errorf("%s: %v, %v", name, decided, err)
		}
	}
	for name, c := range map[string]*step.Command{
		"a gap": refresh(2, 14, 15, "b"), "an overlap": refresh(2, 12, 15, "b"), "backwards": refresh(2, 13, 12, "b"), "a number left out": refresh(3, 13, 15, "b"),
	} {
		if decided, err := Decide(m, c, instantPool[0]); err == nil || len(decided) != 0 {
			t.Errorf("%s: %v, %v", name, decided, err)
		}
	}
	if decided, err := Decide(m, refresh(2, 13, 15, "b"), instantPool[0]); err != nil || len(decided) != 1 {
		t.Errorf("the next: %v, %v", decided, err)
	}
}
