package crossborder

import (
	"maps"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Decider holds the rules of context crossborder, judged by the rule sets.
func Decider(sets *RuleSets) step.Decider[Borrower] {
	d := decider{sets}
	return step.Decider[Borrower]{
		Context: "crossborder", FoldVersion: 1, Decide: d.decide, Evolve: Evolve, Due: d.due,
		Check: func(b *Borrower) error { return check(sets, b) },
	}
}

type decider struct{ sets *RuleSets }

// decide answers a command about one borrower.
func (d decider) decide(s *Borrower, c *step.Command, now time.Time) ([]step.Event, error) {
	day := events.DateOf(now)
	rules, ok := d.sets.At(day)
	if !ok {
		return nil, events.ErrPolicy.Refusef("", "%s 没有生效的跨境融资规则", "no rules of cross-border financing are in force on %s", day)
	}
	if a, ok := c.Data.(*events.AssessBorrower); ok {
		return assess(s, c, a, rules, day)
	}
	if s == nil {
		return nil, unknown(c.Subject)
	}
	if c.Type == events.TypeApplyRules {
		return applyRules(s, rules, day)
	}
	if err := allowed(s, c, day); err != nil {
		return nil, err
	}
	if s.Status == StatusWithdrawn {
		return nil, events.ErrState.Refuse("", "主体已退出 (withdrawn)，请重新测算", "the borrower has withdrawn; it begins again with an assessment")
	}
	if reason, ok := c.Data.(*events.Reason); ok {
		return ofBorrower(s, c.Type, reason)
	}
	// Every other decision is about a contract, and made by the rules of today.
	before, judged, err := current(s, rules, day)
	if err != nil {
		return nil, err
	}
	t := today{rules: rules, day: day, facts: factsOf(c)}
	after, err := t.ofContract(judged, c)
	if err != nil || len(after) == 0 {
		return nil, err
	}
	return append(before, after...), nil
}

// today is what decisions about contracts rest on.
type today struct {
	rules *RuleSet
	day   events.Date
	facts *Facts
}

func (t today) ofContract(s *Borrower, c *step.Command) ([]step.Event, error) {
	switch d := c.Data.(type) {
	case *events.FileContract:
		return t.file(s, d)
	case *events.DrawContract:
		return t.draw(s, d)
	case *events.RepayContract:
		return t.repay(s, d)
	case *events.ExtendContract:
		return t.extend(s, d)
	case *events.ContractRef:
		return closing(s, d)
	case *events.ContractReason:
		return ending(s, c.Type, d)
	}
	return nil, notTaken(c.Type)
}

// assess judges a borrower by its net assets, for the first time or anew.
func assess(s *Borrower, c *step.Command, a *events.AssessBorrower, rules *RuleSet, day events.Date) ([]step.Event, error) {
	if a.ID != c.Subject {
		return nil, events.ErrMismatch.Refuse("/id", "命令主题应为主体编号", "the command's subject is the borrower's id")
	}
	facts, row, err := checkAssessment(s, c, a, rules, day)
	if err != nil {
		return nil, err
	}
	next := &Borrower{ID: a.ID, Kind: a.Kind, Route: a.Route, Statement: a.Statement, Declared: a.Declared, Source: a.Source, Facts: facts.Borrower}
	if s != nil {
		next.Contracts = s.Contracts
	}
	if next.Headroom, err = headroom(next, rules, day); err != nil {
		return nil, err
	}
	e := &events.BorrowerAssessed{
		ID: a.ID, Kind: a.Kind, Route: a.Route, Statement: a.Statement, Declared: a.Declared, Source: a.Source,
		Leverage: row.Leverage.String(), Parameter: row.Parameter.String(), Headroom: next.Headroom, Facts: next.Facts,
	}
	if s != nil && s.Status != StatusWithdrawn && repeats(s, e) {
		return nil, nil
	}
	out := []step.Event{fact(next, events.TypeBorrowerAssessed, e, e.Headroom.Limit)}
	if s != nil && s.Status != StatusWithdrawn && s.Headroom.Limit != e.Headroom.Limit {
		out = append(out, limitChanged(next, events.BecauseStatement, s.Headroom.Limit))
	}
	return out, nil
}

// applyRules judges a borrower anew when another rule set has come into force. It comes from a timer: one that has become moot is no
// refusal.
func applyRules(s *Borrower, rules *RuleSet, day events.Date) ([]step.Event, error) {
	if s.Status == StatusWithdrawn || s.Headroom.RuleSet == rules.ID {
		return nil, nil
	}
	next := *s
	var err error
	if next.Headroom, err = headroom(s, rules, day); err != nil {
		return nil, err
	}
	return []step.Event{limitChanged(&next, events.BecauseRules, s.Headroom.Limit)}, nil
}

// current is the borrower by the rules of today, and the event that says so where they give other figures: a command may come
// before the timer.
func current(s *Borrower, rules *RuleSet, day events.Date) ([]step.Event, *Borrower, error) {
	h, err := headroom(s, rules, day)
	if err != nil {
		return nil, nil, err
	}
	next := *s
	next.Headroom = h
	if h.Limit == s.Headroom.Limit && h.Used == s.Headroom.Used {
		return nil, &next, nil
	}
	return []step.Event{limitChanged(&next, events.BecauseRules, s.Headroom.Limit)}, &next, nil
}

// ofBorrower decides what is said of the borrower itself.
func ofBorrower(s *Borrower, typ string, d *events.Reason) ([]step.Event, error) {
	switch typ {
	case events.TypeExcludeBorrower:
		if s.Status == StatusExcluded {
			if *s.Exclusion == *d {
				return nil, nil
			}
			return nil, events.ErrState.Refuse("", "主体已被限制新增 (excluded)", "the borrower is excluded already")
		}
		return []step.Event{fact(s, events.TypeBorrowerExcluded, d, s.Headroom.Used)}, nil
	case events.TypeReadmitBorrower:
		if s.Status != StatusExcluded {
			return nil, events.ErrState.Refuse("", "主体未被限制 (active)", "the borrower is not excluded")
		}
		return []step.Event{fact(s, events.TypeBorrowerReadmitted, d, s.Headroom.Used)}, nil
	case events.TypeWithdrawBorrower:
		if n := len(s.Contracts); n > 0 {
			return nil, events.ErrState.Refusef("", "尚有 %d 份未结合约", "%d contracts are still open", n)
		}
		return []step.Event{fact(s, events.TypeBorrowerWithdrawn, d, s.Headroom.Used)}, nil
	}
	return nil, notTaken(typ)
}

func (t today) file(s *Borrower, d *events.FileContract) ([]step.Event, error) {
	if known, ok := s.Contracts[d.Contract]; ok {
		was := known.FileContract
		was.Matures = known.FiledMatures
		if same(&was, d) {
			return nil, nil
		}
		return nil, contractExists()
	}
	if slices.ContainsFunc(s.Ended, func(e Ended) bool { return e.Contract == d.Contract }) {
		return nil, contractExists()
	}
	if err := t.mayBorrow(s); err != nil {
		return nil, err
	}
	if len(s.Contracts) >= ContractsMax {
		return nil, tooMany("/contract", ContractsMax)
	}
	if err := t.checkContract(s, d); err != nil {
		return nil, err
	}
	sum := &balance{}
	err := sum.add(t.rules, d, d.Matures, d.Amount.Minor, d.Rate)
	if err != nil {
		return nil, beyond(err, "/amount")
	}
	e := &events.ContractFiled{FileContract: *d, Headroom: s.Headroom}
	if e.Weight, err = sum.money(t.rules.Currency); err != nil {
		return nil, beyond(err, "/amount")
	}
	all, err := t.rules.used(s)
	if err != nil {
		return nil, beyond(err, "")
	}
	all.parts.Add(&all.parts, &sum.parts)
	if err := within(s, all, t.rules.Currency); err != nil {
		return nil, err
	}
	return []step.Event{fact(s, events.TypeContractFiled, e, d.Amount)}, nil
}

func (t today) draw(s *Borrower, d *events.DrawContract) ([]step.Event, error) {
	c, ok := s.Contracts[d.Contract]
	if !ok {
		return nil, noContract(s, d.Contract)
	}
	if known, ok := c.Draws[d.Draw]; ok {
		if known.Amount == d.Amount && same(known.Rate, d.Rate) {
			return nil, nil
		}
		return nil, events.ErrExists.Refuse("/draw", "该提款已存在，内容不同", "this draw exists with other content")
	}
	if err := t.mayBorrow(s); err != nil {
		return nil, err
	}
	if err := t.checkDraw(s, &c, d); err != nil {
		return nil, err
	}
	all, err := t.rules.used(s)
	if err == nil {
		err = all.add(t.rules, &c.FileContract, c.FiledMatures, d.Amount.Minor, d.Rate)
	}
	if err != nil {
		return nil, beyond(err, "/amount")
	}
	if err := within(s, all, t.rules.Currency); err != nil && !planted.On("draw_without_headroom") {
		return nil, err
	}
	e := &events.Drawn{DrawContract: *d, Outstanding: c.Outstanding, Headroom: s.Headroom}
	e.Outstanding.Minor += d.Amount.Minor
	if e.Headroom.Used, err = all.money(t.rules.Currency); err != nil {
		return nil, beyond(err, "/amount")
	}
	return []step.Event{fact(s, events.TypeDrawn, e, d.Amount)}, nil
}

// repay is always taken: even of a borrower that may borrow nothing any more.
func (t today) repay(s *Borrower, d *events.RepayContract) ([]step.Event, error) {
	c, ok := s.Contracts[d.Contract]
	if !ok {
		return nil, noContract(s, d.Contract)
	}
	draw, ok := c.Draws[d.Draw]
	switch {
	case !ok:
		return nil, events.ErrNotFound.Refuse("/draw", "没有该笔提款", "there is no such draw")
	case d.Amount.Minor <= 0:
		return nil, notPositive("/amount")
	case d.Amount.Currency != draw.Amount.Currency:
		return nil, otherCurrency("/amount/currency", draw.Amount.Currency)
	case d.Amount.Minor > draw.Outstanding.Minor && !planted.On("repaid_more_than_drawn"):
		return nil, events.ErrCapacity.Refusef("/amount", "该笔提款只剩 %s 未还", "only %s of the draw is outstanding", draw.Outstanding)
	}
	e := &events.Repaid{RepayContract: *d, Outstanding: c.Outstanding, Headroom: s.Headroom}
	e.Outstanding.Minor -= d.Amount.Minor
	paid := *s
	paid.Contracts = maps.Clone(s.Contracts)
	paid.Contracts[d.Contract] = c.repaid(d)
	var err error
	if e.Headroom, err = headroom(&paid, t.rules, t.day); err != nil {
		return nil, err
	}
	return []step.Event{fact(s, events.TypeRepaid, e, d.Amount)}, nil
}

func (t today) extend(s *Borrower, d *events.ExtendContract) ([]step.Event, error) {
	c, ok := s.Contracts[d.Contract]
	if !ok {
		return nil, noContract(s, d.Contract)
	}
	if d.Matures == c.Matures && (d.Registration == nil || same(d.Registration, c.Registration)) {
		return nil, nil
	}
	if err := t.mayBorrow(s); err != nil {
		return nil, err
	}
	if s.Headroom.Used.Minor > s.Headroom.Limit.Minor {
		return nil, events.ErrPolicy.Refusef("", "余额 %s 超过上限 %s，回落前不得展期", "the balance %s is above the limit %s: nothing is rolled over until it is back", s.Headroom.Used, s.Headroom.Limit)
	}
	if err := t.checkExtension(&c, d); err != nil {
		return nil, err
	}
	e := &events.ContractExtended{ExtendContract: *d, MaturesBefore: c.Matures, Headroom: s.Headroom}
	return []step.Event{fact(s, events.TypeContractExtended, e, c.Outstanding)}, nil
}

func closing(s *Borrower, d *events.ContractRef) ([]step.Event, error) {
	c, ok := s.Contracts[d.Contract]
	if !ok {
		if endedAs(s, d.Contract) == EndedClosed {
			return nil, nil
		}
		return nil, noContract(s, d.Contract)
	}
	if c.Outstanding.Minor > 0 {
		return nil, events.ErrState.Refusef("", "合约尚有余额 %s", "%s of the contract is outstanding", c.Outstanding)
	}
	return []step.Event{fact(s, events.TypeContractClosed, d, c.Amount)}, nil
}

// ending takes back or refuses a contract of which nothing was drawn.
func ending(s *Borrower, typ string, d *events.ContractReason) ([]step.Event, error) {
	out, how := events.TypeContractCancelled, EndedCancelled
	switch typ {
	case events.TypeCancelContract:
	case events.TypeRefuseContract:
		out, how = events.TypeContractRefused, EndedRefused
	default:
		return nil, notTaken(typ)
	}
	c, ok := s.Contracts[d.Contract]
	if !ok {
		if endedAs(s, d.Contract) == how {
			return nil, nil
		}
		return nil, noContract(s, d.Contract)
	}
	if c.Drawn.Minor > 0 {
		return nil, events.ErrState.Refusef("", "合约已提款 %s", "%s of the contract has been drawn", c.Drawn)
	}
	return []step.Event{fact(s, out, d, c.Amount)}, nil
}

func endedAs(s *Borrower, contract string) string {
	for _, e := range s.Ended {
		if e.Contract == contract {
			return e.How
		}
	}
	return ""
}

func limitChanged(next *Borrower, because string, before events.Money) step.Event {
	return fact(next, events.TypeLimitChanged, &events.LimitChanged{Because: because, LimitBefore: before, Headroom: next.Headroom}, next.Headroom.Limit)
}

func fact(s *Borrower, typ string, data any, amount events.Money) step.Event {
	return step.Event{Type: typ, Data: data, Attr: s.attributes(amount)}
}

// due is the day on which later rules give the borrower another limit or balance.
func (d decider) due(s *Borrower) step.Timer {
	if s.Status == StatusWithdrawn {
		return step.Timer{}
	}
	for _, r := range d.sets.After(s.Headroom.RuleSet) {
		limit, used, err := r.judge(s)
		if err == nil && limit == s.Headroom.Limit && used == s.Headroom.Used {
			continue
		}
		if at, err := r.EffectiveFrom.Start(); err == nil {
			return step.Timer{At: at, Command: events.TypeApplyRules, Data: &events.Empty{}}
		}
	}
	return step.Timer{}
}
