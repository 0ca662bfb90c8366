package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// admit gives a party its credentials.
func (s *system) admit(party string) *allinone.PartyCredentials {
	s.t.Helper()
	status, _, b := s.call("POST", "/v1/parties/"+party+"/credentials", nil)
	c := &allinone.PartyCredentials{}
	if err := json.Unmarshal(b, c); err != nil || status != http.StatusOK {
		s.t.Fatalf("credentials of %s: %d %s", party, status, b)
	}
	return c
}

// own is a command as a party gives it at its own door.
func own(party, context, typ, subject string, body any) *nats.Msg {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	e := &events.Event{ID: events.NewUUID7(time.Now()).String(), Source: "/parties/" + party, Type: typ, Subject: subject, Data: b, DataContentType: "application/json"}
	return events.ToMsg("jieli.in."+party+"."+context, e)
}

// ask gives a command and wants an answer.
func (c *stock) ask(m *nats.Msg) *events.Answer {
	c.t.Helper()
	reply, err := c.RequestMsg(m, patience)
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := events.DecodeReply(reply.Data)
	if err != nil {
		c.t.Fatalf("%s: %s", m.Subject, reply.Data)
	}
	return a
}

// next is the next message of a view, through its own consumer, acknowledged.
func (c *stock) next(stream string) jetstream.Msg {
	c.t.Helper()
	consumer, err := c.Consumer(c.ctx(), stream, allinone.ViewConsumer)
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := consumer.Next(jetstream.FetchMaxWait(patience))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := m.DoubleAck(c.ctx()); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// TestParty: an institution has a door of its own and sees the recommendations of its own offers, and nothing else.
func TestParty(t *testing.T) {
	t.Parallel()
	s := start(t, allinone.Options{})
	id, body := enterprise(0)
	s.do("POST", "/v1/enterprises", body)
	for _, b := range []string{"bank-1", "bank-2", "bank_1"} {
		last := s.do("POST", "/v1/parties", bank(b))
		s.get("/v1/parties/"+b, last.Position, nil)
	}
	s.refused(events.ErrNotFound, "POST", "/v1/parties/nobody/credentials", nil)
	s.refused(events.ErrExists, "POST", "/v1/parties/pboc/credentials", nil)
	s.refused(events.ErrNotFound, "DELETE", "/v1/parties/bank-2/credentials", nil)

	before := s.core() // connections that stand must outlive a change of the accounts
	gone := make(chan struct{}, 8)
	before.SetDisconnectErrHandler(func(*nats.Conn, error) { gone <- struct{}{} })
	one := s.admit("bank-1")
	bank1 := s.connect(one.NATS.User, one.NATS.Password)
	a := bank1.ask(own("bank-1", "offer", events.TypePublishOffer, "offer-1", loanOffer("offer-1", "bank-1")))
	if a.Subject != "offer-1" || len(a.Events) != 1 || a.Position == "" {
		t.Errorf("answer %+v", a)
	}
	two := s.admit("bank-2")
	bank2 := s.connect(two.NATS.User, two.NATS.Password)
	bank2.ask(own("bank-2", "offer", events.TypePublishOffer, "offer-2", with(loanOffer("offer-2", "bank-2"), map[string]any{"eligibility": []any{}, "min_price_bp": 300})))
	if again := s.admit("bank-1"); *again != *one {
		t.Errorf("asked again it gives other credentials: %+v, %+v", one, again)
	}
	select {
	case <-gone:
		t.Error("a change of the accounts has cut the operator's connection")
	default:
	}
	bank2.ask(own("bank-2", "offer", events.TypePublishOffer, "offer-3", loanOffer("offer-3", "bank-2")))
	s.do("POST", "/v1/demands", loanDemand("demand-1", id))

	e := decode(t, bank1.next(one.NATS.Stream))
	var r struct {
		Demand string
		Offers []map[string]any
	}
	if err := json.Unmarshal(e.Data, &r); err != nil || e.Type != events.TypeRecommended || r.Demand != "demand-1" || len(r.Offers) != 1 || r.Offers[0]["offer"] != "offer-1" {
		t.Fatalf("bank-1 reads %s", e.Data)
	}
	for _, secret := range []string{id, "bank-2", "offer-2", "offer-3", "eligible"} {
		if strings.Contains(string(e.Data), secret) {
			t.Errorf("bank-1's recommendation holds %q: %s", secret, e.Data)
		}
	}
	e = decode(t, bank2.next(two.NATS.Stream))
	if err := json.Unmarshal(e.Data, &r); err != nil || len(r.Offers) != 2 || strings.Contains(string(e.Data), "bank-1") || strings.Contains(string(e.Data), "offer-1") {
		t.Fatalf("bank-2 reads %s", e.Data)
	}
	s.partyTries(bank1, bank2)
	s.partyOverHTTP(one.Token, two.Token)
	s.verify()

	// The view is made again byte for byte, and what was read stays read.
	s.do("POST", "/v1/demands", loanDemand("demand-2", id))
	bank1.next(one.NATS.Stream)
	if status, _, b := s.call("POST", "/v1/rebuild", map[string]any{"events": true, "views": true}); status != http.StatusOK || !strings.Contains(string(b), `"ok":true`) {
		t.Fatalf("rebuild: %d %s", status, b)
	}
	s.do("POST", "/v1/demands", loanDemand("demand-3", id))
	for e := decode(t, bank1.next(one.NATS.Stream)); !strings.Contains(string(e.Data), "demand-3"); e = decode(t, bank1.next(one.NATS.Stream)) {
		// a refresh of an older demand, since offers were tried out; the last read waits no longer than patience
	}

	// New credentials end the old ones; revoked ones end at once.
	status, _, b := s.call("POST", "/v1/parties/bank-2/credentials", map[string]any{"renew": true})
	renewed := allinone.PartyCredentials{}
	if err := json.Unmarshal(b, &renewed); err != nil || status != http.StatusOK || renewed.NATS.Password == two.NATS.Password || renewed.Token == two.Token {
		t.Fatalf("renewed: %d %s", status, b)
	}
	s.refused(events.ErrUnauthorised, "POST", "/v1/offers/offer-2/pause", map[string]any{"reason": "x"}, "Authorization", "Bearer "+two.Token)
	again := s.connect(renewed.NATS.User, renewed.NATS.Password)
	again.ask(own("bank-2", "offer", events.TypePauseOffer, "offer-2", map[string]any{"reason": "示例"}))
	if status, _, b := s.call("DELETE", "/v1/parties/bank-2/credentials", nil); status != http.StatusOK {
		t.Fatalf("revoke: %d %s", status, b)
	}
	s.refused(events.ErrUnauthorised, "POST", "/v1/offers/offer-2/resume", map[string]any{}, "Authorization", "Bearer "+renewed.Token)
	if _, err := nats.Connect(s.NATS(), nats.UserInfo(renewed.NATS.User, renewed.NATS.Password)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("with revoked credentials: %v", err)
	}
	back := s.admit("bank-2")
	s.connect(back.NATS.User, back.NATS.Password).ask(own("bank-2", "offer", events.TypeResumeOffer, "offer-2", map[string]any{}))
	report := s.verify()
	if report.Views["bank-1"] < 3 { // and refreshes, since offers were paused and resumed
		t.Errorf("bank-1's view holds %d events: %v", report.Views["bank-1"], report.Views)
	}
	// A second start finds accounts, view and grant.
	s.again(func(s *system) {
		c := s.connect(one.NATS.User, one.NATS.Password)
		c.ask(own("bank-1", "offer", events.TypePauseOffer, "offer-1", map[string]any{"reason": "示例"}))
		s.verify()
	})
}

// again closes the system and starts it on the same directory.
func (s *system) again(use func(s *system)) {
	s.t.Helper()
	if err := s.Close(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	use(start(s.t, allinone.Options{Dir: s.Dir()}))
}

// partyTries: what a party's connection may not do fails on the broker or at the door.
func (s *system) partyTries(bank1, bank2 *stock) {
	t := s.t
	for _, subject := range []string{"jieli.in.bank-2.offer", "jieli.cmd.offer.0", "jieli.in.bank-1", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.DELETE.VIEW", "$JS.API.STREAM.MSG.GET.VIEW", "jieli.ask.match", "$SYS.REQ.SERVER.PING"} {
		if m, err := bank1.Request(subject, []byte("{}"), time.Second/10); err == nil {
			t.Errorf("%s: answered %s", subject, m.Data)
		}
	}
	for _, subject := range []string{">", "jieli.>", "jieli.in.bank-1.>", "jieli.event.>", "$JS.>"} {
		sub, err := bank1.SubscribeSync(subject)
		if err == nil {
			_, err = sub.NextMsg(time.Second / 10)
		}
		if !errors.Is(err, nats.ErrPermissionViolation) && !errors.Is(err, nats.ErrTimeout) {
			t.Errorf("subscribe %s: %v", subject, err)
		}
	}
	// The reply of a request stays in the account: another's inbox, acknowledgements and the API of streams cannot be reached by it.
	inbox := nats.NewInbox()
	sub, err := bank2.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := bank2.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, reply := range []string{"$JS.API.STREAM.DELETE.VIEW", "$JS.API.STREAM.PURGE.VIEW", "$JS.API.CONSUMER.DELETE.VIEW.reader", "jieli.in.bank-2.offer", "jieli.cmd.offer.0", inbox} {
		m := own("bank-1", "offer", events.TypePauseOffer, "offer-9", map[string]any{"reason": "示例"})
		m.Reply = reply
		if err := bank1.Conn.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := sub.NextMsg(time.Second / 4); err == nil {
		t.Errorf("bank-2's inbox got what bank-1 asked for: %s", m.Data)
	}
	for name, c := range map[string]struct {
		want   events.ProblemKind
		change func(e *events.Event)
	}{
		"for another":             {events.ErrForbidden, func(e *events.Event) { e.Data, _ = json.Marshal(loanOffer("offer-9", "bank-2")) }},
		"as another":              {events.ErrForbidden, func(e *events.Event) { e.Set(events.ExtActor, "party:bank-2", events.String) }},
		"as the operator":         {events.ErrForbidden, func(e *events.Event) { e.Set(events.ExtActor, "operator", events.String) }},
		"as the system":           {events.ErrForbidden, func(e *events.Event) { e.Set(events.ExtActor, "system", events.String) }},
		"another's source":        {events.ErrForbidden, func(e *events.Event) { e.Source = "/parties/bank-2" }},
		"a source that begins so": {events.ErrForbidden, func(e *events.Event) { e.Source = "/parties/bank-10" }},
		"a foreign source":        {events.ErrForbidden, func(e *events.Event) { e.Source = "https://bank.example/" }},
		"another context":         {events.ErrUnknownType, func(e *events.Event) { e.Type = events.TypePublishDemand }},
		"no type":                 {events.ErrUnknownType, func(e *events.Event) { e.Type = "jieli.offer.steal.v1" }},
		"another's offer": {events.ErrForbidden, func(e *events.Event) {
			e.Type, e.Subject, e.Data = events.TypePauseOffer, "offer-2", []byte(`{"reason":"x"}`)
		}},
		"the timer's command": {events.ErrInternalType, func(e *events.Event) { e.Type, e.Data = events.TypeExpireReservation, []byte(`{"reservation":"r"}`) }},
	} {
		b, _ := json.Marshal(loanOffer("offer-9", "bank-1"))
		e := &events.Event{ID: name, Source: "/parties/bank-1/credit", Type: events.TypePublishOffer, Subject: "offer-9", Data: b, DataContentType: "application/json"}
		c.change(e)
		for _, m := range []*nats.Msg{events.ToMsg("jieli.in.bank-1.offer", e), events.StructuredMsg("jieli.in.bank-1.offer", e)} {
			reply, err := bank1.RequestMsg(m, patience)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := (&attempt{want: c.want}).problem(reply.Data, 0); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// partyOverHTTP: the token has the same rights.
func (s *system) partyOverHTTP(one, two string) {
	t := s.t
	with1 := []string{"Authorization", "Bearer " + one}
	s.do("POST", "/v1/offers", loanOffer("offer-h", "bank-1"), with1...)
	s.do("POST", "/v1/offers/offer-h/withdraw", map[string]any{"reason": "示例"}, with1...)
	s.refused(events.ErrForbidden, "POST", "/v1/offers", loanOffer("offer-i", "bank-2"), with1...)
	s.refused(events.ErrForbidden, "POST", "/v1/offers/offer-2/pause", map[string]any{"reason": "x"}, with1...)
	s.refused(events.ErrForbidden, "POST", "/v1/offers/offer-1/pause", map[string]any{"reason": "x"}, append(slices.Clone(with1), "Jieli-Actor", "operator")...)
	s.refused(events.ErrForbidden, "POST", "/v1/offers/offer-1/pause", map[string]any{"reason": "x"}, append(slices.Clone(with1), "Jieli-Actor", "party:bank-2")...)
	for _, path := range []string{"/v1/demands", "/v1/enterprises", "/v1/offers/offer-2", "/v1/stream?view=pboc", "/v1/stream?view=bank-2", "/v1/stream?view=operator", "/v1/demands/demand-1/recommendations"} {
		s.refused(events.ErrForbidden, "GET", path, nil, with1...)
	}
	s.refused(events.ErrForbidden, "POST", "/v1/verify", nil, with1...)
	s.refused(events.ErrForbidden, "POST", "/v1/parties/bank-1/credentials", nil, with1...)
	name, secret, _ := strings.Cut(one, ".")
	other, _, _ := strings.Cut(two, ".")
	for _, forged := range []string{other + "." + secret, name + ".", name, name + "." + secret + "x", "Li4vcGJvYw." + secret} {
		s.refused(events.ErrUnauthorised, "GET", "/v1/stream", nil, "Authorization", "Bearer "+forged)
	}
	q, err := http.NewRequestWithContext(t.Context(), "GET", s.HTTP()+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+one)
	q.Header.Set("Last-Event-ID", "0")
	answer, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "data: ") {
			if !strings.Contains(line, "demand-1") || strings.Contains(line, "bank-2") {
				t.Errorf("bank-1 follows %s", line)
			}
			return
		}
	}
	t.Error("bank-1 follows nothing")
}
