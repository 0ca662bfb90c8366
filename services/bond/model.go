package bond

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Status of an application: the stage reached last (阶段), or how it left the course.
const (
	StatusApplied    = "applied"
	StatusTriaged    = "triaged"
	StatusDocked     = "docked"
	StatusEnhanced   = "enhanced"
	StatusRated      = "rated"
	StatusFiled      = "filed"
	StatusRegistered = "registered"
	StatusIssued     = "issued"    // final
	StatusReturned   = "returned"  // waits for its issuer
	StatusRejected   = "rejected"  // final
	StatusWithdrawn  = "withdrawn" // final
)

// Limits of one application.
const (
	ProceedsMax     = 16
	EnhancementsMax = 16
	ReasonsMax      = 16
	RoundsMax       = 16     // former rounds that a document keeps
	AllocationsMax  = 512    // of one bond, what was released included
	TenorMax        = 18_300 // days, 50 years
	CouponBPMax     = 100_000
	wholeBP         = 10_000 // 100 %
)

// Bond is an application: state, snapshot form and read model in one. It is immutable: Evolve makes another.
type Bond struct {
	ID         string `json:"id"`
	Issuer     string `json:"issuer"`
	IssuerKind string `json:"issuer_kind"`
	events.BondTerms
	Source       string                   `json:"source,omitempty"`
	Enterprise   *events.EnterpriseFacts  `json:"enterprise,omitempty"`
	Party        *events.PartyFacts       `json:"party,omitempty"`
	Status       string                   `json:"status"`
	Round        int                      `json:"round"`            // 1 for the application, one more for every resubmission
	Clocks       []Clock                  `json:"clocks,omitempty"` // of this round; the last one runs unless the application has ended
	Triage       *events.BondTriage       `json:"triage,omitempty"`
	Docking      *events.BondDocked       `json:"docking,omitempty"`
	Enhancements []events.BondEnhancement `json:"enhancements,omitempty"`
	Rating       *events.BondRating       `json:"rating,omitempty"`
	Filing       *events.BondFiling       `json:"filing,omitempty"`
	Registration *events.BondRegistration `json:"registration,omitempty"`
	Issue        *events.BondIssue        `json:"issue,omitempty"`
	Return       *events.BondReturned     `json:"return,omitempty"` // the last one
	End          *events.Reason           `json:"end,omitempty"`    // why it was rejected or withdrawn
	Original     *events.BondTerms        `json:"original,omitempty"`
	History      []Round                  `json:"history,omitempty"` // rounds that ended with a return, the latest RoundsMax
	Allocations  []Allocation             `json:"allocations,omitempty"`
	Allocated    *events.Money            `json:"allocated,omitempty"` // sum of what is outstanding; nil: nothing was ever allocated
	CreatedAt    time.Time                `json:"created_at"`
	UpdatedAt    time.Time                `json:"updated_at"`

	ClocksStarted int `json:"clocks_started,omitempty"` // in all rounds
}

// Round is what is kept of a round that was returned (历次申报). The log has everything.
type Round struct {
	Round int `json:"round"`
	events.BondTerms
	From        string             `json:"from"` // stage it was returned from
	Reasons     []string           `json:"reasons"`
	Reason      string             `json:"reason"`
	RuleSet     string             `json:"rule_set,omitempty"` // of its triage
	Underwriter string             `json:"underwriter,omitempty"`
	Filing      *events.BondFiling `json:"filing,omitempty"`
	Clocks      []Clock            `json:"clocks,omitempty"`
}

// order of the stages; what has left the course has none.
var order = map[string]int{
	StatusApplied: 1, StatusTriaged: 2, StatusDocked: 3, StatusEnhanced: 4, StatusRated: 5, StatusFiled: 6, StatusRegistered: 7, StatusIssued: 8,
}

// within reports whether the application is on its course between two stages, both included.
func (b *Bond) within(first, last string) bool {
	at := order[b.Status]
	return at >= order[first] && at <= order[last]
}

func final(status string) bool {
	return status == StatusIssued || status == StatusRejected || status == StatusWithdrawn
}

func (b *Bond) attributes() events.Attributes {
	attr := events.Attributes{Instrument: b.Instrument, AmountWan: b.Amount.Wan(), Currency: b.Amount.Currency}
	switch {
	case b.Enterprise != nil:
		attr.Region, attr.Industry, attr.Stage = b.Enterprise.Region, b.Enterprise.Industry, b.Enterprise.Stage
	case b.Party != nil:
		attr.Region = b.Party.Region
	}
	return attr
}

// Facts are what Prepare hands on.
type Facts struct {
	Enterprise     *events.EnterpriseFacts // of an issuing enterprise
	Profiles       []events.Profile        // ascending by fiscal year
	Listed         string
	Suspended      bool // the enterprise; a party's facts say it themselves
	Authorisations []events.Authorisation
	Party          *events.PartyFacts // of an issuing party
	Offer          *OfferFacts        // that a docking names
	Other          *OtherParty        // who enhances or rates
	Rules          Dated              // for a triage
	Demand         *DemandFacts       // that an allocation names
}

// Dated gives the rules in force on a day.
type Dated interface {
	At(day events.Date) (*RuleSet, bool)
}

// Course gives the rules of the way that are in force on a day.
type Course interface {
	At(day events.Date) (*CourseRules, bool)
}

// DemandFacts is what an allocation to a demand rests on.
type DemandFacts struct{ Enterprise string }

// OfferFacts is what a docking rests on.
type OfferFacts struct {
	Version    uint64
	Party      string
	PartyName  string
	Instrument string
	Currency   string
	Status     string
	Suspended  bool // its party
	Until      time.Time
}

// OtherParty is a party that does something for a bond.
type OtherParty struct {
	Kind      string
	Suspended bool
	Licences  []events.Licence
}

// application is what the application said of itself, without the facts, which are of the moment.
func (b *Bond) application() *events.ApplyBond {
	a := &events.ApplyBond{ID: b.ID, Issuer: b.Issuer, IssuerKind: b.IssuerKind, BondTerms: b.BondTerms, Source: b.Source}
	if b.Original != nil {
		a.BondTerms = *b.Original
	}
	return a
}

// same compares as the log does: what is written alike is alike.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Check is what holds of an application at every prefix of its log.
func Check(b *Bond) error {
	sum := 0
	for _, p := range b.Proceeds {
		sum += p.ShareBP
	}
	switch {
	case sum != wholeBP:
		return fmt.Errorf("the shares of the proceeds sum to %d of %d", sum, wholeBP)
	case b.within(StatusTriaged, StatusIssued) && b.Triage == nil:
		return fmt.Errorf("%s without a triage", b.Status)
	case b.within(StatusDocked, StatusIssued) && b.Docking == nil:
		return fmt.Errorf("%s without an underwriter", b.Status)
	case b.within(StatusFiled, StatusIssued) && b.Filing == nil, b.within(StatusRegistered, StatusIssued) && b.Registration == nil:
		return fmt.Errorf("%s without filing or registration", b.Status)
	case b.Status == StatusIssued && (b.Issue == nil || b.Issue.Amount.Currency != b.Amount.Currency || b.Issue.Amount.Minor > b.Amount.Minor):
		return fmt.Errorf("issued %+v of %s", b.Issue, b.Amount)
	case b.Status == StatusIssued && b.Issue.IssuedOn.After(b.Registration.ValidTo):
		return fmt.Errorf("issued on %s, registered until %s", b.Issue.IssuedOn, b.Registration.ValidTo)
	}
	if err := checkClocks(b); err != nil {
		return err
	}
	return checkAllocated(b)
}

// checkClocks: one clock runs at most, the last one, and it is of the stage that the application is in.
func checkClocks(b *Bond) error {
	for i := range b.Clocks {
		c := &b.Clocks[i]
		runs := c.State != ClockStopped
		switch {
		case runs && (i < len(b.Clocks)-1 || c.Stage != b.Status):
			return fmt.Errorf("the clock of %s runs in stage %s", c.Stage, b.Status)
		case runs == (c.EndedOn != ""), c.Breached > len(c.Levels), c.Round != b.Round:
			return fmt.Errorf("clock %+v in round %d", c, b.Round)
		}
		for j := 1; j < len(c.Levels); j++ {
			if a, z := c.Levels[j-1].DueOn, c.Levels[j].DueOn; z != "" && !z.After(a) {
				return fmt.Errorf("level %d of clock %d is due on %s, after %s", j+1, c.Clock, z, a)
			}
		}
	}
	return nil
}

// checkAllocated: what is traced to deals is never more than was issued, and the sum is the sum.
func checkAllocated(b *Bond) error {
	if b.Allocated == nil {
		if len(b.Allocations) > 0 {
			return fmt.Errorf("%d allocations without a sum", len(b.Allocations))
		}
		return nil
	}
	var sum int64
	for _, a := range b.Allocations {
		if a.Outstanding.Minor < 0 || a.Outstanding.Minor > a.Amount.Minor || a.Outstanding.Currency != b.Allocated.Currency {
			return fmt.Errorf("allocation %+v", a)
		}
		sum += a.Outstanding.Minor
	}
	if b.Issue == nil || b.IssuerKind != events.IssuerFinancial || sum != b.Allocated.Minor || sum > b.Issue.Amount.Minor {
		return fmt.Errorf("allocated %s, together %d, of %+v", b.Allocated, sum, b.Issue)
	}
	return nil
}
