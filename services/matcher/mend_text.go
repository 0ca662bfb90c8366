package matcher

import (
	"fmt"
	"strings"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// changeNames name the fields of changes that are no fields of clauses.
var changeNames = map[string]codes.Text{
	changeAmount:    {Zh: "需求金额", En: "amount"},
	changeMinAmount: {Zh: "最低金额", En: "least amount"},
	changeTerm:      {Zh: "期限（月）", En: "term (months)"},
	changePrice:     {Zh: "最高价格（0.01%）", En: "highest price (0.01 %)"},
}

// changeWords are sentences by operation: field, from, to.
var changeWords = map[string]codes.Text{
	opRaise:  {Zh: "%s由 %s 提高到 %s", En: "raise %s from %s to %s"},
	opLower:  {Zh: "%s由 %s 降低到 %s", En: "lower %s from %s to %s"},
	opWiden:  {Zh: "%s由 %s 放宽到 %s", En: "widen %s from %s to %s"},
	opSet:    {Zh: "%s由 %s 改为 %s", En: "change %s from %s to %s"},
	opAdd:    {Zh: "%s在 %s 之外增加 %s", En: "to %s %s add %s"},
	opObtain: {Zh: "%s在 %s 之外取得 %s", En: "to %s %s obtain %s"},
	opState:  {Zh: "%s为%s，补充为 %s", En: "%s is %s: make known %s"},
}

// word writes the change for people.
func (c *Change) word() {
	name, ok := changeNames[c.Field]
	if !ok {
		name = fieldNames[c.Field]
	}
	words := changeWords[c.Op]
	from, to := named(c.Field, c.From), named(c.Field, c.To)
	c.Text = codes.Text{Zh: fmt.Sprintf(words.Zh, name.Zh, from.Zh, to.Zh), En: fmt.Sprintf(words.En, name.En, from.En, to.En)}
}

// named writes values with the names of their codes.
func named(field, values string) codes.Text {
	if w := (codes.Text{Zh: word(Chinese, values), En: word(English, values)}); w.Zh != values {
		return w
	}
	find := func(string) (codes.Text, bool) { return codes.Text{}, false }
	switch field {
	case events.FieldRegion:
		name := codes.RegionName(values, " ")
		return codes.Text{Zh: strings.TrimSpace(values + " " + name), En: strings.TrimSpace(values + " " + name)}
	case events.FieldIndustry:
		name := industryName(values)
		return codes.Text{Zh: strings.TrimSpace(values + " " + name), En: strings.TrimSpace(values + " " + name)}
	case events.FieldStage:
		find = func(v string) (codes.Text, bool) { e, ok := codes.Stage(v); return e.Text, ok }
	case events.FieldUse:
		find = func(v string) (codes.Text, bool) { e, ok := codes.Use(v); return e.Text, ok }
	case events.FieldTitle:
		find = func(v string) (codes.Text, bool) { e, ok := codes.Title(v); return e.Text, ok }
	case events.FieldFocus:
		find = func(v string) (codes.Text, bool) { e, ok := codes.FocusArea(v); return e.Text, ok }
	case events.FieldSecurity:
		find = func(v string) (codes.Text, bool) { e, ok := codes.Security(v); return e.Text, ok }
	}
	var zh, en []string
	for _, v := range strings.Split(values, ",") {
		t, ok := find(v)
		if !ok {
			t = codes.Text{Zh: v, En: v}
		}
		zh, en = append(zh, t.Zh), append(en, t.En)
	}
	return codes.Text{Zh: strings.Join(zh, "、"), En: strings.Join(en, ", ")}
}
