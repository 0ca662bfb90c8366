package sharing

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// ExtPolicy names, on every event of a view, the set of grants it was cut down by.
const ExtPolicy = "policyversion"

// shared are the extension attributes that say nothing a grant would have to allow.
var shared = []string{events.ExtCurrency, events.ExtDataClass, events.ExtIndustry, events.ExtInstrument, events.ExtRegion, events.ExtSequence, events.ExtStage, events.ExtTraceParent}

// amounts are the fields of which the attribute amountwan is a rounded copy: it is shared with them only.
var amounts = []string{"amount", "capacity"}

// Policy is what one department may see: its grants, ready to be applied. It is immutable.
type Policy struct {
	department string
	byType     map[string][]*rule
}

type rule struct {
	grant  *Given
	starts map[string]uint64
	ends   map[string]uint64 // only when revoked
	fields *tree
	amount bool
}

// NewPolicy compiles a department's grants.
func NewPolicy(d *Department) *Policy {
	p := &Policy{department: d.ID, byType: make(map[string][]*rule)}
	for i := range d.Grants {
		g := &d.Grants[i]
		starts, ends := cuts(g.Cuts), cuts(g.EndCuts)
		for typ, fields := range g.Types {
			r := &rule{grant: g, starts: starts, ends: ends, fields: &tree{}}
			if planted.On("one_field_too_many") {
				fields = append(slices.Clone(fields), "enterprise")
			}
			for _, path := range fields {
				r.fields.add(strings.Split(path, "."))
				r.amount = r.amount || slices.Contains(amounts, path)
			}
			p.byType[typ] = append(p.byType[typ], r)
		}
	}
	return p
}

// first is the sequence of a ledger with which the policy begins to show anything of a context; ok is false where it never does.
func (p *Policy) first(context string) (sequence uint64, ok bool) {
	for typ, rules := range p.byType {
		if of, _ := events.SplitType(typ); of != context {
			continue
		}
		for _, r := range rules {
			if start := r.starts[context]; !ok || start < sequence {
				sequence, ok = start, true
			}
		}
	}
	return sequence, ok
}

// PolicyOf compiles a department's document.
func PolicyOf(doc []byte) (*Policy, error) {
	var d Department
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("sharing: department: %w", err)
	}
	return NewPolicy(&d), nil
}

func cuts(list []events.Cut) map[string]uint64 {
	m := make(map[string]uint64, len(list))
	for _, c := range list {
		m[c.Context] = c.Sequence
	}
	return m
}

// governs reports whether the rule holds for an event at this place of the ledger.
func (r *rule) governs(e *events.Event, origin events.Position) bool {
	if origin.Sequence < r.starts[origin.Context] && !planted.On("grant_before_its_cut") {
		return false
	}
	if end, ok := r.ends[origin.Context]; r.grant.Ended && (!ok || origin.Sequence >= end) && !planted.On("revocation_ignored") {
		return false
	}
	if r.grant.Until != "" && !planted.On("end_of_a_grant_ignored") {
		if end, err := r.grant.Until.End(); err != nil || !e.Time.Before(end) {
			return false
		}
	}
	if len(r.grant.Regions) == 0 || planted.On("region_of_a_grant_ignored") {
		return true
	}
	region := e.Get(events.ExtRegion)
	return slices.ContainsFunc(r.grant.Regions, func(within string) bool { return codes.RegionWithin(region, within) })
}

// View returns the department's copy of an event, or false when it may see nothing of it.
func (p *Policy) View(e *events.Event, origin events.Position) (*events.Event, bool, error) {
	var union *tree
	var grants []string
	amount, payload := false, e.Data
	for _, r := range p.byType[e.Type] {
		if !r.governs(e, origin) {
			continue
		}
		if r.grant.Own {
			mine, named, err := own(payload, p.department)
			if err != nil {
				return nil, false, fmt.Errorf("sharing: payload of event %s: %w", e.ID, err)
			}
			if !named {
				continue
			}
			payload = mine // for the other grants too: their fields join these
		}
		grants = append(grants, r.grant.Grant.Grant)
		amount = amount || r.amount
		if union == nil {
			union = r.fields
		} else {
			union = merge(union, r.fields)
		}
	}
	if union == nil {
		return nil, false, nil
	}
	data, err := union.cut(make([]byte, 0, len(payload)), payload)
	if err != nil {
		return nil, false, fmt.Errorf("sharing: payload of event %s: %w", e.ID, err)
	}
	if planted.On("view_uncut") {
		data = payload
	}
	version := events.DeriveUUID(append([]string{"policy", p.department, e.Type}, grants...)...).String()[:8]
	view := &events.Event{
		ID:      events.DeriveUUID("view", p.department, e.ID, version).String(),
		Source:  e.Source,
		Type:    e.Type,
		Subject: e.Subject,
		Time:    e.Time,
		Data:    data,
	}
	for _, x := range e.Extensions {
		if slices.Contains(shared, x.Name) || amount && x.Name == events.ExtAmountWan || x.Name == events.ExtActor && planted.On("actor_in_a_view") {
			view.Extensions = append(view.Extensions, x)
		}
	}
	view.Set(ExtPolicy, version, events.String)
	return view, true, nil
}
