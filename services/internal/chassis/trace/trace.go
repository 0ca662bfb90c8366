package trace

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Tracer makes the spans of one service. A nil one makes none; its methods, and those of a nil Span, may be called all the same.
type Tracer struct{ tracer oteltrace.Tracer }

// Span is one step of a trace.
type Span struct {
	tracer *Tracer
	ctx    context.Context
	span   oteltrace.Span
}

// Kind says on which side of a door a span stands.
type Kind = oteltrace.SpanKind

// The kinds in use.
const (
	Server   = oteltrace.SpanKindServer   // answers a request
	Consumer = oteltrace.SpanKindConsumer // takes a message
	Internal = oteltrace.SpanKindInternal
)

// followMax is how old an event may be whose passing still belongs to its trace: who reads history again follows nobody.
const followMax = time.Minute

// Begin makes a span below a parent ("" begins a trace), or nil when the trace is not to be recorded. parent is a W3C trace parent.
func (t *Tracer) Begin(parent, name string, kind Kind) *Span {
	if t == nil {
		return nil
	}
	return t.start(extract(parent), name, oteltrace.WithSpanKind(kind))
}

// Follow makes a span below the trace parent that an event carries, as of begun (the zero time: now). nil when it carries none, is not to
// be recorded, or happened too long ago.
func (t *Tracer) Follow(parent string, happened time.Time, name string, begun time.Time) *Span {
	if t == nil || !sampled(parent) || time.Since(happened) > followMax {
		return nil
	}
	options := []oteltrace.SpanStartOption{oteltrace.WithSpanKind(Consumer)}
	if !begun.IsZero() {
		options = append(options, oteltrace.WithTimestamp(begun))
	}
	return t.start(extract(parent), name, options...)
}

func (t *Tracer) start(ctx context.Context, name string, o ...oteltrace.SpanStartOption) *Span {
	ctx, span := t.tracer.Start(ctx, name, o...)
	if !span.IsRecording() {
		return nil
	}
	return &Span{t, ctx, span}
}

// Parent is the trace parent for what this span causes, "" of nil.
func (s *Span) Parent() string {
	if s == nil {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(s.ctx, carrier)
	return carrier["traceparent"]
}

// Trace is the id of the trace, "" of nil.
func (s *Span) Trace() string {
	if s == nil {
		return ""
	}
	return s.span.SpanContext().TraceID().String()
}

// Set notes an attribute.
func (s *Span) Set(name, value string) {
	if s != nil && value != "" {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// SetInt notes an attribute that is a number.
func (s *Span) SetInt(name string, value int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int(name, value))
	}
}

// Link points at another span that this one follows from, by its trace parent, and says why.
func (s *Span) Link(parent, why string) {
	if s == nil {
		return
	}
	if other := oteltrace.SpanContextFromContext(extract(parent)); other.IsValid() {
		s.span.AddLink(oteltrace.Link{SpanContext: other, Attributes: []attribute.KeyValue{attribute.String("jieli.link", why)}})
	}
}

// Past notes a step below this one that is over.
func (s *Span) Past(name string, begun, ended time.Time) {
	if s != nil {
		_, span := s.tracer.tracer.Start(s.ctx, name, oteltrace.WithTimestamp(begun))
		span.End(oteltrace.WithTimestamp(ended))
	}
}

// Fail says that the step did not do what it was asked to: the code of the problem, never its text, which may repeat what was sent.
func (s *Span) Fail(code string) {
	if s != nil {
		s.span.SetStatus(codes.Error, code)
	}
}

// End ends the span. A second end does nothing.
func (s *Span) End() {
	if s != nil {
		s.span.End()
	}
}

type key struct{}

// Into carries a span to whoever works in its context.
func Into(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, s)
}

// From is the span of a context, nil when there is none.
func From(ctx context.Context) *Span {
	s, _ := ctx.Value(key{}).(*Span)
	return s
}

func extract(parent string) context.Context {
	if parent == "" {
		return context.Background()
	}
	return propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent})
}

// sampled reports whether a trace parent says that its trace is recorded.
func sampled(parent string) bool {
	if len(parent) != parentBytes {
		return false
	}
	c := parent[parentBytes-1]
	return c >= '0' && c <= '9' && (c-'0')&1 == 1 || c >= 'a' && c <= 'f' && (c-'a')&1 == 1
}

// parentBytes is the length of a trace parent: version, trace id, span id and flags in hex, with hyphens.
const parentBytes = 55

// Valid reports whether a text is a trace parent (W3C Trace Context, section 3.2). One that is not is dropped, as that asks.
func Valid(v string) bool {
	if len(v) != parentBytes || v[2] != '-' || v[35] != '-' || v[52] != '-' || v[:2] == "ff" {
		return false
	}
	for i := range len(v) {
		c := v[i]
		if i == 2 || i == 35 || i == 52 {
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return strings.Trim(v[3:35], "0") != "" && strings.Trim(v[36:52], "0") != ""
}

// ID is the id of the trace that a trace parent names, "" when it is none.
func ID(parent string) string {
	if !Valid(parent) {
		return ""
	}
	return parent[3:35]
}
