package party

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Status of a party.
const (
	StatusActive    = "active"
	StatusSuspended = "suspended"
)

// KindAlliance is the only kind of party that has members (联盟).
const KindAlliance = "alliance"

// Limits of one party. The byte limit keeps the document under the store's 1 MiB.
const (
	LicencesMax   = 64
	UnitsMax      = 5000
	UnitsBytesMax = 700 << 10 // all units as JSON
	DepthMax      = 6         // a unit directly below the party has depth 1
	KeysMax       = 50        // revoked ones included
	MembersMax    = 1000
)

// Kinds of units.
var unitKinds = []string{"head_office", "branch", "technology_branch", "department", "local_office"}

// Party is an institution, department, alliance or organiser: state, snapshot form and read model in one. It is immutable:
// Evolve makes another.
type Party struct {
	ID           string             `json:"id"`
	Kind         string             `json:"kind"`
	Name         string             `json:"name"`
	USCC         string             `json:"uscc,omitempty"`
	Region       string             `json:"region,omitempty"`
	Contact      *events.ContactRef `json:"contact,omitempty"`
	Status       string             `json:"status"`
	Suspension   *events.Reason     `json:"suspension,omitempty"`
	Licences     []events.Licence   `json:"licences,omitempty"` // not revoked; each dated
	Units        []*Unit            `json:"units,omitempty"`    // ascending by unit id
	Keys         []Key              `json:"keys,omitempty"`
	Members      []string           `json:"members,omitempty"` // ascending; of an alliance
	Registration string             `json:"registration"`      // digest of what was registered: tells a repetition from another content
	CreatedAt    time.Time          `json:"created_at"`
	UpdatedAt    time.Time          `json:"updated_at"`
}

// Unit is a node of the tree (总行、分行、科技支行……). A unit in the tree is never changed, only replaced.
type Unit struct {
	events.Unit
	Closed bool `json:"closed,omitempty"`
}

// Key is a public key and whether it has been revoked.
type Key struct {
	events.Key
	Revoked bool `json:"revoked,omitempty"`
}

// LicencesOn returns the licences that are valid on a Beijing day, both ends included.
func (p *Party) LicencesOn(day events.Date) []events.Licence {
	var valid []events.Licence
	for _, l := range p.Licences {
		if !day.Before(l.ValidFrom) && (l.ValidTo == "" || !day.After(l.ValidTo)) {
			valid = append(valid, l)
		}
	}
	return valid
}

// Unit finds a unit by its id, nil when there is none.
func (p *Party) Unit(id string) *Unit {
	i, ok := p.unit(id)
	if !ok {
		return nil
	}
	return p.Units[i]
}

// AuthorityLimit is the amount that binds a unit: its own limit, else that of the nearest unit above; nil when none has one.
func (p *Party) AuthorityLimit(unit string) *events.Money {
	for depth := 0; unit != "" && depth < DepthMax; depth++ {
		u := p.Unit(unit)
		if u == nil {
			return nil
		}
		if u.AuthorityLimit != nil {
			return u.AuthorityLimit
		}
		unit = u.Parent
	}
	return nil
}

func (p *Party) unit(id string) (int, bool) {
	return slices.BinarySearchFunc(p.Units, id, func(u *Unit, id string) int { return strings.Compare(u.Unit.Unit, id) })
}

// depth of a unit; 1 is directly below the party.
func (p *Party) depth(unit string) int {
	n := 0
	for unit != "" && n <= DepthMax {
		u := p.Unit(unit)
		if u == nil {
			break
		}
		n++
		unit = u.Parent
	}
	return n
}

func (p *Party) key(id string) int {
	return slices.IndexFunc(p.Keys, func(k Key) bool { return k.KeyID == id })
}

func (p *Party) licence(code, number string) int {
	return slices.IndexFunc(p.Licences, func(l events.Licence) bool { return l.Licence == code && l.Number == number })
}

// Facts are what Prepare hands on: the reference of a contact that it has put away.
type Facts struct {
	Contact *events.ContactRef
}

// digest identifies the content of a registration. The contact is left out: its reference is new each time it is put away.
func digest(r *events.PartyRegistered) string {
	content := *r
	content.Contact = nil
	b, err := json.Marshal(&content)
	if err != nil {
		return "" // cannot be: the type holds strings only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
