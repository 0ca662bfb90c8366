package matcher

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher/stack"
)

// financing feeds a demand for ten million and offers that each cover a part.
func financing(t *testing.T) *feed {
	t.Helper()
	f := newFeed(t)
	f.at = instantPool[2]
	offer := func(id, instrument string, least, most int64, price int, change func(*events.OfferPublished)) {
		o := plainOffer(id)
		o.Party, o.Instrument, o.MinTicket, o.MaxTicket, o.TermMonths = "party-"+id, instrument, cny(least), cny(most), nil
		o.MinPriceBP = &price
		if change != nil {
			change(o)
		}
		f.give(events.TypeOfferPublished, id, o)
	}
	equity := func(o *events.OfferPublished) { o.MinPriceBP = nil }
	offer("equity", "vc_equity", 1_000_000_00, 4_000_000_00, 0, equity)
	offer("loan", "guaranteed_loan", 500_000_00, 8_000_000_00, 400, nil)
	offer("guarantee", "guarantee", 100_000_00, 50_000_000_00, 100, nil)
	offer("elsewhere", "vc_equity", 1_000_000_00, 9_000_000_00, 0, func(o *events.OfferPublished) {
		equity(o)
		o.Eligibility = []events.Clause{{Field: events.FieldRegion, Op: events.OpIn, Values: []string{"110000"}}}
	})
	d := plainDemand("d")
	d.Instruments, d.Amount, d.TermMonths = []string{"vc_equity", "guaranteed_loan"}, cny(10_000_000_00), nil
	d.ValidUntil = instantPool[3]
	f.give(events.TypeDemandPublished, "d", d)
	return f
}

func TestStackOfADemand(t *testing.T) {
	f := financing(t)
	s, err := f.service.Stack("d", f.at)
	if err != nil {
		t.Fatal(err)
	}
	amounts := map[string]int64{}
	for _, l := range s.Layers {
		amounts[l.Offer] = l.Amount.Minor
		if l.Reasons.Zh == "" || l.Reasons.En == "" || l.Party != "party-"+l.Offer {
			t.Errorf("layer %+v", l)
		}
	}
	loan := amounts["loan"]
	if s.Covered != cny(10_000_000_00) || !s.Proved || len(amounts) != 3 || loan+amounts["equity"] != 10_000_000_00 || amounts["guarantee"] != (loan*80+99)/100 {
		t.Fatalf("%+v", s)
	}
	if s.Candidates != 3 {
		t.Errorf("%d candidates: the one that only finances Beijing is none", s.Candidates)
	}
	if want := (loan*400 + amounts["guarantee"]*100 + s.Covered.Minor - 1) / s.Covered.Minor; s.CostBP != want {
		t.Errorf("it costs %d, not %d", s.CostBP, want)
	}
	text, _ := json.Marshal(s)
	for _, want := range []string{"投贷联动", "equity with loan", "至少覆盖 80%", "at least 80 %", "stack.2024-06-28", "不是信用评分"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not said in %s", want, text)
		}
	}
	if again, _ := f.service.Stack("d", f.at); again.Covered != s.Covered || !slices.EqualFunc(again.Layers, s.Layers, func(a, b StackLayer) bool { return a.Offer == b.Offer && a.Amount == b.Amount }) {
		t.Error("the same question has another answer")
	}

	// What others have taken is not available, and what is left shows only roughly.
	f.give(events.TypeCapacityReserved, "equity", &events.Reserve{Reservation: "r", Demand: "x", Amount: cny(97_654_321_00), Until: instantPool[3]})
	s, err = f.service.Stack("d", f.at)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Layers {
		if l.Offer == "equity" && l.Amount != cny(2_000_000_00) {
			t.Errorf("%s of the 2,345,679 that are left, in tenths of the largest ticket 2,000,000", l.Amount)
		}
	}
	f.give(events.TypeOfferWithdrawn, "guarantee", &events.Reason{})
	if s, err = f.service.Stack("d", f.at); err != nil || slices.ContainsFunc(s.Layers, func(l StackLayer) bool { return l.Instrument == "guaranteed_loan" }) {
		t.Errorf("a guaranteed loan without a guarantee: %+v %v", s, err)
	}
	if _, err := f.service.Stack("nobody", f.at); !isProblem(err, events.ErrNotFound) {
		t.Errorf("an unknown demand: %v", err)
	}
	if _, err := f.service.Stack("d", instantPool[0].AddDate(-10, 0, 0)); !isProblem(err, events.ErrUnavailable) {
		t.Errorf("before there were rules: %v", err)
	}
}

func isProblem(err error, kind events.ProblemKind) bool {
	var p *events.Problem
	return errors.As(err, &p) && p.Type == events.ProblemPrefix+kind.Code
}

// Whatever the world, a stack is made of offers that fit the demand but for its size, within ticket and capacity, and never brings
// more than is open nor less than is of use.
func TestStackOfAnyWorld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDice{t}
		f := newFeed(t)
		f.at = instantPool[1]
		for i := range 12 {
			o := offerFrom(d, "offer-"+string(rune('a'+i)))
			f.give(events.TypeOfferPublished, o.ID, o)
		}
		demand := demandFrom(d, "demand")
		f.give(events.TypeDemandPublished, "demand", demand)
		s, err := f.service.Stack("demand", f.at)
		if isProblem(err, events.ErrMoney) && demand.Amount.Minor > stack.AmountMax {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		held, _ := f.service.Demand("demand")
		part := *held
		part.minAmount = 1
		var covered int64
		for _, l := range s.Layers {
			o, ok := f.service.index.Offer(l.Offer)
			if !ok || l.Amount.Minor < o.rec.minTicket || l.Amount.Minor > min(o.rec.maxTicket, o.rec.remaining) {
				t.Fatalf("layer %+v of %+v", l, o)
			}
			if l.Support == "" {
				covered += l.Amount.Minor
				if !f.service.rules.Explain(&part, o, f.at).Eligible {
					t.Fatalf("%s does not fit", l.Offer)
				}
			}
		}
		if covered != s.Covered.Minor || covered > s.Open.Minor || len(s.Layers) > 0 && covered < s.Least.Minor || !s.Proved {
			t.Fatalf("it covers %d: %+v", covered, s)
		}
	})
}
