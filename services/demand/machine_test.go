package demand

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

func TestTimersReleaseHoldsThenTheDemandEnds(t *testing.T) {
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
			if r, ok := e.Data.(*events.DemandHoldReleased); ok {
				name = r.Hold + " " + r.Reason
			}
			done = append(done, name)
		}
		return done
	}
	ending := func(id string, at time.Time) say {
		return held(id, 10, func(d *events.Hold) { d.Until = at })
	}
	day := 24 * time.Hour
	for _, c := range []say{published(), ending("b", noon.Add(day)), ending("a", noon.Add(day)), ending("c", noon.Add(2*day)), ending("late", until.Add(day)), ending("last", until)} {
		command, now := c.command()
		do(command, now)
	}
	for _, want := range []struct {
		at   time.Time
		done []string
	}{
		{noon.Add(day), []string{"a expired"}}, {noon.Add(day), []string{"b expired"}}, {noon.Add(2 * day), []string{"c expired"}},
		{until, []string{"last expired", "late expired", events.TypeDemandExpired}},
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

// TestLivesOfDemands plays random commands at random times: the invariant holds after each event, undo takes everything back,
// the fold of the whole log is the state, and a state loaded from documents decides alike.
func TestLivesOfDemands(t *testing.T) {
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
				var d Demand
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
	amount := rapid.Int64Range(-1, 1100)
	hold := rapid.SampledFrom([]string{"h1", "h2", "h3", "h4"})
	later := func(label string) time.Time {
		return now.Add(time.Duration(rapid.IntRange(-1, 240).Draw(t, label)) * time.Hour)
	}
	holding := held(hold.Draw(t, "hold"), amount.Draw(t, "amount"), func(d *events.Hold) { d.Until = later("until") })
	filling := filled(hold.Draw(t, "hold"), amount.Draw(t, "amount"))
	all := []say{
		published(func(d *events.PublishDemand) { d.ValidUntil = later("valid") }),
		amended(func(d *events.DemandTerms) {
			if rapid.Bool().Draw(t, "dollars") {
				dollars(d)
			}
			d.MinAmount, d.Security = nil, []string{}
			d.Amount.Minor, d.ValidUntil = amount.Draw(t, "amount"), later("valid")
		}),
		holding, holding, holding, filling, filling, filling, release(hold.Draw(t, "hold")),
	}
	if rapid.IntRange(0, 9).Draw(t, "give up") == 0 {
		all = append(all, withdrawn())
	}
	actor := rapid.SampledFrom([]step.Actor{step.Operator, step.Operator, step.Operator, "user:u1", "party:bank", "party:rival"}).Draw(t, "actor")
	return rapid.SampledFrom(all).Draw(t, "command").by(actor).subject("d1")
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
