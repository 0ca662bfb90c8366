package webapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// frame is the handler: everything a request passes before and after its route.
type frame struct {
	Config
	mux      *http.ServeMux
	contexts map[string]bool // those whose positions can be waited for
	metrics  *metrics
	slots    chan struct{}
	big      Quota
	routes   []Route
}

// New builds the HTTP face. It fails on an incomplete Config, on a path or pattern taken twice, and on a Registry that has
// the frame's metrics already.
func New(c Config) (http.Handler, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Registry)
	if err != nil {
		return nil, err
	}
	f := &frame{Config: c, mux: http.NewServeMux(), contexts: make(map[string]bool), metrics: m, slots: make(chan struct{}, RequestsMax), big: Quota{Total: BigBodiesMax, Each: BigBodiesEach}}
	f.Version.FoldVersions = make(map[string]int, len(c.Services))
	for _, s := range c.Services {
		f.contexts[s.Machine.Context()] = true
		f.Version.FoldVersions[s.Machine.Context()] = s.Machine.FoldVersion()
	}
	routes := f.meta()
	for _, s := range c.Services {
		list, err := f.collection(s)
		if err != nil {
			return nil, err
		}
		routes = append(routes, list...)
	}
	f.routes = append(routes, c.Extra...)
	if c.Pages != nil {
		pages, err := c.Pages(f.routes, f.tags())
		if err != nil {
			return nil, err
		}
		f.routes = append(f.routes, pages...)
	}
	for _, r := range f.routes {
		if err := f.add(r); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// add registers a route; ServeMux tells of a bad or conflicting pattern by a panic.
func (f *frame) add(r Route) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("webapi: route %q: %v", r.Pattern, p)
		}
	}()
	f.mux.Handle(r.Pattern, &served{r})
	return nil
}

// served is a route in the mux: it leaves its error with the response, where the frame finds it.
type served struct{ Route }

func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.(*response).err = s.Handle(w, r)
}

// ServeHTTP implements http.Handler.
func (f *frame) ServeHTTP(raw http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w := &response{ResponseWriter: raw}
	secure(w.Header())
	w.request = requestID(r.Header, f.Clock())
	w.Header().Set(HeaderRequest, w.request)
	// A path that is not in its plain form gets the mux's redirect here, which is no route: it would send a write twice.
	handler, route := f.mux.Handler(r)
	if route == "" {
		route = "none"
	}
	span := f.begin(r, route)
	if span != nil {
		span.Set("http.request.method", r.Method)
		span.Set("http.route", route)
		span.Set("jieli.request", w.request)
		r = r.WithContext(trace.Into(r.Context(), span))
	}
	defer func() {
		if p := recover(); p != nil {
			f.panicked(w, r, p)
		}
		if s, ok := handler.(*served); !ok || !s.Stream {
			f.metrics.seconds.WithLabelValues(route).Observe(time.Since(start).Seconds())
		}
		f.metrics.requests.WithLabelValues(route, statusLabel(w.status)).Inc()
		if span != nil {
			span.SetInt("http.response.status_code", w.status)
			if w.status >= http.StatusInternalServerError {
				span.Fail(statusLabel(w.status))
			}
			span.End()
		}
		if w.broken {
			panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
		}
	}()
	if err := f.serve(w, r, handler); err != nil {
		f.fail(w, r, err)
	}
}

// begin begins the span of a request; those that watch the system itself, or have no end, get none.
func (f *frame) begin(r *http.Request, route string) *trace.Span {
	if f.Trace == nil || !strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.Path == "/v1/stream" || r.URL.Path == "/v1/version" {
		return nil
	}
	return f.Trace.Begin(traceParent(r.Header), route, trace.Server)
}

func (f *frame) serve(w *response, r *http.Request, handler http.Handler) error {
	if err := checkRepeated(r.Header); err != nil {
		return err
	}
	principal, err := f.authenticate(r)
	if err != nil {
		return err
	}
	w.principal = principal
	if principal == "" && strings.HasPrefix(r.URL.Path, "/v1/") {
		return events.ErrUnauthorised.Refuse("", "请在 Authorization 报文头中提供 Bearer 令牌", "give a bearer token in the Authorization header")
	}
	s, ok := handler.(*served)
	if !ok {
		return f.unmatched(w, r, handler)
	}
	if err := checkQuery(s.Doc, r.URL.RawQuery); err != nil {
		return err
	}
	switch _, party := step.Actor(principal).Party(); {
	case principal == "" || principal == OperatorPrincipal || s.Departments:
	case party && !s.Parties:
		return events.ErrForbidden.Refuse("", "机构令牌只能发出本机构的命令并读取本机构的视图（/v1/stream）", "a party's token may give its own commands and read its own view (/v1/stream)")
	case !party:
		return events.ErrForbidden.Refuse("", "部门令牌只能读取本部门的视图（/v1/stream）", "a department's token may only read its own view (/v1/stream)")
	}
	r = r.WithContext(context.WithValue(r.Context(), principalKey{}, principal))
	r.Body = http.MaxBytesReader(w.ResponseWriter, r.Body, cmp.Or(s.BodyBytesMax, BodyBytesMax))
	if s.Stream {
		ctx, cancel := untilDrain(r.Context())
		defer cancel()
		lift(w.ResponseWriter)
		r = r.WithContext(ctx)
	} else {
		if err := f.receive(r, principal); err != nil {
			return err
		}
		select {
		case f.slots <- struct{}{}:
			w.release = sync.OnceFunc(func() { <-f.slots })
			defer w.release()
		default:
			return events.ErrOverloaded.Refuse("", "同时处理的请求已达上限", "too many requests are under way")
		}
	}
	if s.Reads != "" {
		if err := f.reached(w, r, s.Reads); err != nil {
			return err
		}
	}
	f.mux.ServeHTTP(w, r)
	return w.err
}

// receive reads the whole content before the request takes a place among those that are answered, and response gives the place back
// before the answer is sent: who sends half a body or never reads what is sent holds a connection and nothing else.
func (f *frame) receive(r *http.Request, client string) error {
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	if r.ContentLength < 0 || r.ContentLength > BodyBytesMax {
		if !f.big.Enter(client) {
			return events.ErrOverloaded.Refuse("", "同时接收的大批量内容已达上限", "too many large contents are being received")
		}
		defer f.big.Leave(client)
	}
	b, err := io.ReadAll(r.Body)
	r.Body = &received{bytes.NewReader(b), b, err}
	return nil
}

// received is a content that has come, as far as it did. It fails where reading it failed.
type received struct {
	*bytes.Reader
	all []byte
	err error
}

func (c *received) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF && c.err != nil {
		err = c.err
	}
	return n, err
}

func (c *received) Close() error { return nil }

// checkQuery refuses what a route does not take: a parameter misspelt would otherwise be taken for none.
func checkQuery(d *Doc, raw string) error {
	if raw == "" || d == nil {
		return nil
	}
	if len(raw) > QueryBytesMax {
		return events.ErrTooLarge.Refusef("", "查询最多 %d 字节", "the query may have %d bytes", QueryBytesMax)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return events.ErrMalformed.Refuse("", "查询参数无法解析", "the query cannot be read")
	}
	for name, v := range values {
		known, repeats := d.takes(name)
		switch {
		case !known:
			return badParameter(name, "不是此路径的参数", "is no parameter of this path")
		case len(v) > 1 && !repeats:
			return badParameter(name, "出现了多次", "is repeated")
		}
	}
	return nil
}

// unmatched answers what no route takes: 405 with the methods allowed, or 404.
func (f *frame) unmatched(w *response, r *http.Request, handler http.Handler) error {
	probe := headerProbe{header: make(http.Header)}
	handler.ServeHTTP(&probe, r)
	if allow := probe.header.Get("Allow"); probe.status == http.StatusMethodNotAllowed && allow != "" {
		w.Header().Set("Allow", allow)
		return events.ErrMethod.Refusef("", "此路径支持：%s", "this path takes: %s", allow)
	}
	return events.ErrNotFound.Refuse("", "没有这个路径", "there is no such path")
}

// panicked keeps what happened for the operator and tells the client nothing of it.
func (f *frame) panicked(w *response, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		w.broken = true
		return
	}
	f.Log.Error().Str("request", w.request).Str("panic", fmt.Sprint(p)).Bytes("stack", debug.Stack()).Str("method", r.Method).Str("path", short(r.URL.Path)).Msg("handler panicked")
	if w.status != 0 {
		w.broken = true
		return
	}
	f.write(w, events.ErrInternal.Refuse("", "", ""))
}

// recorded marks a refusal that came from behind: its ledger has recorded it already.
type recorded struct{ *events.Problem }

func (r recorded) Unwrap() error { return r.Problem }

// fail tells the client and the operator what went wrong, once.
func (f *frame) fail(w *response, r *http.Request, err error) {
	var behind recorded
	var problem *events.Problem
	entry := f.Log.Info()
	switch {
	case errors.As(err, &behind):
		problem, entry = behind.Problem, f.Log.Debug()
	case errors.As(err, &problem):
	case r.Context().Err() != nil && w.status == 0: // the client has gone or the server drains
		problem, entry = events.ErrUnavailable.Refuse("", "请求已中断", "the request was broken off"), f.Log.Debug()
	case w.status != 0:
		f.Log.Debug().Err(err).Str("path", short(r.URL.Path)).Msg("answer broken off")
		w.broken = true
		return
	default:
		problem, entry = events.ErrInternal.Refuse("", "", ""), f.Log.Error()
	}
	if !isProblem(err) { // a problem's words may repeat what was sent, which is in no log: its type is enough
		entry = entry.AnErr("cause", err)
	}
	entry.Str("problem", problem.Type).Int("status", problem.Status).Str("request", w.request).Str("command", problem.Instance).Str("method", r.Method).
		Str("path", short(r.URL.Path)).Msg("request refused")
	if f.Refused != nil && behind.Problem == nil && worthRecording(r, problem) {
		f.Refused(r, w.principal, problem)
	}
	if w.status != 0 {
		w.broken = true
		return
	}
	f.write(w, problem)
}

// worthRecording tells attempts to change something, and those without the right, from a reader's slips and the system's own failures.
func worthRecording(r *http.Request, p *events.Problem) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	return p.Status < http.StatusInternalServerError && (!reads || p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden)
}

func isProblem(err error) bool {
	var p *events.Problem
	return errors.As(err, &p)
}

// write sends a problem and counts it.
func (f *frame) write(w *response, p *events.Problem) {
	f.metrics.refusals.WithLabelValues(problemLabel(p)).Inc()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", seconds(retryAfter))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="jieli"`)
	case http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close") // the rest of the body is not read
	}
	if err := writeJSON(w, p.Status, "application/problem+json", p); err != nil {
		f.Log.Debug().Err(err).Msg("problem could not be written")
	}
}

// short bounds what a stranger can put into the log.
func short(s string) string {
	const max = 200
	if len(s) > max {
		return s[:max]
	}
	return s
}
