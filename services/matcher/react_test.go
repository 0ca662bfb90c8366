package matcher

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/matcher/stack"
)

// feed gives events to a service as the hot reader does: one ledger a context, one commit an event.
type feed struct {
	t        fataler
	service  *Service
	sequence map[string]uint64
	version  map[string]uint64
	log      []fed
	at       time.Time
}

type fed struct {
	at Origin
	e  *step.Applied
}

func newService(t fataler) *Service {
	t.Helper()
	stacks, err := stack.Load(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return New(Deps{Rules: rulesFor(t), Stacks: stacks})
}

func newFeed(t fataler) *feed {
	t.Helper()
	return &feed{t: t, service: newService(t), sequence: map[string]uint64{}, version: map[string]uint64{}, at: instantPool[0].Add(-time.Hour)}
}

func (f *feed) give(typ, subject string, data any) *step.Command {
	f.t.Helper()
	context, _ := events.SplitType(typ)
	f.sequence[context]++
	f.version[context+"/"+subject]++
	f.at = f.at.Add(time.Second)
	e := &step.Applied{Type: typ, Subject: subject, Version: f.version[context+"/"+subject], Time: f.at, Data: data}
	at := Origin{context, 0, f.sequence[context]}
	f.log = append(f.log, fed{at, e})
	c, err := f.service.Apply(at, e)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func ids(c *step.Command) []string {
	if c == nil {
		return nil
	}
	var out []string
	for _, o := range c.Data.(*events.Recommendation).Offers {
		out = append(out, o.Offer)
	}
	return out
}

func (f *feed) ranking(demand string) []string {
	f.t.Helper()
	m, err := f.service.Match(demand, RecommendedMax, f.at)
	if err != nil {
		f.t.Fatal(err)
	}
	var out []string
	for _, p := range m.Matches {
		out = append(out, p.Offer)
	}
	return out
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestReactorFollowsTheLedgers(t *testing.T) {
	f := newFeed(t)
	f.service.CaughtUp()
	f.give(events.TypeOfferPublished, "a", plainOffer("a"))
	f.give(events.TypeOfferPublished, "b", plainOffer("b"))
	c := f.give(events.TypeDemandPublished, "d", plainDemand("d"))
	expect(t, "published", ids(c), "a", "b")
	r := c.Data.(*events.Recommendation)
	if c.Type != events.TypeRecommend || c.Subject != "d" || c.Actor != step.System || c.ID != events.DeriveUUID("recommend", "d", "1") {
		t.Errorf("command %+v", c)
	}
	if r.DemandVersion != 1 || r.Eligible != 2 || r.AsOf != "2026-03-31" || r.RuleSet != "matching.2024-06-28" || r.Instrument != "ip_pledge_loan" ||
		!slices.Equal(r.Positions, []string{"demand.0:1", "offer.0:2"}) {
		t.Errorf("recommendation %+v", r)
	}

	f.give(events.TypeOfferPaused, "a", &events.Reason{Reason: "额度调整"})
	expect(t, "a paused", f.ranking("d"), "b")
	f.give(events.TypeOfferAmended, "a", &events.OfferAmended{OfferTerms: plainOffer("a").OfferTerms, Facts: plainOffer("a").Facts})
	expect(t, "a amended in its pause", f.ranking("d"), "b")
	f.give(events.TypeOfferResumed, "a", &events.Empty{})
	expect(t, "a resumed", f.ranking("d"), "a", "b")

	f.give(events.TypePartySuspended, "bank-1", &events.Reason{})
	expect(t, "its institution suspended", f.ranking("d"))
	late := plainOffer("c")
	f.give(events.TypeOfferPublished, "c", late)
	expect(t, "published by a suspended institution", f.ranking("d"))
	f.give(events.TypePartyReinstated, "bank-1", &events.Reason{})
	expect(t, "reinstated", f.ranking("d"), "a", "b", "c")

	all := &events.Reserve{Reservation: "r", Demand: "x", Amount: cny(99_500_000_00)}
	f.give(events.TypeCapacityReserved, "b", all)
	expect(t, "b reserved", f.ranking("d"), "a", "c")
	f.give(events.TypeCapacityReleased, "b", &events.CapacityReleased{Reservation: "r", Amount: all.Amount})
	expect(t, "b released", f.ranking("d"), "a", "b", "c")
	f.give(events.TypeCapacityReserved, "b", all)
	f.give(events.TypeCapacityCommitted, "b", &events.CapacityCommitted{Reservation: "r", Amount: cny(500_000_00), Released: cny(99_000_000_00)})
	expect(t, "b committed a little", f.ranking("d"), "a", "b", "c")
	if o, _ := f.service.index.Offer("b"); o.Remaining() != cny(99_500_000_00) || o.Version != 5 {
		t.Errorf("b has %s left at version %d", o.Remaining(), o.Version)
	}
	f.give(events.TypeOfferExhausted, "b", &events.OfferExhausted{})
	f.give(events.TypeOfferWithdrawn, "c", &events.Reason{})
	expect(t, "b exhausted, c withdrawn", f.ranking("d"), "a")

	terms := plainOffer("a").OfferTerms
	terms.MinTicket = cny(6_000_000_00)
	f.give(events.TypeOfferAmended, "a", &events.OfferAmended{OfferTerms: terms})
	expect(t, "a amended beyond the demand", f.ranking("d"))

	asked := plainDemand("d").DemandTerms
	asked.Amount = cny(8_000_000_00)
	c = f.give(events.TypeDemandAmended, "d", &events.DemandAmended{DemandTerms: asked, Facts: plainDemand("d").Facts})
	expect(t, "amended", ids(c), "a")
	if v := c.Data.(*events.Recommendation).DemandVersion; v != 2 {
		t.Errorf("recommended for version %d", v)
	}
	if c := f.give(events.TypeDemandHeld, "d", &events.Hold{Hold: "h", Offer: "a", Amount: cny(7_000_000_00)}); c != nil {
		t.Errorf("a hold asked for a recommendation")
	}
	expect(t, "too little is open", f.ranking("d"))
	if e, err := f.service.Explain("d", "a", f.at); err != nil || e.Eligible {
		t.Errorf("explained as %v, %v", e, err)
	}
	f.give(events.TypeDemandFilled, "d", &events.DemandFilled{Hold: "h", Amount: cny(1_000_000_00), Released: cny(6_000_000_00)})
	expect(t, "filled in part", f.ranking("d"), "a")
	if d, _ := f.service.Demand("d"); d.Open() != cny(7_000_000_00) || d.Version != 4 || d.TermsVersion != 2 {
		t.Errorf("open %s at version %d, terms of %d", d.Open(), d.Version, d.TermsVersion)
	}

	f.give(events.TypeDemandFulfilled, "d", &events.DemandFulfilled{})
	f.give(events.TypeOfferExpired, "a", &events.Expired{})
	if f.service.OpenDemands() != 0 || f.service.Offers() != 0 || len(f.service.answered) != 0 {
		t.Errorf("something is left of what is over: %d demands, %d offers, %v", f.service.OpenDemands(), f.service.Offers(), f.service.answered)
	}
	if _, err := f.service.Match("d", RecommendedMax, f.at); !events.ErrNotFound.Is(err) {
		t.Errorf("match of a closed demand: %v", err)
	}
	if _, err := f.service.Explain("d", "a", f.at); !events.ErrNotFound.Is(err) {
		t.Errorf("explain of a closed demand: %v", err)
	}
}

func TestCatchingUpAsksOnlyForWhatIsUnanswered(t *testing.T) {
	f := newFeed(t)
	f.give(events.TypeOfferPublished, "a", plainOffer("a"))
	for _, id := range []string{"d1", "d2", "d3", "d4", "d5"} {
		if c := f.give(events.TypeDemandPublished, id, plainDemand(id)); c != nil {
			t.Fatalf("%s was answered while catching up", id)
		}
	}
	f.give(events.TypeDemandAmended, "d2", &events.DemandAmended{DemandTerms: plainDemand("d2").DemandTerms})
	f.give(events.TypeDemandWithdrawn, "d4", &events.Reason{})
	for _, id := range []string{"d1", "d2", "d4"} { // d2 for its first version only
		f.give(events.TypeRecommended, id, &events.Recommendation{Demand: id, DemandVersion: 1})
	}
	if c := f.service.Pending(f.at, 9); c != nil {
		t.Fatalf("pending before history was read: %v", c)
	}
	f.service.CaughtUp()
	if _, kept := f.service.answered["d4"]; kept || len(f.service.answered) != 2 {
		t.Errorf("answers to closed demands are kept: %v", f.service.answered)
	}
	later := instantPool[1]
	first := f.service.Pending(later, 2)
	rest := f.service.Pending(later, 9)
	commands := slices.Concat(first, rest)
	var asked []string
	for _, c := range commands {
		r := c.Data.(*events.Recommendation)
		asked = append(asked, fmt.Sprint(c.Subject, "@", r.DemandVersion, " ", r.AsOf, " ", len(r.Offers)))
	}
	expect(t, "pending", asked, "d2@2 2026-04-01 1", "d3@1 2026-04-01 1", "d5@1 2026-04-01 1")
	if len(first) != 2 || f.service.Pending(later, 9) != nil {
		t.Errorf("the limit does not hold, or something is asked twice")
	}

	// A command that surely was not done comes again under the same id; one that has been overtaken does not.
	f.service.Return(commands[1])
	f.service.Return(commands[2])
	f.give(events.TypeDemandExpired, "d5", &events.Expired{})
	again := f.service.Pending(later, 9)
	if len(again) != 1 || again[0].ID != commands[1].ID {
		t.Errorf("returned commands: %v", again)
	}

	// What another matcher has answered is not asked again.
	f.give(events.TypeRecommended, "d6", &events.Recommendation{Demand: "d6", DemandVersion: 1})
	if c := f.give(events.TypeDemandPublished, "d6", plainDemand("d6")); c != nil {
		t.Errorf("asked for d6, which has been answered")
	}
}

// TestRestartIsNoDifference: a matcher that read everything at the start, in whatever order of contexts, holds and asks for what
// one does that was there all along, less what has been recorded.
func TestRestartIsNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDice{t}
		f := newFeed(t)
		f.service.CaughtUp()
		recorded := map[events.UUID]bool{}
		var commands []*step.Command
		for range 2 + d.below(25) {
			if c := f.random(d); c != nil {
				if d.below(2) == 0 {
					recorded[c.ID] = true
					f.give(events.TypeRecommended, c.Subject, c.Data)
				}
				commands = append(commands, c)
			}
		}

		restarted := newService(t)
		order := []string{"demand", "offer", "party", "match"}
		for i := range order {
			j := i + d.below(len(order)-i)
			order[i], order[j] = order[j], order[i]
		}
		for _, context := range order {
			for _, x := range f.log {
				if x.at.Context == context {
					for range 1 + d.below(2) { // now and then the reader gives a commit again
						if c, err := restarted.Apply(x.at, x.e); c != nil || err != nil {
							t.Fatalf("while catching up: %v, %v", c, err)
						}
					}
				}
			}
		}
		restarted.CaughtUp()

		want := map[events.UUID]bool{}
		for _, c := range commands {
			r := c.Data.(*events.Recommendation)
			if open, ok := f.service.Demand(c.Subject); ok && open.TermsVersion == r.DemandVersion && !recorded[c.ID] {
				want[c.ID] = true
			}
		}
		got := map[events.UUID]bool{}
		for _, c := range restarted.Pending(f.at, 1000) {
			got[c.ID] = true
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("pending %v, want %v", got, want)
		}
		if !slices.Equal(restarted.Positions(), f.service.Positions()) || restarted.OpenDemands() != f.service.OpenDemands() || restarted.Offers() != f.service.Offers() {
			t.Fatalf("restarted at %v with %d demands and %d offers", restarted.Positions(), restarted.OpenDemands(), restarted.Offers())
		}
		for _, id := range openDemands(f.service) {
			a, errA := f.service.Match(id, RecommendedMax, f.at)
			b, errB := restarted.Match(id, RecommendedMax, f.at)
			if errA != nil || errB != nil || encode(t, a) != encode(t, b) {
				t.Fatalf("%s: %s\nrestarted: %s", id, encode(t, a), encode(t, b))
			}
		}
	})
}

// random gives one random event that the ledgers could hold.
func (f *feed) random(d dice) *step.Command {
	demand, offer, party := fmt.Sprint("demand-", d.below(4)), fmt.Sprint("offer-", d.below(5)), "bank-1"
	_, demandOpen := f.service.Demand(demand)
	_, offerOpen := f.service.index.Offer(offer)
	switch what := d.below(10); {
	case !demandOpen && f.version["demand/"+demand] == 0 && what < 5:
		return f.give(events.TypeDemandPublished, demand, plainDemand(demand))
	case !offerOpen && f.version["offer/"+offer] == 0:
		return f.give(events.TypeOfferPublished, offer, plainOffer(offer))
	case what == 0:
		if f.service.suspended[party] {
			return f.give(events.TypePartyReinstated, party, &events.Reason{})
		}
		return f.give(events.TypePartySuspended, party, &events.Reason{})
	case what < 4 && demandOpen:
		return f.give(events.TypeDemandAmended, demand, &events.DemandAmended{DemandTerms: plainDemand(demand).DemandTerms, Facts: plainDemand(demand).Facts})
	case what == 4 && demandOpen:
		return f.give(events.TypeDemandHeld, demand, &events.Hold{Hold: fmt.Sprint(f.at.Unix()), Amount: cny(1_000_000_00)})
	case what == 5 && demandOpen:
		return f.give(events.TypeDemandWithdrawn, demand, &events.Reason{})
	case what == 6 && offerOpen:
		return f.give(events.TypeOfferPaused, offer, &events.Reason{})
	case what == 7 && offerOpen:
		return f.give(events.TypeCapacityReserved, offer, &events.Reserve{Reservation: fmt.Sprint(f.at.Unix()), Amount: cny(30_000_000_00)})
	case what == 8 && offerOpen:
		return f.give(events.TypeOfferWithdrawn, offer, &events.Reason{})
	}
	return nil
}

func TestAGapOrAnOverflowStopsTheReactor(t *testing.T) {
	s := New(Deps{Rules: rulesFor(t), Limits: Limits{DemandsMax: 1, OffersMax: 1}})
	apply := func(context string, sequence uint64, typ, subject string, version uint64, data any) error {
		_, err := s.Apply(Origin{context, 0, sequence}, &step.Applied{Type: typ, Subject: subject, Version: version, Time: instantPool[0], Data: data})
		return err
	}
	for _, c := range []struct {
		err  error
		want error
	}{
		{apply("demand", 1, events.TypeDemandPublished, "d", 1, plainDemand("d")), nil},
		{apply("demand", 2, events.TypeDemandPublished, "e", 1, plainDemand("e")), ErrFull},
		{apply("demand", 2, events.TypeDemandHeld, "d", 3, &events.Hold{}), ErrGap},
		{apply("demand", 2, events.TypeDemandPublished, "f", 1, &events.Empty{}), ErrPayload},
		{apply("offer", 1, events.TypeOfferPublished, "o", 1, plainOffer("o")), nil},
		{apply("offer", 2, events.TypeOfferPublished, "p", 1, plainOffer("p")), ErrFull},
		{apply("offer", 2, events.TypeOfferPaused, "o", 3, &events.Reason{}), ErrGap},
		{apply("match", 2, events.TypeRecommended, "d", 1, &events.Empty{}), ErrPayload},
		{apply("demand", 0, events.TypeDemandWithdrawn, "d", 2, &events.Reason{}), nil}, // older than what has been read
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("got %v, want %v", c.err, c.want)
		}
	}
	if _, open := s.Demand("d"); !open {
		t.Error("an old commit was applied")
	}
	s.Advance(Origin{"offer", 0, 9})
	s.Advance(Origin{"offer", 10, 3})
	s.Advance(Origin{"offer", 2, 4})
	s.Advance(Origin{"offer", 0, 8})
	expect(t, "positions", s.Positions(), "demand.0:1", "offer.0:9", "offer.2:4", "offer.10:3")
}

// TestNothingFits: a recommendation of nothing is recorded too, as an empty list, never as null.
func TestNothingFits(t *testing.T) {
	f := newFeed(t)
	f.service.CaughtUp()
	for partition := range recordedPositionsMax + 6 {
		f.service.Advance(Origin{"party", partition, 1})
	}
	c := f.give(events.TypeDemandPublished, "demand-1", plainDemand("demand-1"))
	decided, err := Decide(nil, c, f.at)
	if err != nil {
		t.Fatal(err)
	}
	r := c.Data.(*events.Recommendation)
	// A refresh begins behind what had been read of offers and parties: of those nothing may be cut off for the sake of demands.
	if len(r.Positions) != recordedPositionsMax || r.Positions[0] != "party.0:1" {
		t.Errorf("%d positions, first %s", len(r.Positions), r.Positions[0])
	}
	for _, data := range []any{r, decided[0].Data} {
		if text := encode(t, data); !strings.Contains(text, `"offers":[],"eligible":0`) {
			t.Errorf("recorded as %s", text)
		}
	}
}

func TestServiceAnswers(t *testing.T) {
	f := newFeed(t)
	f.give(events.TypeOfferPublished, "a", plainOffer("a"))
	paused := plainOffer("b")
	f.give(events.TypeOfferPublished, "b", paused)
	f.give(events.TypeOfferPaused, "b", &events.Reason{})
	f.give(events.TypeDemandPublished, "d", plainDemand("d"))
	m, err := f.service.Match("d", RecommendedMax, f.at)
	if err != nil {
		t.Fatal(err)
	}
	if m.Eligible != 1 || len(m.Matches) != 1 || m.Matches[0].Rank != 1 || m.Matches[0].Score != m.Matches[0].Explanation.Score ||
		m.Matches[0].PartyName != "示例银行" || !strings.HasPrefix(m.Matches[0].Reasons.Zh, "知识产权质押贷款｜") || m.Notice.Zh == "" ||
		!slices.Equal(m.Matches[0].Explanation.Positions, []string{"demand.0:1", "offer.0:3"}) {
		t.Errorf("matches %s", encode(t, m))
	}
	e, err := f.service.Explain("d", "b", f.at)
	if err != nil || e.Eligible || e.Reasons(English) != "intellectual property pledge loan | not met: offer's status" {
		t.Errorf("explanation of a paused offer: %v, %v", err, e)
	}
	if _, err := f.service.Explain("d", "z", f.at); !events.ErrNotFound.Is(err) {
		t.Errorf("explain of no offer: %v", err)
	}
	app := App()
	if app.Machine.Context() != Context || app.Path != "recommendations" || app.Create != "" || app.Index == nil {
		t.Errorf("app %+v", app)
	}
}
