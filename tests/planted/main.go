package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	sample := flag.Bool("sample", false, "only those that CI tries")
	only := flag.String("only", "", "only the bugs whose names match this pattern")
	workers := flag.Int("p", max(1, runtime.NumCPU()/2), "suites run at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, *sample, *only, *workers))
}

// suiteMax bounds one run of a suite: a bug may well make it wait for ever, which is one way to be noticed.
const suiteMax = 90 * time.Second

func run(ctx context.Context, sample bool, only string, workers int) int {
	pattern, err := regexp.Compile(only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "-only:", err)
		return 2
	}
	list := slices.DeleteFunc(slices.Clone(bugs), func(b bug) bool { return sample && !b.sample || !pattern.MatchString(b.name) })
	begun := time.Now()
	bench, err := build(ctx, list)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bench.dir)
	fmt.Printf("%d packages built in %s\n", len(bench.packages), time.Since(begun).Round(time.Second))

	failed := 0
	each(workers, bench.clean(list), func(s suite) string {
		if took, found := bench.try(ctx, "", s); found != "" {
			failed++
			return fmt.Sprintf("FAIL %s -run '%s' fails with no bug chosen: %s (%s)", s.folder, s.run, found, seconds(took))
		}
		return ""
	})
	if failed > 0 {
		return 1
	}
	fmt.Printf("\n%-36s %-60s %s\n", "bug", "found by", "time")
	each(workers, list, func(b bug) string {
		var all time.Duration
		for _, s := range b.suites {
			took, found := bench.try(ctx, b.name, s)
			all += took
			if found != "" {
				return fmt.Sprintf("%-36s %-60s %s", b.name, s.folder+" "+found, seconds(all))
			}
		}
		failed++
		return fmt.Sprintf("%-36s %-60s %s", b.name, "SURVIVED: "+b.what, seconds(all))
	})
	fmt.Printf("\n%d planted, %d found, %d survived, in %s\n", len(list), len(list)-failed, failed, time.Since(begun).Round(time.Second))
	if failed > 0 || ctx.Err() != nil {
		return 1
	}
	return 0
}

// each works on a list with some workers at once and prints what they say, one line at a time.
func each[T any](workers int, list []T, work func(T) string) {
	var running sync.WaitGroup
	var printing sync.Mutex
	slots := make(chan struct{}, workers)
	for _, item := range list {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			line := work(item)
			printing.Lock()
			defer printing.Unlock()
			if line != "" {
				fmt.Println(line)
			}
		})
	}
	running.Wait()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// workbench is where the test programs are.
type workbench struct {
	root, dir string
	packages  []string
}

// build makes one test program a package, each once, with every bug in it.
func build(ctx context.Context, list []bug) (*workbench, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	w := &workbench{root: filepath.Dir(strings.TrimSpace(string(out)))}
	if w.dir, err = os.MkdirTemp("", "jieli-planted"); err != nil {
		return nil, err
	}
	args := []string{"test", "-c", "-tags", "planted", "-o", w.dir + string(filepath.Separator)}
	for _, b := range list {
		for _, s := range b.suites {
			if !slices.Contains(w.packages, s.folder) {
				w.packages = append(w.packages, s.folder)
				args = append(args, "./"+s.folder)
			}
		}
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = w.root, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("the test programs cannot be built: %w", err), os.RemoveAll(w.dir))
	}
	return w, nil
}

// clean lists the suites of all bugs, those of a package in one.
func (w *workbench) clean(list []bug) []suite {
	var all []suite
	for _, folder := range w.packages {
		var patterns []string
		for _, b := range list {
			for _, s := range b.suites {
				if s.folder == folder && !slices.Contains(patterns, s.run) {
					patterns = append(patterns, s.run)
				}
			}
		}
		all = append(all, suite{folder, strings.Join(patterns, "|")})
	}
	return all
}

var (
	failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	nothing = []byte("testing: warning: no tests to run")
)

// try runs a suite with a bug and returns what noticed it, "" when nothing did.
func (w *workbench) try(ctx context.Context, name string, s suite) (took time.Duration, found string) {
	ctx, cancel := context.WithTimeout(ctx, suiteMax+10*time.Second)
	defer cancel()
	begun := time.Now()
	cmd := exec.CommandContext(ctx, filepath.Join(w.dir, filepath.Base(s.folder)+".test"), "-test.run", s.run, "-test.timeout", suiteMax.String(), "-test.failfast")
	cmd.Dir = filepath.Join(w.root, s.folder)
	cmd.Env = append(os.Environ(), "JIELI_PLANTED="+name)
	out, err := cmd.CombinedOutput()
	took = time.Since(begun)
	switch {
	case bytes.Contains(out, nothing):
		return took, noTests(name)
	case err == nil:
		return took, ""
	}
	if m := failure.FindSubmatch(out); m != nil {
		return took, string(m[1])
	}
	if bytes.Contains(out, []byte("panic: test timed out")) {
		return took, "(waited for ever)"
	}
	return took, "(" + firstLine(out) + ")"
}

// noTests is what a pattern that meets no test counts as: with a bug, one that nothing noticed.
func noTests(name string) string {
	if name == "" {
		return "no test has such a name"
	}
	return ""
}

func firstLine(out []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
	return string(line[:min(len(line), 80)])
}
