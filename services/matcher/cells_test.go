package matcher

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// twoDays are two rule sets, the second from 1 April 2026 in Beijing, with weights and parameters that differ as much as they may.
func twoDays(t testing.TB, d dice) *RuleSets {
	t.Helper()
	data, err := fs.ReadFile(contracts.Rules(), "matching.2024-06-28.json")
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Replace(string(data), `"effective_to": null`, `"effective_to": "2026-03-31"`, 1)
	after := strings.NewReplacer("matching.2024-06-28", "matching.2026-04-01", `"effective_from": "2024-06-28"`, `"effective_from": "2026-04-01"`).Replace(string(data))
	for _, name := range []string{"size_fit", "term_fit", "region", "industry", "stage", "price", "appetite", "early", "small", "long_term", "hard_tech", "policy_tool"} {
		at := strings.Index(after, `"`+name+`": `) + len(name) + 4
		end := at + strings.IndexAny(after[at:], ",\n")
		after = after[:at] + strconv.Itoa([]int{0, 1, 7, 33, 1000}[d.below(5)]) + after[end:]
	}
	for _, name := range []string{"neutral_percent", "size_centre_percent", "size_doubling_percent", "county", "prefecture", "province", "national", "section", "division", "group", "stage_adjacent_percent", "stage_leg_percent", "small_min_ticket_percent"} {
		at := strings.Index(after, `"`+name+`": `) + len(name) + 4
		end := at + strings.IndexAny(after[at:], ",\n }")
		after = after[:at] + strconv.Itoa([]int{0, 13, 50, 99, 100}[d.below(5)]) + after[end:]
	}
	rules, err := LoadRules(fstest.MapFS{"matching.2024-06-28.json": {Data: []byte(before)}, "matching.2026-04-01.json": {Data: []byte(after)}})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// pairIndex changes two indexes alike. In a crowd most rows are of one cell, which is then sorted into blocks.
type pairIndex struct {
	a, b  Index
	crowd bool
}

func (p pairIndex) each(change func(Index)) { change(p.a); change(p.b) }

// step makes one random change.
func (p pairIndex) step(d dice, n, ids int) {
	id := strconv.Itoa(d.below(ids))
	switch d.below(12) {
	case 0:
		p.each(func(x Index) { x.RemoveOffer("o" + id) })
	case 1:
		p.each(func(x Index) { x.RemoveDemand("d" + id) })
	case 2, 3:
		s := OfferStanding{Version: uint64(n), Paused: d.below(8) == 0, Suspended: d.below(8) == 0, Reserved: one(d, amountPool) / 2, Committed: one(d, amountPool) / 4}
		p.each(func(x Index) { x.StandOffer("o"+id, s) })
	case 4, 5:
		s := DemandStanding{Version: uint64(n), TermsVersion: 1, Held: one(d, amountPool) / 2, Filled: one(d, amountPool) / 4}
		p.each(func(x Index) { x.StandDemand("d"+id, s) })
	case 6, 7, 8:
		e := demandFrom(d, "d"+id)
		if p.crowd && d.below(8) > 0 {
			e.Region, e.Instruments[0], e.Amount.Currency = "440305", "credit_loan", "CNY"
		}
		demand := NewDemand(e, uint64(n))
		p.each(func(x Index) { x.PutDemand(demand) })
	default:
		e := offerFrom(d, "o"+id)
		if p.crowd && d.below(8) > 0 {
			e.Instrument, e.Facts.Region, e.Capacity.Currency = "credit_loan", "440305", "CNY"
			e.Eligibility = slices.DeleteFunc(e.Eligibility, func(c events.Clause) bool { return c.Field == events.FieldRegion || c.Field == events.FieldIndustry })
		}
		o := NewOffer(e, uint64(n))
		p.each(func(x Index) { x.PutOffer(o) })
	}
}

// compare asks both the same and reports what differs.
func (p pairIndex) compare(d dice) error {
	at, k := asOfFrom(d), one(d, []int{1, 2, 5, 20, 200})
	demand := NewDemand(demandFrom(d, "asked"), 1)
	gotTop, gotN := p.a.Top(demand, at, k)
	wantTop, wantN := p.b.Top(demand, at, k)
	if gotN != wantN || !slices.Equal(rankedAs(gotTop), rankedAs(wantTop)) || !slices.Equal(rankedAs(p.a.Best(demand, at, k)), rankedAs(wantTop)) {
		return fmt.Errorf("top %d of %+v at %s:\n got %d %v\nbest %v\nwant %d %v", k, demand, at, gotN, rankedAs(gotTop), rankedAs(p.a.Best(demand, at, k)), wantN, rankedAs(wantTop))
	}
	for i := range gotTop {
		if g, w := gotTop[i], wantTop[i]; g.Version != w.Version || g.Party != w.Party || g.Instrument != w.Instrument {
			return fmt.Errorf("place %d is %+v, not %+v", i, g, w)
		}
	}
	offer := NewOffer(offerFrom(d, "asked"), 1)
	gotLeads, gotN := p.a.Leads(offer, at, k)
	wantLeads, wantN := p.b.Leads(offer, at, k)
	if gotN != wantN || !slices.Equal(leadsAs(gotLeads), leadsAs(wantLeads)) || !slices.Equal(leadsAs(p.a.BestLeads(offer, at, k)), leadsAs(wantLeads)) {
		return fmt.Errorf("leads %d of %+v at %s:\n got %d %v\nwant %d %v", k, offer, at, gotN, leadsAs(gotLeads), wantN, leadsAs(wantLeads))
	}
	for i := range gotLeads {
		if g, w := gotLeads[i], wantLeads[i]; g.Version != w.Version || g.TermsVersion != w.TermsVersion || g.Enterprise != w.Enterprise {
			return fmt.Errorf("lead %d is %+v, not %+v", i, g, w)
		}
	}
	if p.a.Offers() != p.b.Offers() || p.a.Demands() != p.b.Demands() {
		return fmt.Errorf("%d offers and %d demands, not %d and %d", p.a.Offers(), p.a.Demands(), p.b.Offers(), p.b.Demands())
	}
	return nil
}

func TestCellsAgreeWithReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := rapidDice{rt}
		rules := twoDays(t, d)
		p := pairIndex{a: NewCells(rules), b: NewReference(rules)}
		for n := range 1 + d.below(40) {
			p.step(d, n+1, 20)
		}
		for range 3 {
			if err := p.compare(d); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// TestCellsAgreeWithReferenceAmongMany has worlds large enough for sorted blocks, on both sides of a change of rules and while blocks
// are being sorted. JIELI_SEED replays one.
func TestCellsAgreeWithReferenceAmongMany(t *testing.T) {
	seeds := []uint64{1, 2, rand.Uint64()}
	if s := os.Getenv("JIELI_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{n}
	}
	for _, seed := range seeds {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			t.Logf("JIELI_SEED=%d", seed)
			d := seeded(seed)
			rules := twoDays(t, d)
			cells := NewCells(rules)
			p := pairIndex{cells, NewReference(rules), true}
			const steps, ids = 9_000, 3_000
			for n := range steps {
				p.step(d, n+1, ids)
				if n%150 == 0 {
					if err := p.compare(d); err != nil {
						t.Fatalf("after %d steps: %v", n+1, err)
					}
				}
			}
			cells.Settle()
			// What is forgotten and built again answers the same.
			again := NewCells(rules)
			p.b.EachDemand(func(h HeldDemand) bool { again.PutDemand(h.Demand()); return true })
			for _, i := range instrumentPool {
				for _, c := range []string{"CNY", "USD"} {
					p.b.EachOffer([]string{i}, c, func(h HeldOffer) bool { again.PutOffer(h.Offer()); return true })
				}
			}
			for range 60 {
				if err := p.compare(d); err != nil {
					t.Fatal(err)
				}
				if err := (pairIndex{again, p.b, true}).compare(d); err != nil {
					t.Fatalf("built again: %v", err)
				}
			}
			packed := 0
			for _, s := range cells.shelves.Load().offers {
				for _, c := range s.cells {
					packed += c.packed
				}
			}
			if packed < 10 {
				t.Fatalf("only %d blocks were sorted: the world tests too little", packed)
			}
		})
	}
}

// TestReadersSeeWholeChanges has readers beside a writer that moves every offer between two states; no answer mixes parts of a change.
func TestReadersSeeWholeChanges(t *testing.T) {
	rules := rulesFor(t)
	x := NewCells(rules)
	demand := NewDemand(plainDemand("d"), 1)
	full, none := OfferStanding{Version: 1}, OfferStanding{Version: 2, Reserved: 100_000_000_00}
	const n = 500
	for i := range n {
		x.PutOffer(NewOffer(plainOffer(fmt.Sprintf("o-%04d", i)), 1))
	}
	stop, done := make(chan struct{}), make(chan string, 3)
	for range cap(done) {
		go func() {
			for {
				select {
				case <-stop:
					done <- ""
					return
				default:
				}
				// Offers become unavailable in ascending order and available again in ascending order: the best is never in a gap.
				ranked, eligible := x.Top(demand, instantPool[0], 3)
				for i := range ranked {
					if o := ranked[i].Offer(); o.Version != 1 || o.Reserved != 0 || o.ID != ranked[i].ID {
						done <- fmt.Sprintf("ranked %s, held %s version %d with %d reserved", ranked[i].ID, o.ID, o.Version, o.Reserved)
						return
					}
				}
				if len(ranked) != min(3, eligible) {
					done <- fmt.Sprintf("%d ranked of %d", len(ranked), eligible)
					return
				}
			}
		}()
	}
	for round := range 2 {
		for i := range n {
			id := fmt.Sprintf("o-%04d", i)
			x.StandOffer(id, none)
			if round == 1 {
				x.RemoveOffer(id)
				x.PutOffer(NewOffer(plainOffer(id), 1))
			}
			x.StandOffer(id, full)
		}
	}
	close(stop)
	for range cap(done) {
		if fault := <-done; fault != "" {
			t.Error(fault)
		}
	}
	x.Settle()
}

// TestScalesKeepOrder holds every scale to the order of its numbers, and the comparison of eight bytes to the comparison of one.
func TestScalesKeepOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Min(0).Draw(t, "a"), rapid.Int64Min(0).Draw(t, "b")
		a, b = a>>rapid.IntRange(0, 62).Draw(t, "by"), b>>rapid.IntRange(0, 62).Draw(t, "by")
		if a > b {
			a, b = b, a
		}
		if scaleAmount(a) > scaleAmount(b) || scaleMonths(int32(min(a, 600))) > scaleMonths(int32(min(b, 600))) || scalePrice(a) > scalePrice(b) {
			t.Fatalf("%d and %d", a, b)
		}
		if p := scaleAmount(a); float64(a) > scaleCeiling(p) || float64(a)*(1+1e-12) < scaleFloor(p) || int64(p>>2) != octave(a) {
			t.Fatalf("%d is not between %g and %g", a, scaleFloor(p), scaleCeiling(p))
		}
		var x, y column
		for lane := range lanesPerBlock {
			x.set(lane, rapid.Uint8().Draw(t, "x"))
			y.set(lane, rapid.Uint8().Draw(t, "y"))
		}
		for i := range x {
			ge, z := gather(notBelow(x[i], y[i])), gather(zero(x[i]&^y[i]))
			for j := range 8 {
				p, q := x.get(8*i+j), y.get(8*i+j)
				if ge>>j&1 == 1 != (p >= q) || z>>j&1 == 1 != (p&^q == 0) {
					t.Fatalf("%d and %d", p, q)
				}
			}
		}
	})
}

// TestNodesTellTheirPlace holds what the cells read off a node to what the lists say.
func TestNodesTellTheirPlace(t *testing.T) {
	for _, e := range codes.AllIndustries() {
		p := pathOfIndustry(e.Code)
		if got := pathOfNode(p[p.depth()-1]); got != p {
			t.Fatalf("%s: %x, not %x", e.Code, got, p)
		}
		if s := sectionOf(p[0]); s < 1 || s > 20 {
			t.Fatalf("section of %s is %d", e.Code, s)
		}
	}
	for _, e := range codes.AllRegions() {
		p, _ := pathOfRegion(e.Code)
		for _, n := range p {
			if n != 0 && p[0] != 0 && provinceOf(n) != provinceOf(p[0]) || n != 0 && p[0] == 0 {
				t.Fatalf("%s: %v", e.Code, p)
			}
		}
	}
	for _, e := range codes.AllStages() {
		if e.Order < 1 || e.Order > 5 {
			t.Fatalf("stage %s has order %d: sets of stages outgrow 64 bits", e.Code, e.Order)
		}
	}
	if n := len(codes.AllInstruments()); n > 63 {
		t.Fatalf("%d instruments outgrow a word", n)
	}
}

func TestWriterGivesMemoryBack(t *testing.T) {
	x := NewCells(rulesFor(t))
	for n := range 15_000 {
		o := plainOffer(strconv.Itoa(n % 500))
		o.Title = strings.Repeat("标题", 20) + strconv.Itoa(n)
		x.PutOffer(NewOffer(o, uint64(n)))
	}
	x.Settle()
	m := x.Memory()
	if total := m.Documents + m.Rows + m.Blocks + m.IDs + m.Words; total > 500*4096 {
		t.Fatalf("500 offers take %d bytes after 15,000 changes: %+v", total, m)
	}
	for n := range 500 {
		x.RemoveOffer(strconv.Itoa(n))
	}
	if x.Offers() != 0 || len(x.OffersOf("bank-1")) != 0 {
		t.Fatal("something is left")
	}
}
