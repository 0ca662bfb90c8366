package webapi

import (
	"context"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

// status is the answer of /healthz and /readyz.
type status struct {
	Checks map[string]string `json:"checks,omitempty"`
	Status string            `json:"status"`
}

// meta is what every process answers about itself. Health, metrics and the reference need no token: they name no enterprise.
func (f *frame) meta() []Route {
	scrape := promhttp.HandlerFor(f.Registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, DisableCompression: true})
	routes := []Route{
		{Pattern: "GET /healthz", Departments: true, Doc: &Doc{ID: "healthz", Tag: "system", Summary: Text{"进程是否在运行", "Is the process alive"},
			About:   Text{"进程能应答即为 ok。", "ok whenever the process answers."},
			Answers: []Answer{{Status: 200, About: Text{"在运行", "alive"}, ContentType: "application/json", Value: status{}}},
		}, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			return WriteJSON(w, http.StatusOK, status{Status: "ok"})
		}},
		{Pattern: "GET /readyz", Departments: true, Handle: f.readyz, Doc: &Doc{ID: "readyz", Tag: "system", Summary: Text{"是否可以受理请求", "Is the process ready"},
			About:   Text{"逐项检查账本、消息代理与存储；失败的原因只告诉运营方。", "Checks ledgers, broker and store; why one failed is told to the operator alone."},
			Answers: []Answer{{Status: 200, About: Text{"全部通过", "everything passed"}, ContentType: "application/json", Value: status{}}},
			Refuses: []events.ProblemKind{events.ErrUnavailable},
		}},
		{Pattern: "GET /metrics", Departments: true, Doc: &Doc{ID: "metrics", Tag: "system", Summary: Text{"监控指标", "Metrics"},
			About:   Text{"Prometheus 文本格式。", "In the text format of Prometheus."},
			Answers: []Answer{{Status: 200, About: Text{"指标", "metrics"}, ContentType: "text/plain"}},
		}, Handle: func(w http.ResponseWriter, r *http.Request) error {
			scrape.ServeHTTP(w, r)
			return nil
		}},
		{Pattern: "GET /v1/version", Departments: true, Doc: &Doc{ID: "version", Tag: "system", Summary: Text{"版本", "Version"},
			About:   Text{"程序、内置消息服务与各领域状态格式的版本。", "Of the program, its broker, and the form of each context's state."},
			Answers: []Answer{{Status: 200, About: Text{"版本", "versions"}, ContentType: "application/json", Value: Version{}}},
		}, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			return WriteJSON(w, http.StatusOK, f.Version)
		}},
	}
	if len(f.Services) == 0 {
		return routes // without services there is nothing to describe
	}
	return append(routes,
		contract("GET /openapi.json", "openapi", Text{"OpenAPI 3.1 文档", "The OpenAPI 3.1 document"}, "application/json", sync.OnceValues(func() ([]byte, error) {
			doc, err := f.document()
			if err != nil {
				return nil, err
			}
			return encodeJSON(doc)
		})),
		contract("GET /openapi.yaml", "openapi.yaml", Text{"OpenAPI 3.1 文档（YAML）", "The OpenAPI 3.1 document as YAML"}, "application/yaml", sync.OnceValues(func() ([]byte, error) { return DocumentYAML(f) })),
		contract("GET /asyncapi.json", "asyncapi", Text{"AsyncAPI 3.0 文档（单一文件）", "The AsyncAPI 3.0 document, in one piece"}, "application/json", sync.OnceValues(asyncAPI)),
		contract("GET /asyncapi.yaml", "asyncapi.yaml", Text{"AsyncAPI 3.0 文档（源文件）", "The AsyncAPI 3.0 document, its source"}, "application/yaml", func() ([]byte, error) { return contracts.AsyncAPI(), nil }),
	)
}

// contract serves a document that is made when it is first asked for.
func contract(pattern, id string, about Text, contentType string, content func() ([]byte, error)) Route {
	return Route{Pattern: pattern, Departments: true, Doc: &Doc{ID: id, Tag: "system", Summary: about, About: about,
		Answers: []Answer{{Status: 200, About: about, ContentType: contentType, Headers: []Param{etagAnswer}}, {Status: 304, About: Text{"内容未变", "nothing has changed"}}},
		Headers: []Param{noneMatchHeader},
	}, Handle: func(w http.ResponseWriter, r *http.Request) error {
		b, err := content()
		if err != nil {
			return err
		}
		return WriteContent(w, r, contentType, b)
	}}
}

// tags are the groups of routes.
func (f *frame) tags() (tags []Tag) {
	for _, s := range f.Services {
		if s.Path != "" {
			tags = append(tags, Tag{s.Path, Text{s.Noun, s.NounEN}})
		}
	}
	return append(tags, frameTags...)
}

// document describes the routes that are served.
func (f *frame) document() (*huma.OpenAPI, error) { return OpenAPI(apiVersion, f.routes, f.tags()) }

// apiVersion is that of the paths: /v1.
const apiVersion = "1.0.0"

// frameTags are the groups that belong to no service.
var frameTags = []Tag{
	{"events", Text{"CloudEvents 收发", "CloudEvents in and out"}},
	{"system", Text{"系统自身", "the system itself"}},
}

// DocumentYAML is the OpenAPI document of a handler made by New.
func DocumentYAML(h http.Handler) ([]byte, error) {
	doc, err := h.(*frame).document()
	if err != nil {
		return nil, err
	}
	return doc.YAML()
}

// readyz runs every check. What exactly failed is told to the operator alone: it may name hosts.
func (f *frame) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), ReadyMax)
	defer cancel()
	code := http.StatusOK
	answer := status{Status: "ok", Checks: make(map[string]string)}
	for name, err := range f.Ready(ctx) {
		answer.Checks[name] = "ok"
		if err == nil {
			continue
		}
		code, answer.Status = http.StatusServiceUnavailable, "unavailable"
		answer.Checks[name] = "failed"
		if Principal(r.Context()) == OperatorPrincipal {
			answer.Checks[name] = err.Error()
		}
		w.Header().Set("Retry-After", seconds(retryAfter))
	}
	return WriteJSON(w, code, answer)
}
