package portal

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
	"sync"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed pages/style.css
var style []byte

// Pages are the documentation: the reference of the routes that are served, and the catalogue of types. They are rendered here, carry no
// script and load nothing but their own style sheet, since users sit on closed networks.
func Pages(routes []webapi.Route, tags []webapi.Tag) ([]webapi.Route, error) {
	p, err := newPages()
	if err != nil {
		return nil, err
	}
	read := sync.OnceValues(newCatalogue) // when it is first asked for: a start does not wait for it
	list := []webapi.Route{
		{Pattern: "GET /docs/style.css", Departments: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			return webapi.WriteContent(w, r, "text/css; charset=utf-8", style)
		}},
		{Pattern: "GET /docs/events", Departments: true, Doc: pageDoc("docs.events", "事件目录（网页）", "The event catalogue (a page)"), Handle: func(w http.ResponseWriter, r *http.Request) error {
			catalogue, err := read()
			if err != nil {
				return err
			}
			return p.write(w, r, "catalogue", "/docs/events", webapi.Text{ZH: "事件目录", EN: "Event catalogue"}, catalogue)
		}},
		{Pattern: "GET /docs/events/{type}", Departments: true, Doc: typeDoc(), Handle: func(w http.ResponseWriter, r *http.Request) error {
			catalogue, err := read()
			if err != nil {
				return err
			}
			t, err := catalogue.typePage(r.PathValue("type"))
			if err != nil {
				return err
			}
			return p.write(w, r, "type", "/docs/events/"+t.Type, t.Title, t)
		}},
	}
	reference := webapi.Route{Pattern: "GET /docs", Departments: true, Doc: pageDoc("docs", "接口参考（网页）", "The API reference (a page)")}
	groups := groupsOf(append(append(routes[:len(routes):len(routes)], reference), list...), tags)
	reference.Handle = func(w http.ResponseWriter, r *http.Request) error {
		return p.write(w, r, "reference", "/docs", webapi.Text{ZH: "接口参考", EN: "API reference"}, groups)
	}
	return append(list, reference), nil
}

func pageDoc(id, zh, en string) *webapi.Doc {
	return &webapi.Doc{ID: id, Tag: "system", Summary: webapi.Text{ZH: zh, EN: en}, About: webapi.Text{ZH: "供人阅读，不从别处加载任何内容。", EN: "For people; loads nothing from elsewhere."},
		Query:   []webapi.Param{webapi.LangQuery},
		Answers: []webapi.Answer{{Status: 200, About: webapi.Text{ZH: "网页", EN: "the page"}, ContentType: "text/html"}, {Status: 304, About: webapi.Text{ZH: "内容未变", EN: "nothing has changed"}}}}
}

func typeDoc() *webapi.Doc {
	d := pageDoc("docs.events.type", "一个类型的契约（网页）", "The contract of one type (a page)")
	d.Path = []webapi.Param{{Name: "type", About: webapi.Text{ZH: "类型", EN: "the type"}, Example: events.TypeDemandPublished}}
	d.Refuses = []events.ProblemKind{events.ErrNotFound}
	return d
}

// pages renders in either language.
type pages struct{ templates *template.Template }

func newPages() (*pages, error) {
	t, err := template.New("").Funcs(template.FuncMap{"t": func(en bool, zh, english string) string {
		if en {
			return english
		}
		return zh
	}}).ParseFS(pageFiles, "pages/*.html")
	return &pages{t}, err
}

// pageSecurity is what a page may do: be shown, with its own style.
const pageSecurity = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// view is what every page knows beside its content.
type view struct {
	Title string
	EN    bool
	Lang  string // query that keeps the language in links
	Path  string
}

func (p *pages) write(w http.ResponseWriter, r *http.Request, name, path string, title webapi.Text, content pageContent) error {
	v := view{Title: title.In(false), Path: path}
	switch lang := r.URL.Query().Get("lang"); {
	case lang == "en":
		v.EN, v.Lang, v.Title = true, "?lang=en", title.In(true)
	case lang != "zh" && r.URL.Query().Has("lang"):
		return events.ErrMalformed.Refuse("", "lang 须为 zh 或 en", "lang must be zh or en")
	}
	var out bytes.Buffer
	if err := p.templates.ExecuteTemplate(&out, name, content.page(v)); err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", pageSecurity)
	return webapi.WriteContent(w, r, "text/html; charset=utf-8", bytes.TrimLeft(out.Bytes(), "\n"))
}

// pageContent is the data of a page, with what every page knows.
type pageContent interface{ page(v view) any }

// reference is the operations of the API, by group.
type reference []group

type group struct {
	ID         string
	About      webapi.Text
	Operations []operation
}

type operation struct {
	*webapi.Doc
	Method, Path string
	Params       []placed
	Bodies       []body
	Problems     []events.ProblemKind
}

type placed struct {
	webapi.Param
	In string
}

type body struct {
	webapi.Body
	Examples []example
}

func (r reference) page(v view) any {
	return struct {
		view
		Groups []group
	}{v, r}
}

func groupsOf(routes []webapi.Route, tags []webapi.Tag) reference {
	var all reference
	for _, tag := range tags {
		g := group{ID: tag.Name, About: tag.About}
		for _, route := range routes {
			if d := route.Doc; d != nil && d.Tag == tag.Name {
				g.Operations = append(g.Operations, operationOf(route))
			}
		}
		all = append(all, g)
	}
	return all
}

func operationOf(route webapi.Route) operation {
	d := route.Doc
	o := operation{Doc: d, Problems: d.AllRefusals()}
	o.Method, o.Path, _ = strings.Cut(route.Pattern, " ")
	for _, in := range []struct {
		name string
		list []webapi.Param
	}{{"path", d.Path}, {"query", d.Query}, {"header", d.Headers}} {
		for _, x := range in.list {
			o.Params = append(o.Params, placed{x, in.name})
		}
	}
	for _, b := range d.Body {
		shown := body{Body: b}
		if b.Command == "" {
			shown.Examples = examplesShown(b.Examples)
		}
		o.Bodies = append(o.Bodies, shown)
	}
	return o
}
