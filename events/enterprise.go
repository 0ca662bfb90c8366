package events

// Context enterprise: the registry of technology enterprises (科技型企业).
const (
	TypeRegisterEnterprise   = "jieli.enterprise.register.v1"
	TypeProfileEnterprise    = "jieli.enterprise.profile.v1"
	TypeTitleEnterprise      = "jieli.enterprise.title.v1"
	TypeExpireTitle          = "jieli.enterprise.expire_title.v1"
	TypeAuthoriseUser        = "jieli.enterprise.authorise.v1"
	TypeRevokeAuthorisation  = "jieli.enterprise.revoke_authorisation.v1"
	TypeConsent              = "jieli.enterprise.consent.v1"
	TypeWithdrawConsent      = "jieli.enterprise.withdraw_consent.v1"
	TypeSuspendEnterprise    = "jieli.enterprise.suspend.v1"
	TypeReinstateEnterprise  = "jieli.enterprise.reinstate.v1"
	TypeEraseContact         = "jieli.enterprise.erase_contact.v1"
	TypeEnterpriseRegistered = "jieli.enterprise.registered.v1"
	TypeEnterpriseProfiled   = "jieli.enterprise.profiled.v1"
	TypeEnterpriseTitled     = "jieli.enterprise.titled.v1"
	TypeTitleExpired         = "jieli.enterprise.title_expired.v1"
	TypeUserAuthorised       = "jieli.enterprise.authorised.v1"
	TypeAuthorisationRevoked = "jieli.enterprise.authorisation_revoked.v1"
	TypeConsented            = "jieli.enterprise.consented.v1"
	TypeConsentWithdrawn     = "jieli.enterprise.consent_withdrawn.v1"
	TypeEnterpriseSuspended  = "jieli.enterprise.suspended.v1"
	TypeEnterpriseReinstated = "jieli.enterprise.reinstated.v1"
	TypeContactErased        = "jieli.enterprise.contact_erased.v1"
)

// Schemes of an enterprise id.
const (
	SchemeUSCC    = "uscc"    // unified social credit code (统一社会信用代码, GB 32100-2015)
	SchemePrivate = "private" // an id of our own for an enterprise whose code is not known; begins with "x-"
)

// Override lets a named document stand in for a check digit that does not hold (real codes of early pilots).
type Override struct {
	Document string `json:"document"` // number or name of the document, 1 to 200 characters
	Reason   string `json:"reason"`
}

// Contact is personal data (联系人). It never enters the ledger: the edge puts it into the erasable store and hands on a ContactRef.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
}

// ContactRef points into the erasable store: Hash is a keyed hash of the content, useless once the key is erased with it.
type ContactRef struct {
	Ref  string `json:"ref"`
	Hash string `json:"hash"`
}

// RegisterEnterprise asks to enter an enterprise. The command's subject is ID.
type RegisterEnterprise struct {
	ID       string    `json:"id"`
	Scheme   string    `json:"scheme,omitempty"` // uscc (default) or private
	Name     string    `json:"name"`
	Region   string    `json:"region"`   // GB/T 2260, 6 digits
	Industry string    `json:"industry"` // GB/T 4754-2017 with section letter: I, I65, I651, I6513
	Founded  Date      `json:"founded,omitempty"`
	Stage    string    `json:"stage,omitempty"`  // codes/stages.json
	Focus    []string  `json:"focus,omitempty"`  // codes/focus_areas.json (重点领域)
	Listed   string    `json:"listed,omitempty"` // market and code of a listed company, e.g. "SSE-STAR:688001"
	Override *Override `json:"override,omitempty"`
	Contact  *Contact  `json:"contact,omitempty"`
}

// EnterpriseRegistered records it.
type EnterpriseRegistered struct {
	ID       string      `json:"id"`
	Scheme   string      `json:"scheme"`
	Name     string      `json:"name"`
	Region   string      `json:"region"`
	Industry string      `json:"industry"`
	Founded  Date        `json:"founded,omitempty"`
	Stage    string      `json:"stage,omitempty"`
	Focus    []string    `json:"focus,omitempty"`
	Listed   string      `json:"listed,omitempty"`
	Override *Override   `json:"override,omitempty"`
	Contact  *ContactRef `json:"contact,omitempty"`
}

// Profile is the set of financial and staff facts of one fiscal year. The command and the event carry the same facts.
type Profile struct {
	FiscalYear int    `json:"fiscal_year"` // 2000 to 2100
	Employees  int    `json:"employees"`
	RDStaff    int    `json:"rd_staff,omitempty"`
	Revenue    *Money `json:"revenue,omitempty"`
	RDExpense  *Money `json:"rd_expense,omitempty"`
	Assets     *Money `json:"assets,omitempty"`
	Stage      string `json:"stage,omitempty"`
	Patents    int    `json:"patents,omitempty"` // invention patents in the main business

	SoftwareCopyrights int    `json:"software_copyrights,omitempty"` // in the main business
	TechRevenue        *Money `json:"tech_revenue,omitempty"`        // part of Revenue
	Liabilities        *Money `json:"liabilities,omitempty"`
}

// Title is a dated fact (资质) with its certificate. Valid from the first instant of ValidFrom to the end of ValidTo, Beijing time.
// The command and the event carry the same facts.
type Title struct {
	Title       string `json:"title"` // codes/titles.json
	Certificate string `json:"certificate"`
	Issuer      string `json:"issuer"`
	ValidFrom   Date   `json:"valid_from"`
	ValidTo     Date   `json:"valid_to"`
}

// TitleRef names one title of an enterprise (expire_title, title_expired).
type TitleRef struct {
	Title       string `json:"title"`
	Certificate string `json:"certificate"`
	ValidTo     Date   `json:"valid_to"`
}

// Authorisation lets a user (a pseudonym, never a name) act for an enterprise between two days, both included.
type Authorisation struct {
	User  string `json:"user"`
	Role  string `json:"role"` // owner, finance or agent
	From  Date   `json:"from"`
	Until Date   `json:"until"`
}

// UserRef names a user.
type UserRef struct {
	User string `json:"user"`
}

// Consent lets data be used for one purpose until a day.
type Consent struct {
	Purpose string `json:"purpose"` // matching, statistics, evidence_sharing, marketing
	Until   Date   `json:"until"`
}

// ConsentRef names a purpose.
type ConsentRef struct {
	Purpose string `json:"purpose"`
}

// Reason says why, for people; Document names the paper it rests on.
type Reason struct {
	Reason   string `json:"reason"`
	Document string `json:"document,omitempty"`
}
