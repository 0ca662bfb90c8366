package bond

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts/calendar"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/steptest"
)

// reached plays a course on one day up to a stage; on the exchange, where the review has its confirmed length.
func reached(t *testing.T, stage, day string) (*Bond, *uint64) {
	t.Helper()
	list := late(stage, day)
	exchange := func(d *events.ApplyBond) { d.Venue, d.Instrument = "exchange", "tech_note" }
	list[0].data = applied(exchange).data
	for i := range list {
		switch d := list[i].data.(type) {
		case *events.Empty:
			list[i] = list[i].with(func(f *Facts) {
				profiles := append([]events.Profile(nil), f.Profiles...)
				profiles[len(profiles)-1].Patents = 30
				f.Profiles = profiles
			})
		case *events.BondRating:
			list[i] = rated("AA", events.Date(day)).on(day).with(func(f *Facts) {
				f.Other = &OtherParty{Kind: "rating_agency", Licences: []events.Licence{{Licence: "rating", Number: "2", ValidFrom: "2020-01-01"}}}
			})
		case *events.BondFiling:
			year, err := strconv.Atoi(day[:4])
			if err != nil {
				t.Fatal(err)
			}
			if day[5:] >= "09-01" {
				list[i] = filed(events.Date(day), report("half_year", year)).with(listed).on(day)
			} else {
				list[i] = filed(events.Date(day), report("annual", year-1)).on(day)
			}
		case *events.BondRegistration:
			list[i].data = &events.BondRegistration{Number: d.Number, RegisteredOn: events.Date(day), ValidTo: "2027-12-31"}
		}
	}
	return given(t, list...)
}

// TestClocksAroundHolidays: the days on which the review of an exchange ends, weekends and made-up days counted as the notices say.
func TestClocksAroundHolidays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ stage, from, due, tell string }{
		{StatusFiled, "2026-02-09", "2026-02-28", "2026-03-06"}, // Saturdays 14 and 28 February are worked, 16 to 23 are not
		{StatusFiled, "2026-02-13", "2026-03-05", "2026-03-12"}, // 14 is the first day
		{StatusFiled, "2026-02-14", "2026-03-06", "2026-03-13"}, // the day itself does not count, though worked
		{StatusFiled, "2026-02-15", "2026-03-06", "2026-03-13"}, // a Sunday off: the same
		{StatusFiled, "2026-02-20", "2026-03-06", "2026-03-13"}, // in the middle of the festival
		{StatusFiled, "2026-02-28", "2026-03-13", "2026-03-20"},
		{StatusFiled, "2025-09-22", "2025-10-11", "2025-10-17"}, // Sunday 28 September and Saturday 11 October are worked, 1 to 8 are not
		{StatusFiled, "2025-09-30", "2025-10-21", "2025-10-28"},
		{StatusFiled, "2025-10-11", "2025-10-24", "2025-10-31"},
		{StatusApplied, "2026-02-13", "2026-02-25", "2026-02-27"},
		{StatusApplied, "2026-02-27", "2026-03-03", "2026-03-05"}, // 28 is the first day
	} {
		s, _ := reached(t, c.stage, c.from)
		r := s.running()
		if r.Stage != c.stage || r.State != ClockRunning || string(r.StartedOn) != c.from || string(r.Levels[0].DueOn) != c.due || string(r.Levels[1].DueOn) != c.tell {
			t.Errorf("%s from %s: %+v, want %s and %s", c.stage, c.from, r, c.due, c.tell)
		}
		n, err := calendar.Between(c.from, c.due)
		if err != nil || n != r.Levels[0].WorkingDays {
			t.Errorf("between %s and %s are %d working days %v", c.from, c.due, n, err)
		}
	}
}

// tick gives the timer's command at a time, if there is one then.
func tick(t *testing.T, d step.Decider[Bond], s *Bond, version *uint64, now time.Time) (*Bond, []string) {
	t.Helper()
	timer := d.Due(s)
	if timer.At.IsZero() || timer.At.After(now) {
		return s, nil
	}
	s, decided, err := steptest.Play(t, d, s, version, &step.Command{Type: timer.Command, Subject: id, Actor: step.System, Data: timer.Data}, now)
	if err != nil {
		t.Fatal(err)
	}
	return s, steptest.Types(decided)
}

func midnightAfter(t *testing.T, day events.Date) time.Time {
	t.Helper()
	end, err := day.End()
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// TestBreach: a clock passes at midnight after its last day, once for each level, and then has nothing more to say.
func TestBreach(t *testing.T) {
	t.Parallel()
	d := deciding()
	s, version := reached(t, StatusFiled, "2026-02-13")
	first, second := midnightAfter(t, "2026-03-05"), midnightAfter(t, "2026-03-12")
	if s, types := tick(t, d, s, version, first.Add(-time.Nanosecond)); len(types) > 0 || s.running().State != ClockRunning {
		t.Fatalf("before midnight: %v", types)
	}
	early := &step.Command{Type: events.TypeBreachBondClock, Subject: id, Actor: step.System, Data: &events.BreachBondClock{Clock: s.running().Clock, Level: 1}}
	if decided, err := d.Decide(s, early, first.Add(-time.Nanosecond)); err != nil || len(decided) > 0 {
		t.Fatalf("given too early: %v %v", decided, err)
	}
	s, types := tick(t, d, s, version, first)
	if len(types) != 1 || types[0] != events.TypeBondClockBreached || s.running().State != ClockBreached || s.running().Breached != 1 {
		t.Fatalf("%v %+v", types, s.running())
	}
	if decided, err := d.Decide(s, early, first.Add(time.Hour)); err != nil || len(decided) > 0 {
		t.Fatalf("a second time: %v %v", decided, err)
	}
	if _, types := tick(t, d, s, version, second.Add(-time.Nanosecond)); len(types) > 0 {
		t.Fatalf("the second level comes early: %v", types)
	}
	s, types = tick(t, d, s, version, second)
	if len(types) != 1 || s.running().Breached != 2 || !d.Due(s).At.IsZero() {
		t.Fatalf("%v %+v", types, s.running())
	}
	s, _, err := play(t, s, version, registered("2026-03-16", "2027-12-31").on("2026-03-16"))
	if err != nil {
		t.Fatal(err)
	}
	was := s.Clocks[len(s.Clocks)-2]
	if was.State != ClockStopped || was.Breached != 2 || was.EndedOn != "2026-03-16" || was.EndedBy != StatusRegistered || s.running().Stage != StatusRegistered {
		t.Fatalf("%+v", s.Clocks)
	}
	if decided, err := d.Decide(s, early, second); err != nil || len(decided) > 0 {
		t.Fatalf("after the stage: %v %v", decided, err)
	}
}

// TestReturnStopsTheClock: while an application is with its issuer the venue's clock stands still and the issuer's runs; a resubmission
// begins at the channel again, and former rounds keep their clocks.
func TestReturnStopsTheClock(t *testing.T) {
	t.Parallel()
	s, version := reached(t, StatusFiled, "2026-02-09")
	var err error
	for i, c := range []say{returned("material_incomplete").on("2026-02-14"), resubmitted().on("2026-02-28"), returned("other").on("2026-03-02"), resubmitted().on("2026-03-03"), ended(events.TypeWithdrawBond).on("2026-03-04")} {
		if s, _, err = play(t, s, version, c); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		switch r := s.running(); {
		case i%2 == 0 && i < 4 && (r.Stage != StatusReturned || r.Owner != events.OwnerIssuer || s.Clocks[len(s.Clocks)-2].EndedBy != StatusReturned),
			i%2 == 1 && (r.Stage != StatusApplied || r.Owner != events.OwnerChannel || len(s.Clocks) != 1):
			t.Fatalf("step %d: %+v", i, s.Clocks)
		}
	}
	if s.running() != nil || !deciding().Due(s).At.IsZero() || s.ClocksStarted != 10 || s.Round != 3 || len(s.History) != 2 {
		t.Fatalf("%+v", s)
	}
	first := s.History[0].Clocks
	if got := fmt.Sprint(first[5].Stage, " ", first[5].EndedOn, " ", first[6].Stage, " ", first[6].StartedOn, " ", first[6].EndedOn, " ", first[6].EndedBy); got != "filed 2026-02-14 returned 2026-02-14 2026-02-28 applied" {
		t.Fatal(got)
	}
}

// TestHistoryIsBounded: an application may be returned any number of times; its document keeps the latest rounds.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	s, version := given(t, course(StatusApplied)...)
	for range RoundsMax + 3 {
		for _, c := range []say{returned("other"), resubmitted()} {
			var err error
			if s, _, err = play(t, s, version, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s.Round != RoundsMax+4 || len(s.History) != RoundsMax || s.History[0].Round != 4 || s.History[RoundsMax-1].Round != RoundsMax+3 {
		t.Fatalf("round %d, %d kept, the first is %d", s.Round, len(s.History), s.History[0].Round)
	}
}

// TestMissingYear: a stage is entered though the calendar lacks the year that its clock reaches into; the end is noted as unknown, never
// guessed, and computed by a program whose calendar has the year.
func TestMissingYear(t *testing.T) {
	t.Parallel()
	s, version := reached(t, StatusFiled, "2026-12-15")
	c := s.running()
	if c.State != ClockRunning || c.Levels[0].DueOn != "2026-12-29" || c.Levels[1].DueOn != "" || c.Note != events.NoteCalendar || c.MissingYear != 2027 {
		t.Fatalf("partly known: %+v", c)
	}
	old := deciding()
	if s, types := tick(t, old, s, version, midnightAfter(t, "2026-12-29")); len(types) != 1 || s.running().Breached != 1 || !old.Due(s).At.IsZero() {
		t.Fatalf("the known level passes, the other has no day: %v %+v", types, s.running())
	}

	s, version = reached(t, StatusFiled, "2026-12-25")
	if c = s.running(); c.State != ClockUnknown || c.Levels[0].DueOn != "" || c.Note != events.NoteCalendar || c.MissingYear != 2027 || !old.Due(s).At.IsZero() {
		t.Fatalf("unknown: %+v", c)
	}
	// A calendar with 2027, in which every weekday is worked.
	later := Decider(courseRules, func(day string, n int) (string, error) {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return "", err
		}
		for n > 0 {
			if at = at.AddDate(0, 0, 1); at.Weekday() != time.Saturday && at.Weekday() != time.Sunday {
				n--
			}
		}
		return at.Format(time.DateOnly), nil
	})
	now := midnightAfter(t, "2027-01-04")
	s, types := tick(t, later, s, version, now)
	c = s.running()
	if len(types) != 1 || types[0] != events.TypeBondClockComputed || c.State != ClockRunning || c.Note != "" || c.MissingYear != 0 || c.Levels[0].DueOn != "2027-01-08" || c.Levels[1].DueOn != "2027-01-15" {
		t.Fatalf("%v %+v", types, c)
	}
	if s, types = tick(t, later, s, version, now); len(types) > 0 {
		t.Fatalf("computed again: %v", types)
	}
	// The log has the days now: a program without the year keeps them.
	if s, types = tick(t, old, s, version, midnightAfter(t, "2027-01-08")); len(types) != 1 || s.running().State != ClockBreached {
		t.Fatalf("%v %+v", types, s.running())
	}
}

func TestCourseFilesThatAreNotRight(t *testing.T) {
	t.Parallel()
	const name = "bond_course.2026-03-09.json"
	for what, change := range map[string][2]string{
		"an unknown stage":          {`"stage": "rated"`, `"stage": "dated"`},
		"a clock of the end":        {`"stage": "rated"`, `"stage": "issued"`},
		"an unknown owner":          {`"owner": "venue"`, `"owner": "avenue"`},
		"two clocks of a stage":     {`"venue": "interbank",`, ``},
		"levels that go back":       {`"working_days": 30`, `"working_days": 20`},
		"a clock of nothing":        {`"working_days": 3`, `"working_days": 0`},
		"nobody is told":            {`"tell": "regulator"`, `"tell": ""`},
		"no source":                 {`"source": "practice"`, `"source": ""`},
		"an unknown confidence":     {`"confidence": "confirmed"`, `"confidence": "sure"`},
		"an unknown use":            {`"rnd"`, `"research"`},
		"a share above the whole":   {`"min": 7000`, `"min": 10001`},
		"two bounds":                {`"min": 7000`, `"min": 7000, "max": 8000`},
		"a tier backwards":          {`"rd_from": 500`, `"rd_from": 1000`},
		"an unknown category":       {`"category": "upgrade"`, `"category": "downgrade"`},
		"a gate without a category": {`"category": "use_type"`, `"category": ""`},
		"no such day":               {`"valid_to": "08-31"`, `"valid_to": "08-32"`},
		"an unknown report":         {`"kind": "annual"`, `"kind": "weekly"`},
		"a rating of no time":       {`"months": 12`, `"months": 0`},
		"an unknown field":          {`"registrations"`, `"registration"`},
	} {
		if _, err := LoadCourse(changedFile(t, name, change[0], change[1])); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if _, err := LoadCourse(changedFile(t, name, "", "")); err != nil {
		t.Fatal(err)
	}
	if set := courseRules.Last(); !strings.HasPrefix(set.ID, "bond_course.") || len(set.Clocks) == 0 {
		t.Fatalf("%+v", set.Header)
	}
}
