package bond

import (
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Allocation is a part of the proceeds that funds a deal.
type Allocation struct {
	events.AllocateBond
	Outstanding events.Money `json:"outstanding"` // what has not come back
}

// allocate traces proceeds of a financial institution's bond to a deal (募集资金投放). The sum never passes what was issued.
func allocate(s *Bond, d *events.AllocateBond, facts *Facts, now time.Time) ([]step.Event, error) {
	if s.IssuerKind != events.IssuerFinancial {
		return nil, events.ErrMismatch.Refuse("", "只有金融机构的科技创新专项债券登记资金投放", "only a financial institution's bond has its proceeds traced")
	}
	if s.Status != StatusIssued {
		return nil, wrongStage(s, "发行之后才能登记资金投放", "proceeds are allocated after the issue")
	}
	if i := s.allocation(d.Allocation); i >= 0 {
		if s.Allocations[i].AllocateBond == *d {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/allocation", "该投放编号已登记，内容不同", "this allocation stands with other content")
	}
	if err := checkAllocation(s, d, facts, now); err != nil {
		return nil, err
	}
	sum := s.allocated()
	switch {
	case d.Amount.Minor <= 0:
		return nil, events.ErrMoney.Refuse("/amount", "金额应大于零", "the amount is above zero")
	case d.Amount.Currency != sum.Currency:
		return nil, events.ErrCurrency.Refusef("/amount/currency", "货币须为 %s", "the currency must be %s", sum.Currency)
	case d.Amount.Minor > s.Issue.Amount.Minor-sum.Minor:
		left := events.Money{Minor: s.Issue.Amount.Minor - sum.Minor, Currency: sum.Currency}
		return nil, events.ErrCapacity.Refusef("/amount", "募集资金只余 %s", "%s of the proceeds is left", left)
	case len(s.Allocations) >= AllocationsMax:
		return nil, events.ErrRange.Refusef("", "最多登记 %d 笔投放", "at most %d allocations", AllocationsMax)
	}
	sum.Minor += d.Amount.Minor
	return one(s, events.TypeBondAllocated, &events.BondAllocated{AllocateBond: *d, Sum: sum}), nil
}

// checkAllocation holds what it names to what is known of it.
func checkAllocation(s *Bond, d *events.AllocateBond, facts *Facts, now time.Time) error {
	switch {
	case d.Demand == "" && d.Deal == "":
		return events.ErrSchema.Refuse("/demand", "应写明融资需求或合同编号", "a demand or a deal is named")
	case facts.Enterprise == nil:
		return events.ErrNotFound.Refusef("/enterprise", "没有登记编号为 %s 的企业", "no enterprise is registered under %s", d.Enterprise)
	case d.Demand != "" && facts.Demand == nil:
		return events.ErrNotFound.Refusef("/demand", "没有编号为 %s 的需求", "there is no demand %s", d.Demand)
	case d.Demand != "" && facts.Demand.Enterprise != d.Enterprise:
		return events.ErrMismatch.Refuse("/demand", "该需求不属于该企业", "the demand is of another enterprise")
	case d.Offer != "" && facts.Offer == nil:
		return events.ErrNotFound.Refusef("/offer", "没有编号为 %s 的产品", "there is no offer %s", d.Offer)
	case d.Offer != "" && facts.Offer.Party != s.Issuer:
		return events.ErrMismatch.Refuse("/offer", "该产品不属于发行人", "the offer is not the issuer's")
	}
	if err := checkPast("/funded_on", d.FundedOn, now); err != nil {
		return err
	}
	if d.FundedOn.Before(s.Issue.IssuedOn) {
		return events.ErrDates.Refusef("/funded_on", "投放早于发行日 %s", "the payment is before the issue on %s", s.Issue.IssuedOn)
	}
	return nil
}

// release takes proceeds back, whole or in part.
func release(s *Bond, d *events.ReleaseBondAllocation) ([]step.Event, error) {
	i := s.allocation(d.Allocation)
	if i < 0 {
		return nil, events.ErrNotFound.Refusef("/allocation", "没有编号为 %s 的投放", "there is no allocation %s", d.Allocation)
	}
	a := s.Allocations[i]
	amount := a.Outstanding
	if d.Amount != nil {
		amount = *d.Amount
	}
	switch {
	case a.Outstanding.Minor == 0 && d.Amount == nil:
		return nil, nil // it has come back
	case amount.Minor <= 0:
		return nil, events.ErrMoney.Refuse("/amount", "金额应大于零", "the amount is above zero")
	case amount.Currency != a.Outstanding.Currency:
		return nil, events.ErrCurrency.Refusef("/amount/currency", "货币须为 %s", "the currency must be %s", a.Outstanding.Currency)
	case amount.Minor > a.Outstanding.Minor:
		return nil, events.ErrRange.Refusef("/amount", "该笔投放只余 %s", "%s of it is outstanding", a.Outstanding)
	}
	outstanding, sum := a.Outstanding, s.allocated()
	outstanding.Minor -= amount.Minor
	sum.Minor -= amount.Minor
	return one(s, events.TypeBondAllocationReleased, &events.BondAllocationReleased{
		Allocation: d.Allocation, Amount: amount, Outstanding: outstanding, Sum: sum, Reason: d.Reason,
	}), nil
}

func (s *Bond) allocation(id string) int {
	return slices.IndexFunc(s.Allocations, func(a Allocation) bool { return a.Allocation == id })
}

// allocated is the sum of what is outstanding of an issued bond.
func (s *Bond) allocated() events.Money {
	if s.Allocated != nil {
		return *s.Allocated
	}
	return events.Money{Currency: s.Issue.Amount.Currency}
}

// evolveAllocation applies an event about allocations.
func (s *Bond) evolveAllocation(data any) {
	switch d := data.(type) {
	case *events.BondAllocated:
		sum := d.Sum
		s.Allocations = append(slices.Clone(s.Allocations), Allocation{AllocateBond: d.AllocateBond, Outstanding: d.Amount})
		s.Allocated = &sum
	case *events.BondAllocationReleased:
		sum := d.Sum
		s.Allocations = slices.Clone(s.Allocations)
		if i := s.allocation(d.Allocation); i >= 0 {
			s.Allocations[i].Outstanding = d.Outstanding
		}
		s.Allocated = &sum
	}
}
