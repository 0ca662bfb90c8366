package matcher

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

func recommendation(version uint64, offers ...string) *events.Recommendation {
	r := &events.Recommendation{
		Demand: "demand-1", DemandVersion: version, Enterprise: "x-1", Region: "440305", Industry: "I6513", Stage: "growth",
		Instrument: "ip_pledge_loan", Amount: cny(5_000_000_00), Eligible: len(offers), RuleSet: "matching.2024-06-28", AsOf: "2026-03-31",
		Positions: []string{"demand.0:7", "offer.0:9"},
	}
	for i, id := range offers {
		r.Offers = append(r.Offers, events.RankedOffer{Offer: id, Version: 1, Party: "bank-1", Instrument: "ip_pledge_loan", Score: 90 - i})
	}
	return r
}

func recommend(r *events.Recommendation) *step.Command {
	return &step.Command{Type: events.TypeRecommend, Subject: "demand-1", Actor: step.System, Data: r}
}

func twenty(idLength int) []string {
	ids := make([]string, RecommendedMax)
	for i := range ids {
		ids[i] = fmt.Sprintf("%0*d", idLength, i)
	}
	return ids
}

func TestDecide(t *testing.T) {
	at := instantPool[0]
	held := Evolve(nil, &step.Applied{Type: events.TypeRecommended, Subject: "demand-1", Version: 1, Time: at, Data: recommendation(3, "a")})
	change := func(f func(*events.Recommendation)) *step.Command {
		r := recommendation(4, "a", "b")
		f(r)
		return recommend(r)
	}
	for name, c := range map[string]struct {
		given  *Match
		when   *step.Command
		events int
		kind   *events.ProblemKind
		field  string
	}{
		"the first":                        {nil, recommend(recommendation(1, "a", "b")), 1, nil, ""},
		"nothing fits":                     {nil, recommend(recommendation(1)), 1, nil, ""},
		"twenty":                           {nil, recommend(recommendation(1, twenty(36)...)), 1, nil, ""},
		"a newer version":                  {held, recommend(recommendation(4, "b")), 1, nil, ""},
		"the same version":                 {held, recommend(recommendation(3, "a")), 0, nil, ""},
		"the same version, other ranking":  {held, recommend(recommendation(3, "b")), 0, nil, ""},
		"an older version":                 {held, recommend(recommendation(2, "a")), 0, nil, ""},
		"equal scores in the order of ids": {nil, change(func(r *events.Recommendation) { r.Offers[1].Score = r.Offers[0].Score }), 1, nil, ""},

		"by an operator":       {nil, &step.Command{Type: events.TypeRecommend, Subject: "demand-1", Actor: step.Operator, Data: recommendation(1)}, 0, &events.ErrInternalType, ""},
		"by a party":           {nil, &step.Command{Type: events.TypeRecommend, Subject: "demand-1", Actor: "party:bank-1", Data: recommendation(1)}, 0, &events.ErrInternalType, ""},
		"another type":         {nil, &step.Command{Type: events.TypePublishDemand, Subject: "demand-1", Actor: step.System}, 0, &events.ErrUnknownType, ""},
		"another payload":      {nil, &step.Command{Type: events.TypeRecommend, Subject: "demand-1", Actor: step.System, Data: &events.Empty{}}, 0, &events.ErrSchema, ""},
		"another demand":       {nil, change(func(r *events.Recommendation) { r.Demand = "demand-2" }), 0, &events.ErrMismatch, "/demand"},
		"version 0":            {nil, change(func(r *events.Recommendation) { r.DemandVersion = 0 }), 0, &events.ErrRange, "/demand_version"},
		"fewer eligible":       {nil, change(func(r *events.Recommendation) { r.Eligible = 1 }), 0, &events.ErrRange, "/eligible"},
		"twice the same":       {nil, change(func(r *events.Recommendation) { r.Offers[1].Offer = "a" }), 0, &events.ErrRange, "/offers/1/offer"},
		"out of order":         {nil, change(func(r *events.Recommendation) { r.Offers[1].Score = 91 }), 0, &events.ErrRange, "/offers/1"},
		"equal, ids descend":   {nil, change(func(r *events.Recommendation) { r.Offers[0].Offer, r.Offers[0].Score = "c", 89 }), 0, &events.ErrRange, "/offers/1"},
		"twenty-one":           {nil, recommend(recommendation(1, append(twenty(3), "zz")...)), 0, &events.ErrRange, "/offers"},
		"over 4 KiB":           {nil, recommend(recommendation(1, twenty(140)...)), 0, &events.ErrTooLarge, ""},
		"refused although old": {held, change(func(r *events.Recommendation) { r.DemandVersion, r.Eligible = 1, 0 }), 0, &events.ErrRange, "/eligible"},
	} {
		t.Run(name, func(t *testing.T) {
			decided, err := Decide(c.given, c.when, at)
			if c.kind != nil {
				p, ok := err.(*events.Problem)
				if !ok || !c.kind.Is(err) || p.Field != c.field || len(decided) != 0 {
					t.Fatalf("got %v and %d events, want %s at %q", err, len(decided), c.kind.Code, c.field)
				}
				return
			}
			if err != nil || len(decided) != c.events {
				t.Fatalf("got %d events and %v, want %d", len(decided), err, c.events)
			}
			for _, e := range decided {
				r := c.when.Data.(*events.Recommendation)
				if e.Type != events.TypeRecommended || !reflect.DeepEqual(e.Data, r) {
					t.Errorf("decided %+v", e)
				}
				want := events.Attributes{Region: "440305", Industry: "I6513", Stage: "growth", Instrument: "ip_pledge_loan", AmountWan: 500, Currency: "CNY"}
				if e.Attr != want {
					t.Errorf("attributes %+v", e.Attr)
				}
			}
		})
	}
}

// TestMachine plays random recommendations through the frame's machine: one event a version, versions only rise, a repetition
// changes nothing, an undo takes everything back, the read model is the fold, and Evolve changes nothing that it was given.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := step.NewMachine(Decider())
		state := m.New()
		var doc []byte
		newest, at := uint64(0), instantPool[0]
		for i := range rapid.IntRange(1, 12).Draw(t, "commands") {
			at = at.Add(time.Minute)
			r := recommendation(rapid.Uint64Range(1, 6).Draw(t, "version"), twenty(36)[:rapid.IntRange(0, 20).Draw(t, "offers")]...)
			decided, err := state.Decide(recommend(r), at)
			if err != nil || (len(decided) == 1) != (r.DemandVersion > newest) {
				t.Fatalf("step %d: %d events, %v", i, len(decided), err)
			}
			if len(decided) == 0 {
				continue
			}
			newest = r.DemandVersion
			before := dump(t, state)
			given := encode(t, decided[0].Data)
			e := &step.Applied{Type: decided[0].Type, Subject: "demand-1", Version: state.Version("demand-1") + 1, Time: at, Data: decided[0].Data}
			undo := state.Apply(e)
			after := dump(t, state)
			state.Undo(undo)
			if got := dump(t, state); got != before {
				t.Fatalf("undone to %s, was %s", got, before)
			}
			state.Apply(e)
			if doc, err = m.Project(doc, e); err != nil {
				t.Fatal(err)
			}
			if dump(t, state) != after || !strings.Contains(after, string(doc)) || encode(t, e.Data) != given {
				t.Fatalf("fold %s, read model %s", after, doc)
			}
		}
		list, err := indexes(doc)
		if err != nil || len(list) != 8 {
			t.Fatalf("indexes %v, %v", list, err)
		}
	})
}

func TestEvolveKeepsWhatItDoesNotKnow(t *testing.T) {
	m := Evolve(nil, &step.Applied{Type: events.TypeRecommended, Time: instantPool[0], Data: recommendation(1, "a")})
	if got := Evolve(m, &step.Applied{Type: "jieli.match.a_newer_one.v1", Data: &events.Empty{}}); got != m {
		t.Errorf("an unknown event made %+v", got)
	}
	next := Evolve(m, &step.Applied{Type: events.TypeRecommended, Time: instantPool[1], Data: recommendation(2, "b")})
	if m.DemandVersion != 1 || m.Offers[0].Offer != "a" || !next.CreatedAt.Equal(m.CreatedAt) || !next.UpdatedAt.Equal(instantPool[1]) {
		t.Errorf("before %+v, after %+v", m, next)
	}
}

// TestPayloadStaysSmall: with ids as long as ids get, the reactor's payload still keeps to 4 KiB and to the head of the ranking.
func TestPayloadStaysSmall(t *testing.T) {
	for length, least := range map[int]int{20: RecommendedMax, 36: RecommendedMax, 40: RecommendedMax, 64: 15} {
		r := recommendation(1, twenty(length)...)
		for i := range r.Offers {
			r.Offers[i].Party, r.Offers[i].Version = strconv.Itoa(i)+strings.Repeat("p", length-2), 1_234
		}
		full := clone(r)
		fit(r)
		b := encode(t, r)
		if len(b) > recommendationBytesMax || len(r.Offers) < least || !reflect.DeepEqual(r.Offers, full.Offers[:len(r.Offers)]) {
			t.Errorf("ids of %d: %d bytes, %d places", length, len(b), len(r.Offers))
		}
		if _, err := Decide(nil, recommend(r), instantPool[0]); err != nil {
			t.Errorf("ids of %d: %v", length, err)
		}
	}
}

// TestNoClockNoBroker holds the whole package, not only its decider, to be a function of what it is fed.
func TestNoClockNoBroker(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		checked++
		source, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"time.Now", "time.Since", "time.After(", "time.New", "go func"} {
			// Sorting blocks beside everything else decides what is looked at first, never what is answered.
			if strings.Contains(string(source), word) && !(word == "go func" && f.Name() == "cells_pack.go") {
				t.Errorf("%s uses %s", f.Name(), word)
			}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			for _, bad := range []string{"math/rand", "crypto/rand", "net", "os", "log", "nats", "redis", "watermill", "zerolog"} {
				if path == bad || strings.HasPrefix(path, bad+"/") || strings.Contains(path, bad) && len(bad) > 3 {
					t.Errorf("%s imports %s", f.Name(), path)
				}
			}
		}
	}
	if checked < 10 {
		t.Fatalf("only %d files were looked at", checked)
	}
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func encode(t fataler, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func dump(t fataler, s step.State) string {
	t.Helper()
	var b strings.Builder
	err := s.Range(func(subject string, version uint64, doc []byte) error {
		fmt.Fprintf(&b, "%s %d %s\n", subject, version, doc)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
