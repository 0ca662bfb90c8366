package codes

import (
	"slices"
	"strings"
	"sync"
)

// RegionLevel is the level of a region in the hierarchy of GB/T 2260.
type RegionLevel string

const (
	Province   RegionLevel = "province"   // 省级
	Prefecture RegionLevel = "prefecture" // 地级
	County     RegionLevel = "county"     // 县级
)

// RegionEntry is an administrative division (行政区划).
type RegionEntry struct {
	Code   string // six digits
	Level  RegionLevel
	Name   string // Chinese name, without its parents'
	Parent string // code of the parent; empty for a province
	// Revoked says that the newest edition no longer has the code. It still
	// resolves, because codes issued before keep their old region.
	Revoked bool
}

func (e RegionEntry) key() string { return e.Code }

// Outside is the product's own code for every place outside the list of GB/T 2260 (境外). It stands at the level of a province.
const Outside = "900000"

var regions = sync.OnceValue(func() *table[RegionEntry] {
	edition := standardEditions()["regions"]
	entries := make([]RegionEntry, 0, 3400)
	for row := range csvRows("regions.csv", 4) {
		entries = append(entries, RegionEntry{Code: row[0], Level: RegionLevel(row[1]), Name: row[2], Parent: row[3]})
	}
	entries = append(entries, RegionEntry{Code: Outside, Level: Province, Name: "境外"})
	t := newTable(edition, entries)
	for _, code := range edition.Revoked {
		t.entries[t.index[code]].Revoked = true
	}
	return t
})

// Region returns the region of a six-digit code of GB/T 2260.
//
// The districts of a central municipality (直辖市) have the row 市辖区 as their
// parent (110108 -> 110100 -> 110000), counties governed by a province directly
// the row 省直辖县级行政区划 (429004 -> 429000 -> 420000), and the districts of
// Hong Kong and Macao the province itself (810001 -> 810000).
func Region(code string) (RegionEntry, bool) { return regions().lookup(code) }

// AllRegions returns every region: provinces, prefectures, counties, each in
// the order of their codes.
func AllRegions() []RegionEntry { return regions().all() }

// RegionPath returns the code and its ancestors, the province last, or nil for
// an unknown code. The prefecture is missing where there is none.
func RegionPath(code string) []string {
	t := regions()
	var path []string
	for e, ok := t.lookup(code); ok; e, ok = t.lookup(e.Parent) {
		path = append(path, e.Code)
	}
	return path
}

// RegionWithin tells whether code is ancestor or lies in it. Unknown codes lie
// nowhere and hold nothing.
func RegionWithin(code, ancestor string) bool {
	t := regions()
	if _, known := t.index[ancestor]; !known {
		return false
	}
	for i, ok := t.index[code]; ok; i, ok = t.index[t.entries[i].Parent] {
		if t.entries[i].Code == ancestor {
			return true
		}
	}
	return false
}

// RegionNearest returns the region of code or, for a code that no edition here
// has (one revoked before 2021, such as 310103), the nearest ancestor that its
// digits name. It is false where not even the province is known, as for 100000,
// under which the national registration authority issues social credit codes.
func RegionNearest(code string) (RegionEntry, bool) {
	if len(code) != 6 || strings.Trim(code, "0123456789") != "" {
		return RegionEntry{}, false
	}
	for _, c := range []string{code, code[:4] + "00", code[:2] + "0000"} {
		if e, ok := Region(c); ok {
			return e, true
		}
	}
	return RegionEntry{}, false
}

// RegionName returns the names on the path from the province down, joined by
// sep, without the rows that only group (市辖区, 县, 省直辖县级行政区划 and the
// like): "北京市 海淀区". It is empty for an unknown code.
func RegionName(code, sep string) string {
	path := RegionPath(code)
	slices.Reverse(path)
	var names []string
	for _, c := range path {
		e, _ := Region(c)
		if c != code && e.grouping() {
			continue
		}
		names = append(names, e.Name)
	}
	return strings.Join(names, sep)
}

// grouping tells whether a prefecture's row is no place of its own.
func (e RegionEntry) grouping() bool {
	return e.Level == Prefecture && (e.Name == "市辖区" || e.Name == "县" || strings.HasSuffix(e.Name, "直辖县级行政区划"))
}
