package bond

import (
	"errors"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts/calendar"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Clock is one stage's clock as the application's document shows it.
type Clock struct {
	events.BondClock
	State    string      `json:"state"`
	Breached int         `json:"breached,omitempty"` // levels whose day has passed
	EndedOn  events.Date `json:"ended_on,omitempty"` // day on which the stage was left
	EndedBy  string      `json:"ended_by,omitempty"` // the status it was left for
}

// States of a clock.
const (
	ClockRunning  = "running"
	ClockUnknown  = "unknown"  // it runs, and the calendar does not know its end
	ClockBreached = "breached" // it runs, and its end has passed (超期)
	ClockStopped  = "stopped"
)

// running is the clock of the stage that the application is in; nil: it has none.
func (s *Bond) running() *Clock {
	if n := len(s.Clocks); n > 0 && s.Clocks[n-1].State != ClockStopped {
		return &s.Clocks[n-1]
	}
	return nil
}

// clocked adds to what was decided the clock of the stage that it enters. A stage without a rule of the day has no clock.
func (d decider) clocked(s *Bond, decided []step.Event, subject string, now time.Time) []step.Event {
	next := s
	for i := range decided {
		next = Evolve(next, &step.Applied{Type: decided[i].Type, Subject: subject, Time: now, Data: decided[i].Data})
	}
	if !enters(s, next) {
		return decided
	}
	day := events.DateOf(now)
	rules, ok := d.course.At(day)
	if !ok {
		return decided
	}
	i := slices.IndexFunc(rules.Clocks, func(r ClockRow) bool { return r.Stage == next.Status && (r.Venue == "" || r.Venue == next.Venue) })
	if i < 0 {
		return decided
	}
	row := &rules.Clocks[i]
	e := &events.BondClock{
		Clock: next.ClocksStarted + 1, Round: next.Round, Stage: next.Status, Owner: row.Owner, StartedOn: day, RuleSet: rules.ID, RuleHash: rules.Hash,
	}
	for i, l := range row.Levels {
		e.Levels = append(e.Levels, events.ClockLevel{Level: i + 1, Tell: l.Tell, WorkingDays: l.WorkingDays})
	}
	if e.Levels, e.MissingYear = d.compute(day, e.Levels); e.MissingYear != 0 {
		e.Note = events.NoteCalendar
	}
	return append(decided, one(next, events.TypeBondClockStarted, e)...)
}

// enters reports whether a stage begins: another status, or another underwriter.
func enters(s, next *Bond) bool {
	return s == nil || s.Status != next.Status || next.Docking != nil && next.Docking != s.Docking
}

// compute finds the days of levels that are not known yet. missing is the first year of which the calendar has no data; 0: none.
func (d decider) compute(from events.Date, levels []events.ClockLevel) (known []events.ClockLevel, missing int) {
	known = slices.Clone(levels)
	for i := range known {
		l := &known[i]
		if l.DueOn != "" {
			continue
		}
		day, err := d.calendar(string(from), l.WorkingDays)
		var year *calendar.YearError
		switch {
		case err == nil:
			l.DueOn = events.Date(day)
		case errors.As(err, &year) && missing == 0:
			missing = year.Year
		}
	}
	return known, missing
}

// timed answers the timer. One that has become moot changes nothing.
func (d decider) timed(s *Bond, c *step.Command, now time.Time) ([]step.Event, error) {
	running := s.running()
	switch ref := c.Data.(type) {
	case *events.BreachBondClock:
		if running == nil || running.Clock != ref.Clock || ref.Level != running.Breached+1 || ref.Level > len(running.Levels) {
			return nil, nil
		}
		l := running.Levels[ref.Level-1]
		if end, err := l.DueOn.End(); err != nil || now.Before(end) {
			return nil, nil
		}
		return one(s, events.TypeBondClockBreached, &events.BondClockBreached{
			Clock: running.Clock, Round: running.Round, Stage: running.Stage, Owner: running.Owner, Level: l.Level, Tell: l.Tell, WorkingDays: l.WorkingDays, DueOn: l.DueOn,
		}), nil
	case *events.BondClockRef:
		if running == nil || running.Clock != ref.Clock {
			return nil, nil
		}
		levels, missing := d.compute(running.StartedOn, running.Levels)
		if slices.Equal(levels, running.Levels) {
			return nil, nil
		}
		e := &events.BondClockComputed{Clock: running.Clock, Stage: running.Stage, Levels: levels, MissingYear: missing}
		if missing != 0 {
			e.Note = events.NoteCalendar
		}
		return one(s, events.TypeBondClockComputed, e), nil
	}
	return nil, nil
}

// due names what time does next: the end of the running clock, or of a level of its escalation. Days that were not known are computed as
// soon as the calendar knows them, which is at the start of a program that carries the year.
func (d decider) due(s *Bond) step.Timer {
	c := s.running()
	if c == nil {
		return step.Timer{}
	}
	if c.Note != "" {
		if levels, _ := d.compute(c.StartedOn, c.Levels); !slices.Equal(levels, c.Levels) {
			if at, err := c.StartedOn.Start(); err == nil {
				return step.Timer{At: at, Command: events.TypeComputeBondClock, Data: &events.BondClockRef{Clock: c.Clock}}
			}
		}
	}
	if c.Breached < len(c.Levels) {
		l := c.Levels[c.Breached]
		if at, err := l.DueOn.End(); err == nil {
			return step.Timer{At: at, Command: events.TypeBreachBondClock, Data: &events.BreachBondClock{Clock: c.Clock, Level: l.Level}}
		}
	}
	return step.Timer{}
}

// evolveClock applies an event about a clock.
func (s *Bond) evolveClock(data any) {
	s.Clocks = slices.Clone(s.Clocks)
	switch d := data.(type) {
	case *events.BondClock:
		s.ClocksStarted = d.Clock
		s.Clocks = append(s.Clocks, Clock{BondClock: *d, State: ClockRunning})
	case *events.BondClockComputed:
		if c := s.clock(d.Clock); c != nil {
			c.Levels, c.Note, c.MissingYear = d.Levels, d.Note, d.MissingYear
		}
	case *events.BondClockBreached:
		if c := s.clock(d.Clock); c != nil {
			c.Breached = d.Level
		}
	}
	if c := s.running(); c != nil {
		switch {
		case c.Breached > 0:
			c.State = ClockBreached
		case c.Levels[0].DueOn == "":
			c.State = ClockUnknown
		default:
			c.State = ClockRunning
		}
	}
}

// clock finds a clock that runs. The list must be the state's own.
func (s *Bond) clock(number int) *Clock {
	if c := s.running(); c != nil && c.Clock == number {
		return c
	}
	return nil
}

// stop ends the running clock: its stage has been left for another status.
func (s *Bond) stop(now time.Time, status string) {
	if s.running() == nil {
		return
	}
	s.Clocks = slices.Clone(s.Clocks)
	c := s.running()
	c.State, c.EndedOn, c.EndedBy = ClockStopped, events.DateOf(now), status
}
