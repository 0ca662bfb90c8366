package rules

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jieli-bus/jieli/events"
)

type tax struct {
	Header
	Rate int `json:"rate"`
}

func (t *tax) Follows(before *tax) error {
	if t.Rate < 0 || before != nil && t.Rate == before.Rate {
		return errors.New("not a new rate")
	}
	return nil
}

func file(from, to, rate string) string {
	if to != "null" {
		to = `"` + to + `"`
	}
	return `{"id":"tax.` + from + `","effective_from":"` + from + `","effective_to":` + to + `,"document":"D","confidence":"confirmed","summary":{"zh":"税","en":"tax"},"rate":` + rate + `}`
}

func tree(list ...string) fstest.MapFS {
	files := fstest.MapFS{"other.2020-01-01.json": {Data: []byte("not ours")}, "taxi.2020-01-01.json": {Data: []byte("nor this")}, "tax.md": {Data: []byte("nor this")}}
	for _, f := range list {
		id, _, _ := strings.Cut(strings.TrimPrefix(f, `{"id":"`), `"`)
		files["rules/"+id+".json"] = &fstest.MapFile{Data: []byte(f)}
	}
	return files
}

func TestSetsByDay(t *testing.T) {
	t.Parallel()
	s, err := Load[tax](tree(file("2022-03-01", "2022-12-31", "3"), file("2020-01-01", "2022-02-28", "2"), file("2023-01-01", "2023-06-30", "4")), "tax")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[events.Date]int{"2019-12-31": 0, "2020-01-01": 2, "2022-02-28": 2, "2022-03-01": 3, "2022-12-31": 3, "2023-01-01": 4, "2023-06-30": 4, "2023-07-01": 0} {
		set, ok := s.At(day)
		if ok != (want != 0) || ok && set.Rate != want {
			t.Errorf("%s: %+v %v, want rate %d", day, set, ok, want)
		}
	}
	first, ok := s.ByID("tax.2020-01-01")
	if !ok || first.Rate != 2 || len(first.Hash) != 64 {
		t.Errorf("%+v %v", first, ok)
	}
	if _, ok := s.ByID("tax.2021-01-01"); ok {
		t.Error("a set that is not there was found")
	}
	if after := s.After(first.ID); len(after) != 2 || after[0].Rate != 3 || after[1] != s.Last() || len(s.After(s.Last().ID)) != 0 || len(s.After("else")) != 3 {
		t.Errorf("after %s: %v", first.ID, after)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	good := file("2020-01-01", "null", "1")
	for name, c := range map[string]struct {
		files fstest.MapFS
		says  string
	}{
		"nothing":         {tree(), "no file"},
		"unknown field":   {tree(strings.Replace(good, `"rate"`, `"ratio":1,"rate"`, 1)), "ratio"},
		"two objects":     {tree(good + good), "follows"},
		"no day":          {tree(strings.Replace(good, `"effective_from":"2020-01-01"`, `"effective_from":"soon"`, 1)), "effective_from"},
		"ends before":     {tree(file("2020-01-01", "2019-12-31", "1")), "effective_to"},
		"no document":     {tree(strings.Replace(good, `"document":"D"`, `"document":""`, 1)), "document"},
		"one language":    {tree(strings.Replace(good, `"en":"tax"`, `"en":""`, 1)), "summary"},
		"sure":            {tree(strings.Replace(good, `confirmed`, `sure`, 1)), "confidence"},
		"own values":      {tree(file("2020-01-01", "null", "-1")), "not a new rate"},
		"against another": {tree(file("2020-01-01", "2020-12-31", "1"), file("2021-01-01", "null", "1")), "not a new rate"},
		"gap":             {tree(file("2020-01-01", "2020-12-30", "1"), file("2021-01-01", "null", "2")), "instead of 2020-12-31"},
		"overlap":         {tree(file("2020-01-01", "2021-01-01", "1"), file("2021-01-01", "null", "2")), "instead of 2021-01-02"},
		"open and on":     {tree(good, file("2021-01-01", "null", "2")), "no effective_to"},
		"another's name":  {fstest.MapFS{"tax.2021-01-01.json": {Data: []byte(good)}}, "the id is"},
		"too large":       {fstest.MapFS{"tax.2020-01-01.json": {Data: []byte(good + strings.Repeat(" ", fileBytesMax))}}, "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Load[tax](c.files, "tax"); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
		})
	}
}
