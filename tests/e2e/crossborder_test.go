package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// borrower is what these tests read of a borrower's document.
type borrower struct {
	Status   string          `json:"status"`
	Headroom events.Headroom `json:"headroom"`
	Over     *struct {
		Used events.Money `json:"used"`
	} `json:"over"`
	Contracts map[string]struct {
		Outstanding events.Money               `json:"outstanding"`
		Draws       map[string]json.RawMessage `json:"draws"`
	} `json:"contracts"`
}

// opened is the day of these tests: one day for all of them, so that a test over midnight says the same thing twice.
var opened = time.Now()

func inDays(n int) events.Date { return events.DateOf(opened.AddDate(0, 0, n)) }

func dollars(amount string) map[string]any {
	return map[string]any{"amount": amount, "currency": "USD"}
}

func sevenYuan() map[string]any {
	return map[string]any{"rate": "7.0", "source": "cfets_central_parity", "day": inDays(0)}
}

// assessment of ten million yuan of net assets: a limit of 35 million by the rules since 2025-01-13.
func assessment(id string) map[string]any {
	return map[string]any{"id": id, "kind": "firm", "route": "macro_prudential",
		"statement": map[string]any{"day": inDays(-200), "net_assets": money("10000000.00"), "document": "审字示例1号"}}
}

// shortDollars weigh twice their value, longYuan once.
func shortDollars(id, amount string) map[string]any {
	return map[string]any{"contract": id, "lender": "Example Bank", "lender_country": "HK", "category": "on_balance", "amount": dollars(amount),
		"starts": inDays(0), "matures": inDays(180), "rate": sevenYuan()}
}

func longYuan(id, amount string) map[string]any {
	return map[string]any{"contract": id, "lender": "Example Capital", "lender_country": "SG", "category": "on_balance", "amount": money(amount),
		"starts": inDays(0), "matures": inDays(800), "registration": map[string]any{"number": "发改办外资备示例1号", "day": inDays(-30)}}
}

// TestCrossborderRace: 200 draws on four contracts of one borrower at once, each of a weight of 3.5 million, against a limit of 35
// million: exactly ten are taken, the limit is reached to the fen, and who repays makes room for exactly one.
func TestCrossborderRace(t *testing.T) {
	t.Parallel()
	crossborderRace(start(t, allinone.Options{Partitions: 4}))
}

func crossborderRace(s *system) {
	t := s.t
	before := s.verify().Ledgers["crossborder"]
	id, body := enterprise(70)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/crossborder", assessment(id))
	path := "/v1/crossborder/" + id
	s.do("POST", path+"/file", longYuan("unused", "1.00"))
	for i := range 2 {
		s.do("POST", path+"/file", shortDollars(fmt.Sprint("dollars-", i), "2500000.00"))
		s.do("POST", path+"/file", longYuan(fmt.Sprint("yuan-", i), "35000000.00"))
	}
	draw := func(i int) map[string]any {
		d := map[string]any{"contract": fmt.Sprint("yuan-", i/2%2), "draw": fmt.Sprint("d-", i), "amount": money("3500000.00")}
		if i%2 == 0 {
			d["contract"], d["amount"], d["rate"] = fmt.Sprint("dollars-", i/2%2), dollars("250000.00"), sevenYuan()
		}
		return d
	}
	const racers, fit = 200, 10
	var taken, refused atomic.Int64
	var first atomic.Int64
	s.atOnce(racers, func(i int) error {
		for again := range 2 { // the second time under another command id: it is the same draw still
			a, err := s.give("POST", path+"/draw", draw(i))
			var p *events.Problem
			switch {
			case errors.As(err, &p) && p.Type == events.ProblemPrefix+events.ErrCapacity.Code:
				if again == 0 {
					refused.Add(1)
				}
				return nil
			case err != nil:
				return err
			case again == 0:
				taken.Add(1)
				first.Store(int64(i))
			case len(a.Events) != 0:
				return fmt.Errorf("draw %d was taken twice", i)
			}
		}
		return nil
	})
	if taken.Load() != fit || refused.Load() != racers-fit {
		t.Fatalf("%d draws taken and %d refused, want %d and %d", taken.Load(), refused.Load(), fit, racers-fit)
	}
	look := func(position string) borrower {
		t.Helper()
		var b borrower
		s.get(path, position, &b)
		draws := 0
		for _, c := range b.Contracts {
			draws += len(c.Draws)
		}
		if draws != int(taken.Load()) {
			t.Errorf("the borrower has %d draws, %d were answered as taken", draws, taken.Load())
		}
		return b
	}
	paid := draw(int(first.Load()))
	delete(paid, "rate")
	a := s.do("POST", path+"/repay", paid)
	if b := look(a.Position); b.Headroom.Used.Amount() != "31500000.00" || b.Headroom.Limit.Amount() != "35000000.00" {
		t.Errorf("after a repayment %s of %s are used", b.Headroom.Used, b.Headroom.Limit)
	}
	var room atomic.Int64
	s.atOnce(20, func(i int) error {
		_, err := s.give("POST", path+"/draw", draw(racers+i))
		var p *events.Problem
		if err == nil {
			room.Add(1)
			taken.Add(1)
		} else if errors.As(err, &p) && p.Type == events.ProblemPrefix+events.ErrCapacity.Code {
			return nil
		}
		return err
	})
	if room.Load() != 1 {
		t.Errorf("%d draws taken in the room of one", room.Load())
	}
	s.refused(events.ErrCapacity, "POST", path+"/file", longYuan("one-fen", "0.01"))
	a = s.do("POST", path+"/cancel", map[string]any{"contract": "unused", "reason": "示例"})
	if b := look(a.Position); b.Headroom.Used != b.Headroom.Limit || b.Over != nil {
		t.Errorf("the draws fit exactly, but %s of %s are used", b.Headroom.Used, b.Headroom.Limit)
	}
	r := s.verify().Ledgers["crossborder"]
	if r.Entities-before.Entities != 1 || r.Events-before.Events != 1+5+fit+2+1 {
		t.Errorf("ledger %+v", r)
	}
	t.Logf("%d commands, %d of them refused, in %d commits", r.Commands, r.Refusals, r.Commits)
}

// TestCrossborder: from an assessment to the last repayment, as the borrower's own user, and what each department sees of it.
func TestCrossborder(t *testing.T) {
	t.Parallel()
	crossborderLife(start(t, allinone.Options{}))
}

func crossborderLife(s *system) {
	t := s.t
	id, body := enterprise(71)
	path := "/v1/crossborder/" + id
	s.refused(events.ErrNotFound, "POST", "/v1/crossborder", assessment(id))
	s.do("POST", "/v1/enterprises", body)
	a := s.do("POST", "/v1/enterprises/"+id+"/authorise", map[string]any{"user": "u1", "role": "finance", "from": "2020-01-01", "until": inDays(30)})
	s.get("/v1/enterprises/"+id, a.Position, nil)
	user := []string{"Jieli-Actor", "user:u1"}
	s.refused(events.ErrForbidden, "POST", "/v1/crossborder", assessment(id), "Jieli-Actor", "user:u2")
	s.refused(events.ErrForbidden, "POST", "/v1/crossborder", assessment(id), "Jieli-Actor", "party:bank-1")

	a = s.do("POST", "/v1/crossborder", assessment(id), user...)
	if a.Version != 1 || len(a.Events) != 1 {
		t.Errorf("answer %+v", a)
	}
	if again := s.do("POST", path+"/assess", assessment(id), user...); len(again.Events) != 0 {
		t.Errorf("the same assessment again: %+v", again)
	}
	short := shortDollars("short", "1000000.00")
	s.do("POST", path+"/file", short, user...)
	s.refused(events.ErrPolicy, "POST", path+"/file", with(longYuan("long", "10000000.00"), map[string]any{"registration": nil}), user...)
	s.do("POST", path+"/file", longYuan("long", "10000000.00"), user...)
	s.refused(events.ErrForbidden, "POST", path+"/refuse", map[string]any{"contract": "long", "reason": "示例"}, user...)
	s.refused(events.ErrInternalType, "POST", path+"/apply_rules", map[string]any{})
	s.do("POST", path+"/draw", map[string]any{"contract": "long", "draw": "1", "amount": money("10000000.00")}, user...)
	s.do("POST", path+"/draw", map[string]any{"contract": "short", "draw": "1", "amount": dollars("1000000.00"), "rate": sevenYuan()}, user...)
	p := s.refused(events.ErrCapacity, "POST", path+"/file", longYuan("more", "11000000.01"), user...)
	if !strings.Contains(p.DetailEN, "35000000.00 CNY") || p.Field != "/amount" {
		t.Errorf("a refusal names the limit and the field: %+v", p)
	}

	// A worse statement: the limit falls below the balance. What there is runs on, nothing is added.
	worse := assessment(id)
	worse["statement"] = map[string]any{"day": inDays(-20), "net_assets": money("5000000.00"), "document": "审字示例2号"}
	a = s.do("POST", path+"/assess", worse, user...)
	var b borrower
	s.get(path, a.Position, &b)
	if b.Over == nil || b.Headroom.Used.Amount() != "24000000.00" || b.Headroom.Limit.Amount() != "17500000.00" {
		t.Errorf("over the limit: %+v", b)
	}
	s.refused(events.ErrCapacity, "POST", path+"/file", longYuan("more", "0.01"), user...)
	s.refused(events.ErrPolicy, "POST", path+"/extend", map[string]any{"contract": "long", "matures": inDays(1000)}, user...)
	var list listing
	s.get("/v1/crossborder?over=true", a.Position, &list)
	if len(list.Items) != 1 || list.Items[0].ID != id {
		t.Errorf("borrowers over their limit: %+v", list)
	}
	s.get("/v1/crossborder?lender_country=SG", a.Position, &list)
	if !slices.ContainsFunc(list.Items, func(i item) bool { return i.ID == id }) {
		t.Errorf("borrowers with a lender in Singapore: %+v", list)
	}
	s.do("POST", path+"/repay", map[string]any{"contract": "short", "draw": "1", "amount": dollars("1000000.00")}, user...)
	s.do("POST", path+"/close", map[string]any{"contract": "short"}, user...)
	s.do("POST", path+"/exclude", map[string]any{"reason": "示例", "document": "示例〔2026〕1号"})
	s.refused(events.ErrPolicy, "POST", path+"/file", longYuan("more", "0.01"), user...)
	s.do("POST", path+"/repay", map[string]any{"contract": "long", "draw": "1", "amount": money("10000000.00")}, user...)
	s.do("POST", path+"/close", map[string]any{"contract": "long"}, user...)
	a = s.do("POST", path+"/withdraw", map[string]any{"reason": "示例"}, user...)
	s.get(path, a.Position, &b)
	if b.Status != "withdrawn" || b.Headroom.Used.Minor != 0 {
		t.Errorf("at the end %+v", b)
	}

	before, documents := s.derived(), string(s.get("/v1/crossborder", a.Position, nil))
	s.rebuild(everything)
	if err := before.differs(s.derived()); err != nil {
		t.Error(err)
	}
	if after := string(s.get("/v1/crossborder", a.Position, nil)); after != documents {
		t.Errorf("documents before a rebuild %s, after it %s", documents, after)
	}
	// Departments: the regulator of foreign exchange sees the headroom and no accounts, the planners the registration and no headroom.
	safe, pboc, ndrc := s.resume("safe", "0").of(id), s.resume("pboc", "0").of(id), s.resume("ndrc", "0").of(id)
	sees := func(e events.Event, yes, no string) {
		t.Helper()
		for word := range strings.FieldsSeq(yes) {
			if !strings.Contains(string(e.Data), `"`+word+`"`) {
				t.Errorf("%s lacks %s: %s", e.Type, word, e.Data)
			}
		}
		for word := range strings.FieldsSeq(no) {
			if strings.Contains(string(e.Data), `"`+word+`"`) {
				t.Errorf("%s shows %s: %s", e.Type, word, e.Data)
			}
		}
	}
	sees(safe.await(events.TypeBorrowerAssessed), "headroom rule_set rule_hash parameter", "net_assets document position")
	sees(safe.await(events.TypeContractFiled), "lender lender_country weight rate", "")
	sees(safe.await(events.TypeDrawn), "headroom outstanding", "")
	sees(safe.await(events.TypeLimitChanged), "limit_before because", "")
	sees(safe.await(events.TypeBorrowerWithdrawn), "reason", "")
	sees(pboc.await(events.TypeBorrowerAssessed), "headroom", "name industry net_assets")
	sees(pboc.await(events.TypeContractFiled), "weight lender_country", "lender registration")
	ndrc.await(events.TypeContractFiled) // the short one
	sees(ndrc.await(events.TypeContractFiled), "registration number matures", "headroom weight lender rate")
	if r := s.verify(); r.Ledgers["crossborder"].Refusals == 0 {
		t.Errorf("refusals that depend on the state are on record: %+v", r.Ledgers["crossborder"])
	}
}
