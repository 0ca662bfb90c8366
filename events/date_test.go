package events

import (
	"testing"
	"time"
)

func TestDate(t *testing.T) {
	t.Parallel()
	utc := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		d          Date
		start, end string
	}{
		{"2026-11-22", "2026-11-21T16:00:00Z", "2026-11-22T16:00:00Z"},
		{"2024-02-29", "2024-02-28T16:00:00Z", "2024-02-29T16:00:00Z"},
		{"2026-12-31", "2026-12-30T16:00:00Z", "2026-12-31T16:00:00Z"},
		{"1988-07-01", "1988-06-30T16:00:00Z", "1988-07-01T16:00:00Z"}, // summer time of those years is left out on purpose
	} {
		start, err := c.d.Start()
		end, err2 := c.d.End()
		if err != nil || err2 != nil || !start.Equal(utc(c.start)) || !end.Equal(utc(c.end)) {
			t.Errorf("%s: %v to %v, %v, %v", c.d, start, end, err, err2)
		}
		if DateOf(start) != c.d || DateOf(end.Add(-1)) != c.d || DateOf(end) == c.d {
			t.Errorf("%s: DateOf disagrees at its ends", c.d)
		}
	}
	for _, d := range []Date{"", "2026-2-3", "2026-02-30", "2026-13-01", "26-01-01", "2026-01-01T00:00:00Z", "2026/01/01", " 2026-01-01"} {
		if _, err := d.Start(); err == nil {
			t.Errorf("Start takes %q", d)
		}
		if _, err := d.End(); err == nil {
			t.Errorf("End takes %q", d)
		}
	}
	if !Date("2025-12-31").Before("2026-01-01") || !Date("2026-01-01").After("2025-12-31") || Date("2026-01-01").Before("2026-01-01") || Date("2026-01-01").After("2026-01-01") {
		t.Error("order of days")
	}
}

func TestMonthsAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		day    Date
		months int
		want   Date
	}{
		{"2025-06-15", 12, "2026-06-15"}, {"2024-02-29", 12, "2025-02-28"}, {"2023-02-28", 12, "2024-02-28"}, {"2026-01-31", 1, "2026-02-28"},
		{"2026-12-31", 2, "2027-02-28"}, {"2026-03-31", 0, "2026-03-31"}, {"soon", 3, "soon"},
	} {
		if got := c.day.MonthsAfter(c.months); got != c.want {
			t.Errorf("%d months after %s: %s, want %s", c.months, c.day, got, c.want)
		}
	}
}
