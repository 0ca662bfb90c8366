package portal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// catalogue is what the contracts say of every type, and what the default grants show of it.
type catalogue struct {
	Contexts []contextTypes
	Grants   []grantRow
	types    map[string]*typePage
}

type contextTypes struct {
	Name  string
	Types []*typePage
}

type grantRow struct {
	contracts.Grant
	Department department
	Types      int
}

type department struct {
	ID   string
	Name webapi.Text
}

// typePage is one type.
type typePage struct {
	Type     string
	Title    webapi.Text
	About    webapi.Text
	Kind     webapi.Text
	Fact     bool
	Class    int
	Schema   string
	Subject  string
	SeenBy   []department
	Fields   []field
	Examples []example
}

type field struct {
	Path, Type string
	About      webapi.Text
	Required   bool
	Class      int
	SeenBy     []department
}

type example struct{ Name, Text string }

func (c *catalogue) page(v view) any {
	return struct {
		view
		*catalogue
	}{v, c}
}

func (t *typePage) page(v view) any {
	return struct {
		*typePage
		view
		Title string
	}{t, v, v.Title}
}

func (c *catalogue) typePage(typ string) (*typePage, error) {
	t, ok := c.types[typ]
	if !ok {
		return nil, events.ErrNotFound.Refusef("", "没有类型 %.80q", "there is no type %.80q", typ)
	}
	return t, nil
}

func newCatalogue() (*catalogue, error) {
	departments, err := contracts.Departments()
	if err != nil {
		return nil, err
	}
	grants, err := contracts.DefaultGrants()
	if err != nil {
		return nil, err
	}
	c := &catalogue{types: make(map[string]*typePage)}
	names := make(map[string]department)
	for _, d := range departments {
		names[d.ID] = department{d.ID, webapi.Text{ZH: d.Name, EN: d.NameEN}}
	}
	for _, g := range grants {
		c.Grants = append(c.Grants, grantRow{g, names[g.Department], len(g.Types)})
	}
	for _, name := range events.Contexts {
		of := contextTypes{Name: name}
		for _, e := range events.Catalog {
			if e.Context != name {
				continue
			}
			t, err := newTypePage(e, grants, names)
			if err != nil {
				return nil, fmt.Errorf("portal: catalogue of %s: %w", e.Type, err)
			}
			of.Types = append(of.Types, t)
			c.types[e.Type] = t
		}
		c.Contexts = append(c.Contexts, of)
	}
	return c, nil
}

// schema is the part of a contract that people read.
type schema struct {
	Title       string             `json:"title"`
	TitleZH     string             `json:"x-title-zh"`
	Description string             `json:"description"`
	Ref         string             `json:"$ref"`
	Type        any                `json:"type"`
	Class       int                `json:"x-dataclass"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Items       *schema            `json:"items"`
	Enum        []any              `json:"enum"`
}

func readSchema(context, what string) (*schema, error) {
	text, err := contracts.Schema(context, what)
	if err != nil {
		return nil, err
	}
	s := new(schema)
	return s, json.Unmarshal(text, s)
}

func newTypePage(e events.Entry, grants []contracts.Grant, names map[string]department) (*typePage, error) {
	context, what := events.SplitType(e.Type)
	s, err := readSchema(context, what)
	if err != nil {
		return nil, err
	}
	t := &typePage{Type: e.Type, Title: webapi.Text{ZH: s.TitleZH, EN: s.Title}, About: webapi.TwoTexts(s.Description), Class: e.DataClass, Schema: contracts.SchemaID(context, what), Fact: e.Kind == events.Fact}
	switch {
	case t.Fact:
		t.Kind, t.Subject = webapi.Text{ZH: "事件", EN: "event"}, "jieli.event."+context+"."+what+".<region>.<industry>"
	case e.Internal:
		t.Kind, t.Subject = webapi.Text{ZH: "内部命令", EN: "internal command"}, "jieli.cmd."+context+".<partition>"
	default:
		t.Kind, t.Subject = webapi.Text{ZH: "命令", EN: "command"}, "jieli.cmd."+context+".<partition>"
	}
	shown := make(map[string][][]string) // paths, by department
	for _, g := range grants {
		fields, ok := g.Types[e.Type]
		if !ok {
			continue
		}
		if d := names[g.Department]; !slices.Contains(t.SeenBy, d) {
			t.SeenBy = append(t.SeenBy, d)
		}
		for _, f := range fields {
			shown[g.Department] = append(shown[g.Department], strings.Split(f, "."))
		}
	}
	if t.Fields, err = fieldsOf(s, nil); err != nil {
		return nil, err
	}
	for i := range t.Fields {
		at := strings.Split(strings.ReplaceAll(t.Fields[i].Path, "[]", ""), ".")
		for _, d := range t.SeenBy {
			if slices.ContainsFunc(shown[d.ID], func(granted []string) bool {
				return len(granted) <= len(at) && slices.Equal(granted, at[:len(granted)])
			}) {
				t.Fields[i].SeenBy = append(t.Fields[i].SeenBy, d)
			}
		}
	}
	t.Examples, err = examplesOf(context, what)
	return t, err
}

// depthMax bounds how far fields within fields are listed.
const depthMax = 3

// fieldsOf lists the fields of a payload. A part whose fields have data classes of their own is listed field by field.
func fieldsOf(s *schema, above []string) ([]field, error) {
	var list []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		inner, kind, err := resolve(p)
		if err != nil {
			return nil, err
		}
		at := append(above[:len(above):len(above)], name)
		list = append(list, field{Path: strings.Join(at, "."), Type: kind, About: webapi.TwoTexts(cmp.Or(p.Description, inner.Description)), Required: slices.Contains(s.Required, name), Class: p.Class})
		if len(at) < depthMax && classed(inner) {
			if strings.HasSuffix(kind, "[]") {
				at[len(at)-1] += "[]"
			}
			within, err := fieldsOf(inner, at)
			if err != nil {
				return nil, err
			}
			list = append(list, within...)
		}
	}
	return list, nil
}

func classed(s *schema) bool {
	for _, p := range s.Properties {
		if p.Class > 0 {
			return true
		}
	}
	return false
}

// resolve finds what a field holds, and names its type.
func resolve(s *schema) (inner *schema, kind string, err error) {
	if s.Ref != "" {
		name := strings.TrimSuffix(strings.TrimPrefix(s.Ref, contracts.SchemaPrefix+"defs:"), ":v1")
		inner, err := readSchema("defs", name)
		return inner, name, err
	}
	if s.Items != nil {
		inner, kind, err := resolve(s.Items)
		return inner, kind + "[]", err
	}
	if kind, ok := s.Type.(string); ok {
		return s, kind, nil
	}
	return s, "", nil
}

func examplesOf(context, what string) ([]example, error) {
	files, err := fs.Glob(contracts.Examples(), path.Join(context, what, "valid-*.json"))
	if err != nil {
		return nil, err
	}
	list := make(map[string][]byte)
	for _, f := range files {
		if list[strings.TrimSuffix(strings.TrimPrefix(path.Base(f), "valid-"), ".json")], err = fs.ReadFile(contracts.Examples(), f); err != nil {
			return nil, err
		}
	}
	return examplesShown(list), nil
}

// examplesShown lays examples out, by name.
func examplesShown(list map[string][]byte) []example {
	var all []example
	for _, name := range slices.Sorted(maps.Keys(list)) {
		var out bytes.Buffer
		if json.Indent(&out, bytes.TrimSpace(list[name]), "", "  ") != nil {
			out.Reset()
			out.Write(list[name])
		}
		all = append(all, example{name, out.String()})
	}
	return all
}
