package events

// Context party: institutions, departments, alliances, organisers (机构、部门、联盟、路演组织方).
const (
	TypeRegisterParty      = "jieli.party.register.v1"
	TypeLicenseParty       = "jieli.party.license.v1"
	TypeRevokeLicence      = "jieli.party.revoke_licence.v1"
	TypeAddUnit            = "jieli.party.add_unit.v1"
	TypeCloseUnit          = "jieli.party.close_unit.v1"
	TypeAddKey             = "jieli.party.add_key.v1"
	TypeRevokeKey          = "jieli.party.revoke_key.v1"
	TypeJoinParty          = "jieli.party.join.v1"
	TypeLeaveParty         = "jieli.party.leave.v1"
	TypeSuspendParty       = "jieli.party.suspend.v1"
	TypeReinstateParty     = "jieli.party.reinstate.v1"
	TypeErasePartyContact  = "jieli.party.erase_contact.v1"
	TypePartyRegistered    = "jieli.party.registered.v1"
	TypePartyLicensed      = "jieli.party.licensed.v1"
	TypeLicenceRevoked     = "jieli.party.licence_revoked.v1"
	TypeUnitAdded          = "jieli.party.unit_added.v1"
	TypeUnitClosed         = "jieli.party.unit_closed.v1"
	TypeKeyAdded           = "jieli.party.key_added.v1"
	TypeKeyRevoked         = "jieli.party.key_revoked.v1"
	TypePartyJoined        = "jieli.party.joined.v1"
	TypePartyLeft          = "jieli.party.left.v1"
	TypePartySuspended     = "jieli.party.suspended.v1"
	TypePartyReinstated    = "jieli.party.reinstated.v1"
	TypePartyContactErased = "jieli.party.contact_erased.v1"
)

// Licence is a dated right to do a kind of business (codes/licences.json).
type Licence struct {
	Licence   string `json:"licence"`
	Number    string `json:"number"`
	ValidFrom Date   `json:"valid_from"`
	ValidTo   Date   `json:"valid_to,omitempty"` // none: until revoked
}

// LicenceRef names a licence of a party.
type LicenceRef struct {
	Licence string `json:"licence"`
	Number  string `json:"number"`
	Reason  string `json:"reason,omitempty"`
}

// RegisterParty asks to enter a party. The command's subject is ID. Members belong to alliances (联盟) only.
type RegisterParty struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"` // codes/party_kinds.json
	Name     string    `json:"name"`
	USCC     string    `json:"uscc,omitempty"`
	Region   string    `json:"region,omitempty"` // head office
	Licences []Licence `json:"licences,omitempty"`
	Members  []string  `json:"members,omitempty"`
	Contact  *Contact  `json:"contact,omitempty"`
}

// PartyRegistered records it.
type PartyRegistered struct {
	ID       string      `json:"id"`
	Kind     string      `json:"kind"`
	Name     string      `json:"name"`
	USCC     string      `json:"uscc,omitempty"`
	Region   string      `json:"region,omitempty"`
	Licences []Licence   `json:"licences,omitempty"`
	Members  []string    `json:"members,omitempty"`
	Contact  *ContactRef `json:"contact,omitempty"`
}

// Unit is a node of a party's tree: head office, branch, technology branch (科技支行), department, local office.
// AuthorityLimit is the largest amount the unit may offer or approve by itself; none means no limit of its own.
// A limit may not exceed the parent's.
type Unit struct {
	Unit           string `json:"unit"`
	Parent         string `json:"parent,omitempty"` // none: directly below the party
	Kind           string `json:"kind"`             // head_office, branch, technology_branch, department, local_office
	Name           string `json:"name"`
	Region         string `json:"region"`
	AuthorityLimit *Money `json:"authority_limit,omitempty"`
}

// UnitRef names a unit.
type UnitRef struct {
	Unit   string `json:"unit"`
	Reason string `json:"reason,omitempty"`
}

// Key is a public key with which a party signs.
type Key struct {
	KeyID     string `json:"key_id"`
	Algorithm string `json:"algorithm"` // ed25519 or sm2
	Public    string `json:"public"`    // base64 (standard, padded)
	ValidTo   Date   `json:"valid_to,omitempty"`
}

// KeyRef names a key.
type KeyRef struct {
	KeyID  string `json:"key_id"`
	Reason string `json:"reason,omitempty"`
}

// MemberRef names a member of an alliance.
type MemberRef struct {
	Member string `json:"member"`
}
