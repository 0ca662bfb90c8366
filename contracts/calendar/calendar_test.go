package calendar

import (
	"errors"
	"io/fs"
	"testing"
	"testing/quick"
	"time"
)

func TestWorking(t *testing.T) {
	for _, c := range []struct {
		day  string
		want bool
		why  string
	}{
		{"2026-02-13", true, "a Friday"},
		{"2026-02-14", true, "a Saturday made up for the Spring Festival"},
		{"2026-02-15", false, "a Sunday of the festival"},
		{"2026-02-16", false, "a Monday off"},
		{"2026-02-23", false, "the festival's last day, a Monday"},
		{"2026-02-24", true, "the Tuesday after it"},
		{"2026-02-28", true, "a Saturday made up"},
		{"2026-03-01", false, "a plain Sunday"},
		{"2025-01-26", true, "a Sunday made up"},
		{"2025-10-08", false, "National Day and Mid-Autumn together: eight days"},
		{"2025-10-11", true, "a Saturday made up"},
		{"2024-12-31", true, "a Tuesday"},
		{"2022-12-31", false, "a Saturday"},
		{"2024-02-29", true, "a Thursday of a leap year"},
	} {
		if got, err := Working(c.day); err != nil || got != c.want {
			t.Errorf("%s (%s): %v %v", c.day, c.why, got, err)
		}
	}
	for _, day := range []string{"2021-06-01", "2027-01-04"} {
		if _, err := Working(day); !errors.Is(err, ErrYear) {
			t.Errorf("%s: %v", day, err)
		}
	}
	for _, day := range []string{"", "2025-02-29", "20250101", "2025-1-1"} {
		if _, err := Working(day); err == nil || errors.Is(err, ErrYear) {
			t.Errorf("%q: %v", day, err)
		}
	}
}

func TestAdd(t *testing.T) {
	for _, c := range []struct {
		day  string
		n    int
		want string
	}{
		{"2026-02-10", 0, "2026-02-10"},
		{"2026-02-10", 4, "2026-02-14"}, // the made-up Saturday counts
		{"2026-02-10", 5, "2026-02-24"}, // and the festival does not
		{"2026-02-10", 10, "2026-03-02"},
		{"2026-02-18", 1, "2026-02-24"}, // started in the festival
		{"2025-09-26", 3, "2025-09-30"},
		{"2025-09-30", 1, "2025-10-09"},
		{"2025-12-31", 1, "2026-01-04"}, // over the year's end: a Sunday made up
	} {
		if got, err := Add(c.day, c.n); err != nil || got != c.want {
			t.Errorf("%s and %d working days: %s %v, want %s", c.day, c.n, got, err, c.want)
		}
		if n, err := Between(c.day, c.want); err != nil || n != c.n {
			t.Errorf("between %s and %s: %d %v, want %d", c.day, c.want, n, err, c.n)
		}
	}
	if _, err := Add("2026-12-25", 10); !errors.Is(err, ErrYear) {
		t.Errorf("into a year that is not known: %v", err)
	}
	if _, err := Add("2026-12-25", -1); err == nil {
		t.Error("a clock backwards")
	}
	if n, err := Between("2026-03-10", "2026-03-01"); err != nil || n != 0 {
		t.Errorf("backwards: %d %v", n, err)
	}
}

// TestAddLaws: the end is worked, no earlier day has as many working days, and one more day never ends earlier.
func TestAddLaws(t *testing.T) {
	first := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	law := func(offset uint16, n uint8) bool {
		day := first.AddDate(0, 0, int(offset)%1400).Format(time.DateOnly)
		end, err := Add(day, int(n))
		if err != nil {
			return false
		}
		worked, err := Working(end)
		if err != nil || n > 0 && !worked {
			return false
		}
		between, err := Between(day, end)
		next, err2 := Add(day, int(n)+1)
		return err == nil && err2 == nil && between == int(n) && next > end
	}
	if err := quick.Check(law, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// TestYears reads every year's file and counts the days worked, which the notices leave between 247 and 252.
func TestYears(t *testing.T) {
	names, err := fs.Glob(files, "*.csv")
	if err != nil || len(names) != len(Notices()) {
		t.Errorf("%d files, %d notices: %v", len(names), len(Notices()), err)
	}
	for i, n := range Notices() {
		if i > 0 && n.Year != Notices()[i-1].Year+1 {
			t.Errorf("%d does not follow the year before it", n.Year)
		}
		if n.Document == "" || n.Confidence != "confirmed" && n.Confidence != "unconfirmed" {
			t.Errorf("%d: document and confidence", n.Year)
		}
		worked, err := Between(time.Date(n.Year, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), time.Date(n.Year, 12, 31, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		if err != nil || worked < 247 || worked > 252 {
			t.Errorf("%d: %d days are worked: %v", n.Year, worked, err)
		}
	}
}
