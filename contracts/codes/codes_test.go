package codes

import (
	"slices"
	"testing"
	"time"
)

func TestEditionsNameEveryList(t *testing.T) {
	var lists []string
	for _, e := range Editions() {
		lists = append(lists, e.List)
		if e.Source == "" || e.Edition == "" {
			t.Errorf("%s: source %q, edition %q", e.List, e.Source, e.Edition)
		}
		if e.Retrieved != "" {
			if _, err := time.Parse(time.DateOnly, e.Retrieved); err != nil {
				t.Errorf("%s: %v", e.List, err)
			}
		}
	}
	want := []string{
		"currencies", "focus_areas", "industries", "instruments", "licences", "party_kinds",
		"policy_tools", "regions", "return_reasons", "securities", "stages", "titles", "uses",
	}
	if !slices.Equal(lists, want) {
		t.Errorf("lists %q, want %q", lists, want)
	}
}

func TestRegionsFormATree(t *testing.T) {
	levels := map[RegionLevel]int{}
	for _, e := range AllRegions() {
		levels[e.Level]++
		if e.Name == "" {
			t.Errorf("%s has no name", e.Code)
		}
		parent, ok := Region(e.Parent)
		switch {
		case e.Level == Province:
			ok = e.Parent == "" && e.Code[2:] == "0000"
		case e.Level == Prefecture:
			ok = ok && parent.Level == Province && e.Code[:2] == parent.Code[:2] && e.Code[4:] == "00"
		case parent.Level == Prefecture:
			ok = ok && e.Level == County && e.Code[:4] == parent.Code[:4]
		default:
			// Only Hong Kong and Macao have no prefecture.
			ok = ok && e.Level == County && parent.Level == Province && e.Code[0] == '8'
		}
		if !ok {
			t.Errorf("%+v does not fit below %+v", e, parent)
		}
	}
	if levels[Province] != 35 || levels[Prefecture] != 342 || levels[County] < 2880 || levels[County] > 2900 {
		t.Errorf("levels %v", levels)
	}
}

func TestRegion(t *testing.T) {
	for _, c := range []struct {
		code, name string
		path       []string
		display    string
		revoked    bool
	}{
		{"110000", "北京市", []string{"110000"}, "北京市", false},
		{"110108", "海淀区", []string{"110108", "110100", "110000"}, "北京市 海淀区", false},
		{"330113", "临平区", []string{"330113", "330100", "330000"}, "浙江省 杭州市 临平区", false},
		{"330103", "下城区", []string{"330103", "330100", "330000"}, "浙江省 杭州市 下城区", true},
		{"429004", "仙桃市", []string{"429004", "429000", "420000"}, "湖北省 仙桃市", false},
		{"441900", "东莞市", []string{"441900", "440000"}, "广东省 东莞市", false},
		{"500233", "忠县", []string{"500233", "500200", "500000"}, "重庆市 忠县", false},
		{"810001", "中西区", []string{"810001", "810000"}, "香港特别行政区 中西区", false},
		{"820008", "圣方济各堂区", []string{"820008", "820000"}, "澳门特别行政区 圣方济各堂区", false},
		{"710000", "台湾省", []string{"710000"}, "台湾省", false},
	} {
		e, ok := Region(c.code)
		if !ok || e.Name != c.name || e.Revoked != c.revoked {
			t.Errorf("Region(%s) = %+v, %v", c.code, e, ok)
		}
		if got := RegionPath(c.code); !slices.Equal(got, c.path) {
			t.Errorf("RegionPath(%s) = %v, want %v", c.code, got, c.path)
		}
		if got := RegionName(c.code, " "); got != c.display {
			t.Errorf("RegionName(%s) = %q, want %q", c.code, got, c.display)
		}
		for _, ancestor := range c.path {
			if !RegionWithin(c.code, ancestor) {
				t.Errorf("%s is not within %s", c.code, ancestor)
			}
		}
	}
	// Development zones of the statistical list are not of the standard.
	for _, code := range []string{"", "0", "11", "999999", "130171", "232761", "620201", "110000 ", "１１００００"} {
		if e, ok := Region(code); ok {
			t.Errorf("Region(%q) = %+v", code, e)
		}
		if p := RegionPath(code); p != nil {
			t.Errorf("RegionPath(%q) = %v", code, p)
		}
		if RegionWithin(code, code) || RegionWithin("110108", code) || RegionName(code, " ") != "" {
			t.Errorf("%q holds or lies in something", code)
		}
	}
	if RegionWithin("110000", "110108") || RegionWithin("330113", "110000") {
		t.Error("a region lies within its part or a stranger")
	}
}

func TestRegionNearest(t *testing.T) {
	for code, want := range map[string]string{
		"330113": "330113", // known
		"330103": "330103", // revoked, kept
		"310103": "310100", // 卢湾区, revoked in 2011: no list here has it
		"119900": "110000",
		"100000": "", "000000": "", "11010": "", "11010x": "", "": "",
	} {
		if e, ok := RegionNearest(code); e.Code != want || ok != (want != "") {
			t.Errorf("RegionNearest(%q) = %q, %v, want %q", code, e.Code, ok, want)
		}
	}
}

func TestIndustries(t *testing.T) {
	counts := map[IndustryLevel]int{}
	for _, e := range AllIndustries() {
		counts[e.Level]++
		if e.Name == "" || IndustryName(e.Code) != e.Name || IndustryParent(e.Code) != e.Parent || !IndustryValid(e.Code) {
			t.Errorf("%+v", e)
		}
		if e.Level == Division && (e.Parent != e.Code[:1] || len(e.Code) != 3) {
			t.Errorf("%+v", e)
		}
	}
	if counts[Section] != 20 || counts[Division] != 97 || len(counts) != 2 {
		t.Errorf("counts %v", counts)
	}
	for _, code := range []string{"I", "I65", "I651", "I6513", "T9700", "A0111"} {
		if !IndustryValid(code) {
			t.Errorf("%s is refused", code)
		}
	}
	// The letter must be the division's own section; U is no section.
	for _, code := range []string{"", "U", "i", "6", "65", "6513", "I6", "C65", "C651", "I651x", "I65134", "i65", "I 65", "A98", "门"} {
		if IndustryValid(code) || IndustryWithin(code, code) || IndustryParent(code) != "" {
			t.Errorf("%q is accepted", code)
		}
	}
	for code, ancestors := range map[string][]string{
		"I6513": {"I6513", "I651", "I65", "I"}, "C39": {"C39", "C"},
	} {
		for _, a := range ancestors {
			if !IndustryWithin(code, a) {
				t.Errorf("%s is not within %s", code, a)
			}
		}
	}
	for _, pair := range [][2]string{{"I", "I65"}, {"I6513", "I64"}, {"I6513", ""}, {"I6513", "I6"}, {"C39", "I"}} {
		if IndustryWithin(pair[0], pair[1]) {
			t.Errorf("%s is within %q", pair[0], pair[1])
		}
	}
}

func TestCurrencies(t *testing.T) {
	for code, units := range map[string]int{"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3, "CLF": 4, "XAU": -1, "XXX": -1} {
		if e, ok := Currency(code); !ok || e.MinorUnits != units || e.Name == "" {
			t.Errorf("Currency(%s) = %+v, %v, want %d minor units", code, e, ok, units)
		}
	}
	for _, code := range []string{"", "cny", "RMB", "CNH", "CNY "} {
		if e, ok := Currency(code); ok {
			t.Errorf("Currency(%q) = %+v", code, e)
		}
	}
	for _, e := range AllCurrencies() {
		if len(e.Code) != 3 || e.MinorUnits < -1 || e.MinorUnits > 4 {
			t.Errorf("%+v", e)
		}
	}
	if n := len(AllCurrencies()); n < 170 {
		t.Errorf("%d currencies", n)
	}
}

// Lookups run for every command and every match, so they may not allocate.
func TestLookupsDoNotAllocate(t *testing.T) {
	for name, f := range map[string]func() bool{
		"Region":         func() bool { _, ok := Region("110108"); return ok },
		"RegionWithin":   func() bool { return RegionWithin("110108", "110000") },
		"IndustryValid":  func() bool { return IndustryValid("I6513") },
		"IndustryWithin": func() bool { return IndustryWithin("I6513", "I65") },
		"IndustryName":   func() bool { return IndustryName("I65") != "" },
		"Currency":       func() bool { _, ok := Currency("CNY"); return ok },
		"Instrument":     func() bool { _, ok := Instrument("credit_loan"); return ok },
		"CheckUSCC":      func() bool { return CheckUSCC("91350100M000100Y43") == nil },
		"USCCRegion":     func() bool { return USCCRegion("91350100M000100Y43") != "" },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if !f() {
				t.Fatal(name, "found nothing")
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestAllReturnsACopy(t *testing.T) {
	AllRegions()[0].Name = "changed"
	AllInstruments()[0].Code = "changed"
	if AllRegions()[0].Name == "changed" || AllInstruments()[0].Code == "changed" {
		t.Error("a caller can change the list")
	}
}

// The whole product starts in under 200 ms, and the lists may take few of them.
func BenchmarkParseRegions(b *testing.B) {
	edition := standardEditions()["regions"]
	for b.Loop() {
		var entries []RegionEntry
		for row := range csvRows("regions.csv", 4) {
			entries = append(entries, RegionEntry{Code: row[0], Level: RegionLevel(row[1]), Name: row[2], Parent: row[3]})
		}
		newTable(edition, entries)
	}
}

func BenchmarkRegionWithin(b *testing.B) {
	for b.Loop() {
		RegionWithin("110108", "110000")
	}
}
