package trace

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/jieli-bus/jieli/events"
)

const (
	recorded   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unrecorded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

func recording(t *testing.T) (*Tracer, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	return &Tracer{sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test")}, recorder
}

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{
		recorded: true, unrecorded: true, "": false, recorded[:54]: false, recorded + "0": false, strings.ToUpper(recorded): false,
		"ff" + recorded[2:]: false, "00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": false, strings.Replace(recorded, "-", "_", 1): false,
	} {
		if Valid(text) != want {
			t.Errorf("Valid(%q) = %v", text, !want)
		}
	}
}

func TestFollow(t *testing.T) {
	tracer, recorder := recording(t)
	now := time.Now()
	if tracer.Follow("", now, "x", time.Time{}) != nil || tracer.Follow(unrecorded, now, "x", time.Time{}) != nil {
		t.Error("what nobody traces has a span")
	}
	if tracer.Follow(recorded, now.Add(-time.Hour), "x", time.Time{}) != nil {
		t.Error("an event that is read again an hour later has a span")
	}
	s := tracer.Follow(recorded, now, "relay demand.published", now.Add(-time.Second))
	s.Link(recorded, "cause")
	s.End()
	ended := recorder.Ended()
	if len(ended) != 1 || ended[0].Parent().SpanID().String() != "00f067aa0ba902b7" || len(ended[0].Links()) != 1 {
		t.Fatalf("%d spans: %+v", len(ended), ended)
	}
	if took := ended[0].EndTime().Sub(ended[0].StartTime()); took < time.Second {
		t.Errorf("a span that began a second ago took %s", took)
	}
	if p := s.Parent(); !Valid(p) || ID(p) != ID(recorded) || p == recorded {
		t.Errorf("what it causes names %q", p)
	}
}

// TestNil: what is off does nothing and gives nothing, whatever is called.
func TestNil(t *testing.T) {
	var tracer *Tracer
	s := tracer.Begin(recorded, "x", Server)
	s.Set("a", "b")
	s.SetInt("a", 1)
	s.Link(recorded, "")
	s.Past("y", time.Now(), time.Now())
	s.Fail("z")
	s.End()
	if s != nil || s.Parent() != "" || s.Trace() != "" || NewTrail(nil, zerolog.Nop(), "relay") != nil || From(Into(t.Context(), s)) != nil {
		t.Error("something is traced")
	}
	e := &events.Event{ID: "e", Type: "jieli.demand.published.v1"}
	if n := testing.AllocsPerRun(100, func() {
		tracer.Follow(recorded, e.Time, "x", time.Time{}).End()
		(*Trail)(nil).Pass(e, events.Position{}, "").End()
	}); n > 0 {
		t.Errorf("tracing that is off allocates %v times an event", n)
	}
}

func TestTrail(t *testing.T) {
	var log bytes.Buffer
	tracer, recorder := recording(t)
	e := &events.Event{ID: "e-1", Type: "jieli.demand.published.v1", Subject: "demand-1", Time: time.Now(), Data: []byte(`{"secret":"canary"}`)}
	e.Set(events.ExtCausation, "c-1", events.String)
	e.Set(events.ExtTraceParent, recorded, events.String)
	NewTrail(tracer, zerolog.New(&log).Level(zerolog.DebugLevel), "view").Pass(e, events.Position{Context: "demand", Sequence: 7}, "pboc").End()
	line := log.String()
	for _, want := range []string{`"event":"e-1"`, `"command":"c-1"`, `"origin":"demand.0:7:0"`, `"to":"pboc"`, `"trace":"4bf92f3577b34da6a3ce929d0e0e4736"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line lacks %s: %s", want, line)
		}
	}
	if strings.Contains(line, "canary") {
		t.Errorf("the line tells what is in the event: %s", line)
	}
	if ended := recorder.Ended(); len(ended) != 1 || ended[0].Name() != "view pboc demand.published" {
		t.Errorf("spans: %v", ended)
	}
}

func TestOpen(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, off := range []func(string) string{
		env(), env("OTEL_TRACES_EXPORTER", "none", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
		env("OTEL_SDK_DISABLED", "true", "OTEL_TRACES_EXPORTER", "otlp"),
	} {
		if p, err := Open(t.Context(), off, "v", "n", zerolog.Nop()); p != nil || err != nil || p.Service("demand") != nil || p.Close(t.Context()) != nil {
			t.Errorf("it is not off: %v %v", p, err)
		}
	}
	for _, wrong := range []func(string) string{
		env("OTEL_TRACES_EXPORTER", "zipkin"), env("OTEL_TRACES_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
	} {
		if _, err := Open(t.Context(), wrong, "v", "n", zerolog.Nop()); err == nil {
			t.Error("what cannot be spoken is taken")
		}
	}
}
