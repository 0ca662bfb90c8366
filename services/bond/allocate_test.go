package bond

import (
	"slices"
	"strconv"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/steptest"
)

// institution is a bank that issues for the deals it funds.
func institution() *Facts {
	f := fund()
	f.Party = &events.PartyFacts{Position: "party.0:9", Version: 2, Kind: "bank", Name: "示例银行", Region: "350100", Licences: []events.Licence{{Licence: "bank", Number: "B1", ValidFrom: "2020-01-01"}}}
	return f
}

// lent is the course of an institution's bond up to a stage; it ends with an issue of 200 m.
func lent(until string) []say {
	list := course(until)
	for i := range list {
		switch list[i].data.(type) {
		case *events.ApplyBond:
			list[i].data = applied(func(d *events.ApplyBond) { d.Issuer, d.IssuerKind = "p-bank", events.IssuerFinancial }).data
			list[i].facts = institution()
		case *events.Empty, *events.BondFiling:
			list[i].facts = institution()
		case *events.BondIssue:
			list[i] = issued(200_000_000, "2026-06-15", "2029-06-15")
		}
	}
	return list
}

func allocated(allocation string, amount int64, change ...func(*events.AllocateBond)) say {
	d := &events.AllocateBond{Allocation: allocation, Enterprise: uscc, Demand: "d1", Offer: "o1", FundedOn: "2026-06-15", Amount: yuan(amount)}
	for _, f := range change {
		f(d)
	}
	facts := firm()
	facts.Demand = &DemandFacts{Enterprise: uscc}
	offer := *facts.Offer
	offer.Party = "p-bank"
	facts.Offer = &offer
	return say{typ: events.TypeAllocateBond, data: d, facts: facts}
}

func released(allocation string, amount *events.Money) say {
	return say{typ: events.TypeReleaseBondAllocation, data: &events.ReleaseBondAllocation{Allocation: allocation, Amount: amount, Reason: "提前还款"}}
}

func TestAllocations(t *testing.T) {
	t.Parallel()
	done := func(list ...say) []say { return append(lent(StatusIssued), list...) }
	yes, back := []string{events.TypeBondAllocated}, []string{events.TypeBondAllocationReleased}
	for name, c := range map[string]struct {
		given  []say
		when   say
		then   []string
		refuse events.ProblemKind
		field  string
		sum    int64
	}{
		"the whole":                       {given: done(), when: allocated("a1", 200_000_000), then: yes, sum: 200_000_000},
		"a fen more than the whole":       {given: done(), when: allocated("a1", 0, func(d *events.AllocateBond) { d.Amount = events.Money{Minor: 20_000_000_001, Currency: "CNY"} }), refuse: events.ErrCapacity, field: "/amount"},
		"the rest":                        {given: done(allocated("a1", 150_000_000)), when: allocated("a2", 50_000_000), then: yes, sum: 200_000_000},
		"more than the rest":              {given: done(allocated("a1", 150_000_000)), when: allocated("a2", 50_000_001), refuse: events.ErrCapacity, field: "/amount"},
		"what came back":                  {given: done(allocated("a1", 200_000_000), released("a1", money(1))), when: allocated("a2", 1), then: yes, sum: 200_000_000},
		"more than came back":             {given: done(allocated("a1", 200_000_000), released("a1", money(1))), when: allocated("a2", 2), refuse: events.ErrCapacity, field: "/amount"},
		"alike again":                     {given: done(allocated("a1", 1)), when: allocated("a1", 1), sum: 1},
		"otherwise again":                 {given: done(allocated("a1", 1)), when: allocated("a1", 2), refuse: events.ErrExists, field: "/allocation"},
		"nothing":                         {given: done(), when: allocated("a1", 0), refuse: events.ErrMoney, field: "/amount"},
		"another currency":                {given: done(), when: allocated("a1", 1, func(d *events.AllocateBond) { d.Amount.Currency = "USD" }), refuse: events.ErrCurrency, field: "/amount/currency"},
		"to a deal only":                  {given: done(), when: allocated("a1", 1, func(d *events.AllocateBond) { d.Demand, d.Offer, d.Deal = "", "", "合同1号" }), then: yes, sum: 1},
		"to nothing":                      {given: done(), when: allocated("a1", 1, func(d *events.AllocateBond) { d.Demand = "" }), refuse: events.ErrSchema, field: "/demand"},
		"to an unknown demand":            {given: done(), when: allocated("a1", 1).with(func(f *Facts) { f.Demand = nil }), refuse: events.ErrNotFound, field: "/demand"},
		"to another's demand":             {given: done(), when: allocated("a1", 1).with(func(f *Facts) { f.Demand = &DemandFacts{Enterprise: "x"} }), refuse: events.ErrMismatch, field: "/demand"},
		"to an unknown enterprise":        {given: done(), when: allocated("a1", 1).with(func(f *Facts) { f.Enterprise = nil }), refuse: events.ErrNotFound, field: "/enterprise"},
		"under an unknown offer":          {given: done(), when: allocated("a1", 1).with(func(f *Facts) { f.Offer = nil }), refuse: events.ErrNotFound, field: "/offer"},
		"under another's offer":           {given: done(), when: allocated("a1", 1).with(offer(func(o *OfferFacts) { o.Party = "p-x" })), refuse: events.ErrMismatch, field: "/offer"},
		"before the issue":                {given: done(), when: allocated("a1", 1, func(d *events.AllocateBond) { d.FundedOn = "2026-06-14" }), refuse: events.ErrDates, field: "/funded_on"},
		"tomorrow":                        {given: done(), when: allocated("a1", 1, func(d *events.AllocateBond) { d.FundedOn = "2026-06-16" }), refuse: events.ErrDates, field: "/funded_on"},
		"by the issuer":                   {given: done(), when: allocated("a1", 1).by("party:p-bank"), then: yes, sum: 1},
		"by the underwriter":              {given: done(), when: allocated("a1", 1).by("party:p-uw"), refuse: events.ErrForbidden},
		"before it is issued":             {given: lent(StatusRegistered), when: allocated("a1", 1), refuse: events.ErrState},
		"of a firm's bond":                {given: course(StatusIssued), when: allocated("a1", 1), refuse: events.ErrMismatch},
		"release the whole":               {given: done(allocated("a1", 5)), when: released("a1", nil), then: back},
		"release a part":                  {given: done(allocated("a1", 5)), when: released("a1", money(2)), then: back, sum: 3},
		"release more than is there":      {given: done(allocated("a1", 5), released("a1", money(2))), when: released("a1", money(4)), refuse: events.ErrRange, field: "/amount"},
		"release nothing":                 {given: done(allocated("a1", 5)), when: released("a1", money(0)), refuse: events.ErrMoney, field: "/amount"},
		"release in another currency":     {given: done(allocated("a1", 5)), when: released("a1", &events.Money{Minor: 1, Currency: "USD"}), refuse: events.ErrCurrency, field: "/amount/currency"},
		"release the whole twice":         {given: done(allocated("a1", 5), released("a1", nil)), when: released("a1", nil)},
		"release what is not there":       {given: done(), when: released("a1", nil), refuse: events.ErrNotFound, field: "/allocation"},
		"an id that came back, again":     {given: done(allocated("a1", 5), released("a1", nil)), when: allocated("a1", 5)},
		"an id that came back, anew":      {given: done(allocated("a1", 5), released("a1", nil)), when: allocated("a1", 6), refuse: events.ErrExists, field: "/allocation"},
		"what is issued is not withdrawn": {given: done(allocated("a1", 5)), when: ended(events.TypeWithdrawBond), refuse: events.ErrState},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, version := given(t, c.given...)
			s, decided, err := play(t, s, version, c.when)
			if c.refuse.Code != "" {
				steptest.Refused(t, err, c.refuse, c.field)
				return
			}
			if err != nil || !slices.Equal(steptest.Types(decided), c.then) {
				t.Fatalf("%v %v, want %v", steptest.Types(decided), err, c.then)
			}
			if s.Allocated.Minor != yuan(c.sum).Minor {
				t.Errorf("%s is allocated", s.Allocated)
			}
		})
	}
}

func TestAllocationsAreBounded(t *testing.T) {
	t.Parallel()
	s, version := given(t, append(lent(StatusIssued), allocated("a1", 1))...)
	for i := len(s.Allocations); i < AllocationsMax-1; i++ {
		a := s.Allocations[0]
		a.Allocation, a.Outstanding.Minor = "b"+strconv.Itoa(i), 0
		s.Allocations = append(s.Allocations, a)
	}
	s, _, err := play(t, s, version, allocated("the-last", 1))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = play(t, s, version, allocated("one-more", 1))
	steptest.Refused(t, err, events.ErrRange, "")
}
