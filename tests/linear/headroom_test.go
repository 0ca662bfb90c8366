package linear

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// borrower is the model of an enterprise's headroom for debt from abroad, in yuan. Its contracts are in yuan and longer than a year:
// what is drawn weighs once.
type borrower struct {
	version uint64
	draws   string           // "\nd1=300/200\n...": drawn and outstanding, in order
	drawn   [contracts]int64 // of each contract, repaid or not
	used    int64
}

func (b borrower) find(key string) (amount, outstanding int64, found bool) {
	_, rest, found := strings.Cut(b.draws, "\n"+key+"=")
	if found {
		_, err := fmt.Sscanf(rest, "%d/%d", &amount, &outstanding)
		found = err == nil
	}
	return amount, outstanding, found
}

func (b borrower) happened(n int) (sequential, answer) {
	b.version += uint64(n)
	return b, answer{version: b.version, events: n}
}

// step is what the decisions of a borrower say, one command after another.
func (b borrower) step(c *command) (sequential, answer) {
	amount, outstanding, known := b.find(c.key)
	switch c.what {
	case "draw":
		switch {
		case known && amount == c.amount:
			return b.happened(0)
		case known:
			return refused(b, events.ErrExists)
		case c.amount > limit-b.drawn[contractOf(c.key)], b.used+c.amount > limit:
			return refused(b, events.ErrCapacity)
		}
		b.draws = sorted(append(strings.SplitAfter(b.draws, "\n"), fmt.Sprintf("%s=%d/%d\n", c.key, c.amount, c.amount)))
		b.drawn[contractOf(c.key)] += c.amount
		b.used += c.amount
		return b.happened(1)
	case "repay":
		switch {
		case !known:
			return refused(b, events.ErrNotFound)
		case c.amount > outstanding:
			return refused(b, events.ErrCapacity)
		}
		b.draws = strings.Replace(b.draws, fmt.Sprintf("\n%s=%d/%d\n", c.key, amount, outstanding), fmt.Sprintf("\n%s=%d/%d\n", c.key, amount, outstanding-c.amount), 1)
		b.used -= c.amount
		return b.happened(1)
	}
	panic(c.what)
}

// Net assets of 1,000 yuan give a limit of 3,500 by the rules since 2025-01-13. A contract may be as large, and there are several.
const (
	netAssets = 1000
	limit     = 3500
	contracts = 5
	draws     = 30
)

// contractOf is the contract under which a draw is made.
func contractOf(draw string) int {
	n := 0
	_, err := fmt.Sscanf(draw, "d%d", &n)
	if err != nil {
		panic(err)
	}
	return n % contracts
}

// borrowers makes the entities of one history and returns how commands on them are made.
func (w *world) borrowers(history, _ int) func(r *rand.Rand) *command {
	day := func(n int) events.Date { return events.DateOf(time.Now().AddDate(0, 0, n)) }
	ids := make([]string, entities)
	for i := range ids {
		ids[i] = usccOf(history*entities + i + 1)
		w.do("/v1/enterprises", map[string]any{"id": ids[i], "name": "示例智造科技有限公司", "region": "330106", "industry": "I65", "founded": "2019-03-01", "stage": "growth"})
		w.do("/v1/crossborder", map[string]any{"id": ids[i], "kind": "firm", "route": "macro_prudential",
			"statement": map[string]any{"day": day(-200), "net_assets": money(netAssets), "document": "审字示例1号"}})
		for n := range contracts {
			w.do("/v1/crossborder/"+ids[i]+"/file", map[string]any{"contract": fmt.Sprint("c", n), "lender": "Example Capital", "lender_country": "SG", "category": "on_balance", "amount": money(limit),
				"starts": day(0), "matures": day(800), "registration": map[string]any{"number": "发改办外资备示例1号", "day": day(-30)}})
		}
	}
	given := &recent{}
	return func(r *rand.Rand) *command {
		if c := given.again(r); c != nil {
			return c
		}
		c := &command{entity: ids[r.IntN(entities)], id: events.NewUUID7(time.Now()).String(), key: fmt.Sprint("d", r.IntN(draws)), amount: int64(1+r.IntN(5)) * 100}
		c.what, c.body = "draw", map[string]any{"contract": fmt.Sprint("c", contractOf(c.key)), "draw": c.key, "amount": money(c.amount)}
		if r.IntN(100) < 40 {
			c.what = "repay"
		}
		given.add(c)
		return c
	}
}

// TestHeadroom: draws and repayments, commands repeated under their ids; over good connections, and over some that are cut all the time.
func TestHeadroom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.histories("crossborder", w.borrowers, borrower{version: 1 + contracts})
	w.verify()
}
