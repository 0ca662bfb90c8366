package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestLifecycles leads everything through its life over HTTP, in one system, and verifies that.
func TestLifecycles(t *testing.T) {
	t.Parallel()
	lifecycles(start(t, allinone.Options{}))
}

func lifecycles(s *system) {
	id, body := enterprise(30)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/parties", bank("life-bank"))
	for _, test := range []struct {
		name string
		run  func(s *system, enterprise string)
	}{
		{"demand", demandLife}, {"offer", offerLife}, {"enterprise", enterpriseLife}, {"party", partyLife}, {"ranking", rankingFollows},
		{"stack", stackCovers},
		{"repeats", repeats}, {"read your writes", readYourWrites}, {"lists", lists}, {"contact", contactErased},
	} {
		s.t.Run(test.name, func(t *testing.T) { test.run(s.on(t), id) })
	}
	s.verify()
}

// doc is what these tests read of any document.
type doc struct {
	Status    string       `json:"status"`
	Title     string       `json:"title"`
	Amount    events.Money `json:"amount"`
	Held      events.Money `json:"held"`
	Filled    events.Money `json:"filled"`
	Capacity  events.Money `json:"capacity"`
	Reserved  events.Money `json:"reserved"`
	Committed events.Money `json:"committed"`
}

// expect holds a document to a status and two amounts (held and filled, or reserved and committed).
func (s *system) expect(path string, a *events.Answer, status, first, second string) {
	s.t.Helper()
	var d doc
	s.get(path, a.Position, &d)
	one, two := d.Held, d.Filled
	if d.Capacity.Currency != "" {
		one, two = d.Reserved, d.Committed
	}
	if d.Status != status || one.Amount() != first || two.Amount() != second {
		s.t.Errorf("%s is %s with %s and %s, want %s with %s and %s", path, d.Status, one, two, status, first, second)
	}
}

func match(a *events.Answer) string { return `"` + strconv.FormatUint(a.Version, 10) + `"` }

// terms is a payload as an amendment takes it.
func terms(payload map[string]any, fields map[string]any) map[string]any {
	return with(with(payload, map[string]any{"id": nil, "enterprise": nil, "party": nil}), fields)
}

func demandLife(s *system, enterprise string) {
	s.do("POST", "/v1/offers", loanOffer("life-offer", "life-bank"))
	const path = "/v1/demands/life"
	payload := loanDemand("life", enterprise)
	a := s.do("POST", "/v1/demands", payload)
	s.expect(path, a, "open", "0.00", "0.00")
	if again := s.do("POST", "/v1/demands", payload); again.Version != 1 || len(again.Events) != 0 {
		s.t.Errorf("the same publication again: %+v", again)
	}
	b := s.do("PUT", path, terms(payload, map[string]any{"title": "改"}), "If-Match", match(a))
	if b.Version != 2 || len(b.Events) != 1 {
		s.t.Errorf("amended: %+v", b)
	}
	s.refused(events.ErrVersion, "PUT", path, terms(payload, map[string]any{"title": "再改"}), "If-Match", match(a))
	hold := func(id, amount string) map[string]any {
		return map[string]any{"hold": id, "offer": "life-offer", "amount": money(amount), "until": validUntil()}
	}
	s.do("POST", path+"/hold", hold("h1", "2000000.00"), "Jieli-Actor", "party:life-bank")
	a = s.do("POST", path+"/hold", hold("h2", "3000000.00"))
	s.expect(path, a, "open", "5000000.00", "0.00")
	s.refused(events.ErrCapacity, "POST", path+"/hold", hold("h3", "0.01"))
	s.refused(events.ErrCapacity, "PUT", path, terms(payload, map[string]any{"amount": money("4999999.99")}), "If-Match", "*")
	a = s.do("POST", path+"/release_hold", map[string]any{"hold": "h1"})
	s.expect(path, a, "open", "3000000.00", "0.00")
	a = s.do("POST", path+"/fill", map[string]any{"hold": "h2", "amount": money("2500000.00")})
	s.expect(path, a, "open", "0.00", "2500000.00")
	s.do("POST", path+"/hold", hold("h4", "2500000.00"))
	a = s.do("POST", path+"/fill", map[string]any{"hold": "h4", "amount": money("2500000.00")})
	if len(a.Events) != 2 {
		s.t.Errorf("the last fill fulfils: %+v", a)
	}
	s.expect(path, a, "fulfilled", "0.00", "5000000.00")
	s.refused(events.ErrState, "POST", path+"/withdraw", map[string]any{"reason": "示例"})

	s.do("POST", "/v1/demands", loanDemand("life-2", enterprise))
	s.do("POST", "/v1/demands/life-2/hold", hold("h1", "1.00"))
	a = s.do("POST", "/v1/demands/life-2/withdraw", map[string]any{"reason": "示例"})
	if len(a.Events) != 2 {
		s.t.Errorf("a withdrawal returns its holds: %+v", a)
	}
	s.expect("/v1/demands/life-2", a, "withdrawn", "0.00", "0.00")

	// Ids of the server's own: taken from the command, so that a repeat names the same demand.
	fresh := with(payload, map[string]any{"id": nil})
	a = s.do("POST", "/v1/demands", fresh, "Idempotency-Key", "life-fresh")
	b = s.do("POST", "/v1/demands", fresh, "Idempotency-Key", "life-fresh")
	if a.Subject != b.Subject || a.Subject == "" || !b.Repeated {
		s.t.Errorf("a publication without an id: %+v, again %+v", a, b)
	}
	s.expires(enterprise)
}

// expires: what time does, recorded by the timer and seen as an event.
func (s *system) expires(enterprise string) {
	s.t.Helper()
	from := s.core().info(events.EventsStream("demand")).LastSeq
	soon := time.Now().Add(1200 * time.Millisecond).UTC().Format(time.RFC3339Nano)
	a := s.do("POST", "/v1/demands", with(loanDemand("life-3", enterprise), map[string]any{"valid_until": soon}))
	m := s.core().behind(events.EventsStream("demand"), from, 2)[1]
	if e := decode(s.t, m); e.Type != events.TypeDemandExpired || e.Subject != "life-3" {
		s.t.Errorf("after its validity came %s of %s", e.Type, e.Subject)
	}
	a.Position = events.Position{Context: "demand", Sequence: origin(m).Sequence}.String()
	s.expect("/v1/demands/life-3", a, "expired", "0.00", "0.00")
}

func offerLife(s *system, _ string) {
	const path = "/v1/offers/life"
	payload := with(loanOffer("life", "life-bank"), map[string]any{"capacity": money("3000000.00"), "max_ticket": money("2000000.00")})
	a := s.do("POST", "/v1/offers", payload, "Jieli-Actor", "party:life-bank")
	s.expect(path, a, "open", "0.00", "0.00")
	a = s.do("PUT", path, terms(payload, map[string]any{"title": "改"}), "If-Match", match(a))
	reserve := func(id, amount string) map[string]any {
		return map[string]any{"reservation": id, "demand": "life", "amount": money(amount), "until": validUntil()}
	}
	s.do("POST", path+"/pause", map[string]any{"reason": "示例"}, "If-Match", match(a))
	s.refused(events.ErrState, "POST", path+"/reserve", reserve("r1", "1000000.00"))
	a = s.do("POST", path+"/resume", nil)
	s.expect(path, a, "open", "0.00", "0.00")
	s.do("POST", path+"/reserve", reserve("r1", "1000000.00"))
	a = s.do("POST", path+"/reserve", reserve("r2", "2000000.00"))
	s.expect(path, a, "open", "3000000.00", "0.00")
	s.refused(events.ErrCapacity, "POST", path+"/reserve", reserve("r3", "0.01"))
	s.refused(events.ErrCapacity, "PUT", path, terms(payload, map[string]any{"capacity": money("2999999.99")}), "If-Match", "*")
	a = s.do("POST", path+"/release", map[string]any{"reservation": "r1"})
	s.expect(path, a, "open", "2000000.00", "0.00")
	a = s.do("POST", path+"/commit", map[string]any{"reservation": "r2", "amount": money("2000000.00")})
	s.expect(path, a, "open", "0.00", "2000000.00")
	s.do("POST", path+"/reserve", reserve("r4", "1000000.00"))
	a = s.do("POST", path+"/commit", map[string]any{"reservation": "r4", "amount": money("1000000.00")})
	s.expect(path, a, "exhausted", "0.00", "3000000.00")
	s.refused(events.ErrState, "POST", path+"/reserve", reserve("r5", "0.01"))

	s.do("POST", "/v1/offers", with(payload, map[string]any{"id": "life-2"}))
	s.do("POST", "/v1/offers/life-2/reserve", reserve("r1", "1.00"))
	a = s.do("POST", "/v1/offers/life-2/withdraw", map[string]any{"reason": "示例"})
	s.expect("/v1/offers/life-2", a, "withdrawn", "0.00", "0.00")
}

func enterpriseLife(s *system, _ string) {
	id, body := enterprise(31)
	path := "/v1/enterprises/" + id
	s.do("POST", "/v1/enterprises", body)
	s.refused(events.ErrExists, "POST", "/v1/enterprises", with(body, map[string]any{"name": "另一家示例公司"}))
	s.do("POST", path+"/profile", map[string]any{"fiscal_year": 2024, "employees": 120, "rd_staff": 40, "revenue": money("80000000.00"), "rd_expense": money("9000000.00"), "patents": 12, "stage": "expansion"})
	title := map[string]any{"title": "high_tech", "certificate": "GR202433000001", "issuer": "示例省科技厅", "valid_from": "2024-01-01", "valid_to": events.DateOf(time.Now().AddDate(1, 0, 0))}
	s.do("POST", path+"/title", title)
	until := events.DateOf(time.Now().AddDate(0, 1, 0))
	s.do("POST", path+"/authorise", map[string]any{"user": "u1", "role": "owner", "from": "2020-01-01", "until": until})
	s.do("POST", path+"/authorise", map[string]any{"user": "u2", "role": "agent", "from": "2020-01-01", "until": until}, "Jieli-Actor", "user:u1")
	s.refused(events.ErrForbidden, "POST", path+"/authorise", map[string]any{"user": "u3", "role": "agent", "from": "2020-01-01", "until": until}, "Jieli-Actor", "user:u2")
	a := s.do("POST", path+"/consent", map[string]any{"purpose": "matching", "until": until}, "Jieli-Actor", "user:u1")
	s.get(path, a.Position, nil)
	s.do("POST", "/v1/demands", loanDemand("by-user", id), "Jieli-Actor", "user:u2")
	s.do("POST", path+"/withdraw_consent", map[string]any{"purpose": "matching"})
	a = s.do("POST", path+"/revoke_authorisation", map[string]any{"user": "u2"})
	s.get(path, a.Position, nil)
	s.refused(events.ErrForbidden, "POST", "/v1/demands", loanDemand("by-user-2", id), "Jieli-Actor", "user:u2")
	a = s.do("POST", path+"/suspend", map[string]any{"reason": "示例", "document": "示例〔2026〕1号"})
	s.get(path, a.Position, nil)
	s.refused(events.ErrState, "POST", "/v1/demands", loanDemand("suspended", id))
	a = s.do("POST", path+"/reinstate", map[string]any{"reason": "示例"})
	var d struct {
		Status         string           `json:"status"`
		Stage          string           `json:"stage"`
		Titles         []map[string]any `json:"titles"`
		Authorisations []map[string]any `json:"authorisations"`
		Consents       []map[string]any `json:"consents"`
	}
	s.get(path, a.Position, &d)
	if d.Status != "active" || d.Stage != "expansion" || len(d.Titles) != 1 || len(d.Authorisations) != 1 || len(d.Consents) != 0 {
		s.t.Errorf("the enterprise is %+v", d)
	}
	a = s.do("POST", "/v1/demands", loanDemand("titled", id))
	var published struct {
		Facts events.EnterpriseFacts `json:"facts"`
	}
	s.get("/v1/demands/titled", a.Position, &published)
	if f := published.Facts; len(f.Titles) != 1 || f.Employees != 120 || f.Stage != "expansion" {
		s.t.Errorf("the demand records %+v", f)
	}
}

func partyLife(s *system, _ string) {
	const path = "/v1/parties/life"
	s.do("POST", "/v1/parties", with(bank("life"), map[string]any{"licences": nil}))
	s.refused(events.ErrLicence, "POST", "/v1/offers", loanOffer("unlicensed", "life"))
	a := s.do("POST", path+"/license", map[string]any{"licence": "bank", "number": "B9", "valid_from": "2020-01-01"})
	s.get(path, a.Position, nil)
	self := []string{"Jieli-Actor", "party:life"}
	s.do("POST", path+"/add_unit", map[string]any{"unit": "zj", "kind": "branch", "name": "浙江分行", "region": "330000", "authority_limit": money("20000000.00")}, self...)
	s.do("POST", path+"/add_unit", map[string]any{"unit": "hz", "parent": "zj", "kind": "technology_branch", "name": "杭州科技支行", "region": "330100"}, self...)
	s.refused(events.ErrAuthority, "POST", path+"/add_unit", map[string]any{"unit": "nb", "parent": "zj", "kind": "branch", "name": "宁波分行", "region": "330200", "authority_limit": money("20000000.01")})
	s.refused(events.ErrState, "POST", path+"/close_unit", map[string]any{"unit": "zj"})
	key := map[string]any{"key_id": "k1", "algorithm": "ed25519", "public": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
	s.do("POST", path+"/add_key", key, self...)
	s.do("POST", path+"/revoke_key", map[string]any{"key_id": "k1"}, self...)
	a = s.do("POST", path+"/close_unit", map[string]any{"unit": "hz"}, self...)
	s.get(path, a.Position, nil)
	s.refused(events.ErrState, "POST", "/v1/offers", with(loanOffer("closed-unit", "life"), map[string]any{"unit": "hz"}))
	s.do("POST", "/v1/offers", with(loanOffer("open-unit", "life"), map[string]any{"unit": "zj"}))
	s.do("POST", path+"/revoke_licence", map[string]any{"licence": "bank", "number": "B9", "reason": "示例"})

	s.do("POST", "/v1/parties", map[string]any{"id": "alliance", "kind": "alliance", "name": "示例科技金融联盟", "members": []any{"life-bank"}})
	s.do("POST", "/v1/parties/alliance/join", map[string]any{"member": "life"})
	s.refused(events.ErrNotFound, "POST", "/v1/parties/alliance/join", map[string]any{"member": "nobody"})
	a = s.do("POST", "/v1/parties/alliance/leave", map[string]any{"member": "life-bank"})
	var d struct {
		Members []string `json:"members"`
	}
	if s.get("/v1/parties/alliance", a.Position, &d); !slices.Equal(d.Members, []string{"life"}) {
		s.t.Errorf("the alliance has %v", d.Members)
	}
	s.do("POST", path+"/suspend", map[string]any{"reason": "示例"})
	a = s.do("POST", path+"/reinstate", map[string]any{"reason": "示例"})
	var p doc
	if s.get(path, a.Position, &p); p.Status != "active" {
		s.t.Errorf("the party is %+v", p)
	}
}

// ranking asks for the fresh ranking of a demand.
func (s *system) ranking(demand string) []string {
	s.t.Helper()
	var fresh struct {
		Offers []struct {
			Offer string `json:"offer"`
		} `json:"offers"`
	}
	s.get("/v1/demands/"+demand+"/recommendations?limit=100", "", &fresh)
	var list []string
	for _, o := range fresh.Offers {
		list = append(list, o.Offer)
	}
	return list
}

// rankingFollows: a paused or withdrawn offer leaves the ranking, a resumed one returns, an amended demand is recommended for anew.
func rankingFollows(s *system, enterprise string) {
	core := s.core()
	from := core.info(events.EventsStream("match")).LastSeq
	a := s.do("POST", "/v1/demands", with(loanDemand("rank", enterprise), map[string]any{"instruments": []any{"secured_loan"}, "security": []any{"real_estate"}}))
	for _, id := range []string{"rank-1", "rank-2", "rank-3"} {
		s.do("POST", "/v1/offers", with(loanOffer(id, "life-bank"), map[string]any{"instrument": "secured_loan"}))
	}
	wait := func(want ...string) {
		s.t.Helper()
		deadline := time.Now().Add(patience)
		for { // the matcher follows the ledger; its ranking is asked for until it has
			if got := s.ranking("rank"); slices.Equal(got, want) {
				return
			} else if time.Now().After(deadline) {
				s.t.Fatalf("the ranking is %v, want %v", got, want)
			}
		}
	}
	wait("rank-1", "rank-2", "rank-3")
	s.do("POST", "/v1/offers/rank-1/pause", map[string]any{"reason": "示例"})
	wait("rank-2", "rank-3")
	s.do("POST", "/v1/offers/rank-2/withdraw", map[string]any{"reason": "示例"})
	wait("rank-3")
	s.do("POST", "/v1/offers/rank-1/resume", nil)
	wait("rank-1", "rank-3")
	b := s.do("PUT", "/v1/demands/rank", terms(with(loanDemand("rank", enterprise), map[string]any{"instruments": []any{"secured_loan"}, "security": []any{"real_estate"}}),
		map[string]any{"amount": money("6000000.00")}), "If-Match", match(a))
	var last events.Recommendation
	for n := uint64(0); last.Demand != "rank" || last.DemandVersion != b.Version; n++ {
		e := decode(s.t, core.behind(events.EventsStream("match"), from+n, 1)[0])
		if err := json.Unmarshal(e.Data, &last); err != nil {
			s.t.Fatal(err)
		}
	}
	if len(last.Offers) != 2 || last.Offers[0].Offer != "rank-1" {
		s.t.Errorf("the recommendation for the amended demand is %+v", last)
	}
}

// repeats: one command id is one command, however often and however concurrently it comes.
func repeats(s *system, enterprise string) {
	for _, key := range []string{events.NewUUID7(time.Now()).String(), "不是 UUID 的键"} {
		payload := loanDemand("repeat-"+strconv.Itoa(len(key)), enterprise)
		answers := make([]*events.Answer, 50)
		var again atomic.Int64
		s.atOnce(len(answers), func(i int) (err error) {
			if answers[i], err = s.once("POST", "/v1/demands", payload, "Idempotency-Key", key); maybe(err) {
				again.Add(1) // whoever is told so late may find that the first answer went to nobody
				answers[i], err = s.give("POST", "/v1/demands", payload, "Idempotency-Key", key)
			}
			return err
		})
		fresh := 0
		for _, a := range answers {
			if !a.Repeated {
				fresh++
			}
			if a.Version != 1 || len(a.Events) != 1 || a.Events[0] != answers[0].Events[0] || a.Position != answers[0].Position || a.Command != answers[0].Command {
				s.t.Errorf("key %q: one got %+v, another %+v", key, answers[0], a)
			}
		}
		if fresh != 1 && (fresh != 0 || again.Load() == 0) {
			s.t.Errorf("key %q: %d of %d answers are not marked as repeated", key, fresh, len(answers))
		}
		s.refused(events.ErrReusedID, "POST", "/v1/demands", with(payload, map[string]any{"title": "另一内容"}), "Idempotency-Key", key)
	}
	// A refusal is an outcome too: the repeat gets it although the state has moved on.
	key := events.NewUUID7(time.Now()).String()
	publish := loanOffer("repeat-late", "late")
	s.do("POST", "/v1/parties", with(bank("late"), map[string]any{"licences": nil}))
	s.refused(events.ErrLicence, "POST", "/v1/offers", publish, "Idempotency-Key", key)
	a := s.do("POST", "/v1/parties/late/license", map[string]any{"licence": "bank", "number": "B1", "valid_from": "2020-01-01"})
	s.get("/v1/parties/late", a.Position, nil)
	s.refused(events.ErrLicence, "POST", "/v1/offers", publish, "Idempotency-Key", key)
	s.do("POST", "/v1/offers", publish)
}

// readYourWrites: whoever carries the position of a write reads at least that, or is told that it is not there yet; never the past.
func readYourWrites(s *system, enterprise string) {
	var stale atomic.Int64
	s.atOnce(16, func(worker int) error {
		for i := range 12 {
			id := fmt.Sprintf("ryw-%d-%d", worker, i)
			a, err := s.give("POST", "/v1/demands", loanDemand(id, enterprise))
			if err != nil {
				return err
			}
			if i%3 == 0 {
				if a, err = s.give("POST", "/v1/demands/"+id+"/withdraw", map[string]any{"reason": "示例"}); err != nil {
					return err
				}
			}
			for {
				status, header, b, err := s.try("GET", "/v1/demands/"+id, nil, "Jieli-Position", a.Position)
				if err != nil {
					return err
				}
				if status == 503 && header.Get("Retry-After") != "" && stale.Add(1) < 200 {
					continue
				}
				if version, err := strconv.Unquote(header.Get("ETag")); err != nil || status != 200 || version != strconv.FormatUint(a.Version, 10) {
					return fmt.Errorf("after %+v: %d %s %s", a, status, header.Get("ETag"), b)
				}
				break
			}
		}
		return nil
	})
	s.t.Logf("%d reads were told to come again", stale.Load())
}

// lists: filters and cursors give everything once.
func lists(s *system, _ string) {
	id, body := enterprise(32)
	a := s.do("POST", "/v1/enterprises", body)
	s.get("/v1/enterprises/"+id, a.Position, nil)
	want := make(map[string]bool)
	for i := range 23 {
		name := fmt.Sprintf("list-%02d", i)
		a = s.do("POST", "/v1/demands", loanDemand(name, id))
		want[name] = true
	}
	a = s.do("POST", "/v1/demands/list-07/withdraw", map[string]any{"reason": "示例"})
	s.get("/v1/demands/list-07", a.Position, nil)
	walk := func(query string) map[string]bool {
		s.t.Helper()
		got, pages := make(map[string]bool), 0
		for cursor := ""; ; {
			var page listing
			s.get("/v1/demands?limit=7&"+query+cursor, "", &page)
			for _, item := range page.Items {
				if got[item.ID] {
					s.t.Errorf("%s came twice", item.ID)
				}
				got[item.ID] = true
			}
			if pages++; page.Next == "" || pages > 1000 {
				return got
			}
			cursor = "&cursor=" + page.Next
		}
	}
	if got := walk("enterprise=" + id); len(got) != len(want) || !got["list-22"] {
		s.t.Errorf("of the enterprise came %d of %d: %v", len(got), len(want), got)
	}
	if got := walk("status=withdrawn"); !got["list-07"] || got["list-08"] {
		s.t.Errorf("withdrawn: %v", got)
	}
	var whole listing
	s.get("/v1/demands?limit=200", "", &whole)
	if got := walk(""); len(got) != whole.Count || len(whole.Items) != min(whole.Count, 200) {
		s.t.Errorf("walked %d, listed %d, counted %d", len(got), len(whole.Items), whole.Count)
	}
}
