package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// modules are the five, by folder. A module is a unit of versioning, and these are released together; more of them would cost
// replace lines and buy nothing that internal/ does not give.
var modules = []string{"contracts", "events", "services", "tests", "tools"}

// modFile is what `go mod edit -json` tells of a go.mod, as far as it is asked for here.
type modFile struct {
	Module    struct{ Path string }
	Go        string
	Toolchain string
	Require   []struct {
		Path, Version string
		Indirect      bool
	}
	Exclude []struct{ Path string }
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
}

// workFile is the same of `go work edit -json`.
type workFile struct {
	Go      string
	Use     []struct{ DiskPath string }
	Replace []struct{ Old struct{ Path string } }
}

func goJSON(dir string, into any, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return json.Unmarshal(out, into)
}

// workspace lists what is wrong with go.work and the five go.mod files under a root.
func workspace(root string) ([]string, error) {
	var work workFile
	if err := goJSON(root, &work, "work", "edit", "-json"); err != nil {
		return nil, err
	}
	var list, used []string
	wrong := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, u := range work.Use {
		used = append(used, filepath.ToSlash(filepath.Clean(u.DiskPath)))
	}
	slices.Sort(used)
	if !slices.Equal(used, modules) {
		wrong("go.work: uses %v, want %v", used, modules)
	}
	if len(work.Replace) > 0 {
		wrong("go.work: replaces a module: that would hold in the workspace only")
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
		wrong("go.mod: there is no module at the root")
	}
	versions := make(map[string]map[string][]string) // of direct requirements: path, version, modules
	for _, m := range modules {
		var mod modFile
		if err := goJSON(root, &mod, "mod", "edit", "-json", filepath.Join(root, m, "go.mod")); err != nil {
			return nil, err
		}
		if mod.Module.Path != module+m {
			wrong("%s/go.mod: is module %s, want %s", m, mod.Module.Path, module+m)
		}
		if mod.Go != work.Go || mod.Toolchain != "" {
			wrong("%s/go.mod: go %s and toolchain %q, the workspace has go %s and none", m, mod.Go, mod.Toolchain, work.Go)
		}
		if len(mod.Exclude) > 0 {
			wrong("%s/go.mod: excludes %s: name the version that is wanted instead", m, mod.Exclude[0].Path)
		}
		replaced := make(map[string]string)
		for _, r := range mod.Replace {
			replaced[r.Old.Path] = r.New.Path
			name, ok := strings.CutPrefix(r.Old.Path, module)
			if !ok || !slices.Contains(modules, name) || r.New.Path != "../"+name {
				wrong("%s/go.mod: replaces %s by %s: only the other four are replaced, by their folders", m, r.Old.Path, r.New.Path)
			}
		}
		for _, r := range mod.Require {
			name, sibling := strings.CutPrefix(r.Path, module)
			switch {
			case sibling && (r.Version != "v0.0.0" || replaced[r.Path] != "../"+name):
				wrong("%s/go.mod: requires %s %s: a sibling is required as v0.0.0 and replaced by ../%s", m, r.Path, r.Version, name)
			case !sibling && !r.Indirect:
				if versions[r.Path] == nil {
					versions[r.Path] = make(map[string][]string)
				}
				versions[r.Path][r.Version] = append(versions[r.Path][r.Version], m)
			}
		}
	}
	for path, by := range versions {
		if len(by) > 1 {
			wrong("%s is required in different versions: %v", path, by)
		}
	}
	slices.Sort(list)
	return list, nil
}
