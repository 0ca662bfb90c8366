package topology

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// claims ask for money that is scarce: reservations of offers and draws of borrowers, more than there is. Who counts the
// acknowledgements knows whether the same money was promised twice, whatever the ledgers say of themselves.
type claims struct {
	l     *load
	taken map[string]int // by offer or borrower: claims acknowledged
	none  int            // refused, as there is nothing left
}

// claimsPerSecond are few: what matters is that they meet.
const claimsPerSecond = 5

// Of every offer and borrower: how many claims there is money for, and how many are made.
const (
	claimsMax  = 10
	claimsMade = 14
)

func (c *claims) run(ctx context.Context) {
	tick := time.NewTicker(time.Second / claimsPerSecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		body := firm(1_000_000 + n) // of its own: what it has drawn stays drawn
		offer, firm := fmt.Sprint("scarce-", n), body["id"].(string)
		path, contract := borrowers+"/"+firm, fmt.Sprint("c-", n)
		c.must(enterprises, body)
		c.must(offers, map[string]any{"id": offer, "party": "bank-1", "instrument": "credit_loan", "title": "科技信用贷", "capacity": yuan("5000000.00"),
			"min_ticket": yuan("500000.00"), "max_ticket": yuan("5000000.00"), "term_months": map[string]any{"min": 6, "max": 36}, "min_price_bp": 320, "max_price_bp": 450, "valid_until": c.l.until})
		c.must(borrowers, map[string]any{"id": firm, "kind": "firm", "route": "macro_prudential",
			"statement": map[string]any{"day": events.DateOf(time.Now().AddDate(0, 0, -200)), "net_assets": yuan("10000000.00"), "document": "审字示例1号"}})
		c.must(path+"/file", map[string]any{"contract": contract, "lender": "Example Capital", "lender_country": "SG", "category": "on_balance", "amount": yuan("35000000.00"),
			"starts": events.DateOf(time.Now()), "matures": events.DateOf(time.Now().AddDate(0, 0, 800)), "registration": map[string]any{"number": "发改办外资备示例1号", "day": events.DateOf(time.Now().AddDate(0, 0, -30))}})
		for i := range claimsMade {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			id := fmt.Sprint(n, "-", i)
			c.claim(offer, offers+"/"+offer+"/reserve", map[string]any{"reservation": "r-" + id, "demand": "demand-1", "amount": yuan("500000.00"), "until": c.l.until})
			c.claim(firm, path+"/draw", map[string]any{"contract": contract, "draw": "d-" + id, "amount": yuan("3500000.00")}) // a tenth of the limit of 35 million
		}
	}
}

func (c *claims) must(path string, body map[string]any) {
	if err := c.l.give(context.Background(), probe, path, body); err != nil {
		c.l.note(err.Error())
	}
}

// claim gives a command until it is taken or refused for good: both are acknowledgements and stand in the ledger.
func (c *claims) claim(of, path string, body map[string]any) {
	id := events.NewUUID7(time.Now()).String()
	encoded, err := json.Marshal(body)
	if err != nil {
		c.l.note(err.Error())
		return
	}
	c.l.mu.Lock()
	c.l.given[id] = false
	c.l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		status, said, err := c.l.once(ctx, path, id, encoded)
		switch {
		case err == nil && status/100 == 2:
			c.l.acknowledge(probe, id)
			c.count(of)
			return
		case err == nil && (status == http.StatusConflict || status == http.StatusUnprocessableEntity):
			c.l.acknowledge(probe, id)
			c.count("")
			return
		case err == nil && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout && status != http.StatusTooManyRequests:
			c.l.note(fmt.Sprintf("POST %s: %d %s", path, status, said))
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	c.l.note("POST " + path + ": no acknowledgement")
}

func (c *claims) count(of string) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if of == "" {
		c.none++
		return
	}
	c.taken[of]++
}

// over counts the offers and borrowers that more was acknowledged of than there is.
func (c *claims) over() (n int) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	for _, taken := range c.taken {
		if taken > claimsMax {
			n++
		}
	}
	return n
}
