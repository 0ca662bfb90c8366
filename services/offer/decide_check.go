package offer

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// allowed lets the operator, the system and the offer's own party act.
func allowed(c *step.Command, party string) error {
	if c.Actor.Trusted() {
		return nil
	}
	if id, ok := c.Actor.Party(); ok && id == party {
		return nil
	}
	return events.ErrForbidden.Refuse("", "只有运营方或产品所属机构可以操作", "only the operator or the offer's own party may do this")
}

func final(status string) bool {
	return status == StatusWithdrawn || status == StatusExpired || status == StatusExhausted
}

// live refuses what comes after the end. The end of validity counts from its instant, whether or not the timer has recorded it.
func live(s *Offer, now time.Time) error {
	status := s.Status
	if !final(status) && !now.Before(s.ValidUntil) {
		status = StatusExpired
	}
	switch status {
	case StatusWithdrawn:
		return events.ErrState.Refuse("", "产品已撤回 (withdrawn)", "the offer is withdrawn")
	case StatusExpired:
		return events.ErrState.Refuse("", "产品已到期 (expired)", "the offer is expired")
	case StatusExhausted:
		return events.ErrState.Refuse("", "产品额度已用完 (exhausted)", "the offer is exhausted")
	}
	return nil
}

func paused() error {
	return events.ErrState.Refuse("", "产品已暂停 (paused)", "the offer is paused")
}

// normal is the one form in which terms are recorded and compared.
func normal(t events.OfferTerms) events.OfferTerms {
	t.ValidUntil = t.ValidUntil.UTC()
	return t
}

// undated leaves out the moment of reading, which says nothing of the party.
func undated(f events.PartyFacts) events.PartyFacts {
	f.Position, f.Version = "", 0
	return f
}

// same compares as the log does: what is written alike is alike, whether it came from a command or was read back.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// checkParty holds what the institution must be on this Beijing day, and returns the facts to record: those licences only that
// are valid today.
func checkParty(c *step.Command, field, party string, t *events.OfferTerms, now time.Time) (events.PartyFacts, error) {
	f, _ := c.Facts.(*Facts)
	if f == nil || f.Party.Version == 0 {
		return events.PartyFacts{}, events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的机构", "no party is registered under %s", party)
	}
	facts := f.Party
	if facts.Suspended {
		return facts, events.ErrState.Refuse(field, "机构状态为暂停 (suspended)", "the party is suspended")
	}
	switch f.Unit {
	case UnitMissing:
		return facts, events.ErrNotFound.Refuse("/unit", "机构没有该层级", "the party has no such unit")
	case UnitClosed:
		return facts, events.ErrState.Refuse("/unit", "该层级已关闭 (closed)", "the unit is closed")
	}
	day := events.DateOf(now)
	facts.Licences = slices.DeleteFunc(slices.Clone(facts.Licences), func(l events.Licence) bool {
		return day.Before(l.ValidFrom) || l.ValidTo != "" && day.After(l.ValidTo)
	})
	instrument, _ := codes.Instrument(t.Instrument)
	if !covered(instrument, &facts) {
		return facts, events.ErrLicence.Refusef("/instrument", "当日没有覆盖 %s 的有效牌照", "no licence valid today covers %s", t.Instrument)
	}
	if limit := facts.AuthorityLimit; limit != nil {
		if limit.Currency != t.MaxTicket.Currency {
			return facts, events.ErrAuthority.Refusef("/max_ticket", "层级权限以 %s 计，无法涵盖其他货币", "the unit's authority is in %s and covers no other currency", limit.Currency)
		}
		if t.MaxTicket.Minor > limit.Minor {
			return facts, events.ErrAuthority.Refusef("/max_ticket", "超过层级权限 %s", "it is above the unit's authority limit %s", *limit)
		}
	}
	return facts, nil
}

// covered reports whether a licence covers the instrument. Where the list of licences says that none is needed (kind none),
// being registered as a party of a kind that works under it is enough.
func covered(instrument codes.InstrumentEntry, facts *events.PartyFacts) bool {
	if len(instrument.Licences) == 0 {
		return true
	}
	for _, l := range facts.Licences {
		if instrument.CoveredBy(l.Licence) {
			return true
		}
	}
	kind, _ := codes.PartyKind(facts.Kind)
	for _, code := range kind.Licences {
		if l, ok := codes.Licence(code); ok && l.Kind == "none" && instrument.CoveredBy(code) {
			return true
		}
	}
	return false
}

// checkTerms holds what a schema cannot say.
func checkTerms(t *events.OfferTerms, now time.Time) error {
	instrument, ok := codes.Instrument(t.Instrument)
	if !ok {
		return events.ErrCode.Refusef("/instrument", "没有品种 %s", "there is no instrument %s", t.Instrument)
	}
	if err := checkAmounts(t); err != nil {
		return err
	}
	if m := t.TermMonths; m != nil {
		switch {
		case m.Min < 0 || m.Max < 0 || m.Min > MonthsMax || m.Max > MonthsMax:
			return events.ErrRange.Refusef("/term_months", "期限应在 0 至 %d 个月之间", "a term is between 0 and %d months", MonthsMax)
		case m.Max > 0 && m.Min > m.Max:
			return events.ErrRange.Refuse("/term_months/min", "最短期限大于最长期限", "the shortest term is above the longest")
		case !instrument.HasTerm:
			return events.ErrRange.Refusef("/term_months", "%s 没有期限", "%s has no term", t.Instrument)
		}
	}
	if err := checkPrices(t, instrument); err != nil {
		return err
	}
	if err := checkClauses(t.Eligibility); err != nil {
		return err
	}
	if err := checkAppetite(t.Appetite); err != nil {
		return err
	}
	if len(t.PolicyTools) > PolicyToolsMax {
		return tooMany("/policy_tools", PolicyToolsMax)
	}
	for i, code := range t.PolicyTools {
		if _, ok := codes.PolicyTool(code); !ok {
			return events.ErrCode.Refusef("/policy_tools/"+strconv.Itoa(i), "没有政策工具 %s", "there is no policy tool %s", code)
		}
	}
	return checkUntil("/valid_until", t.ValidUntil, now)
}

func checkAmounts(t *events.OfferTerms) error {
	if _, ok := codes.Currency(t.Capacity.Currency); !ok {
		return events.ErrCurrency.Refusef("/capacity/currency", "未知的货币 %s", "unknown currency %s", t.Capacity.Currency)
	}
	for _, m := range []struct {
		field string
		value events.Money
	}{{"/capacity", t.Capacity}, {"/min_ticket", t.MinTicket}, {"/max_ticket", t.MaxTicket}} {
		if m.value.Minor <= 0 {
			return notPositive(m.field)
		}
		if m.value.Currency != t.Capacity.Currency {
			return otherCurrency(m.field+"/currency", t.Capacity.Currency)
		}
	}
	if t.MinTicket.Minor > t.MaxTicket.Minor {
		return events.ErrRange.Refuse("/min_ticket", "单笔下限大于上限", "the smallest ticket is above the largest")
	}
	if t.MaxTicket.Minor > t.Capacity.Minor {
		return events.ErrRange.Refuse("/max_ticket", "单笔上限大于总额度", "the largest ticket is above the capacity")
	}
	return nil
}

func checkPrices(t *events.OfferTerms, instrument codes.InstrumentEntry) error {
	for _, p := range []struct {
		field string
		value *int
	}{{"/min_price_bp", t.MinPriceBP}, {"/max_price_bp", t.MaxPriceBP}} {
		switch {
		case p.value == nil:
		case *p.value < 0 || *p.value > PriceBPMax:
			return events.ErrRange.Refusef(p.field, "价格应在 0 至 %d 基点之间", "a price is between 0 and %d basis points", PriceBPMax)
		case instrument.PriceUnit == codes.NoPrice:
			return events.ErrRange.Refusef(p.field, "%s 没有价格", "%s has no price", t.Instrument)
		}
	}
	if t.MinPriceBP != nil && t.MaxPriceBP != nil && *t.MinPriceBP > *t.MaxPriceBP {
		return events.ErrRange.Refuse("/min_price_bp", "最低价格大于最高价格", "the lowest price is above the highest")
	}
	return nil
}

func checkReservation(s *Offer, d *events.Reserve, now time.Time) error {
	if !events.ValidID(d.Reservation) {
		return events.ErrID.Refuse("/reservation", "预留编号含有不允许的字符", "the reservation's id has characters that are not allowed")
	}
	if !events.ValidID(d.Demand) {
		return events.ErrID.Refuse("/demand", "需求编号含有不允许的字符", "the demand's id has characters that are not allowed")
	}
	if d.Amount.Minor <= 0 {
		return notPositive("/amount")
	}
	if d.Amount.Currency != s.Capacity.Currency {
		return otherCurrency("/amount/currency", s.Capacity.Currency)
	}
	if d.Amount.Minor > s.MaxTicket.Minor {
		return events.ErrRange.Refusef("/amount", "超过单笔上限 %s", "it is above the largest ticket %s", s.MaxTicket)
	}
	if err := checkUntil("/until", d.Until, now); err != nil {
		return err
	}
	if len(s.Reservations) >= ReservationsMax {
		return tooMany("/reservation", ReservationsMax)
	}
	if left := s.Remaining(); d.Amount.Minor > left.Minor && !planted.On("capacity_checked_outside_the_fold") {
		return events.ErrCapacity.Refusef("/amount", "额度只剩 %s", "only %s of the capacity is left", left)
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
	return events.ErrNotFound.Refusef("", "没有编号为 %s 的产品", "there is no offer %s", id)
}

func notTaken(typ string) error {
	return events.ErrUnknownType.Refusef("", "产品不受理 %s", "offers do not take %s", typ)
}

func noReservation() error {
	return events.ErrNotFound.Refuse("/reservation", "没有该预留", "there is no such reservation")
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
