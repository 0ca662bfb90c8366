package codes

import "slices"

// Leg is a leg of relay finance (接力式金融服务).
type Leg string

const (
	LegAngel         Leg = "angel"          // 天使投资
	LegVC            Leg = "vc"             // 创业投资
	LegPE            Leg = "pe"             // 私募股权投资
	LegBankLoan      Leg = "bank_loan"      // 银行贷款
	LegCapitalMarket Leg = "capital_market" // 资本市场融资
	LegBeside        Leg = "beside"         // beside the chain: insurance, guarantee, leasing and the like
)

// relay is the chain of the work plan of 2024-06-28, in its order.
var relay = [...]Leg{LegAngel, LegVC, LegPE, LegBankLoan, LegCapitalMarket}

// NextLeg returns the leg that a closed leg opens. It is false for the last one
// and for legs outside the chain.
func NextLeg(leg Leg) (Leg, bool) {
	i := slices.Index(relay[:], leg)
	if i < 0 || i == len(relay)-1 {
		return "", false
	}
	return relay[i+1], true
}

// PriceUnit is the unit of an instrument's price.
type PriceUnit string

const (
	BPPerYear PriceUnit = "bp_per_year" // basis points (1/10,000) of the amount a year
	BPOnce    PriceUnit = "bp_once"     // basis points of the amount, paid once
	NoPrice   PriceUnit = "none"        // no price is stated
)

// InstrumentEntry is a kind of financing (融资工具).
type InstrumentEntry struct {
	Code string `json:"code"`
	Text
	Leg              Leg       `json:"leg"`
	AmountMeans      Text      `json:"amount_means"` // what the amount is: principal, sum insured, equity price
	PriceMeans       Text      `json:"price_means"`  // what the price is: rate, premium, fee
	PriceUnit        PriceUnit `json:"price_unit"`
	HasTerm          bool      `json:"has_term"`          // a term (期限) is stated
	PrivatePlacement bool      `json:"private_placement"` // 私募: qualified investors only, no public solicitation
	Licences         []string  `json:"licences"`          // any one of these covers it
}

func (e InstrumentEntry) key() string { return e.Code }

// CoveredBy tells whether any of the licences allows offering the instrument.
func (e InstrumentEntry) CoveredBy(licences ...string) bool {
	return slices.ContainsFunc(licences, func(l string) bool { return slices.Contains(e.Licences, l) })
}

// LicenceEntry is a permission to do a kind of financing business (金融牌照).
type LicenceEntry struct {
	Code string `json:"code"`
	Text
	Kind   string `json:"kind"`   // licence, registration, filing, or none where none is needed
	Issuer string `json:"issuer"` // department or body: nfra, csrc, pboc, amac, local_finance, none
	Note   Text   `json:"note"`
}

func (e LicenceEntry) key() string { return e.Code }

// PartyKindEntry is a kind of party to the bus (参与方类型).
type PartyKindEntry struct {
	Code string `json:"code"`
	Text
	Role     string   `json:"role"`     // institution, authority, alliance, organiser, agent
	Licences []string `json:"licences"` // those a party of this kind works under; none for non-institutions
}

func (e PartyKindEntry) key() string { return e.Code }

// TitleEntry is an official title of an enterprise (资质称号).
type TitleEntry struct {
	Code string `json:"code"`
	Text
	Issuer string `json:"issuer"` // department that answers for it; certificates may come from its local offices
	// ValidityYears is the usual validity; nil where it is not a fixed number
	// of years. The dates of the certificate decide, never this.
	ValidityYears *int   `json:"validity_years"`
	Confidence    string `json:"confidence"` // confirmed or unconfirmed
}

func (e TitleEntry) key() string { return e.Code }

// StageEntry is a stage of an enterprise's life (生命周期阶段).
type StageEntry struct {
	Code string `json:"code"`
	Text
	Order int   `json:"order"` // 1 is the earliest
	Legs  []Leg `json:"legs"`  // legs of the relay that usually serve it
}

func (e StageEntry) key() string { return e.Code }

// FocusAreaEntry is a focus area of the policy (重点领域) or a field of one.
type FocusAreaEntry struct {
	Code string `json:"code"`
	Text
	Parent     string `json:"parent"`     // the area that the field is of; empty for an area
	Confidence string `json:"confidence"` // confirmed or unconfirmed
}

func (e FocusAreaEntry) key() string { return e.Code }

// PolicyToolEntry is a support policy (政策工具). Its rates, quotas and dates are
// dated rules, not part of the list.
type PolicyToolEntry struct {
	Code string `json:"code"`
	Text
	Authority string `json:"authority"` // department that runs it
	// PaidTo is lender, investor, guarantor, issuer, borrower or none. What is
	// paid to a lender is its funding cost, never a borrower's price.
	PaidTo      string   `json:"paid_to"`
	Instruments []string `json:"instruments"` // instruments it supports
	PartOf      string   `json:"part_of"`     // the tool whose quota it is within; empty for most
}

func (e PolicyToolEntry) key() string { return e.Code }

// SecurityEntry is what secures a financing (担保方式, 增信方式).
type SecurityEntry struct {
	Code string `json:"code"`
	Text
	Kind string `json:"kind"` // none, pledge (质押), mortgage (抵押), surety (保证)
}

func (e SecurityEntry) key() string { return e.Code }

// UseEntry is a use of funds (资金用途).
type UseEntry struct {
	Code string `json:"code"`
	Text
}

func (e UseEntry) key() string { return e.Code }

// ReturnReasonEntry is a reason why an application is sent back (退回原因).
type ReturnReasonEntry struct {
	Code string `json:"code"`
	Text
}

func (e ReturnReasonEntry) key() string { return e.Code }

var (
	instruments = lazyList[InstrumentEntry]("instruments")
	licences    = lazyList[LicenceEntry]("licences")
	partyKinds  = lazyList[PartyKindEntry]("party_kinds")
	titles      = lazyList[TitleEntry]("titles")
	stages      = lazyList[StageEntry]("stages")
	focusAreas  = lazyList[FocusAreaEntry]("focus_areas")
	policyTools = lazyList[PolicyToolEntry]("policy_tools")
	securities  = lazyList[SecurityEntry]("securities")
	uses        = lazyList[UseEntry]("uses")
	returns     = lazyList[ReturnReasonEntry]("return_reasons")
)

// Instrument looks up an instrument (融资工具); the bool is false for an unknown code.
func Instrument(code string) (InstrumentEntry, bool) { return instruments().lookup(code) }

// AllInstruments returns the whole list in the order of its file.
func AllInstruments() []InstrumentEntry { return instruments().all() }

// Licence looks up a licence (金融牌照); the bool is false for an unknown code.
func Licence(code string) (LicenceEntry, bool) { return licences().lookup(code) }

// AllLicences returns the whole list in the order of its file.
func AllLicences() []LicenceEntry { return licences().all() }

// PartyKind looks up a kind of party (参与方类型); the bool is false for an unknown code.
func PartyKind(code string) (PartyKindEntry, bool) { return partyKinds().lookup(code) }

// AllPartyKinds returns the whole list in the order of its file.
func AllPartyKinds() []PartyKindEntry { return partyKinds().all() }

// Title looks up a title (资质称号); the bool is false for an unknown code.
func Title(code string) (TitleEntry, bool) { return titles().lookup(code) }

// AllTitles returns the whole list in the order of its file.
func AllTitles() []TitleEntry { return titles().all() }

// Stage looks up a stage (生命周期阶段); the bool is false for an unknown code.
func Stage(code string) (StageEntry, bool) { return stages().lookup(code) }

// AllStages returns the whole list in the order of its file.
func AllStages() []StageEntry { return stages().all() }

// FocusArea looks up a focus area or a field of one (重点领域); the bool is false for an unknown code.
func FocusArea(code string) (FocusAreaEntry, bool) { return focusAreas().lookup(code) }

// AllFocusAreas returns the whole list in the order of its file.
func AllFocusAreas() []FocusAreaEntry { return focusAreas().all() }

// PolicyTool looks up a policy tool (政策工具); the bool is false for an unknown code.
func PolicyTool(code string) (PolicyToolEntry, bool) { return policyTools().lookup(code) }

// AllPolicyTools returns the whole list in the order of its file.
func AllPolicyTools() []PolicyToolEntry { return policyTools().all() }

// Security looks up a kind of security (担保方式); the bool is false for an unknown code.
func Security(code string) (SecurityEntry, bool) { return securities().lookup(code) }

// AllSecurities returns the whole list in the order of its file.
func AllSecurities() []SecurityEntry { return securities().all() }

// Use looks up a use of funds (资金用途); the bool is false for an unknown code.
func Use(code string) (UseEntry, bool) { return uses().lookup(code) }

// AllUses returns the whole list in the order of its file.
func AllUses() []UseEntry { return uses().all() }

// ReturnReason looks up a reason for sending an application back (退回原因); the bool is false for an unknown code.
func ReturnReason(code string) (ReturnReasonEntry, bool) { return returns().lookup(code) }

// AllReturnReasons returns the whole list in the order of its file.
func AllReturnReasons() []ReturnReasonEntry { return returns().all() }
