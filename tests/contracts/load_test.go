package contracts_test

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// node is one (sub)schema as it is written.
type node map[string]any

// tree is every schema of a folder by its path without ending: "demand/published", "defs/money".
type tree map[string]node

func loadTree(t *testing.T, files fs.FS) tree {
	t.Helper()
	out := tree{}
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, ok := strings.CutSuffix(path, ".v1.json")
		if !ok || strings.Count(path, "/") != 1 {
			t.Errorf("%s is not <context>/<what>.v1.json", path)
			return nil
		}
		b, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if err := events.CheckJSON(b, 64); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var n node
		if err := json.Unmarshal(b, &n); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		out[name] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// nameOf is the path in the tree of a schema id: urn:jieli:schema:defs:money:v1 is defs/money.
func nameOf(t *testing.T, id string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(id, contracts.SchemaPrefix)
	name, version := strings.CutSuffix(rest, ":v1")
	if !ok || !version {
		t.Fatalf("%q is not %s<context>:<what>:v1", id, contracts.SchemaPrefix)
	}
	return strings.Replace(name, ":", "/", 1)
}

// resolve follows a $ref, if there is one.
func (tr tree) resolve(t *testing.T, n node) node {
	t.Helper()
	for {
		id, ok := n["$ref"].(string)
		if !ok {
			return n
		}
		target, ok := tr[nameOf(t, id)]
		if !ok {
			t.Fatalf("$ref to %s, which does not exist", id)
		}
		n = target
	}
}

func (n node) properties() map[string]node { return n.schemas("properties") }

func (n node) patterns() map[string]node { return n.schemas("patternProperties") }

func (n node) schemas(keyword string) map[string]node {
	out := map[string]node{}
	props, _ := n[keyword].(map[string]any)
	for name, p := range props {
		out[name] = p.(map[string]any)
	}
	return out
}

func (n node) child(keyword string) (node, bool) {
	c, ok := n[keyword].(map[string]any)
	return c, ok
}

func (n node) required() []string {
	list, _ := n["required"].([]any)
	var out []string
	for _, v := range list {
		out = append(out, v.(string))
	}
	slices.Sort(out)
	return out
}

// schemaName is where the schema of a type is: "demand/published".
func schemaName(typ string) string {
	context, what := events.SplitType(typ)
	return context + "/" + what
}

// compileAll compiles every schema under its $id.
func compileAll(t *testing.T, tr tree) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	for name, n := range tr {
		if err := c.AddResource(n["$id"].(string), map[string]any(n)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	out := map[string]*jsonschema.Schema{}
	for name, n := range tr {
		s, err := c.Compile(n["$id"].(string))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = s
	}
	return out
}
