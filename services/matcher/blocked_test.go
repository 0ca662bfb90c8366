package matcher

import (
	"fmt"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

// TestBlockedCountsWhatAloneStandsBetween: cells by condition, place and industry; small ones go into the rest; private conditions
// are in the total only.
func TestBlockedCountsWhatAloneStandsBetween(t *testing.T) {
	s := newService(t)
	put := func(n int, what string, change func(*events.DemandPublished)) {
		for i := range n {
			d := plainDemand(fmt.Sprintf("%s-%02d", what, i))
			change(d)
			s.index.PutDemand(NewDemand(d, 1))
		}
	}
	o := plainOffer("o")
	o.Eligibility = []events.Clause{
		{Field: events.FieldStage, Op: events.OpIn, Values: []string{"growth"}},
		{Field: events.FieldEmployees, Op: events.OpMax, Number: new(int64(100)), Visibility: events.VisiblePrivate},
	}
	s.index.PutOffer(NewOffer(o, 1))
	put(3, "fits", func(*events.DemandPublished) {})
	put(7, "stage", func(d *events.DemandPublished) { d.Facts.Stage = "seed" })
	put(4, "few", func(d *events.DemandPublished) { d.Facts.Stage, d.Region = "seed", "110108" })
	put(2, "fewer", func(d *events.DemandPublished) { d.Facts.Stage, d.Industry = "seed", "C39" })
	put(2, "amount", func(d *events.DemandPublished) { d.Amount = cny(100) })
	put(6, "private", func(d *events.DemandPublished) { d.Facts.Employees = 101 })
	put(1, "two", func(d *events.DemandPublished) { d.Facts.Stage, d.Amount = "seed", cny(100) })
	b := s.Blocked("", instantPool[0])
	if b.Open != 25 || b.Examined != 25 || b.Unmatched != 22 || b.Several != 1 || b.Private != 5 || len(b.Cells) != 2 {
		t.Fatalf("%+v", b)
	}
	if c := b.Cells[0]; c.Field != events.FieldStage || c.Region != "440000" || c.Industry != "I" || c.Demands != 7 || c.RegionName != "广东省" {
		t.Errorf("the cell of the stage: %+v", c)
	}
	if c := b.Cells[1]; c.Field != events.FieldStage || c.Region != "" || c.Industry != "" || c.Demands != 6 {
		t.Errorf("the rest of the stage: %+v", c)
	}
	if b := s.Blocked("110000", instantPool[0]); b.Open != 4 || b.Unmatched != 4 || len(b.Cells) != 0 {
		t.Errorf("of Beijing: %+v", b)
	}
}
