package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
)

// RuleSet says what goes together: a file stack.<day>.json of contracts/rules. What it does not name is not combined.
type RuleSet struct {
	rules.Header
	Classes  []Class   `json:"classes"`
	Pairs    []Pair    `json:"pairs"`
	Shares   []Share   `json:"shares"`
	Supports []Support `json:"supports"`
}

// Source tells where one rule comes from.
type Source struct {
	codes.Text
	Document   string `json:"document"`
	Confidence string `json:"confidence"`
}

// Class is a kind of money; an instrument is in one class at most.
type Class struct {
	Class       string   `json:"class"`
	Instruments []string `json:"instruments"`
}

// Pair lets money of two classes stand in one stack, or two layers of one class.
type Pair struct {
	Pair    string    `json:"pair"`
	Classes [2]string `json:"classes"`
	Source
}

// Share is the most that some instruments may bring together, in per cent of what is asked for.
type Share struct {
	Share       string   `json:"share"`
	Instruments []string `json:"instruments"`
	MostPercent int      `json:"most_percent"`
	Source
}

// Support is an instrument that brings no money but stands behind what does. A stack with it has something that it supports, at most
// as much as that and at least the given part of it.
type Support struct {
	Support      string   `json:"support"`
	Instruments  []string `json:"instruments"`
	Of           []string `json:"of"`
	Required     bool     `json:"required"` // whatever is named in Of needs it; else only where the demand asks for it
	LeastPercent int      `json:"least_percent"`
	Source
}

// Load reads every stack.*.json below a folder.
func Load(files fs.FS) (*rules.Sets[RuleSet], error) { return rules.Load[RuleSet](files, "stack") }

// rulesMax bounds each list of a set.
const rulesMax = 32

// Follows is of rules.Dated: it names every fault at once.
func (s *RuleSet) Follows(*RuleSet) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	known := func(at string, instruments []string) {
		if len(instruments) == 0 {
			fault("%s names no instrument", at)
		}
		for _, i := range instruments {
			if _, ok := codes.Instrument(i); !ok {
				fault("%s: there is no instrument %q", at, i)
			}
		}
	}
	sourced := func(at string, r *Source) {
		if r.Zh == "" || r.En == "" || r.Document == "" || !rules.Confidence(r.Confidence) {
			fault("%s: zh, en, document and confidence are required", at)
		}
	}
	percent := func(at string, n int) {
		if n < 1 || n > 100 {
			fault("%s: %d is no percentage from 1 to 100", at, n)
		}
	}
	if max(len(s.Classes), len(s.Pairs), len(s.Shares), len(s.Supports)) > rulesMax || len(s.Classes) == 0 {
		fault("1 to %d classes, at most as many of each other list", rulesMax)
	}
	roles := make(map[string]string)
	role := func(name string, instruments []string) {
		known(name, instruments)
		for _, i := range instruments {
			if roles[i] != "" {
				fault("%s: %s is in %s already", name, i, roles[i])
			}
			roles[i] = name
		}
	}
	classes := make(map[string]bool)
	for _, c := range s.Classes {
		if c.Class == "" || classes[c.Class] {
			fault("class %q is empty or there twice", c.Class)
		}
		classes[c.Class] = true
		role("class "+c.Class, c.Instruments)
	}
	var groups [][]string
	for i := range s.Supports {
		u := &s.Supports[i]
		role("support "+u.Support, u.Instruments)
		known("support "+u.Support, u.Of)
		percent("support "+u.Support, u.LeastPercent)
		sourced("support "+u.Support, &u.Source)
		groups = append(groups, u.Of)
	}
	for i := range s.Supports {
		for _, of := range s.Supports[i].Of {
			if s.class(of) == nil {
				fault("support %s: %s is in no class", s.Supports[i].Support, of)
			}
			if slices.ContainsFunc(s.Supports[:i], func(u Support) bool { return slices.Contains(u.Of, of) }) {
				fault("support %s: another stands behind %s", s.Supports[i].Support, of)
			}
		}
	}
	for i := range s.Shares {
		h := &s.Shares[i]
		known("share "+h.Share, h.Instruments)
		percent("share "+h.Share, h.MostPercent)
		sourced("share "+h.Share, &h.Source)
		groups = append(groups, h.Instruments)
	}
	for i := range s.Pairs {
		p := &s.Pairs[i]
		sourced("pair "+p.Pair, &p.Source)
		for _, c := range p.Classes {
			if !classes[c] {
				fault("pair %s: there is no class %q", p.Pair, c)
			}
		}
	}
	// The amounts are found by a greedy, which is exact as long as no two groups cross.
	for i, a := range groups {
		for _, b := range groups[:i] {
			common := 0
			for _, instrument := range a {
				if slices.Contains(b, instrument) {
					common++
				}
			}
			if common != 0 && common != len(a) && common != len(b) {
				fault("the groups %v and %v cross: one must hold the other, or they must have nothing in common", a, b)
			}
		}
	}
	return errors.Join(faults...)
}

// class of an instrument that brings money; nil when it is in none.
func (s *RuleSet) class(instrument string) *Class {
	for i := range s.Classes {
		if slices.Contains(s.Classes[i].Instruments, instrument) {
			return &s.Classes[i]
		}
	}
	return nil
}

// support of an instrument that stands behind others; -1 when it is none.
func (s *RuleSet) support(instrument string) int {
	return slices.IndexFunc(s.Supports, func(u Support) bool { return slices.Contains(u.Instruments, instrument) })
}

// PairOf is the rule by which two instruments may stand in one stack as money.
func (s *RuleSet) PairOf(a, b string) (*Pair, bool) {
	x, y := s.class(a), s.class(b)
	if x == nil || y == nil {
		return nil, false
	}
	for i := range s.Pairs {
		p := &s.Pairs[i]
		if p.Classes == [2]string{x.Class, y.Class} || p.Classes == [2]string{y.Class, x.Class} {
			return p, true
		}
	}
	return nil, false
}

// SupportOf is the rule by which an instrument stands behind others.
func (s *RuleSet) SupportOf(instrument string) (*Support, bool) {
	if i := s.support(instrument); i >= 0 {
		return &s.Supports[i], true
	}
	return nil, false
}

// Wanted are the instruments that candidates may have for a demand: the ones it asks for that bring money, and what supports them.
func (s *RuleSet) Wanted(asked []string) (money, supports []string) {
	for _, i := range asked {
		if s.class(i) != nil && !slices.Contains(money, i) {
			money = append(money, i)
		}
	}
	for k := range s.Supports {
		u := &s.Supports[k]
		if u.requiredFor(asked) && slices.ContainsFunc(u.Of, func(of string) bool { return slices.Contains(money, of) }) {
			supports = append(supports, u.Instruments...)
		}
	}
	return money, supports
}

// requiredFor tells whether what a support stands behind needs it in a stack for a demand.
func (u *Support) requiredFor(asked []string) bool {
	return u.Required || slices.ContainsFunc(u.Instruments, func(i string) bool { return slices.Contains(asked, i) })
}
