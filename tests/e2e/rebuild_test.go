package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// market loads enterprises, banks, offers and demands, and waits until the matcher has answered every demand.
// prefix of ids and first number of enterprises are the caller's own.
func (s *system) market(prefix string, first, enterprises, banks, offers, demands int) {
	s.t.Helper()
	from := s.core().info(events.EventsStream("match")).LastSeq
	region := func(i int) string { return []string{"330106", "110108", "440305", "310115"}[i%4] }
	wave := func(n int, path string, payload func(i int) map[string]any) {
		s.t.Helper()
		s.atOnce(n, func(i int) error {
			_, err := s.give("POST", path, payload(i))
			return err
		})
	}
	wave(enterprises, "/v1/enterprises", func(i int) map[string]any {
		_, body := enterprise(i)
		return with(body, map[string]any{"id": usccOf(region(i), first+i), "region": region(i)})
	})
	wave(banks, "/v1/parties", func(i int) map[string]any { return bank(fmt.Sprintf("%s-bank-%d", prefix, i)) })
	wave(offers, "/v1/offers", func(i int) map[string]any {
		return with(loanOffer(fmt.Sprintf("%s-offer-%d", prefix, i), fmt.Sprintf("%s-bank-%d", prefix, i%banks)), map[string]any{
			"min_price_bp": 300 + i, "eligibility": []any{map[string]any{"field": "region", "op": "in", "values": []any{region(i)[:2] + "0000"}}}})
	})
	wave(demands, "/v1/demands", func(i int) map[string]any {
		e := i % enterprises
		return loanDemand(fmt.Sprintf("%s-demand-%d", prefix, i), usccOf(region(e), first+e))
	})
	s.core().behind(events.EventsStream("match"), from, demands)
}

// derived is everything that follows from the ledgers, as a reader sees it.
type derived struct {
	events map[string][]string // by stream, whole messages in order
	views  map[string][]string // by department and source context: the order within a source is the promise
	lists  map[string]string   // by collection, in pages
}

func (s *system) derived() derived {
	s.t.Helper()
	d := derived{make(map[string][]string), make(map[string][]string), make(map[string]string)}
	core := s.core()
	for _, context := range events.Contexts {
		name := events.EventsStream(context)
		for _, m := range core.messages(name) {
			d.events[name] = append(d.events[name], text(m))
		}
	}
	for _, dept := range departments {
		for _, m := range s.writer(dept).messages(events.ViewStream(dept)) {
			key := dept + "/" + origin(m).Context
			d.views[key] = append(d.views[key], content(m))
		}
	}
	for _, path := range paths {
		var all bytes.Buffer
		for next := "first"; next != ""; {
			query := "?limit=17"
			if next != "first" {
				query += "&cursor=" + next
			}
			var page listing
			b := s.get("/v1/"+path+query, "", &page)
			all.Write(b)
			next = page.Next
		}
		d.lists[path] = all.String()
	}
	return d
}

// differs names the first difference.
func (d derived) differs(o derived) error {
	compare := func(what string, a, b map[string][]string) error {
		for _, name := range slices.Sorted(maps.Keys(a)) {
			if len(a[name]) != len(b[name]) {
				return fmt.Errorf("%s %s: %d messages before, %d after", what, name, len(a[name]), len(b[name]))
			}
			for i := range a[name] {
				if a[name][i] != b[name][i] {
					return fmt.Errorf("%s %s, message %d:\nbefore %s\nafter  %s", what, name, i+1, a[name][i], b[name][i])
				}
			}
		}
		if len(a) != len(b) {
			return fmt.Errorf("%s: %d lists before, %d after", what, len(a), len(b))
		}
		return nil
	}
	if err := compare("events", d.events, o.events); err != nil {
		return err
	}
	if err := compare("view", d.views, o.views); err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(d.lists)) {
		if d.lists[path] != o.lists[path] {
			return fmt.Errorf("%s:\nbefore %s\nafter  %s", path, d.lists[path], o.lists[path])
		}
	}
	return nil
}

// rebuild asks for a rebuild over HTTP and waits for its end.
func (s *system) rebuild(parts string) {
	s.t.Helper()
	began := time.Now()
	defer func() { s.t.Logf("rebuild %s took %s", parts, time.Since(began).Round(time.Millisecond)) }()
	status, _, b := s.call("POST", "/v1/rebuild", parts)
	var last struct {
		OK    bool            `json:"ok"`
		Error *events.Problem `json:"error"`
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			s.t.Fatalf("rebuild: %v: %s", err, b)
		}
	}
	if status != http.StatusOK || !last.OK {
		s.t.Fatalf("rebuild %s: %d %s", parts, status, b)
	}
}

const everything = `{"events":true,"views":true,"projections":true}`

// TestRebuild: all that derives from the ledgers comes back byte for byte, whether it is asked for on what is there or on nothing,
// and readers go on where they were.
func TestRebuild(t *testing.T) {
	t.Parallel()
	rebuilds(start(t, allinone.Options{}))
}

func rebuilds(s *system) {
	t := s.t
	s.rebuild(everything) // nothing but the departments there yet
	s.market("rebuild", 200, 40, 8, 24, 60)
	s.do("POST", "/v1/offers/rebuild-offer-1/pause", map[string]any{"reason": "示例"})
	s.do("POST", "/v1/demands/rebuild-demand-1/withdraw", map[string]any{"reason": "示例"})
	s.refused(events.ErrState, "POST", "/v1/demands/rebuild-demand-1/withdraw", map[string]any{"reason": "示例"})
	report := s.verify()
	if report.Ledgers["demand"].Events < 60 || report.Views["pboc"] < 100 {
		t.Fatalf("too little to rebuild: %+v", report)
	}
	before := s.derived()
	core := s.core()

	// A department's durable and one that an operator made both acknowledge a part.
	pboc := s.reader("pboc")
	credential := s.natsCredential("pboc")
	reading, err := pboc.Consumer(pboc.ctx(), credential.Stream, credential.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	seen := acknowledge(t, reading, 25)
	stream, err := core.Stream(core.ctx(), events.EventsStream("demand"))
	if err != nil {
		t.Fatal(err)
	}
	audit, err := stream.CreateConsumer(core.ctx(), jetstream.ConsumerConfig{Durable: "auditor", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	audited := acknowledge(t, audit, 10)

	s.rebuild(everything)
	if err := before.differs(s.derived()); err != nil {
		t.Fatalf("rebuilt on what was there: %v", err)
	}
	// The order among sources may be another, so a department may see some again; the union has every event once.
	if reading, err = pboc.Consumer(pboc.ctx(), credential.Stream, credential.Consumer); err != nil {
		t.Fatal(err)
	}
	all := s.writer("pboc").messages(credential.Stream)
	unseen := make(map[string]bool)
	for _, m := range all {
		unseen[m.Headers().Get("ce-id")] = true
	}
	for _, m := range seen {
		delete(unseen, m.Headers().Get("ce-id"))
	}
	first := true
	for len(unseen) > 0 {
		m := acknowledge(t, reading, 1)[0]
		id := m.Headers().Get("ce-id")
		if first && !unseen[id] {
			t.Errorf("the reader goes on with %s, which it had acknowledged", origin(m))
		}
		first = false
		delete(unseen, id)
	}
	if audit, err = core.Consumer(core.ctx(), events.EventsStream("demand"), "auditor"); err != nil {
		t.Fatal(err)
	}
	next := acknowledge(t, audit, 1)[0]
	if want := core.messages(events.EventsStream("demand"))[len(audited)]; text(next) != text(want) {
		t.Errorf("the auditor goes on with %s, want %s", origin(next), origin(want))
	}

	// Everything gone, by stock tools.
	for _, context := range events.Contexts {
		core.remove(events.EventsStream(context))
	}
	for _, dept := range departments {
		s.writer(dept).remove(events.ViewStream(dept))
	}
	s.rebuild(everything)
	if err := before.differs(s.derived()); err != nil {
		t.Fatalf("rebuilt on nothing: %v", err)
	}
	if reading, err = pboc.Consumer(pboc.ctx(), credential.Stream, credential.Consumer); err != nil {
		t.Fatalf("the department's consumer did not come back: %v", err)
	}
	acknowledge(t, reading, 1)
	s.verify()

	// And it goes on working: what comes next derives as ever.
	a := s.do("POST", "/v1/demands", loanDemand("demand-after", usccOf("330106", 200)))
	s.get("/v1/demands/demand-after", a.Position, nil)
	s.verify()
	for _, part := range []string{`{"views":true}`, `{"events":true}`, `{"projections":true}`} {
		s.rebuild(part)
	}
	s.verify()
	s.refused(events.ErrMalformed, "POST", "/v1/rebuild", `{"ledger":true}`)
}

// acknowledge takes n messages of a durable and acknowledges them for good.
func acknowledge(t *testing.T, c jetstream.Consumer, n int) []jetstream.Msg {
	t.Helper()
	ctx, cancel := contextWithPatience()
	defer cancel()
	var list []jetstream.Msg
	for len(list) < n {
		batch, err := c.Fetch(n-len(list), jetstream.FetchContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		for m := range batch.Messages() {
			if err := m.DoubleAck(ctx); err != nil && !strings.Contains(err.Error(), "no responders") {
				t.Fatal(err)
			}
			list = append(list, m)
		}
		if err := batch.Error(); err != nil {
			t.Fatalf("message %d of %d: %v", len(list)+1, n, err)
		}
	}
	return list
}
