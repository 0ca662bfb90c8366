package crossborder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
)

// RuleSet is one dated set of the rules of cross-border financing (跨境融资规则): a file crossborder.<day>.json of contracts/rules.
type RuleSet struct {
	rules.Header
	Currency     string            `json:"currency"`     // of net assets, limits and balances
	HomeCountry  string            `json:"home_country"` // a lender there is none abroad
	Routes       []string          `json:"routes"`
	Borrowers    []BorrowerRow     `json:"borrowers"`
	Weights      Weights           `json:"weights"`
	Categories   []CategoryRow     `json:"categories"`
	Excluded     []ExcludedRow     `json:"excluded"`
	Registration *RegistrationRule `json:"registration,omitempty"` // of long debt with the NDRC; none: not asked for
	Statement    StatementRule     `json:"statement"`
	Rates        RatesRule         `json:"rates"`
}

// BorrowerRow is what holds for one kind of borrower.
type BorrowerRow struct {
	Kind       string      `json:"kind"`
	Registry   string      `json:"registry"`              // the context that knows such borrowers: enterprise or party
	PartyKinds []string    `json:"party_kinds,omitempty"` // of registry party
	Leverage   Factor      `json:"leverage"`              // 跨境融资杠杆率
	Parameter  Factor      `json:"parameter"`             // 宏观审慎调节参数
	Since      events.Date `json:"since"`                 // first day of these figures; may lie before the set's
	Document   string      `json:"document"`
	Confidence string      `json:"confidence"`
}

// Weights turn a balance into a risk-weighted one (风险转换因子).
type Weights struct {
	LongTermOver    int    `json:"long_term_over_months"` // a term of exactly so many months is still short
	LongTerm        Factor `json:"long_term"`
	ShortTerm       Factor `json:"short_term"`
	ForeignCurrency Factor `json:"foreign_currency"` // in addition, for balances in another currency (汇率风险折算因子)
	Confidence      string `json:"confidence"`
}

// CategoryRow is the factor of one category of debt (类别风险转换因子).
type CategoryRow struct {
	Category   string `json:"category"`
	Factor     Factor `json:"factor"`
	Confidence string `json:"confidence"`
}

// ExcludedRow is a kind of borrower that may not borrow abroad: by its own declaration or by its industry.
type ExcludedRow struct {
	Code       string   `json:"code"`
	Zh         string   `json:"zh"`
	En         string   `json:"en"`
	Industries []string `json:"industries,omitempty"` // at or below these codes
}

// RegistrationRule asks for the NDRC's registration of debt whose term is longer than so many months.
type RegistrationRule struct {
	OverMonths int    `json:"over_months"`
	Document   string `json:"document"`
	Confidence string `json:"confidence"`
}

// StatementRule bounds the age of a statement of net assets.
type StatementRule struct {
	MonthsMax  int    `json:"months_max"`
	Confidence string `json:"confidence"`
}

// RatesRule says which exchange rates count, and how many days old one may be (longest holiday: none is published).
type RatesRule struct {
	Sources    []string `json:"sources"`
	DaysMax    int      `json:"days_max"`
	Confidence string   `json:"confidence"`
}

// Factor is a decimal of at most four places, 0 to 1000, in 1/10,000.
type Factor int64

// factorOne is the factor 1.
const factorOne Factor = 10_000

// UnmarshalJSON reads a decimal string.
func (f *Factor) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	n, err := parseDecimal(s, 4, 4)
	if err == nil && Factor(n) > 1000*factorOne {
		err = errors.New("more than 1000")
	}
	if err != nil {
		return fmt.Errorf("factor %q: %w", s, err)
	}
	*f = Factor(n)
	return nil
}

// String is the shortest decimal: 1.75, 2.
func (f Factor) String() string {
	whole, part := int64(f/factorOne), int64(f%factorOne)
	s := strconv.FormatInt(whole, 10)
	if part != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%04d", part), "0")
	}
	return s
}

// parseDecimal reads a plain decimal without sign as an integer of 10^-places; at most whole digits before the point.
func parseDecimal(s string, whole, places int) (int64, error) {
	before, after, dot := strings.Cut(s, ".")
	switch {
	case before == "" || len(before) > 1 && before[0] == '0' || dot && after == "":
		return 0, errors.New("not a plain decimal")
	case len(before) > whole || len(after) > places:
		return 0, fmt.Errorf("more than %d digits before or %d behind the point", whole, places)
	case strings.Trim(before+after, "0123456789") != "":
		return 0, errors.New("not a plain decimal")
	}
	return strconv.ParseInt(before+after+strings.Repeat("0", places-len(after)), 10, 64)
}

// RuleSets are the rule sets of all days.
type RuleSets = rules.Sets[RuleSet]

// LoadRules reads every crossborder.*.json below a folder.
func LoadRules(files fs.FS) (*RuleSets, error) { return rules.Load[RuleSet](files, "crossborder") }

// Follows implements rules.Dated. Kinds of borrowers and categories stay: contracts of their time live on under later rules.
func (r *RuleSet) Follows(before *RuleSet) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	sure := func(what, word string) {
		if !rules.Confidence(word) {
			fault("%s: confidence must be confirmed or unconfirmed", what)
		}
	}
	if c, ok := codes.Currency(r.Currency); !ok || c.MinorUnits < 0 {
		fault("currency %q", r.Currency)
	}
	if len(r.HomeCountry) != 2 || len(r.Routes) == 0 || len(r.Borrowers) == 0 || len(r.Categories) == 0 || len(r.Rates.Sources) == 0 {
		fault("home_country, routes, borrowers, categories and sources of rates are required")
	}
	for i, b := range r.Borrowers {
		if first, _ := r.borrower(b.Kind); first != &r.Borrowers[i] {
			fault("borrower %s is twice in the list", b.Kind)
		}
		if (b.Registry != registryEnterprise || len(b.PartyKinds) > 0) && (b.Registry != registryParty || len(b.PartyKinds) == 0) {
			fault("borrower %s: registry enterprise, or party with its kinds", b.Kind)
		}
		for _, kind := range b.PartyKinds {
			if _, ok := codes.PartyKind(kind); !ok {
				fault("borrower %s: there is no kind of party %s", b.Kind, kind)
			}
		}
		if _, err := b.Since.Start(); err != nil || b.Since.After(r.EffectiveFrom) || b.Document == "" {
			fault("borrower %s: since is a day until effective_from, with its document", b.Kind)
		}
		sure("borrower "+b.Kind, b.Confidence)
	}
	for i, c := range r.Categories {
		if first, _ := r.category(c.Category); first != &r.Categories[i] || c.Factor == 0 {
			fault("category %s is twice in the list, or weighs nothing", c.Category)
		}
		sure("category "+c.Category, c.Confidence)
	}
	for _, e := range r.Excluded {
		if e.Code == "" || e.Zh == "" || e.En == "" {
			fault("an excluded kind has a code and a name in both languages")
		}
		for _, i := range e.Industries {
			if !codes.IndustryValid(i) {
				fault("excluded %s: there is no industry %s", e.Code, i)
			}
		}
	}
	if w := r.Weights; w.LongTermOver < 1 || w.LongTermOver > monthsMax || w.LongTerm == 0 || w.ShortTerm == 0 {
		fault("weights: months 1 to %d, and factors above 0", monthsMax)
	}
	if g := r.Registration; g != nil {
		if g.OverMonths < 1 || g.OverMonths > monthsMax || g.Document == "" {
			fault("registration: months 1 to %d, and a document", monthsMax)
		}
		sure("registration", g.Confidence)
	}
	if r.Statement.MonthsMax < 1 || r.Statement.MonthsMax > monthsMax || r.Rates.DaysMax < 0 || r.Rates.DaysMax > 366 {
		fault("statement: months 1 to %d; rates: days 0 to 366", monthsMax)
	}
	sure("weights", r.Weights.Confidence)
	sure("statement", r.Statement.Confidence)
	sure("rates", r.Rates.Confidence)
	if before != nil {
		r.keeps(before, fault)
	}
	return errors.Join(faults...)
}

func (r *RuleSet) keeps(before *RuleSet, fault func(string, ...any)) {
	if r.Currency != before.Currency {
		fault("the currency was %s", before.Currency)
	}
	for _, b := range before.Borrowers {
		if now, ok := r.borrower(b.Kind); !ok || now.Registry != b.Registry {
			fault("borrower %s is gone or in another registry", b.Kind)
		}
	}
	for _, c := range before.Categories {
		if _, ok := r.category(c.Category); !ok {
			fault("category %s is gone", c.Category)
		}
	}
}

func (r *RuleSet) borrower(kind string) (*BorrowerRow, bool) {
	for i := range r.Borrowers {
		if r.Borrowers[i].Kind == kind {
			return &r.Borrowers[i], true
		}
	}
	return nil, false
}

func (r *RuleSet) category(code string) (*CategoryRow, bool) {
	for i := range r.Categories {
		if r.Categories[i].Category == code {
			return &r.Categories[i], true
		}
	}
	return nil, false
}

// exclusion names the excluded kind that a borrower is of, nil when there is none.
func (r *RuleSet) exclusion(industry string, declared []string) *ExcludedRow {
	for i := range r.Excluded {
		e := &r.Excluded[i]
		for _, code := range declared {
			if code == e.Code {
				return e
			}
		}
		for _, within := range e.Industries {
			if strings.HasPrefix(industry, within) {
				return e
			}
		}
	}
	return nil
}
