// Package spans is a collector of OpenTelemetry traces for tests: it takes OTLP over HTTP, as any process of Jieli sends it, and shows
// a trace as text.
package spans

import (
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one span as it was received.
type Span struct {
	Trace, ID, Parent string
	Service, Name     string
	Begun, Ended      time.Time
	Attributes        map[string]string
	Links             []string // ids of spans
	Failed            string   // status message of an error
}

// Took is how long it was.
func (s *Span) Took() time.Duration { return s.Ended.Sub(s.Begun) }

// Receiver collects spans.
type Receiver struct {
	server *httptest.Server

	mu    sync.Mutex
	spans []Span
	moved chan struct{}
}

// Receive starts a collector, which ends with the test.
func Receive(t testing.TB) *Receiver {
	r := &Receiver{moved: make(chan struct{})}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	return r
}

// URL is what OTEL_EXPORTER_OTLP_ENDPOINT must be.
func (r *Receiver) URL() string { return r.server.URL }

func (r *Receiver) serve(w http.ResponseWriter, request *http.Request) {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(request.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	var batch collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &batch)
	}
	if err != nil || request.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(request.URL.Path, err), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range batch.ResourceSpans {
		service := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, received(service, s))
			}
		}
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

func received(service string, s *otlp.Span) Span {
	out := Span{Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId), Service: service, Name: s.Name,
		Begun: time.Unix(0, int64(s.StartTimeUnixNano)), Ended: time.Unix(0, int64(s.EndTimeUnixNano)), Attributes: make(map[string]string)}
	for _, a := range s.Attributes {
		out.Attributes[a.Key] = a.Value.GetStringValue()
		if n, ok := a.Value.Value.(interface{ GetIntValue() int64 }); ok {
			out.Attributes[a.Key] = fmt.Sprint(n.GetIntValue())
		}
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, hex.EncodeToString(l.SpanId))
	}
	if s.Status != nil && s.Status.Code == otlp.Status_STATUS_CODE_ERROR {
		out.Failed = s.Status.Message
	}
	return out
}

// Of lists the spans of a trace that have come, the oldest first.
func (r *Receiver) Of(trace string) []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Span
	for _, s := range r.spans {
		if s.Trace == trace {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b Span) int { return cmp.Or(a.Begun.Compare(b.Begun), strings.Compare(a.Name, b.Name)) })
	return list
}

// Wait waits until enough of a trace has come.
func (r *Receiver) Wait(t testing.TB, trace string, patience time.Duration, enough func([]Span) bool) []Span {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		r.mu.Lock()
		moved := r.moved
		r.mu.Unlock()
		list := r.Of(trace)
		if enough(list) {
			return list
		}
		select {
		case <-moved:
		case <-late.C:
			t.Fatalf("of trace %s there is within %s only:\n%s", trace, patience, Tree(list))
		}
	}
}

// Tree shows spans as a tree: name, service, how long after the first it began, and how long it took.
func Tree(list []Span) string {
	known := make(map[string]bool, len(list))
	for _, s := range list {
		known[s.ID] = true
	}
	var b strings.Builder
	var show func(parent string, depth int)
	line := func(s Span, depth int) {
		fmt.Fprintf(&b, "%-58s %-18s +%8.2f ms %8.2f ms", strings.Repeat("  ", depth)+s.Name, s.Service, milliseconds(s.Begun.Sub(list[0].Begun)), milliseconds(s.Took()))
		if len(s.Links) > 0 {
			fmt.Fprintf(&b, "  follows from %s", strings.Join(s.Links, ", "))
		}
		if s.Failed != "" {
			fmt.Fprintf(&b, "  failed: %s", s.Failed)
		}
		b.WriteByte('\n')
		show(s.ID, depth+1)
	}
	show = func(parent string, depth int) {
		for _, s := range list {
			if s.Parent == parent {
				line(s, depth)
			}
		}
	}
	for _, s := range list {
		if !known[s.Parent] {
			line(s, 0)
		}
	}
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
