package lint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

const patience = 4 * time.Minute

// tools installs the linters beside their list, once for each version of it.
func tools(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("npm is missing, and CI skips nothing: install the package npm")
		}
		t.Skip("npm is missing (Debian package npm): the API descriptions are not linted here")
	}
	list, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	const mark = "node_modules/.installed"
	if have, err := os.ReadFile(mark); err == nil && bytes.Equal(have, list) {
		return
	}
	if out, err := run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	if err := os.WriteFile(mark, list, 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// served is a document of a running system, as a file.
func served(t *testing.T, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := allinone.Start(ctx, allinone.Options{Dir: t.TempDir(), HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	answer, err := http.Get(s.HTTP() + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", name, answer.Status, err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOpenAPIPassesItsLinter(t *testing.T) {
	tools(t)
	lint := func(file string) (string, error) {
		return run("node_modules/.bin/redocly", "lint", "--config=redocly.yaml", "--format=stylish", file)
	}
	file := served(t, "openapi.json")
	if out, err := lint(file); err != nil || strings.Contains(out, "You have") { // warnings, which end with success
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := lint(broken(t, file, `"operationId":"demand.publish"`, `"operationId":7`)); err == nil {
		t.Fatalf("a broken document passes:\n%s", out)
	}
}

func TestAsyncAPIPassesItsLinter(t *testing.T) {
	tools(t)
	file := served(t, "asyncapi.json")
	if out, err := run("node", "asyncapi.mjs", file); err != nil || out != "" {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run("node", "asyncapi.mjs", broken(t, file, `"action":"receive"`, `"action":"admire"`)); err != nil || out == "" {
		t.Fatalf("a broken document passes: %v", err)
	}
}

// broken is a document with something wrong in it: the linter must notice.
func broken(t *testing.T, file, old, new string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatal(fmt.Errorf("%s does not hold %s", file, old))
	}
	worse := filepath.Join(t.TempDir(), "worse.json")
	if err := os.WriteFile(worse, bytes.Replace(b, []byte(old), []byte(new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return worse
}
