package events

// Context policy: the dated rules that decisions are made by (政策规则). The subject of its commands and events is what the rules are
// about: crossborder, bond, matching.
const (
	TypeAdoptRuleSet   = "jieli.policy.adopt.v1"
	TypeRuleSetAdopted = "jieli.policy.rule_set_adopted.v1"
	TypeRuleSetClosed  = "jieli.policy.rule_set_closed.v1"
	TypeRuleChanged    = "jieli.policy.rule_changed.v1"
)

// AdoptRuleSet enters a rule file (采纳规则).
type AdoptRuleSet struct {
	ID      string `json:"id"`      // subject and first day: crossborder.2025-01-13
	Content string `json:"content"` // the file as it is, at most 64 KiB
}

// RuleSetAdopted holds a rule file from now on (规则已采纳).
type RuleSetAdopted struct {
	ID            string `json:"id"`
	Hash          string `json:"hash"` // SHA-256 of Content, hexadecimal
	EffectiveFrom Date   `json:"effective_from"`
	EffectiveTo   Date   `json:"effective_to,omitempty"` // last day, included
	Document      string `json:"document"`
	Confidence    string `json:"confidence"` // confirmed or unconfirmed
	Content       string `json:"content"`
}

// RuleSetClosed gives a rule set that was open-ended its last day, included.
type RuleSetClosed struct {
	ID          string `json:"id"`
	EffectiveTo Date   `json:"effective_to"`
}

// RuleChanged says what differs where one rule set follows another (规则变更).
type RuleChanged struct {
	Before        string       `json:"before"`
	After         string       `json:"after"`
	EffectiveFrom Date         `json:"effective_from"`
	Changes       []RuleChange `json:"changes"`
	Omitted       int          `json:"omitted,omitempty"` // changes beyond those listed
}

// RuleChange is one value before and after, as JSON; "" where there is none.
type RuleChange struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}
