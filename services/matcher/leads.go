package matcher

import (
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// Leads are the demands that an offer fits best (商机), for the institution that makes it.
type Leads struct {
	Offer        string `json:"offer"`
	OfferVersion uint64 `json:"offer_version"`
	Party        string `json:"party"`
	Instrument   string `json:"instrument"`
	Eligible     int    `json:"eligible"` // demands that it fits, those that keep to themselves included
	Leads        []Lede `json:"leads"`    // best first; without those that keep to themselves
	Basis
}

// Lede is one place of a ranking of demands: what the enterprise shows to institutions that it matches.
type Lede struct {
	Rank          int            `json:"rank"` // from 1
	Demand        string         `json:"demand"`
	DemandVersion uint64         `json:"demand_version"` // of its terms
	Enterprise    string         `json:"enterprise"`
	Region        string         `json:"region"`
	Industry      string         `json:"industry"`
	Stage         string         `json:"stage,omitempty"`
	Amount        events.Money   `json:"amount"` // still open
	TermMonths    *events.Months `json:"term_months,omitempty"`
	Use           string         `json:"use,omitempty"`
	Title         string         `json:"title,omitempty"`
	Score         int            `json:"score"`
	Reasons       codes.Text     `json:"reasons"`
	Terms         []ScoreTerm    `json:"terms"`
}

// keptToItself is the confidentiality of a demand that no institution is told of: it comes forward by itself.
const keptToItself = "private"

// Leads ranks the best k (1 to AnswersMax) open demands for an offer at an instant. Errors are problems: not-found for an offer
// that is over.
func (s *Service) Leads(offer string, k int, asOf time.Time) (*Leads, error) {
	basis := s.basis(asOf)
	if err := CheckPlaces(k); err != nil {
		return nil, err
	}
	o, err := s.offer(offer)
	if err != nil {
		return nil, err
	}
	ranked, eligible := s.index.Leads(o, asOf, AnswersMax)
	l := &Leads{Offer: o.ID, OfferVersion: o.Version, Party: o.Party, Instrument: o.Terms.Instrument, Eligible: eligible, Leads: []Lede{}, Basis: basis}
	for i := range ranked {
		d := ranked[i].Demand()
		if d.Terms.Confidentiality == keptToItself {
			continue
		}
		e := s.rules.Explain(d, o, asOf)
		l.Leads = append(l.Leads, Lede{
			Rank: len(l.Leads) + 1, Demand: d.ID, DemandVersion: d.TermsVersion, Enterprise: d.Enterprise, Region: d.Region, Industry: d.Industry,
			Stage: d.Facts.Stage, Amount: d.Open(), TermMonths: d.Terms.TermMonths, Use: d.Terms.Use, Title: d.Terms.Title, Score: e.Score,
			Reasons: codes.Text{Zh: e.Reasons(Chinese), En: e.Reasons(English)}, Terms: e.Terms,
		})
		if len(l.Leads) == k {
			break
		}
	}
	return l, nil
}
