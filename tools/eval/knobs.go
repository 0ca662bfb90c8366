package eval

import (
	"slices"

	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// Start is where the search begins: round numbers that nobody chose by trying. What an accepted and a declined matter count is an
// assumption, because no set of rounds shows them.
func Start() appetite.Set {
	return appetite.Set{Parameters: appetite.Parameters{
		HalfLife: 365, RecentHalfLife: 45, ActivePrior: 50, RecentPrior: 50,
		IndustryPrior: 200, PlacePrior: 200, StagePrior: 200, SizePrior: 200, UndeclaredPrior: 200, SizeNear: nearness[2],
		AlikePrior: 10, Unlike: appetite.Unlike{Industry: 25, Place: 50, Stage: 25, Size: 10, Undeclared: 50},
		Outcome: map[string]int{appetite.Disbursed.String(): 100, appetite.Accepted.String(): 50, appetite.Declined.String(): -25},
	}}
}

// knob is a parameter that is tried. set reports whether the option is another one than there was.
type knob struct {
	name    string
	options []int
	set     func(p *appetite.Parameters, option int) bool
}

func change(field func(*appetite.Parameters) *int) func(*appetite.Parameters, int) bool {
	return func(p *appetite.Parameters, option int) bool {
		at := field(p)
		changed := *at != option
		*at = option
		return changed
	}
}

var priors = []int{10, 25, 50, 100, 200, 300, 400, 600, 1000}

var unlikes = []int{5, 10, 25, 50, 70, 100}

var knobs = []knob{
	{"half_life_days", []int{180, 270, 365, 540, 730, 1460}, change(func(p *appetite.Parameters) *int { return &p.HalfLife })},
	{"recent_half_life_days", []int{20, 30, 45, 60, 90, 120}, change(func(p *appetite.Parameters) *int { return &p.RecentHalfLife })},
	{"active_prior_percent", []int{25, 50, 100, 200}, change(func(p *appetite.Parameters) *int { return &p.ActivePrior })},
	{"recent_prior_percent", []int{10, 20, 30, 50, 100, 200}, change(func(p *appetite.Parameters) *int { return &p.RecentPrior })},
	{"industry_prior_percent", priors, change(func(p *appetite.Parameters) *int { return &p.IndustryPrior })},
	{"place_prior_percent", priors, change(func(p *appetite.Parameters) *int { return &p.PlacePrior })},
	{"stage_prior_percent", priors, change(func(p *appetite.Parameters) *int { return &p.StagePrior })},
	{"size_prior_percent", priors, change(func(p *appetite.Parameters) *int { return &p.SizePrior })},
	{"undeclared_prior_percent", priors, change(func(p *appetite.Parameters) *int { return &p.UndeclaredPrior })},
	{"alike_prior_permille", []int{2, 5, 10, 20, 50}, change(func(p *appetite.Parameters) *int { return &p.AlikePrior })},
	{"unlike_percent industry", unlikes, change(func(p *appetite.Parameters) *int { return &p.Unlike.Industry })},
	{"unlike_percent place", unlikes, change(func(p *appetite.Parameters) *int { return &p.Unlike.Place })},
	{"unlike_percent stage", unlikes, change(func(p *appetite.Parameters) *int { return &p.Unlike.Stage })},
	{"unlike_percent size", unlikes, change(func(p *appetite.Parameters) *int { return &p.Unlike.Size })},
	{"unlike_percent undeclared", unlikes, change(func(p *appetite.Parameters) *int { return &p.Unlike.Undeclared })},
	{"size_near_percent", []int{0, 1, 2, 3}, func(p *appetite.Parameters, option int) bool {
		changed := !slices.Equal(p.SizeNear, nearness[option])
		p.SizeNear = nearness[option]
		return changed
	}},
}

// nearness are bell curves of 0.8, 1.2, 1.6 and 2.2 doublings.
var nearness = [][]int{{100, 46, 4}, {100, 71, 25, 4}, {100, 82, 46, 17, 4}, {100, 90, 66, 39, 19, 8}}
