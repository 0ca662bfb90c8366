package policy

import (
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// setsMax bounds the rule sets of one subject: a change a month for ten years.
const setsMax = 128

// Subject is everything that was adopted for one subject (规则主题), in order of days. It is immutable: Evolve makes another.
type Subject struct {
	ID        string    `json:"id"`
	Sets      []Set     `json:"sets"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Set is one adopted rule file (规则).
type Set struct {
	events.RuleSetAdopted
	// Until is the last day of a set that another follows or that was closed later; "" while it is open-ended. What the file itself
	// says stands in EffectiveTo.
	Until     events.Date `json:"until,omitempty"`
	AdoptedAt time.Time   `json:"adopted_at"`
}

// header is what every rule file begins with.
type header struct {
	ID            string      `json:"id"`
	EffectiveFrom events.Date `json:"effective_from"`
	EffectiveTo   events.Date `json:"effective_to"`
	Document      string      `json:"document"`
	Confidence    string      `json:"confidence"`
	Summary       codes.Text  `json:"summary"`
}

// At is the set in force on a day; false when there is none.
func (s *Subject) At(day events.Date) (*Set, bool) {
	for i := len(s.Sets) - 1; i >= 0; i-- {
		if set := &s.Sets[i]; !day.Before(set.EffectiveFrom) {
			return set, set.Until == "" || !day.After(set.Until)
		}
	}
	return nil, false
}

func (s *Subject) find(id string) *Set {
	if s != nil {
		for i := range s.Sets {
			if s.Sets[i].ID == id {
				return &s.Sets[i]
			}
		}
	}
	return nil
}

func (s *Subject) last() *Set {
	if s == nil || len(s.Sets) == 0 {
		return nil
	}
	return &s.Sets[len(s.Sets)-1]
}

// dayBefore and dayAfter are the neighbours of a day; a day that is none has none.
func dayBefore(d events.Date) events.Date { return shifted(d, -1) }
func dayAfter(d events.Date) events.Date  { return shifted(d, 1) }

func shifted(d events.Date, days int) events.Date {
	t, err := d.Start()
	if err != nil {
		return ""
	}
	return events.DateOf(t.AddDate(0, 0, days))
}

// check is what must hold of a subject after every event.
func check(s *Subject) error {
	for i := range s.Sets {
		set := &s.Sets[i]
		if set.Hash != hashOf(set.Content) {
			return fmt.Errorf("rule set %s does not have the hash of its content", set.ID)
		}
		if i > 0 && dayAfter(s.Sets[i-1].Until) != set.EffectiveFrom {
			return fmt.Errorf("rule set %s begins on %s, the one before it ends on %q", set.ID, set.EffectiveFrom, s.Sets[i-1].Until)
		}
	}
	return nil
}
