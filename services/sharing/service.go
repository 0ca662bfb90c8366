package sharing

import (
	"context"
	"slices"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// New is the sharing service's decisions. cuts says from which commits on a change governs: Pump.Cuts of the pump that writes the
// views, wherever it runs.
func New(cuts func(ctx context.Context) ([]events.Cut, error)) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider),
		Path:    "grants",
		Prepare: func(ctx context.Context, c *step.Command) error {
			from, err := cuts(ctx)
			c.Facts = &Facts{Cuts: from}
			return err
		},
		Index: index,
		Noun:  "部门的数据授权", NounEN: "grants of a department",
		Filters: []app.Filter{
			{Name: "purpose", About: "有效授权的用途", AboutEN: "purpose of a grant in force", Example: "科技金融统计、政策工具评估与联动机制"},
		},
	}
}

// index lists departments by the grants in force: each purpose once, and as many as a document can be found by. A department may have more
// grants than that, and a document that cannot be stored would hold up every later one.
func index(doc []byte) ([]store.Index, error) {
	var d Department
	if err := events.Unmarshal(doc, &d); err != nil {
		return nil, err
	}
	var list []store.Index
	for i := range d.Grants {
		entry := store.Index{Name: "purpose", Value: d.Grants[i].Purpose}
		if !d.Grants[i].Ended && len(list) < store.IndexesMax && !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	return list, nil
}
