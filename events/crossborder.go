package events

// Context crossborder: cross-border financing under full-scope macro-prudential management (全口径跨境融资宏观审慎管理).
const (
	TypeAssessBorrower   = "jieli.crossborder.assess.v1"
	TypeApplyRules       = "jieli.crossborder.apply_rules.v1" // by the frame's timer only
	TypeFileContract     = "jieli.crossborder.file.v1"
	TypeDraw             = "jieli.crossborder.draw.v1"
	TypeRepay            = "jieli.crossborder.repay.v1"
	TypeExtendContract   = "jieli.crossborder.extend.v1"
	TypeCloseContract    = "jieli.crossborder.close.v1"
	TypeCancelContract   = "jieli.crossborder.cancel.v1"
	TypeRefuseContract   = "jieli.crossborder.refuse.v1"
	TypeExcludeBorrower  = "jieli.crossborder.exclude.v1"
	TypeReadmitBorrower  = "jieli.crossborder.readmit.v1"
	TypeWithdrawBorrower = "jieli.crossborder.withdraw.v1"

	TypeBorrowerAssessed   = "jieli.crossborder.assessed.v1"
	TypeLimitChanged       = "jieli.crossborder.limit_changed.v1"
	TypeContractFiled      = "jieli.crossborder.filed.v1"
	TypeDrawn              = "jieli.crossborder.drawn.v1"
	TypeRepaid             = "jieli.crossborder.repaid.v1"
	TypeContractExtended   = "jieli.crossborder.extended.v1"
	TypeContractClosed     = "jieli.crossborder.closed.v1"
	TypeContractCancelled  = "jieli.crossborder.cancelled.v1"
	TypeContractRefused    = "jieli.crossborder.refused.v1"
	TypeBorrowerExcluded   = "jieli.crossborder.excluded.v1"
	TypeBorrowerReadmitted = "jieli.crossborder.readmitted.v1"
	TypeBorrowerWithdrawn  = "jieli.crossborder.withdrawn.v1"
)

// Reasons of LimitChanged.
const (
	BecauseStatement = "statement" // a new assessment
	BecauseRules     = "rules"     // another rule set has come into force
)

// NetAssets is the figure that the limit follows from (净资产), of the last audited statement.
type NetAssets struct {
	Day       Date   `json:"day"` // of the statement
	NetAssets Money  `json:"net_assets"`
	Document  string `json:"document"` // the audit report
}

// AssessBorrower asks for a borrower's limit. The command's subject is ID, an enterprise's or an institution's.
type AssessBorrower struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`  // firm, non_bank or bank, as the rule set has them
	Route     string    `json:"route"` // macro_prudential, as the rule set has them
	Statement NetAssets `json:"statement"`
	Declared  []string  `json:"declared,omitempty"` // what of the excluded kinds the borrower says to be
	Source    string    `json:"source,omitempty"`
}

// Headroom is how a borrower stands against its limit (风险加权余额与上限), in the currency of the rule set, and by which rules.
type Headroom struct {
	Limit    Money  `json:"limit"` // rounded down to the minor unit
	Used     Money  `json:"used"`  // risk-weighted balance, rounded up to the minor unit
	RuleSet  string `json:"rule_set"`
	RuleHash string `json:"rule_hash"` // SHA-256 of the rule file, hex
	AsOf     Date   `json:"as_of"`
}

// BorrowerFacts is what the edge knew of the borrower when it was assessed.
type BorrowerFacts struct {
	Position  string `json:"position"`
	Version   uint64 `json:"version"`
	Name      string `json:"name"`
	Region    string `json:"region,omitempty"`
	Industry  string `json:"industry,omitempty"`   // of an enterprise
	PartyKind string `json:"party_kind,omitempty"` // of an institution
}

// BorrowerAssessed records the limit with everything it follows from.
type BorrowerAssessed struct {
	ID        string        `json:"id"`
	Kind      string        `json:"kind"`
	Route     string        `json:"route"`
	Statement NetAssets     `json:"statement"`
	Declared  []string      `json:"declared,omitempty"`
	Source    string        `json:"source,omitempty"`
	Leverage  string        `json:"leverage"`  // 跨境融资杠杆率, a decimal
	Parameter string        `json:"parameter"` // 宏观审慎调节参数, a decimal
	Headroom  Headroom      `json:"headroom"`
	Facts     BorrowerFacts `json:"facts"`
}

// LimitChanged says that the limit, or what the balance weighs, has become another.
type LimitChanged struct {
	Because     string   `json:"because"` // statement or rules
	LimitBefore Money    `json:"limit_before"`
	Headroom    Headroom `json:"headroom"`
}

// FXRate is a published exchange rate (汇率): units of the rule set's currency for one unit of the contract's. Rate is a decimal
// string with at most 6 digits before the point and 10 after it.
type FXRate struct {
	Rate   string `json:"rate"`
	Source string `json:"source"`
	Day    Date   `json:"day"`
}

// Registration is the NDRC's of medium and long-term foreign debt (中长期外债审核登记).
type Registration struct {
	Number string `json:"number"`
	Day    Date   `json:"day"`
}

// FileContract asks to file a contract (签约备案) of cross-border borrowing.
type FileContract struct {
	Contract      string        `json:"contract"`
	Lender        string        `json:"lender"`
	LenderCountry string        `json:"lender_country"` // ISO 3166-1, two letters
	Category      string        `json:"category"`       // on_balance or contingent, as the rule set has them
	Amount        Money         `json:"amount"`         // principal; of a revolving contract the highest balance
	Starts        Date          `json:"starts"`
	Matures       Date          `json:"matures"`
	Revolving     bool          `json:"revolving,omitempty"`
	Registration  *Registration `json:"registration,omitempty"`
	Rate          *FXRate       `json:"rate,omitempty"` // of a contract in a foreign currency
}

// ContractFiled records a contract and what it would weigh if it were drawn in full at the rate given.
type ContractFiled struct {
	FileContract
	Weight   Money    `json:"weight"`
	Headroom Headroom `json:"headroom"`
}

// DrawContract takes a part of a contract (提款), at the rate of the day.
type DrawContract struct {
	Contract string  `json:"contract"`
	Draw     string  `json:"draw"` // unique in its contract
	Amount   Money   `json:"amount"`
	Rate     *FXRate `json:"rate,omitempty"`
}

// Drawn records it.
type Drawn struct {
	DrawContract
	Outstanding Money    `json:"outstanding"` // of the contract, afterwards
	Headroom    Headroom `json:"headroom"`
}

// RepayContract returns principal of one draw (还款).
type RepayContract struct {
	Contract string `json:"contract"`
	Draw     string `json:"draw"`
	Amount   Money  `json:"amount"`
}

// Repaid records it.
type Repaid struct {
	RepayContract
	Outstanding Money    `json:"outstanding"` // of the contract, afterwards
	Headroom    Headroom `json:"headroom"`
}

// ExtendContract moves the last day of a contract (展期).
type ExtendContract struct {
	Contract     string        `json:"contract"`
	Matures      Date          `json:"matures"`
	Registration *Registration `json:"registration,omitempty"`
}

// ContractExtended records it.
type ContractExtended struct {
	ExtendContract
	MaturesBefore Date     `json:"matures_before"`
	Headroom      Headroom `json:"headroom"`
}

// ContractRef names a contract of the borrower.
type ContractRef struct {
	Contract string `json:"contract"`
}

// ContractReason says of a contract why, for people.
type ContractReason struct {
	Contract string `json:"contract"`
	Reason   string `json:"reason"`
	Document string `json:"document,omitempty"`
}
