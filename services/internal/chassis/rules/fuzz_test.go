package rules

import (
	"testing"
	"testing/fstest"
)

// FuzzLoad: a rule file is taken whole or refused, whatever is in it.
func FuzzLoad(f *testing.F) {
	f.Add(file("2020-01-01", "", "2"))
	f.Add(`{"id":"tax.2020-01-01","effective_from":"2020-02-30"}`)
	f.Add("[[[")
	f.Fuzz(func(t *testing.T, content string) {
		s, err := Load[tax](fstest.MapFS{"tax.2020-01-01.json": {Data: []byte(content)}}, "tax")
		if err == nil && s.First() == nil {
			t.Fatal("taken, and nothing is there")
		}
	})
}
