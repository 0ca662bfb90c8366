package contracts

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

var (
	//go:embed sharing/departments.json
	departments []byte
	//go:embed sharing/grants.json
	grants []byte
	//go:embed sharing/party.json
	party []byte
)

// Department is a government department (政府部门) that takes part in sharing; it becomes a party of kind department.
type Department struct {
	ID     string `json:"id"` // a token of subjects and stream names: lower-case letters
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	NameEN string `json:"name_en"`
	Region string `json:"region"` // of its seat
	Units  []Unit `json:"units"`
}

// Unit is a local office (地方派出机构或地方主管部门) of a department; the form is that of the command jieli.party.add_unit.v1.
type Unit struct {
	Unit   string `json:"unit"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Region string `json:"region"`
}

// Grant is what a department may see from the start; without Department it is the payload of jieli.sharing.grant.v1.
type Grant struct {
	Department string              `json:"department"`
	Grant      string              `json:"grant"`
	Purpose    string              `json:"purpose"`
	Basis      string              `json:"basis"`
	Regions    []string            `json:"regions,omitempty"`
	Types      map[string][]string `json:"types"` // event type -> paths of fields
	Own        bool                `json:"own,omitempty"`
	Until      string              `json:"until,omitempty"`
}

// Departments lists the seven departments of the work plan of 2024-06-28.
func Departments() ([]Department, error) { return decode[Department]("departments", departments) }

// DefaultGrants lists the grants that a new installation begins with: allow-lists of fields, at least one grant a department.
func DefaultGrants() ([]Grant, error) { return decode[Grant]("grants", grants) }

// PartyGrants lists what every party that has credentials may see: what names itself, and no other department's grant.
func PartyGrants() ([]Grant, error) { return decode[Grant]("party", party) }

func decode[T any](name string, b []byte) ([]T, error) {
	var list []T
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("contracts: sharing/%s.json: %w", name, err)
	}
	return list, nil
}
