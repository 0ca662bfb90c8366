package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// machine is what figures depend on.
type machine struct {
	cores                 int
	fileSystem            string
	fsyncMedian, fsyncP99 time.Duration
}

func (m machine) String() string {
	return fmt.Sprintf("%d cores, %s/%s, %s, %s; append of 4 KiB and fsync: median %s, p99 %s.",
		m.cores, runtime.GOOS, runtime.GOARCH, runtime.Version(), m.fileSystem, millis(m.fsyncMedian), millis(m.fsyncP99))
}

func thisMachine(dir string) (machine, error) {
	m := machine{cores: runtime.NumCPU(), fileSystem: fileSystem(dir)}
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return m, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	var took []time.Duration
	for range 200 {
		begun := time.Now()
		if _, err := f.Write(page); err != nil {
			return m, err
		}
		if err := f.Sync(); err != nil {
			return m, err
		}
		took = append(took, time.Since(begun))
	}
	m.fsyncMedian, m.fsyncP99 = percentile(took, 0.5), percentile(took, 0.99)
	return m, nil
}

// fileSystem is the type of the mount that holds dir.
func fileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "file system unknown"
	}
	return mountOf(string(mounts), dir)
}

func mountOf(mounts, dir string) string {
	kind, longest := "file system unknown", -1
	for line := range strings.Lines(mounts) {
		field := strings.Fields(line)
		if len(field) < 3 {
			continue
		}
		point := strings.TrimSuffix(field[1], "/")
		if (dir == point || strings.HasPrefix(dir, point+"/")) && len(point) >= longest {
			kind, longest = field[2], len(point)
		}
	}
	return kind
}

// percentile sorts its list: the smallest value that at least the share p of all values do not exceed.
func percentile(list []time.Duration, p float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	at := int(p*float64(len(list))+0.999999) - 1
	return list[min(max(at, 0), len(list)-1)]
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func medianOf(list []time.Duration) time.Duration {
	values := make([]float64, len(list))
	for i, d := range list {
		values[i] = float64(d)
	}
	return time.Duration(median(values))
}

// load is what one round of a closed loop gave.
type load struct {
	rate     float64 // per second
	p50, p99 time.Duration
	cpu      time.Duration // of the whole process, clients included, per call: steadier than rates on a shared machine
}

// medianLoad takes each figure's median over rounds.
func medianLoad(rounds []load) load {
	var rates []float64
	var p50, p99, cpu []time.Duration
	for _, r := range rounds {
		rates, p50, p99, cpu = append(rates, r.rate), append(p50, r.p50), append(p99, r.p99), append(cpu, r.cpu)
	}
	return load{median(rates), medianOf(p50), medianOf(p99), medianOf(cpu)}
}

// closedLoop has workers call do one after another, each its own; what completes in the measured time counts. begin and end are
// called around that time and may be nil.
func (b *bench) closedLoop(do func(ctx context.Context, worker int) error, begin, end func() error) (load, error) {
	bounded, stop := context.WithTimeout(b.ctx, b.warm+b.run+time.Minute)
	defer stop()
	ctx, cancel := context.WithCancelCause(bounded)
	defer cancel(nil)
	const (
		warming = iota
		measuring
		ended
	)
	var phase atomic.Int32
	took := make([][]time.Duration, b.requesters)
	var running sync.WaitGroup
	for worker := range b.requesters {
		running.Go(func() {
			for phase.Load() != ended && ctx.Err() == nil {
				begun := time.Now()
				if err := do(ctx, worker); err != nil {
					cancel(err)
					return
				}
				if phase.Load() == measuring {
					took[worker] = append(took[worker], time.Since(begun))
				}
			}
		})
	}
	call := func(f func() error) {
		if f != nil {
			if err := f(); err != nil {
				cancel(err)
			}
		}
	}
	pause(ctx, b.warm)
	call(begin)
	phase.Store(measuring)
	begun, used := time.Now(), processorTime()
	pause(ctx, b.run)
	phase.Store(ended)
	elapsed, spent := time.Since(begun), processorTime()-used
	call(end)
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return load{}, err
	}
	all := slices.Concat(took...)
	return load{float64(len(all)) / elapsed.Seconds(), percentile(all, 0.5), percentile(all, 0.99), spent / time.Duration(max(len(all), 1))}, nil
}

// processorTime is what this process has used of all cores.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // not measured; the kernel has no reason to refuse
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// settle gives back the memory of what was measured before.
func settle() {
	runtime.GC()
	debug.FreeOSMemory()
}

// profiled begins a CPU profile when profiles are wanted, and returns what ends it and adds what was waited for: contended locks,
// and where every goroutine stands at that moment.
func (b *bench) profiled(name string) (begin, end func() error) {
	if b.profile == "" {
		return nil, nil
	}
	create := func(kind string) (*os.File, error) {
		return os.Create(filepath.Join(b.profile, name+"."+kind+".pprof"))
	}
	var cpu *os.File
	begin = func() (err error) {
		runtime.SetMutexProfileFraction(10)
		if cpu, err = create("cpu"); err != nil {
			return err
		}
		return pprof.StartCPUProfile(cpu)
	}
	return begin, func() error {
		pprof.StopCPUProfile()
		err := cpu.Close()
		for _, kind := range []string{"mutex", "goroutine"} {
			f, failed := create(kind)
			if failed == nil {
				failed = errors.Join(pprof.Lookup(kind).WriteTo(f, 0), f.Close())
			}
			err = errors.Join(err, failed)
		}
		runtime.SetMutexProfileFraction(0)
		return err
	}
}

// together calls two functions one after the other; each may be nil.
func together(first, second func() error) func() error {
	return func() error {
		for _, f := range []func() error{first, second} {
			if f != nil {
				if err := f(); err != nil {
					return err
				}
			}
		}
		return nil
	}
}
