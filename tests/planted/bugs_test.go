package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var site = regexp.MustCompile(`planted\.On\("([a-z0-9_]+)"\)`)

// TestEveryBugIsInTheList: a bug without a line here is never tried, and a line without a bug tries nothing.
func TestEveryBugIsInTheList(t *testing.T) {
	sites := make(map[string]string)
	err := filepath.WalkDir("../../services", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "/planted/doc.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range site.FindAllSubmatch(text, -1) {
			sites[string(m[1])] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, b := range bugs {
		if known[b.name] {
			t.Errorf("%s is twice in the list", b.name)
		}
		known[b.name] = true
		if sites[b.name] == "" {
			t.Errorf("%s is planted nowhere", b.name)
		}
		if len(b.suites) == 0 || b.what == "" {
			t.Errorf("%s has no suite, or does not say what goes wrong", b.name)
		}
		for _, s := range b.suites {
			if _, err := regexp.Compile(s.run); err != nil {
				t.Errorf("%s: %v", b.name, err)
			}
		}
	}
	for name, path := range sites {
		if !known[name] {
			t.Errorf("%s plants %s, which is not in the list", path, name)
		}
	}
	if len(bugs) < 30 {
		t.Errorf("%d bugs, at least 30 are wanted", len(bugs))
	}
}
