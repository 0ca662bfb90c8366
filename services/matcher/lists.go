package matcher

import (
	"strings"
	"sync"

	"github.com/jieli-bus/jieli/contracts/codes"
)

// lexicon gives each code of a list one bit of a word.
type lexicon map[string]uint64

// lists are the short code lists as bits. Each has far fewer than 64 codes; a test fails when one outgrows its word.
type lists struct {
	stages, titles, focus, securities, uses lexicon
	legs                                    map[codes.Leg]leg
}

// leg is a leg of the relay as a small number; 0 is beside it.
type leg uint8

// legsMax bounds the legs, so that rules are arrays and not maps: three look-ups of each pair are on the hot path.
const legsMax = 16

var bitsOf = sync.OnceValue(func() *lists {
	l := &lists{stages: lexicon{}, titles: lexicon{}, focus: lexicon{}, securities: lexicon{}, uses: lexicon{}, legs: map[codes.Leg]leg{}}
	for _, e := range codes.AllStages() {
		l.stages[e.Code] = 1 << e.Order // neighbours in life are neighbours in the word
		for _, served := range e.Legs {
			if l.legs[served] == 0 {
				l.legs[served] = leg(len(l.legs) + 1)
			}
		}
	}
	for i, e := range codes.AllTitles() {
		l.titles[e.Code] = 1 << i
	}
	for i, e := range codes.AllFocusAreas() {
		l.focus[e.Code] = 1 << i
	}
	for i, e := range codes.AllSecurities() {
		l.securities[e.Code] = 1 << i
	}
	for i, e := range codes.AllUses() {
		l.uses[e.Code] = 1 << i
	}
	return l
})

// set is the word of some codes. A code outside its list has no bit: nothing can meet it; missed says that there was one.
func (l lexicon) set(values ...string) (word uint64, missed bool) {
	for _, v := range values {
		bit := l[v]
		word |= bit
		missed = missed || bit == 0
	}
	return word, missed
}

// focusSet is the word of focus areas together with the areas that they are fields of: an enterprise in new materials is in the
// strategic emerging industries.
func focusSet(values ...[]string) uint64 {
	var word uint64
	for _, list := range values {
		for _, v := range list {
			for e, ok := codes.FocusArea(v); ok; e, ok = codes.FocusArea(e.Parent) {
				word |= bitsOf().focus[e.Code]
			}
		}
	}
	return word
}

// node is one node of the region or the industry tree; 0 is none. Equal nodes of one tree are equal places.
type node uint32

// regionPath is province, prefecture, county; 0 where there is none.
type regionPath [3]node

// pathOfRegion places a code. One that is revoked and in no list is placed by its digits (an old code keeps its old region).
func pathOfRegion(code string) (p regionPath, resolved string) {
	e, ok := codes.RegionNearest(code)
	if !ok {
		return p, ""
	}
	for _, c := range codes.RegionPath(e.Code) {
		switch r, _ := codes.Region(c); r.Level {
		case codes.Province:
			p[0] = regionNode(c)
		case codes.Prefecture:
			// Counties governed by a province directly share a row that is no place.
			if c == e.Code || !strings.HasSuffix(r.Name, "直辖县级行政区划") {
				p[1] = regionNode(c)
			}
		case codes.County:
			p[2] = regionNode(c)
		}
	}
	return p, e.Code
}

// outside is the node of every place that the list of regions does not have (境外).
var outside = node(digits(codes.Outside))

// regionNode is the code as a number; 0 for an unknown one.
func regionNode(code string) node {
	if _, ok := codes.Region(code); !ok {
		return 0
	}
	return node(digits(code))
}

// industryPath is section, division, group, class; 0 below the code's own level.
type industryPath [4]node

// industryLengths are the lengths of a code's prefixes at the four levels: I, I65, I651, I6513.
var industryLengths = [4]int{1, 3, 4, 5}

func pathOfIndustry(code string) (p industryPath) {
	if !codes.IndustryValid(code) {
		return p
	}
	for level, n := range industryLengths {
		if len(code) < n {
			break
		}
		p[level] = node(level+1)<<24 | node(code[0])<<16 | node(digits(code[1:n]))
	}
	return p
}

// depth is the number of levels of a path.
func (p industryPath) depth() int {
	for level, n := range p {
		if n == 0 {
			return level
		}
	}
	return len(p)
}

func digits(s string) uint32 {
	var n uint32
	for i := range len(s) {
		n = n*10 + uint32(s[i]-'0')
	}
	return n
}

// onPath finds the first of some nodes that lies on a path; -1 when none does.
func onPath(path, nodes []node) int {
	for i, n := range nodes {
		if n == 0 {
			continue
		}
		for _, p := range path {
			if p == n {
				return i
			}
		}
	}
	return -1
}
