package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorkspace(t *testing.T) {
	t.Parallel()
	list, err := workspace(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range list {
		t.Error(wrong)
	}
}

// modulesOn writes a workspace that follows the rules, with the given files instead of some of its own.
func modulesOn(t *testing.T, instead map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"go.work": "go 1.26.0\nuse (\n\t./contracts\n\t./events\n\t./services\n\t./tests\n\t./tools\n)\n"}
	for _, m := range modules {
		files[m+"/go.mod"] = "module " + module + m + "\ngo 1.26.0\n"
	}
	for name, body := range instead {
		files[name] = body
	}
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWorkspaceRulesCanFail(t *testing.T) {
	t.Parallel()
	mod := func(m, rest string) string { return "module " + module + m + "\ngo 1.26.0\n" + rest }
	sibling := "require " + module + "contracts v0.0.0\nreplace " + module + "contracts => ../contracts\n"
	cases := []struct {
		name  string
		files map[string]string
		says  string // "": nothing is wrong
	}{
		{"as it should be", map[string]string{"events/go.mod": mod("events", sibling)}, ""},
		{"a sixth module", map[string]string{"go.work": "go 1.26.0\nuse (\n./contracts\n./events\n./services\n./tests\n./tools\n./more\n)\n"}, "go.work: uses"},
		{"a module at the root", map[string]string{"go.mod": "module x\n"}, "no module at the root"},
		{"another module path", map[string]string{"tools/go.mod": "module example.com/tools\ngo 1.26.0\n"}, "is module example.com/tools"},
		{"another go version", map[string]string{"tools/go.mod": "module " + module + "tools\ngo 1.25.0\n"}, "go 1.25.0"},
		{"a fork", map[string]string{"tools/go.mod": mod("tools", "replace example.com/a => example.com/b v1.0.0\n")}, "replaces example.com/a"},
		{"a replaced workspace", map[string]string{"go.work": "go 1.26.0\nuse (\n./contracts\n./events\n./services\n./tests\n./tools\n)\nreplace example.com/a => ../a\n"}, "go.work: replaces"},
		{"an excluded version", map[string]string{"tools/go.mod": mod("tools", "exclude example.com/a v1.0.0\n")}, "excludes example.com/a"},
		{"a sibling that is not replaced", map[string]string{"events/go.mod": mod("events", "require "+module+"contracts v0.0.0\n")}, "a sibling is required"},
		{"a sibling in a version", map[string]string{"events/go.mod": mod("events", strings.ReplaceAll(sibling, "v0.0.0", "v1.2.3"))}, "a sibling is required"},
		{"two versions of one module", map[string]string{
			"tools/go.mod": mod("tools", "require example.com/a v1.0.0\n"), "tests/go.mod": mod("tests", "require example.com/a v1.1.0\n")}, "different versions"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			list, err := workspace(modulesOn(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(list, "\n")
			if c.says == "" && all != "" || !strings.Contains(all, c.says) {
				t.Errorf("want %q, got:\n%s", c.says, all)
			}
		})
	}
}
