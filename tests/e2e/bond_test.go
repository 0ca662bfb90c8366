package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// bondDoc is what the tests read of GET /v1/bonds/{id}.
type bondDoc struct {
	Status string `json:"status"`
	Round  int    `json:"round"`
	Triage struct {
		Gate    string                `json:"gate"`
		RuleSet string                `json:"rule_set"`
		Clauses []events.ClauseResult `json:"clauses"`
	} `json:"triage"`
	Return struct {
		Reasons []string `json:"reasons"`
		From    string   `json:"from"`
	} `json:"return"`
}

func (s *system) bond(id, position string) (b bondDoc) {
	s.t.Helper()
	s.get("/v1/bonds/"+id, position, &b)
	return b
}

// TestBondGreenChannel takes one bond from the application to the issue with the underwriter whom the matcher finds, and sends
// another back twice, over the public API; the departments see what their grants say.
func TestBondGreenChannel(t *testing.T) {
	t.Parallel()
	bondGreenChannel(start(t, allinone.Options{}))
}

func bondGreenChannel(s *system) {
	t := s.t
	issuer, body := enterprise(60)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/enterprises/"+issuer+"/profile", map[string]any{"fiscal_year": 2025, "employees": 400, "patents": 29, "software_copyrights": 12})
	for id, party := range map[string]map[string]any{
		"p-uw":   {"kind": "underwriter", "name": "示例证券股份有限公司", "licence": "securities"},
		"p-bank": {"kind": "bank", "name": "示例银行股份有限公司", "licence": "bank"},
		"p-rate": {"kind": "rating_agency", "name": "示例资信评估有限公司", "licence": "rating"},
	} {
		s.do("POST", "/v1/parties", map[string]any{"id": id, "kind": party["kind"], "name": party["name"], "region": "310000"})
		s.do("POST", "/v1/parties/"+id+"/license", map[string]any{"licence": party["licence"], "number": "示例1号", "valid_from": "2020-01-01"})
	}
	underwriting := func(id, party string, most string) {
		s.do("POST", "/v1/offers", map[string]any{"id": id, "party": party, "instrument": "tech_note", "capacity": money("5000000000.00"), "min_ticket": money("100000000.00"),
			"max_ticket": money(most), "term_months": map[string]any{"min": 9, "max": 120}, "valid_until": "2030-01-01T00:00:00+08:00"})
	}
	underwriting("uw-large", "p-uw", "1000000000.00")
	underwriting("uw-small", "p-bank", "200000000.00")
	terms := map[string]any{"venue": "interbank", "instrument": "tech_note", "amount": money("300000000.00"), "tenor_days": 1095,
		"proceeds": []any{map[string]any{"use": "rnd", "share_bp": 10000}}}
	const id = "bond:e2e-1"
	path := "/v1/bonds/" + id
	s.refused(events.ErrID, "POST", "/v1/bonds", with(terms, map[string]any{"id": "e2e-1", "issuer": issuer, "issuer_kind": "technology_firm"}))
	s.refused(events.ErrID, "POST", "/v1/demands", map[string]any{"id": "bond:x", "enterprise": issuer, "instruments": []any{"credit_loan"}, "amount": money("1.00"), "valid_until": "2030-01-01T00:00:00+08:00"})
	s.do("POST", "/v1/bonds", with(terms, map[string]any{"id": id, "issuer": issuer, "issuer_kind": "technology_firm"}))

	// The rules send it back: 29 patents, no title. With a thirtieth patent it is let in.
	a := s.do("POST", path+"/triage", map[string]any{})
	if b := s.bond(id, a.Position); b.Status != "returned" || b.Return.From != "applied" || len(b.Return.Reasons) != 1 || b.Return.Reasons[0] != "gate_not_met" {
		t.Fatalf("%+v", b)
	}
	s.refused(events.ErrState, "POST", path+"/triage", map[string]any{})
	s.do("POST", "/v1/enterprises/"+issuer+"/profile", map[string]any{"fiscal_year": 2025, "employees": 400, "patents": 30, "software_copyrights": 12})
	s.do("PUT", path, terms, "If-Match", "*")
	a = s.do("POST", path+"/triage", map[string]any{})
	if b := s.bond(id, a.Position); b.Status != "triaged" || b.Round != 2 || b.Triage.Gate != "patents" || b.Triage.RuleSet != "bond.2026-03-09" {
		t.Fatalf("%+v", b)
	}

	// The matcher finds the one underwriter who takes an issue of that size.
	var recorded events.Recommendation
	await(t, "the recommendation", func() bool {
		status, _, b := s.call("GET", "/v1/recommendations/"+id, nil)
		return status == http.StatusOK && json.Unmarshal(b, &recorded) == nil
	})
	var ranked struct {
		Offers []struct {
			Offer string `json:"offer"`
		} `json:"offers"`
	}
	s.get(path+"/recommendations", "", &ranked)
	if len(ranked.Offers) != 1 || ranked.Offers[0].Offer != "uw-large" || recorded.Demand != id || len(recorded.Offers) != 1 || recorded.Offers[0].Party != "p-uw" {
		t.Fatalf("%+v, recorded %+v", ranked, recorded)
	}
	s.do("POST", path+"/dock", map[string]any{"offer": ranked.Offers[0].Offer})
	s.refused(events.ErrLicence, "POST", path+"/enhance", map[string]any{"kind": "guarantee", "provider": "p-bank", "amount": money("1.00")})
	s.do("POST", path+"/enhance", map[string]any{"kind": "crmw", "provider": "p-bank", "amount": money("100000000.00")})
	s.do("POST", path+"/rate", map[string]any{"agency": "p-rate", "rating": "AA+", "outlook": "stable", "rated_on": "2026-01-05"})
	s.do("POST", path+"/file", map[string]any{"number": "示例申报1号", "filed_on": "2026-01-06", "report": map[string]any{"kind": "annual", "fiscal_year": 2025}})
	s.do("POST", path+"/register", map[string]any{"number": "示例注册1号", "registered_on": "2026-01-07", "valid_to": "2028-01-07"})
	s.refused(events.ErrRange, "POST", path+"/issue", map[string]any{"amount": money("300000000.01"), "coupon_bp": 215, "issued_on": "2026-01-08", "matures_on": "2029-01-08"})
	a = s.do("POST", path+"/issue", map[string]any{"amount": money("300000000.00"), "coupon_bp": 215, "issued_on": "2026-01-08", "matures_on": "2029-01-08"})
	if b := s.bond(id, a.Position); b.Status != "issued" {
		t.Fatalf("%+v", b)
	}
	s.refused(events.ErrState, "POST", path+"/withdraw", map[string]any{"reason": "太晚了"})

	const other = "bond:e2e-2"
	s.do("POST", "/v1/bonds", with(terms, map[string]any{"id": other, "issuer": issuer, "issuer_kind": "technology_firm"}))
	s.do("POST", "/v1/bonds/"+other+"/triage", map[string]any{})
	s.do("POST", "/v1/bonds/"+other+"/return", map[string]any{"reasons": []any{"material_incomplete"}, "reason": "请补充材料"})
	s.do("POST", "/v1/bonds/"+other+"/withdraw", map[string]any{"reason": "不再发行"})
	s.verify() // which waits for what derives from the ledgers
	var list listing
	if s.get("/v1/bonds?status=issued", "", &list); len(list.Items) != 1 || list.Items[0].ID != id {
		t.Fatalf("issued bonds: %+v", list)
	}

	// What the departments have of it: the bank of issue the course, without what the issuer's patents are; foreign exchange nothing.
	seen := func(dept string) map[string][]map[string]json.RawMessage {
		byType := make(map[string][]map[string]json.RawMessage)
		for _, m := range s.writer(dept).messages(events.ViewStream(dept)) {
			if typ := m.Headers().Get("ce-type"); origin(m).Context == "bond" && strings.HasPrefix(m.Headers().Get("ce-subject"), "bond:e2e-") {
				var fields map[string]json.RawMessage
				if err := json.Unmarshal(m.Data(), &fields); err != nil {
					t.Fatal(err)
				}
				byType[typ] = append(byType[typ], fields)
			}
		}
		return byType
	}
	pboc := seen("pboc")
	if len(pboc[events.TypeBondIssued]) != 1 || len(pboc[events.TypeBondApplied]) != 2 || len(pboc[events.TypeBondReturned]) != 2 {
		t.Fatalf("pboc sees %v", pboc)
	}
	if first := pboc[events.TypeBondReturned][0]; first["triage"] != nil || first["reason"] != nil || first["reasons"] == nil {
		t.Errorf("a return as pboc sees it: %v", first)
	}
	if triaged := pboc[events.TypeBondTriaged][0]; triaged["clauses"] != nil || triaged["gate"] == nil {
		t.Errorf("a triage as pboc sees it: %v", triaged)
	}
	if safe := seen("safe"); len(safe) != 0 {
		t.Errorf("safe sees %v", safe)
	}
}
