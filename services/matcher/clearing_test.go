package matcher

import (
	"fmt"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher/clearing"
)

func TestClearABatch(t *testing.T) {
	f := newFeed(t)
	f.at = instantPool[0]
	for i := range 3 {
		o := plainOffer(fmt.Sprint("o-", i))
		o.Capacity = cny(12_000_000_00) // holds two of the demands' five millions
		f.give(events.TypeOfferPublished, o.ID, o)
	}
	for i := range 8 {
		d := plainDemand(fmt.Sprint("d-", i))
		if i == 7 {
			d.Region, d.Facts.Region = "110108", "110108"
		}
		f.give(events.TypeDemandPublished, d.ID, d)
	}
	c, err := f.service.Clear(ClearingAsk{Region: "440000", Industry: "I65"}, f.at)
	if err != nil {
		t.Fatal(err)
	}
	if err := clearing.Check(&c.Batch, &c.Result); err != nil {
		t.Fatal(err)
	}
	taken := map[string]int{}
	for _, p := range c.Assigned {
		taken[p.Offer]++
		if e, err := f.service.Explain(p.Demand, p.Offer, f.at); err != nil || !e.Eligible || e.Score != p.Score {
			t.Errorf("%+v: %+v %v", p, e, err)
		}
	}
	if len(c.Demands) != 7 || len(c.Assigned) != 6 || taken["o-0"] != 2 || taken["o-1"] != 2 || taken["o-2"] != 2 || c.Result.Gap != 0 {
		t.Errorf("%d demands, %v taken, gap %d: %+v", len(c.Demands), taken, c.Result.Gap, c.Assigned)
	}
	if one, err := f.service.Clear(ClearingAsk{PerOffer: 1}, f.at); err != nil || len(one.Demands) != 8 || len(one.Assigned) != 3 {
		t.Errorf("one for each offer: %+v %v", one, err)
	}
	if nobody, err := f.service.Clear(ClearingAsk{Region: "540000"}, f.at); err != nil || len(nobody.Assigned) != 0 || clearing.Check(&nobody.Batch, &nobody.Result) != nil {
		t.Errorf("an empty batch: %+v %v", nobody, err)
	}
	for _, c := range []struct {
		ask  ClearingAsk
		kind events.ProblemKind
	}{
		{ClearingAsk{Region: "999999"}, events.ErrRegion}, {ClearingAsk{Industry: "Z1"}, events.ErrIndustry},
		{ClearingAsk{PerOffer: -1}, events.ErrRange}, {ClearingAsk{PerOffer: clearingPerOfferMax + 1}, events.ErrRange},
	} {
		if _, err := f.service.Clear(c.ask, f.at); !isProblem(err, c.kind) {
			t.Errorf("%+v: %v", c.ask, err)
		}
	}
	for i := range ClearingDemandsMax {
		d := plainDemand(fmt.Sprint("many-", i))
		f.give(events.TypeDemandPublished, d.ID, d)
	}
	if _, err := f.service.Clear(ClearingAsk{}, f.at); !isProblem(err, events.ErrTooLarge) {
		t.Errorf("too many: %v", err)
	}
}
