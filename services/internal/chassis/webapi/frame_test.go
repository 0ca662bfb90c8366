package webapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

func TestConfigNamesEverythingMissing(t *testing.T) {
	t.Parallel()
	_, err := webapi.New(webapi.Config{Services: []app.Service{{}}, Extra: []webapi.Route{{}}})
	if err == nil {
		t.Fatal("an empty config was taken")
	}
	for _, name := range []string{"Commands", "Store", "Waiter", "Tokens", "Ready", "Registry", "Clock", "Services[0].Machine", "Extra[0].Pattern", "Extra[0].Handle"} {
		if !strings.Contains(err.Error(), name+" is required") {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}

func TestNewRefusesConflicts(t *testing.T) {
	t.Parallel()
	good := newWorld(t).config
	if _, err := webapi.New(good); err == nil {
		t.Error("the same registry was taken twice")
	}
	nop := func(http.ResponseWriter, *http.Request) error { return nil }
	for _, pattern := range []string{"GET /v1/demands", "GET /v1/{x", "BAD PATTERN HERE"} {
		c := newWorldConfig(t)
		c.Extra = []webapi.Route{{Pattern: pattern, Handle: nop}}
		if _, err := webapi.New(c); err == nil || !strings.Contains(err.Error(), pattern) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// newWorldConfig is a config whose registry is still empty.
func newWorldConfig(t *testing.T) webapi.Config {
	var c webapi.Config
	newWorld(t, func(have *webapi.Config) {
		c = *have
		have.Registry = prometheus.NewRegistry()
	})
	return c
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	for _, loopback := range []bool{true, false} {
		w := newWorld(t, func(c *webapi.Config) { c.Loopback = loopback })
		if rec := w.do(request("GET", "/healthz", "")); rec.Code != 200 || rec.Body.String() != `{"status":"ok"}`+"\n" {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		w.ready = map[string]error{"ledger": nil, "store": nil}
		if rec := w.do(request("GET", "/readyz", "")); rec.Code != 200 || rec.Body.String() != `{"checks":{"ledger":"ok","store":"ok"},"status":"ok"}`+"\n" {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		w.ready["store"] = errBroken
		rec := w.do(request("GET", "/readyz", ""))
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), `"status":"unavailable"`) || !strings.Contains(rec.Body.String(), `"ledger":"ok"`) {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		if strings.Contains(rec.Body.String(), "10.0.0.7") != loopback {
			t.Fatalf("loopback %t: %s", loopback, rec.Body)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	v := decode[webapi.Version](t, newWorld(t).do(request("GET", "/v1/version", "")))
	if v.Version != "0.1.0" || v.Node != "n1" || !v.StartedAt.Equal(now) || v.FoldVersions["demand"] != 2 || len(v.FoldVersions) != 5 {
		t.Fatalf("%+v", v)
	}
}

func TestPanicTellsNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, func(c *webapi.Config) {
		c.Log = zerolog.New(&log)
		c.Extra = []webapi.Route{
			{Pattern: "GET /v1/panic", Handle: func(http.ResponseWriter, *http.Request) error { panic("secret state") }},
			{Pattern: "GET /v1/half", Handle: func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(200)
				panic("secret state")
			}},
			{Pattern: "GET /v1/failed-half", Handle: func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(200)
				return errors.New("half")
			}},
		}
	})
	rec := w.do(request("GET", "/v1/panic", ""))
	refused(t, rec, events.ErrInternal)
	if strings.Contains(rec.Body.String(), "secret") || !strings.Contains(log.String(), "secret state") || !strings.Contains(log.String(), "frame_test.go") {
		t.Fatalf("answer %s, log %s", rec.Body, &log)
	}
	for _, target := range []string{"/v1/half", "/v1/failed-half"} {
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler {
					t.Errorf("%s: recovered %v: the connection is not cut, and half an answer looks whole", target, p)
				}
			}()
			w.do(request("GET", target, ""))
		}()
	}
	if rec := w.do(request("GET", "/healthz", "")); rec.Code != 200 {
		t.Fatal("the frame did not survive")
	}
}

func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, func(c *webapi.Config) { c.Log = zerolog.New(&log).Level(zerolog.InfoLevel) })
	w.do(request("POST", "/v1/demands", publish, "Authorization: Bearer s3cret-token"))
	if !strings.Contains(log.String(), "urn:jieli:problem:unauthorised") || strings.Contains(log.String(), "s3cret") {
		t.Fatalf("log: %s", &log)
	}
	log.Reset()
	w.ledger.send = func(context.Context, *events.Event) (*events.Answer, error) {
		return nil, events.ErrState.Refuse("", "", "")
	}
	w.do(request("POST", "/v1/demands", publish))
	if log.Len() != 0 { // recorded in the audit stream by the ledger: an import of bad rows must not flood the log
		t.Fatalf("log: %s", &log)
	}
}

func TestRoutesAreMeasuredByPattern(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill(t, 2)
	for _, target := range []string{"/v1/demands/d-000", "/v1/demands/d-001", "/v1/demands/nope", "/some/where", "/some/where/else"} {
		w.do(request("GET", target, ""))
	}
	metrics := w.do(request("GET", "/metrics", "")).Body.String()
	for _, want := range []string{
		`jieli_http_requests_total{route="GET /v1/demands/{id}",status="200"} 2`,
		`jieli_http_requests_total{route="GET /v1/demands/{id}",status="404"} 1`,
		`jieli_http_requests_total{route="none",status="404"} 2`,
		`jieli_http_request_seconds_count{route="GET /v1/demands/{id}"} 3`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *webapi.Config) {
		c.Extra = []webapi.Route{{Pattern: "GET /v1/wait", Handle: func(w http.ResponseWriter, _ *http.Request) error {
			entered <- struct{}{}
			<-release
			return webapi.WriteJSON(w, 200, "ok")
		}}}
	})
	var running sync.WaitGroup
	for range webapi.RequestsMax {
		running.Go(func() {
			if rec := w.do(request("GET", "/v1/wait", "")); rec.Code != 200 {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		})
	}
	for range webapi.RequestsMax {
		<-entered
	}
	refused(t, w.do(request("GET", "/v1/demands", "")), events.ErrOverloaded)
	close(release)
	running.Wait()
	if rec := w.do(request("GET", "/v1/demands", "")); rec.Code != 200 {
		t.Fatalf("%d: the places did not come back", rec.Code)
	}
}

func TestExtraRoutesReturnProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *webapi.Config) {
		c.Extra = []webapi.Route{{Pattern: "GET /v1/demands/{id}/recommendations", Handle: func(_ http.ResponseWriter, r *http.Request) error {
			return fmt.Errorf("matching: %w", events.ErrNotFound.Refuse("/"+r.PathValue("id"), "", ""))
		}}}
	})
	if p := refused(t, w.do(request("GET", "/v1/demands/d-7/recommendations", "")), events.ErrNotFound); p.Field != "/d-7" {
		t.Fatalf("field %q", p.Field)
	}
}
