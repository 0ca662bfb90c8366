package e2e

import (
	"context"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
	"github.com/jieli-bus/jieli/tests/spans"
)

// TestTrace follows one demand from its request to a department's view, as whoever collects the spans sees it.
func TestTrace(t *testing.T) {
	collector := spans.Receive(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL())
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	s := start(t, allinone.Options{})
	s.traded()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	a := s.do("POST", "/v1/demands", s.demanded("demand-1"), "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	list := collector.Wait(t, trace, patience, spans.Demand)
	t.Logf("one demand, from its request to the view of pboc:\n%s", spans.Tree(list))
	spans.CheckDemand(t, list)
	for _, span := range list {
		if span.Name == "demand.publish" && (span.Attributes["jieli.command"] != a.Command || span.Attributes["jieli.position"] != a.Position || span.Parent == "00f067aa0ba902b7") {
			t.Errorf("the ledger's span has %v below %s, the answer was %+v", span.Attributes, span.Parent, a)
		}
	}
	// What is stored carries the trace: who reads the event later can go on with it.
	e := s.resume("pboc", "0").await(events.TypeRecommended)
	if got := e.Get(events.ExtTraceParent); len(got) != 55 || got[3:35] != trace || e.Subject != "demand-1" {
		t.Errorf("the recommendation for %s in the view has the trace parent %q", e.Subject, got)
	}
}

// traded registers an enterprise and a bank with an offer.
func (s *system) traded() {
	s.t.Helper()
	_, firm := enterprise(1)
	s.do("POST", "/v1/enterprises", firm)
	s.do("POST", "/v1/parties", bank("bank-1"))
	s.do("POST", "/v1/offers", loanOffer("offer-1", "bank-1"))
}

// demanded is a demand of the enterprise of traded.
func (s *system) demanded(id string) map[string]any {
	firm, _ := enterprise(1)
	return loanDemand(id, firm)
}

// TestTraceWithoutCollector: a collector that is not there holds nothing up, at the end of the process neither.
func TestTraceWithoutCollector(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	s := start(t, allinone.Options{})
	s.traded()
	s.do("POST", "/v1/demands", s.demanded("demand-1"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}
