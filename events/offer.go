package events

import "time"

// Context offer: funding products of institutions (资金供给).
const (
	TypePublishOffer      = "jieli.offer.publish.v1"
	TypeAmendOffer        = "jieli.offer.amend.v1"
	TypePauseOffer        = "jieli.offer.pause.v1"
	TypeResumeOffer       = "jieli.offer.resume.v1"
	TypeWithdrawOffer     = "jieli.offer.withdraw.v1"
	TypeExpireOffer       = "jieli.offer.expire.v1" // by the frame's timer only
	TypeReserveCapacity   = "jieli.offer.reserve.v1"
	TypeReleaseCapacity   = "jieli.offer.release.v1"
	TypeExpireReservation = "jieli.offer.expire_reservation.v1" // by the frame's timer only
	TypeCommitCapacity    = "jieli.offer.commit.v1"
	TypeOfferPublished    = "jieli.offer.published.v1"
	TypeOfferAmended      = "jieli.offer.amended.v1"
	TypeOfferPaused       = "jieli.offer.paused.v1"
	TypeOfferResumed      = "jieli.offer.resumed.v1"
	TypeOfferWithdrawn    = "jieli.offer.withdrawn.v1"
	TypeOfferExpired      = "jieli.offer.expired.v1"
	TypeCapacityReserved  = "jieli.offer.capacity_reserved.v1"
	TypeCapacityReleased  = "jieli.offer.capacity_released.v1"
	TypeCapacityCommitted = "jieli.offer.capacity_committed.v1"
	TypeOfferExhausted    = "jieli.offer.exhausted.v1"
)

// Fields and operators of a clause. in: the demand's value is one of Values (region and industry: or below one of them);
// any: the demand's set meets Values; all: it contains them; min and max: the number is at least or at most Number.
const (
	FieldRegion    = "region"
	FieldIndustry  = "industry"
	FieldStage     = "stage"
	FieldTitle     = "title"      // titles valid on the as-of day: any, all
	FieldFocus     = "focus"      // any, all
	FieldSecurity  = "security"   // any, all
	FieldUse       = "use"        // in
	FieldEmployees = "employees"  // min, max
	FieldRevenue   = "revenue"    // min, max; minor units of the offer's currency, last fiscal year
	FieldRDRatio   = "rd_ratio"   // min, max; R&D expense / revenue in 0.01 %
	FieldPatents   = "patents"    // min, max
	FieldAge       = "age_months" // min, max; since founding

	OpIn  = "in"
	OpAny = "any"
	OpAll = "all"
	OpMin = "min"
	OpMax = "max"

	VisiblePublic  = "public"  // may be shown to anybody
	VisibleMatched = "matched" // shown to those it matches
	VisiblePrivate = "private" // never leaves the institution; the matcher uses it
)

// Clause is one hard condition of eligibility: law, regulation or product terms.
type Clause struct {
	Field      string   `json:"field"`
	Op         string   `json:"op"`
	Values     []string `json:"values,omitempty"`
	Number     *int64   `json:"number,omitempty"`
	Visibility string   `json:"visibility,omitempty"` // public (default), matched, private
}

// Preference is soft: it scores and never excludes. Weight 1 to 100.
type Preference struct {
	Field  string   `json:"field"` // region, industry, stage, title, focus
	Values []string `json:"values"`
	Weight int      `json:"weight"`
}

// OfferTerms is a funding product.
type OfferTerms struct {
	Instrument  string       `json:"instrument"`
	Capacity    Money        `json:"capacity"`   // all that may be reserved and committed over the offer's life
	MinTicket   Money        `json:"min_ticket"` // smallest and largest amount to one enterprise
	MaxTicket   Money        `json:"max_ticket"`
	TermMonths  *Months      `json:"term_months,omitempty"`
	MinPriceBP  *int         `json:"min_price_bp,omitempty"` // from, in 0.01 %, of the instrument's price unit
	MaxPriceBP  *int         `json:"max_price_bp,omitempty"`
	Eligibility []Clause     `json:"eligibility,omitempty"` // all must hold; at most 32
	Appetite    []Preference `json:"appetite,omitempty"`    // at most 32
	PolicyTools []string     `json:"policy_tools,omitempty"`
	Title       string       `json:"title,omitempty"`
	ValidUntil  time.Time    `json:"valid_until"`
}

// PublishOffer asks to publish. The command's subject is ID.
type PublishOffer struct {
	ID    string `json:"id"`
	Party string `json:"party"`
	Unit  string `json:"unit,omitempty"`
	OfferTerms
	Source string `json:"source,omitempty"`
}

// PartyFacts is what the edge knew of the institution when it took the offer in.
type PartyFacts struct {
	Position       string    `json:"position"`
	Version        uint64    `json:"version"`
	Kind           string    `json:"kind"`
	Name           string    `json:"name"`
	Region         string    `json:"region,omitempty"` // the unit's, else the party's
	Licences       []Licence `json:"licences,omitempty"`
	Suspended      bool      `json:"suspended,omitempty"`
	AuthorityLimit *Money    `json:"authority_limit,omitempty"` // the unit's
}

// OfferPublished records an offer with the facts it was taken in with.
type OfferPublished struct {
	ID    string `json:"id"`
	Party string `json:"party"`
	Unit  string `json:"unit,omitempty"`
	OfferTerms
	Source string     `json:"source,omitempty"`
	Facts  PartyFacts `json:"facts"`
}

// AmendOffer replaces the terms; the instrument stays, the capacity may not fall below what is reserved and committed.
type AmendOffer struct {
	OfferTerms
}

// OfferAmended records new terms.
type OfferAmended struct {
	OfferTerms
	Facts PartyFacts `json:"facts"`
}

// Reserve sets capacity aside for one demand until an instant. The command and the event carry the same facts.
type Reserve struct {
	Reservation string    `json:"reservation"`
	Demand      string    `json:"demand"`
	Amount      Money     `json:"amount"`
	Until       time.Time `json:"until"`
}

// ReservationRef names a reservation; Reason is released or expired or withdrawn.
type ReservationRef struct {
	Reservation string `json:"reservation"`
	Reason      string `json:"reason,omitempty"`
}

// CapacityReleased returns reserved capacity.
type CapacityReleased struct {
	Reservation string `json:"reservation"`
	Amount      Money  `json:"amount"`
	Reason      string `json:"reason"`
}

// CommitCapacity turns a reservation into a promise kept; the amount may be less, the rest is released with it.
type CommitCapacity struct {
	Reservation string `json:"reservation"`
	Amount      Money  `json:"amount"`
}

// CapacityCommitted records it.
type CapacityCommitted struct {
	Reservation string `json:"reservation"`
	Demand      string `json:"demand"`
	Amount      Money  `json:"amount"`
	Released    Money  `json:"released"`
}

// OfferExhausted says that the whole capacity has been committed.
type OfferExhausted struct {
	Capacity Money `json:"capacity"`
}
