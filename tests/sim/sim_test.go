// Package sim runs the simulator over many seeds: a whole Jieli in one thread, whose log, leases, clock and senders break in every way
// the simulator knows. docs/reliability.md says how to replay a seed.
package sim

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/allinone/simtest"
)

// Seeds of a test run without SIM_SEEDS, and the time they may take: a slow machine plays fewer, never none.
const (
	seedsDefault = 2000
	timeDefault  = 20 * time.Second
)

// number reads a setting.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// SIM_SEEDS says how many seeds, SIM_FROM with which they begin, SIM_SEED plays one alone.
func TestSeeds(t *testing.T) {
	if one := number(t, "SIM_SEED", 0); one != 0 {
		counts := simtest.NewCounts()
		if f := play(t, one, simtest.Options{}, counts); f != nil {
			t.Error(f)
		}
		t.Log(counts)
		return
	}
	from, n := number(t, "SIM_FROM", 1), number(t, "SIM_SEEDS", seedsDefault)
	began := time.Now()
	bounded := os.Getenv("SIM_SEEDS") == ""
	all := simtest.NewCounts()
	var mu sync.Mutex
	next, failed := from, 0
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) { // seeds are spread; each is played by one thread
		running.Go(func() {
			counts := simtest.NewCounts()
			for {
				mu.Lock()
				seed := next
				next++
				over := seed >= from+n || failed >= 3 || bounded && time.Since(began) > timeDefault
				mu.Unlock()
				if over {
					break
				}
				if f := play(t, seed, simtest.Options{}, counts); f != nil {
					t.Error(f)
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.Add(counts)
		})
	}
	running.Wait()
	took := time.Since(began)
	t.Logf("%s; %s, %.0f seeds a second; 0 failures bound the rate of failing seeds at %.5f", all, took.Round(time.Millisecond), float64(all.Seeds)/took.Seconds(), 3/float64(max(all.Seeds, 1)))
	if all.Seeds < 500 {
		t.Logf("too few seeds to ask whether everything occurred")
		return
	}
	for _, what := range all.Never() {
		if reason, ok := unreached[what]; ok {
			t.Logf("%s did not occur: %s", what, reason)
			continue
		}
		t.Errorf("%s never occurred in %d seeds: the scripts do not reach it (services/allinone/simtest)", what, all.Seeds)
	}
}

// unreached are what no script reaches yet, each with its reason.
var unreached = map[string]string{
	"event jieli.bond.allocated.v1":           "the simulated enterprises have private ids, an allocation wants a unified social credit code",
	"event jieli.bond.allocation_released.v1": "as allocated",
	"event jieli.bond.clock_breached.v1":      "a step's working days pass in few scripts",
	"event jieli.bond.clock_computed.v1":      "as clock_breached",
}

func play(t *testing.T, seed uint64, o simtest.Options, counts *simtest.Counts) *simtest.Failure {
	f, err := simtest.Run(seed, o, counts)
	if err != nil {
		t.Error(err)
	}
	return f
}

// past are seeds that once failed, with what they had found.
var past = []struct {
	seed uint64
	what string
}{
	{28, "a snapshot of a partition without commits made every later start refuse to serve"},
}

func TestPastFailures(t *testing.T) {
	for _, p := range past {
		if f := play(t, p.seed, simtest.Options{}, simtest.NewCounts()); f != nil {
			t.Errorf("%s:\n%s", p.what, f)
		}
	}
}

// A wrong behaviour is found, and its seed says the same again.
func TestPlantedIsFoundAndReplayed(t *testing.T) {
	for _, planted := range []string{simtest.PlantedNoCompare, simtest.PlantedLostAck} {
		t.Run(planted, func(t *testing.T) {
			found := 0
			for seed := uint64(1); seed <= 500 && found < 5; seed++ {
				f := play(t, seed, simtest.Options{Planted: planted}, simtest.NewCounts())
				if f == nil {
					continue
				}
				again := play(t, seed, simtest.Options{Planted: planted}, simtest.NewCounts())
				if fmt.Sprint(again) != fmt.Sprint(f) {
					t.Fatalf("the seed replayed says something else:\n%s\n%s", f, again)
				}
				t.Logf("found by seed %d: %s; its script of %d lines shrunk to %d", seed, f.What, f.Actions, len(f.Script))
				found++
			}
			if found == 0 {
				t.Fatal("500 seeds did not find it")
			}
		})
	}
}
