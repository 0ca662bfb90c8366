package matcher

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
)

// needed is the demand's half of a pair, as it stands in an index.
type needed map[string]pair

// fill puts random demands into an index, and keeps what the oracle needs of them. Some are changed, replaced or removed.
func fill(d dice, index Index, demands int) needed {
	w := needed{}
	for range demands {
		id := fmt.Sprintf("demand-%03d", d.below(2*demands))
		e := demandFrom(d, id)
		half := pair{d: e}
		index.PutDemand(NewDemand(e, 1))
		switch d.below(6) {
		case 0:
			index.RemoveDemand(id)
			delete(w, id)
			continue
		case 1:
			half.held, half.filled = e.Amount.Minor/3, e.Amount.Minor/2
			index.StandDemand(id, DemandStanding{Version: 2, TermsVersion: 1, Held: half.held, Filled: half.filled})
		}
		w[id] = half
	}
	return w
}

// leads are the demands that the oracle finds for an offer.
func (x *oracle) leads(w needed, half pair, k int) (ranked []events.RankedOffer, eligible int) {
	for id, d := range w {
		p := half
		p.d, p.held, p.filled = d.d, d.held, d.filled
		if x.eligible(p) {
			score, _ := x.score(p)
			ranked = append(ranked, events.RankedOffer{Offer: id, Score: score})
		}
	}
	slices.SortFunc(ranked, func(a, b events.RankedOffer) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Offer, b.Offer))
	})
	return ranked[:min(k, len(ranked))], len(ranked)
}

func leadsAs(leads []Lead) []events.RankedOffer {
	out := make([]events.RankedOffer, 0, len(leads))
	for _, l := range leads {
		out = append(out, events.RankedOffer{Offer: l.ID, Score: l.Score})
	}
	return out
}

func checkLeads(t errorer, index Index, x *oracle, w needed, o *Offer, half pair, k int) {
	leads, eligible := index.Leads(o, half.at, k)
	want, wantEligible := x.leads(w, half, k)
	if eligible != wantEligible || !slices.Equal(leadsAs(leads), want) {
		t.Fatalf("leads %d of %+v at %s:\n got %d %v\nwant %d %v", k, half.o, half.at, eligible, leadsAs(leads), wantEligible, want)
	}
	if best := index.BestLeads(o, half.at, k); !slices.Equal(leadsAs(best), want) {
		t.Fatalf("best leads %v, leads %v", leadsAs(best), want)
	}
}

func TestLeadsAgreeWithOracle(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		rules, x := rulesFor(t), newOracle(t)
		rapid.Check(t, func(t *rapid.T) {
			d := rapidDice{t}
			index := newIndex(rules)
			w := fill(d, index, d.below(12))
			if index.Demands() != len(w) {
				t.Fatalf("index holds %d demands, not %d", index.Demands(), len(w))
			}
			e := offerFrom(d, "offer")
			checkLeads(t, index, x, w, NewOffer(e, 1), pair{o: e, at: asOfFrom(d)}, 1+d.below(5))
		})
		d := seeded(11)
		index := newIndex(rules)
		w := fill(d, index, 1500)
		for range 40 {
			e := offerFrom(d, "offer")
			e.Eligibility = e.Eligibility[:min(1, len(e.Eligibility))]
			checkLeads(t, index, x, w, NewOffer(e, 1), pair{o: e, at: asOfFrom(d)}, RecommendedMax)
		}
	})
}

// TestHeldIsWhatWasPut holds every way to find what an index holds to what was put in.
func TestHeldIsWhatWasPut(t *testing.T) {
	eachIndex(t, func(t *testing.T, newIndex func(*RuleSets) Index) {
		rules := rulesFor(t)
		rapid.Check(t, func(t *rapid.T) {
			d := rapidDice{t}
			index := newIndex(rules)
			offers, demands := map[string]*Offer{}, map[string]*Demand{}
			for i := range 1 + d.below(8) {
				o, e := NewOffer(offerFrom(d, fmt.Sprint("o-", d.below(9))), uint64(i)), NewDemand(demandFrom(d, fmt.Sprint("d-", d.below(9))), uint64(i))
				index.PutOffer(o)
				index.PutDemand(e)
				if d.below(2) == 0 {
					os := OfferStanding{Version: 9, Paused: d.below(2) == 0, Suspended: d.below(2) == 0, Reserved: 5, Committed: 7}
					ds := DemandStanding{Version: 8, TermsVersion: 3, Held: 1, Filled: 2}
					o, e = o.standing(os), e.standing(ds)
					index.StandOffer(o.ID, os)
					index.StandDemand(e.ID, ds)
				}
				offers[o.ID], demands[e.ID] = o, e
			}
			index.StandOffer("nobody", OfferStanding{})
			index.StandDemand("nobody", DemandStanding{})
			index.RemoveOffer("nobody")
			index.RemoveDemand("nobody")
			for id, want := range offers {
				got, ok := index.Offer(id)
				s, known := index.OfferStanding(id)
				if !ok || !known || s != want.OfferStanding || !reflect.DeepEqual(got, want) {
					t.Fatalf("offer %s is %+v, not %+v", id, got, want)
				}
				if !slices.Contains(index.OffersOf(want.Party), id) {
					t.Fatalf("%s is not among the offers of %s", id, want.Party)
				}
				found := 0
				list := []string{want.Terms.Instrument, want.Terms.Instrument}
				index.EachOffer(list, want.Terms.Capacity.Currency, func(h HeldOffer) bool {
					if o := h.Offer(); o.ID == id {
						found++
						if !reflect.DeepEqual(o, want) || *h.rec != want.rec {
							t.Fatalf("visited as %+v, not %+v", o, want)
						}
					}
					return true
				})
				if found != 1 {
					t.Fatalf("%s visited %d times", id, found)
				}
			}
			visited := 0
			index.EachDemand(func(h HeldDemand) bool {
				visited++
				if !reflect.DeepEqual(h.Demand(), demands[h.ID]) || h.Standing != demands[h.ID].DemandStanding {
					t.Fatalf("visited %+v, not %+v", h.Demand(), demands[h.ID])
				}
				return true
			})
			for id, want := range demands {
				got, ok := index.Demand(id)
				s, known := index.DemandStanding(id)
				if !ok || !known || s != want.DemandStanding || !reflect.DeepEqual(got, want) {
					t.Fatalf("demand %s is %+v, not %+v", id, got, want)
				}
			}
			_, offer := index.Offer("nobody")
			_, demand := index.Demand("nobody")
			if visited != len(demands) || index.Demands() != len(demands) || index.Offers() != len(offers) || offer || demand || len(index.OffersOf("nobody")) > 0 {
				t.Fatalf("%d demands visited, %d held, %d offers held", visited, index.Demands(), index.Offers())
			}
		})
	})
}
