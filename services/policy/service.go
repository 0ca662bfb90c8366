package policy

import (
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// New returns the service of context policy. judge holds a file to what the services that read it ask.
func New(judge Judge) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider(judge)),
		Path:    Path,
		Index:   Index,
		Noun:    "政策规则主题", NounEN: "subject of policy rules",
		Filters: []app.Filter{
			{Name: "confidence", About: "最后生效规则的依据是否已核实", AboutEN: "whether the source of the set that comes into force last was seen", Example: "unconfirmed"},
		},
		Sorts: []string{"created", "updated"},
	}
}
