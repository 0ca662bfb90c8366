package bond

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/steptest"
	"pgregory.net/rapid"
)

// TestLivesOfInstitutionsBonds plays random allocations and releases from many hands after a random issue.
func TestLivesOfInstitutionsBonds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		next := lent(StatusIssued)
		draw := func(t *rapid.T, now time.Time) *step.Command {
			c := allocated("x", 1)
			switch number := rapid.StringMatching("a[1-6]").Draw(t, "allocation"); {
			case len(next) > 0:
				c, next = next[0], next[1:]
			case rapid.Bool().Draw(t, "release"):
				if c = released(number, nil); rapid.Bool().Draw(t, "part") {
					c = released(number, money(rapid.Int64Range(0, 150_000_000).Draw(t, "back")))
				}
			default:
				c = allocated(number, rapid.Int64Range(1, 150_000_000).Draw(t, "amount"))
			}
			command, _ := c.command()
			return command
		}
		steptest.Lives(t, step.NewMachine(deciding()), noon, draw, func(doc []byte) error {
			var b Bond
			if err := json.Unmarshal(doc, &b); err != nil {
				return err
			}
			return Check(&b)
		})
	})
}

// TestLivesOfBonds plays random courses: what Check says holds after each event, and nothing follows the end.
func TestLivesOfBonds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var end string
		steptest.Lives(t, step.NewMachine(deciding()), noon, anyCommand, func(doc []byte) error {
			var b Bond
			if err := json.Unmarshal(doc, &b); err != nil {
				return err
			}
			if end != "" && b.Status != end { // of an institution's bond, only where its proceeds go
				t.Fatalf("%s follows %s", b.Status, end)
			}
			if final(b.Status) {
				end = b.Status
			}
			return Check(&b)
		})
	})
}

func anyCommand(t *rapid.T, now time.Time) *step.Command {
	day := events.DateOf(now.AddDate(0, 0, rapid.IntRange(-1, 1).Draw(t, "day")))
	later := events.DateOf(now.AddDate(0, 0, rapid.IntRange(-1, 30).Draw(t, "later")))
	amount := rapid.Int64Range(0, 310_000_000).Draw(t, "amount")
	all := []say{
		applied(), applied(), resubmitted(func(b *events.BondTerms) { b.Amount = yuan(amount) }), resubmitted(), triaged(), triaged(), triaged(), docked("o1"), docked("o2"), docked("o1"),
		enhanced("guarantee", amount), rated("AA", day), filed(day), filed(day), registered(day, later), registered(day, later), issued(amount, day, later),
		say{typ: events.TypeTriageBond, data: &events.Empty{}, facts: firm()},
	}
	if rapid.IntRange(0, 5).Draw(t, "back") == 0 {
		all = append(all, returned("other"), returned("other"))
	}
	if rapid.IntRange(0, 19).Draw(t, "give up") == 0 {
		all = append(all, ended(events.TypeWithdrawBond), ended(events.TypeRejectBond))
	}
	actor := rapid.SampledFrom([]step.Actor{step.Operator, step.Operator, step.Operator, "user:u1", "party:p-uw"}).Draw(t, "actor")
	command, _ := rapid.SampledFrom(all).Draw(t, "command").by(actor).command()
	return command
}
