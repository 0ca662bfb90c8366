package events

// The course of a bond: clocks in working days, and where an institution's proceeds went.
const (
	TypeBreachBondClock        = "jieli.bond.breach_clock.v1"
	TypeComputeBondClock       = "jieli.bond.compute_clock.v1"
	TypeBondClockStarted       = "jieli.bond.clock_started.v1"
	TypeBondClockComputed      = "jieli.bond.clock_computed.v1"
	TypeBondClockBreached      = "jieli.bond.clock_breached.v1"
	TypeAllocateBond           = "jieli.bond.allocate.v1"
	TypeReleaseBondAllocation  = "jieli.bond.release_allocation.v1"
	TypeBondAllocated          = "jieli.bond.allocated.v1"
	TypeBondAllocationReleased = "jieli.bond.allocation_released.v1"
)

// Categories of an issue (发行类别). None: the issuer itself is a technology firm, or an institution (主体类).
const (
	CategoryUpgrade    = "upgrade"    // 科创升级类
	CategoryInvestment = "investment" // 科创投资类
	CategoryIncubation = "incubation" // 科创孵化类
	CategoryUse        = "use_type"   // 用途类科创票据
)

// Owners of a stage (责任方): whose turn it is. Of an escalation, the regulator may be told besides.
const (
	OwnerChannel     = "channel" // the desk of the green channel (通道受理方)
	OwnerIssuer      = "issuer"
	OwnerUnderwriter = "underwriter"
	OwnerRating      = "rating_agency"
	OwnerVenue       = "venue"
	TellRegulator    = "regulator"
)

// NoteCalendar: the calendar has no data for a year that a clock reaches into. Its days are not guessed.
const NoteCalendar = "calendar_year_missing"

// BondProceeds is the judgement of the use of the proceeds by the rules of the triage's day.
type BondProceeds struct {
	RuleSet  string         `json:"rule_set"`
	RuleHash string         `json:"rule_hash"`
	Clauses  []ClauseResult `json:"clauses"`
}

// BondReport is the financial report that a filing rests on (财务报告).
type BondReport struct {
	Kind       string `json:"kind"` // annual or half_year
	FiscalYear int    `json:"fiscal_year"`
	Number     string `json:"number,omitempty"` // of the audit report
}

// ClockLevel is when a clock passes, and who is told then. The first level is the end of the clock itself.
type ClockLevel struct {
	Level       int    `json:"level"` // from 1
	Tell        string `json:"tell"`
	WorkingDays int    `json:"working_days"`     // after the day on which the stage was entered
	DueOn       Date   `json:"due_on,omitempty"` // last day; none: not known
}

// BondClock records that a stage has been entered (阶段计时).
type BondClock struct {
	Clock       int          `json:"clock"` // 1 for the first of the application
	Round       int          `json:"round"`
	Stage       string       `json:"stage"`
	Owner       string       `json:"owner"`
	StartedOn   Date         `json:"started_on"` // does not count
	Levels      []ClockLevel `json:"levels"`
	Note        string       `json:"note,omitempty"`         // why a day is not known
	MissingYear int          `json:"missing_year,omitempty"` // the first of which the calendar has no data
	RuleSet     string       `json:"rule_set"`
	RuleHash    string       `json:"rule_hash"`
}

// BondClockComputed records days that were not known when the clock started.
type BondClockComputed struct {
	Clock       int          `json:"clock"`
	Stage       string       `json:"stage"`
	Levels      []ClockLevel `json:"levels"`
	Note        string       `json:"note,omitempty"`
	MissingYear int          `json:"missing_year,omitempty"`
}

// BondClockBreached records that the day of a level has passed (超期). It comes once for each level of a clock.
type BondClockBreached struct {
	Clock       int    `json:"clock"`
	Round       int    `json:"round"`
	Stage       string `json:"stage"`
	Owner       string `json:"owner"`
	Level       int    `json:"level"`
	Tell        string `json:"tell"`
	WorkingDays int    `json:"working_days"`
	DueOn       Date   `json:"due_on"`
}

// BreachBondClock is the timer's word that a level's day has passed.
type BreachBondClock struct {
	Clock int `json:"clock"`
	Level int `json:"level"`
}

// BondClockRef names a clock.
type BondClockRef struct {
	Clock int `json:"clock"`
}

// AllocateBond traces a part of the proceeds of an institution's bond (科技创新专项金融债券) to the deal that it funds. A demand or a deal
// is named, or both.
type AllocateBond struct {
	Allocation string `json:"allocation"`
	Enterprise string `json:"enterprise"`
	Demand     string `json:"demand,omitempty"`
	Offer      string `json:"offer,omitempty"` // of the issuer
	Deal       string `json:"deal,omitempty"`  // number of the contract
	FundedOn   Date   `json:"funded_on"`
	Amount     Money  `json:"amount"`
}

// BondAllocated records it.
type BondAllocated struct {
	AllocateBond
	Sum Money `json:"sum"` // allocated of the bond after it
}

// ReleaseBondAllocation takes proceeds back, to be allocated again.
type ReleaseBondAllocation struct {
	Allocation string `json:"allocation"`
	Amount     *Money `json:"amount,omitempty"` // nil: all that is outstanding
	Reason     string `json:"reason"`
}

// BondAllocationReleased records it.
type BondAllocationReleased struct {
	Allocation  string `json:"allocation"`
	Amount      Money  `json:"amount"`
	Outstanding Money  `json:"outstanding"` // of the allocation after it
	Sum         Money  `json:"sum"`         // allocated of the bond after it
	Reason      string `json:"reason"`
}
