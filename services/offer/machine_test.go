package offer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"pgregory.net/rapid"
)

func TestTimersReleaseReservationsThenTheOfferEnds(t *testing.T) {
	t.Parallel()
	state := step.NewMachine(Decider()).New()
	do := func(c *step.Command, now time.Time) (done []string) {
		t.Helper()
		decided, err := state.Decide(c, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range decided {
			state.Apply(&step.Applied{Type: e.Type, Subject: c.Subject, Version: state.Version(c.Subject) + 1, Time: now, Data: e.Data})
			name := e.Type
			if r, ok := e.Data.(*events.CapacityReleased); ok {
				name = r.Reservation + " " + r.Reason
			}
			done = append(done, name)
		}
		return done
	}
	ending := func(id string, at time.Time) say {
		return reserved(id, 10, func(d *events.Reserve) { d.Until = at })
	}
	day := 24 * time.Hour
	for _, c := range []say{published(), ending("b", noon.Add(day)), ending("a", noon.Add(day)), ending("c", noon.Add(2*day)), ending("late", until.Add(day)), ending("last", until), pause} {
		command, now := c.command()
		do(command, now)
	}
	for _, want := range []struct {
		at   time.Time
		done []string
	}{
		{noon.Add(day), []string{"a expired"}}, {noon.Add(day), []string{"b expired"}}, {noon.Add(2 * day), []string{"c expired"}},
		{until, []string{"last expired", "late expired", events.TypeOfferExpired}},
	} {
		if at, ok := state.NextDue(); !ok || !at.Equal(want.at) {
			t.Fatalf("due at %v %v, want %v", at, ok, want.at)
		}
		if early := state.Due(want.at.Add(-1), 10); len(early) != 0 {
			t.Fatalf("due too early: %+v", early[0])
		}
		due := state.Due(want.at, 10)
		if len(due) != 1 || !slices.Equal(do(due[0], want.at), want.done) {
			t.Fatalf("at %v: %+v, want %v", want.at, due, want.done)
		}
	}
	if at, ok := state.NextDue(); ok {
		t.Fatalf("still due at %v", at)
	}
}

// TestLivesOfOffers plays random commands at random times: the invariant holds after each event, undo takes everything back,
// the fold of the whole log is the state, and a state loaded from documents decides alike.
func TestLivesOfOffers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		machine := step.NewMachine(Decider())
		state, docs := machine.New(), map[string][]byte{}
		var log []*step.Applied
		now := noon
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 48).Draw(t, "hours")) * time.Hour)
			command, _ := anyCommand(t, now).command()
			if due := state.Due(now, 1); len(due) > 0 && rapid.Bool().Draw(t, "timer") {
				command = due[0]
			}
			reloaded := machine.New()
			before := dumpState(t, state, reloaded)
			decided, err := state.Decide(command, now)
			again, errAgain := reloaded.Decide(command, now)
			if mustJSON(t, decided) != mustJSON(t, again) || mustJSON(t, err) != mustJSON(t, errAgain) {
				t.Fatalf("a reloaded state decides otherwise: %v %v, %v %v", decided, err, again, errAgain)
			}
			if command.Actor == step.System && len(decided) == 0 {
				t.Fatalf("a timer that changes nothing comes up for ever: %+v", command)
			}
			var undo []step.Undo
			var applied []*step.Applied
			for _, e := range decided {
				a := &step.Applied{Type: e.Type, Subject: command.Subject, Version: state.Version(command.Subject) + 1, Time: now, Data: e.Data}
				was := dumpState(t, state, nil)
				u := state.Apply(a)
				state.Undo(u)
				if got := dumpState(t, state, nil); got != was {
					t.Fatalf("undo of %s: %s, want %s", e.Type, got, was)
				}
				undo, applied = append(undo, state.Apply(a)), append(applied, a)
				if docs[a.Subject], err = machine.Project(docs[a.Subject], a); err != nil {
					t.Fatal(err)
				}
				var d Offer
				if err := json.Unmarshal(docs[a.Subject], &d); err != nil {
					t.Fatal(err)
				}
				if err := holds(&d); err != nil {
					t.Fatalf("after %s: %v", e.Type, err)
				}
			}
			for _, u := range slices.Backward(undo) {
				state.Undo(u)
			}
			if got := dumpState(t, state, nil); got != before {
				t.Fatalf("undo of %s: %s, want %s", command.Type, got, before)
			}
			for _, a := range applied {
				state.Apply(a)
			}
			log = append(log, applied...)
		}
		replayed := machine.New()
		for _, a := range log {
			replayed.Apply(&step.Applied{Type: a.Type, Subject: a.Subject, Version: a.Version, Time: a.Time, Data: reread(t, a)})
		}
		if got, want := dumpState(t, replayed, nil), dumpState(t, state, nil); got != want {
			t.Fatalf("replayed: %s, want %s", got, want)
		}
		if err := state.Range(func(subject string, _ uint64, doc []byte) error {
			if string(docs[subject]) != string(doc) {
				t.Fatalf("document %s, state %s", docs[subject], doc)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// reread is the payload as the ledger gives it back.
func reread(t *rapid.T, a *step.Applied) any {
	data, err := events.DecodeData(a.Type, []byte(mustJSON(t, a.Data)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func anyCommand(t *rapid.T, now time.Time) say {
	amount := rapid.Int64Range(-1, 700)
	id := rapid.SampledFrom([]string{"r1", "r2", "r3", "r4"})
	later := func(label string) time.Time {
		return now.Add(time.Duration(rapid.IntRange(-1, 240).Draw(t, label)) * time.Hour)
	}
	endless := func(f *Facts) {
		f.Party.AuthorityLimit, f.Party.Licences = nil, f.Party.Licences[:1]
		f.Party.Licences[0].ValidTo = ""
	}
	reserving := reserved(id.Draw(t, "reservation"), amount.Draw(t, "amount"), func(d *events.Reserve) { d.Until = later("until") })
	committing := committed(id.Draw(t, "reservation"), amount.Draw(t, "amount"))
	all := []say{
		published(func(d *events.PublishOffer) { d.ValidUntil = later("valid") }).with(endless),
		amended(func(d *events.OfferTerms) {
			if rapid.Bool().Draw(t, "dollars") {
				dollars(d)
			}
			d.PolicyTools, d.MinTicket.Minor = []string{}, 1
			d.Capacity.Minor, d.ValidUntil = rapid.Int64Range(500, 1500).Draw(t, "capacity"), later("valid")
			d.MaxTicket.Minor = min(d.MaxTicket.Minor, d.Capacity.Minor)
		}).with(endless),
		reserving, reserving, reserving, committing, committing, committing, release(id.Draw(t, "reservation")), pause, resumed, resumed,
	}
	if rapid.IntRange(0, 9).Draw(t, "give up") == 0 {
		all = append(all, withdraw)
	}
	actor := rapid.SampledFrom([]step.Actor{step.Operator, step.Operator, "party:bank", "party:bank", "party:rival", "user:u1"}).Draw(t, "actor")
	return rapid.SampledFrom(all).Draw(t, "command").by(actor)
}

func dumpState(t *rapid.T, s step.State, copyTo step.State) string {
	var b strings.Builder
	if err := s.Range(func(subject string, version uint64, doc []byte) error {
		b.WriteString(mustJSON(t, []any{subject, version, json.RawMessage(doc)}))
		if copyTo == nil {
			return nil
		}
		return copyTo.Load(subject, version, doc)
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func mustJSON(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
