package bond

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
)

// CourseRules is one dated set of what holds on the way (绿色通道办理规则): a file bond_course.<day>.json of contracts/rules. Each row says
// where its figures come from.
type CourseRules struct {
	rules.Header
	Clocks        []ClockRow        `json:"clocks"`
	Proceeds      []ProceedsRow     `json:"proceeds"`
	Reports       ReportRules       `json:"reports"`
	Rating        RatingRule        `json:"rating"`
	Registrations []RegistrationRow `json:"registrations"`
}

// Origin says where the figures of a row come from.
type Origin struct {
	Source     string `json:"source"`
	Confidence string `json:"confidence"` // confirmed or unconfirmed
}

// ClockRow gives a stage its owner and its time (阶段时限).
type ClockRow struct {
	Stage  string       `json:"stage"`
	Venue  string       `json:"venue,omitempty"` // none: both
	Owner  string       `json:"owner"`
	Levels []ClockLevel `json:"levels"` // the first is the end of the clock; later ones take longer
	Origin
}

// ClockLevel is who is told after so many working days.
type ClockLevel struct {
	Tell        string `json:"tell"`
	WorkingDays int    `json:"working_days"`
}

// ProceedsRow bounds the shares of the proceeds of one kind of issuer at one venue in one category (募集资金投向).
type ProceedsRow struct {
	IssuerKind string        `json:"issuer_kind"`
	Venue      string        `json:"venue"`
	Category   string        `json:"category"`   // "": of the issuer itself
	OpensGate  bool          `json:"opens_gate"` // the category is the way in: none of the gate's alternatives is needed
	Clauses    []ShareClause `json:"clauses"`
	Origin
}

// ShareClause bounds the sum of the shares of some uses, in 0.01 %, bound included. With a tier it holds for issuers whose R&D of three
// years is at least RDFrom and below RDBelow of revenue, in 0.01 %; one whose R&D is not known is in the lowest tier.
type ShareClause struct {
	Clause  string   `json:"clause"`
	Uses    []string `json:"uses"`
	Min     *int64   `json:"min,omitempty"`
	Max     *int64   `json:"max,omitempty"`
	RDFrom  *int64   `json:"rd_from,omitempty"`
	RDBelow *int64   `json:"rd_below,omitempty"`
}

// ReportRules say until when a filing may rest on a financial report (财务报告有效期).
type ReportRules struct {
	Required bool        `json:"required"`
	Kinds    []ReportRow `json:"kinds"`
	Origin
}

// ReportRow is one kind of report. Its days are month and day, "12-31".
type ReportRow struct {
	Kind      string   `json:"kind"`
	PeriodEnd string   `json:"period_end"`        // of the fiscal year
	ValidTo   string   `json:"valid_to"`          // of the year after it, included
	Issuers   []Clause `json:"issuers,omitempty"` // whose report it may be: one clause is enough; none: anybody's
}

// RatingRule is how long a rating counts that does not say so itself.
type RatingRule struct {
	Months int `json:"months"`
	Origin
}

// RegistrationRow is how long a registration may last (注册有效期).
type RegistrationRow struct {
	Venue  string `json:"venue"`
	Months int    `json:"months"`
	Origin
}

// Bounds of what a rule file may say.
const (
	clocksMax      = 64
	levelsMax      = 8
	workingDaysMax = 1000
	monthsMax      = 600
	shareRowsMax   = 8
)

// LoadCourse reads every bond_course.*.json below a folder.
func LoadCourse(files fs.FS) (*rules.Sets[CourseRules], error) {
	return rules.Load[CourseRules](files, "bond_course")
}

// Follows implements rules.Dated: it checks what the set says.
func (r *CourseRules) Follows(*CourseRules) error {
	faults := []error{r.followsClocks(), r.followsProceeds(), r.followsReports()}
	if r.Rating.Months < 1 || r.Rating.Months > monthsMax {
		faults = append(faults, fmt.Errorf("a rating counts for 1 to %d months", monthsMax))
	}
	faults = append(faults, r.Rating.check("rating"))
	var venues []string
	for _, row := range r.Registrations {
		if checkVenue(row.Venue) != nil || slices.Contains(venues, row.Venue) || row.Months < 1 || row.Months > monthsMax {
			faults = append(faults, fmt.Errorf("registration at %s: a venue once, 1 to %d months", row.Venue, monthsMax))
		}
		venues = append(venues, row.Venue)
		faults = append(faults, row.check("registration at "+row.Venue))
	}
	return errors.Join(faults...)
}

func (o Origin) check(at string) error {
	if o.Source == "" || o.Confidence != "confirmed" && o.Confidence != "unconfirmed" {
		return fmt.Errorf("%s: a source, and a confidence of confirmed or unconfirmed", at)
	}
	return nil
}

var owners = []string{events.OwnerChannel, events.OwnerIssuer, events.OwnerUnderwriter, events.OwnerRating, events.OwnerVenue}

func (r *CourseRules) followsClocks() error {
	if len(r.Clocks) > clocksMax {
		return fmt.Errorf("at most %d clocks", clocksMax)
	}
	var faults []error
	seen := make(map[[2]string]bool)
	for _, row := range r.Clocks {
		at := "clock of " + row.Stage
		if row.Stage != StatusReturned && (order[row.Stage] == 0 || row.Stage == StatusIssued) {
			faults = append(faults, fmt.Errorf("%s: there is no such stage, or it is the end", at))
		}
		for _, venue := range venuesOf(row.Venue) {
			if checkVenue(venue) != nil || seen[[2]string{row.Stage, venue}] {
				faults = append(faults, fmt.Errorf("%s: no venue is %s, or it has two clocks", at, venue))
			}
			seen[[2]string{row.Stage, venue}] = true
		}
		if !slices.Contains(owners, row.Owner) || len(row.Levels) == 0 || len(row.Levels) > levelsMax {
			faults = append(faults, fmt.Errorf("%s: an owner, and 1 to %d levels", at, levelsMax))
		}
		last := 0
		for _, level := range row.Levels {
			if level.WorkingDays <= last || level.WorkingDays > workingDaysMax || level.Tell != events.TellRegulator && !slices.Contains(owners, level.Tell) {
				faults = append(faults, fmt.Errorf("%s: each level takes longer than the one before, at most %d days, and tells somebody", at, workingDaysMax))
			}
			last = level.WorkingDays
		}
		faults = append(faults, row.check(at))
	}
	return errors.Join(faults...)
}

func venuesOf(venue string) []string {
	if venue == "" {
		return []string{events.VenueInterbank, events.VenueExchange}
	}
	return []string{venue}
}

func (r *CourseRules) followsProceeds() error {
	var faults []error
	seen := make(map[[3]string]bool)
	for _, row := range r.Proceeds {
		at := fmt.Sprintf("proceeds of %s at %s %s", row.IssuerKind, row.Venue, row.Category)
		key := [3]string{row.IssuerKind, row.Venue, row.Category}
		if checkKind(row.IssuerKind) != nil || checkVenue(row.Venue) != nil || checkCategory(row.Category) != nil || seen[key] {
			faults = append(faults, fmt.Errorf("%s: no row is for that, or two are", at))
		}
		seen[key] = true
		if len(row.Clauses) == 0 || len(row.Clauses) > shareRowsMax || row.OpensGate && row.Category == "" {
			faults = append(faults, fmt.Errorf("%s: 1 to %d clauses, and a category where it opens the gate", at, shareRowsMax))
		}
		for _, c := range row.Clauses {
			if err := c.check(); err != nil {
				faults = append(faults, fmt.Errorf("%s: %s: %w", at, c.Clause, err))
			}
		}
		faults = append(faults, row.check(at))
	}
	return errors.Join(faults...)
}

func (c *ShareClause) check() error {
	within := func(n *int64) bool { return n == nil || *n >= 0 && *n <= wholeBP }
	switch {
	case c.Clause == "" || len(c.Uses) == 0:
		return errors.New("it has a name and uses")
	case (c.Min == nil) == (c.Max == nil) || !within(c.Min) || !within(c.Max):
		return errors.New("it has one bound, min or max, of 0 to 10,000")
	case !within(c.RDFrom) || !within(c.RDBelow) || c.RDFrom != nil && c.RDBelow != nil && *c.RDFrom >= *c.RDBelow:
		return errors.New("a tier is from a share of 0 to 10,000 to a larger one")
	}
	for _, use := range c.Uses {
		if _, ok := codes.Use(use); !ok {
			return fmt.Errorf("there is no use of funds %q", use)
		}
	}
	return nil
}

func (r *CourseRules) followsReports() error {
	faults := []error{r.Reports.check("reports")}
	var kinds []string
	for _, row := range r.Reports.Kinds {
		_, ends := dayOf(0, row.PeriodEnd)
		_, valid := dayOf(0, row.ValidTo)
		if row.Kind != "annual" && row.Kind != "half_year" || slices.Contains(kinds, row.Kind) || ends != nil || valid != nil {
			faults = append(faults, fmt.Errorf("report %s: annual or half_year, once, with days as 12-31", row.Kind))
		}
		kinds = append(kinds, row.Kind)
		for i := range row.Issuers {
			if err := row.Issuers[i].check(); err != nil {
				faults = append(faults, fmt.Errorf("report %s: %w", row.Kind, err))
			}
		}
	}
	if r.Reports.Required && len(kinds) == 0 {
		faults = append(faults, errors.New("a report is required and there is none"))
	}
	return errors.Join(faults...)
}

// dayOf is a day of a year that is given as month and day, "12-31".
func dayOf(year int, monthDay string) (events.Date, error) {
	day := events.Date(fmt.Sprintf("%04d-%s", year, monthDay))
	_, err := time.Parse(time.DateOnly, string(day))
	return day, err
}
