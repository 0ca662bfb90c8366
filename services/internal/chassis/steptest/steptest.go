// Package steptest holds a service's pure steps to what the frame builds on: Decide and Evolve are functions of their arguments, undo
// takes everything back, and a state that was read back from documents or from the log is the same state.
package steptest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Play decides a command about one entity and applies what was decided, holding the purity of both and the decider's Check on the way.
func Play[S any](t testing.TB, d step.Decider[S], s *S, version *uint64, c *step.Command, now time.Time) (*S, []step.Event, error) {
	t.Helper()
	before := JSON(t, s)
	decided, err := d.Decide(s, c, now)
	if after := JSON(t, s); after != before {
		t.Fatalf("Decide of %s changed the state:\n%s\n%s", c.Type, before, after)
	}
	for _, e := range decided {
		*version++
		before, payload := JSON(t, s), JSON(t, e.Data)
		applied := &step.Applied{Type: e.Type, Subject: c.Subject, Version: *version, Time: now, Data: e.Data}
		next := d.Evolve(s, applied)
		if after := JSON(t, s); after != before {
			t.Fatalf("Evolve of %s changed the old state:\n%s\n%s", e.Type, before, after)
		}
		if JSON(t, next) != JSON(t, d.Evolve(s, applied)) || JSON(t, e.Data) != payload {
			t.Fatalf("Evolve of %s is not a function of its arguments", e.Type)
		}
		if d.Check != nil {
			if err := d.Check(next); err != nil {
				t.Fatalf("after %s: %v", e.Type, err)
			}
		}
		s = next
	}
	return s, decided, err
}

// Types are the types of what was decided.
func Types(decided []step.Event) []string {
	var list []string
	for _, e := range decided {
		list = append(list, e.Type)
	}
	return list
}

// Refused wants a refusal of a kind about a field.
func Refused(t testing.TB, err error, kind events.ProblemKind, field string) {
	t.Helper()
	p, ok := err.(*events.Problem)
	if !ok || !kind.Is(err) || p.Field != field {
		t.Fatalf("got %v, want the refusal %q at %q", err, kind.Code, field)
	}
	if p.Detail == "" || p.DetailEN == "" {
		t.Fatalf("the refusal %+v does not say in both languages what is wrong", p)
	}
}

// JSON is a value as the log writes it.
func JSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Lives plays random commands at random times from begin on: draw gives them, check holds every document after every event. Undo
// takes everything back, the fold of the whole log is the state, and a state loaded from documents decides alike.
func Lives(t *rapid.T, machine step.Machine, begin time.Time, draw func(t *rapid.T, now time.Time) *step.Command, check func(doc []byte) error) {
	state, docs := machine.New(), map[string][]byte{}
	var log []*step.Applied
	now := begin
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		now = now.Add(time.Duration(rapid.IntRange(0, 48).Draw(t, "hours")) * time.Hour)
		command := draw(t, now)
		if due := state.Due(now, 1); len(due) > 0 && rapid.Bool().Draw(t, "timer") {
			command = due[0]
		}
		reloaded := machine.New()
		before := dump(t, state, reloaded)
		decided, err := state.Decide(command, now)
		again, errAgain := reloaded.Decide(command, now)
		if text(t, decided) != text(t, again) || text(t, err) != text(t, errAgain) {
			t.Fatalf("a reloaded state decides otherwise: %v %v, %v %v", decided, err, again, errAgain)
		}
		if command.Actor == step.System && len(decided) == 0 && err == nil {
			t.Fatalf("a timer that changes nothing comes up for ever: %+v", command)
		}
		var undo []step.Undo
		var applied []*step.Applied
		for _, e := range decided {
			a := &step.Applied{Type: e.Type, Subject: command.Subject, Version: state.Version(command.Subject) + 1, Time: now, Data: e.Data}
			was := dump(t, state, nil)
			state.Undo(state.Apply(a))
			if got := dump(t, state, nil); got != was {
				t.Fatalf("undo of %s: %s, want %s", e.Type, got, was)
			}
			undo, applied = append(undo, state.Apply(a)), append(applied, a)
			if docs[a.Subject], err = machine.Project(docs[a.Subject], a); err != nil {
				t.Fatal(err)
			}
			if err := check(docs[a.Subject]); err != nil {
				t.Fatalf("after %s: %v", e.Type, err)
			}
		}
		for _, u := range slices.Backward(undo) {
			state.Undo(u)
		}
		if got := dump(t, state, nil); got != before {
			t.Fatalf("undo of %s: %s, want %s", command.Type, got, before)
		}
		for _, a := range applied {
			state.Apply(a)
		}
		log = append(log, applied...)
	}
	replayed := machine.New()
	for _, a := range log {
		data, err := events.DecodeData(a.Type, []byte(text(t, a.Data))) // as the ledger gives it back
		if err != nil {
			t.Fatal(err)
		}
		replayed.Apply(&step.Applied{Type: a.Type, Subject: a.Subject, Version: a.Version, Time: a.Time, Data: data})
	}
	if got, want := dump(t, replayed, nil), dump(t, state, nil); got != want {
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
}

func dump(t *rapid.T, s step.State, copyTo step.State) string {
	var b strings.Builder
	if err := s.Range(func(subject string, version uint64, doc []byte) error {
		b.WriteString(text(t, []any{subject, version, json.RawMessage(doc)}))
		if copyTo == nil {
			return nil
		}
		return copyTo.Load(subject, version, doc)
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func text(t *rapid.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
