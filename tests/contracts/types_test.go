package contracts_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

func TestGoTypesAndSchemasAgree(t *testing.T) {
	tr := loadTree(t, contracts.Schemas())
	for _, e := range events.Catalog {
		n, ok := tr[schemaName(e.Type)]
		if !ok {
			t.Errorf("%s has no schema", e.Type)
			continue
		}
		agree(t, tr, e.Type, reflect.TypeOf(e.New()).Elem(), n)
	}
}

// Types that are one value in JSON, and the definition each must refer to.
var scalars = map[reflect.Type]string{
	reflect.TypeFor[events.Money](): "defs/money",
	reflect.TypeFor[time.Time]():    "defs/instant",
	reflect.TypeFor[events.Date]():  "defs/date",
}

// agree checks a Go type against a schema both ways.
func agree(t *testing.T, tr tree, at string, typ reflect.Type, n node) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	id, _ := n["$ref"].(string)
	if want, ok := scalars[typ]; ok {
		if id == "" || nameOf(t, id) != want {
			t.Errorf("%s is %s in Go and not a $ref to %s", at, typ, want)
		}
		return
	}
	for _, name := range scalars {
		if id != "" && nameOf(t, id) == name {
			t.Errorf("%s is %s in Go and a $ref to %s", at, typ, name)
		}
	}
	n = tr.resolve(t, n)
	want := map[reflect.Kind]string{
		reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint64: "integer",
		reflect.Slice: "array", reflect.Struct: "object", reflect.Map: "object",
	}[typ.Kind()]
	if want == "" || n["type"] != want {
		t.Errorf("%s is %s in Go and %v in the schema", at, typ, n["type"])
		return
	}
	switch typ.Kind() {
	case reflect.Uint64:
		if low, _ := n["minimum"].(float64); low < 0 {
			t.Errorf("%s is unsigned in Go and may be %v", at, low)
		}
	case reflect.Slice:
		items, _ := n.child("items")
		agree(t, tr, at+"[]", typ.Elem(), items)
	case reflect.Map:
		if len(n.patterns()) == 0 {
			t.Errorf("%s is a map in Go and has no patternProperties in the schema", at)
		}
		for _, values := range n.patterns() {
			agree(t, tr, at+"{}", typ.Elem(), values)
		}
	case reflect.Struct:
		agreeStruct(t, tr, at, typ, n)
	}
}

func agreeStruct(t *testing.T, tr tree, at string, typ reflect.Type, n node) {
	t.Helper()
	props, required := n.properties(), n.required()
	for name, f := range jsonFields(t, typ) {
		p, ok := props[name]
		if !ok {
			t.Errorf("%s.%s (%s) is no property of the schema", at, f.Name, name)
			continue
		}
		delete(props, name)
		optional := strings.HasSuffix(f.Tag.Get("json"), ",omitempty")
		if optional == slices.Contains(required, name) {
			t.Errorf("%s.%s: omitempty is %v in Go, required is %v in the schema", at, name, optional, optional)
		}
		agree(t, tr, at+"."+name, f.Type, p)
	}
	for name := range props {
		t.Errorf("%s: property %s has no field in %s", at, name, typ)
	}
}

// jsonFields lists a struct's fields by JSON name, those of embedded structs among them.
func jsonFields(t *testing.T, typ reflect.Type) map[string]reflect.StructField {
	t.Helper()
	out := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || out[name].Name != "" {
			t.Errorf("%s.%s has no JSON name of its own", typ, f.Name)
			continue
		}
		out[name] = f
	}
	return out
}
