package portal

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Matcher answers what fits a demand. Its errors are *events.Problem where the asker is at fault; its answers are JSON values.
type Matcher interface {
	// Match ranks the best limit (1 to MatchLimitMax) offers for the demand or bond as it is now, worded in lang (zh or en).
	Match(ctx context.Context, demandID string, limit int, lang string) (any, error)
	// Explain holds one offer against the demand, clause by clause and term by term.
	Explain(ctx context.Context, demandID, offerID string) (any, error)
	// Stack finds the offers that together cover the demand best.
	Stack(ctx context.Context, demandID string) (any, error)
}

// Recommendations are the routes over a Matcher.
func Recommendations(m Matcher) []webapi.Route {
	var routes []webapi.Route
	for _, on := range [][2]string{{"demands", "demand"}, {"bonds", "bond"}} { // a bond looks for an underwriter as a demand looks for money
		path, reads := on[0], on[1]
		one := "GET /v1/" + path + "/{id}"
		routes = append(routes,
			webapi.Route{Pattern: one + "/recommendations", Reads: reads, Doc: doc(&matchDoc, path), Handle: func(w http.ResponseWriter, r *http.Request) error {
				id, err := pathID(r, "id")
				if err != nil {
					return err
				}
				limit, lang, err := matchQuery(r)
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(r.Context(), MatchMax)
				defer cancel()
				return reply(w, r, ctx)(m.Match(ctx, id, limit, lang))
			}},
			webapi.Route{Pattern: one + "/explain/{offer}", Reads: reads, Doc: doc(&explainDoc, path), Handle: func(w http.ResponseWriter, r *http.Request) error {
				id, err := pathID(r, "id")
				if err != nil {
					return err
				}
				offer, err := pathID(r, "offer")
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(r.Context(), MatchMax)
				defer cancel()
				return reply(w, r, ctx)(m.Explain(ctx, id, offer))
			}})
	}
	return append(routes, webapi.Route{Pattern: "GET /v1/demands/{id}/stack", Reads: "demand", Doc: doc(&stackDoc, "demands"), Handle: func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r, "id")
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(r.Context(), MatchMax)
		defer cancel()
		return reply(w, r, ctx)(m.Stack(ctx, id))
	}})
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
