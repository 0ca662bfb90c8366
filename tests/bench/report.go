package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// table is one table of a part's section, with notes under it.
type table struct {
	head  []string
	rows  [][]string
	notes []string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// section is a part's place in the report.
type section struct {
	name, title string
	command     string
	machine     machine
	at          time.Time
	tables      []table
}

const preamble = "# Benchmarks\n\n" +
	"Written by `make bench` (tests/bench). Every table compares figures of one run, on one disk: hold the ratios against each other,\n" +
	"not the absolute numbers. Clients and system share the machine's cores. Medians over rounds, in which baseline and system take turns.\n"

func begin(name string) string { return "<!-- " + name + ": begin -->\n" }
func end(name string) string   { return "<!-- " + name + ": end -->\n" }

func (s section) markdown() string {
	var w strings.Builder
	fmt.Fprintf(&w, "## %s\n\n`%s`, %s. %s\n", s.title, s.command, s.at.Format(time.DateOnly), s.machine)
	for _, t := range s.tables {
		w.WriteString("\n| " + strings.Join(t.head, " | ") + " |\n|" + strings.Repeat("---|", len(t.head)) + "\n")
		for _, row := range t.rows {
			w.WriteString("| " + strings.Join(row, " | ") + " |\n")
		}
		for i, n := range t.notes {
			if i == 0 {
				w.WriteString("\n")
			}
			w.WriteString("- " + n + "\n")
		}
	}
	return w.String()
}

// merge puts sections into a report: each replaces the one of its name, new ones come last.
func merge(report string, sections []section) string {
	if report == "" {
		report = preamble
	}
	for _, s := range sections {
		text := begin(s.name) + s.markdown() + end(s.name)
		before, rest, had := strings.Cut(report, begin(s.name))
		_, after, closed := strings.Cut(rest, end(s.name))
		if had && closed {
			report = before + text + after
		} else {
			report = strings.TrimRight(report, "\n") + "\n\n" + text
		}
	}
	return report
}

func writeSections(path string, sections []section) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(merge(string(old), sections)), 0o644)
}

// number groups digits by three: 147,625; small ones keep decimals.
func number(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.3g", v)
	}
	digits := fmt.Sprintf("%.0f", v)
	var w strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			w.WriteByte(',')
		}
		w.WriteRune(c)
	}
	return w.String()
}

// millis prints a duration in milliseconds, with as many decimals as say something.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.0f us", float64(d)/float64(time.Microsecond))
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

func times(ratio float64) string { return fmt.Sprintf("%.2f x", ratio) }

// atLeast says what a target is and whether it is met. It judges nothing else: the run succeeds either way.
func atLeast(ratio, target float64) string {
	return fmt.Sprintf(">= %g x: %s", target, met(ratio >= target))
}

func atMost(d, target time.Duration) string {
	return fmt.Sprintf("<= %s: %s", target, met(d <= target))
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "**not met**"
}
