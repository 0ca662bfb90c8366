package matcher

import "time"

// Sizes of answers.
const (
	RecommendedMax = 20  // places of a recommendation
	TopMax         = 200 // places an index gives at most
)

// Index holds offers and open demands, and answers which offers fit a demand best and which demands an offer. Its methods may be
// called concurrently; one caller at a time changes it. An answer is of one moment: no change is seen in part.
//
// What is put in is not changed afterwards, by anybody. What changes often and leaves the terms alone has a method of its own, the
// standing, so that an index need not take the whole thing apart again for it.
type Index interface {
	// PutOffer adds an offer or replaces the one of the same id.
	PutOffer(o *Offer)
	// StandOffer gives an offer another standing; an unknown id is fine.
	StandOffer(id string, s OfferStanding)
	// RemoveOffer forgets an offer; an unknown id is fine.
	RemoveOffer(id string)
	// Offer finds an offer, live or not.
	Offer(id string) (*Offer, bool)
	// OfferStanding finds the standing of an offer, which costs less than the offer.
	OfferStanding(id string) (OfferStanding, bool)
	// OffersOf lists the offers of an institution in ascending order of id, live or not. It may take time in proportion to Offers.
	OffersOf(party string) []string
	// EachOffer visits every offer of one of some instruments and in a currency, live or not, in any order, until a visit says false.
	// The index does not change meanwhile: a visit must not change it, and should be short.
	EachOffer(instruments []string, currency string, visit func(HeldOffer) bool)
	// Offers is the number of offers held, live or not.
	Offers() int

	// PutDemand adds an open demand or replaces the one of the same id.
	PutDemand(d *Demand)
	// StandDemand gives a demand another standing; an unknown id is fine.
	StandDemand(id string, s DemandStanding)
	// RemoveDemand forgets a demand; an unknown id is fine.
	RemoveDemand(id string)
	// Demand finds a demand.
	Demand(id string) (*Demand, bool)
	// DemandStanding finds the standing of a demand, which costs less than the demand.
	DemandStanding(id string) (DemandStanding, bool)
	// EachDemand visits every demand with its standing, in any order, until a visit says false; else it is like EachOffer.
	EachDemand(visit func(HeldDemand) bool)
	// Demands is the number of demands held.
	Demands() int

	// Best gives the exact best k (at most TopMax) of the offers that are eligible for a demand at an instant, best first, equal
	// scores in ascending order of id. The demand need not be one the index holds.
	Best(d *Demand, asOf time.Time, k int) []Ranked
	// Top is Best, and tells how many offers were eligible in all. The number costs a look at every eligible offer, where the best
	// few cost a look at few: ask for it only where it is shown or recorded.
	Top(d *Demand, asOf time.Time, k int) (ranked []Ranked, eligible int)
	// BestLeads gives the exact best k (at most TopMax) of the demands that an offer is eligible for at an instant, best first by the
	// same score, equal scores in ascending order of the demand's id. The offer need not be one the index holds.
	BestLeads(o *Offer, asOf time.Time, k int) []Lead
	// Leads is BestLeads, and tells for how many demands the offer is eligible in all, at the cost that Top has.
	Leads(o *Offer, asOf time.Time, k int) (leads []Lead, eligible int)
}

// OfferStanding is what changes of an offer while its terms stay.
type OfferStanding struct {
	Version             uint64 // of the offer's entity, capacity events included
	Paused              bool   // by the institution
	Suspended           bool   // the institution itself is suspended
	Reserved, Committed int64  // minor units of the capacity's currency
}

// DemandStanding is what changes of a demand while its terms stay.
type DemandStanding struct {
	Version      uint64 // of the demand's entity, holds and fills included
	TermsVersion uint64 // the version that last set the terms: what a recommendation is for
	Held, Filled int64  // minor units
}

// Ranked is one place of a ranking of offers.
type Ranked struct {
	ID, Party, Instrument string
	Version               uint64
	Score                 int

	held offerHolder
}

// Offer is the very offer that was judged, whatever has become of it since. An index may have to put it together.
func (r *Ranked) Offer() *Offer { return r.held.heldOffer() }

// Lead is one place of a ranking of demands.
type Lead struct {
	ID, Enterprise        string
	Version, TermsVersion uint64
	Score                 int

	held demandHolder
}

// Demand is the very demand that was judged, whatever has become of it since.
func (l *Lead) Demand() *Demand { return l.held.heldDemand() }

// HeldOffer is an offer that is visited: its record is at hand, the whole costs more.
type HeldOffer struct {
	rec  *record // valid during the visit only
	held offerHolder
}

// Offer is the whole offer, and may be kept.
func (h *HeldOffer) Offer() *Offer { return h.held.heldOffer() }

// HeldDemand is a demand that is visited: its standing is at hand, the whole costs more.
type HeldDemand struct {
	ID       string
	Standing DemandStanding

	held demandHolder
}

// Demand is the whole demand, and may be kept.
func (h *HeldDemand) Demand() *Demand { return h.held.heldDemand() }

type offerHolder interface{ heldOffer() *Offer }

type demandHolder interface{ heldDemand() *Demand }

func (o *Offer) heldOffer() *Offer { return o }

func (d *Demand) heldDemand() *Demand { return d }
