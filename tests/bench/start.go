package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

// Patience with a process, and the rest before its memory is read.
const (
	startMax = 2 * time.Minute
	idle     = 2 * time.Second
)

// process is a `jieli up` of its own.
type process struct {
	cmd    *exec.Cmd
	dir    string
	http   string
	ready  time.Duration // from exec to 200 of /readyz
	exited chan struct{}
	err    error
	output strings.Builder
}

// start measures the shipped binary from the outside.
func (b *bench) start() ([]table, error) {
	dir, remove, err := b.fresh("start")
	if err != nil {
		return nil, err
	}
	defer remove()
	binary := filepath.Join(dir, "jieli")
	plain, err := b.build(binary)
	if err != nil {
		return nil, err
	}
	stripped, err := b.build(filepath.Join(dir, "jieli-stripped"), "-ldflags", "-s -w")
	if err != nil {
		return nil, err
	}
	t := table{head: []string{"exec to `/readyz` 200", "median", "least", "most", "target"}}
	empty, memory, err := b.coldStarts(binary, dir)
	if err != nil {
		return nil, err
	}
	row := func(what string, list []time.Duration, target string) {
		t.row(what, millis(medianOf(list)), millis(percentile(list, 0)), millis(percentile(list, 1)), target)
	}
	row(fmt.Sprintf("empty directory (%d starts)", len(empty)), empty, atMost(medianOf(empty), 200*time.Millisecond))
	fromLog, fromSnapshot, loaded, err := b.loadedStarts(binary, filepath.Join(dir, "loaded"))
	if err != nil {
		return nil, err
	}
	with := fmt.Sprintf("%s enterprises, ", number(float64(b.preload)))
	row(fmt.Sprintf(with+"after kill -9, from the log without snapshots (%d starts)", len(fromLog)), fromLog, "")
	row(fmt.Sprintf(with+"after a clean stop, from snapshot and tail (%d starts)", len(fromSnapshot)), fromSnapshot, "")
	t.note("`jieli up` of the built binary with both ports open; files in the page cache. Ready means: every ledger has its writer, the matcher has read, HTTP answers.")
	m := table{head: []string{"", "size"}}
	m.row("resident memory, empty, "+idle.String()+" after ready", megabytes(memory))
	m.row("resident memory with "+number(float64(b.preload))+" enterprises, "+idle.String()+" after ready from snapshot", megabytes(loaded))
	m.row("binary", megabytes(plain))
	m.row("binary, stripped (`-ldflags '-s -w'`)", megabytes(stripped))
	return []table{t, m}, nil
}

func (b *bench) build(out string, flags ...string) (size int64, err error) {
	cmd := exec.CommandContext(b.ctx, "go", append(append([]string{"build", "-trimpath", "-o", out}, flags...), "./tools/jieli")...)
	cmd.Dir = b.root
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, text)
	}
	info, err := os.Stat(out)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (b *bench) coldStarts(binary, dir string) (list []time.Duration, memory int64, err error) {
	for n := range b.starts {
		p, err := b.up(binary, filepath.Join(dir, "empty-"+strconv.Itoa(n)))
		if err != nil {
			return nil, 0, err
		}
		b.log("empty start %d: %s", n+1, millis(p.ready))
		list = append(list, p.ready)
		if n == 0 {
			pause(b.ctx, idle)
			memory, err = p.resident()
		}
		if stopped := p.stop(syscall.SIGTERM); err == nil {
			err = stopped
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return list, memory, nil
}

// loadedStarts loads enterprises, kills the process, and starts it again and again: without snapshots, then with them.
func (b *bench) loadedStarts(binary, dir string) (fromLog, fromSnapshot []time.Duration, memory int64, err error) {
	p, err := b.up(binary, dir)
	if err != nil {
		return nil, nil, 0, err
	}
	err = b.preloadInto(p)
	if stopped := p.stop(syscall.SIGKILL); err == nil {
		err = stopped
	}
	for n := 0; n < b.loadStarts && err == nil; n++ {
		// What a snapshot of the running process would have saved is not to count.
		if err = os.RemoveAll(filepath.Join(dir, "snapshots")); err != nil {
			break
		}
		if p, err = b.up(binary, dir); err != nil {
			break
		}
		b.log("start from the log %d: %s", n+1, millis(p.ready))
		fromLog = append(fromLog, p.ready)
		sig := syscall.SIGKILL
		if n == b.loadStarts-1 {
			sig = syscall.SIGTERM // the first of the clean stops
		}
		err = errors.Join(p.holds(b.ctx, b.preload), p.stop(sig))
	}
	for n := 0; n < b.loadStarts && err == nil; n++ {
		if p, err = b.up(binary, dir); err != nil {
			break
		}
		b.log("start from snapshot %d: %s", n+1, millis(p.ready))
		fromSnapshot = append(fromSnapshot, p.ready)
		err = p.holds(b.ctx, b.preload)
		if n == 0 && err == nil {
			pause(b.ctx, idle)
			memory, err = p.resident()
		}
		err = errors.Join(err, p.stop(syscall.SIGTERM))
	}
	return fromLog, fromSnapshot, memory, err
}

func (b *bench) preloadInto(p *process) error {
	s, err := attach(p.dir, p.http, b.conns)
	if err != nil {
		return err
	}
	defer s.close()
	n, err := s.loadAll(b.ctx, enterprises(b.preload))
	b.log("%d enterprises entered", n)
	return err
}

// up starts the binary and waits until it is ready.
func (b *bench) up(binary, dir string) (*process, error) {
	p := &process{dir: dir, exited: make(chan struct{})}
	// The context ends with the run; stop ends the process before.
	p.cmd = exec.CommandContext(b.ctx, binary, "up", "--dir", dir, "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0", "--log-level", "warn")
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	// The file of a killed process would be taken for this one's.
	if err := os.Remove(filepath.Join(dir, "run.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	for {
		if ok := p.isReady(b.ctx); ok {
			p.ready = time.Since(begun)
			return p, nil
		}
		select {
		case <-p.exited:
			return nil, fmt.Errorf("jieli up ended: %w\n%s", p.err, p.output.String())
		case <-b.ctx.Done():
			return nil, b.ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if time.Since(begun) > startMax {
			return nil, errors.Join(fmt.Errorf("jieli up was not ready within %s", startMax), p.stop(syscall.SIGKILL))
		}
	}
}

// isReady finds the address in run.json and asks.
func (p *process) isReady(ctx context.Context) bool {
	body, err := os.ReadFile(filepath.Join(p.dir, "run.json"))
	var run allinone.RunFile
	if err != nil || json.Unmarshal(body, &run) != nil || run.PID != p.cmd.Process.Pid {
		return false
	}
	p.http = run.HTTP
	answer, err := get(ctx, p.http+"/readyz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func get(ctx context.Context, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Close = true // the process ends soon
	return http.DefaultClient.Do(r)
}

// holds says whether the last enterprise that was entered is there: a start that lost something is not to be measured.
func (p *process) holds(ctx context.Context, n int) error {
	last := ""
	for c, err := range enterprises(n) {
		if err != nil {
			return err
		}
		last = c.subject
	}
	deadline := time.Now().Add(startMax)
	for {
		answer, err := get(ctx, p.http+"/v1/enterprises/"+last)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("enterprise %s after the start: %s", last, answer.Status)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// stop ends the process and waits for it. Only a clean stop can fail.
func (p *process) stop(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(startMax):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("jieli up did not stop within %s\n%s", startMax, p.output.String())
	}
	if sig != syscall.SIGKILL && p.err != nil {
		return fmt.Errorf("jieli up stopped: %w\n%s", p.err, p.output.String())
	}
	return nil
}

// resident is the process's memory.
func (p *process) resident() (int64, error) {
	if runtime.GOOS != "linux" {
		return 0, errors.New("resident memory is read from /proc: linux only")
	}
	body, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseResident(string(body))
}

func parseResident(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in the process's status")
}
