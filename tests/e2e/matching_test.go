package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestMatching: near-misses and the step that mends them, leads, a draft that leaves nothing behind, what blocks whom, and who may
// ask how often.
func TestMatching(t *testing.T) {
	t.Parallel()
	s := start(t, allinone.Options{})
	id, body := enterprise(0)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/enterprises/"+id+"/authorise", map[string]any{"user": "u-1", "role": "finance", "from": "2020-01-01", "until": "2040-01-01"})
	s.do("POST", "/v1/parties", bank("bank-1"))
	offer := loanOffer("offer-1", "bank-1")
	offer["eligibility"] = []any{map[string]any{"field": "security", "op": "any", "values": []any{"ip_pledge"}}}
	s.do("POST", "/v1/offers", offer)
	a := s.do("POST", "/v1/demands", loanDemand("demand-1", id))

	var ranked struct {
		Eligible int    `json:"eligible"`
		Epoch    string `json:"epoch"`
		Removed  []struct {
			Field  string `json:"field"`
			Offers int    `json:"offers"`
		} `json:"removed"`
	}
	s.get("/v1/demands/demand-1/recommendations", a.Position, &ranked)
	if ranked.Eligible != 0 || len(ranked.Removed) != 1 || ranked.Removed[0].Field != "security" || ranked.Removed[0].Offers != 1 {
		t.Errorf("an empty answer says which clause removed how many: %+v", ranked)
	}
	var near struct {
		NearMisses []struct {
			Offer  string `json:"offer"`
			Score  int    `json:"score"`
			Change struct {
				Field, Op, From, To string
				Text                struct{ Zh, En string }
			} `json:"change"`
		} `json:"near_misses"`
	}
	s.get("/v1/demands/demand-1/near-misses", a.Position, &near)
	if len(near.NearMisses) != 1 || near.NearMisses[0].Change.Field != "security" || near.NearMisses[0].Change.To != "ip_pledge" || near.NearMisses[0].Change.Text.Zh == "" {
		t.Fatalf("near-misses %+v", near)
	}

	// The draft with the step taken: it fits, and nothing is published.
	draft := loanDemand("", id)
	delete(draft, "id")
	draft["security"] = []any{"ip_pledge"}
	tried := func(actor string) (int, map[string]any) {
		status, _, b := s.call("POST", "/v1/match", draft, "Jieli-Actor", actor)
		var v map[string]any
		_ = json.Unmarshal(b, &v)
		return status, v
	}
	status, v := tried("operator")
	if matches, _ := v["matches"].([]any); status != http.StatusOK || v["eligible"] != 1.0 || len(matches) != 1 || matches[0].(map[string]any)["score"] != float64(near.NearMisses[0].Score) {
		t.Errorf("the draft with the step taken: %d %v", status, v)
	}
	delete(draft, "security")
	status, v = tried("operator")
	if reach, _ := v["reach"].([]any); status != http.StatusOK || v["eligible"] != 0.0 || len(reach) != 1 || reach[0].(map[string]any)["field"] != "security" {
		t.Errorf("the reach curve: %d %v", status, v)
	}
	draft["amount"] = map[string]any{"amount": "-1.00", "currency": "CNY"}
	if status, v = tried("operator"); status != http.StatusUnprocessableEntity {
		t.Errorf("a draft that could not be published: %d %v", status, v)
	}
	draft = loanDemand("draft", id)
	s.refused(events.ErrNotFound, "GET", "/v1/demands/draft/recommendations", nil)
	_, _, metrics := s.call("GET", "/metrics", nil)
	if !strings.Contains(string(metrics), "jieli_match_drafts_total 2") {
		t.Error("the drafts are not counted")
	}

	// Amended by the step, the demand is matched, and the offer finds it.
	amended := loanDemand("demand-1", id)
	delete(amended, "id")
	delete(amended, "enterprise")
	amended["security"] = []any{"ip_pledge"}
	a = s.do("PUT", "/v1/demands/demand-1", amended, "If-Match", "*")
	var leads struct {
		Eligible int `json:"eligible"`
		Leads    []struct {
			Demand string `json:"demand"`
			Score  int    `json:"score"`
		} `json:"leads"`
	}
	s.get("/v1/offers/offer-1/leads", a.Position, &leads)
	if leads.Eligible != 1 || len(leads.Leads) != 1 || leads.Leads[0].Demand != "demand-1" || leads.Leads[0].Score != near.NearMisses[0].Score {
		t.Errorf("leads %+v", leads)
	}

	// Who may ask.
	for name, c := range map[string]struct {
		kind    events.ProblemKind
		method  string
		path    string
		headers []string
	}{
		"a stranger about a demand":          {events.ErrForbidden, "GET", "/v1/demands/demand-1/near-misses", []string{"Jieli-Actor", "user:u-2"}},
		"a party about a demand":             {events.ErrForbidden, "GET", "/v1/demands/demand-1/recommendations", []string{"Jieli-Actor", "party:bank-1"}},
		"another party about an offer":       {events.ErrForbidden, "GET", "/v1/offers/offer-1/leads", []string{"Jieli-Actor", "party:bank-2"}},
		"a person about an offer":            {events.ErrForbidden, "GET", "/v1/offers/offer-1/leads", []string{"Jieli-Actor", "user:u-1"}},
		"places outside their range":         {events.ErrMalformed, "GET", "/v1/demands/demand-1/near-misses?limit=201", nil},
		"an offer that is not there":         {events.ErrNotFound, "GET", "/v1/offers/offer-9/leads", nil},
		"positions of other ledgers":         {events.ErrEpoch, "GET", "/v1/demands/demand-1/near-misses?epoch=0000000000000000", nil},
		"a department that is no enquirer":   {events.ErrForbidden, "GET", "/v1/demands/demand-1/near-misses", []string{"Authorization", "Bearer " + s.credential("pboc.token")}},
		"a region that no list of codes has": {events.ErrRegion, "GET", "/v1/insight/blocked?region=123456", nil},
	} {
		t.Run(name, func(t *testing.T) { s.refused(c.kind, c.method, c.path, nil, c.headers...) })
	}
	if status, _, b := s.call("GET", "/v1/demands/demand-1/near-misses?epoch="+ranked.Epoch, nil, "Jieli-Actor", "user:u-1"); status != http.StatusOK {
		t.Errorf("whom the enterprise has authorised: %d %s", status, b)
	}
	if status, _, b := s.call("GET", "/v1/insight/blocked", nil, "Authorization", "Bearer "+s.credential("miit.token")); status != http.StatusOK || !strings.Contains(string(b), `"open":1`) {
		t.Errorf("what blocks whom: %d %s", status, b)
	}

	// How often: an explanation of each new version of the demand counts, the same one again does not.
	explain := "/v1/demands/demand-1/explain/offer-1"
	for i := range 20 {
		if status, _, b := s.call("GET", explain, nil, "Jieli-Actor", "user:u-1"); status != http.StatusOK {
			t.Fatalf("explanation %d of the same version: %d %s", i, status, b)
		}
	}
	limited := false
	for i := range 12 {
		amended["max_price_bp"] = 421 + i
		a := s.do("PUT", "/v1/demands/demand-1", amended, "If-Match", "*")
		status, _, b := s.call("GET", explain, nil, "Jieli-Actor", "user:u-1", "Jieli-Position", a.Position)
		if limited = status == http.StatusTooManyRequests; limited {
			if i < 6 || !strings.Contains(string(b), "too-many-questions") {
				t.Errorf("limited after %d versions: %s", i, b)
			}
			break
		}
	}
	if !limited {
		t.Error("a bound can be searched for without limit")
	}

	// The offer's leads are found once, and the demand's recommendation is refreshed by what came after it.
	better := loanOffer("offer-2", "bank-1")
	s.do("POST", "/v1/offers", better)
	await(t, "a refresh of demand-1 with offer-2", func() bool {
		_, _, b := s.call("GET", "/v1/demands/demand-1/recommendations", nil)
		var r struct {
			Recorded *events.Recommendation `json:"recorded"`
		}
		if err := json.Unmarshal(b, &r); err != nil || r.Recorded == nil || r.Recorded.Refresh == nil {
			return false
		}
		return len(r.Recorded.Offers) == 2 && len(r.Recorded.Refresh.Causes) > 0
	})
	await(t, "the leads of offer-2", func() bool {
		status, _, b := s.call("GET", "/v1/recommendations/"+"leads~offer-2", nil)
		return status == http.StatusOK && strings.Contains(string(b), `"demand":"demand-1"`)
	})
	if r := s.verify(); !r.OK {
		t.Errorf("%+v", r)
	}
}

// await polls what no stream tells of.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
