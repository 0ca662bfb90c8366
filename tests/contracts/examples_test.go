package contracts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// invalid is an example of what must be refused.
type invalid struct {
	Why   string          `json:"why"`
	Field string          `json:"field"` // JSON pointer of the field that is at fault
	Data  json.RawMessage `json:"data"`
}

// example is one file under contracts/examples.
type example struct {
	path string
	typ  string
	data []byte
	bad  *invalid // nil for a valid one
}

func loadExamples(t *testing.T) []example {
	t.Helper()
	var out []example
	files := contracts.Examples()
	err := fs.WalkDir(files, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		ex := example{path: p, typ: "jieli." + strings.ReplaceAll(path.Dir(p), "/", ".") + ".v1", data: b}
		if _, ok := events.Lookup(ex.typ); !ok {
			t.Errorf("%s: no type %s", p, ex.typ)
		}
		switch name := path.Base(p); {
		case strings.HasPrefix(name, "valid-"):
		case strings.HasPrefix(name, "invalid-"):
			ex.bad = &invalid{}
			d := json.NewDecoder(bytes.NewReader(b))
			d.DisallowUnknownFields()
			if err := d.Decode(ex.bad); err != nil || ex.bad.Why == "" || ex.bad.Field == "" {
				t.Errorf("%s is not {why, field, data}: %v", p, err)
			}
			ex.data = ex.bad.Data
		default:
			t.Errorf("%s is neither valid-* nor invalid-*", p)
		}
		out = append(out, ex)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decodeAny(t *testing.T, b []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryTypeHasExamples(t *testing.T) {
	valid, bad := map[string]int{}, map[string]int{}
	for _, ex := range loadExamples(t) {
		if ex.bad == nil {
			valid[ex.typ]++
		} else {
			bad[ex.typ]++
		}
	}
	for _, e := range events.Catalog {
		if valid[e.Type] < 1 || bad[e.Type] < 2 {
			t.Errorf("%s has %d valid and %d invalid examples; at least 1 and 2 are needed", e.Type, valid[e.Type], bad[e.Type])
		}
	}
}

func TestExamplesAgainstTheirSchemas(t *testing.T) {
	schemas := compileAll(t, loadTree(t, contracts.Schemas()))
	for _, ex := range loadExamples(t) {
		err := schemas[schemaName(ex.typ)].Validate(decodeAny(t, ex.data))
		if ex.bad == nil {
			if err != nil {
				t.Errorf("%s: %v", ex.path, err)
			}
			continue
		}
		if got := faults(err); !slices.Equal(got, []string{ex.bad.Field}) {
			t.Errorf("%s: at fault is %v, the example says %s", ex.path, got, ex.bad.Field)
		}
	}
}

// faults lists the JSON pointers at which validation failed, each once, sorted.
func faults(err error) []string {
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return nil
	}
	var out []string
	var visit func(e *jsonschema.ValidationError)
	visit = func(e *jsonschema.ValidationError) {
		at := ""
		for _, step := range e.InstanceLocation {
			at += "/" + step
		}
		switch k := e.ErrorKind.(type) {
		case *kind.Required:
			for _, name := range k.Missing {
				out = append(out, at+"/"+name)
			}
			return
		case *kind.AdditionalProperties:
			for _, name := range k.Properties {
				out = append(out, at+"/"+name)
			}
			return
		}
		for _, cause := range e.Causes {
			visit(cause)
		}
		if len(e.Causes) == 0 {
			out = append(out, at)
		}
	}
	visit(ve)
	slices.Sort(out)
	return slices.Compact(out)
}

func TestValidExamplesRoundTripThroughTheGoTypes(t *testing.T) {
	for _, ex := range loadExamples(t) {
		if ex.bad != nil {
			continue
		}
		v, err := events.DecodeData(ex.typ, ex.data)
		if err != nil {
			t.Errorf("%s: %v", ex.path, err)
			continue
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", ex.path, err)
			continue
		}
		if want, got := decodeAny(t, ex.data), decodeAny(t, b); !reflect.DeepEqual(want, got) {
			t.Errorf("%s: lost on the way through Go:\n  want %v\n  got  %v", ex.path, want, got)
		}
	}
}

// What a schema leaves to the services holds in the examples too: people copy them.
func TestValidExamplesUseRealCodes(t *testing.T) {
	uscc := regexp.MustCompile(`"(91[0-9]{6}[0-9A-Z]{10})"`)
	region := regexp.MustCompile(`"region": "([^"]*)"`)
	industry := regexp.MustCompile(`"industry": "([^"]*)"`)
	instrument := regexp.MustCompile(`"instrument": "([^"]*)"`)
	each := func(re *regexp.Regexp, ex example, check func(code string) bool) {
		for _, m := range re.FindAllSubmatch(ex.data, -1) {
			if !check(string(m[1])) {
				t.Errorf("%s: %s is not in its list", ex.path, m[0])
			}
		}
	}
	for _, ex := range loadExamples(t) {
		if ex.bad != nil {
			continue
		}
		each(uscc, ex, func(code string) bool { return codes.CheckUSCC(code) == nil })
		each(region, ex, func(code string) bool { _, ok := codes.Region(code); return ok })
		each(industry, ex, codes.IndustryValid)
		each(instrument, ex, func(code string) bool { _, ok := codes.Instrument(code); return ok })
	}
}
