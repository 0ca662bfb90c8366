package matcher

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// Languages of sentences for people.
const (
	Chinese = "zh"
	English = "en"
)

// fieldNames name the fields of clauses for people.
var fieldNames = map[string]codes.Text{
	"demand_validity":     {Zh: "需求在有效期内", En: "demand still valid"},
	"demand_open":         {Zh: "需求尚有缺口", En: "demand still open"},
	"offer_status":        {Zh: "方案状态", En: "offer's status"},
	"offer_validity":      {Zh: "方案在有效期内", En: "offer still valid"},
	"licence":             {Zh: "牌照在有效期内", En: "licence still valid"},
	"instrument":          {Zh: "融资工具", En: "instrument"},
	"currency":            {Zh: "币种", En: "currency"},
	"ticket_min":          {Zh: "单户下限", En: "smallest ticket"},
	"ticket_max":          {Zh: "单户上限", En: "largest ticket"},
	"capacity":            {Zh: "剩余额度", En: "capacity left"},
	Withheld:              {Zh: "不公开的条件（含剩余额度）", En: "private conditions (with the capacity left)"},
	"term":                {Zh: "期限（月）", En: "term (months)"},
	"price":               {Zh: "价格（0.01%）", En: "price (0.01 %)"},
	events.FieldRegion:    {Zh: "地区", En: "region"},
	events.FieldIndustry:  {Zh: "行业", En: "industry"},
	events.FieldStage:     {Zh: "发展阶段", En: "stage"},
	events.FieldTitle:     {Zh: "资质", En: "title"},
	events.FieldFocus:     {Zh: "重点领域", En: "focus area"},
	events.FieldSecurity:  {Zh: "担保方式", En: "security"},
	events.FieldUse:       {Zh: "资金用途", En: "use of funds"},
	events.FieldEmployees: {Zh: "职工人数", En: "employees"},
	events.FieldRevenue:   {Zh: "上年营业收入", En: "last year's revenue"},
	events.FieldRDRatio:   {Zh: "研发强度（0.01%）", En: "R&D intensity (0.01 %)"},
	events.FieldPatents:   {Zh: "发明专利", En: "invention patents"},
	events.FieldAge:       {Zh: "成立月数", En: "age in months"},
}

// opSigns write operators for people.
var opSigns = map[string]string{
	events.OpMin: "≥", events.OpMax: "≤", events.OpIn: "∈", events.OpAny: "∩", events.OpAll: "⊇",
	"is": "=", "before": "<", "above": ">", "overlaps": "∩",
}

var (
	unknownText = codes.Text{Zh: "未知", En: "unknown"}
	noneText    = codes.Text{Zh: "无", En: "none"}
)

// in chooses a language: English when asked for by name, else Chinese.
func in(lang string, t codes.Text) string {
	if lang == English {
		return t.En
	}
	return t.Zh
}

func sentence(lang, chinese, english string, args ...any) string {
	return fmt.Sprintf(in(lang, codes.Text{Zh: chinese, En: english}), args...)
}

// Reasons is the explanation in one line: the instrument, then the terms that gave points, most first; of a pair that does not
// match, the conditions that failed.
func (e *Explanation) Reasons(lang string) string {
	separator := in(lang, codes.Text{Zh: "｜", En: " | "})
	parts := []string{in(lang, instrumentName(e.Instrument))}
	if !e.Eligible {
		for _, c := range e.Clauses {
			if !c.Passed {
				parts = append(parts, sentence(lang, "不符合：%s", "not met: %s", in(lang, c.Name)))
			}
		}
		return strings.Join(parts, separator)
	}
	terms := slices.Clone(e.Terms)
	slices.SortStableFunc(terms, func(a, b ScoreTerm) int { return cmp.Compare(b.Points, a.Points) })
	for _, t := range terms {
		if t.Points > 0 {
			parts = append(parts, fmt.Sprintf("%s +%d", in(lang, t.Name), t.Points))
		}
	}
	return strings.Join(parts, separator)
}

// Text is the explanation in full for a terminal.
func (e *Explanation) Text(lang string) string {
	var b strings.Builder
	line := func(chinese, english string, args ...any) {
		b.WriteString(sentence(lang, chinese, english, args...))
		b.WriteByte('\n')
	}
	line("需求 %s（第 %d 版） → 方案 %s（第 %d 版），%s %s", "demand %s (version %d) -> offer %s (version %d), %s %s",
		e.Demand, e.DemandVersion, e.Offer, e.OfferVersion, in(lang, instrumentName(e.Instrument)), cmp.Or(e.PartyName, e.Party))
	failed := 0
	for _, c := range e.Clauses {
		if !c.Passed {
			failed++
		}
	}
	if e.Eligible {
		line("全部 %d 项条件符合", "all %d conditions hold", len(e.Clauses))
	} else {
		line("%d 项条件中 %d 项不符合", "of %d conditions %d fail", len(e.Clauses), failed)
	}
	for _, c := range e.Clauses {
		mark := "✓"
		if !c.Passed {
			mark = "✗"
		}
		if c.Field == Withheld {
			line("  %s %s", "  %s %s", mark, in(lang, c.Name))
			continue
		}
		node := ""
		if c.NodeName != "" {
			node = sentence(lang, "（%s %s）", " (%s %s)", c.Node, c.NodeName)
		}
		line("  %s %s：%s，要求 %s %s%s", "  %s %s: %s, asked %s %s%s", mark, in(lang, c.Name), word(lang, c.Value), cmp.Or(opSigns[c.Op], c.Op), word(lang, c.Bound), node)
	}
	if e.Eligible {
		line("匹配度 %d", "score %d", e.Score)
		for _, t := range e.Terms {
			node := ""
			if t.NodeName != "" {
				node = sentence(lang, "（%s）", " (%s)", t.NodeName)
			}
			line("  %+d / %d  %s%s", "  %+d / %d  %s%s", t.Points, t.Most, in(lang, t.Name), node)
		}
		line("%s", "%s", in(lang, e.Notice))
	}
	hash := e.RuleSetHash[:min(12, len(e.RuleSetHash))]
	line("规则 %s（%s），判断时刻 %s，读至 %s", "rules %s (%s), as of %s, read up to %s",
		e.RuleSet, hash, instant(e.AsOf), cmp.Or(strings.Join(e.Positions, " "), "-"))
	return b.String()
}

// word translates the values that are words of their own.
func word(lang, s string) string {
	switch s {
	case Unknown:
		return in(lang, unknownText)
	case none:
		return in(lang, noneText)
	}
	return s
}

// instrumentName is the name of an instrument in both languages; the code where it is in no list.
func instrumentName(code string) codes.Text {
	if e, ok := codes.Instrument(code); ok {
		return e.Text
	}
	return codes.Text{Zh: code, En: code}
}
