package matcher

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
)

// RuleSet is one dated set of scoring rules (撮合评分规则): a file matching.<day>.json of contracts/rules. A changed number is a new
// dated file, never an edit of an old one.
type RuleSet struct {
	rules.Header
	Weights    Weights    `json:"weights"`
	Parameters Parameters `json:"parameters"`

	compiled compiledRules
}

// Weights are the largest numbers of points, 0 to 1000, that the terms of a score may give.
type Weights struct {
	SizeFit    int `json:"size_fit"`
	TermFit    int `json:"term_fit"`
	Region     int `json:"region"`
	Industry   int `json:"industry"`
	Stage      int `json:"stage"`
	Price      int `json:"price"`
	Appetite   int `json:"appetite"`
	Early      int `json:"early"`       // 投早
	Small      int `json:"small"`       // 投小
	LongTerm   int `json:"long_term"`   // 投长期
	HardTech   int `json:"hard_tech"`   // 投硬科技
	PolicyTool int `json:"policy_tool"` // 政策工具
}

// Parameters say how close is how many per cent of a weight. Names that end in _percent are 0 to 100.
type Parameters struct {
	Neutral        int            `json:"neutral_percent"`       // where one side says nothing
	SizeCentre     int            `json:"size_centre_percent"`   // share of size_fit for lying in the middle of the ticket range; the rest is for covering the amount
	SizeDoubling   int            `json:"size_doubling_percent"` // lost for each doubling away from the middle
	Region         map[string]int `json:"region_percent"`        // by the smallest common region: county, prefecture, province, national
	IndustryWithin map[string]int `json:"industry_within_percent"`
	IndustryNear   map[string]int `json:"industry_near_percent"`
	StageAdjacent  int            `json:"stage_adjacent_percent"`
	StageLeg       int            `json:"stage_leg_percent"` // no stage is preferred, and the instrument's leg of the relay serves the stage
	EarlyStages    []string       `json:"early_stages"`
	EarlyAgeMonths int            `json:"early_age_months"` // where the stage is not known
	EarlyLegs      []string       `json:"early_legs"`
	SmallEmployees int            `json:"small_employees"`
	SmallTitles    []string       `json:"small_titles"`
	SmallMinTicket int            `json:"small_min_ticket_percent"` // the smallest ticket is at most this part of the open amount
	LongTermMonths int            `json:"long_term_months"`
	LongTermLegs   []string       `json:"long_term_legs"`
	HardFocus      []string       `json:"hard_focus"`
	HardTitles     []string       `json:"hard_titles"`
}

// compiledRules is a rule set as the scan reads it.
type compiledRules struct {
	weights        [termCount]int64
	neutral        int64
	sizeCentre     int64
	sizeDoubling   int64
	region         [4]int64 // national, province, prefecture, county
	industryWithin [5]int64 // by depth
	industryNear   [5]int64
	stageAdjacent  int64
	stageLeg       int64
	stageLegs      [legsMax]uint64 // the stages a leg serves
	earlyStages    uint64
	earlyAgeMonths int64
	smallEmployees int64
	smallTitles    uint64
	smallMinTicket int64
	longTermMonths int32
	hardFocus      uint64
	hardTitles     uint64
	earlyLeg       [legsMax]bool
	longTermLeg    [legsMax]bool
}

// RuleSets are the rule sets of all days.
type RuleSets struct{ sets *rules.Sets[RuleSet] }

// Subject is what the rule files of matching are called: matching.<day>.json.
const Subject = "matching"

// NewRuleSets takes sets that have one set at least when they are first asked.
func NewRuleSets(sets *rules.Sets[RuleSet]) *RuleSets { return &RuleSets{sets} }

// LoadRules reads every matching.*.json below a folder. It refuses unknown fields, values out of range, codes outside their lists,
// days on which two sets would be in force, and days in between on which none would.
func LoadRules(files fs.FS) (*RuleSets, error) {
	sets, err := rules.Load[RuleSet](files, Subject)
	if err != nil {
		return nil, fmt.Errorf("matcher: %w", err)
	}
	return NewRuleSets(sets), nil
}

// At is the rule set in force on a day. A day before the first set is judged by the first, a day after the end of the last by the
// last: rankings of the past are asked for when match quality is measured, and every answer names the set it used.
func (s *RuleSets) At(day events.Date) *RuleSet {
	if set, _ := s.sets.At(day); set != nil {
		return set
	}
	return s.sets.First()
}

// Follows implements rules.Dated: it checks everything, names every fault, and makes the form that the scan reads.
func (r *RuleSet) Follows(*RuleSet) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	bounded := func(name string, n, most int) int64 {
		if n < 0 || n > most {
			fault("%s is %d, not 0 to %d", name, n, most)
		}
		return int64(n)
	}
	percent := func(name string, n int) int64 { return bounded(name, n, 100) }
	p, c, w := &r.Parameters, &r.compiled, &r.Weights
	for i, n := range []int{w.SizeFit, w.TermFit, w.Region, w.Industry, w.Stage, w.Price, w.Appetite, w.Early, w.Small, w.LongTerm, w.HardTech, w.PolicyTool} {
		c.weights[i] = bounded("weights."+termNames[i].name, n, 1000)
	}
	c.neutral = percent("neutral_percent", p.Neutral)
	c.sizeCentre = percent("size_centre_percent", p.SizeCentre)
	c.sizeDoubling = percent("size_doubling_percent", p.SizeDoubling)
	c.stageAdjacent = percent("stage_adjacent_percent", p.StageAdjacent)
	c.stageLeg = percent("stage_leg_percent", p.StageLeg)
	c.smallMinTicket = percent("small_min_ticket_percent", p.SmallMinTicket)
	c.earlyAgeMonths = bounded("early_age_months", p.EarlyAgeMonths, 1200)
	c.smallEmployees = bounded("small_employees", p.SmallEmployees, 1_000_000)
	c.longTermMonths = int32(bounded("long_term_months", p.LongTermMonths, termsMax))
	levels := func(name string, m map[string]int, into []int64, keys ...string) {
		if len(m) != len(keys) {
			fault("%s must have exactly %s", name, strings.Join(keys, ", "))
		}
		for i, key := range keys {
			n, ok := m[key]
			if !ok {
				fault("%s.%s is missing", name, key)
			}
			into[i] = percent(name+"."+key, n)
		}
	}
	levels("region_percent", p.Region, c.region[:], "national", "province", "prefecture", "county")
	levels("industry_within_percent", p.IndustryWithin, c.industryWithin[1:], "section", "division", "group", "class")
	levels("industry_near_percent", p.IndustryNear, c.industryNear[1:], "section", "division", "group")
	word := func(name string, l lexicon, values []string) uint64 {
		set, missed := l.set(values...)
		if missed {
			fault("%s has a code outside its list: %v", name, values)
		}
		return set
	}
	l := bitsOf()
	c.earlyStages = word("early_stages", l.stages, p.EarlyStages)
	c.smallTitles = word("small_titles", l.titles, p.SmallTitles)
	c.hardFocus = word("hard_focus", l.focus, p.HardFocus)
	c.hardTitles = word("hard_titles", l.titles, p.HardTitles)
	for _, s := range codes.AllStages() {
		for _, served := range s.Legs {
			c.stageLegs[l.legs[served]] |= l.stages[s.Code]
		}
	}
	legs := func(name string, values []string) (set [legsMax]bool) {
		for _, v := range values {
			number, ok := l.legs[codes.Leg(v)]
			if !ok {
				fault("%s has an unknown leg %q", name, v)
				continue
			}
			set[number] = true
		}
		return set
	}
	c.earlyLeg = legs("early_legs", p.EarlyLegs)
	c.longTermLeg = legs("long_term_legs", p.LongTermLegs)
	return errors.Join(faults...)
}
