package events

import "time"

// Context demand: what an enterprise needs (融资需求).
const (
	TypePublishDemand      = "jieli.demand.publish.v1"
	TypeAmendDemand        = "jieli.demand.amend.v1"
	TypeWithdrawDemand     = "jieli.demand.withdraw.v1"
	TypeExpireDemand       = "jieli.demand.expire.v1" // by the frame's timer only
	TypeHoldDemand         = "jieli.demand.hold.v1"
	TypeReleaseHold        = "jieli.demand.release_hold.v1"
	TypeExpireHold         = "jieli.demand.expire_hold.v1" // by the frame's timer only
	TypeFillDemand         = "jieli.demand.fill.v1"
	TypeDemandPublished    = "jieli.demand.published.v1"
	TypeDemandAmended      = "jieli.demand.amended.v1"
	TypeDemandWithdrawn    = "jieli.demand.withdrawn.v1"
	TypeDemandExpired      = "jieli.demand.expired.v1"
	TypeDemandHeld         = "jieli.demand.held.v1"
	TypeDemandHoldReleased = "jieli.demand.hold_released.v1"
	TypeDemandFilled       = "jieli.demand.filled.v1"
	TypeDemandFulfilled    = "jieli.demand.fulfilled.v1"
)

// Months is a range of terms, both ends included, 0 to 600; Max 0 means no upper end.
type Months struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// DemandTerms is what an enterprise asks for.
type DemandTerms struct {
	Instruments     []string  `json:"instruments"`          // any of these; codes/instruments.json
	Amount          Money     `json:"amount"`               // what is needed; its meaning is the instrument's
	MinAmount       *Money    `json:"min_amount,omitempty"` // less is of no use; none: any part helps
	TermMonths      *Months   `json:"term_months,omitempty"`
	MaxPriceBP      *int      `json:"max_price_bp,omitempty"` // highest price, in 0.01 %, of the instrument's price unit
	Use             string    `json:"use,omitempty"`          // codes/uses.json
	Security        []string  `json:"security,omitempty"`     // what can be given; codes/securities.json
	Focus           []string  `json:"focus,omitempty"`        // of the project, beside the enterprise's
	Title           string    `json:"title,omitempty"`        // one line for people
	ValidUntil      time.Time `json:"valid_until"`
	Confidentiality string    `json:"confidentiality,omitempty"` // open (default), matched (only parties that match see it), private
}

// PublishDemand asks to publish. The command's subject is ID.
type PublishDemand struct {
	ID         string `json:"id"`
	Enterprise string `json:"enterprise"`
	DemandTerms
	Region   string `json:"region,omitempty"`   // of the project; default the enterprise's
	Industry string `json:"industry,omitempty"` // of the project; default the enterprise's
	Source   string `json:"source,omitempty"`   // where it came from, e.g. an import preset; "sample" marks generated data
}

// EnterpriseFacts is what the edge knew of the enterprise when it took the demand in: the decision rests on it, so it is recorded.
type EnterpriseFacts struct {
	Position  string   `json:"position"` // of the enterprise ledger
	Version   uint64   `json:"version"`
	Name      string   `json:"name"`
	Region    string   `json:"region"`
	Industry  string   `json:"industry"`
	Stage     string   `json:"stage,omitempty"`
	Founded   Date     `json:"founded,omitempty"`
	Focus     []string `json:"focus,omitempty"`
	Employees int      `json:"employees,omitempty"`
	Revenue   *Money   `json:"revenue,omitempty"`
	RDExpense *Money   `json:"rd_expense,omitempty"`
	Patents   int      `json:"patents,omitempty"`
	Titles    []Title  `json:"titles,omitempty"` // those not yet expired
}

// DemandPublished records a demand together with the facts it was taken in with.
type DemandPublished struct {
	ID         string `json:"id"`
	Enterprise string `json:"enterprise"`
	DemandTerms
	Region   string          `json:"region"`
	Industry string          `json:"industry"`
	Source   string          `json:"source,omitempty"`
	Facts    EnterpriseFacts `json:"facts"`
}

// AmendDemand replaces the terms; the amount may not fall below what is held and filled. DemandAmended has the same form,
// with the facts of that moment.
type AmendDemand struct {
	DemandTerms
}

// DemandAmended records new terms.
type DemandAmended struct {
	DemandTerms
	Facts EnterpriseFacts `json:"facts"`
}

// Hold sets a part of a demand aside for one counterparty until an instant. The command and the event carry the same facts.
type Hold struct {
	Hold   string    `json:"hold"`
	Offer  string    `json:"offer"`
	Amount Money     `json:"amount"`
	Until  time.Time `json:"until"`
}

// HoldRef names a hold; Reason is released, expired or withdrawn.
type HoldRef struct {
	Hold   string `json:"hold"`
	Reason string `json:"reason,omitempty"`
}

// DemandHoldReleased returns a held amount.
type DemandHoldReleased struct {
	Hold   string `json:"hold"`
	Amount Money  `json:"amount"`
	Reason string `json:"reason"`
}

// FillDemand turns a hold into money received; the amount may be less than the hold, the rest is released with it.
type FillDemand struct {
	Hold   string `json:"hold"`
	Amount Money  `json:"amount"`
}

// DemandFilled records it.
type DemandFilled struct {
	Hold     string `json:"hold"`
	Offer    string `json:"offer"`
	Amount   Money  `json:"amount"`
	Released Money  `json:"released"` // the rest of the hold
}

// DemandFulfilled says that the whole amount has been filled.
type DemandFulfilled struct {
	Amount Money `json:"amount"`
}

// Expired says at which instant a validity ended (demand.expired, offer.expired).
type Expired struct {
	ValidUntil time.Time `json:"valid_until"`
}

// Empty is the payload of commands and events that say everything by their type.
type Empty struct{}
