package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The package that holds the State Council's notices day by day.
const (
	calendarPackage = "chinese-days"
	calendarVersion = "1.5.7"
)

// calendarFirst is the first year that is kept: nothing of the bus is older.
const calendarFirst = 2022

// readCalendar returns a file for each year: the weekdays that are off and the weekends that are worked, with the festival. Weekends of a
// holiday are no exception and left out.
func readCalendar(packages string) ([]file, error) {
	dir, err := requirePackage(packages, calendarPackage, calendarVersion)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "dist", "chinese-days.json"))
	if err != nil {
		return nil, err
	}
	var days struct { // day -> "English name,Chinese name,length"
		Holidays map[string]string `json:"holidays"`
		Workdays map[string]string `json:"workdays"`
	}
	if err := json.Unmarshal(raw, &days); err != nil {
		return nil, err
	}
	rows := make(map[int][][]string)
	add := func(list map[string]string, kind string, weekends bool) error {
		for day, names := range list {
			t, err := time.Parse(time.DateOnly, day)
			parts := strings.Split(names, ",")
			if err != nil || len(parts) != 3 {
				return fmt.Errorf("%s: %q", day, names)
			}
			weekend := t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
			if t.Year() >= calendarFirst && weekend == weekends {
				rows[t.Year()] = append(rows[t.Year()], []string{day, kind, parts[1]})
			}
		}
		return nil
	}
	if err := add(days.Holidays, "off", false); err != nil {
		return nil, err
	}
	if err := add(days.Workdays, "work", true); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: no days", calendarPackage)
	}
	var list []file
	for year, days := range rows {
		slices.SortFunc(days, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
		content, err := encodeCSV([]string{"day", "kind", "name"}, days)
		if err != nil {
			return nil, err
		}
		list = append(list, file{filepath.Join("..", "calendar", strconv.Itoa(year)+".csv"), content})
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return list, nil
}
