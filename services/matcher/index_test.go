package matcher

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
)

// implementations are held to be the same by one suite.
var implementations = map[string]func(*RuleSets) Index{
	"reference": func(rules *RuleSets) Index { return NewReference(rules) },
	"cells":     func(rules *RuleSets) Index { return NewCells(rules) },
}

func eachIndex(t *testing.T, test func(t *testing.T, newIndex func(*RuleSets) Index)) {
	for name, newIndex := range implementations {
		t.Run(name, func(t *testing.T) { test(t, newIndex) })
	}
}

// build makes the same random world twice: in the index and for the oracle. Some offers are replaced, changed or removed.
func build(d dice, index Index, offers int) world {
	w := world{offers: map[string]pair{}}
	for range offers {
		id := fmt.Sprintf("offer-%03d", d.below(2*offers))
		o := offerFrom(d, id)
		half := pair{o: o}
		compiled := NewOffer(o, 1)
		switch d.below(8) {
		case 0:
			half.paused = true
			compiled = compiled.with(2, func(o *OfferStanding) { o.Paused = true })
		case 1:
			half.used = o.Capacity.Minor / 2
			compiled = compiled.with(2, func(c *OfferStanding) { c.Reserved, c.Committed = half.used/2, half.used-half.used/2 })
		case 2:
			index.RemoveOffer(id)
			delete(w.offers, id)
			continue
		}
		index.PutOffer(compiled)
		w.offers[id] = half
	}
	return w
}

func rankedAs(ranked []Ranked) []events.RankedOffer {
	out := make([]events.RankedOffer, 0, len(ranked))
	for _, r := range ranked {
		out = append(out, events.RankedOffer{Offer: r.ID, Score: r.Score})
	}
	return out
}

func demandHalf(d dice, e *events.DemandPublished, at time.Time) (*Demand, pair) {
	half := pair{d: e, at: at}
	compiled := NewDemand(e, 1)
	if d.below(3) == 0 {
		half.held, half.filled = e.Amount.Minor/3, e.Amount.Minor/2
		compiled = compiled.with(2, half.held, half.filled)
	}
	return compiled, half
}

type errorer interface{ Fatalf(string, ...any) }

func checkTop(t errorer, index Index, x *oracle, w world, d *Demand, half pair, k int) int {
	ranked, eligible := index.Top(d, half.at, k)
	want, wantEligible := x.top(w, half, k)
	if eligible != wantEligible || !slices.Equal(rankedAs(ranked), want) {
		t.Fatalf("top %d of %+v at %s:\n got %d %v\nwant %d %v", k, half.d, half.at, eligible, rankedAs(ranked), wantEligible, want)
	}
	if best := index.Best(d, half.at, k); !slices.Equal(rankedAs(best), want) {
		t.Fatalf("best %v, top %v", rankedAs(best), want)
	}
	return eligible
}

func TestIndexAgreesWithOracle(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		rules, x := rulesFor(t), newOracle(t)
		rapid.Check(t, func(t *rapid.T) {
			d := rapidDice{t}
			index := newIndex(rules)
			w := build(d, index, d.below(12))
			if index.Offers() != len(w.offers) {
				t.Fatalf("index holds %d offers, not %d", index.Offers(), len(w.offers))
			}
			demand, half := demandHalf(d, demandFrom(d, "demand"), asOfFrom(d))
			checkTop(t, index, x, w, demand, half, 1+d.below(5))
		})
	})
}

// TestIndexAgreesWithOracleOnManyRows has worlds large enough that more offers fit than are asked for.
func TestIndexAgreesWithOracleOnManyRows(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		rules, x := rulesFor(t), newOracle(t)
		beyond, seeds := 0, 12
		for seed := range uint64(seeds) {
			d := seeded(seed)
			index := newIndex(rules)
			w := build(d, index, 1500)
			for range 12 {
				demand, half := demandHalf(d, demandFrom(d, "demand"), asOfFrom(d))
				if checkTop(t, index, x, w, demand, half, RecommendedMax) > RecommendedMax {
					beyond++
				}
			}
		}
		t.Logf("seeds 0 to %d, %d demands with more than %d eligible offers", seeds-1, beyond, RecommendedMax)
		if beyond < 10 {
			t.Fatalf("only %d demands had more than %d eligible offers: the worlds test too little", beyond, RecommendedMax)
		}
	})
}

// plainOffer is eligible for plainDemand.
func plainOffer(id string) *events.OfferPublished {
	o := &events.OfferPublished{ID: id, Party: "bank-1"}
	o.Instrument = "ip_pledge_loan"
	o.Capacity, o.MinTicket, o.MaxTicket = cny(100_000_000_00), cny(1_000_000_00), cny(10_000_000_00)
	o.TermMonths = &events.Months{Min: 6, Max: 36}
	o.ValidUntil = instantPool[3]
	o.Facts = events.PartyFacts{Kind: "bank", Name: "示例银行", Region: "440300"}
	return o
}

func plainDemand(id string) *events.DemandPublished {
	d := &events.DemandPublished{ID: id, Enterprise: "x-1", Region: "440305", Industry: "I6513"}
	d.Instruments = []string{"ip_pledge_loan", "credit_loan"}
	d.Amount = cny(5_000_000_00)
	d.TermMonths = &events.Months{Min: 12, Max: 24}
	d.ValidUntil = instantPool[3]
	d.Facts = events.EnterpriseFacts{Name: "示例科技有限公司", Region: "440305", Industry: "I6513", Stage: "growth", Employees: 80}
	return d
}

func cny(minor int64) events.Money { return events.Money{Minor: minor, Currency: "CNY"} }

func TestTiesAtTheBoundaryGoByID(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		index := newIndex(rulesFor(t))
		ids := make([]string, 50)
		for i := range ids {
			ids[i] = fmt.Sprintf("offer-%02d", i)
		}
		d := seeded(7)
		for _, i := range d.r.Perm(len(ids)) {
			index.PutOffer(NewOffer(plainOffer(ids[i]), 1))
		}
		for _, k := range []int{1, 2, 19, 20, 21, 49, 50, 51, TopMax + 1} {
			ranked, eligible := index.Top(NewDemand(plainDemand("d"), 1), instantPool[0], k)
			if eligible != len(ids) || len(ranked) != min(k, len(ids)) {
				t.Fatalf("k %d: %d places of %d eligible", k, len(ranked), eligible)
			}
			for i, r := range ranked {
				if r.ID != ids[i] || r.Score != ranked[0].Score {
					t.Fatalf("k %d: place %d is %s with %d", k, i, r.ID, r.Score)
				}
			}
		}
		if ranked, eligible := index.Top(NewDemand(plainDemand("d"), 1), instantPool[0], 0); ranked != nil || eligible != 0 {
			t.Fatalf("no place was asked for, got %v of %d", ranked, eligible)
		}
	})
}

func TestTopNeverGivesMoreThanItsBound(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		index := newIndex(rulesFor(t))
		for i := range TopMax + 5 {
			index.PutOffer(NewOffer(plainOffer(fmt.Sprintf("offer-%03d", i)), 1))
		}
		ranked, eligible := index.Top(NewDemand(plainDemand("d"), 1), instantPool[0], 1<<30)
		if len(ranked) != TopMax || eligible != TopMax+5 {
			t.Fatalf("%d places of %d eligible", len(ranked), eligible)
		}
	})
}

func TestAnOfferMovesBetweenGroups(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		index := newIndex(rulesFor(t))
		o := plainOffer("o")
		index.PutOffer(NewOffer(o, 1))
		index.PutOffer(NewOffer(plainOffer("p"), 1))
		moved := *o
		moved.Capacity.Currency, moved.MinTicket.Currency, moved.MaxTicket.Currency = "USD", "USD", "USD"
		index.PutOffer(NewOffer(&moved, 2))
		ranked, _ := index.Top(NewDemand(plainDemand("d"), 1), instantPool[0], 9)
		if len(ranked) != 1 || ranked[0].ID != "p" || index.Offers() != 2 {
			t.Fatalf("ranked %v, %d offers", rankedAs(ranked), index.Offers())
		}
	})
}

// TestJudgingChangesNothing holds the compiled forms to be immutable: readers share them with the writer.
func TestJudgingChangesNothing(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		rules := rulesFor(t)
		rapid.Check(t, func(t *rapid.T) {
			d := rapidDice{t}
			demand, offer := NewDemand(demandFrom(d, "d"), 1), NewOffer(offerFrom(d, "o"), 1)
			demandBefore, offerBefore := *demand, *offer
			index := newIndex(rules)
			index.PutOffer(offer)
			at := asOfFrom(d)
			first, n := index.Top(demand, at, 3)
			rules.Explain(demand, offer, at)
			offer.with(2, func(o *OfferStanding) { o.Reserved++; o.Paused = true })
			offer.Amended(&events.OfferAmended{OfferTerms: offerFrom(d, "o").OfferTerms}, 3)
			demand.with(2, 1, 1)
			demand.Amended(&events.DemandAmended{DemandTerms: demandFrom(d, "d").DemandTerms}, 3)
			again, m := index.Top(demand, at, 3)
			if n != m || !reflect.DeepEqual(first, again) {
				t.Fatalf("asked twice: %v, then %v", first, again)
			}
			if !reflect.DeepEqual(demandBefore, *demand) || !reflect.DeepEqual(offerBefore, *offer) {
				t.Fatalf("judging changed what was judged")
			}
		})
	})
}

func TestReadersBesideTheWriter(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		index := newIndex(rulesFor(t))
		demand := NewDemand(plainDemand("d"), 1)
		stop, done := make(chan struct{}), make(chan string, 4)
		for range cap(done) {
			go func() {
				for {
					select {
					case <-stop:
						done <- ""
						return
					default:
					}
					ranked, eligible := index.Top(demand, instantPool[0], 5)
					for i := 1; i < len(ranked); i++ {
						if worse(ranked[i-1], ranked[i]) || eligible < len(ranked) {
							done <- fmt.Sprintf("out of order: %v of %d", rankedAs(ranked), eligible)
							return
						}
					}
				}
			}()
		}
		d := seeded(3)
		for i := range 5_000 {
			id := fmt.Sprintf("offer-%02d", d.below(40))
			if d.below(3) == 0 {
				index.RemoveOffer(id)
			} else {
				index.PutOffer(NewOffer(plainOffer(id), uint64(i+1)))
			}
		}
		close(stop)
		for range cap(done) {
			if fault := <-done; fault != "" {
				t.Error(fault)
			}
		}
	})
}

// BenchmarkTop10k: one demand against 10,000 offers of all instruments, and against 10,000 of its own instrument of which most fit.
func BenchmarkTop10k(b *testing.B) {
	rules := rulesFor(b)
	mixed := NewReference(rules)
	d := seeded(1)
	for i := range 10_000 {
		mixed.PutOffer(NewOffer(offerFrom(d, fmt.Sprintf("offer-%05d", i)), 1))
	}
	same := NewReference(rules)
	for i := range 10_000 {
		o := plainOffer(fmt.Sprintf("offer-%05d", i))
		o.Eligibility = []events.Clause{
			{Field: events.FieldRegion, Op: events.OpIn, Values: []string{"440000", "110000"}},
			{Field: events.FieldIndustry, Op: events.OpIn, Values: []string{"I", "C39"}},
			{Field: events.FieldEmployees, Op: events.OpMax, Number: new(int64(20 + d.below(400)))},
		}
		o.Appetite = []events.Preference{preferenceFrom(d), preferenceFrom(d), preferenceFrom(d)}
		same.PutOffer(NewOffer(o, 1))
	}
	demand := NewDemand(plainDemand("d"), 1)
	for _, c := range []struct {
		name  string
		index Index
	}{{"mixed", mixed}, {"one-instrument", same}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			eligible := 0
			for b.Loop() {
				_, eligible = c.index.Top(demand, instantPool[0], RecommendedMax)
			}
			b.ReportMetric(float64(eligible), "eligible")
		})
	}
}
