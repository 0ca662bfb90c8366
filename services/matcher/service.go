package matcher

import (
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/matcher/stack"
)

// Path is the collection of recommendations in URLs. There is no creating one from outside.
const Path = "recommendations"

// Deps are what the service needs.
type Deps struct {
	Rules  *RuleSets                  // the dated rules of scoring; required
	Stacks *rules.Sets[stack.RuleSet] // what goes together in a stack; required
	Limits Limits
}

// Service is the matcher: the fold it keeps of the ledgers, and the questions that may be asked of it at any time.
type Service struct {
	*Reactor
	rules  *RuleSets
	stacks *rules.Sets[stack.RuleSet]
}

// New makes a matcher that has read nothing.
func New(deps Deps) *Service {
	return &Service{Reactor: NewReactor(NewCells(deps.Rules), deps.Rules, deps.Limits), rules: deps.Rules, stacks: deps.Stacks}
}

// App is the match context for the frame.
func App() app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider()),
		Path:    Path,
		Index:   indexes,
		Noun:    "撮合推荐", NounEN: "recommendation",
		Filters: []app.Filter{
			{Name: "enterprise", About: "企业编号", AboutEN: "id of the enterprise", Example: "91330106MA0000015K"},
			app.RegionFilter,
			app.IndustryFilter,
			{Name: "stage", About: "发展阶段，codes/stages.json", AboutEN: "stage of life, codes/stages.json", Example: "growth"},
			{Name: "instrument", About: "金融工具，codes/instruments.json", AboutEN: "instrument, codes/instruments.json", Example: "credit_loan"},
			{Name: "offer", About: "产品编号：其商机", AboutEN: "id of an offer: its leads", Example: "offer-1"},
			{Name: "party", About: "机构编号：其产品的商机", AboutEN: "id of a party: the leads of its offers", Example: "bank-1"},
			{Name: "matched", About: "是否有推荐的资金供给", AboutEN: "whether an offer is recommended", Example: "true"},
		},
		Sorts: []string{"created", "updated"},
	}
}

// Offers is the number of offers held, live or paused.
func (s *Service) Offers() int { return s.index.Offers() }
