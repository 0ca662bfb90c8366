package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root finds the repository: the folder above with go.work.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.work above this package")
		}
		dir = parent
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	repository, err := load(os.DirFS(root(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, problem := range judge(r, repository) {
				t.Errorf("%s\n\tthe rule: %s\n\tbecause %s", problem, r.name, r.reason)
			}
		})
	}
}

// judge lists what breaks a rule, and what it names that is gone.
func judge(r rule, t *tree) []string {
	var list []string
	for _, name := range r.names {
		if !t.has(name) {
			list = append(list, name+": the rule speaks of it, and it is gone: change the rule or drop it")
		}
	}
	return append(list, r.check(t)...)
}

func TestEveryRuleHasItsReason(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, r := range rules() {
		if len(r.reason) < 20 || r.check == nil || seen[r.name] || strings.TrimSpace(r.name) == "" {
			t.Errorf("rule %q has no reason, no check, or its name twice", r.name)
		}
		seen[r.name] = true
	}
}
