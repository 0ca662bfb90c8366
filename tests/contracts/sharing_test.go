package contracts_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

func TestDepartments(t *testing.T) {
	departments, err := contracts.Departments()
	if err != nil {
		t.Fatal(err)
	}
	schemas := compileAll(t, loadTree(t, contracts.Schemas()))
	var ids []string
	for _, d := range departments {
		ids = append(ids, d.ID)
		if !regexp.MustCompile(`^[a-z]{2,16}$`).MatchString(d.ID) || !chinese(d.Name) || d.NameEN == "" {
			t.Errorf("department %+v: id, name or English name", d.ID)
		}
		valid(t, schemas["party/register"].Validate, d.ID, map[string]any{"id": d.ID, "kind": d.Kind, "name": d.Name, "region": d.Region})
		if _, ok := codes.PartyKind(d.Kind); !ok {
			t.Errorf("%s: kind %s", d.ID, d.Kind)
		}
		seen := map[string]bool{}
		for _, u := range d.Units {
			valid(t, schemas["party/add_unit"].Validate, u.Unit, u)
			if _, ok := codes.Region(u.Region); !ok || seen[u.Unit] || !strings.HasPrefix(u.Unit, d.ID+"-") {
				t.Errorf("%s: unit %s is repeated, not named after its department, or of an unknown region", d.ID, u.Unit)
			}
			seen[u.Unit] = true
		}
	}
	if want := []string{"pboc", "most", "ndrc", "miit", "nfra", "csrc", "safe"}; !slices.Equal(ids, want) {
		t.Errorf("departments %v, the work plan has %v", ids, want)
	}
}

// valid checks a Go value, as JSON, with a schema.
func valid(t *testing.T, validate func(any) error, name string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(decodeAny(t, b)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func loadGrants(t *testing.T) []contracts.Grant {
	t.Helper()
	grants, err := contracts.DefaultGrants()
	if err != nil {
		t.Fatal(err)
	}
	return grants
}

func TestDefaultGrantsAreGrants(t *testing.T) {
	schema := compileAll(t, loadTree(t, contracts.Schemas()))["sharing/grant"]
	departments, err := contracts.Departments()
	if err != nil {
		t.Fatal(err)
	}
	granted, ids := map[string]bool{}, map[string]bool{}
	for _, g := range loadGrants(t) {
		if !slices.ContainsFunc(departments, func(d contracts.Department) bool { return d.ID == g.Department }) {
			t.Errorf("%s: no department %s", g.Grant, g.Department)
		}
		if ids[g.Grant] {
			t.Errorf("%s is twice in the list", g.Grant)
		}
		granted[g.Department], ids[g.Grant] = true, true
		department := g.Department
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		// The rest of the form is the payload of the command.
		b = bytes.Replace(b, []byte(`"department":"`+department+`",`), nil, 1)
		var grant events.Grant
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&grant); err != nil {
			t.Errorf("%s is no events.Grant: %v", g.Grant, err)
		}
		valid(t, schema.Validate, g.Grant, grant)
		if !strings.Contains(g.Basis, "2024-06-28") {
			t.Errorf("%s rests on %q", g.Grant, g.Basis)
		}
	}
	for _, d := range departments {
		if !granted[d.ID] {
			t.Errorf("%s has no default grant", d.ID)
		}
	}
}

// entered are default grants that installations have entered in their ledgers, with the hash of their content.
var entered = map[string]string{
	"pboc-default": "d25518c46cc711a7136c535d6f5952a22726be3231126dedd8224e550801f708",
	"most-default": "c0552d2defde70ad47015969c2fa3a370802c1ad076745be51895a7635232736",
	"ndrc-default": "3892c805d53a8917b3de9487f382d31676d7ec5811e9e1236eeb168e362e1c76",
	"miit-default": "e05815dd8035285c381cebe978ffe46d1dc46eae0f912ca2e7034a384368942a",
	"nfra-default": "532bbd4952a270899ac52c4e67078f656b5e0f0b7b17c3336f421a2af6c4b766",
	"csrc-default": "080a12f274792752e4dd257e89ee3c6e5ee7b38dc1078aba4762894de6bf9bd6",
	"safe-default": "817b84f3da4d3fba758dd04d53ca07b0d7f79be28b2c7bba1d530fc742d07d0c",
}

// TestDefaultGrantsAreNeverEdited: a ledger refuses a grant whose id it knows with other content, and with it the start of every
// installation that has the old one. What is shown in addition comes as a grant of its own.
func TestDefaultGrantsAreNeverEdited(t *testing.T) {
	have := map[string]string{}
	for _, g := range loadGrants(t) {
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		have[g.Grant] = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	for grant, hash := range entered {
		if have[grant] != hash {
			t.Errorf("%s was entered with the hash %s and is now %q", grant, hash, have[grant])
		}
	}
}

// at finds a field by its path and the highest data class on the way and below.
func (tr tree) at(t *testing.T, n node, path string) (class int, ok bool) {
	for step := range strings.SplitSeq(path, ".") {
		name, element := strings.CutSuffix(step, "[]")
		n = tr.resolve(t, n)
		p, found := n.properties()[name]
		if !found {
			return 0, false
		}
		c, _ := p["x-dataclass"].(float64)
		class, n = max(class, int(c)), p
		if element {
			items, isArray := tr.resolve(t, n).child("items")
			if !isArray {
				return 0, false
			}
			n = items
		}
	}
	return max(class, tr.maxClass(t, n)), true
}

// never is what no department sees by default, whatever its duty: words for people can hold anything, bounds of eligibility may
// be private to the institution, and figures of a firm's accounts need its consent.
var never = map[string][]string{
	"jieli.demand.published.v1":      {"title", "facts", "facts.revenue", "facts.rd_expense"},
	"jieli.demand.amended.v1":        {"title", "facts", "facts.revenue", "facts.rd_expense"},
	"jieli.offer.published.v1":       {"title", "eligibility", "appetite", "facts", "facts.authority_limit"},
	"jieli.offer.amended.v1":         {"title", "eligibility", "appetite", "facts", "facts.authority_limit"},
	"jieli.enterprise.registered.v1": {"contact", "override"},
	"jieli.enterprise.profiled.v1":   {"revenue", "rd_expense", "assets"},
	"jieli.party.registered.v1":      {"contact"},
	"jieli.enterprise.authorised.v1": {"user"},
	"jieli.match.recommended.v1":     {"offers", "positions"},
	"jieli.enterprise.consented.v1":  {"purpose"},
	"jieli.enterprise.suspended.v1":  {"reason"},
	"jieli.enterprise.reinstated.v1": {"reason"},
	"jieli.sharing.granted.v1":       {"types"},
	"jieli.crossborder.assessed.v1":  {"statement", "statement.net_assets", "declared", "facts"},
}

func TestGrantedFieldsExistAndAreFitToBeShown(t *testing.T) {
	tr := loadTree(t, contracts.Schemas())
	for _, g := range loadGrants(t) {
		for typ, fields := range g.Types {
			e, ok := events.Lookup(typ)
			if !ok || e.Kind != events.Fact {
				t.Errorf("%s: %s is no event", g.Grant, typ)
				continue
			}
			for _, field := range fields {
				class, ok := tr.at(t, tr[schemaName(typ)], field)
				if !ok {
					t.Errorf("%s: %s has no field %s", g.Grant, typ, field)
				}
				if class >= 4 {
					t.Errorf("%s: %s of %s has class %d", g.Grant, field, typ, class)
				}
				if slices.Contains(never[typ], field) {
					t.Errorf("%s: %s of %s is never shared by default", g.Grant, field, typ)
				}
			}
		}
	}
	if class, ok := tr.at(t, tr["enterprise/register"], "contact"); !ok || class != 4 {
		t.Errorf("a contact person has class %d; the check above would not see one", class)
	}
	for _, path := range []string{"offers.offer", "offers[].name", "amount[].currency", "offers[]..offer"} {
		if _, ok := tr.at(t, tr["match/recommended"], path); ok {
			t.Errorf("path %q was found", path)
		}
	}
}

func TestDepartmentsSeeWhatTheirDutyNeeds(t *testing.T) {
	const recommended = "jieli.match.recommended.v1"
	shown, types := map[string][]string{}, map[string]map[string][]string{}
	for _, g := range loadGrants(t) {
		if types[g.Department] == nil {
			types[g.Department] = map[string][]string{}
		}
		for typ, fields := range g.Types {
			if types[g.Department][typ] != nil {
				t.Errorf("%s: another grant of %s shows %s already: which fields are seen should be read in one place", g.Grant, g.Department, typ)
			}
			types[g.Department][typ] = fields
		}
	}
	for department, seen := range types {
		for _, core := range []string{"jieli.enterprise.registered.v1", "jieli.demand.published.v1", "jieli.offer.published.v1", recommended} {
			if len(seen[core]) == 0 {
				t.Errorf("%s does not see %s", department, core)
			}
		}
		shown[department] = slices.Sorted(slices.Values(seen[recommended]))
	}
	for department, want := range map[string]struct{ amount, party bool }{
		"pboc": {true, true}, "nfra": {true, true}, "csrc": {true, true},
		"most": {false, false}, "ndrc": {true, false}, "miit": {false, false}, "safe": {true, false},
	} {
		got := shown[department]
		if slices.Contains(got, "amount") != want.amount || slices.Contains(got, "offers[].party") != want.party {
			t.Errorf("%s sees %v of a recommendation, want amount %v, party %v", department, got, want.amount, want.party)
		}
	}
	for a, x := range shown {
		for b, y := range shown {
			if a < b && reflect.DeepEqual(x, y) {
				t.Errorf("%s and %s see the same of a recommendation", a, b)
			}
		}
	}
}
