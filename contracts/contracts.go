// Package contracts carries what Jieli (接力) promises to the outside: the JSON Schemas of every command and event, examples of
// both right and wrong payloads, the AsyncAPI document, the departments that data is shared with and what each may see, and the
// dated rule files. Everything is embedded and read-only. The files are the authority; tests under tests/contracts hold the Go
// types and the documents to them.
package contracts

import (
	"embed"
	"fmt"
	"io/fs"
)

// Each tree has a variable of its own: a program that never asks for the examples does not carry them.
var (
	//go:embed schemas
	schemas embed.FS
	//go:embed released
	released embed.FS
	//go:embed examples
	examples embed.FS
	//go:embed asyncapi.yaml
	asyncAPI []byte
	//go:embed openapi.yaml
	openAPI []byte
)

// SchemaPrefix begins the $id of every schema: urn:jieli:schema:demand:published:v1 is schemas/demand/published.v1.json.
const SchemaPrefix = "urn:jieli:schema:"

// Schemas is the tree of JSON Schemas (2020-12): <context>/<what>.v1.json, and defs/<name>.v1.json for what they share.
func Schemas() fs.FS { return sub(schemas, "schemas") }

// Schema is the schema of one type: Schema("demand", "published") for jieli.demand.published.v1. The error wraps fs.ErrNotExist.
func Schema(context, what string) ([]byte, error) {
	b, err := schemas.ReadFile("schemas/" + context + "/" + what + ".v1.json")
	if err != nil {
		return nil, fmt.Errorf("contracts: no schema for %s.%s: %w", context, what, err)
	}
	return b, nil
}

// SchemaID is the $id of a type's schema, which events carry as their dataschema.
func SchemaID(context, what string) string { return SchemaPrefix + context + ":" + what + ":v1" }

// Released is the tree of schemas as they were last released. A schema may only gain optional fields against it.
func Released() fs.FS { return sub(released, "released") }

// Examples is the tree of example payloads: <context>/<what>/valid-*.json hold a payload, invalid-*.json an InvalidExample.
func Examples() fs.FS { return sub(examples, "examples") }

// AsyncAPI is the AsyncAPI 3.0 document (YAML) of the channels and messages of the bus.
func AsyncAPI() []byte { return asyncAPI }

// OpenAPI is the OpenAPI 3.1 document (YAML) of the HTTP face. It is generated from the routes that serve: make generate.
func OpenAPI() []byte { return openAPI }

// sub narrows an embedded tree to its one folder. It cannot fail: the names are constants of this file.
func sub(tree embed.FS, folder string) fs.FS {
	narrowed, err := fs.Sub(tree, folder)
	if err != nil {
		panic(err)
	}
	return narrowed
}
