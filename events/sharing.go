package events

// Context sharing: who may see what (信息共享).
const (
	TypeGrant        = "jieli.sharing.grant.v1"
	TypeRevokeGrant  = "jieli.sharing.revoke_grant.v1"
	TypeGranted      = "jieli.sharing.granted.v1"
	TypeGrantRevoked = "jieli.sharing.grant_revoked.v1"
)

// Cut is the first commit of a context's ledger that a grant change governs, by its sequence in the ledger stream, which grows
// over all partitions. A context without a cut is governed from the beginning.
type Cut struct {
	Context  string `json:"context"`
	Sequence uint64 `json:"sequence"`
}

// Grant lets a department see the named fields of the named event types. Fields are paths into the payload
// ("amount", "facts.region"; "offers[].offer"); what is not listed is absent. The command's subject is the department.
// Own narrows it to what names the recipient itself: events whose "party" it is, and of their lists whose items name a party, its own
// items. Cuts are filled in by the sharing service, never by a client.
type Grant struct {
	Grant   string              `json:"grant"`
	Purpose string              `json:"purpose"`
	Basis   string              `json:"basis"`             // the paper it rests on
	Regions []string            `json:"regions,omitempty"` // only events of these regions or below; none: the whole country
	Types   map[string][]string `json:"types"`             // event type -> fields
	Own     bool                `json:"own,omitempty"`
	Until   Date                `json:"until,omitempty"`
	Cuts    []Cut               `json:"cuts,omitempty"`
}

// GrantRef ends a grant.
type GrantRef struct {
	Grant  string `json:"grant"`
	Reason string `json:"reason"`
	Cuts   []Cut  `json:"cuts,omitempty"`
}
