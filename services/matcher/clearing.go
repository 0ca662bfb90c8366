package matcher

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher/clearing"
)

// ClearingAsk chooses the demands of a batch: those of a region and of an industry, each with all below it; "" is any.
type ClearingAsk struct {
	Region   string `json:"region,omitempty"`
	Industry string `json:"industry,omitempty"`
	PerOffer int    `json:"per_offer,omitempty"` // demands that an offer takes at most, 1 to 1,000; 10 when not given
}

// Clearing is a batch of open demands given to offers so that the total score is the largest (批量撮合): a proposal, nothing is reserved.
type Clearing struct {
	Demands     []string        `json:"demands"` // the batch's demands by number
	Offers      []string        `json:"offers"`  // the batch's offers by number
	Batch       clearing.Batch  `json:"batch"`
	Result      clearing.Result `json:"result"` // with the certificate
	Assigned    []ClearingPlace `json:"assigned"`
	FirstCome   int64           `json:"first_come"` // what first come, first served would total
	Greedy      int64           `json:"greedy"`     // what the highest score first would total
	RuleSet     string          `json:"rule_set"`
	RuleSetHash string          `json:"rule_set_hash"`
	AsOf        time.Time       `json:"as_of"`
	Positions   []string        `json:"positions"`
	Notice      codes.Text      `json:"notice"`
}

// ClearingPlace is a demand and the offer it is given to.
type ClearingPlace struct {
	Demand    string `json:"demand"`
	PartyName string `json:"party_name"`
	events.RankedOffer
}

// Bounds of a clearing: an answer travels in one message.
const (
	ClearingDemandsMax  = 500
	clearingTop         = 10 // offers of each demand
	clearingPerOffer    = 10
	clearingPerOfferMax = 1_000
)

// Clear finds the assignment of the open demands that are asked for. Each demand counts its best offers only. An offer takes so many
// demands as its capacity holds of the largest of them, so that all of them together fit whatever they take. Errors are problems:
// codes that are not in their lists, bounds, and more demands than can be cleared at once.
func (s *Service) Clear(ask ClearingAsk, asOf time.Time) (*Clearing, error) {
	positions := s.Positions()
	demands, err := s.batch(&ask)
	if err != nil {
		return nil, err
	}
	set := s.rules.At(events.DateOf(asOf))
	out := &Clearing{
		Demands: []string{}, Offers: []string{}, Assigned: []ClearingPlace{}, RuleSet: set.ID, RuleSetHash: set.Hash, AsOf: asOf.UTC(), Positions: positions, Notice: notACreditScore,
	}
	places := make(map[string]int)
	var offers []Ranked
	var largest []int64 // what one of the demands may take of an offer
	pairs := make(map[[2]int]Ranked)
	out.Batch.Edges = []clearing.Edge{}
	for i, d := range demands {
		out.Demands = append(out.Demands, d.ID)
		for _, r := range s.index.Best(d, asOf, clearingTop) {
			if r.Score < 1 {
				continue
			}
			j, seen := places[r.ID]
			if !seen {
				j = len(offers)
				places[r.ID] = j
				offers, largest, out.Offers = append(offers, r), append(largest, 0), append(out.Offers, r.ID)
			}
			largest[j] = max(largest[j], min(d.Open().Minor, r.Offer().rec.maxTicket))
			out.Batch.Edges = append(out.Batch.Edges, clearing.Edge{Demand: i, Offer: j, Score: int64(r.Score)})
			pairs[[2]int{i, j}] = r
		}
	}
	out.Batch.Demands, out.Batch.Capacities = len(demands), make([]int, len(offers))
	for j := range offers {
		holds := offers[j].Offer().rec.remaining / max(1, largest[j])
		out.Batch.Capacities[j] = int(max(1, min(holds, int64(ask.PerOffer))))
	}
	r, err := clearing.Clear(&out.Batch)
	if err != nil {
		return nil, fmt.Errorf("matcher: clearing: %w", err)
	}
	out.Result, out.FirstCome, out.Greedy = *r, clearing.FirstCome(&out.Batch), clearing.Greedy(&out.Batch)
	for i, j := range r.Offers {
		if p, ok := pairs[[2]int{i, j}]; ok {
			out.Assigned = append(out.Assigned, ClearingPlace{
				Demand: out.Demands[i], PartyName: p.Offer().Facts.Name,
				RankedOffer: events.RankedOffer{Offer: p.ID, Version: p.Version, Party: p.Party, Instrument: p.Instrument, Score: p.Score},
			})
		}
	}
	return out, nil
}

// batch collects the demands that are asked for, by id.
func (s *Service) batch(ask *ClearingAsk) ([]*Demand, error) {
	ask.PerOffer = cmp.Or(ask.PerOffer, clearingPerOffer)
	if ask.PerOffer < 1 || ask.PerOffer > clearingPerOfferMax {
		return nil, events.ErrRange.Refusef("/per_offer", "per_offer 须在 1 至 %d 之间", "per_offer is within 1 and %d", clearingPerOfferMax)
	}
	var place, sector node
	if ask.Region != "" {
		if place = regionNode(ask.Region); place == 0 {
			return nil, events.ErrRegion.Refusef("/region", "没有行政区划代码 %s", "there is no region %s", ask.Region)
		}
	}
	if ask.Industry != "" {
		path := pathOfIndustry(ask.Industry)
		if path.depth() == 0 {
			return nil, events.ErrIndustry.Refusef("/industry", "没有行业代码 %s", "there is no industry %s", ask.Industry)
		}
		sector = path[path.depth()-1]
	}
	var list []*Demand
	s.index.EachDemand(func(h HeldDemand) bool {
		d := h.Demand()
		if (place == 0 || slices.Contains(d.region[:], place)) && (sector == 0 || slices.Contains(d.industry[:], sector)) {
			list = append(list, d)
		}
		return len(list) <= ClearingDemandsMax
	})
	if len(list) > ClearingDemandsMax {
		return nil, events.ErrTooLarge.Refusef("", "一次至多 %d 个需求，请缩小地区或行业", "at most %d demands at once: choose a smaller region or industry", ClearingDemandsMax)
	}
	slices.SortFunc(list, func(a, b *Demand) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}
