package bond

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
)

// RuleSet is one dated set of gates (准入条件): a file bond.<day>.json of contracts/rules.
type RuleSet struct {
	rules.Header
	Gates []Gate `json:"gates"` // one for each kind of issuer at each venue
}

// Gate is what an application of one kind of issuer must meet at one venue: every clause of All, and one of Any where it has any.
type Gate struct {
	IssuerKind string   `json:"issuer_kind"`
	Venue      string   `json:"venue"`
	All        []Clause `json:"all"`
	Any        []Clause `json:"any"`
}

// Clause is one condition. Codes, where it is of a set: one of them is enough. Else a bound, included: pieces, 0.01 %, days, or minor
// units of Currency.
type Clause struct {
	Clause   string   `json:"clause"`
	Codes    []string `json:"codes,omitempty"`
	Min      *int64   `json:"min,omitempty"`
	Max      *int64   `json:"max,omitempty"`
	Currency string   `json:"currency,omitempty"`
}

// Clauses that a gate may have.
const (
	clauseTitle       = "title"               // a title that is valid on the day (资质)
	clauseListed      = "listed"              // the board it is listed on (上市板块)
	clauseLicence     = "licence"             // of an institution, valid on the day (牌照)
	clausePatents     = "patents"             // invention patents in the main business (发明专利)
	clauseCopyrights  = "software_copyrights" // 软件著作权
	clauseRDRatio     = "rd_ratio_3y"         // R&D of the last three fiscal years to their revenue, 0.01 %
	clauseRDExpense   = "rd_expense_3y"       // R&D of the last three fiscal years
	clauseTechRevenue = "tech_revenue_ratio"  // technology revenue to revenue of the last fiscal year, 0.01 %
	clauseLiabilities = "liabilities_ratio"   // liabilities to assets at the end of the last fiscal year, 0.01 % (资产负债率)
	clauseTenor       = "tenor_days"          // of the bond
)

// LoadRules reads every bond.*.json below a folder.
func LoadRules(files fs.FS) (*rules.Sets[RuleSet], error) { return rules.Load[RuleSet](files, "bond") }

// Follows implements rules.Dated: it checks what the set says.
func (r *RuleSet) Follows(*RuleSet) error {
	var faults []error
	seen := make(map[[2]string]bool)
	for _, g := range r.Gates {
		at := g.IssuerKind + " at " + g.Venue
		if seen[[2]string{g.IssuerKind, g.Venue}] {
			faults = append(faults, fmt.Errorf("two gates for %s", at))
		}
		seen[[2]string{g.IssuerKind, g.Venue}] = true
		if checkKind(g.IssuerKind) != nil || checkVenue(g.Venue) != nil {
			faults = append(faults, fmt.Errorf("no gate is for %s", at))
		}
		if n := len(g.All) + len(g.Any); n == 0 || n > 32 {
			faults = append(faults, fmt.Errorf("%s: 1 to 32 clauses", at))
		}
		for _, c := range slices.Concat(g.All, g.Any) {
			if err := c.check(); err != nil {
				faults = append(faults, fmt.Errorf("%s: %s: %w", at, c.Clause, err))
			}
		}
	}
	if len(seen) < 6 {
		faults = append(faults, errors.New("there is a gate for each of three kinds of issuer at each of two venues"))
	}
	return errors.Join(faults...)
}

func (c *Clause) check() error {
	var known func(string) bool
	switch c.Clause {
	case clauseTitle:
		known = func(code string) bool { _, ok := codes.Title(code); return ok }
	case clauseLicence:
		known = func(code string) bool { _, ok := codes.Licence(code); return ok }
	case clauseListed:
		known = func(code string) bool { return code != "" }
	case clausePatents, clauseCopyrights, clauseRDRatio, clauseRDExpense, clauseTechRevenue, clauseLiabilities, clauseTenor:
		if len(c.Codes) > 0 || (c.Min == nil) == (c.Max == nil) {
			return errors.New("it has one bound, min or max")
		}
		if c.Min != nil && *c.Min < 0 || c.Max != nil && *c.Max < 0 {
			return errors.New("a bound is not below 0")
		}
		if _, ok := codes.Currency(c.Currency); ok != (c.Clause == clauseRDExpense) {
			return errors.New("a currency belongs to a bound of money, and to no other")
		}
		return nil
	default:
		return errors.New("there is no such clause")
	}
	if len(c.Codes) == 0 || c.Min != nil || c.Max != nil || c.Currency != "" {
		return errors.New("it has codes and nothing else")
	}
	for _, code := range c.Codes {
		if !known(code) {
			return fmt.Errorf("the code %q is not in its list", code)
		}
	}
	return nil
}
