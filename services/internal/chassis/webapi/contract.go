package webapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/jieli-bus/jieli/contracts"
)

// defNames are the schemas that others share.
func defNames() ([]string, error) {
	files, err := fs.Glob(contracts.Schemas(), "defs/*.v1.json")
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".v1.json")
	}
	return files, err
}

// examplesOf are the valid examples of a payload, by name.
func examplesOf(context, what string) (map[string][]byte, error) {
	files, err := fs.Glob(contracts.Examples(), path.Join(context, what, "valid-*.json"))
	if err != nil {
		return nil, err
	}
	list := make(map[string][]byte, len(files))
	for _, f := range files {
		b, err := fs.ReadFile(contracts.Examples(), f)
		if err != nil {
			return nil, err
		}
		list[strings.TrimSuffix(strings.TrimPrefix(path.Base(f), "valid-"), ".json")] = b
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("webapi: no example of %s.%s", context, what)
	}
	return list, nil
}

// asyncAPI is the AsyncAPI document in one piece, as JSON: the schemas that it refers to as files stand in it.
func asyncAPI() ([]byte, error) {
	var doc map[string]any
	if err := yaml.Unmarshal(contracts.AsyncAPI(), &doc); err != nil {
		return nil, err
	}
	components, _ := doc["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	if schemas == nil {
		return nil, errors.New("webapi: the AsyncAPI document has no schemas")
	}
	err := fs.WalkDir(contracts.Schemas(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		context, what := path.Dir(file), strings.TrimSuffix(path.Base(file), ".v1.json")
		schema, err := schemaOf(context, what, "/schema")
		if err != nil {
			return err
		}
		schemas[context+"."+what] = map[string]any{"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": schema}
		return nil
	})
	if err != nil {
		return nil, err
	}
	inline(doc)
	return json.Marshal(doc)
}

// inline turns references to files into references to components.
func inline(node any) {
	switch n := node.(type) {
	case map[string]any:
		if file, ok := n["$ref"].(string); ok && strings.HasPrefix(file, "schemas/") {
			name := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(file, "schemas/"), ".v1.json"), "/", ".")
			n["$ref"] = schemaPrefix + name + "/schema"
		}
		for _, child := range n {
			inline(child)
		}
	case []any:
		for _, child := range n {
			inline(child)
		}
	}
}
