// Command bench measures Jieli and writes what it finds to docs/benchmarks.md. Every figure stands beside a baseline of the same
// run on the same disk: absolute numbers belong to one machine, ratios hold better. Run it as `make bench`, or a part of it with
// `make bench ARGS="-only commands"`. Any error of any request ends the run: a figure of a system that fails is none.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// scale says how much each part does.
type scale struct {
	requesters  int           // of the closed loops
	conns       int           // that they share
	warm, run   time.Duration // of one round
	rounds      int           // baseline and system take turns; the median counts
	relay       int           // events to rebuild
	watermill   int           // messages end to end
	offers      int           // loaded before the latency run
	rate        int           // demands per second of the latency run
	latency     time.Duration
	preload     int // enterprises of the loaded start
	starts      int // cold starts, empty
	loadStarts  int // of each kind, loaded
	matcherRuns int
	apiRate     int           // requests per second of the API run
	apiFor      time.Duration // how long
	kills       int           // of a writer
}

var (
	fullScale  = scale{1000, 8, 2 * time.Second, 6 * time.Second, 3, 100_000, 50_000, 10_000, 200, 20 * time.Second, 100_000, 10, 3, 3, 500, 30 * time.Second, 20}
	quickScale = scale{1000, 8, 300 * time.Millisecond, time.Second, 1, 5_000, 3_000, 500, 100, 2 * time.Second, 3_000, 2, 1, 1, 200, 2 * time.Second, 1}
)

// bench is one run.
type bench struct {
	scale
	ctx     context.Context
	root    string // of the repository
	dir     string // on the disk that is measured
	profile string // directory of profiles, "" for none
	log     func(format string, args ...any)
}

type part struct {
	name, title string
	measure     func(*bench) ([]table, error)
}

var parts = []part{
	{"commands", "Durable commands", (*bench).commands},
	{"http", "Commands over HTTP", (*bench).http},
	{"relay", "Ledger to events stream", (*bench).relayPart},
	{"watermill", "Watermill Router", (*bench).watermillPart},
	{"latency", "From a demand to a department's view", (*bench).latencyPart},
	{"api", "The API under a steady load", (*bench).apiPart},
	{"processes", "Separate processes", (*bench).processesPart},
	{"start", "Start, memory, size", (*bench).start},
	{"matcher", "Ranking", (*bench).matcherPart},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

func run(args []string) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // as `jieli up` does
	}
	root, err := repository()
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	only := flags.String("only", "", "parts to run, separated by commas: "+strings.Join(names, ", "))
	quick := flags.Bool("quick", false, "a few seconds that show that everything works; the figures mean little and are not written unless -out is given")
	dir := flags.String("dir", filepath.Join(root, "bin", "bench-data"), "directory on the disk to measure; what it holds of this command is deleted")
	out := flags.String("out", "", "file whose sections are replaced (default docs/benchmarks.md; with -quick none)")
	profile := flags.String("profile", "", "directory for CPU, lock and goroutine profiles of the measured times (client included: it is the same process)")
	rounds := flags.Int("rounds", 0, "rounds of each measurement instead of the usual number")
	roundTime := flags.Duration("round", 0, "measured time of a round of commands instead of the usual one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b := &bench{scale: fullScale, ctx: ctx, root: root, profile: *profile, log: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
	}}
	if *quick {
		b.scale = quickScale
	} else if *out == "" {
		*out = filepath.Join(root, "docs", "benchmarks.md")
	}
	if *rounds > 0 {
		b.rounds = *rounds
	}
	if *roundTime > 0 {
		b.run = *roundTime
	}
	chosen := parts
	if *only != "" {
		chosen = nil
		for _, name := range strings.Split(*only, ",") {
			at := slices.Index(names, name)
			if at < 0 {
				return fmt.Errorf("there is no part %q; there are %s", name, strings.Join(names, ", "))
			}
			chosen = append(chosen, parts[at])
		}
	}
	if b.dir, err = filepath.Abs(*dir); err != nil {
		return err
	}
	for _, d := range []string{b.dir, b.profile} {
		if d != "" {
			if err := os.MkdirAll(d, 0o700); err != nil {
				return err
			}
		}
	}
	m, err := thisMachine(b.dir)
	if err != nil {
		return err
	}
	fmt.Println(m)
	command := "make bench"
	var given []string
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "dir", "out", "profile": // places of this machine
		case "quick":
			given = append(given, "-quick")
		default:
			given = append(given, "-"+f.Name+" "+f.Value.String())
		}
	})
	if len(given) > 0 {
		command += fmt.Sprintf(" ARGS=%q", strings.Join(given, " "))
	}
	var sections []section
	for _, p := range chosen {
		b.log("%s", p.name)
		tables, err := p.measure(b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		s := section{p.name, p.title, command, m, time.Now(), tables}
		fmt.Println(s.markdown())
		sections = append(sections, s)
	}
	if *out == "" {
		return nil
	}
	return writeSections(*out, sections)
}

// repository is the folder of go.work above the working directory.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("run it inside the repository: no go.work above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// fresh makes an empty folder on the measured disk and a function that removes it.
func (b *bench) fresh(name string) (dir string, remove func(), err error) {
	dir = filepath.Join(b.dir, name)
	if err := os.RemoveAll(dir); err != nil {
		return "", nil, err
	}
	return dir, func() { os.RemoveAll(dir) }, os.MkdirAll(dir, 0o700)
}
