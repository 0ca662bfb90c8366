package webapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	op, pboc := "Authorization: Bearer op-token", "Authorization: bearer pboc-token"
	un, no := &events.ErrUnauthorised, &events.ErrForbidden
	for _, tt := range []struct {
		name     string
		loopback bool
		method   string
		target   string
		headers  []string
		kind     *events.ProblemKind // nil: let through
	}{
		{"local without a token", true, "GET", "/v1/demands", nil, nil},
		{"local with the token", true, "GET", "/v1/demands", []string{op}, nil},
		{"local with a wrong token", true, "GET", "/v1/demands", []string{"Authorization: Bearer nope"}, un},
		{"local with an empty token", true, "GET", "/v1/demands", []string{"Authorization: Bearer "}, un},
		{"local with an empty header", true, "GET", "/v1/demands", []string{"Authorization: "}, un},
		{"basic", true, "GET", "/v1/demands", []string{"Authorization: Basic b3AtdG9rZW4="}, un},
		{"huge token", true, "GET", "/v1/demands", []string{"Authorization: Bearer " + strings.Repeat("a", 600)}, un},
		{"a department reads", true, "GET", "/v1/demands", []string{pboc}, no},
		{"a department writes", true, "POST", "/v1/demands", []string{pboc}, no},
		{"a department asks for the version", true, "GET", "/v1/version", []string{pboc}, nil},
		{"a department's route", true, "GET", "/v1/echo", []string{pboc}, nil},
		{"an operator's route", true, "GET", "/v1/secret", []string{pboc}, no},

		{"outside without a token", false, "GET", "/v1/demands", nil, un},
		{"outside, unknown path", false, "GET", "/v1/nothing", nil, un},
		{"outside with the token", false, "GET", "/v1/demands", []string{op}, nil},
		{"outside, any host", false, "GET", "/v1/demands", []string{op, "Host: jieli.example"}, nil},
		{"outside, health", false, "GET", "/healthz", nil, nil},
		{"outside, readiness", false, "GET", "/readyz", nil, nil},
		{"outside, metrics", false, "GET", "/metrics", nil, nil},
		{"outside, version", false, "GET", "/v1/version", nil, un},

		{"localhost", true, "GET", "/v1/demands", []string{"Host: localhost:8080"}, nil},
		{"LOCALHOST", true, "GET", "/v1/demands", []string{"Host: LocalHost"}, nil},
		{"127.0.0.1", true, "GET", "/v1/demands", []string{"Host: 127.0.0.1"}, nil},
		{"::1 with port", true, "GET", "/v1/demands", []string{"Host: [::1]:8080"}, nil},
		{"::1", true, "GET", "/v1/demands", []string{"Host: [::1]"}, nil},
		{"rebound name", true, "GET", "/v1/demands", []string{"Host: evil.example:8080"}, no},
		{"rebound name that looks local", true, "GET", "/v1/demands", []string{"Host: localhost.evil.example"}, no},
		{"address in a name", true, "GET", "/v1/demands", []string{"Host: 127.0.0.1.evil.example"}, no},
		{"other address", true, "GET", "/v1/demands", []string{"Host: 192.168.1.4:8080"}, no},
		{"no host", true, "GET", "/v1/demands", []string{"Host: "}, no},
		{"rebound name, metrics", true, "GET", "/metrics", []string{"Host: evil.example"}, no},
		{"rebound name with the token", true, "GET", "/v1/demands", []string{"Host: evil.example", op}, nil},
		{"proxied", true, "GET", "/v1/demands", []string{"X-Forwarded-For: 203.0.113.9"}, un},
		{"proxied by the standard", true, "GET", "/v1/demands", []string{"Forwarded: for=203.0.113.9"}, un},
		{"proxied with the token", true, "GET", "/v1/demands", []string{"X-Forwarded-For: 203.0.113.9", op}, nil},

		{"cross-site write", true, "POST", "/v1/demands", []string{"Sec-Fetch-Site: cross-site"}, no},
		{"cross-site write by its origin", true, "POST", "/v1/demands", []string{"Origin: https://evil.example"}, no},
		{"write from another port", true, "POST", "/v1/demands", []string{"Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:3000"}, no},
		{"opaque origin", true, "POST", "/v1/demands", []string{"Origin: null"}, no},
		{"cross-site navigation that writes", true, "POST", "/v1/demands", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, no},
		{"cross-site subresource", true, "GET", "/v1/echo", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}, no},
		{"own page", true, "POST", "/v1/demands", []string{"Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:8080"}, nil},
		{"a link from elsewhere", true, "GET", "/v1/demands", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, nil},
		{"typed address", true, "GET", "/v1/demands", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var principal string
			see := func(w http.ResponseWriter, r *http.Request) error {
				principal = webapi.Principal(r.Context())
				return webapi.WriteJSON(w, 200, "ok")
			}
			w := newWorld(t, func(c *webapi.Config) {
				c.Loopback = tt.loopback
				c.Extra = []webapi.Route{{Pattern: "GET /v1/echo", Handle: see, Departments: true}, {Pattern: "GET /v1/secret", Handle: see}}
			})
			body := ""
			if tt.method == "POST" {
				body = publish
			}
			rec := w.do(request(tt.method, tt.target, body, tt.headers...))
			if tt.kind == nil {
				if rec.Code >= 300 {
					t.Fatalf("%d %s", rec.Code, rec.Body)
				}
				if tt.target == "/v1/echo" && principal != "pboc" {
					t.Fatalf("principal %q", principal)
				}
				return
			}
			refused(t, rec, *tt.kind)
			if w.ledger.count() != 0 || principal != "" {
				t.Fatal("it got through")
			}
			if tt.kind == un && rec.Header().Get("WWW-Authenticate") == "" {
				t.Fatal("401 without WWW-Authenticate")
			}
		})
	}
}

func TestSecurityHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill(t, 1)
	for _, target := range []string{"/healthz", "/v1/demands/d-000", "/v1/demands", "/v1/nothing", "/v1/demands/x.y", "/metrics"} {
		h := w.do(request("GET", target, "")).Header()
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") == "" || h.Get("Cache-Control") == "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", target, h)
		}
	}
}
