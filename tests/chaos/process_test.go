// Package chaos drives the built program as separate processes and ends them without warning.
package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

// patience bounds every wait: a machine under load is slow, a broken program never gets there.
const patience = 2 * time.Minute

// jieli is the program under test, built once.
var jieli string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "jieli-chaos-")
	if err == nil {
		jieli = filepath.Join(dir, "jieli")
		build := exec.Command("go", "build", "-o", jieli, "./jieli")
		build.Dir, build.Stdout, build.Stderr = filepath.Join("..", "..", "tools"), os.Stdout, os.Stderr
		err = build.Run()
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos: the program could not be built:", err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// process is a running `jieli up`.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	run  allinone.RunFile
}

// up starts the program on a directory and waits until it is ready.
func up(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(jieli, append([]string{"up", "--dir", dir, "--log-level", "warn"}, args...)...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = os.Stdout, os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }() // how it ended is what each test is about
	t.Cleanup(p.kill)
	await(t, "the program to be ready", func() bool {
		select {
		case <-p.done:
			t.Fatal("the program ended at its start")
		default:
		}
		b, err := os.ReadFile(filepath.Join(dir, "run.json"))
		if err != nil || json.Unmarshal(b, &p.run) != nil || p.run.PID != p.cmd.Process.Pid {
			return false
		}
		answer, err := http.Get(p.run.HTTP + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return p
}

// kill ends the process as a power cut would end it, as far as a program can tell.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// await polls a condition that no signal tells of, because it is another process's.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// command runs the program to its end.
func command(t *testing.T, server string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, jieli, append(args, "--server", server)...)
	c.Dir = t.TempDir() // files of refused rows go there
	out, err := c.CombinedOutput()
	return string(out), err
}
