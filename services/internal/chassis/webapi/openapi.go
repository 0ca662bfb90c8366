package webapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// reference writes the OpenAPI document of the routes that are served. The schemas of commands are the contracts' own, word for
// word but for how they refer to each other; those of answers come from the Go types whose JSON they are.
type reference struct {
	doc      *huma.OpenAPI
	problems map[string]string // name of the shared response, by what it lists
}

const schemaPrefix = "#/components/schemas/"

// moneyForm stands for events.Money, which writes its JSON itself.
type moneyForm struct{}

// Schema implements huma.SchemaProvider.
func (moneyForm) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Ref: schemaPrefix + "defs.money"}
}

// OpenAPI describes routes. Hidden ones are left out.
func OpenAPI(version string, routes []Route, tags []Tag) (*huma.OpenAPI, error) {
	registry := huma.NewMapRegistry(schemaPrefix, func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Name() == "" {
			return "part." + hint
		}
		return path.Base(t.PkgPath()) + "." + t.Name()
	})
	registry.RegisterTypeAlias(reflect.TypeFor[events.Money](), reflect.TypeFor[moneyForm]())
	r := &reference{problems: make(map[string]string), doc: &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "接力 Jieli", Version: version,
			Description: "科技金融事件总线的 HTTP 接口：登记企业与机构，发布融资需求与资金供给，获得撮合推荐，订阅部门视图。命令的内容与经 NATS 发送时相同，按同一契约检查。\n\n" +
				"The HTTP face of the event bus for technology finance: register enterprises and institutions, publish demands and offers, get recommendations, follow a department's view. " +
				"A command's content is the same as over NATS and is held to the same contract.",
		},
		Servers:  []*huma.Server{{URL: "/", Description: "本服务 this service"}},
		Security: []map[string][]string{{"token": {}}},
		Components: &huma.Components{
			Schemas: registry, Responses: make(map[string]*huma.Response),
			SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer",
				Description: "运营方或部门的令牌；本机回环地址上的请求可不带令牌。 The operator's or a department's token; requests over loopback may do without."}},
		},
	}}
	for _, t := range tags {
		r.doc.Tags = append(r.doc.Tags, &huma.Tag{Name: t.Name, Description: t.About.String()})
	}
	if err := r.defs(); err != nil {
		return nil, err
	}
	registry.Schema(reflect.TypeFor[events.Problem](), true, "")
	for _, route := range routes {
		if route.Doc == nil {
			continue
		}
		op, err := r.operation(route)
		if err != nil {
			return nil, fmt.Errorf("webapi: reference of %s: %w", route.Pattern, err)
		}
		r.doc.AddOperation(op)
	}
	r.drop()
	return r.doc, nil
}

// Tag is a group of routes.
type Tag struct {
	Name  string
	About Text
}

func (r *reference) operation(route Route) (*huma.Operation, error) {
	d := route.Doc
	method, path, ok := strings.Cut(route.Pattern, " ")
	if !ok || d.ID == "" || d.Tag == "" || d.Summary.ZH == "" || d.Summary.EN == "" || d.About.ZH == "" || d.About.EN == "" || len(d.Answers) == 0 {
		return nil, fmt.Errorf("its description is incomplete: %+v", d)
	}
	op := &huma.Operation{Method: method, Path: path, OperationID: d.ID, Tags: []string{d.Tag}, Summary: d.Summary.String(),
		Description: d.About.ZH + "\n\n" + d.About.EN, Responses: make(map[string]*huma.Response),
		Extensions: map[string]any{"x-summary-zh": d.Summary.ZH, "x-summary-en": d.Summary.EN}}
	for _, name := range pathNames.FindAllStringSubmatch(path, -1) {
		p := Param{Name: name[1], About: Text{"编号", "id"}, Example: "demand-1", Required: true}
		if i := slices.IndexFunc(d.Path, func(x Param) bool { return x.Name == name[1] }); i >= 0 {
			p = d.Path[i]
			p.Required = true
		}
		op.Parameters = append(op.Parameters, param("path", p))
	}
	for _, p := range d.Query {
		op.Parameters = append(op.Parameters, param("query", p))
	}
	for _, p := range d.Headers {
		op.Parameters = append(op.Parameters, param("header", p))
	}
	if len(d.Body) > 0 {
		op.RequestBody = &huma.RequestBody{Required: !d.Body[0].Optional, Content: make(map[string]*huma.MediaType)}
		for _, b := range d.Body {
			m, err := r.body(b)
			if err != nil {
				return nil, err
			}
			op.RequestBody.Content[b.ContentType] = m
		}
	}
	for _, a := range d.Answers {
		op.Responses[strconv.Itoa(a.Status)] = r.answer(a)
	}
	r.refusals(op, d.AllRefusals())
	return op, nil
}

var pathNames = regexp.MustCompile(`\{(\w+)\}`)

func param(in string, p Param) *huma.Param {
	s := &huma.Schema{Type: p.Type}
	if s.Type == "" {
		s.Type = "string"
	}
	for _, v := range p.Enum {
		s.Enum = append(s.Enum, v)
	}
	if p.Type == "integer" {
		low, high := float64(p.Min), float64(p.Max)
		s.Minimum = &low
		if high > 0 { // else it has no upper bound
			s.Maximum = &high
		}
	}
	out := &huma.Param{Name: p.Name, In: in, Description: p.About.String(), Required: p.Required, Schema: s}
	if p.Example != "" {
		out.Example = any(p.Example)
		if n, err := strconv.Atoi(p.Example); err == nil && p.Type == "integer" {
			out.Example = n
		}
	}
	if p.Repeats {
		out.Schema = &huma.Schema{Type: "array", Items: s}
		out.Example = []any{out.Example}
	}
	return out
}

func (r *reference) body(b Body) (*huma.MediaType, error) {
	m := &huma.MediaType{Examples: make(map[string]*huma.Example)}
	switch {
	case b.Command != "":
		context, what := events.SplitType(b.Command)
		schema, err := schemaOf(context, what, "")
		if err != nil {
			return nil, err
		}
		m.Schema = r.put(context+"."+what, schema)
		if b.Examples, err = examplesOf(context, what); err != nil {
			return nil, err
		}
	case b.Schema != nil:
		m.Schema = &huma.Schema{Extensions: b.Schema}
	}
	for name, text := range b.Examples {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, err
		}
		m.Examples[name] = &huma.Example{Value: v}
	}
	return m, nil
}

func (r *reference) answer(a Answer) *huma.Response {
	out := &huma.Response{Description: a.About.String()}
	for _, p := range a.Headers {
		if out.Headers == nil {
			out.Headers = make(map[string]*huma.Param)
		}
		h := param("", p)
		h.Name = ""
		out.Headers[p.Name] = h
	}
	if a.ContentType != "" {
		m := &huma.MediaType{}
		switch {
		case a.Schema != nil:
			m.Schema = &huma.Schema{Extensions: a.Schema}
		case a.Value != nil:
			m.Schema = r.doc.Components.Schemas.Schema(reflect.TypeOf(a.Value), true, "answer")
		case strings.HasPrefix(a.ContentType, "text/"):
			m.Schema = &huma.Schema{Type: "string"}
		}
		out.Content = map[string]*huma.MediaType{a.ContentType: m}
	}
	return out
}

// refusals adds what a route may refuse, by status. Routes that refuse alike share a response.
func (r *reference) refusals(op *huma.Operation, kinds []events.ProblemKind) {
	byStatus := make(map[int][]events.ProblemKind)
	for _, k := range kinds {
		byStatus[k.Status] = append(byStatus[k.Status], k)
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		list := byStatus[status]
		key := fmt.Sprint(list)
		name, known := r.problems[key]
		if !known {
			name = fmt.Sprintf("problem.%d", status)
			for n := 2; r.doc.Components.Responses[name] != nil; n++ {
				name = fmt.Sprintf("problem.%d.%d", status, n)
			}
			r.problems[key] = name
			r.doc.Components.Responses[name] = problemResponse(list)
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + name}
	}
}

func problemResponse(list []events.ProblemKind) *huma.Response {
	var lines, types []string
	examples := make(map[string]*huma.Example)
	for _, k := range list {
		lines = append(lines, "`"+k.Code+"` "+k.Title+" "+k.TitleEN)
		types = append(types, events.ProblemPrefix+k.Code)
		examples[k.Code] = &huma.Example{Value: map[string]any{"type": events.ProblemPrefix + k.Code, "status": k.Status, "title": k.Title, "title_en": k.TitleEN}}
	}
	return &huma.Response{
		Description: strings.Join(lines, "; "),
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: &huma.Schema{Ref: schemaPrefix + "events.Problem"}, Examples: examples}},
		Extensions: map[string]any{"x-problem-types": types},
	}
}

// put stores a contract's schema under a name and refers to it.
func (r *reference) put(name string, schema map[string]any) *huma.Schema {
	r.doc.Components.Schemas.Map()[name] = &huma.Schema{Extensions: schema}
	return &huma.Schema{Ref: schemaPrefix + name}
}

func (r *reference) defs() error {
	names, err := defNames()
	for _, name := range names {
		schema, e := schemaOf("defs", name, "")
		if e != nil {
			return e
		}
		r.put("defs."+name, schema)
	}
	return err
}

// drop takes out the shared schemas that nothing refers to.
func (r *reference) drop() {
	all := r.doc.Components.Schemas.Map()
	for again := true; again; {
		again = false
		text, err := json.Marshal(r.doc)
		if err != nil {
			return // the caller marshals it, too, and tells
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !strings.Contains(string(text), `"`+schemaPrefix+name+`"`) {
				delete(all, name)
				again = true
			}
		}
	}
}

// schemaOf reads a contract's schema with references to components, or to within them, in the place of those to other files.
func schemaOf(context, what, within string) (map[string]any, error) {
	text, err := contracts.Schema(context, what)
	if err != nil {
		return nil, err
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, err
	}
	delete(schema, "$schema")
	delete(schema, "$id")
	refer(schema, func(ref string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(ref, contracts.SchemaPrefix), ":v1")
		return schemaPrefix + strings.ReplaceAll(name, ":", ".") + within
	})
	return schema, nil
}

// refer changes the references to other schemas; those within a schema stay.
func refer(node any, to func(string) string) {
	switch n := node.(type) {
	case map[string]any:
		if ref, ok := n["$ref"].(string); ok && strings.HasPrefix(ref, contracts.SchemaPrefix) {
			n["$ref"] = to(ref)
		}
		for _, child := range n {
			refer(child, to)
		}
	case []any:
		for _, child := range n {
			refer(child, to)
		}
	}
}
