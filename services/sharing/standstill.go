package sharing

import (
	"context"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// standstillMax is how long writing may wait for a grant change to be decided.
const standstillMax = 2 * time.Second

// Cuts makes writing stand still and returns, for every source, the first commit that is not yet in any view. Writing
// goes on when the next grant change has been applied, or after standstillMax. A change that comes later than that is still
// right: it finds its cut overtaken and has the view written anew. While the views are being opened, which makes them count as empty,
// it waits; an error is ctx's, or a refusal after standstillMax.
func (p *Pump) Cuts(ctx context.Context) ([]events.Cut, error) {
	late := time.NewTimer(standstillMax)
	defer late.Stop()
	p.mu.Lock()
	for p.opening != nil {
		opening := p.opening
		p.mu.Unlock()
		select {
		case <-opening:
		case <-late.C:
			return nil, events.ErrUnavailable.Refuse("", "部门视图正在重新打开，请稍后重试", "the departments' views are being opened again; try again later")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if p.gate == nil {
		gate := make(chan struct{})
		p.gate = gate
		time.AfterFunc(standstillMax, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.gate == gate {
				close(gate)
				p.gate = nil
			}
		})
	}
	var list []events.Cut
	for _, source := range Sources {
		if sequence := p.read[source]; sequence > 0 {
			list = append(list, events.Cut{Context: source, Sequence: sequence + 1})
		}
	}
	return list, nil
}
