package linear

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// offer is the model of an offer's capacity, in yuan.
type offer struct {
	version             uint64
	reserved            string // "\nr1=300\n..." in order
	taken               int64  // reserved
	committed, capacity int64
	status              string
}

func (o offer) find(key string) (amount int64, found bool) {
	_, rest, found := strings.Cut(o.reserved, "\n"+key+"=")
	if found {
		_, err := fmt.Sscan(rest, &amount)
		found = err == nil
	}
	return amount, found
}

func (o offer) put(key string, amount int64) offer {
	o.reserved = sorted(append(strings.SplitAfter(o.reserved, "\n"), fmt.Sprintf("%s=%d\n", key, amount)))
	o.taken += amount
	return o
}

func (o offer) drop(key string, amount int64) offer {
	o.reserved = sorted(strings.SplitAfter(strings.Replace(o.reserved, fmt.Sprintf("\n%s=%d\n", key, amount), "\n", 1), "\n"))
	o.taken -= amount
	return o
}

func refused(o sequential, kind events.ProblemKind) (sequential, answer) {
	return o, answer{problem: kind.Code}
}

func (o offer) happened(n int) (sequential, answer) {
	o.version += uint64(n)
	return o, answer{version: o.version, events: n}
}

// step is what the decisions of an offer say, one command after another.
func (o offer) step(c *command) (sequential, answer) {
	if o.status != "" {
		return refused(o, events.ErrState)
	}
	amount, known := o.find(c.key)
	switch c.what {
	case "reserve":
		switch {
		case known && amount == c.amount:
			return o.happened(0)
		case known:
			return refused(o, events.ErrExists)
		case c.amount > o.capacity-o.taken-o.committed:
			return refused(o, events.ErrCapacity)
		}
		return o.put(c.key, c.amount).happened(1)
	case "release":
		if !known {
			return refused(o, events.ErrNotFound)
		}
		return o.drop(c.key, amount).happened(1)
	case "commit":
		switch {
		case !known:
			return refused(o, events.ErrNotFound)
		case c.amount > amount:
			return refused(o, events.ErrCapacity)
		}
		n := 1
		o = o.drop(c.key, amount)
		if o.committed += c.amount; o.committed == o.capacity {
			o.status = "exhausted"
			n++
		}
		return o.happened(n)
	case "withdraw":
		n := strings.Count(o.reserved, "=") + 1
		o.reserved, o.taken, o.status = "", 0, "withdrawn"
		return o.happened(n)
	}
	panic(c.what)
}

// offers publishes the entities of one history and returns how commands on them are made.
func (w *world) offers(history, n int) func(r *rand.Rand) *command {
	for i := range entities {
		w.do("/v1/offers", map[string]any{"id": offerID(history, i), "party": "bank-1", "instrument": "credit_loan", "title": "示例",
			"capacity": money(capacity), "min_ticket": money(1), "max_ticket": money(capacity), "valid_until": time.Now().AddDate(0, 3, 0).UTC().Format(time.RFC3339)})
	}
	until := time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339)
	given := &recent{}
	return func(r *rand.Rand) *command {
		if c := given.again(r); c != nil {
			return c
		}
		c := &command{entity: offerID(history, r.IntN(entities)), id: events.NewUUID7(time.Now()).String(), key: fmt.Sprint("r", r.IntN(8)), amount: int64(1+r.IntN(4)) * 100}
		switch k := r.IntN(100); {
		case k < 50:
			c.what, c.body = "reserve", map[string]any{"reservation": c.key, "demand": "demand-1", "amount": money(c.amount), "until": until}
		case k < 80:
			c.what, c.body = "release", map[string]any{"reservation": c.key, "reason": "released"}
		case k < 99 || r.IntN(n/100+1) > 0:
			c.amount = int64(r.IntN(3)) * 50
			if c.amount == 0 {
				c.amount = 1
			}
			c.what, c.body = "commit", map[string]any{"reservation": c.key, "amount": money(c.amount)}
		default:
			c.what, c.body = "withdraw", map[string]any{"reason": "示例"}
		}
		given.add(c)
		return c
	}
}

const capacity = 1500

func offerID(history, i int) string { return fmt.Sprintf("offer-%d-%d", history, i) }

// TestOffers: reserve, release, commit and withdraw on offers, commands repeated under their ids; over good connections, and over some
// that are cut all the time.
func TestOffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("/v1/parties", map[string]any{"id": "bank-1", "kind": "bank", "name": "示例科技银行", "region": "330100",
		"licences": []any{map[string]any{"licence": "bank", "number": "B0001", "valid_from": "2020-01-01"}}})
	w.histories("offers", w.offers, offer{version: 1, capacity: capacity})
	w.verify()
}
