package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts/calendar"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// clockDoc is a clock as GET /v1/bonds/{id} shows it.
type clockDoc struct {
	events.BondClock
	State   string      `json:"state"`
	EndedOn events.Date `json:"ended_on"`
	EndedBy string      `json:"ended_by"`
}

type courseDoc struct {
	Status  string     `json:"status"`
	Round   int        `json:"round"`
	Clocks  []clockDoc `json:"clocks"`
	History []struct {
		Round   int        `json:"round"`
		From    string     `json:"from"`
		Reasons []string   `json:"reasons"`
		Clocks  []clockDoc `json:"clocks"`
	} `json:"history"`
	Allocated   *events.Money `json:"allocated"`
	Allocations []struct {
		Allocation  string       `json:"allocation"`
		Outstanding events.Money `json:"outstanding"`
	} `json:"allocations"`
}

// TestBondCourse shows the clocks of every stage of a bond that is issued and of one that is returned twice, and where the proceeds of a
// bank's bond went, over the public API.
func TestBondCourse(t *testing.T) {
	t.Parallel()
	bondCourse(start(t, allinone.Options{}))
}

func (s *system) course(id string, a *events.Answer) (b courseDoc) {
	s.t.Helper()
	s.get("/v1/bonds/"+id, a.Position, &b)
	return b
}

// clocks holds the clocks of a round to the stages that were entered, and every day to the calendar.
func (s *system) clocks(list []clockDoc, running bool, stages ...string) {
	s.t.Helper()
	if len(list) != len(stages) {
		s.t.Fatalf("%d clocks, want %v: %+v", len(list), stages, list)
	}
	for i, c := range list {
		last := i == len(list)-1
		if c.Stage != stages[i] || c.Owner == "" || (c.State == "stopped") != (!last || !running) || !last && c.EndedBy != stages[i+1] || c.RuleSet == "" {
			s.t.Errorf("clock %d of %v: %+v", i, stages, c)
		}
		for _, l := range c.Levels {
			day, err := calendar.Add(string(c.StartedOn), l.WorkingDays)
			if errors.Is(err, calendar.ErrYear) {
				if l.DueOn != "" || c.Note != events.NoteCalendar {
					s.t.Errorf("a day of a year without a calendar: %+v", c)
				}
			} else if err != nil || string(l.DueOn) != day {
				s.t.Errorf("%s, %d working days from %s: %s, want %s %v", c.Stage, l.WorkingDays, c.StartedOn, l.DueOn, day, err)
			}
		}
	}
}

func bondCourse(s *system) {
	t := s.t
	issuer, body := enterprise(70)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/enterprises/"+issuer+"/profile", map[string]any{"fiscal_year": 2025, "employees": 400, "patents": 30})
	for _, p := range [][3]string{{"c-uw", "underwriter", "securities"}, {"c-rate", "rating_agency", "rating"}, {"c-bank", "bank", "bank"}} {
		s.do("POST", "/v1/parties", map[string]any{"id": p[0], "kind": p[1], "name": "示例机构" + p[0], "region": "310000"})
		s.do("POST", "/v1/parties/"+p[0]+"/license", map[string]any{"licence": p[2], "number": "示例1号", "valid_from": "2020-01-01"})
	}
	s.do("POST", "/v1/offers", map[string]any{"id": "c-uw-1", "party": "c-uw", "instrument": "tech_note", "capacity": money("5000000000.00"), "min_ticket": money("100000000.00"),
		"max_ticket": money("1000000000.00"), "term_months": map[string]any{"min": 9, "max": 120}, "valid_until": "2030-01-01T00:00:00+08:00"})
	terms := map[string]any{"venue": "interbank", "instrument": "tech_note", "amount": money("300000000.00"), "tenor_days": 1095,
		"proceeds": []any{map[string]any{"use": "rnd", "share_bp": 10000}}}
	report := map[string]any{"kind": "annual", "fiscal_year": 2025}
	issue := func(id, issuer, kind string) *events.Answer {
		path := "/v1/bonds/" + id
		s.do("POST", "/v1/bonds", with(terms, map[string]any{"id": id, "issuer": issuer, "issuer_kind": kind}))
		s.do("POST", path+"/triage", map[string]any{})
		s.do("POST", path+"/dock", map[string]any{"offer": "c-uw-1"})
		s.do("POST", path+"/enhance", map[string]any{"kind": "crmw", "provider": "c-uw", "amount": money("100000000.00")})
		s.do("POST", path+"/rate", map[string]any{"agency": "c-rate", "rating": "AA+", "outlook": "stable", "rated_on": "2026-01-05", "valid_to": "2026-12-31"})
		s.refused(events.ErrPolicy, "POST", path+"/file", map[string]any{"number": "示例申报2号", "filed_on": "2026-01-06"})
		s.refused(events.ErrValidity, "POST", path+"/file", map[string]any{"number": "示例申报2号", "filed_on": "2026-01-06", "report": with(report, map[string]any{"fiscal_year": 2024})})
		s.do("POST", path+"/file", map[string]any{"number": "示例申报2号", "filed_on": "2026-01-06", "report": report})
		s.do("POST", path+"/register", map[string]any{"number": "示例注册2号", "registered_on": "2026-01-07", "valid_to": "2028-01-07"})
		return s.do("POST", path+"/issue", map[string]any{"amount": money("200000000.00"), "coupon_bp": 215, "issued_on": "2026-01-08", "matures_on": "2029-01-08"})
	}
	way := []string{"applied", "triaged", "docked", "enhanced", "rated", "filed", "registered"}
	b := s.course("bond:c-1", issue("bond:c-1", issuer, "technology_firm"))
	if s.clocks(b.Clocks, false, way...); b.Status != "issued" || b.Clocks[6].EndedBy != "issued" {
		t.Fatalf("%+v", b)
	}

	// Returned by the desk, and returned when it is filed.
	const twice = "bond:c-2"
	path := "/v1/bonds/" + twice
	s.do("POST", "/v1/bonds", with(terms, map[string]any{"id": twice, "issuer": issuer, "issuer_kind": "technology_firm"}))
	a := s.do("POST", path+"/return", map[string]any{"reasons": []any{"material_incomplete"}, "reason": "请补充材料"})
	s.clocks(s.course(twice, a).Clocks, true, "applied", "returned")
	s.do("PUT", path, terms, "If-Match", "*")
	s.do("POST", path+"/triage", map[string]any{})
	s.do("POST", path+"/dock", map[string]any{"offer": "c-uw-1"})
	s.do("POST", path+"/file", map[string]any{"number": "示例申报3号", "filed_on": "2026-01-06", "report": report})
	s.do("POST", path+"/return", map[string]any{"reasons": []any{"rating_missing", "disclosure_insufficient"}, "reason": "请补充评级"})
	a = s.do("PUT", path, terms, "If-Match", "*")
	b = s.course(twice, a)
	if s.clocks(b.Clocks, true, "applied"); b.Round != 3 || len(b.History) != 2 || b.History[0].From != "applied" || b.History[1].From != "filed" || len(b.History[1].Reasons) != 2 {
		t.Fatalf("%+v", b)
	}
	s.clocks(b.History[0].Clocks, false, "applied", "returned")
	s.clocks(b.History[1].Clocks, false, "applied", "triaged", "docked", "filed", "returned")
	var list listing
	if s.get("/v1/bonds?issuer="+issuer+"&status=applied&clock="+b.Clocks[0].State, a.Position, &list); len(list.Items) != 1 || list.Items[0].ID != twice {
		t.Errorf("bonds by the state of their clock: %+v", list)
	}
	if b = s.course(twice, s.do("POST", path+"/withdraw", map[string]any{"reason": "不再发行"})); b.Status != "withdrawn" || b.Clocks[0].EndedBy != "withdrawn" {
		t.Fatalf("%+v", b)
	}

	// A bank's bond: its proceeds are traced to what they fund, and never more than was issued.
	const bank = "bond:c-3"
	path = "/v1/bonds/" + bank
	issue(bank, "c-bank", "financial_institution")
	s.do("POST", "/v1/demands", map[string]any{"id": "c-demand", "enterprise": issuer, "instruments": []any{"credit_loan"}, "amount": money("150000000.00"), "valid_until": "2030-01-01T00:00:00+08:00"})
	fund := map[string]any{"allocation": "c-a1", "enterprise": issuer, "demand": "c-demand", "funded_on": "2026-01-09", "amount": money("150000000.00")}
	s.refused(events.ErrMismatch, "POST", "/v1/bonds/bond:c-1/allocate", fund)
	s.do("POST", path+"/allocate", fund)
	s.refused(events.ErrNotFound, "POST", path+"/allocate", with(fund, map[string]any{"allocation": "c-a2", "demand": "c-nobody"}))
	s.refused(events.ErrCapacity, "POST", path+"/allocate", with(fund, map[string]any{"allocation": "c-a2", "amount": money("50000000.01")}))
	s.do("POST", path+"/release_allocation", map[string]any{"allocation": "c-a1", "amount": money("100000000.00"), "reason": "提前还款"})
	a = s.do("POST", path+"/allocate", with(fund, map[string]any{"allocation": "c-a2", "demand": nil, "deal": "示例借款合同2号"}))
	b = s.course(bank, a)
	if b.Allocated == nil || b.Allocated.String() != "200000000.00 CNY" || len(b.Allocations) != 2 || b.Allocations[0].Outstanding.String() != "50000000.00 CNY" {
		t.Fatalf("%+v", b)
	}
	s.verify() // which waits for what derives from the ledgers
	seen := make(map[string]int)
	for _, m := range s.writer("pboc").messages(events.ViewStream("pboc")) {
		if strings.HasPrefix(m.Headers().Get("ce-subject"), "bond:c-") { // the system may have seen other tests' bonds
			seen[m.Headers().Get("ce-type")]++
		}
	}
	if seen[events.TypeBondAllocated] != 2 || seen[events.TypeBondAllocationReleased] != 1 || seen[events.TypeBondClockStarted] != 7+7+8 {
		t.Errorf("pboc sees %v", seen)
	}
}
