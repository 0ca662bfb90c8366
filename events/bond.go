package events

// Context bond: the green channel of technology-innovation bonds (科技创新债券绿色通道).
const (
	TypeApplyBond       = "jieli.bond.apply.v1"
	TypeResubmitBond    = "jieli.bond.resubmit.v1"
	TypeTriageBond      = "jieli.bond.triage.v1"
	TypeDockBond        = "jieli.bond.dock.v1"
	TypeEnhanceBond     = "jieli.bond.enhance.v1"
	TypeRateBond        = "jieli.bond.rate.v1"
	TypeFileBond        = "jieli.bond.file.v1"
	TypeRegisterBond    = "jieli.bond.register.v1"
	TypeIssueBond       = "jieli.bond.issue.v1"
	TypeReturnBond      = "jieli.bond.return.v1"
	TypeRejectBond      = "jieli.bond.reject.v1"
	TypeWithdrawBond    = "jieli.bond.withdraw.v1"
	TypeBondApplied     = "jieli.bond.applied.v1"
	TypeBondResubmitted = "jieli.bond.resubmitted.v1"
	TypeBondTriaged     = "jieli.bond.triaged.v1"
	TypeBondDocked      = "jieli.bond.docked.v1"
	TypeBondEnhanced    = "jieli.bond.enhanced.v1"
	TypeBondRated       = "jieli.bond.rated.v1"
	TypeBondFiled       = "jieli.bond.filed.v1"
	TypeBondRegistered  = "jieli.bond.registered.v1"
	TypeBondIssued      = "jieli.bond.issued.v1"
	TypeBondReturned    = "jieli.bond.returned.v1"
	TypeBondRejected    = "jieli.bond.rejected.v1"
	TypeBondWithdrawn   = "jieli.bond.withdrawn.v1"
)

// BondPrefix begins the id of every bond application and of no demand: both are matched, and recommendations name them by id alone.
const BondPrefix = "bond:"

// Issuer kinds (发行主体类别) of the notice of the People's Bank and the securities regulator, 2025 no. 8.
const (
	IssuerFinancial  = "financial_institution" // 金融机构: a party
	IssuerTechnology = "technology_firm"       // 科技型企业: an enterprise
	IssuerInvestor   = "equity_investor"       // 股权投资机构: a party
)

// Venues (发行场所).
const (
	VenueInterbank = "interbank" // 银行间市场
	VenueExchange  = "exchange"  // 交易所市场
)

// ProceedsShare is a part of the proceeds (募集资金用途) in 0.01 %; the shares of a bond sum to 10,000.
type ProceedsShare struct {
	Use     string `json:"use"` // codes/uses.json
	ShareBP int    `json:"share_bp"`
}

// BondTerms is what an issuer applies for.
type BondTerms struct {
	Venue      string          `json:"venue"`
	Instrument string          `json:"instrument"`         // codes/instruments.json, of the capital-market leg
	Amount     Money           `json:"amount"`             // principal to be issued
	TenorDays  int             `json:"tenor_days"`         // 1 to 18,300
	Category   string          `json:"category,omitempty"` // none: of the issuer itself
	Proceeds   []ProceedsShare `json:"proceeds"`
	Title      string          `json:"title,omitempty"` // one line for people
}

// ApplyBond asks for the green channel. The command's subject is ID.
type ApplyBond struct {
	ID         string `json:"id"`     // begins with BondPrefix
	Issuer     string `json:"issuer"` // a technology firm's enterprise id, else a party's
	IssuerKind string `json:"issuer_kind"`
	BondTerms
	Source string `json:"source,omitempty"`
}

// BondApplied records an application with the facts of its issuer: of the enterprise or of the party.
type BondApplied struct {
	ID         string `json:"id"`
	Issuer     string `json:"issuer"`
	IssuerKind string `json:"issuer_kind"`
	BondTerms
	Source     string           `json:"source,omitempty"`
	Enterprise *EnterpriseFacts `json:"enterprise,omitempty"`
	Party      *PartyFacts      `json:"party,omitempty"`
}

// ResubmitBond answers a return with new terms; the course begins again at the triage.
type ResubmitBond struct {
	BondTerms
}

// BondResubmitted records it with the facts of that moment.
type BondResubmitted struct {
	BondTerms
	Enterprise *EnterpriseFacts `json:"enterprise,omitempty"`
	Party      *PartyFacts      `json:"party,omitempty"`
}

// ClauseResult is one condition of a gate as it was judged.
type ClauseResult struct {
	Clause  string `json:"clause"`
	Needed  string `json:"needed"`          // the bound, for people and machines: "30", "high_tech little_giant", "60000000.00 CNY"
	Found   string `json:"found,omitempty"` // what the issuer has; none: not known
	Passed  bool   `json:"passed"`
	Missing int64  `json:"missing,omitempty"` // by how much it fails, in the clause's unit: pieces, 0.01 %, days, minor units
}

// BondTriage is the judgement of an application by the rules of a day (分诊).
type BondTriage struct {
	AsOf     Date           `json:"as_of"`    // Beijing day whose rules and facts count
	RuleSet  string         `json:"rule_set"` // id of the rule set
	RuleHash string         `json:"rule_hash"`
	Gate     string         `json:"gate,omitempty"` // the clause that opens the gate; none where none does, or where all are needed
	Clauses  []ClauseResult `json:"clauses"`
	Proceeds *BondProceeds  `json:"proceeds,omitempty"` // none: no rule speaks of them
	Position string         `json:"position"`           // of the issuer's ledger
	Version  uint64         `json:"version"`            // of the issuer
}

// DockBond names the underwriter's offer.
type DockBond struct {
	Offer string `json:"offer"`
}

// BondDocked records the underwriter (主承销商).
type BondDocked struct {
	Offer        string `json:"offer"`
	OfferVersion uint64 `json:"offer_version"`
	Party        string `json:"party"`
	PartyName    string `json:"party_name"`
}

// BondEnhancement is a credit enhancement (增信). The command and the event carry the same facts.
type BondEnhancement struct {
	Kind     string `json:"kind"`     // guarantee, crmw or risk_sharing_tool
	Provider string `json:"provider"` // party
	Amount   Money  `json:"amount"`   // covered
	Document string `json:"document,omitempty"`
}

// BondRating is a rating of the bond (评级). The command and the event carry the same facts.
type BondRating struct {
	Agency  string `json:"agency"` // party
	Rating  string `json:"rating"` // AAA to C
	Outlook string `json:"outlook"`
	RatedOn Date   `json:"rated_on"`
	ValidTo Date   `json:"valid_to,omitempty"` // last day; none: as long as the rules say
	Report  string `json:"report,omitempty"`   // its number
}

// BondFiling is the filing with the venue (申报). The command and the event carry the same facts.
type BondFiling struct {
	Number  string      `json:"number"`
	FiledOn Date        `json:"filed_on"`
	Report  *BondReport `json:"report,omitempty"`
}

// BondRegistration is the registration by the venue or regulator (注册). The command and the event carry the same facts.
type BondRegistration struct {
	Number       string `json:"number"`
	RegisteredOn Date   `json:"registered_on"`
	ValidTo      Date   `json:"valid_to"` // last day on which it may be issued under it
}

// BondIssue is the issue (发行). The command and the event carry the same facts.
type BondIssue struct {
	Amount    Money `json:"amount"`
	CouponBP  int   `json:"coupon_bp"` // annual, 0.01 %
	IssuedOn  Date  `json:"issued_on"`
	MaturesOn Date  `json:"matures_on"`
}

// ReturnBond sends an application back to its issuer (退回补正).
type ReturnBond struct {
	Reasons  []string `json:"reasons"` // codes/return_reasons.json
	Reason   string   `json:"reason"`  // for people
	Document string   `json:"document,omitempty"`
}

// BondReturned records it; Triage is there when the rules themselves sent it back.
type BondReturned struct {
	Reasons  []string    `json:"reasons"`
	Reason   string      `json:"reason"`
	Document string      `json:"document,omitempty"`
	From     string      `json:"from"` // stage it was in
	Triage   *BondTriage `json:"triage,omitempty"`
}
