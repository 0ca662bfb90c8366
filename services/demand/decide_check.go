package demand

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// mayAct holds the rules of who may do what to a demand that exists.
func mayAct(s *Demand, c *step.Command, facts *Facts, now time.Time) error {
	if c.Actor.Trusted() {
		return nil
	}
	var offer string
	switch d := c.Data.(type) {
	case *events.Hold:
		offer = d.Offer
	case *events.HoldRef:
		h, ok := s.Holds[d.Hold]
		if !ok {
			return noHold()
		}
		offer = h.Offer
	case *events.FillDemand:
		h, ok := s.Holds[d.Hold]
		if done, filled := s.Fills[d.Hold]; filled {
			h.Offer, ok = done.Offer, true
		}
		if !ok {
			return noHold()
		}
		offer = h.Offer
	default:
		return mayFor(s.Enterprise, c, facts, now)
	}
	id, ok := c.Actor.Party()
	if !ok {
		return events.ErrForbidden.Refuse("", "只有产品所属机构可以预留、释放或确认到账", "only the offer's party holds, releases or fills")
	}
	party, known := facts.Offers[offer]
	switch {
	case !known:
		// The edge read the demand before this hold was in the read model: the next try will find it.
		return events.ErrStale.Refuse("", "尚未读到该预留，请重试", "the hold has not been read yet, try again")
	case party != id:
		return events.ErrForbidden.Refuse("", "该产品不属于本机构", "the offer belongs to another party")
	}
	return nil
}

// mayFor lets a user act for an enterprise under an authorisation valid on this Beijing day, in any role.
func mayFor(enterprise string, c *step.Command, facts *Facts, now time.Time) error {
	if c.Actor.Trusted() {
		return nil
	}
	user, ok := c.Actor.User()
	if !ok {
		return events.ErrForbidden.Refuse("", "机构不能代企业发布、变更或撤回需求", "a party does not publish, amend or withdraw demands")
	}
	day := events.DateOf(now)
	for _, a := range facts.Authorisations {
		if a.User == user && !day.Before(a.From) && !day.After(a.Until) {
			return nil
		}
	}
	return events.ErrForbidden.Refusef("", "没有企业 %s 当日有效的授权", "no authorisation by enterprise %s is valid today", enterprise)
}

// enterpriseKnown wants the facts of an enterprise that is not suspended: a publication records them.
func enterpriseKnown(field, id string, facts *Facts) error {
	if facts.Enterprise.Version == 0 {
		return events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的企业", "no enterprise is registered under %s", id)
	}
	if facts.Suspended {
		return events.ErrState.Refuse(field, "企业状态为暂停 (suspended)", "the enterprise is suspended")
	}
	return nil
}

// open refuses what comes after the end. The end of validity counts from its instant, whether or not the timer has recorded it.
func open(s *Demand, now time.Time) error {
	status := s.Status
	if status == StatusOpen && !now.Before(s.ValidUntil) {
		status = StatusExpired
	}
	switch status {
	case StatusWithdrawn:
		return events.ErrState.Refuse("", "需求已撤回 (withdrawn)", "the demand is withdrawn")
	case StatusExpired:
		return events.ErrState.Refuse("", "需求已到期 (expired)", "the demand is expired")
	case StatusFulfilled:
		return events.ErrState.Refuse("", "需求已满足 (fulfilled)", "the demand is fulfilled")
	}
	return nil
}

// normal is the one form in which terms are recorded and compared.
func normal(t events.DemandTerms) events.DemandTerms {
	t.ValidUntil = t.ValidUntil.UTC()
	if t.Confidentiality == "" {
		t.Confidentiality = Open
	}
	return t
}

// asOf leaves out the titles that have ended on this Beijing day.
func asOf(f events.EnterpriseFacts, now time.Time) events.EnterpriseFacts {
	day := events.DateOf(now)
	f.Titles = slices.DeleteFunc(slices.Clone(f.Titles), func(t events.Title) bool { return t.ValidTo.Before(day) })
	if len(f.Titles) == 0 {
		f.Titles = nil
	}
	return f
}

// undated leaves out the moment of reading, which says nothing of the enterprise.
func undated(f events.EnterpriseFacts) events.EnterpriseFacts {
	f.Position, f.Version = "", 0
	return f
}

// same compares as the log does: what is written alike is alike, whether it came from a command or was read back.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func checkPlace(region, industry string) error {
	if _, ok := codes.Region(region); !ok {
		return events.ErrRegion.Refusef("/region", "行政区划 %s 不存在", "there is no region %s", region)
	}
	if !codes.IndustryValid(industry) {
		return events.ErrIndustry.Refusef("/industry", "行业 %s 不存在", "there is no industry %s", industry)
	}
	return nil
}

// checkTerms holds what a schema cannot say.
func checkTerms(t *events.DemandTerms, now time.Time) error {
	hasTerm, err := checkInstruments(t)
	if err != nil {
		return err
	}
	if t.Amount.Minor <= 0 {
		return notPositive("/amount")
	}
	if _, ok := codes.Currency(t.Amount.Currency); !ok {
		return events.ErrCurrency.Refusef("/amount/currency", "未知的货币 %s", "unknown currency %s", t.Amount.Currency)
	}
	if m := t.MinAmount; m != nil {
		switch {
		case m.Minor <= 0:
			return notPositive("/min_amount")
		case m.Currency != t.Amount.Currency:
			return otherCurrency("/min_amount/currency", t.Amount.Currency)
		case m.Minor > t.Amount.Minor:
			return events.ErrRange.Refuse("/min_amount", "最低金额大于需求金额", "the minimum is above the amount")
		}
	}
	if m := t.TermMonths; m != nil {
		switch {
		case m.Min < 0 || m.Max < 0 || m.Min > MonthsMax || m.Max > MonthsMax:
			return events.ErrRange.Refusef("/term_months", "期限应在 0 至 %d 个月之间", "a term is between 0 and %d months", MonthsMax)
		case m.Max > 0 && m.Min > m.Max:
			return events.ErrRange.Refuse("/term_months/min", "最短期限大于最长期限", "the shortest term is above the longest")
		case !hasTerm:
			return events.ErrRange.Refuse("/term_months", "所列品种没有期限", "none of the instruments has a term")
		}
	}
	if p := t.MaxPriceBP; p != nil && (*p < 0 || *p > PriceBPMax) {
		return events.ErrRange.Refusef("/max_price_bp", "价格应在 0 至 %d 基点之间", "a price is between 0 and %d basis points", PriceBPMax)
	}
	if err := checkLists(t); err != nil {
		return err
	}
	return checkUntil("/valid_until", t.ValidUntil, now)
}

func checkInstruments(t *events.DemandTerms) (hasTerm bool, err error) {
	if len(t.Instruments) == 0 || len(t.Instruments) > ListMax {
		return false, events.ErrRange.Refusef("/instruments", "应有 1 至 %d 个品种", "there are 1 to %d instruments", ListMax)
	}
	for i, code := range t.Instruments {
		at := "/instruments/" + strconv.Itoa(i)
		entry, ok := codes.Instrument(code)
		if !ok {
			return false, events.ErrCode.Refusef(at, "没有品种 %s", "there is no instrument %s", code)
		}
		if slices.Contains(t.Instruments[:i], code) {
			return false, events.ErrCode.Refusef(at, "品种 %s 重复", "the instrument %s is listed twice", code)
		}
		hasTerm = hasTerm || entry.HasTerm
	}
	return hasTerm, nil
}

func checkLists(t *events.DemandTerms) error {
	if _, ok := codes.Use(t.Use); t.Use != "" && !ok {
		return events.ErrCode.Refusef("/use", "没有用途 %s", "there is no use of funds %s", t.Use)
	}
	switch t.Confidentiality {
	case Open, Matched, Private:
	default:
		return events.ErrCode.Refuse("/confidentiality", "公开范围应为 open、matched 或 private", "confidentiality is open, matched or private")
	}
	for _, list := range []struct {
		field string
		codes []string
		known func(string) bool
	}{
		{"/security", t.Security, func(c string) bool { _, ok := codes.Security(c); return ok }},
		{"/focus", t.Focus, func(c string) bool { _, ok := codes.FocusArea(c); return ok }},
	} {
		if len(list.codes) > ListMax {
			return events.ErrRange.Refusef(list.field, "最多 %d 项", "at most %d", ListMax)
		}
		for i, c := range list.codes {
			if !list.known(c) {
				return events.ErrCode.Refusef(list.field+"/"+strconv.Itoa(i), "代码表中没有 %s", "%s is not in its list", c)
			}
		}
	}
	return nil
}

func checkHold(s *Demand, d *events.Hold, now time.Time) error {
	if !events.ValidID(d.Hold) {
		return events.ErrID.Refuse("/hold", "预留编号含有不允许的字符", "the hold's id has characters that are not allowed")
	}
	if !events.ValidID(d.Offer) {
		return events.ErrID.Refuse("/offer", "产品编号含有不允许的字符", "the offer's id has characters that are not allowed")
	}
	if d.Amount.Minor <= 0 {
		return notPositive("/amount")
	}
	if d.Amount.Currency != s.Amount.Currency {
		return otherCurrency("/amount/currency", s.Amount.Currency)
	}
	if err := checkUntil("/until", d.Until, now); err != nil {
		return err
	}
	if len(s.Holds) >= HoldsMax || len(s.Holds)+len(s.Fills) >= FillsMax {
		return events.ErrRange.Refusef("/hold", "同时最多 %d 笔预留、累计最多 %d 笔到账", "at most %d holds at a time and %d fills in all", HoldsMax, FillsMax)
	}
	if left := s.OpenAmount(); d.Amount.Minor > left.Minor {
		return events.ErrCapacity.Refusef("/amount", "未满足的金额只剩 %s", "only %s of the demand is left open", left)
	}
	return nil
}

func checkUntil(field string, until, now time.Time) error {
	if !until.After(now) {
		return events.ErrValidity.Refuse(field, "截止时间已过", "the instant has passed")
	}
	if until.After(now.AddDate(ValidityYearsMax, 0, 0)) {
		return events.ErrRange.Refusef(field, "最长 %d 年", "at most %d years ahead", ValidityYearsMax)
	}
	return nil
}

func unknown(id string) error {
	return events.ErrNotFound.Refusef("", "没有编号为 %s 的需求", "there is no demand %s", id)
}

func noHold() error {
	return events.ErrNotFound.Refuse("/hold", "没有该预留", "there is no such hold")
}

func notPositive(field string) error {
	return events.ErrMoney.Refuse(field, "金额应大于零", "the amount is above zero")
}

func otherCurrency(field, want string) error {
	return events.ErrCurrency.Refusef(field, "货币须为 %s", "the currency must be %s", want)
}
