package edge

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// matcher is a pattern of a schema: whether UTF-8 text matches.
type matcher interface{ Match(text []byte) bool }

// compilePattern takes the expression as the schema has it. Expressions that fix both ends of the text, as ours do, become a
// machine, which takes a tenth to a quarter of the time; the others stay what they are.
func compilePattern(expr string) (matcher, error) {
	slow, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if m, err := compileMachine(expr); err == nil {
		return m, nil
	}
	return slow, nil
}

// machine is a regular expression as a table (a deterministic automaton): one step a character, whatever the expression.
// Package regexp keeps to automata that need no table, because it cannot know how large one becomes; for the expressions of our
// schemas it is a few kilobytes.
type machine struct {
	ascii  [utf8.RuneSelf]uint8 // class of a character
	beyond []rune               // where the classes of the other characters begin; their numbers go up to width-1
	width  int                  // number of classes
	shift  uint                 // next has 1<<shift places for each state
	next   []uint8              // state<<shift | class: the state after it
	final  []bool               // by state: the text may end here
}

// Bounds of a machine. The largest of ours, the names of event types, takes 19 classes and 74 states.
const (
	statesMax  = 256
	classesMax = 64
)

// The first two states.
const (
	dead  = 0 // nothing that follows can make the text match
	start = 1
)

func (m *machine) Match(text []byte) bool {
	state := uint8(start)
	for i := 0; i < len(text); {
		var class uint8
		if c := text[i]; c < utf8.RuneSelf {
			class = m.ascii[c]
			i++
		} else {
			r, n := utf8.DecodeRune(text[i:])
			class = m.class(r)
			i += n
		}
		if state = m.next[uint(state)<<m.shift|uint(class)]; state == dead {
			return false
		}
	}
	return m.final[state]
}

// class looks from the end, since Chinese is beyond most bounds that schemas name.
func (m *machine) class(r rune) uint8 {
	class := m.width - 1
	for i := len(m.beyond) - 1; m.beyond[i] > r; i-- {
		class--
	}
	return uint8(class)
}

// builder makes the states of a machine: each is the set of the program's instructions that may come next.
type builder struct {
	m      *machine
	prog   *syntax.Prog
	sets   [][]uint32 // by state, sorted
	states map[string]uint8
}

// compileMachine fails where the expression is beyond a machine: it does not fix both ends, knows words or lines, folds case or
// takes too large a table.
func compileMachine(expr string) (*machine, error) {
	parsed, err := syntax.Parse(expr, syntax.Perl) // as regexp.Compile does
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	if prog.StartCond()&syntax.EmptyBeginText == 0 {
		return nil, fmt.Errorf("%s does not fix the beginning", expr)
	}
	firsts, err := classes(prog)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	m := newMachine(firsts)
	b := builder{m: m, prog: prog, sets: make([][]uint32, start), states: map[string]uint8{"": dead}}
	b.sets = append(b.sets, b.reach([]uint32{uint32(prog.Start)}, syntax.EmptyBeginText))
	m.next, m.final = make([]uint8, 1<<m.shift), make([]bool, 1)
	for state := start; state < len(b.sets); state++ {
		if err := b.expand(state, firsts); err != nil {
			return nil, fmt.Errorf("%s: %w", expr, err)
		}
	}
	return m, nil
}

// classes cuts the characters into runs that the program does not tell apart inside, and returns the first of each.
func classes(prog *syntax.Prog) ([]rune, error) {
	firsts := []rune{0, utf8.RuneSelf}
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		switch inst.Op {
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
				return nil, errors.New("it knows words or lines")
			}
		case syntax.InstRune, syntax.InstRune1:
			if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
				return nil, errors.New("it folds case")
			}
			if len(inst.Rune) == 1 {
				firsts = append(firsts, inst.Rune[0], inst.Rune[0]+1)
				continue
			}
			for j := 0; j < len(inst.Rune); j += 2 {
				firsts = append(firsts, inst.Rune[j], inst.Rune[j+1]+1)
			}
		case syntax.InstRuneAnyNotNL:
			firsts = append(firsts, '\n', '\n'+1)
		}
	}
	slices.Sort(firsts)
	firsts = slices.Compact(firsts)
	if last := len(firsts) - 1; firsts[last] > utf8.MaxRune {
		firsts = firsts[:last]
	}
	if len(firsts) > classesMax {
		return nil, fmt.Errorf("%d classes of characters", len(firsts))
	}
	return firsts, nil
}

func newMachine(firsts []rune) *machine {
	m := &machine{width: len(firsts)}
	for 1<<m.shift < m.width {
		m.shift++
	}
	for class, first := range firsts {
		if first >= utf8.RuneSelf {
			m.beyond = append(m.beyond, first)
			continue
		}
		for c := int(first); c < utf8.RuneSelf; c++ {
			m.ascii[c] = uint8(class)
		}
	}
	return m
}

// expand adds the row of a state, and the states it leads to.
func (b *builder) expand(state int, firsts []rune) error {
	at := syntax.EmptyOp(0)
	if state == start {
		at = syntax.EmptyBeginText
	}
	if b.matched(b.sets[state]) {
		return errors.New("it does not fix the end")
	}
	b.m.final = append(b.m.final, b.matched(b.reach(b.sets[state], at|syntax.EmptyEndText)))
	row := make([]uint8, 1<<b.m.shift)
	for class, first := range firsts {
		var after []uint32
		for _, pc := range b.sets[state] {
			if inst := &b.prog.Inst[pc]; takes(inst, first) {
				after = append(after, inst.Out)
			}
		}
		next, err := b.state(b.reach(after, 0))
		if err != nil {
			return err
		}
		row[class] = next
	}
	b.m.next = append(b.m.next, row...)
	return nil
}

func takes(inst *syntax.Inst, r rune) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return inst.MatchRune(r)
	}
	return false
}

func (b *builder) matched(set []uint32) bool {
	return slices.ContainsFunc(set, func(pc uint32) bool { return b.prog.Inst[pc].Op == syntax.InstMatch })
}

// reach is the set of instructions that wait for a character, the end or nothing more, from some others and at a place in the text.
func (b *builder) reach(from []uint32, at syntax.EmptyOp) []uint32 {
	seen := make(map[uint32]bool)
	var set []uint32
	for todo := slices.Clone(from); len(todo) > 0; {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch inst := &b.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, inst.Out)
		case syntax.InstEmptyWidth:
			switch need := syntax.EmptyOp(inst.Arg); {
			case need&^at == 0:
				todo = append(todo, inst.Out)
			case need&^at == syntax.EmptyEndText:
				set = append(set, pc)
			}
		case syntax.InstFail:
		default:
			set = append(set, pc)
		}
	}
	slices.Sort(set)
	return set
}

// state is the number of a set. The start has a number of its own even where its set comes again: only there the text begins.
func (b *builder) state(set []uint32) (uint8, error) {
	key := fmt.Sprint(set)
	if len(set) == 0 {
		key = ""
	}
	if n, ok := b.states[key]; ok {
		return n, nil
	}
	if len(b.sets) == statesMax {
		return 0, fmt.Errorf("more than %d states", statesMax)
	}
	n := uint8(len(b.sets))
	b.states[key] = n
	b.sets = append(b.sets, set)
	return n, nil
}
