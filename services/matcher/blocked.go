package matcher

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
)

// Blocked tells which conditions stand between open demands and their first match (问题清单): of the demands that no offer fits, how
// many would be fitted if one condition alone fell away. A demand counts once for each such condition.
type Blocked struct {
	Open      int `json:"open"`
	Examined  int `json:"examined"`  // of them; fewer where the work is bounded
	Unmatched int `json:"unmatched"` // of the examined: no offer fits
	// Several are unmatched demands between which and every offer stand two conditions or more.
	Several int `json:"several"`
	// Private are unmatched demands that only private conditions keep from some offer, in whole steps of PrivateStep.
	Private int           `json:"private"`
	Cells   []BlockedCell `json:"cells"` // the biggest first
	Least   int           `json:"least"` // a cell with fewer demands is not shown: its demands are in the rest
	Basis
}

// BlockedCell counts one condition in one place and industry; without both it is the rest of that condition.
type BlockedCell struct {
	Field        string     `json:"field"`
	Name         codes.Text `json:"name"`
	Region       string     `json:"region,omitempty"` // province
	RegionName   string     `json:"region_name,omitempty"`
	Industry     string     `json:"industry,omitempty"` // section
	IndustryName string     `json:"industry_name,omitempty"`
	Demands      int        `json:"demands"`
}

// Bounds of the count.
const (
	blockedLeast    = 5
	blockedPairsMax = 20_000_000 // pairs judged in one count
)

// stops are what keeps one demand from its first match.
type stops struct {
	demand   string
	region   string
	industry string
	eligible bool
	private  bool
	fields   []string
}

// Blocked counts over the open demands, of one province or (region "") of all.
func (s *Service) Blocked(region string, asOf time.Time) *Blocked {
	basis := s.basis(asOf)
	open, list := s.stopped(region, asOf)
	b := count(list)
	b.Open, b.Basis = open, basis
	return b
}

// stopped examines open demands in ascending order of id until the work is done or bounded.
func (s *Service) stopped(region string, asOf time.Time) (open int, list []stops) {
	var ids []string
	s.index.EachDemand(func(d HeldDemand) bool { ids = append(ids, d.ID); return true })
	slices.Sort(ids)
	pairs := 0
	for _, id := range ids {
		d, ok := s.index.Demand(id)
		if !ok {
			continue
		}
		st := stops{demand: id, region: province(d.Region), industry: section(d.Industry)}
		if region != "" && st.region != region {
			continue
		}
		q := newQuery(d, s.rules, asOf)
		if !q.demandHolds() {
			continue
		}
		if open++; pairs > blockedPairsMax {
			continue
		}
		if len(s.index.Best(d, asOf, 1)) > 0 {
			st.eligible = true
			list = append(list, st)
			continue
		}
		s.index.EachOffer(d.instruments, d.Terms.Amount.Currency, func(h HeldOffer) bool {
			pairs++
			if !q.standing(h.rec) {
				return true
			}
			switch first, public, hidden := q.failures(h.Offer()); {
			case public == 0 && hidden > 0:
				st.private = true
			case public == 1 && hidden == 0 && !slices.Contains(st.fields, first.field):
				st.fields = append(st.fields, first.field)
			}
			return true
		})
		list = append(list, st)
	}
	return open, list
}

// count makes cells of what was examined.
func count(list []stops) *Blocked {
	b := &Blocked{Examined: len(list), Cells: []BlockedCell{}, Least: blockedLeast}
	type key struct{ field, region, industry string }
	cells := make(map[key]int)
	for i := range list {
		st := &list[i]
		if st.eligible {
			continue
		}
		b.Unmatched++
		if st.private {
			b.Private++
		}
		if len(st.fields) == 0 && !st.private {
			b.Several++
		}
		for _, field := range st.fields {
			cells[key{field, st.region, st.industry}]++
		}
	}
	b.Private = b.Private / PrivateStep * PrivateStep
	rest := make(map[string]int)
	for k, n := range cells {
		if n < blockedLeast {
			rest[k.field] += n
			continue
		}
		b.Cells = append(b.Cells, BlockedCell{
			Field: k.field, Name: fieldNames[k.field], Region: k.region, RegionName: codes.RegionName(k.region, " "),
			Industry: k.industry, IndustryName: codes.IndustryName(k.industry), Demands: n,
		})
	}
	for field, n := range rest {
		if n >= blockedLeast {
			b.Cells = append(b.Cells, BlockedCell{Field: field, Name: fieldNames[field], Demands: n})
		}
	}
	slices.SortFunc(b.Cells, func(x, y BlockedCell) int {
		return cmp.Or(cmp.Compare(y.Demands, x.Demands), strings.Compare(x.Field, y.Field), strings.Compare(x.Region, y.Region), strings.Compare(x.Industry, y.Industry))
	})
	return b
}

func province(region string) string {
	path := codes.RegionPath(region)
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

func section(industry string) string {
	if !codes.IndustryValid(industry) {
		return ""
	}
	return industry[:1]
}
