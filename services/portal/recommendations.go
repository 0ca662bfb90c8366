package portal

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Questions about matching.
const (
	AskMatch      = "match"       // the best offers for a demand or bond
	AskExplain    = "explain"     // one offer held against it
	AskNearMisses = "near-misses" // the offers that one step parts from it
	AskStack      = "stack"       // the offers that together cover a demand
	AskLeads      = "leads"       // the best demands for an offer
	AskDraft      = "draft"       // the best offers for a demand that is not published
	AskBlocked    = "blocked"     // which conditions block how many demands
)

// Question is one of them.
type Question struct {
	Ask    string
	Actor  step.Actor // who asks; of AskBlocked nobody in particular
	ID     string     // of the demand or bond; of the offer for AskLeads
	Offer  string     // for AskExplain
	Limit  int        // places, 1 to MatchLimitMax
	Lang   string     // zh or en, of sentences
	Epoch  string     // of the positions the asker holds; "" for none
	Draft  []byte     // for AskDraft: the payload of a command that publishes a demand
	Region string     // for AskBlocked: a province; "" for the country
}

// Matcher answers questions about matching as things are now. Its errors are *events.Problem where the asker is at fault; its
// answers are JSON values.
type Matcher interface {
	Ask(ctx context.Context, q Question) (any, error)
}

// Recommendations are the routes over a Matcher.
func Recommendations(m Matcher) []webapi.Route {
	var routes []webapi.Route
	for _, on := range [][2]string{{"demands", "demand"}, {"bonds", "bond"}} { // a bond looks for an underwriter as a demand looks for money
		path, reads := on[0], on[1]
		one := "GET /v1/" + path + "/{id}"
		routes = append(routes,
			webapi.Route{Pattern: one + "/recommendations", Reads: reads, Doc: doc(&matchDoc, path), Handle: asks(m, AskMatch)},
			webapi.Route{Pattern: one + "/explain/{offer}", Reads: reads, Doc: doc(&explainDoc, path), Handle: asks(m, AskExplain)},
			webapi.Route{Pattern: one + "/near-misses", Reads: reads, Doc: doc(&nearMissesDoc, path), Handle: asks(m, AskNearMisses)})
	}
	return append(routes,
		webapi.Route{Pattern: "GET /v1/demands/{id}/stack", Reads: "demand", Doc: doc(&stackDoc, "demands"), Handle: asks(m, AskStack)},
		webapi.Route{Pattern: "GET /v1/offers/{id}/leads", Reads: "offer", Parties: true, Doc: &leadsDoc, Handle: asks(m, AskLeads)},
		webapi.Route{Pattern: "POST /v1/match", Doc: &draftDoc, Handle: asks(m, AskDraft)},
		webapi.Route{Pattern: "GET /v1/insight/blocked", Departments: true, Doc: &blockedDoc, Handle: asks(m, AskBlocked)})
}

// asks is the handler of one question.
func asks(m Matcher, ask string) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		q, err := question(r, ask)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), MatchMax)
		defer cancel()
		v, err := m.Ask(ctx, q)
		if err == nil && ask == AskDraft {
			return webapi.WriteJSON(w, http.StatusOK, v)
		}
		return reply(w, r, ctx)(v, err)
	}
}

func question(r *http.Request, ask string) (q Question, err error) {
	q.Ask = ask
	if ask != AskBlocked {
		if q.Actor, err = webapi.Asker(r); err != nil {
			return q, err
		}
	}
	switch ask {
	case AskBlocked:
	case AskDraft:
		if q.Draft, err = webapi.ReadJSON(r); err != nil {
			return q, err
		}
	default:
		if q.ID, err = pathID(r, "id"); err != nil {
			return q, err
		}
	}
	if ask == AskExplain {
		if q.Offer, err = pathID(r, "offer"); err != nil {
			return q, err
		}
	}
	if q.Limit, q.Lang, err = matchQuery(r); err != nil {
		return q, err
	}
	q.Epoch, q.Region = r.URL.Query().Get("epoch"), r.URL.Query().Get("region")
	return q, nil
}

// reply answers with a value, or says that it took too long.
func reply(w http.ResponseWriter, r *http.Request, ctx context.Context) func(any, error) error {
	return func(v any, err error) error {
		var problem *events.Problem
		switch {
		case err == nil:
			return webapi.WriteRead(w, r, v)
		case !errors.As(err, &problem) && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return events.ErrUnavailable.Refuse("", "计算超时", "it took too long")
		}
		return err
	}
}

func pathID(r *http.Request, name string) (string, error) {
	id := r.PathValue(name)
	if !events.ValidID(id) {
		return "", events.ErrID.Refuse("", "编号须为 1 至 64 个字母、数字或 _ - ~ :", "an id must be 1 to 64 of letters, digits and _ - ~ :")
	}
	return id, nil
}

func matchQuery(r *http.Request) (limit int, lang string, err error) {
	q := r.URL.Query()
	limit, lang = MatchLimit, "zh"
	if q.Has("limit") {
		if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > MatchLimitMax {
			return 0, "", events.ErrMalformed.Refusef("", "limit 须为 1 至 %d 的整数", "limit must be an integer from 1 to %d", MatchLimitMax)
		}
	}
	if q.Has("lang") {
		if lang = q.Get("lang"); lang != "zh" && lang != "en" {
			return 0, "", events.ErrMalformed.Refuse("", "lang 须为 zh 或 en", "lang must be zh or en")
		}
	}
	return limit, lang, nil
}
