// Command benchmatch measures the matcher's index beside the plain scan of the same run: questions in both directions while the
// market changes, updates, memory, growth. Sampled answers are asked of the scan again at the same position, and a difference ends
// the run. Run it as `make bench-match`, or in little with `make bench-match ARGS="-quick"`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/services/matcher"
)

// scale says how much is done.
type scale struct {
	rows, updates  int
	asked, checked int // questions timed in each direction; demands asked of the scan again
	sizes          []int
}

var (
	full  = scale{1_000_000, 1_000_000, 10_000, 10_000, []int{10_000, 100_000, 1_000_000}}
	quick = scale{20_000, 20_000, 1_000, 500, []int{2_000, 20_000}}
)

func main() {
	small := flag.Bool("quick", false, "a small market, within a minute; its figures mean little")
	rows := flag.Int("rows", 0, "offers, and as many demands, instead of the usual number")
	seed := flag.Uint64("seed", 0, "of the second market instead of a fresh one")
	flag.Parse()
	s := full
	if *small {
		s = quick
	}
	if *rows > 0 {
		s.rows, s.sizes = *rows, []int{*rows}
	}
	if *seed == 0 {
		*seed = rand.Uint64() >> 16
	}
	if err := run(s, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "benchmatch:", err)
		os.Exit(1)
	}
}

func run(s scale, fresh uint64) error {
	rules, err := matcher.LoadRules(contracts.Rules())
	if err != nil {
		return err
	}
	fmt.Printf("%d cores, %s, %s; seeds 1 and %d (-seed replays it)\n\n", runtime.NumCPU(), runtime.GOARCH, runtime.Version(), fresh)
	fmt.Println("| Seed | Offers = demands | Bytes an offer | a demand | Put p50 | p99.9 | Eligible median | Best p50 | p99 | p99.9 | Leads p50 | p99 |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	for i, n := range s.sizes {
		if err := growth(rules, s, 1, n, i == len(s.sizes)-1); err != nil {
			return err
		}
	}
	fmt.Println()
	return growth(rules, s, fresh, s.sizes[0], true)
}

// growth fills an index and asks it; the largest is changed meanwhile and compared with the scan.
func growth(rules *matcher.RuleSets, s scale, seed uint64, n int, compare bool) error {
	w := newWorld(rules, seed, n, compare)
	took, leads := make([]time.Duration, 0, s.asked), make([]time.Duration, 0, s.asked)
	var eligible []int
	for i := range s.asked {
		d := compiledDemand(w.m.demand(i % n))
		at := time.Now()
		w.cells.Best(d, asOf, matcher.RecommendedMax)
		took = append(took, time.Since(at))
		o := compiledOffer(w.m.offer(i % n))
		at = time.Now()
		w.cells.BestLeads(o, asOf, matcher.RecommendedMax)
		leads = append(leads, time.Since(at))
		if i%20 == 0 {
			_, count := w.cells.Top(d, asOf, 1)
			eligible = append(eligible, count)
		}
	}
	slices.Sort(eligible)
	fmt.Printf("| %d | %d | %d | %d | %s | %s | %d | %s | %s | %s | %s | %s |\n", seed, n, w.offerBytes, w.demandBytes, at(w.put, 0.5), at(w.put, 0.999),
		eligible[len(eligible)/2], at(took, 0.5), at(took, 0.99), at(took, 0.999), at(leads, 0.5), at(leads, 0.99))
	if !compare {
		return nil
	}
	fmt.Println()
	w.mix(s)
	return w.check(s)
}

// mix changes the market at a fixed rate (90 % of the changes take capacity, 8 % publish, 2 % withdraw) and asks meanwhile.
func (w *world) mix(s scale) {
	const rate = 20_000 // changes a second, open loop: each has its time, and waits count
	stop, done := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var took []time.Duration
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- took
				return
			default:
			}
			d := compiledDemand(w.m.demand(i * 7 % w.n))
			begun := time.Now()
			w.cells.Best(d, asOf, matcher.RecommendedMax)
			took = append(took, time.Since(begun))
		}
	}()
	late, changes := make([]time.Duration, 0, s.updates), make([]func(matcher.Index), 0, s.updates)
	begun := time.Now()
	for i := range s.updates {
		due := begun.Add(time.Duration(i) * time.Second / rate)
		c := w.next()
		for time.Now().Before(due) {
			runtime.Gosched()
		}
		c(w.cells)
		late = append(late, time.Since(due))
		changes = append(changes, c)
	}
	rated := float64(s.updates) / time.Since(begun).Seconds()
	close(stop)
	took := <-done
	for _, c := range changes { // the scan's turn, outside of what is measured
		c(w.scan)
	}
	fmt.Printf("while %d changes came (%.0f a second, due at %d): Best p50 %s, p99 %s, p99.9 %s; a change is done p50 %s, p99 %s, p99.9 %s after it is due\n",
		s.updates, rated, rate, at(took, 0.5), at(took, 0.99), at(took, 0.999), at(late, 0.5), at(late, 0.99), at(late, 0.999))
}

// check asks the scan the same at the same position.
func (w *world) check(s scale) error {
	var fast, slow []time.Duration
	for i := range s.checked {
		d := compiledDemand(w.m.demand(w.n + i))
		begun := time.Now()
		got := w.cells.Best(d, asOf, matcher.RecommendedMax)
		fast = append(fast, time.Since(begun))
		begun = time.Now()
		want := w.scan.Best(d, asOf, matcher.RecommendedMax)
		slow = append(slow, time.Since(begun))
		if !slices.EqualFunc(got, want, func(a, b matcher.Ranked) bool { return a.ID == b.ID && a.Score == b.Score && a.Version == b.Version }) {
			return errors.New("the index answers otherwise than the scan: demand " + d.ID)
		}
	}
	f, sl := quantile(fast, 0.5), quantile(slow, 0.5)
	fmt.Printf("%d demands asked of the scan again at the same position: 0 mismatches; median %s against %s: %.0f x\n", s.checked, at(fast, 0.5), at(slow, 0.5), float64(sl)/float64(max(f, 1)))
	return nil
}

func quantile(list []time.Duration, p float64) time.Duration {
	slices.Sort(list)
	return list[min(len(list)-1, int(p*float64(len(list))))]
}

func at(list []time.Duration, p float64) string {
	return fmt.Sprintf("%.1f us", float64(quantile(list, p))/1e3)
}
