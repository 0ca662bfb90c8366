package sharing

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Bounds of a department's grants.
const (
	grantsMax = 256
	fieldsMax = 64
)

// Facts are the cuts at which a change takes effect, taken by Prepare while the views stand still.
type Facts struct{ Cuts []events.Cut }

// Decider holds the rules of context sharing.
var Decider = step.Decider[Department]{Context: "sharing", FoldVersion: 1, Decide: Decide, Evolve: Evolve}

// Decide answers a command about one department.
func Decide(d *Department, c *step.Command, now time.Time) ([]step.Event, error) {
	if !c.Actor.Trusted() {
		return nil, events.ErrForbidden.Refuse("", "授权只能由运营方登记", "grants are entered by the operator")
	}
	facts, _ := c.Facts.(*Facts)
	if facts == nil {
		facts = &Facts{}
	}
	switch p := c.Data.(type) {
	case *events.Grant:
		return grant(d, p, facts, now)
	case *events.GrantRef:
		i := d.find(p.Grant)
		if i < 0 {
			return nil, events.ErrNotFound.Refusef("/grant", "部门没有授权 %q", "the department has no grant %q", p.Grant)
		}
		if d.Grants[i].Ended {
			return nil, nil
		}
		return []step.Event{{Type: events.TypeGrantRevoked, Data: &events.GrantRef{Grant: p.Grant, Reason: p.Reason, Cuts: facts.Cuts}}}, nil
	}
	return nil, events.ErrUnknownType.Refusef("", "%s", "%s", c.Type)
}

func grant(d *Department, p *events.Grant, facts *Facts, now time.Time) ([]step.Event, error) {
	if i := d.find(p.Grant); i >= 0 {
		have, want := d.Grants[i].Grant, *p
		have.Cuts, want.Cuts = nil, nil
		if !d.Grants[i].Ended && reflect.DeepEqual(have, want) {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/grant", "授权不可修改：请撤销后以新编号重新授予", "a grant is never edited: revoke it and grant anew under another id")
	}
	if d != nil && len(d.Grants) >= grantsMax {
		return nil, events.ErrRange.Refusef("/grant", "每个部门最多 %d 项授权", "at most %d grants per department", grantsMax)
	}
	for typ, fields := range p.Types {
		pointer := "/types/" + typ
		if e, ok := events.Lookup(typ); !ok || e.Kind != events.Fact {
			return nil, events.ErrUnknownType.Refusef(pointer, "%q 不是事件类型", "%q is not an event type", typ)
		}
		if len(fields) == 0 || len(fields) > fieldsMax || slices.Contains(fields, "") {
			return nil, events.ErrRange.Refusef(pointer, "须列出 1 至 %d 个字段", "name 1 to %d fields", fieldsMax)
		}
	}
	for i, region := range p.Regions {
		if _, ok := codes.Region(region); !ok {
			return nil, events.ErrRegion.Refusef(fmt.Sprintf("/regions/%d", i), "区划代码 %q", "region code %q", region)
		}
	}
	if p.Until != "" {
		end, err := p.Until.End()
		if err != nil {
			return nil, events.ErrDates.Refuse("/until", "日期须为 YYYY-MM-DD", "the date must be YYYY-MM-DD")
		}
		if !end.After(now) {
			return nil, events.ErrValidity.Refusef("/until", "授权截止日 %s 已过", "the grant would have ended on %s", p.Until)
		}
	}
	given := *p
	given.Cuts = facts.Cuts
	return []step.Event{{Type: events.TypeGranted, Data: &given}}, nil
}

// Evolve returns the department after an event.
func Evolve(d *Department, e *step.Applied) *Department {
	next := Department{ID: e.Subject}
	if d != nil {
		next.Grants = slices.Clone(d.Grants)
	}
	switch p := e.Data.(type) {
	case *events.Grant:
		next.Grants = append(next.Grants, Given{Grant: *p})
	case *events.GrantRef:
		if i := next.find(p.Grant); i >= 0 {
			next.Grants[i].Ended, next.Grants[i].EndReason, next.Grants[i].EndCuts = true, p.Reason, p.Cuts
		}
	}
	return &next
}
