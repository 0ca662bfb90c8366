package matcher

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher/stack"
)

// Stack is several offers that together cover a demand (组合融资): a proposal, nothing is reserved.
type Stack struct {
	Demand        string       `json:"demand"`
	DemandVersion uint64       `json:"demand_version"`
	Open          events.Money `json:"open"`    // still wanted
	Least         events.Money `json:"least"`   // less is of no use
	Covered       events.Money `json:"covered"` // by the layers that bring money
	Score         int          `json:"score"`   // mean of those layers' scores by amount, rounded down; not a credit score
	CostBP        int64        `json:"cost_bp"` // lowest prices of all layers, in 0.01 % of what is covered a year, rounded up; equity counts 0
	Layers        []StackLayer `json:"layers"`  // money first, best first
	Candidates    int          `json:"candidates"`
	Sets          int          `json:"sets"`   // of offers that were looked at
	Proved        bool         `json:"proved"` // nothing better can be made of the candidates
	RuleSet       string       `json:"rule_set"`
	RuleSetHash   string       `json:"rule_set_hash"`
	ScoreRuleSet  string       `json:"score_rule_set"`
	AsOf          time.Time    `json:"as_of"`
	Positions     []string     `json:"positions"`
	Notice        codes.Text   `json:"notice"`
}

// StackLayer is one offer's part of a stack.
type StackLayer struct {
	events.RankedOffer
	PartyName string       `json:"party_name"`
	Amount    events.Money `json:"amount"`
	PriceBP   *int         `json:"price_bp,omitempty"` // the offer's lowest, in 0.01 % of the instrument's price unit
	Support   string       `json:"support,omitempty"`  // the rule by which it stands behind others and brings no money
	Pairs     []string     `json:"pairs,omitempty"`    // the rules by which it stands beside others
	Reasons   codes.Text   `json:"reasons"`
}

// Candidates of a stack: the best by score, one part for what supports others where the demand needs that.
const (
	stackCandidatesMax = stack.CandidatesMax
	stackSupportsMax   = 16
)

// Stack finds the offers that together cover an open demand best. Errors are problems: not-found for a demand that is not open.
func (s *Service) Stack(demand string, asOf time.Time) (*Stack, error) {
	positions := s.Positions()
	d, ok := s.Demand(demand)
	if !ok {
		return nil, noDemand(demand)
	}
	set, ok := s.stacks.At(events.DateOf(asOf))
	if !ok {
		return nil, events.ErrUnavailable.Refusef("", "%s 没有有效的组合融资规则", "no rules for stacks are in force on %s", events.DateOf(asOf))
	}
	q := newQuery(d, s.rules, asOf)
	currency := d.Terms.Amount.Currency
	out := &Stack{
		Demand: d.ID, DemandVersion: d.Version, Open: events.Money{Minor: q.open, Currency: currency}, Least: events.Money{Minor: q.need, Currency: currency},
		Covered: events.Money{Currency: currency}, Layers: []StackLayer{}, Proved: true, RuleSet: set.ID, RuleSetHash: set.Hash, ScoreRuleSet: q.rules.ID, AsOf: asOf.UTC(), Positions: positions, Notice: notACreditScore,
	}
	if q.open > stack.AmountMax {
		return nil, events.ErrMoney.Refuse("/amount", "金额过大，无法组合", "the amount is too large to be stacked")
	}
	if q.open < 1 {
		return out, nil
	}
	offers, candidates := s.stackCandidates(d, set, asOf)
	out.Candidates = len(candidates)
	r, err := stack.Best(set, stack.Need{Open: q.open, Least: max(1, q.need), Instruments: d.instruments}, candidates, stack.StepsMax)
	if err != nil {
		return nil, fmt.Errorf("matcher: stack of %s: %w", d.ID, err)
	}
	out.Sets, out.Proved, out.Covered.Minor = r.Steps, r.Proved, r.Covered
	if r.Covered > 0 {
		out.Score, out.CostBP = int(r.Score/r.Covered), (r.Cost+r.Covered-1)/r.Covered
	}
	for i := range r.Layers {
		out.Layers = append(out.Layers, stackLayer(set, out, r.Layers, i, offers[r.Layers[i].Offer]))
	}
	return out, nil
}

// stackCandidates are the offers that the demand is eligible for if a part will do, and those that can stand behind them.
func (s *Service) stackCandidates(d *Demand, set *stack.RuleSet, asOf time.Time) (map[string]Ranked, []stack.Candidate) {
	money, supports := set.Wanted(d.instruments)
	offers := make(map[string]Ranked)
	var list []stack.Candidate
	take := func(instruments []string, most int, change func(*Demand)) {
		if len(instruments) == 0 || most == 0 {
			return
		}
		part := *d
		part.instruments, part.minAmount = instruments, 1
		change(&part)
		ranked, _ := s.index.Top(&part, asOf, most)
		for _, r := range ranked {
			if c, ok := stackCandidate(&r); ok {
				offers[c.Offer] = r
				list = append(list, c)
			}
		}
	}
	room := 0
	if len(supports) > 0 {
		room = stackSupportsMax
	}
	take(money, stackCandidatesMax-room, func(*Demand) {})
	take(supports, room, func(part *Demand) { part.maxPrice = noPrice }) // the demand's price is that of the money
	return offers, list
}

// stackCandidate is an offer as a possible layer. What is left of a capacity is nobody's business: where it is the bound, it is
// rounded down to tenths of the largest ticket, so that an amount does not tell it.
func stackCandidate(r *Ranked) (stack.Candidate, bool) {
	o := r.Offer()
	c := stack.Candidate{
		Offer: r.ID, Instrument: r.Instrument, Least: max(1, o.rec.minTicket), Most: o.rec.maxTicket, Score: int64(min(max(0, r.Score), stack.PointsMax)),
	}
	if o.rec.remaining < c.Most {
		step := max(1, c.Most/10)
		c.Most = o.rec.remaining - o.rec.remaining%step
	}
	c.Most = min(c.Most, stack.AmountMax)
	if e, ok := codes.Instrument(r.Instrument); ok && e.PriceUnit == codes.BPPerYear && o.rec.minPrice != noPrice {
		c.PriceBP = min(max(0, o.rec.minPrice), stack.PointsMax)
	}
	return c, c.Least <= c.Most
}

func stackLayer(set *stack.RuleSet, s *Stack, layers []stack.Layer, i int, r Ranked) StackLayer {
	l, o := &layers[i], r.Offer()
	amount := events.Money{Minor: l.Amount, Currency: s.Open.Currency}
	out := StackLayer{
		RankedOffer: events.RankedOffer{Offer: r.ID, Version: r.Version, Party: r.Party, Instrument: r.Instrument, Score: r.Score},
		PartyName:   o.Facts.Name, Amount: amount, PriceBP: o.Terms.MinPriceBP, Support: l.Support,
	}
	instrument := instrumentName(r.Instrument)
	zh, en := []string{instrument.Zh}, []string{instrument.En}
	say := func(chinese, english string) { zh, en = append(zh, chinese), append(en, english) }
	each := func(chinese, english string, args ...any) {
		say(fmt.Sprintf(chinese, args...), fmt.Sprintf(english, args...))
	}
	ticket := func(minor int64) events.Money { return events.Money{Minor: minor, Currency: amount.Currency} }
	if l.Support != "" {
		rule, _ := set.SupportOf(r.Instrument)
		say(fmt.Sprintf("承担 %s：%s", amount, rule.Zh), fmt.Sprintf("stands behind %s: %s", amount, rule.En))
	} else {
		each("提供 %s，占缺口的 %d%%", "brings %s, %d %% of what is open", amount, percentOf(l.Amount, s.Open.Minor))
		for j := range layers {
			if pair, ok := set.PairOf(l.Instrument, layers[j].Instrument); j != i && ok && layers[j].Support == "" && !slices.Contains(out.Pairs, pair.Pair) {
				out.Pairs = append(out.Pairs, pair.Pair)
				say("搭配："+pair.Zh, "goes together: "+pair.En)
			}
		}
	}
	each("单户 %s 至 %s", "tickets from %s to %s", ticket(o.rec.minTicket), ticket(o.rec.maxTicket))
	if o.Terms.MinPriceBP != nil {
		each("价格自 %d.%02d%% 起", "price from %d.%02d %%", *o.Terms.MinPriceBP/100, *o.Terms.MinPriceBP%100)
	}
	each("匹配度 %d", "score %d", r.Score)
	out.Reasons = codes.Text{Zh: strings.Join(zh, "｜"), En: strings.Join(en, " | ")}
	return out
}

func percentOf(part, whole int64) int64 { return part * 100 / whole } // amounts of a stack are below 2^50
