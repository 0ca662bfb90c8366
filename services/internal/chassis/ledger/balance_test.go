package ledger_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// TestPartitionsAreShared: processes that come later get their part of the partitions, one that goes leaves its own to the others, and
// commands that are given all the while are answered once each.
func TestPartitionsAreShared(t *testing.T) {
	const partitions = 6
	onBothFor(t, 600*time.Millisecond, func(t *testing.T, b ledgertest.Opened) {
		bank := newBank(t, b, partitions)
		open := func(owner string) *node {
			return openNode(t, b, t.TempDir(), withOwner(owner), withPartitions(partitions))
		}
		nodes := []*node{open("a")}
		shares := func(want ...int) {
			t.Helper()
			eventually(t, fmt.Sprint("shares of ", want), func() bool {
				for i, n := range want {
					if nodes[i].keeper.Writes() != n {
						return false
					}
				}
				return true
			})
		}
		shares(partitions)
		var stop atomic.Bool
		var load sync.WaitGroup
		for worker := range 4 {
			load.Go(func() {
				pace := time.NewTicker(5 * time.Millisecond)
				defer pace.Stop()
				for i := 0; !stop.Load(); i++ {
					bank.must(deposit(fmt.Sprint("entity-", worker, "-", i%16), fmt.Sprint("r", i), 1))
					<-pace.C
				}
			})
		}
		nodes = append(nodes, open("b"))
		shares(3, 3)
		nodes = append(nodes, open("c"))
		shares(2, 2, 2)
		nodes[1].close()
		eventually(t, "the others write all", func() bool { return nodes[0].keeper.Writes()+nodes[2].keeper.Writes() == partitions })
		eventually(t, "equal shares again", func() bool { return nodes[0].keeper.Writes() == 3 && nodes[2].keeper.Writes() == 3 })
		stop.Store(true)
		load.Wait()
		bank.audit(b, partitions)
	})
}
