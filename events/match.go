package events

// Context match: which offers fit a demand (撮合).
const (
	TypeRecommend   = "jieli.match.recommend.v1"  // by the matcher only
	TypeFindLeads   = "jieli.match.find_leads.v1" // by the matcher only
	TypeRecommended = "jieli.match.recommended.v1"
	TypeLeadsFound  = "jieli.match.leads_found.v1"
)

// RankedOffer is one place of a ranking. Score is an integer; explain recomputes its terms.
type RankedOffer struct {
	Offer      string `json:"offer"`
	Version    uint64 `json:"version"` // of the offer that was judged
	Party      string `json:"party"`
	Instrument string `json:"instrument"`
	Score      int    `json:"score"`
}

// Recommendation is the exact best offers for one version of a demand, at most 20, best first (score descending, then offer id
// ascending). The command and the event carry the same facts.
type Recommendation struct {
	Demand        string        `json:"demand"`
	DemandVersion uint64        `json:"demand_version"`
	Enterprise    string        `json:"enterprise"`
	Region        string        `json:"region"`
	Industry      string        `json:"industry"`
	Stage         string        `json:"stage,omitempty"`
	Instrument    string        `json:"instrument"` // the demand's first
	Amount        Money         `json:"amount"`
	Offers        []RankedOffer `json:"offers"`
	Eligible      int           `json:"eligible"` // how many live offers passed every clause
	RuleSet       string        `json:"rule_set"` // id of the scoring rule set
	AsOf          Date          `json:"as_of"`
	Positions     []string      `json:"positions"` // of the ledgers the index had read: "offer.0:1234"
	Refresh       *Refresh      `json:"refresh,omitempty"`
}

// Refresh says why a version that has a recommendation gets another: the offers that it is ranked from have changed.
type Refresh struct {
	Number uint64       `json:"number"` // of this version, from 1
	Causes []CauseRange `json:"causes"`
}

// CauseRange is a stretch of a ledger, both ends included, whose changes a refresh takes in. It begins right behind what the
// recommendation before it had read, so every cause lies in one refresh at most.
type CauseRange struct {
	From string `json:"from"` // "offer.0:1234"
	To   string `json:"to"`
}

// LeadsFound is the exact best open demands for one version of an offer (商机), at most 20, best first (score descending, then
// demand id ascending), without demands that keep to themselves. The command and the event carry the same facts.
type LeadsFound struct {
	Offer        string         `json:"offer"`
	OfferVersion uint64         `json:"offer_version"`
	Party        string         `json:"party"`
	Instrument   string         `json:"instrument"`
	Leads        []RankedDemand `json:"leads"`
	Eligible     int            `json:"eligible"` // how many open demands it fits, those that keep to themselves included
	RuleSet      string         `json:"rule_set"`
	AsOf         Date           `json:"as_of"`
	Positions    []string       `json:"positions"`
}

// RankedDemand is one place of a ranking of demands.
type RankedDemand struct {
	Demand     string `json:"demand"`
	Version    uint64 `json:"version"` // of its terms
	Enterprise string `json:"enterprise"`
	Score      int    `json:"score"`
}
