package linear

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// recent are commands given lately, some of which are given again: under the same id, by whoever comes by.
type recent struct {
	mu   sync.Mutex
	list []*command
}

func (g *recent) add(c *command) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.list = append(g.list, c); len(g.list) > 4*clients {
		g.list = g.list[1:]
	}
}

// again is one of them, for one command in eight.
func (g *recent) again(r *rand.Rand) *command {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.list) == 0 || r.IntN(8) > 0 {
		return nil
	}
	return g.list[r.IntN(len(g.list))]
}

// histories records and judges as many as are asked for, every second one over connections that are cut.
func (w *world) histories(collection string, prepare func(history, n int) func(*rand.Rand) *command, first sequential) {
	w.t.Helper()
	var commands, open, refusals, cuts int
	var recorded, judged time.Duration
	for i := range *histories {
		plan := prepare(i, *ops)
		var history []porcupine.Operation
		begun := time.Now()
		if i%2 == 0 {
			history = record(w.face(), collection, *ops, w.random, plan)
		} else {
			cuts += w.cutting(func(f *face) { history = record(f, collection, *ops, w.random, plan) })
		}
		recorded += time.Since(begun)
		begun = time.Now()
		judge(w.t, history, first)
		judged += time.Since(begun)
		commands += len(history)
		for _, o := range history {
			a := o.Output.(answer)
			if a.open {
				open++
			}
			if a.problem != "" {
				refusals++
			}
		}
	}
	if *histories > 1 && (open == 0 || refusals == 0 || refusals == commands) {
		w.t.Errorf("%d commands, %d refused, %d with an unknown outcome: the histories show too little", commands, refusals, open)
	}
	w.t.Log(fmt.Sprintf("%d histories, %d commands, %d refused, %d with an unknown outcome, connections cut %d times: each has an order; recorded in %s, judged in %s",
		*histories, commands, refusals, open, cuts, recorded.Round(time.Millisecond), judged.Round(time.Millisecond)))
}
