package topology

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

// Process is one program that can be killed and started again. One goroutine at a time starts and ends it.
type Process struct {
	Name string
	Dir  string   // its own
	Env  []string // beside the test's own, NAME=value, from the next start
	args []string

	mu   sync.Mutex // over what is below
	cmd  *exec.Cmd  // nil: it does not run
	done chan struct{}
}

func newProcess(name, dir, program string, args ...string) *Process {
	return &Process{Name: name, Dir: filepath.Join(dir, name), args: append([]string{program}, args...)}
}

// Start starts a process that is not running.
func (p *Process) Start() error {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(p.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, tied()
	cmd.Env = append(os.Environ(), p.Env...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.done = cmd, done
	return nil
}

// Kill ends the process as a crash would.
func (p *Process) Kill() { _ = p.end(syscall.SIGKILL) }

// Pause stops the process where it is, as a machine that hangs would; Resume lets it go on.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP) }

// Resume ends a pause.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	cmd, _ := p.running()
	if cmd == nil {
		return fmt.Errorf("%s does not run", p.Name)
	}
	return cmd.Process.Signal(s)
}

// Stop asks the process to end and waits until it has: the error says how it ended when that was not in peace.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) running() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.done
}

// PID is its process id, 0 when it does not run.
func (p *Process) PID() int {
	if cmd, _ := p.running(); cmd != nil {
		return cmd.Process.Pid
	}
	return 0
}

func (p *Process) end(signal syscall.Signal) error {
	cmd, done := p.running()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(signal) // it may have ended by itself
	var err error
	select {
	case <-done:
	case <-time.After(patience):
		err = fmt.Errorf("%s does not end; its log:\n%s", p.Name, p.Log())
		_ = cmd.Process.Kill()
		<-done
	}
	if code := cmd.ProcessState.ExitCode(); err == nil && signal == syscall.SIGTERM && code != 0 {
		err = fmt.Errorf("%s ended with code %d; its log:\n%s", p.Name, code, p.Log())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
	return err
}

// Log is the end of what the process has said.
func (p *Process) Log() string {
	b, _ := os.ReadFile(p.Dir + ".log") // a process that has said nothing may have none
	return string(b[max(0, len(b)-8<<10):])
}

// address is what it has written into its directory.
func (p *Process) address() (string, error) {
	var run allinone.RunFile
	b, err := os.ReadFile(filepath.Join(p.Dir, "run.json"))
	if err == nil {
		err = json.Unmarshal(b, &run)
	}
	if err == nil && run.PID != p.PID() {
		err = errors.New("run.json is of a process before")
	}
	return run.HTTP, err
}

// HTTP is the address of its HTTP face, "" when it has none yet.
func (p *Process) HTTP() string {
	url, err := p.address()
	if err != nil {
		return ""
	}
	return url
}

// Ready waits until the process says that it is.
func (p *Process) Ready() error {
	return p.await("to be ready", func() error {
		url, err := p.address()
		if err != nil {
			return err
		}
		r, err := http.Get(url + "/readyz")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("%s/readyz: %s", url, r.Status)
		}
		return nil
	})
}

// await repeats a check until it holds; the error has the end of the process's log.
func (p *Process) await(what string, check func() error) error {
	_, done := p.running()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-done:
			return fmt.Errorf("%s has ended, waiting for it %s: %w; its log:\n%s", p.Name, what, err, p.Log())
		case <-deadline.C:
			return fmt.Errorf("%s: waited %s for it %s: %w; its log:\n%s", p.Name, patience, what, err, p.Log())
		}
	}
}
