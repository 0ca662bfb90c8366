package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Status of an enterprise.
const (
	StatusActive    = "active"
	StatusSuspended = "suspended"
)

// Roles of a user who acts for an enterprise.
const (
	RoleOwner   = "owner"
	RoleFinance = "finance"
	RoleAgent   = "agent"
)

// Limits of one enterprise, in items.
const (
	ProfilesMax       = 40
	TitlesMax         = 100
	AuthorisationsMax = 200
	fiscalYearMin     = 2000
	FocusMax          = 16
)

// Purposes of a consent (授权用途).
var purposes = []string{"matching", "statistics", "evidence_sharing", "marketing"}

// Enterprise is a technology enterprise (科技型企业): state, snapshot form and read model in one. It is immutable: Evolve
// makes another.
type Enterprise struct {
	ID             string                 `json:"id"`
	Scheme         string                 `json:"scheme"` // uscc or private
	Name           string                 `json:"name"`
	Region         string                 `json:"region"`
	Industry       string                 `json:"industry"`
	Founded        events.Date            `json:"founded,omitempty"`
	Stage          string                 `json:"stage,omitempty"` // of the latest profile that states one, else of the registration
	Focus          []string               `json:"focus,omitempty"`
	Listed         string                 `json:"listed,omitempty"`
	Override       *events.Override       `json:"override,omitempty"`
	Contact        *events.ContactRef     `json:"contact,omitempty"`
	Status         string                 `json:"status"`
	Suspension     *events.Reason         `json:"suspension,omitempty"`
	Profiles       []events.Profile       `json:"profiles,omitempty"` // ascending by fiscal year, one a year
	Titles         []Title                `json:"titles,omitempty"`   // in the order they were recorded
	Authorisations []events.Authorisation `json:"authorisations,omitempty"`
	Consents       []events.Consent       `json:"consents,omitempty"`
	Registration   string                 `json:"registration"` // digest of what was registered: tells a repetition from another content
	CreatedAt      time.Time              `json:"created_at"`
	UpdatedAt      time.Time              `json:"updated_at"`
}

// Title is a dated title (资质) and whether its end has been recorded.
type Title struct {
	events.Title
	Expired bool `json:"expired,omitempty"`
}

// TitlesOn returns the titles that are valid on a Beijing day, both ends included.
func (e *Enterprise) TitlesOn(day events.Date) []events.Title {
	var valid []events.Title
	for _, t := range e.Titles {
		if !day.Before(t.ValidFrom) && !day.After(t.ValidTo) {
			valid = append(valid, t.Title)
		}
	}
	return valid
}

// RoleOn returns the role in which a user may act on a Beijing day, "" when he may not.
func (e *Enterprise) RoleOn(user string, day events.Date) string {
	for _, a := range e.Authorisations {
		if a.User == user && !day.Before(a.From) && !day.After(a.Until) {
			return a.Role
		}
	}
	return ""
}

// LatestProfile returns the profile of the latest fiscal year, nil when there is none.
func (e *Enterprise) LatestProfile() *events.Profile {
	if len(e.Profiles) == 0 {
		return nil
	}
	return &e.Profiles[len(e.Profiles)-1]
}

func (e *Enterprise) title(code, certificate string) (Title, bool) {
	i := slices.IndexFunc(e.Titles, func(t Title) bool { return t.Title.Title == code && t.Certificate == certificate })
	if i < 0 {
		return Title{}, false
	}
	return e.Titles[i], true
}

func (e *Enterprise) profile(year int) (int, bool) {
	return slices.BinarySearchFunc(e.Profiles, year, func(p events.Profile, y int) int { return p.FiscalYear - y })
}

func (e *Enterprise) authorisation(user string) int {
	return slices.IndexFunc(e.Authorisations, func(a events.Authorisation) bool { return a.User == user })
}

func (e *Enterprise) consent(purpose string) int {
	return slices.IndexFunc(e.Consents, func(c events.Consent) bool { return c.Purpose == purpose })
}

func (e *Enterprise) attributes() events.Attributes {
	return events.Attributes{Region: e.Region, Industry: e.Industry, Stage: e.Stage}
}

// Facts are what Prepare hands on: the reference of a contact that it has put away.
type Facts struct {
	Contact *events.ContactRef
}

// digest identifies the content of a registration. The contact is left out: its reference is new each time it is put away.
func digest(r *events.EnterpriseRegistered) string {
	content := *r
	content.Contact = nil
	b, err := json.Marshal(&content)
	if err != nil {
		return "" // cannot be: the type holds strings only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
