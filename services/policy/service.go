package policy

import (
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// New returns the service of context policy. judge holds a file to what the services that read it ask.
func New(judge Judge) app.Service {
	return app.Service{Machine: step.NewMachine(Decider(judge)), Path: Path}
}
