package matcher

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
)

// TestADraftTellsNothingPrivate is the probing test: of two worlds that differ in private conditions and in what is left of the
// capacities, no draft gets two answers. A bound that moves no byte of any answer cannot be bisected.
func TestADraftTellsNothingPrivate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDice{t}
		first, other := newService(t), newService(t)
		draft := demandFrom(d, "draft")
		for i := range 1 + d.below(8) {
			o := offerFrom(d, fmt.Sprintf("offer-%d", i))
			kin(d, o, draft)
			for i := range o.Eligibility {
				if c := &o.Eligibility[i]; c.Visibility == "" {
					c.Visibility = events.VisiblePublic
				}
			}
			first.index.PutOffer(NewOffer(o, 1))
			probed := *o
			probed.Eligibility = slices.DeleteFunc(slices.Clone(o.Eligibility), func(c events.Clause) bool { return c.Visibility != events.VisiblePublic })
			for range d.below(3) {
				c := clauseFrom(d)
				c.Visibility = one(d, []string{events.VisiblePrivate, events.VisibleMatched})
				probed.Eligibility = append(probed.Eligibility, c)
			}
			other.index.PutOffer(NewOffer(&probed, 1).standing(OfferStanding{Version: 1, Reserved: one(d, []int64{0, 1, o.Capacity.Minor / 2, math.MaxInt64 / 4})}))
		}
		k, at := 1+d.below(5), asOfFrom(d)
		a, errA := first.Try(draft, k, at)
		b, errB := other.Try(draft, k, at)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Fatalf("the answer tells of what is private:\n%s\n%s", x, y)
		}
	})
}

// TestReachIsWhatAChangeWouldFind: each step of the curve says how many offers the draft changed so would find; among offers that
// differ from the draft in one thing only, that is exact.
func TestReachIsWhatAChangeWouldFind(t *testing.T) {
	s := newService(t)
	put := func(id string, change func(o *events.OfferPublished)) {
		o := plainOffer(id)
		change(o)
		s.index.PutOffer(NewOffer(o, 1))
	}
	put("fits", func(*events.OfferPublished) {})
	for i := range 30 {
		put(fmt.Sprintf("big-%02d", i), func(o *events.OfferPublished) {
			o.MinTicket = cny(int64(6+i%10) * 1_000_000_00)
			o.MaxTicket = cny(90_000_000_00)
		})
	}
	for i := range 6 {
		put(fmt.Sprintf("long-%d", i), func(o *events.OfferPublished) { o.TermMonths = &events.Months{Min: 30 + i, Max: 60} })
		put(fmt.Sprintf("short-%d", i), func(o *events.OfferPublished) { o.TermMonths = &events.Months{Min: 1, Max: 3 + i} })
	}
	for i, values := range [][]string{{"receivables"}, {"receivables", "real_estate"}, {"real_estate"}, {"receivables"}} {
		put(fmt.Sprintf("secured-%d", i), func(o *events.OfferPublished) {
			o.Eligibility = []events.Clause{{Field: events.FieldSecurity, Op: events.OpAny, Values: values}}
		})
	}
	draft := plainDemand("draft")
	got, err := s.Try(draft, 20, instantPool[0])
	if err != nil || got.Eligible != 1 || len(got.Matches) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	fields := map[string]int{}
	base := NewDemand(draft, 1)
	for _, r := range got.Reach {
		fields[r.Field]++
		changed, err := base.Changed(&Change{Field: r.Field, Op: r.Op, To: r.To}, instantPool[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, eligible := s.index.Top(changed, instantPool[0], 1); eligible != r.Eligible || r.Eligible != 1+r.Opened {
			t.Errorf("%+v: the changed draft finds %d", r, eligible)
		}
	}
	if fields["amount"] == 0 || fields["amount"] > reachSteps || fields["term_months"] != 12 || fields["security"] != 2 {
		t.Errorf("steps: %v\n%+v", fields, got.Reach)
	}
	last := got.Reach[fields["amount"]-1]
	if last.Field != "amount" || last.Opened != 30 {
		t.Errorf("the last step of the amount: %+v", last)
	}
	for _, k := range []int{0, -1, AnswersMax + 1} {
		if _, err := s.Try(draft, k, instantPool[0]); !events.ErrRange.Is(err) {
			t.Errorf("%d places: %v", k, err)
		}
	}
}
