package contracts_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

func TestEveryTypeHasASchemaAndEverySchemaAType(t *testing.T) {
	tr := loadTree(t, contracts.Schemas())
	types := map[string]bool{}
	for _, e := range events.Catalog {
		name := schemaName(e.Type)
		if types[name] {
			t.Errorf("%s is twice in the catalogue", e.Type)
		}
		types[name] = true
		if tr[name] == nil {
			t.Errorf("%s has no schema", e.Type)
		}
		context, what := events.SplitType(e.Type)
		if !events.IsContext(context) {
			t.Errorf("%s: %q is no context", e.Type, context)
		}
		if _, err := contracts.Schema(context, what); err != nil {
			t.Error(err)
		}
		if e.Internal && e.Kind != events.Command {
			t.Errorf("%s: only commands can be internal", e.Type)
		}
	}
	for name, n := range tr {
		if !strings.HasPrefix(name, "defs/") && !types[name] {
			t.Errorf("schema %s has no type in events.Catalog", name)
		}
		if id, _ := n["$id"].(string); nameOf(t, id) != name {
			t.Errorf("%s has the id %s", name, id)
		}
	}
	if _, err := contracts.Schema("demand", "imagined"); err == nil {
		t.Error("a schema that does not exist was found")
	}
	if id := tr["demand/published"]["$id"]; id != contracts.SchemaID("demand", "published") {
		t.Errorf("SchemaID and $id differ: %v", id)
	}
	compileAll(t, tr)
}

func TestEveryDefinitionIsUsed(t *testing.T) {
	tr := loadTree(t, contracts.Schemas())
	used := map[string]bool{}
	for _, n := range tr {
		walk(n, "", func(_ string, n node) {
			if id, ok := n["$ref"].(string); ok {
				used[nameOf(t, id)] = true
			}
		})
	}
	for name := range tr {
		if strings.HasPrefix(name, "defs/") && !used[name] {
			t.Errorf("%s is not used by any schema", name)
		}
	}
}

// walk visits a schema and every schema written inside it, with its JSON pointer.
func walk(n node, at string, visit func(at string, n node)) {
	visit(at, n)
	for name, p := range n.properties() {
		walk(p, at+"/properties/"+name, visit)
	}
	for _, p := range n.patterns() {
		walk(p, at+"/patternProperties", visit)
	}
	if c, ok := n.child("items"); ok {
		walk(c, at+"/items", visit)
	}
}

// keywords are all that a schema may use: validators and the release check know each of them.
var keywords = strings.Fields(`$schema $id $ref title x-title-zh description x-dataclass type properties required
	additionalProperties patternProperties items enum pattern minLength maxLength minimum maximum minItems maxItems uniqueItems
	minProperties maxProperties`)

func TestSchemasAreClosedBoundedAndDescribed(t *testing.T) {
	tr := loadTree(t, contracts.Schemas())
	for name, n := range tr {
		for _, keyword := range []string{"$schema", "title", "x-title-zh", "description"} {
			if s, _ := n[keyword].(string); s == "" {
				t.Errorf("%s has no %s", name, keyword)
			}
		}
		if d, _ := n["description"].(string); !chinese(d) {
			t.Errorf("%s: the description has no Chinese sentence", name)
		}
		walk(n, "", func(at string, n node) {
			for keyword := range n {
				if !slices.Contains(keywords, keyword) {
					t.Errorf("%s%s: keyword %s is not one of ours", name, at, keyword)
				}
			}
			checkBounds(t, name+at, n)
			for p, property := range n.properties() {
				d, _ := property["description"].(string)
				if d == "" || !chinese(d) {
					t.Errorf("%s%s: property %s is not described in English and Chinese", name, at, p)
				}
				if class, ok := property["x-dataclass"].(float64); !ok || class < 1 || class > 5 || class != float64(int(class)) {
					t.Errorf("%s%s: property %s has no x-dataclass from 1 to 5", name, at, p)
				}
			}
		})
	}
}

func checkBounds(t *testing.T, at string, n node) {
	t.Helper()
	has := func(keywords ...string) {
		t.Helper()
		for _, k := range keywords {
			if _, ok := n[k]; !ok {
				t.Errorf("%s: %v without %s", at, n["type"], k)
			}
		}
	}
	switch n["type"] {
	case "object":
		if n["additionalProperties"] != false {
			t.Errorf("%s: an object that takes any field", at)
		}
		if len(n.patterns()) > 0 {
			has("maxProperties")
		}
		props := n.properties()
		for _, r := range n.required() {
			if _, ok := props[r]; !ok {
				t.Errorf("%s: %s is required and not a property", at, r)
			}
		}
	case "array":
		has("items", "maxItems")
	case "string":
		if _, ok := n["enum"]; !ok {
			has("pattern", "maxLength", "minLength")
		}
	case "integer":
		has("minimum", "maximum")
	case "boolean":
	case nil:
		has("$ref")
	default:
		t.Errorf("%s: type %v is not used here: money and fractions are strings or integers", at, n["type"])
	}
}

func chinese(s string) bool {
	for _, r := range s {
		if r >= 0x4e00 && r <= 0x9fff {
			return true
		}
	}
	return false
}

// maxClass is the highest data class (JR/T 0197) of a schema's fields, at least 1: that something happened is a datum too.
func (tr tree) maxClass(t *testing.T, n node) int {
	n = tr.resolve(t, n)
	highest := 1
	for _, p := range n.properties() {
		class, _ := p["x-dataclass"].(float64)
		highest = max(highest, int(class), tr.maxClass(t, p))
	}
	if items, ok := n.child("items"); ok {
		highest = max(highest, tr.maxClass(t, items))
	}
	return highest
}

func TestDataClassesOfTheCatalogue(t *testing.T) {
	tr := loadTree(t, contracts.Schemas())
	for _, e := range events.Catalog {
		want := 0 // commands are not shared
		if e.Kind == events.Fact {
			want = tr.maxClass(t, tr[schemaName(e.Type)])
			if want >= 4 {
				t.Errorf("%s: class %d may enter the ledger by reference only", e.Type, want)
			}
		}
		if e.DataClass != want {
			t.Errorf("%s has data class %d in events.Catalog, its schema says %d", e.Type, e.DataClass, want)
		}
	}
}

func TestEmbeddedFilesStaySmall(t *testing.T) {
	const maxBytes = 1 << 20
	total := 0
	for _, files := range []fs.FS{contracts.Schemas(), contracts.Rules()} {
		err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			b, err := fs.ReadFile(files, path)
			total += len(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if total > maxBytes {
		t.Errorf("%d bytes of schemas and rules are carried by every program, more than %d", total, maxBytes)
	}
}
