// Package calendar is the Chinese working-day calendar (工作日历): which days are worked, made-up days (调休) included, as the notices
// of the General Office of the State Council set them year by year. A year without data is an error, never a guess: the notice
// for a year comes out in the autumn before it.
package calendar

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrYear: the days of a year are not known.
var ErrYear = errors.New("the calendar has no data for the year")

// YearError names the year whose days are not known. It wraps ErrYear.
type YearError struct{ Year int }

func (e *YearError) Error() string { return fmt.Sprintf("calendar: %v: %d", ErrYear, e.Year) }

// Unwrap makes it an ErrYear.
func (e *YearError) Unwrap() error { return ErrYear }

//go:embed *.csv notices.json
var files embed.FS

// Notice is where the days of a year come from.
type Notice struct {
	Year       int    `json:"year"`
	Document   string `json:"document"`
	Confidence string `json:"confidence"` // confirmed: compared with a published source; else unconfirmed
}

// exceptions are the days that differ from the plain week of Monday to Friday: false for a weekday off, true for a weekend worked.
type exceptions map[string]bool

type book struct {
	notices []Notice
	years   map[int]exceptions
}

var load = sync.OnceValue(func() *book {
	b := &book{years: make(map[int]exceptions)}
	text, err := files.ReadFile("notices.json")
	if err == nil {
		err = json.Unmarshal(text, &b.notices)
	}
	for _, n := range b.notices {
		if err == nil {
			b.years[n.Year], err = readYear(n.Year)
		}
	}
	if err != nil {
		panic("calendar: " + err.Error()) // the files are embedded, and a test reads every one
	}
	return b
})

func readYear(year int) (exceptions, error) {
	name := strconv.Itoa(year) + ".csv"
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	list := make(exceptions)
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		row := strings.Split(line, ",")
		if len(row) != 3 || row[1] != "off" && row[1] != "work" {
			return nil, fmt.Errorf("%s: row %d", name, i+2)
		}
		day, err := parse(row[0])
		if err != nil || day.Year() != year || weekend(day) == (row[1] == "off") {
			return nil, fmt.Errorf("%s: row %d: %s is no exception of its year", name, i+2, row[0])
		}
		list[row[0]] = row[1] == "work"
	}
	return list, nil
}

// Notices lists the years that are known, in order.
func Notices() []Notice { return append([]Notice(nil), load().notices...) }

// Working reports whether a day, YYYY-MM-DD, is worked. The error wraps ErrYear where its year is not known.
func Working(day string) (bool, error) {
	t, err := parse(day)
	if err != nil {
		return false, err
	}
	return load().working(t)
}

// Add is the day on which the n-th working day after a day falls, n at least 0: a clock of n working days that is started on a day ends
// with it. The day itself does not count, worked or not. n 0 is the day itself.
func Add(day string, n int) (string, error) {
	t, err := parse(day)
	if err != nil {
		return "", err
	}
	if n < 0 {
		return "", fmt.Errorf("calendar: %d working days after a day", n)
	}
	for n > 0 {
		t = t.AddDate(0, 0, 1)
		worked, err := load().working(t)
		if err != nil {
			return "", err
		}
		if worked {
			n--
		}
	}
	return t.Format(time.DateOnly), nil
}

// Between is the number of working days after one day up to and including another; 0 where that is not later.
func Between(after, until string) (int, error) {
	from, err := parse(after)
	if err != nil {
		return 0, err
	}
	to, err := parse(until)
	if err != nil {
		return 0, err
	}
	n := 0
	for t := from.AddDate(0, 0, 1); !t.After(to); t = t.AddDate(0, 0, 1) {
		worked, err := load().working(t)
		if err != nil {
			return 0, err
		}
		if worked {
			n++
		}
	}
	return n, nil
}

func (b *book) working(t time.Time) (bool, error) {
	year, known := b.years[t.Year()]
	if !known {
		return false, &YearError{t.Year()}
	}
	if worked, ok := year[t.Format(time.DateOnly)]; ok {
		return worked, nil
	}
	return !weekend(t), nil
}

func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }

func parse(day string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return t, fmt.Errorf("calendar: day %q is not YYYY-MM-DD", day)
	}
	return t, nil
}
