package sharing

import (
	"context"
	"encoding/json"

	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// New is the sharing service's decisions; its Pump writes the views.
func New(pump *Pump) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider),
		Path:    "grants",
		Prepare: func(ctx context.Context, c *step.Command) error {
			cuts, err := pump.Cuts(ctx)
			c.Facts = &Facts{Cuts: cuts}
			return err
		},
		Index: index,
	}
}

// index lists departments by the grants in force.
func index(doc []byte) ([]store.Index, error) {
	var d Department
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, err
	}
	var list []store.Index
	for i := range d.Grants {
		if !d.Grants[i].Ended {
			list = append(list, store.Index{Name: "purpose", Value: d.Grants[i].Purpose})
		}
	}
	return list, nil
}
