// Package deployments holds what stands in deployments/ to what it must be; no container engine is needed.
package deployments

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/jieli-bus/jieli/services/allinone"
)

const folder = "../../deployments/compose"

func load(t *testing.T) *types.Project {
	t.Helper()
	file := filepath.Join(folder, "compose.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: folder, ConfigFiles: []types.ConfigFile{{Filename: file, Content: content}}, Environment: types.Mapping{},
	}, func(o *loader.Options) { o.SetProjectName("jieli", true) })
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestCompose: the file is valid; every service, three nodes and Redis are there, each checked, limited and without rights; secrets are
// files.
func TestCompose(t *testing.T) {
	project := load(t)
	want := append(slices.Clone(allinone.Services), "n1", "n2", "n3", "redis", "configure")
	slices.Sort(want)
	if have := project.ServiceNames(); !slices.Equal(have, want) {
		t.Errorf("services %v, want %v", have, want)
	}
	for name, s := range project.Services {
		if name != "configure" && (s.HealthCheck == nil || len(s.HealthCheck.Test) == 0) {
			t.Errorf("%s has no health check", name)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.NanoCPUs == 0 {
			t.Errorf("%s has no limits of memory and processors", name)
		}
		if s.User == "" || strings.HasPrefix(s.User, "0") || strings.HasPrefix(s.User, "root") || !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") {
			t.Errorf("%s may too much: user %q, read only %v, dropped %v", name, s.User, s.ReadOnly, s.CapDrop)
		}
		for key, value := range s.Environment {
			if value != nil && strings.Contains(*value, "@") {
				t.Errorf("%s: %s holds a password; it belongs into a secret", name, key)
			}
		}
		if name != "portal" && len(s.Ports) > 0 {
			t.Errorf("%s is reachable from outside", name)
		}
	}
	for name, s := range project.Secrets {
		if s.File == "" || s.Content != "" || s.Environment != "" {
			t.Errorf("secret %s is no file", name)
		}
	}
	for _, service := range allinone.Services {
		s := project.Services[service]
		setting := func(name string) string {
			if v := s.Environment[name]; v != nil {
				return *v
			}
			return ""
		}
		if setting("JIELI_REPLICAS") != "3" || setting("JIELI_ENVIRONMENT") != "production" || strings.Count(setting("JIELI_BROKER"), "tls://") != 3 || setting("JIELI_CA") == "" {
			t.Errorf("%s does not run as production asks for: %v", service, s.Environment)
		}
		if !slices.Equal(s.Command, []string{"serve", service}) {
			t.Errorf("%s runs %v", service, s.Command)
		}
		for name := range s.Environment {
			if !known(strings.TrimPrefix(name, "JIELI_")) {
				t.Errorf("%s: there is no setting %s", service, name)
			}
		}
	}
}

// known reports whether jieli reads a setting from the environment; CONFIG names the file that the others come from.
func known(name string) bool {
	return name == "CONFIG" || slices.ContainsFunc(allinone.Settings, func(s allinone.Setting) bool { return s.Env() == "JIELI_"+name })
}

// TestLocalServices: the local script starts every service that there is.
func TestLocalServices(t *testing.T) {
	script, err := os.ReadFile("../../deployments/local/up")
	if err != nil {
		t.Fatal(err)
	}
	if line := "for service in " + strings.Join(allinone.Services, " ") + "; do"; !strings.Contains(string(script), line) {
		t.Errorf("deployments/local/up has no line %q", line)
	}
}

// TestScripts: bash can read the scripts.
func TestScripts(t *testing.T) {
	for _, script := range []string{"local/up", "tls/certificates", "compose/prepare"} {
		if out, err := exec.Command("bash", "-n", "../../deployments/"+script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", script, err, out)
		}
	}
}

// TestComposeLint asks dclint, which is installed from npm for the test.
func TestComposeLint(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("npm is missing, and CI skips nothing: install the package npm")
		}
		t.Skip("npm is missing (Debian package npm): the Compose file is not linted here")
	}
	dir := t.TempDir()
	install := exec.Command("npm", "install", "--prefix", dir, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "dclint@3.1.0")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	lint := exec.Command(filepath.Join(dir, "node_modules", ".bin", "dclint"), "--config", "dclint.json", "--max-warnings", "0", "compose.yaml")
	lint.Dir = folder
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("dclint: %v\n%s", err, out)
	}
}
