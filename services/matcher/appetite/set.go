package appetite

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
)

// Set is one dated set of parameters (机构偏好参数): a file appetite.<day>.json of contracts/rules.
type Set struct {
	rules.Header
	Weights    Weights    `json:"weights"`
	Parameters Parameters `json:"parameters"`
	Measured   Measured   `json:"measured"`
}

// Weights are points for a doubling, 0 to 10,000; Rules is how many points one point of the matching rules is worth.
type Weights struct {
	Active     int `json:"active"`     // how much it has done, over the long half-life
	Recent     int `json:"recent"`     // the same over the short half-life
	Industry   int `json:"industry"`   // 行业
	Place      int `json:"place"`      // 地区
	Stage      int `json:"stage"`      // 阶段
	Size       int `json:"size"`       // 额度
	Undeclared int `json:"undeclared"` // amounts that are or are not made known
	Alike      int `json:"alike"`      // outcomes that resemble the demand in several ways at once
	Rules      int `json:"rules"`
}

// Parameters say how outcomes are remembered. A prior is a number of outcomes like everybody's that each institution is
// taken to have beside its own: with few outcomes little is learned.
type Parameters struct {
	HalfLife        int            `json:"half_life_days"`        // 7 to 3650
	RecentHalfLife  int            `json:"recent_half_life_days"` // 7 to 3650
	ActivePrior     int            `json:"active_prior_percent"`  // of an outcome; 1 to 10,000, like all priors
	RecentPrior     int            `json:"recent_prior_percent"`
	IndustryPrior   int            `json:"industry_prior_percent"`
	PlacePrior      int            `json:"place_prior_percent"`
	StagePrior      int            `json:"stage_prior_percent"`
	SizePrior       int            `json:"size_prior_percent"`
	UndeclaredPrior int            `json:"undeclared_prior_percent"`
	AlikePrior      int            `json:"alike_prior_permille"` // of an outcome alike in all; 1 to 1,000
	Unlike          Unlike         `json:"unlike_percent"`
	SizeNear        []int          `json:"size_near_percent"` // how near an amount 0, 1, 2 ... doublings away is; 100 first, never rising
	Outcome         map[string]int `json:"outcome_percent"`   // what each kind of outcome counts, -100 to 100
}

// Unlike is what is left of an outcome's likeness to a demand, 1 to 100 %, where the two differ or one is not known. Two
// nodes of a tree do not differ when one lies within the other.
type Unlike struct {
	Industry   int `json:"industry"`
	Place      int `json:"place"`
	Stage      int `json:"stage"`
	Size       int `json:"size"`       // of two amounts that are far apart; those in between by size_near_percent
	Undeclared int `json:"undeclared"` // one amount is not known, or neither
}

// Measured tells where the numbers come from: which part of which data, and how well each fold came out when the weights were
// fitted on the days before it alone.
type Measured struct {
	Data   string `json:"data"`
	Method string `json:"method"`
	Until  string `json:"until"` // last day of any round used
	Rounds int    `json:"rounds"`
	Folds  []Fold `json:"folds"`
}

// Fold is one stretch of time that was ranked by what had happened before it. Shares are in millionths: of rounds with a real
// institution among the first 20, and the mean of 1 / place of the first real one; beside them those of bare popularity.
type Fold struct {
	From            string `json:"from"`
	To              string `json:"to"`
	Rounds          int    `json:"rounds"`
	Hit20PPM        int    `json:"hit20_ppm"`
	MRRPPM          int    `json:"mrr_ppm"`
	PopularHit20PPM int    `json:"popular_hit20_ppm"`
	PopularMRRPPM   int    `json:"popular_mrr_ppm"`
}

// Load reads the parameter sets of all days.
func Load(files fs.FS) (*rules.Sets[Set], error) { return rules.Load[Set](files, "appetite") }

// Bounds of a set.
const (
	weightMax    = 10_000
	halfLifeMin  = 7
	halfLifeMax  = 3650
	priorMax     = 10_000
	sizeNearMax  = 8
	foldsMax     = 64
	percentWhole = 100
)

// Follows is of rules.Dated: it names every value out of range at once.
func (s *Set) Follows(*Set) error {
	var all []error
	within := func(name string, n, low, high int) {
		if n < low || n > high {
			all = append(all, fmt.Errorf("%s is %d, not within %d and %d", name, n, low, high))
		}
	}
	w, p := &s.Weights, &s.Parameters
	for name, n := range map[string]int{
		"active": w.Active, "recent": w.Recent, "industry": w.Industry, "place": w.Place, "stage": w.Stage, "size": w.Size,
		"undeclared": w.Undeclared, "alike": w.Alike, "rules": w.Rules,
	} {
		within(name, n, 0, weightMax)
	}
	within("half_life_days", p.HalfLife, halfLifeMin, halfLifeMax)
	within("recent_half_life_days", p.RecentHalfLife, halfLifeMin, halfLifeMax)
	for name, n := range map[string]int{
		"active_prior_percent": p.ActivePrior, "recent_prior_percent": p.RecentPrior, "industry_prior_percent": p.IndustryPrior,
		"place_prior_percent": p.PlacePrior, "stage_prior_percent": p.StagePrior, "size_prior_percent": p.SizePrior,
		"undeclared_prior_percent": p.UndeclaredPrior,
	} {
		within(name, n, 1, priorMax)
	}
	within("alike_prior_permille", p.AlikePrior, 1, 1000)
	for name, n := range map[string]int{
		"industry": p.Unlike.Industry, "place": p.Unlike.Place, "stage": p.Unlike.Stage, "size": p.Unlike.Size, "undeclared": p.Unlike.Undeclared,
	} {
		within("unlike_percent "+name, n, 1, percentWhole)
	}
	if len(p.SizeNear) == 0 || len(p.SizeNear) > sizeNearMax || p.SizeNear[0] != percentWhole {
		all = append(all, fmt.Errorf("size_near_percent has 1 to %d numbers, the first of them 100", sizeNearMax))
	} else {
		for i, n := range p.SizeNear[1:] {
			within("size_near_percent", n, 0, p.SizeNear[i])
		}
	}
	for kind := range p.Outcome {
		if kindOf(kind) == kinds {
			all = append(all, fmt.Errorf("outcome_percent: there is no kind %q", kind))
		}
	}
	for k := range kinds {
		percent, ok := p.Outcome[k.String()]
		if !ok {
			all = append(all, fmt.Errorf("outcome_percent: %s is missing", k))
		}
		within("outcome_percent", percent, -percentWhole, percentWhole)
	}
	within("folds", len(s.Measured.Folds), 0, foldsMax)
	return errors.Join(all...)
}
