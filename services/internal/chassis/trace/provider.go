package trace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Provider sends the spans of a process away. A nil one gives nil tracers.
type Provider struct {
	processor sdktrace.SpanProcessor
	shared    *resource.Resource
	prefix    string
	services  map[string]*Tracer
}

// scope names this instrumentation.
const scope = "github.com/jieli-bus/jieli/services"

// sendMax bounds how long the last spans may take to be sent at the end.
const sendMax = 3 * time.Second

// Open reads the environment as OpenTelemetry specifies it. It is off (nil) unless OTEL_TRACES_EXPORTER is otlp or an
// OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) is given; OTEL_SDK_DISABLED=true switches it off again. Spans go out as OTLP over
// HTTP. Sampler, headers, batches and attributes follow their OTEL_* variables.
//
// A span's service.name is that of the service that works ("jieli-demand"), also where one process runs several; OTEL_SERVICE_NAME
// takes the place of "jieli".
func Open(ctx context.Context, env func(string) string, version, node string, log zerolog.Logger) (*Provider, error) {
	switch exporter := env("OTEL_TRACES_EXPORTER"); {
	case strings.EqualFold(env("OTEL_SDK_DISABLED"), "true"), exporter == "none":
		return nil, nil
	case exporter == "" && env("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, nil
	case exporter != "" && exporter != "otlp":
		return nil, fmt.Errorf("trace: OTEL_TRACES_EXPORTER is %q: otlp or none / 只能是 otlp 或 none", exporter)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := env(name); p != "" && p != "http/protobuf" {
			return nil, fmt.Errorf("trace: %s is %q: only http/protobuf is spoken / 仅支持 http/protobuf", name, p)
		}
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	shared, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.version", version), attribute.String("service.instance.id", node), attribute.String("service.namespace", "jieli")))
	if err != nil {
		return nil, fmt.Errorf("trace: OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn().Err(err).Msg("spans were not sent") }))
	prefix := env("OTEL_SERVICE_NAME")
	if prefix == "" {
		prefix = "jieli"
	}
	return &Provider{processor: sdktrace.NewBatchSpanProcessor(exporter), shared: shared, prefix: prefix, services: make(map[string]*Tracer)}, nil
}

// Service gives the tracer of one service. Call it while the process is put together: it is not safe for concurrent use.
func (p *Provider) Service(name string) *Tracer {
	if p == nil {
		return nil
	}
	if t, ok := p.services[name]; ok {
		return t
	}
	own := resource.NewSchemaless(attribute.String("service.name", p.prefix+"-"+name))
	merged, err := resource.Merge(p.shared, own)
	if err != nil { // schemas differ: the name alone will do
		merged = own
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p.processor), sdktrace.WithResource(merged))
	t := &Tracer{provider.Tracer(scope)}
	p.services[name] = t
	return t
}

// Close sends what is left, for a bounded time.
func (p *Provider) Close(ctx context.Context) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendMax)
	defer cancel()
	err := p.processor.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // whoever collects spans is not there; the system has stopped in order
	}
	return err
}
