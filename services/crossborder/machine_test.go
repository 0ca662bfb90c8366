package crossborder

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"pgregory.net/rapid"
)

// TestTimerAppliesTheNextRules: the timer is due on the first instant of the day on which other rules change something, comes once,
// and skips rule sets that change nothing for this borrower.
func TestTimerAppliesTheNextRules(t *testing.T) {
	t.Parallel()
	state := step.NewMachine(Decider(sets(t))).New()
	do := func(c *step.Command, now time.Time) (done []string) {
		t.Helper()
		decided, err := state.Decide(c, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range decided {
			state.Apply(&step.Applied{Type: e.Type, Subject: c.Subject, Version: state.Version(c.Subject) + 1, Time: now, Data: e.Data})
			name := e.Type
			if l, ok := e.Data.(*events.LimitChanged); ok {
				name = l.Because + " " + l.Headroom.RuleSet + " " + l.LimitBefore.Amount() + " to " + l.Headroom.Limit.Amount()
			}
			done = append(done, name)
		}
		return done
	}
	c, now := assessed(func(d *events.AssessBorrower) { d.Statement.Day = "2020-06-30" }).on("2020-12-01").command()
	do(c, now)
	// 2020-12-11 changes financial institutions alone, 2023-02-10 the registration alone: a firm's timer skips both.
	for _, want := range []struct {
		day  events.Date
		done string
	}{
		{"2021-01-07", "rules crossborder.2021-01-07 25000000.00 to 20000000.00"},
		{"2022-10-25", "rules crossborder.2022-10-25 20000000.00 to 25000000.00"},
		{"2023-07-20", "rules crossborder.2023-07-20 25000000.00 to 30000000.00"},
		{"2025-01-13", "rules crossborder.2025-01-13 30000000.00 to 35000000.00"},
	} {
		start, _ := want.day.Start()
		if at, ok := state.NextDue(); !ok || !at.Equal(start) {
			t.Fatalf("due at %v %v, want %v", at, ok, start)
		}
		if early := state.Due(start.Add(-1), 10); len(early) != 0 {
			t.Fatalf("due too early: %+v", early[0])
		}
		due := state.Due(start, 10)
		if len(due) != 1 {
			t.Fatalf("at %v: %+v", start, due)
		}
		if done := do(due[0], start); !slices.Equal(done, []string{want.done}) {
			t.Fatalf("at %v: %v, want %s", start, done, want.done)
		}
	}
	if at, ok := state.NextDue(); ok {
		t.Fatalf("still due at %v", at)
	}
	// After a standstill of years the rules of today are applied, once.
	late := step.NewMachine(Decider(sets(t))).New()
	state = late
	do(c, now)
	due := state.Due(noon, 10)
	if len(due) != 1 {
		t.Fatalf("%+v", due)
	}
	if done := do(due[0], noon); !slices.Equal(done, []string{"rules crossborder.2025-01-13 25000000.00 to 35000000.00"}) {
		t.Fatalf("%v", done)
	}
	if due := state.Due(noon, 10); len(due) != 0 {
		t.Fatalf("still due: %+v", due[0])
	}
}

// TestLivesOfBorrowers plays random commands over the years in which the parameter moved: the balance is never above the limit unless
// the limit fell, and then it only falls; undo takes everything back, the fold of the whole log is the state, and a state loaded from
// documents decides alike.
func TestLivesOfBorrowers(t *testing.T) {
	t.Parallel()
	decider := Decider(sets(t))
	rapid.Check(t, func(t *rapid.T) {
		machine := step.NewMachine(decider)
		state, docs := machine.New(), map[string][]byte{}
		var log []*step.Applied
		now := time.Date(2020, 1, 1, 4, 0, 0, 0, time.UTC)
		var last *Borrower
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			now = now.AddDate(0, 0, rapid.IntRange(0, 120).Draw(t, "days"))
			command := anyCommand(t, now)
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
			if p, ok := err.(*events.Problem); ok && p.Type == events.ProblemPrefix+events.ErrInternal.Code {
				t.Fatalf("%s: %v", command.Type, err)
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
				b := new(Borrower)
				if err := json.Unmarshal(docs[a.Subject], b); err != nil {
					t.Fatal(err)
				}
				if err := holds(decider, last, b, e.Type); err != nil {
					t.Fatalf("after %s: %v", e.Type, err)
				}
				last = b
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
			data, err := events.DecodeData(a.Type, []byte(mustJSON(t, a.Data)))
			if err != nil {
				t.Fatal(err)
			}
			replayed.Apply(&step.Applied{Type: a.Type, Subject: a.Subject, Version: a.Version, Time: a.Time, Data: data})
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

// holds is the invariant, told by two documents that follow each other and not by what the decider keeps for itself.
func holds(d step.Decider[Borrower], before, b *Borrower, typ string) error {
	if err := d.Check(b); err != nil {
		return err
	}
	used, limit := b.Headroom.Used.Minor, b.Headroom.Limit.Minor
	switch typ {
	case events.TypeBorrowerAssessed, events.TypeLimitChanged: // the limit itself moves, or the weights do
		return nil
	case events.TypeDrawn, events.TypeContractFiled:
		if used > limit {
			return fmt.Errorf("something new at %d above the limit %d", used, limit)
		}
	}
	if used > limit && (before == nil || used > before.Headroom.Used.Minor) {
		return fmt.Errorf("the balance grew from %v to %d above the limit %d", before.Headroom.Used, used, limit)
	}
	return nil
}

func anyCommand(t *rapid.T, now time.Time) *step.Command {
	today := events.DateOf(now)
	plus := func(days int) events.Date { return events.DateOf(now.AddDate(0, 0, days)) }
	contract := rapid.SampledFrom([]string{"c1", "c2", "c3"}).Draw(t, "contract")
	draw := rapid.SampledFrom([]string{"d1", "d2", "d3", "d4"}).Draw(t, "draw")
	currency := map[string]string{"c1": "USD", "c2": "CNY", "c3": "JPY"}[contract]
	rate := func() *events.FXRate {
		if currency == "CNY" {
			return nil
		}
		return &events.FXRate{Rate: rapid.SampledFrom([]string{"7.1234", "0.0471", "1.0000000001", "12"}).Draw(t, "rate"), Source: "cfets_central_parity", Day: today}
	}
	amount := func(most int64) events.Money {
		return events.Money{Minor: rapid.Int64Range(0, most).Draw(t, "amount"), Currency: currency}
	}
	facts := &Facts{Borrower: known().Borrower}
	all := []say{
		{typ: events.TypeAssessBorrower, data: &events.AssessBorrower{ID: uscc, Kind: "firm", Route: "macro_prudential", Statement: events.NetAssets{
			Day: plus(-rapid.IntRange(0, 300).Draw(t, "old")), NetAssets: events.Money{Minor: rapid.Int64Range(0, 3000).Draw(t, "assets"), Currency: "CNY"}, Document: "审"}}},
		{typ: events.TypeFileContract, data: &events.FileContract{Contract: contract, Lender: "L", LenderCountry: "SG", Category: "contingent", Amount: amount(4000),
			Starts: plus(-rapid.IntRange(0, 30).Draw(t, "began")), Matures: plus(rapid.IntRange(300, 500).Draw(t, "matures")), Revolving: rapid.Bool().Draw(t, "revolving"),
			Registration: &events.Registration{Number: "1", Day: today}, Rate: rate()}},
		{typ: events.TypeExtendContract, data: &events.ExtendContract{Contract: contract, Matures: plus(rapid.IntRange(300, 900).Draw(t, "matures"))}},
		closed(contract), ended(events.TypeCancelContract, contract), ended(events.TypeRefuseContract, contract),
	}
	for range 3 {
		all = append(all,
			say{typ: events.TypeDraw, data: &events.DrawContract{Contract: contract, Draw: draw, Amount: amount(1500), Rate: rate()}},
			say{typ: events.TypeRepay, data: &events.RepayContract{Contract: contract, Draw: draw, Amount: amount(1500)}})
	}
	if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
		all = append(all, because(events.TypeExcludeBorrower), because(events.TypeReadmitBorrower), because(events.TypeReadmitBorrower), because(events.TypeWithdrawBorrower))
	}
	chosen := rapid.SampledFrom(all).Draw(t, "command")
	chosen.facts = facts
	command, _ := chosen.command()
	return command
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
