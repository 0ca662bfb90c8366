package contracts_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

func TestOpenAPIIsWhatTheRoutesGive(t *testing.T) {
	doc, err := allinone.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(doc, contracts.OpenAPI()) {
		t.Fatal("contracts/openapi.yaml is not what the routes give: run make generate")
	}
}

// openAPI is the part of the document that these tests judge.
type openAPI struct {
	OpenAPI string                          `yaml:"openapi"`
	Paths   map[string]map[string]operation `yaml:"paths"`
}

type operation struct {
	ID          string           `yaml:"operationId"`
	Tags        []string         `yaml:"tags"`
	ZH          string           `yaml:"x-summary-zh"`
	EN          string           `yaml:"x-summary-en"`
	Summary     string           `yaml:"summary"`
	Description string           `yaml:"description"`
	Parameters  []map[string]any `yaml:"parameters"`
	Body        struct {
		Content map[string]struct {
			Schema   map[string]any `yaml:"schema"`
			Examples map[string]any `yaml:"examples"`
		} `yaml:"content"`
	} `yaml:"requestBody"`
	Responses map[string]map[string]any `yaml:"responses"`
}

func loadOpenAPI(t *testing.T) (doc openAPI) {
	t.Helper()
	if err := yaml.Unmarshal(contracts.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestEveryOperationIsDescribedInBothLanguages(t *testing.T) {
	doc := loadOpenAPI(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 50 {
		t.Fatalf("OpenAPI %s with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	han := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
	latin := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return r < 0x80 && unicode.IsLetter(r) })
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			name := method + " " + path
			if op.ID == "" || len(op.Tags) != 1 || !han(op.ZH) || !latin(op.EN) || han(op.EN) || !han(op.Description) || !latin(op.Description) {
				t.Errorf("%s: %+v", name, op)
			}
			for _, p := range op.Parameters {
				about, _ := p["description"].(string)
				if !han(about) || !latin(about) || p["schema"] == nil || p["in"] == "path" && p["required"] != true {
					t.Errorf("%s: parameter %v", name, p)
				}
			}
			good := false
			for status, response := range op.Responses {
				good = good || status < "400"
				if ref, _ := response["$ref"].(string); status >= "400" && !strings.HasPrefix(ref, "#/components/responses/problem."+status) {
					t.Errorf("%s: %s is %v", name, status, response)
				}
			}
			if !good || op.Responses["400"] == nil || op.Responses["401"] == nil || op.Responses["503"] == nil {
				t.Errorf("%s: responses are missing: %v", name, op.Responses)
			}
			for kind, body := range op.Body.Content {
				if body.Schema == nil || len(body.Examples) == 0 {
					t.Errorf("%s: content %s has no schema or no example", name, kind)
				}
			}
		}
	}
}

// Every command that may come from outside has a path, and no command of the system has one.
func TestOpenAPIHasAPathForEveryCommand(t *testing.T) {
	ids := make(map[string]bool)
	for _, methods := range loadOpenAPI(t).Paths {
		for _, op := range methods {
			ids[op.ID] = true
		}
	}
	for _, e := range events.Catalog {
		context, what := events.SplitType(e.Type)
		if want := e.Kind == events.Command && !e.Internal; e.Kind == events.Command && ids[context+"."+what] != want {
			t.Errorf("%s has a path: %t", e.Type, !want)
		}
	}
}

// A command's schema in the document is its contract, but for how schemas refer to each other.
func TestOpenAPISchemasAreTheContracts(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas map[string]any `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(contracts.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Catalog {
		if e.Kind != events.Command || e.Internal {
			continue
		}
		context, what := events.SplitType(e.Type)
		text, err := contracts.Schema(context, what)
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		delete(want, "$schema")
		delete(want, "$id")
		a, errA := json.Marshal(want)
		b, errB := json.Marshal(doc.Components.Schemas[context+"."+what])
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		a = bytes.ReplaceAll(bytes.ReplaceAll(a, []byte("urn:jieli:schema:defs:"), []byte("#/components/schemas/defs.")), []byte(`:v1"`), []byte(`"`))
		if !bytes.Equal(a, b) {
			t.Errorf("%s: got %s, want %s", e.Type, b, a)
		}
	}
}
