package matcher

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// ruleFile is the first rule file with some values replaced.
func ruleFile(t *testing.T, change map[string]any) *fstest.MapFile {
	t.Helper()
	data, err := fs.ReadFile(contracts.Rules(), "matching.2024-06-28.json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for path, value := range change {
		object := file
		keys := strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			object = object[key].(map[string]any)
		}
		object[keys[len(keys)-1]] = value
	}
	data, err = json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: data}
}

func TestRulesOfTheDay(t *testing.T) {
	second := map[string]any{"id": "matching.2027-01-01", "effective_from": "2027-01-01", "weights.region": 99}
	rules, err := LoadRules(fstest.MapFS{
		"rules/matching.2024-06-28.json": ruleFile(t, map[string]any{"effective_to": "2026-12-31"}),
		"rules/matching.2027-01-01.json": ruleFile(t, second),
		"rules/other.2027-01-01.json":    {Data: []byte("not about matching")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{
		"2016-01-01": "matching.2024-06-28", "2024-06-28": "matching.2024-06-28", "2026-12-31": "matching.2024-06-28",
		"2027-01-01": "matching.2027-01-01", "2099-01-01": "matching.2027-01-01",
	} {
		if got := rules.At(events.Date(day)); got.ID != want || len(got.Hash) != 64 {
			t.Errorf("%s: %s with hash %q, want %s", day, got.ID, got.Hash, want)
		}
	}
	if rules.At("2027-01-01").Hash == rules.At("2026-12-31").Hash {
		t.Error("two files have one hash")
	}
}

func TestRulesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]any
		want   string
	}{
		"weight below 0":       {map[string]any{"weights.region": -1}, "weights.region is -1"},
		"weight above 1000":    {map[string]any{"weights.hard_tech": 1001}, "weights.hard_tech is 1001"},
		"percent above 100":    {map[string]any{"parameters.neutral_percent": 101}, "neutral_percent is 101"},
		"missing level":        {map[string]any{"parameters.region_percent": map[string]int{"county": 1}}, "region_percent.national is missing"},
		"unknown level":        {map[string]any{"parameters.industry_near_percent.street": 5}, "industry_near_percent must have exactly"},
		"unknown field":        {map[string]any{"credit": 1}, "credit"},
		"unknown stage":        {map[string]any{"parameters.early_stages": []string{"infant"}}, "early_stages"},
		"unknown leg":          {map[string]any{"parameters.early_legs": []string{"moon"}}, "moon"},
		"unknown title":        {map[string]any{"parameters.hard_titles": []string{"nobel"}}, "hard_titles"},
		"no document":          {map[string]any{"document": ""}, "document"},
		"no day":               {map[string]any{"effective_from": "soon"}, "effective_from"},
		"ends before it began": {map[string]any{"effective_to": "2024-06-27"}, "effective_to"},
		"confidence":           {map[string]any{"confidence": "high"}, "confidence"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadRules(fstest.MapFS{"matching.2024-06-28.json": ruleFile(t, c.change)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
	next := ruleFile(t, map[string]any{"id": "matching.2027-01-01", "effective_from": "2027-01-01"})
	for name, files := range map[string]fstest.MapFS{
		"none":    {},
		"overlap": {"matching.2024-06-28.json": ruleFile(t, nil), "matching.2027-01-01.json": next},
		"gap":     {"matching.2024-06-28.json": ruleFile(t, map[string]any{"effective_to": "2026-12-30"}), "matching.2027-01-01.json": next},
	} {
		if _, err := LoadRules(files); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}

// TestListsFitTheirWords fails when a code list outgrows the 64 bits of a word.
func TestListsFitTheirWords(t *testing.T) {
	l := bitsOf()
	for name, c := range map[string]struct {
		bits lexicon
		want int
	}{
		"stages": {l.stages, len(codes.AllStages())}, "titles": {l.titles, len(codes.AllTitles())}, "focus": {l.focus, len(codes.AllFocusAreas())},
		"securities": {l.securities, len(codes.AllSecurities())}, "uses": {l.uses, len(codes.AllUses())},
	} {
		seen := map[uint64]string{}
		for code, bit := range c.bits {
			if other, taken := seen[bit]; taken || bit == 0 || bit&(bit-1) != 0 {
				t.Errorf("%s: %s has bits %x, as %q has", name, code, bit, other)
			}
			seen[bit] = code
		}
		if len(c.bits) != c.want {
			t.Errorf("%s: %d of %d codes have a bit", name, len(c.bits), c.want)
		}
	}
	if len(l.legs) >= legsMax {
		t.Errorf("%d legs do not fit", len(l.legs))
	}
}
