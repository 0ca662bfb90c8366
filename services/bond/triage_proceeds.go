package bond

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/events"
)

// proceeds judges the use of the proceeds by the rules of a day (募集资金投向). Without a row for the issuer nothing is judged; a
// category without a row is refused: it is none at that venue.
func (d decider) proceeds(s *Bond, facts *Facts, day events.Date) (*events.BondProceeds, *ProceedsRow, error) {
	rules, ok := d.course.At(day)
	i := -1
	if ok {
		i = slices.IndexFunc(rules.Proceeds, func(r ProceedsRow) bool {
			return r.IssuerKind == s.IssuerKind && r.Venue == s.Venue && r.Category == s.Category
		})
	}
	if i < 0 {
		if s.Category != "" {
			return nil, nil, events.ErrPolicy.Refusef("", "%s 的规则没有该类主体在该场所的类别 %s", "the rules of %s have no category %s for this kind of issuer and venue", day, s.Category)
		}
		return nil, nil, nil
	}
	row := &rules.Proceeds[i]
	result := &events.BondProceeds{RuleSet: rules.ID, RuleHash: rules.Hash}
	rd, known := measured{}, false
	if spent, revenue, ok := threeYears(facts.Profiles); ok {
		rd, known = ratio(&spent, &revenue)
	}
	for i := range row.Clauses {
		if c := &row.Clauses[i]; c.covers(rd, known) {
			result.Clauses = append(result.Clauses, c.judge(s.Proceeds))
		}
	}
	if len(result.Clauses) == 0 { // no tier asks this issuer for anything
		return nil, row, nil
	}
	return result, row, nil
}

// covers reports whether a clause is for issuers of such R&D. One whose R&D is not known is in the lowest tier.
func (c *ShareClause) covers(rd measured, known bool) bool {
	if !known {
		return c.RDFrom == nil
	}
	return (c.RDFrom == nil || rd.down >= *c.RDFrom) && (c.RDBelow == nil || rd.down < *c.RDBelow)
}

func (c *ShareClause) judge(proceeds []events.ProceedsShare) events.ClauseResult {
	var share int64
	for _, p := range proceeds {
		if slices.Contains(c.Uses, p.Use) {
			share += int64(p.ShareBP)
		}
	}
	out := events.ClauseResult{Clause: c.Clause, Found: strconv.FormatInt(share, 10)}
	uses := " " + strings.Join(c.Uses, " ")
	if c.Min != nil {
		out.Needed, out.Missing = ">= "+strconv.FormatInt(*c.Min, 10)+uses, max(0, *c.Min-share)
	} else {
		out.Needed, out.Missing = "<= "+strconv.FormatInt(*c.Max, 10)+uses, max(0, share-*c.Max)
	}
	out.Passed = out.Missing == 0
	return out
}
