package bond

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/events"
)

// judge holds an application against the gate of its issuer kind and venue, as of a day (分诊). short: the tenor is among what fails.
// Where the row of the proceeds opens the gate, its alternatives are not asked for.
func (r *RuleSet) judge(s *Bond, facts *Facts, day events.Date, row *ProceedsRow) (result *events.BondTriage, open, short bool, err error) {
	i := slices.IndexFunc(r.Gates, func(g Gate) bool { return g.IssuerKind == s.IssuerKind && g.Venue == s.Venue })
	if i < 0 {
		return nil, false, false, events.ErrPolicy.Refusef("", "规则 %s 没有该类主体和场所的条件", "the rules %s have no gate for this kind of issuer and venue", r.ID)
	}
	gate := &r.Gates[i]
	result = &events.BondTriage{AsOf: day, RuleSet: r.ID, RuleHash: r.Hash}
	if facts.Enterprise != nil {
		result.Position, result.Version = facts.Enterprise.Position, facts.Enterprise.Version
	} else {
		result.Position, result.Version = facts.Party.Position, facts.Party.Version
	}
	open = true
	for i := range gate.All {
		c := gate.All[i].judge(s, facts, day)
		result.Clauses = append(result.Clauses, c)
		open = open && c.Passed
		short = short || c.Clause == clauseTenor && !c.Passed
	}
	alternatives := gate.Any
	if row != nil && row.OpensGate {
		alternatives, result.Gate = nil, gateCategory
	}
	for i := range alternatives {
		c := gate.Any[i].judge(s, facts, day)
		result.Clauses = append(result.Clauses, c)
		if c.Passed && result.Gate == "" {
			result.Gate = c.Clause
		}
	}
	if len(alternatives) > 0 && result.Gate == "" {
		open = false
	}
	if !open {
		result.Gate = ""
	}
	return result, open, short, nil
}

// gateCategory names the gate that a category opens.
const gateCategory = "category"

// judge finds what a clause asks for. What is not known does not pass.
func (c *Clause) judge(s *Bond, facts *Facts, day events.Date) events.ClauseResult {
	if len(c.Codes) > 0 {
		found := c.find(facts, day)
		slices.Sort(found)
		found = slices.Compact(found)
		passed := slices.ContainsFunc(found, func(code string) bool { return slices.Contains(c.Codes, code) })
		return events.ClauseResult{Clause: c.Clause, Needed: strings.Join(c.Codes, " "), Found: strings.Join(found, " "), Passed: passed}
	}
	out := events.ClauseResult{Clause: c.Clause}
	n, known := c.measure(s, facts)
	if c.Min != nil {
		out.Needed = c.text(*c.Min)
		out.Passed = known && n.down >= *c.Min
		if known && !out.Passed {
			out.Missing = *c.Min - n.down
		}
	} else {
		out.Needed = c.text(*c.Max)
		out.Passed = known && n.up <= *c.Max
		if known && !out.Passed {
			out.Missing = n.up - *c.Max
		}
	}
	if known {
		out.Found = c.text(n.down)
	}
	return out
}

func (c *Clause) text(n int64) string {
	if c.Currency != "" {
		return events.Money{Minor: n, Currency: c.Currency}.String()
	}
	return strconv.FormatInt(n, 10)
}

// foundMax bounds the codes that are written down for one clause.
const foundMax = 16

func (c *Clause) find(facts *Facts, day events.Date) (found []string) {
	switch c.Clause {
	case clauseTitle:
		if facts.Enterprise != nil {
			for _, t := range facts.Enterprise.Titles {
				if !day.Before(t.ValidFrom) && !day.After(t.ValidTo) {
					found = append(found, t.Title)
				}
			}
		}
	case clauseListed:
		if board, _, _ := strings.Cut(facts.Listed, ":"); board != "" {
			found = append(found, board)
		}
	case clauseLicence:
		if facts.Party != nil {
			for _, l := range facts.Party.Licences {
				if licenceValid(l, day) {
					found = append(found, l.Licence)
				}
			}
		}
	}
	// What counts comes first, so that the bound never hides it.
	slices.SortStableFunc(found, func(a, b string) int {
		return strings.Compare(strconv.FormatBool(slices.Contains(c.Codes, b)), strconv.FormatBool(slices.Contains(c.Codes, a)))
	})
	return found[:min(len(found), foundMax)]
}

// measured is a number as it is known: a ratio is kept rounded down and up, so that a bound holds exactly as written.
type measured struct{ down, up int64 }

func exactly(n int64) (measured, bool) { return measured{n, n}, true }

// yearsNeeded is how many fiscal years in a row a clause over three years needs.
const yearsNeeded = 3

func (c *Clause) measure(s *Bond, facts *Facts) (measured, bool) {
	if c.Clause == clauseTenor {
		return exactly(int64(s.TenorDays))
	}
	if len(facts.Profiles) == 0 {
		return measured{}, false
	}
	last := &facts.Profiles[len(facts.Profiles)-1]
	switch c.Clause {
	case clausePatents:
		return exactly(int64(last.Patents))
	case clauseCopyrights:
		return exactly(int64(last.SoftwareCopyrights))
	case clauseTechRevenue:
		return ratio(last.TechRevenue, last.Revenue)
	case clauseLiabilities:
		return ratio(last.Liabilities, last.Assets)
	}
	rd, revenue, ok := threeYears(facts.Profiles)
	switch {
	case !ok:
		return measured{}, false
	case c.Clause == clauseRDRatio:
		return ratio(&rd, &revenue)
	case c.Clause == clauseRDExpense && rd.Currency == c.Currency:
		return exactly(rd.Minor)
	}
	return measured{}, false
}

// threeYears sums R&D and revenue over the last three fiscal years; false where one is missing, or they are in several currencies.
func threeYears(profiles []events.Profile) (rd, revenue events.Money, ok bool) {
	if len(profiles) < yearsNeeded {
		return rd, revenue, false
	}
	list := profiles[len(profiles)-yearsNeeded:]
	for i := range list {
		p := &list[i]
		if p.RDExpense == nil || p.Revenue == nil || p.FiscalYear != list[0].FiscalYear+i {
			return rd, revenue, false
		}
		if i == 0 {
			rd.Currency, revenue.Currency = p.RDExpense.Currency, p.Revenue.Currency
		}
		if p.RDExpense.Currency != rd.Currency || p.Revenue.Currency != revenue.Currency || p.RDExpense.Minor > math.MaxInt64-rd.Minor || p.Revenue.Minor > math.MaxInt64-revenue.Minor {
			return rd, revenue, false
		}
		rd.Minor += p.RDExpense.Minor
		revenue.Minor += p.Revenue.Minor
	}
	return rd, revenue, true
}

// ratio is part / whole in 0.01 %; not known without both, in two currencies, or beside a whole of nothing.
func ratio(part, whole *events.Money) (measured, bool) {
	if part == nil || whole == nil || part.Currency != whole.Currency || whole.Minor <= 0 || part.Minor < 0 {
		return measured{}, false
	}
	hi, lo := bits.Mul64(uint64(part.Minor), wholeBP)
	if hi >= uint64(whole.Minor) {
		return measured{math.MaxInt64, math.MaxInt64}, true
	}
	quotient, rest := bits.Div64(hi, lo, uint64(whole.Minor))
	if quotient >= math.MaxInt64 {
		return measured{math.MaxInt64, math.MaxInt64}, true
	}
	m := measured{int64(quotient), int64(quotient)}
	if rest > 0 {
		m.up++
	}
	return m, true
}
