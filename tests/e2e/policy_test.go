package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// ruleFile is the last crossborder rule file as a later one, of a day, with another parameter for firms.
func ruleFile(t *testing.T, day events.Date, parameter string) map[string]any {
	t.Helper()
	names, err := fs.Glob(contracts.Rules(), "crossborder.*.json")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	b, err := fs.ReadFile(contracts.Rules(), names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	last := strings.TrimSuffix(names[len(names)-1], ".json")
	from := strings.TrimPrefix(last, "crossborder.")
	b = bytes.ReplaceAll(b, []byte(last), []byte("crossborder."+string(day)))
	b = bytes.ReplaceAll(b, []byte(`"effective_from": "`+from), []byte(`"effective_from": "`+string(day)))
	changed := bytes.Replace(b, []byte(`"parameter": "1.75"`), []byte(`"parameter": "`+parameter+`"`), 1)
	if bytes.Equal(changed, b) {
		t.Fatalf("%s has no parameter 1.75", last)
	}
	return map[string]any{"id": "crossborder." + string(day), "content": string(changed)}
}

// TestRuleAdopted: a rule file that comes into force today lowers a borrower's limit by itself, the department sees the rule, what it
// changed, and the new limit; what the ledger holds is never edited; and a start later reads the rule from the ledger, not from the
// program, which does not have it.
func TestRuleAdopted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, allinone.Options{Dir: dir})
	id, body := enterprise(0)
	s.do("POST", "/v1/enterprises", body)
	limit := func(position string) events.Money {
		var b borrower
		s.get("/v1/crossborder/"+id, position, &b)
		return b.Headroom.Limit
	}
	if got := limit(s.do("POST", "/v1/crossborder", assessment(id)).Position).String(); got != "35000000.00 CNY" {
		t.Fatalf("the limit is %s", got)
	}
	file := ruleFile(t, inDays(0), "1")
	s.refused(events.ErrForbidden, "POST", "/v1/policy/crossborder/adopt", file, "Jieli-Actor", "party:bank-1")
	s.refused(events.ErrPolicy, "POST", "/v1/policy/crossborder/adopt", ruleFile(t, "2024-12-31", "1"))
	s.refused(events.ErrPolicy, "POST", "/v1/policy/crossborder/adopt", with(file, map[string]any{"content": strings.ReplaceAll(file["content"].(string), `"on_balance"`, `"off_balance"`)}))
	a := s.do("POST", "/v1/policy/crossborder/adopt", file)
	if again := s.do("POST", "/v1/policy/crossborder/adopt", file); len(a.Events) != 3 || len(again.Events) != 0 {
		t.Errorf("adopted with %d events, and again with %d", len(a.Events), len(again.Events))
	}
	s.refused(events.ErrPolicy, "POST", "/v1/policy/crossborder/adopt", ruleFile(t, inDays(0), "1.1"))

	view := s.writer("pboc")
	seen, at := make(map[string]json.RawMessage), ""
	for after := uint64(0); seen["jieli.crossborder.limit_changed.v1"] == nil || seen["jieli.policy.rule_changed.v1"] == nil; after++ {
		for _, m := range view.behind("VIEW_PBOC", after, 1) {
			if what := m.Headers().Get("ce-type"); strings.HasPrefix(what, "jieli.policy.") || strings.HasPrefix(what, "jieli.crossborder.") {
				seen[what], at = bytes.Clone(m.Data()), origin(m).String()
			}
		}
	}
	var change struct {
		Before  string              `json:"before"`
		Changes []events.RuleChange `json:"changes"`
	}
	if err := json.Unmarshal(seen["jieli.policy.rule_changed.v1"], &change); err != nil || change.Before != "crossborder.2025-01-13" || len(change.Changes) != 1 ||
		change.Changes[0] != (events.RuleChange{Path: "/borrowers/firm/parameter", Before: `"1.75"`, After: `"1"`}) {
		t.Errorf("%v %+v", err, change)
	}
	if got := limit(at).String(); got != "20000000.00 CNY" {
		t.Errorf("the limit is %s by the new rule", got)
	}
	s.verify()

	ctx, cancel := contextWithPatience()
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s = start(t, allinone.Options{Dir: dir})
	other, body := enterprise(1)
	s.do("POST", "/v1/enterprises", body)
	var b borrower
	s.get("/v1/crossborder/"+other, s.do("POST", "/v1/crossborder", assessment(other)).Position, &b)
	if b.Headroom.RuleSet != "crossborder."+string(inDays(0)) || b.Headroom.Limit.String() != "20000000.00 CNY" {
		t.Errorf("after a start: %+v", b.Headroom)
	}
	var subject struct {
		Sets []struct {
			ID, Until string
			AdoptedAt time.Time `json:"adopted_at"`
		} `json:"sets"`
	}
	s.get("/v1/policy/crossborder", "", &subject)
	if n := len(subject.Sets); n != 9 || subject.Sets[n-2].Until != string(inDays(-1)) || subject.Sets[n-1].Until != "" || subject.Sets[n-1].AdoptedAt.IsZero() {
		t.Errorf("%+v", subject.Sets)
	}
	s.verify()
}
