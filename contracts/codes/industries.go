package codes

import (
	"strings"
	"sync"
)

// IndustryLevel is the level of an industry in the hierarchy of GB/T 4754.
type IndustryLevel string

const (
	Section  IndustryLevel = "section"  // 门类, a letter: I
	Division IndustryLevel = "division" // 大类, letter and two digits: I65
	Group    IndustryLevel = "group"    // 中类, letter and three digits: I651
	Class    IndustryLevel = "class"    // 小类, letter and four digits: I6513
)

// IndustryEntry is an industry (国民经济行业) in the canonical form: the
// section's letter and the digits, although the standard prints the digits of a
// division without their letter.
type IndustryEntry struct {
	Code   string
	Level  IndustryLevel
	Name   string // Chinese name of the standard
	Parent string // empty for a section
}

func (e IndustryEntry) key() string { return e.Code }

var industries = sync.OnceValue(func() *table[IndustryEntry] {
	entries := make([]IndustryEntry, 0, 117)
	for row := range csvRows("industries.csv", 4) {
		entries = append(entries, IndustryEntry{Code: row[0], Level: IndustryLevel(row[1]), Name: row[2], Parent: row[3]})
	}
	return newTable(standardEditions()["industries"], entries)
})

// AllIndustries returns the 20 sections and 97 divisions, each section followed
// by its divisions.
func AllIndustries() []IndustryEntry { return industries().all() }

// IndustryValid tells whether code is a section or division of the standard, or
// has the structure of a group or class: three or four digits of which the
// first two are a division of that section. Whether the standard has that very
// group or class is known only to a loaded list, see LoadIndustries.
func IndustryValid(code string) bool {
	switch len(code) {
	case 1, 3:
		_, ok := industries().index[code]
		return ok
	case 4, 5:
		for i := 3; i < len(code); i++ {
			if code[i] < '0' || code[i] > '9' {
				return false
			}
		}
		_, ok := industries().index[code[:3]]
		return ok
	}
	return false
}

// IndustryWithin tells whether code is ancestor or lies in it. Invalid codes lie
// nowhere and hold nothing.
func IndustryWithin(code, ancestor string) bool {
	return strings.HasPrefix(code, ancestor) && IndustryValid(ancestor) && IndustryValid(code)
}

// IndustryParent returns the next code up, or "" for a section or an invalid
// code.
func IndustryParent(code string) string {
	switch {
	case !IndustryValid(code) || len(code) == 1:
		return ""
	case len(code) == 3:
		return code[:1]
	}
	return code[:len(code)-1]
}

// IndustryName returns the name of a section or division, and "" for every other
// code: groups and classes are named by IndustryNames.
func IndustryName(code string) string {
	e, _ := industries().lookup(code)
	return e.Name
}
