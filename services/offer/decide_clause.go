package offer

import (
	"slices"
	"strconv"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// clauseOps says which operators a field takes.
var clauseOps = map[string][]string{
	events.FieldRegion:    {events.OpIn},
	events.FieldIndustry:  {events.OpIn},
	events.FieldStage:     {events.OpIn},
	events.FieldUse:       {events.OpIn},
	events.FieldTitle:     {events.OpAny, events.OpAll},
	events.FieldFocus:     {events.OpAny, events.OpAll},
	events.FieldSecurity:  {events.OpAny, events.OpAll},
	events.FieldEmployees: {events.OpMin, events.OpMax},
	events.FieldRevenue:   {events.OpMin, events.OpMax},
	events.FieldRDRatio:   {events.OpMin, events.OpMax},
	events.FieldPatents:   {events.OpMin, events.OpMax},
	events.FieldAge:       {events.OpMin, events.OpMax},
}

// preferenceFields are what an appetite may look at.
var preferenceFields = []string{events.FieldRegion, events.FieldIndustry, events.FieldStage, events.FieldTitle, events.FieldFocus}

// checkClauses holds the hard conditions: each field with an operator that it takes, values in their code lists, numbers not
// negative, and no field whose highest minimum is above its lowest maximum.
func checkClauses(clauses []events.Clause) error {
	if len(clauses) > ClausesMax {
		return tooMany("/eligibility", ClausesMax)
	}
	low, high := map[string]int64{}, map[string]int64{}
	for i := range clauses {
		c, at := &clauses[i], "/eligibility/"+strconv.Itoa(i)
		ops, ok := clauseOps[c.Field]
		if !ok {
			return events.ErrClause.Refusef(at+"/field", "没有条件字段 %s", "there is no field %s", c.Field)
		}
		if !slices.Contains(ops, c.Op) {
			return events.ErrClause.Refusef(at+"/op", "字段 %s 不支持 %s", "the field %s does not take %s", c.Field, c.Op)
		}
		switch c.Visibility {
		case "", events.VisiblePublic, events.VisibleMatched, events.VisiblePrivate:
		default:
			return events.ErrClause.Refuse(at+"/visibility", "可见范围应为 public、matched 或 private", "visibility is public, matched or private")
		}
		if c.Op != events.OpMin && c.Op != events.OpMax {
			if c.Number != nil {
				return events.ErrClause.Refuse(at+"/number", "该条件不用数字", "this clause takes no number")
			}
			if err := checkValues(at, c.Field, c.Values); err != nil {
				return err
			}
			continue
		}
		if len(c.Values) > 0 {
			return events.ErrClause.Refuse(at+"/values", "该条件不用代码", "this clause takes no values")
		}
		if c.Number == nil || *c.Number < 0 {
			return events.ErrClause.Refuse(at+"/number", "该条件须有非负数字", "this clause takes a number that is not negative")
		}
		if n, seen := low[c.Field]; c.Op == events.OpMin && (!seen || *c.Number > n) {
			low[c.Field] = *c.Number
		}
		if n, seen := high[c.Field]; c.Op == events.OpMax && (!seen || *c.Number < n) {
			high[c.Field] = *c.Number
		}
		lowest, hasLow := low[c.Field]
		highest, hasHigh := high[c.Field]
		if hasLow && hasHigh && lowest > highest {
			return events.ErrClause.Refusef(at+"/number", "字段 %s 的下限大于上限", "the minimum of %s is above its maximum", c.Field)
		}
	}
	return nil
}

func checkAppetite(preferences []events.Preference) error {
	if len(preferences) > PreferencesMax {
		return tooMany("/appetite", PreferencesMax)
	}
	for i := range preferences {
		p, at := &preferences[i], "/appetite/"+strconv.Itoa(i)
		if !slices.Contains(preferenceFields, p.Field) {
			return events.ErrClause.Refusef(at+"/field", "偏好不支持字段 %s", "an appetite does not take the field %s", p.Field)
		}
		if p.Weight < 1 || p.Weight > WeightMax {
			return events.ErrRange.Refusef(at+"/weight", "权重应在 1 至 %d 之间", "a weight is between 1 and %d", WeightMax)
		}
		if err := checkValues(at, p.Field, p.Values); err != nil {
			return err
		}
	}
	return nil
}

func checkValues(at, field string, values []string) error {
	if len(values) == 0 || len(values) > ValuesMax {
		return events.ErrClause.Refusef(at+"/values", "应有 1 至 %d 个代码", "there are 1 to %d values", ValuesMax)
	}
	for i, v := range values {
		ok, kind := inList(field, v)
		if !ok {
			return kind.Refusef(at+"/values/"+strconv.Itoa(i), "代码表中没有 %s", "%s is not in its list", v)
		}
	}
	return nil
}

// inList looks a value up in the code list of its field, and names the refusal for one that is not there.
func inList(field, value string) (ok bool, kind events.ProblemKind) {
	kind = events.ErrCode
	switch field {
	case events.FieldRegion:
		_, ok = codes.Region(value)
		kind = events.ErrRegion
	case events.FieldIndustry:
		ok = codes.IndustryValid(value)
		kind = events.ErrIndustry
	case events.FieldStage:
		_, ok = codes.Stage(value)
	case events.FieldTitle:
		_, ok = codes.Title(value)
	case events.FieldFocus:
		_, ok = codes.FocusArea(value)
	case events.FieldSecurity:
		_, ok = codes.Security(value)
	case events.FieldUse:
		_, ok = codes.Use(value)
	}
	return ok, kind
}
