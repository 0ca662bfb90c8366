package events

// Context match: which offers fit a demand (撮合).
const (
	TypeRecommend   = "jieli.match.recommend.v1" // by the matcher only
	TypeRecommended = "jieli.match.recommended.v1"
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
}
