package rules

import (
	"strings"
	"testing"
)

// TestLibrary: sets grow when files are learnt, a judged file changes nothing, and a bad one is refused with what is known kept.
func TestLibrary(t *testing.T) {
	l := NewLibrary()
	taxes := Shelve[tax](l, "tax")
	other := Shelve[tax](l, "taxi")
	if got := strings.Join(l.Missing(), " "); got != "tax taxi" {
		t.Errorf("missing %q", got)
	}
	if _, ok := taxes.At("2026-01-01"); ok || taxes.First() != nil || taxes.Last() != nil || len(taxes.After("x")) != 0 {
		t.Error("a new shelf has sets")
	}
	first := File{ID: "tax.2020-01-01", Content: []byte(file("2020-01-01", "null", "5")), Until: "2022-12-31"}
	second := File{ID: "tax.2023-01-01", Content: []byte(file("2023-01-01", "null", "7"))}
	if known, err := l.Judge("tax", []File{first, second}); !known || err != nil {
		t.Error(known, err)
	}
	if len(l.Missing()) != 2 {
		t.Error("judging has taken the files")
	}
	if err := l.Learn("tax", []File{first}); err != nil {
		t.Fatal(err)
	}
	before := taxes.Last()
	if err := l.Learn("tax", []File{first, second}); err != nil {
		t.Fatal(err)
	}
	if before.Rate != 5 || taxes.Last().Rate != 7 || taxes.First().EffectiveTo != "2022-12-31" || taxes.First().Hash == taxes.Last().Hash {
		t.Errorf("%+v %+v", before, taxes.Last())
	}
	if set, ok := taxes.At("2022-12-31"); !ok || set.Rate != 5 {
		t.Errorf("%+v %v", set, ok)
	}
	for name, files := range map[string][]File{
		"overlap": {{ID: first.ID, Content: first.Content}, second}, "not JSON": {{ID: "x", Content: []byte("{")}}, "none": {},
		"its own check": {{ID: "tax.2020-01-01", Content: []byte(file("2020-01-01", "null", "-1"))}},
	} {
		if known, err := l.Judge("tax", files); !known || err == nil {
			t.Errorf("%s: judged as right", name)
		}
		if err := l.Learn("tax", files); err == nil || taxes.Last().Rate != 7 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if known, _ := l.Judge("moon", nil); known || l.Learn("moon", nil) != nil {
		t.Error("a subject that was never added is known, or its files are a fault")
	}
	if got := strings.Join(l.Missing(), " "); got != "taxi" || other.Last() != nil {
		t.Errorf("missing %q", got)
	}
}
