package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// grants is a department's document.
type grants struct {
	Grants []grant `json:"grants"`
}

type grant struct {
	Grant   string       `json:"grant"`
	Ended   bool         `json:"ended"`
	Cuts    []events.Cut `json:"cuts"`
	EndCuts []events.Cut `json:"end_cuts"`
}

func (s *system) grants(dept, position string) grants {
	s.t.Helper()
	var g grants
	s.get("/v1/grants/"+dept, position, &g)
	return g
}

// of is the grant with an id; a zero one when there is none.
func (g grants) of(id string) grant {
	for _, one := range g.Grants {
		if one.Grant == id {
			return one
		}
	}
	return grant{}
}

func cutOf(list []events.Cut, context string) uint64 {
	for _, c := range list {
		if c.Context == context {
			return c.Sequence
		}
	}
	return 0
}

// flow publishes demands from several sides until stop is called, which says how many there are.
func (s *system) flow(prefix string, enterprises []string) (stop func() int) {
	var ended atomic.Bool
	var count atomic.Int64
	done := make(chan error, 4)
	for worker := range cap(done) {
		go func() {
			for i := 0; !ended.Load(); i++ {
				if _, err := s.give("POST", "/v1/demands", loanDemand(fmt.Sprintf("%s-%d-%d", prefix, worker, i), enterprises[(worker+i)%len(enterprises)])); err != nil {
					done <- err
					return
				}
				count.Add(1)
			}
			done <- nil
		}()
	}
	return func() int {
		s.t.Helper()
		ended.Store(true)
		for range cap(done) {
			if err := <-done; err != nil {
				s.t.Error(err)
			}
		}
		return int(count.Load())
	}
}

// grow waits until a context's ledger has n more commits.
func (s *system) grow(c *stock, context string, n int) {
	s.t.Helper()
	c.behind(events.LedgerStream(context), c.info(events.LedgerStream(context)).LastSeq, n)
}

// TestGrants: a view is exactly what the grants say, from the commit on at which they say it, while events flow.
func TestGrants(t *testing.T) {
	t.Parallel()
	grantsChange(start(t, allinone.Options{}))
}

func grantsChange(s *system) {
	t := s.t
	core := s.core()
	before := s.verify().Ledgers["demand"].Entities
	var enterprises []string
	for i, region := range []string{"330106", "110108"} {
		_, body := enterprise(i)
		id := usccOf(region, 150+i)
		s.do("POST", "/v1/enterprises", with(body, map[string]any{"id": id, "region": region}))
		enterprises = append(enterprises, id)
	}
	stop := s.flow("flow", enterprises)
	s.grow(core, "demand", 20)
	a := s.do("POST", "/v1/grants/pboc/revoke_grant", map[string]any{"grant": "pboc-default", "reason": "示例：授权结束"})
	s.do("POST", "/v1/grants/safe/revoke_grant", map[string]any{"grant": "safe-default", "reason": "示例"})
	s.refused(events.ErrExists, "POST", "/v1/grants/pboc/grant", map[string]any{"grant": "pboc-default", "purpose": "x", "basis": "x", "types": map[string]any{events.TypeDemandPublished: []any{"id"}}})
	revoked := s.grants("pboc", a.Position).of("pboc-default")
	end := cutOf(revoked.EndCuts, "demand")
	if !revoked.Ended || end == 0 {
		t.Fatalf("the revoked grant is %+v", revoked)
	}
	s.grow(core, "demand", 20)
	a = s.do("POST", "/v1/grants/pboc/grant", map[string]any{"grant": "pboc-2", "purpose": "示例", "basis": "示例〔2026〕2号", "types": map[string]any{events.TypeDemandPublished: []any{"id", "amount", "facts.name"}}})
	begin := cutOf(s.grants("pboc", a.Position).of("pboc-2").Cuts, "demand")
	a = s.do("POST", "/v1/grants/safe/grant", map[string]any{"grant": "safe-zj", "purpose": "示例", "basis": "示例〔2026〕3号", "regions": []any{"330000"},
		"types": map[string]any{events.TypeDemandPublished: []any{"id", "region"}}})
	s.grow(core, "demand", 20)
	n := stop()
	r := s.verify()
	if r.Ledgers["demand"].Entities-before != n {
		t.Errorf("%d demands, %d were published", r.Ledgers["demand"].Entities, n)
	}
	if begin <= end {
		t.Fatalf("the second grant begins at %d, the first ended at %d", begin, end)
	}

	// By hand, beside what verify makes of the same policy code: the view of pboc, demand by demand.
	byOrigin := make(map[uint64]int)
	mine := func(m jetstream.Msg) bool { return strings.HasPrefix(m.Headers().Get("ce-subject"), "flow-") }
	for _, m := range core.messages(events.EventsStream("demand")) {
		if !mine(m) {
			continue
		}
		byOrigin[origin(m).Sequence]++
	}
	for _, m := range s.writer("pboc").messages(events.ViewStream("pboc")) {
		at := origin(m)
		if at.Context != "demand" {
			if last := cutOf(revoked.EndCuts, at.Context); last == 0 || at.Sequence >= last {
				t.Errorf("%s is in the view, the grant ended at %d", at.Origin(), last)
			}
			continue
		}
		if !mine(m) {
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(m.Data(), &fields); err != nil {
			t.Fatal(err)
		}
		names := slices.Sorted(maps.Keys(fields))
		switch {
		case at.Sequence < end:
			if slices.Contains(names, "title") || !slices.Contains(names, "enterprise") || strings.Contains(string(fields["facts"]), "name") {
				t.Errorf("%s under the first grant has %v", at.Origin(), names)
			}
		case at.Sequence >= begin:
			if !slices.Equal(names, []string{"amount", "facts", "id"}) || !strings.Contains(string(fields["facts"]), `{"name":`) {
				t.Errorf("%s under the second grant has %v", at.Origin(), names)
			}
		default:
			t.Errorf("%s is in the view between %d and %d, when nothing was granted", at.Origin(), end, begin)
		}
		byOrigin[at.Sequence]--
	}
	for sequence, missing := range byOrigin {
		if granted := sequence < end || sequence >= begin; granted && missing != 0 {
			t.Errorf("%d events of demand commit %d are missing in the view", missing, sequence)
		}
	}

	// A grant for one province sees that province.
	local := s.grants("safe", a.Position)
	ended, since := cutOf(local.of("safe-default").EndCuts, "demand"), cutOf(local.of("safe-zj").Cuts, "demand")
	regions := make(map[string]int)
	for _, m := range s.writer("safe").messages(events.ViewStream("safe")) {
		switch at := origin(m); {
		case at.Context != "demand" || at.Sequence < ended:
		case at.Sequence < since:
			t.Errorf("%s is in the view of safe between its grants", at.Origin())
		default:
			e := decode(t, m)
			regions[e.Get(events.ExtRegion)]++
		}
	}
	if regions["330106"] == 0 || len(regions) != 1 {
		t.Errorf("the grant for 330000 shows %v", regions)
	}
	s.rebuild(`{"views":true}`)
	s.verify()
}

// TestStreams: who comes back to a stream with its last cursor misses nothing and sees nothing twice, over a rebuild of the views too;
// and many at once all see everything.
func TestStreams(t *testing.T) {
	t.Parallel()
	streamsGoOn(start(t, allinone.Options{}))
}

func streamsGoOn(s *system) {
	t := s.t
	s.market("stream", 100, 8, 2, 8, 16)
	s.verify() // everything is in the views
	want := make(map[string]bool)
	for _, m := range s.writer("most").messages(events.ViewStream("most")) {
		want[m.Headers().Get("ce-id")] = true
	}
	seen := make(map[string]bool)
	note := func(list []sent) string {
		t.Helper()
		for _, e := range list {
			if seen[e.event.ID] {
				t.Errorf("%s %s came twice", e.event.Type, e.event.Subject)
			}
			seen[e.event.ID] = true
		}
		return list[len(list)-1].cursor
	}
	cursor := "0"
	for step, n := range []int{1, 6, 11} {
		c, err := s.open("most", cursor)
		if err != nil {
			t.Fatal(err)
		}
		cursor = note(c.take(n))
		c.leave()
		if step > 0 {
			s.rebuild(`{"views":true}`)
		}
	}
	last := s.resume("most", cursor)
	cursor = note(last.take(len(want) - len(seen)))
	if !maps.Equal(seen, want) {
		t.Errorf("%d events came, %d are in the view", len(seen), len(want))
	}

	const clients, burst = 30, 12 // one credential may follow 32 times
	followers := make([]*sse, clients)
	s.atOnce(clients, func(i int) (err error) {
		followers[i], err = s.open("most", cursor)
		return err
	})
	for _, f := range followers {
		t.Cleanup(f.leave)
	}
	s.atOnce(burst, func(i int) error {
		_, err := s.give("POST", "/v1/demands", loanDemand(fmt.Sprintf("burst-%d", i), usccOf("330106", 100)))
		return err
	})
	const each = 2 * burst // a demand and its recommendation
	var all []string
	for i, f := range followers {
		var mine []string
		for _, e := range f.take(each) {
			mine = append(mine, e.event.ID)
		}
		slices.Sort(mine)
		if i == 0 {
			all = mine
		}
		if len(slices.Compact(slices.Clone(mine))) != each || !slices.Equal(mine, all) {
			t.Fatalf("follower %d saw %d events, not those the first saw", i, len(mine))
		}
	}
	s.verify()
}
