package webapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
)

// idPrefixes are the contexts whose ids the server makes when a create command names none.
var idPrefixes = map[string]string{"demand": "d-", "offer": "o-"}

// erasures are the parts of an entity that DELETE erases, by context.
var erasures = map[string]struct{ part, command string }{
	"enterprise": {"contact", events.TypeEraseContact},
	"party":      {"contact", events.TypeErasePartyContact},
}

// collection is the routes of one service: list, read, create, amend, and one for every command that may come from outside.
func (f *frame) collection(s app.Service) ([]Route, error) {
	if s.Path == "" {
		return nil, nil
	}
	context := s.Machine.Context()
	base := "/v1/" + s.Path
	one := base + "/{id}"
	routes := []Route{
		{Pattern: "GET " + base, Handle: f.list(s), Reads: context, Doc: listDoc(s)},
		{Pattern: "GET " + one, Handle: f.get(context), Doc: readDoc(s)},
		// What no route below takes: unknown commands, and those of the system itself, which are sent too, for the ledger to refuse and record.
		{Pattern: "POST " + one + "/{what}", Handle: f.named(context), Parties: true},
	}
	for _, e := range events.Catalog {
		if e.Kind != events.Command || e.Context != context || e.Internal {
			continue
		}
		doc, err := commandDoc(s, e.Type)
		if err != nil {
			return nil, err
		}
		_, what := events.SplitType(e.Type)
		give := func(w http.ResponseWriter, r *http.Request) error { return f.command(w, r, e.Type) }
		switch {
		case e.Type == s.Create:
			created := *doc
			created.Answers = createdAnswers()
			routes = append(routes, Route{Pattern: "POST " + base, Handle: f.create(context, e.Type, base), Doc: &created, Parties: true})
		case e.Type == s.Amend:
			amend := *doc
			amend.ID, amend.Headers = doc.ID+".put", amendmentHeaders
			amend.Refuses = append([]events.ProblemKind{events.ErrPrecondition}, doc.Refuses...)
			routes = append(routes, Route{Pattern: "PUT " + one, Handle: give, Doc: &amend, Parties: true})
		}
		erasure := erasures[context]
		if e.Type == erasure.command {
			erase := *doc
			erase.ID += ".delete"
			routes = append(routes, Route{Pattern: "DELETE " + one + "/" + erasure.part, Handle: give, Doc: &erase, Parties: true})
		}
		if e.Type != s.Create {
			routes = append(routes, Route{Pattern: "POST " + one + "/" + what, Handle: give, Doc: doc, Parties: true})
		}
	}
	return routes, nil
}

// named gives any command of the context. The catalogue decides what there is.
func (f *frame) named(context string) func(http.ResponseWriter, *http.Request) error {
	types := make(map[string]string)
	for _, e := range events.Catalog {
		if e.Kind == events.Command && e.Context == context {
			_, what := events.SplitType(e.Type)
			types[what] = e.Type
		}
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		typ, ok := types[r.PathValue("what")]
		if !ok {
			return events.ErrUnknownType.Refusef("", "%s 没有命令 %.40q", "%s has no command %.40q", context, r.PathValue("what"))
		}
		return f.command(w, r, typ)
	}
}

func listDoc(s app.Service) *Doc {
	d := &Doc{
		ID: "list." + s.Machine.Context(), Tag: s.Path,
		Summary: Text{"列出" + s.Noun, "List: " + s.NounEN},
		About: Text{"按编号或所选次序列出，可按字段过滤，各条件同时成立。页未满而 next 不为空时，请继续翻页。",
			"By id or in the order asked for, narrowed by filters that all must hold. A page may be short and yet have a next one."},
		Headers: readHeaders, Answers: ReadAnswers(Text{"一页", "one page"}, Listing{}),
		Refuses: append([]events.ProblemKind{events.ErrCursor}, refusesRead...),
	}
	for _, x := range s.Filters {
		d.Query = append(d.Query, Param{Name: x.Name, About: Text{x.About, x.AboutEN}, Example: x.Example})
	}
	d.Query = append(d.Query,
		Param{Name: "sort", About: Text{"次序；- 表示倒序。金额先按币种", "the order; - for descending. Amounts go by currency first"}, Enum: sorts(s), Example: "-id"},
		Param{Name: "limit", About: Text{"每页条数，缺省 50", "documents of a page, 50 when not given"}, Type: "integer", Min: 1, Max: ListLimitMax, Example: "50"},
		Param{Name: "cursor", About: Text{"上一页的 next；只对同样的过滤条件和次序有效", "next of the page before; it belongs to the same filters and order"}},
		PositionQuery)
	return d
}

func readDoc(s app.Service) *Doc {
	return &Doc{
		ID: "read." + s.Machine.Context(), Tag: s.Path,
		Summary: Text{"读取" + s.Noun, "Read: " + s.NounEN},
		About:   Text{"当前状态；ETag 为版本。", "Its state now; the ETag is its version."},
		Query:   []Param{PositionQuery}, Headers: readHeaders,
		Answers: ReadAnswers(Text{s.Noun, s.NounEN}, s.Machine.Entity()),
		Refuses: append([]events.ProblemKind{events.ErrID, events.ErrNotFound}, refusesRead...),
	}
}

// commandDoc describes a command by its contract.
func commandDoc(s app.Service, typ string) (*Doc, error) {
	context, what := events.SplitType(typ)
	schema, err := schemaOf(context, what, "")
	if err != nil {
		return nil, err
	}
	title, _ := schema["title"].(string)
	titleZH, _ := schema["x-title-zh"].(string)
	about, _ := schema["description"].(string)
	body := Body{ContentType: "application/json", Command: typ}
	entry, _ := events.Lookup(typ)
	switch entry.New().(type) {
	case *events.Empty:
		body.Optional = true
	case *events.Reason:
		body.Optional = what == "erase_contact"
	}
	return &Doc{
		ID: context + "." + what, Tag: s.Path, Summary: Text{titleZH, title}, About: TwoTexts(about),
		Headers: commandHeaders, Body: []Body{body}, Answers: acceptedAnswers(), Refuses: refusesCommand,
	}, nil
}

func acceptedAnswers() []Answer {
	return []Answer{{Status: 200, About: Text{"已接受并落盘；重复的命令得到第一次的结果", "accepted and on disk; a repeat gets the first outcome"}, ContentType: "application/json",
		Value: events.Answer{}, Headers: []Param{etagAnswer, PositionAnswer}}}
}

func createdAnswers() []Answer {
	created := acceptedAnswers()[0]
	created.Status, created.About = 201, Text{"已接受并落盘", "accepted and on disk"}
	created.Headers = append([]Param{locationAnswer}, created.Headers...)
	unchanged := acceptedAnswers()[0]
	unchanged.About = Text{"此前已有相同内容，没有变化", "it was there with the same content: nothing has changed"}
	return []Answer{created, unchanged}
}

// TwoTexts parts a contract's description, which says all in English and then in Chinese.
func TwoTexts(both string) Text {
	at := strings.IndexFunc(both, func(r rune) bool { return r >= 0x4e00 && r <= 0x9fff })
	if at < 0 {
		return Text{both, both}
	}
	return Text{ZH: strings.TrimSpace(both[at:]), EN: strings.TrimSpace(both[:at])}
}

// In says it in one language.
func (t Text) In(english bool) string {
	if english {
		return t.EN
	}
	return t.ZH
}

// String says both, Chinese first.
func (t Text) String() string {
	switch {
	case t.ZH == t.EN, t.EN == "":
		return t.ZH
	case t.ZH == "":
		return t.EN
	}
	return fmt.Sprintf("%s %s", t.ZH, t.EN)
}
