package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// measured is one line of a Go benchmark.
type measured struct {
	name string             // without the number of processors
	by   map[string]float64 // by unit: ns/op, B/op, …
}

var benchLine = regexp.MustCompile(`^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+(.+)$`)

// parseBench reads what `go test -bench` prints.
func parseBench(output string) []measured {
	var list []measured
	for line := range strings.Lines(output) {
		match := benchLine.FindStringSubmatch(strings.TrimSpace(line))
		if match == nil {
			continue
		}
		m := measured{match[1], make(map[string]float64)}
		fields := strings.Fields(match[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				m.by[fields[i+1]] = v
			}
		}
		list = append(list, m)
	}
	return list
}

// goBench builds a package's test binary once and runs its benchmarks, each round all of them: figures of one name by unit.
func (b *bench) goBench(module, pkg, pattern, benchtime string, rounds int) (map[string]map[string][]float64, error) {
	dir, remove, err := b.fresh("gobench")
	if err != nil {
		return nil, err
	}
	defer remove()
	binary := filepath.Join(dir, "bench.test")
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, pkg)
	build.Dir = filepath.Join(b.root, module)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w\n%s", pkg, err, out)
	}
	all := make(map[string]map[string][]float64)
	for n := range rounds {
		args := []string{"-test.run", "^$", "-test.bench", pattern, "-test.benchtime", benchtime, "-test.benchmem"}
		if b.profile != "" {
			args = append(args, "-test.cpuprofile", filepath.Join(b.profile, filepath.Base(pkg)+".pprof"))
		}
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Dir = filepath.Join(build.Dir, pkg)
		cmd.Env = append(os.Environ(), "TMPDIR="+dir) // brokers of benchmarks keep their stores on the measured disk
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", pkg, err, out.String())
		}
		for _, m := range parseBench(out.String()) {
			b.log("round %d: %s %s ns", n+1, m.name, number(m.by["ns/op"]))
			if all[m.name] == nil {
				all[m.name] = make(map[string][]float64)
			}
			for unit, v := range m.by {
				all[m.name][unit] = append(all[m.name][unit], v)
			}
		}
	}
	return all, nil
}

// watermillPart runs the adapter's benchmark: consume, handle, publish a reply, acknowledge.
func (b *bench) watermillPart() ([]table, error) {
	all, err := b.goBench("services", "./internal/chassis/bus", "^BenchmarkRouter$", strconv.Itoa(b.watermill)+"x", b.rounds)
	if err != nil {
		return nil, err
	}
	var tables []table
	for _, where := range []struct {
		key, name string
		raw       float64 // target of the adapter against raw
	}{{"embedded", "broker in this process", 0.5}, {"external", "broker in a process of its own, TCP", 0.4}} {
		rate := func(variant string) (float64, error) {
			values := all["BenchmarkRouter/"+where.key+"/"+variant]["ns/op"]
			if len(values) == 0 {
				return 0, fmt.Errorf("the benchmark gave nothing for %s, %s", where.key, variant)
			}
			return 1e9 / median(values), nil
		}
		t := table{head: []string{where.name + ", end to end", "messages per second", "against raw", "against stock", "target"}}
		raw, err := rate("raw")
		if err != nil {
			return nil, err
		}
		stock, err := rate("stock")
		if err != nil {
			return nil, err
		}
		for _, v := range []struct{ key, name string }{
			{"raw", "nats.go alone: consume, publish asynchronously, acknowledge when the reply is stored"},
			{"adapter", "Router on our adapter, as configured by default (16 lanes)"},
			{"adapter-256-lanes", "Router on our adapter, 256 lanes"},
			{"stock", "Router on watermill-nats v2.1.3 `pkg/jetstream`, asynchronous acknowledgement"},
		} {
			r, err := rate(v.key)
			if err != nil {
				return nil, err
			}
			target := ""
			if strings.HasPrefix(v.key, "adapter") {
				target = "raw " + atLeast(r/raw, where.raw) + "; stock " + atLeast(r/stock, 2)
			}
			t.row(v.name, number(r), times(r/raw), times(r/stock), target)
		}
		t.note("%s messages a round, %d rounds: published, stored, consumed, handled, the reply stored, acknowledged. Streams fsync as the server does by default.",
			number(float64(b.watermill)), b.rounds)
		tables = append(tables, t)
	}
	return tables, nil
}

// matcherPart runs the matcher's own benchmark.
func (b *bench) matcherPart() ([]table, error) {
	benchtime := "1s"
	if b.rounds == 1 {
		benchtime = "20x"
	}
	all, err := b.goBench("services", "./matcher", "^BenchmarkTop10k$", benchtime, b.matcherRuns)
	if err != nil {
		return nil, err
	}
	t := table{head: []string{"exact top 20 for one demand", "eligible", "time", "allocations", "rankings per second and core"}}
	for _, v := range []struct{ key, name string }{
		{"mixed", "10,000 offers of all instruments"}, {"one-instrument", "10,000 offers of the demand's own instrument"},
	} {
		m := all["BenchmarkTop10k/"+v.key]
		if len(m["ns/op"]) == 0 {
			return nil, fmt.Errorf("the benchmark gave nothing for %s", v.key)
		}
		took := time.Duration(median(m["ns/op"]))
		t.row(v.name, number(median(m["eligible"])), millis(took), number(median(m["allocs/op"])), number(1e9/float64(took)))
	}
	return []table{t}, nil
}
