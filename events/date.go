package events

import (
	"fmt"
	"time"
)

// Date is a calendar day in Beijing time, "2006-01-02"; "" means none.
type Date string

// Beijing is the zone in which days begin and end. China has had no summer time since 1992, so a fixed offset is exact.
var Beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// Start is the first instant of the day in Beijing.
func (d Date) Start() (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), Beijing)
	if err != nil {
		return time.Time{}, fmt.Errorf("date %q is not YYYY-MM-DD", string(d))
	}
	return t, nil
}

// End is the first instant after the day: a title valid to a day counts until then, and no longer.
func (d Date) End() (time.Time, error) {
	t, err := d.Start()
	return t.AddDate(0, 0, 1), err
}

// DateOf is the Beijing day of an instant.
func DateOf(t time.Time) Date { return Date(t.In(Beijing).Format(time.DateOnly)) }

// MonthsAfter is the same day so many months later, or the last day of that month where it is too short. A day that does not exist is
// given back as it is.
func (d Date) MonthsAfter(months int) Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return Date(first.AddDate(0, 0, min(t.Day(), last)-1).Format(time.DateOnly))
}

// Before and After compare days; the text form orders as the days do.
func (d Date) Before(o Date) bool { return d < o }

// After reports whether d is a later day than o.
func (d Date) After(o Date) bool { return d > o }
