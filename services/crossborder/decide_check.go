package crossborder

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

func factsOf(c *step.Command) *Facts {
	if f, ok := c.Facts.(*Facts); ok && f != nil {
		return f
	}
	return &Facts{}
}

// allowed lets the operator and the system do everything; a user what an authorisation of this Beijing day covers; an institution what
// is its own. What an authority says (exclude, readmit, refuse) the operator enters for it, with the document.
func allowed(s *Borrower, c *step.Command, day events.Date) error {
	if c.Actor.Trusted() {
		return nil
	}
	switch c.Type {
	case events.TypeExcludeBorrower, events.TypeReadmitBorrower, events.TypeRefuseContract:
		return events.ErrForbidden.Refuse("", "只能由运营方按主管部门文书登记", "only the operator enters this, for the authority")
	}
	return mayFor(s.ID, institution(s.Facts), c, day)
}

func institution(f events.BorrowerFacts) bool { return f.PartyKind != "" }

func mayFor(id string, institution bool, c *step.Command, day events.Date) error {
	if c.Actor.Trusted() {
		return nil
	}
	if institution {
		if party, ok := c.Actor.Party(); ok && party == id {
			return nil
		}
		return events.ErrForbidden.Refuse("", "只有运营方或该机构可以操作", "only the operator or the institution itself may do this")
	}
	user, ok := c.Actor.User()
	if !ok {
		return events.ErrForbidden.Refuse("", "机构不能代企业办理跨境融资", "a party does not act for an enterprise here")
	}
	for _, a := range factsOf(c).Authorisations {
		if a.User == user && !day.Before(a.From) && !day.After(a.Until) {
			return nil
		}
	}
	return events.ErrForbidden.Refusef("", "没有企业 %s 当日有效的授权", "no authorisation by enterprise %s is valid today", id)
}

// checkAssessment holds what a schema cannot say, and returns what the assessment rests on.
func checkAssessment(s *Borrower, c *step.Command, a *events.AssessBorrower, rules *RuleSet, day events.Date) (*Facts, *BorrowerRow, error) {
	row, ok := rules.borrower(a.Kind)
	if !ok {
		return nil, nil, events.ErrCode.Refusef("/kind", "规则没有主体类别 %s", "the rules have no kind of borrower %s", a.Kind)
	}
	f := factsOf(c)
	if f.Borrower.Version == 0 {
		return nil, nil, events.ErrNotFound.Refusef("/id", "没有登记编号为 %s 的主体", "no such borrower is registered under %s", a.ID)
	}
	if err := mayFor(a.ID, row.Registry == registryParty, c, day); err != nil {
		return nil, nil, err
	}
	if f.Suspended {
		return nil, nil, suspended()
	}
	if row.Registry == registryParty && !slices.Contains(row.PartyKinds, f.Borrower.PartyKind) {
		return nil, nil, events.ErrPolicy.Refusef("/kind", "类型为 %s 的机构不是 %s", "a party of kind %s is no %s", f.Borrower.PartyKind, a.Kind)
	}
	if !slices.Contains(rules.Routes, a.Route) {
		return nil, nil, events.ErrCode.Refusef("/route", "规则没有模式 %s", "the rules have no route %s", a.Route)
	}
	for i, code := range a.Declared {
		if !slices.ContainsFunc(rules.Excluded, func(e ExcludedRow) bool { return e.Code == code }) {
			return nil, nil, events.ErrCode.Refusef("/declared/"+strconv.Itoa(i), "规则没有类型 %s", "the rules have no such kind as %s", code)
		}
	}
	if e := rules.exclusion(f.Borrower.Industry, a.Declared); e != nil {
		return nil, nil, events.ErrPolicy.Refuse("", e.Zh+"不得借用外债", e.En+" may not borrow abroad")
	}
	if s != nil && institution(s.Facts) != (row.Registry == registryParty) {
		return nil, nil, events.ErrState.Refusef("/kind", "该主体已按 %s 登记", "the borrower is known as %s", s.Kind)
	}
	st := &a.Statement
	switch {
	case !realDay(st.Day):
		return nil, nil, noDay("/statement/day")
	case st.Day.After(day):
		return nil, nil, events.ErrDates.Refuse("/statement/day", "报表日在未来", "the day of the statement lies ahead")
	case s != nil && st.Day.Before(s.Statement.Day):
		return nil, nil, events.ErrDates.Refusef("/statement/day", "已有 %s 的报表", "a statement of %s is known", s.Statement.Day)
	case day.After(st.Day.MonthsAfter(rules.Statement.MonthsMax)):
		return nil, nil, events.ErrDates.Refusef("/statement/day", "报表日距今超过 %d 个月", "the statement is older than %d months", rules.Statement.MonthsMax)
	case st.NetAssets.Minor < 0:
		return nil, nil, events.ErrMoney.Refuse("/statement/net_assets", "净资产为负的填 0", "negative net assets are stated as 0")
	case st.NetAssets.Currency != rules.Currency:
		return nil, nil, otherCurrency("/statement/net_assets/currency", rules.Currency)
	}
	return f, row, nil
}

// repeats reports whether an assessment says what is known already.
func repeats(s *Borrower, e *events.BorrowerAssessed) bool {
	undated := func(h events.Headroom) events.Headroom { h.AsOf = ""; return h }
	placed := func(f events.BorrowerFacts) events.BorrowerFacts { f.Position, f.Version = "", 0; return f }
	return s.Kind == e.Kind && s.Route == e.Route && s.Statement == e.Statement && slices.Equal(s.Declared, e.Declared) && s.Source == e.Source &&
		undated(s.Headroom) == undated(e.Headroom) && placed(s.Facts) == placed(e.Facts)
}

// headroom judges a borrower by a rule set.
func headroom(s *Borrower, rules *RuleSet, day events.Date) (events.Headroom, error) {
	limit, used, err := rules.judge(s)
	if err != nil {
		return events.Headroom{}, beyond(err, "")
	}
	return events.Headroom{Limit: limit, Used: used, RuleSet: rules.ID, RuleHash: rules.Hash, AsOf: day}, nil
}

// mayBorrow is what must hold of the borrower before anything new.
func (t today) mayBorrow(s *Borrower) error {
	if s.Status == StatusExcluded {
		return events.ErrPolicy.Refusef("", "主体被限制新增跨境融资：%s", "the borrower may take nothing new: %s", s.Exclusion.Reason)
	}
	if t.facts.Suspended {
		return suspended()
	}
	if e := t.rules.exclusion(s.Facts.Industry, s.Declared); e != nil {
		return events.ErrPolicy.Refuse("", e.Zh+"不得借用外债", e.En+" may not borrow abroad")
	}
	return nil
}

// within refuses what would take the balance above the limit.
func within(s *Borrower, all *balance, currency string) error {
	used, err := all.money(currency)
	if err != nil {
		return beyond(err, "/amount")
	}
	if limit := s.Headroom.Limit; used.Minor > limit.Minor {
		return events.ErrCapacity.Refusef("/amount", "风险加权余额将为 %s，超过上限 %s（现为 %s）", "the risk-weighted balance would be %s, above the limit of %s (it is %s)", used, limit, s.Headroom.Used)
	}
	return nil
}

func (t today) checkContract(s *Borrower, d *events.FileContract) error {
	if !events.ValidID(d.Contract) {
		return events.ErrID.Refuse("/contract", "合约编号含有不允许的字符", "the contract's id has characters that are not allowed")
	}
	if d.LenderCountry == t.rules.HomeCountry {
		return events.ErrPolicy.Refuse("/lender_country", "债权人须为境外机构", "the lender must be abroad")
	}
	if _, ok := t.rules.category(d.Category); !ok {
		return events.ErrCode.Refusef("/category", "规则没有融资类别 %s", "the rules have no category %s", d.Category)
	}
	if c, ok := codes.Currency(d.Amount.Currency); !ok || c.MinorUnits < 0 {
		return events.ErrCurrency.Refusef("/amount/currency", "未知的货币 %s", "unknown currency %s", d.Amount.Currency)
	}
	if d.Amount.Minor <= 0 {
		return notPositive("/amount")
	}
	if !realDay(d.Starts) {
		return noDay("/starts")
	}
	if err := t.checkTerm(d.Starts, d.Matures, d.Registration); err != nil {
		return err
	}
	if d.Matures.Before(t.day) {
		return events.ErrDates.Refuse("/matures", "合约已到期", "the contract has matured")
	}
	return t.checkRate(d.Amount.Currency, d.Rate)
}

// checkTerm holds the end of a term, and the NDRC's registration that a long one needs.
func (t today) checkTerm(starts, matures events.Date, registration *events.Registration) error {
	switch {
	case !realDay(matures):
		return noDay("/matures")
	case !matures.After(starts):
		return events.ErrDates.Refuse("/matures", "到期日须在起息日之后", "it ends after the day on which it begins")
	case matures.After(starts.MonthsAfter(12 * yearsMax)):
		return events.ErrRange.Refusef("/matures", "期限最长 %d 年", "a term has at most %d years", yearsMax)
	}
	if registration != nil {
		if !realDay(registration.Day) {
			return noDay("/registration/day")
		}
		if registration.Day.After(t.day) {
			return events.ErrDates.Refuse("/registration/day", "登记日期在未来", "the day of the registration lies ahead")
		}
	}
	if g := t.rules.Registration; g != nil && registration == nil && longer(starts, matures, g.OverMonths) {
		return events.ErrPolicy.Refusef("/registration", "期限超过 %d 个月的外债须先取得审核登记（%s）", "debt of more than %d months needs a registration first (%s)", g.OverMonths, g.Document)
	}
	return nil
}

// checkRate holds a rate to its source and age; a contract in the home currency has none.
func (t today) checkRate(currency string, rate *events.FXRate) error {
	if currency == t.rules.Currency {
		if rate != nil {
			return events.ErrCurrency.Refusef("/rate", "%s 合约没有汇率", "a contract in %s has no rate", currency)
		}
		return nil
	}
	if rate == nil {
		return events.ErrCurrency.Refusef("/rate", "%s 合约须给出汇率", "a contract in %s comes with a rate", currency)
	}
	if n, err := parseDecimal(rate.Rate, 6, rateDigits); err != nil || n == 0 {
		return events.ErrMoney.Refuse("/rate/rate", "汇率应为大于零的十进制数", "a rate is a decimal number above zero")
	}
	if !slices.Contains(t.rules.Rates.Sources, rate.Source) {
		return events.ErrCode.Refusef("/rate/source", "规则不承认汇率来源 %s", "the rules do not know %s as a source of rates", rate.Source)
	}
	if !realDay(rate.Day) {
		return noDay("/rate/day")
	}
	at, _ := rate.Day.Start()
	if rate.Day.After(t.day) || t.day.After(events.DateOf(at.AddDate(0, 0, t.rules.Rates.DaysMax))) {
		return events.ErrDates.Refusef("/rate/day", "汇率应为今日或此前 %d 日内公布", "a rate is of today or the %d days before", t.rules.Rates.DaysMax)
	}
	return nil
}

func (t today) checkDraw(s *Borrower, c *Contract, d *events.DrawContract) error {
	if !events.ValidID(d.Draw) {
		return events.ErrID.Refuse("/draw", "提款编号含有不允许的字符", "the draw's id has characters that are not allowed")
	}
	drawn := 0
	for _, other := range s.Contracts {
		drawn += len(other.Draws)
	}
	switch {
	case drawn >= DrawsMax:
		return tooMany("/draw", DrawsMax)
	case d.Amount.Minor <= 0:
		return notPositive("/amount")
	case d.Amount.Currency != c.Amount.Currency:
		return otherCurrency("/amount/currency", c.Amount.Currency)
	case t.day.Before(c.Starts):
		return events.ErrState.Refusef("", "合约自 %s 起息", "the term begins on %s", c.Starts)
	case t.day.After(c.Matures):
		return events.ErrState.Refusef("", "合约已于 %s 到期", "the contract matured on %s", c.Matures)
	case d.Amount.Minor > c.undrawn():
		return events.ErrCapacity.Refusef("/amount", "合约只剩 %s 可提", "only %s of the contract is left to draw", events.Money{Minor: c.undrawn(), Currency: c.Amount.Currency})
	}
	return t.checkRate(c.Amount.Currency, d.Rate)
}

func (t today) checkExtension(c *Contract, d *events.ExtendContract) error {
	if t.day.After(c.Matures) {
		return events.ErrState.Refusef("", "合约已于 %s 到期", "the contract matured on %s", c.Matures)
	}
	registration := d.Registration
	if registration == nil {
		registration = c.Registration
	}
	if err := t.checkTerm(c.Starts, d.Matures, registration); err != nil {
		return err
	}
	if !d.Matures.After(c.Matures) {
		return events.ErrDates.Refusef("/matures", "展期须晚于 %s", "an extension goes beyond %s", c.Matures)
	}
	return nil
}

// realDay reports whether a day is in the calendar: the schema lets February have 31.
func realDay(d events.Date) bool {
	t, err := time.Parse(time.DateOnly, string(d))
	return err == nil && t.Format(time.DateOnly) == string(d)
}

func unknown(id string) error {
	return events.ErrNotFound.Refusef("", "主体 %s 尚未测算", "the borrower %s has not been assessed", id)
}

func notTaken(typ string) error {
	return events.ErrUnknownType.Refusef("", "跨境融资不受理 %s", "cross-border financing does not take %s", typ)
}

func noDay(field string) error {
	return events.ErrDates.Refuse(field, "没有这一天", "there is no such day")
}

func noContract(s *Borrower, id string) error {
	if how := endedAs(s, id); how != "" {
		return events.ErrState.Refusef("/contract", "合约已结束 (%s)", "the contract has ended (%s)", how)
	}
	return events.ErrNotFound.Refuse("/contract", "没有该合约", "there is no such contract")
}

func contractExists() error {
	return events.ErrExists.Refuse("/contract", "该合约已存在，内容不同", "this contract exists with other content")
}

func suspended() error {
	return events.ErrState.Refuse("", "主体状态为暂停 (suspended)", "the borrower is suspended")
}

func tooMany(field string, limit int) error {
	return events.ErrRange.Refusef(field, "最多 %d 项", "at most %d", limit)
}

func notPositive(field string) error {
	return events.ErrMoney.Refuse(field, "金额应大于零", "the amount is above zero")
}

func otherCurrency(field, want string) error {
	return events.ErrCurrency.Refusef(field, "货币须为 %s", "the currency must be %s", want)
}

// beyond words what keeps the arithmetic from an answer.
func beyond(err error, field string) error {
	if errors.Is(err, errBeyond) {
		return events.ErrRange.Refuse(field, "金额超出可表示的范围", "the amount is beyond what can be stated")
	}
	return events.ErrInternal.Refuse(field, "规则与合约不符", err.Error())
}
