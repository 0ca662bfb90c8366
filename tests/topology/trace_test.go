package topology

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/tests/spans"
)

// TestTrace follows one demand through all processes: the portal's request, the demand service's ledger, the matcher's recommendation
// and its ledger, the views that the sharing service writes. Each is a process of its own; one collector hears of all of them.
func TestTrace(t *testing.T) {
	collector := spans.Receive(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL())
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	w := Start(t, Config{})
	firm, err := codes.MakeUSCC("330106", "MA2T00001")
	if err != nil {
		firm, err = codes.MakeUSCC("330106", "MA2T0001")
	}
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(90 * 24 * time.Hour).UTC().Format(time.RFC3339)
	post(t, w, "/v1/enterprises", `{"id":"`+firm+`","name":"示例智造科技有限公司","region":"330106","industry":"I65","founded":"2019-03-01","stage":"growth"}`)
	post(t, w, "/v1/parties", `{"id":"bank-1","kind":"bank","name":"示例科技银行","region":"330100","licences":[{"licence":"bank","number":"B0001","valid_from":"2020-01-01"}]}`)
	post(t, w, "/v1/offers", `{"id":"offer-1","party":"bank-1","instrument":"credit_loan","title":"科技信用贷","capacity":{"amount":"100000000.00","currency":"CNY"},
		"min_ticket":{"amount":"500000.00","currency":"CNY"},"max_ticket":{"amount":"10000000.00","currency":"CNY"},"term_months":{"min":6,"max":36},
		"min_price_bp":320,"max_price_bp":450,"eligibility":[{"field":"region","op":"in","values":["330000"]}],"valid_until":"`+until+`"}`)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	post(t, w, "/v1/demands", `{"id":"demand-1","enterprise":"`+firm+`","instruments":["credit_loan"],"amount":{"amount":"5000000.00","currency":"CNY"},
		"term_months":{"min":12,"max":24},"max_price_bp":420,"use":"rnd","title":"研发投入","valid_until":"`+until+`"}`, "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	list := collector.Wait(t, trace, patience, spans.Demand)
	t.Logf("one demand through the processes of a system:\n%s", spans.Tree(list))
	spans.CheckDemand(t, list)
}

// post gives a command that must be accepted. One that the system is too busy for, as while a broker of three finds its feet, is repeated
// under its id.
func post(t *testing.T, w *Topology, path, body string, header ...string) {
	t.Helper()
	key := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	for deadline := time.Now().Add(patience); ; {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.HTTP()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil:
			t.Fatal(err)
		case answer.StatusCode/100 == 2:
			return
		case answer.StatusCode/100 != 5 || time.Now().After(deadline):
			t.Fatalf("POST %s: %s %s", path, answer.Status, said)
		}
	}
}
