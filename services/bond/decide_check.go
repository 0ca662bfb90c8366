package bond

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// mayAct holds the rules of who may do what to an application that exists.
func mayAct(s *Bond, c *step.Command, facts *Facts, now time.Time) error {
	if c.Actor.Trusted() {
		return nil
	}
	switch c.Type {
	case events.TypeResubmitBond, events.TypeDockBond, events.TypeWithdrawBond:
		return mayFor(s.Issuer, s.IssuerKind, c, facts, now)
	case events.TypeAllocateBond, events.TypeReleaseBondAllocation:
		if id, ok := c.Actor.Party(); ok && id == s.Issuer {
			return nil
		}
		return events.ErrForbidden.Refuse("", "只有发行机构可以登记资金投放", "only the issuing institution may record where its proceeds went")
	case events.TypeEnhanceBond, events.TypeRateBond, events.TypeFileBond, events.TypeIssueBond:
		if id, ok := c.Actor.Party(); ok && s.Docking != nil && s.Docking.Party == id {
			return nil
		}
		return events.ErrForbidden.Refuse("", "只有已对接的主承销商可以登记", "only the underwriter it is docked with may record this")
	}
	return events.ErrForbidden.Refuse("", "只有运营方可以操作", "only the operator may do this")
}

// mayFor lets a user act for an enterprise under an authorisation valid on this Beijing day, and a party for itself.
func mayFor(issuer, kind string, c *step.Command, facts *Facts, now time.Time) error {
	if c.Actor.Trusted() {
		return nil
	}
	if id, ok := c.Actor.Party(); ok {
		if kind != events.IssuerTechnology && id == issuer {
			return nil
		}
		return events.ErrForbidden.Refuse("/issuer", "机构只能为自己申请", "a party applies for itself only")
	}
	user, ok := c.Actor.User()
	if ok && kind == events.IssuerTechnology {
		day := events.DateOf(now)
		for _, a := range facts.Authorisations {
			if a.User == user && !day.Before(a.From) && !day.After(a.Until) {
				return nil
			}
		}
	}
	return events.ErrForbidden.Refusef("/issuer", "没有发行人 %s 当日有效的授权", "no authorisation by issuer %s is valid today", issuer)
}

func checkID(id string) error {
	if !events.ValidID(id) || !strings.HasPrefix(id, events.BondPrefix) || len(id) == len(events.BondPrefix) {
		return events.ErrID.Refusef("/id", "债券申请编号以 %s 开头", "the id of an application begins with %s", events.BondPrefix)
	}
	return nil
}

func checkKind(kind string) error {
	switch kind {
	case events.IssuerFinancial, events.IssuerTechnology, events.IssuerInvestor:
		return nil
	}
	return events.ErrCode.Refusef("/issuer_kind", "没有发行主体类别 %s", "there is no kind of issuer %s", kind)
}

func checkVenue(venue string) error {
	if venue != events.VenueInterbank && venue != events.VenueExchange {
		return events.ErrCode.Refusef("/venue", "没有发行场所 %s", "there is no venue %s", venue)
	}
	return nil
}

func checkCategory(category string) error {
	switch category {
	case "", events.CategoryUpgrade, events.CategoryInvestment, events.CategoryIncubation, events.CategoryUse:
		return nil
	}
	return events.ErrCode.Refusef("/category", "没有发行类别 %s", "there is no category %s", category)
}

// issuerKnown wants the facts of an issuer that is not suspended: an application records them.
func issuerKnown(field, id string, facts *Facts) error {
	switch {
	case facts.Enterprise != nil && facts.Suspended, facts.Party != nil && facts.Party.Suspended:
		return events.ErrState.Refuse(field, "发行人状态为暂停 (suspended)", "the issuer is suspended")
	case facts.Enterprise == nil && facts.Party == nil:
		return events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的发行人", "no issuer is registered under %s", id)
	case facts.Party != nil && facts.Party.Region == "":
		return events.ErrRegion.Refuse(field, "发行机构未登记所在地", "the issuing party is registered without a region")
	}
	return nil
}

// asOf are the issuer's facts to record, without titles and licences that have ended on this Beijing day.
func asOf(facts *Facts, now time.Time) (*events.EnterpriseFacts, *events.PartyFacts) {
	day := events.DateOf(now)
	if facts.Enterprise != nil {
		f := *facts.Enterprise
		f.Titles = slices.DeleteFunc(slices.Clone(f.Titles), func(t events.Title) bool { return t.ValidTo.Before(day) })
		return &f, nil
	}
	f := *facts.Party
	f.Licences = slices.DeleteFunc(slices.Clone(f.Licences), func(l events.Licence) bool { return !licenceValid(l, day) })
	return nil, &f
}

func licenceValid(l events.Licence, day events.Date) bool {
	return !day.Before(l.ValidFrom) && (l.ValidTo == "" || !day.After(l.ValidTo))
}

// checkTerms holds what a schema cannot say.
func checkTerms(t *events.BondTerms) error {
	if err := checkVenue(t.Venue); err != nil {
		return err
	}
	if err := checkCategory(t.Category); err != nil {
		return err
	}
	instrument, ok := codes.Instrument(t.Instrument)
	if !ok {
		return events.ErrCode.Refusef("/instrument", "没有品种 %s", "there is no instrument %s", t.Instrument)
	}
	// A bond is what the capital market lends for a term at a rate.
	if instrument.Leg != codes.LegCapitalMarket || !instrument.HasTerm || instrument.PriceUnit != codes.BPPerYear {
		return events.ErrCode.Refusef("/instrument", "%s 不是债券品种", "%s is no kind of bond", t.Instrument)
	}
	if t.Amount.Minor <= 0 {
		return events.ErrMoney.Refuse("/amount", "金额应大于零", "the amount is above zero")
	}
	if _, ok := codes.Currency(t.Amount.Currency); !ok {
		return events.ErrCurrency.Refusef("/amount/currency", "未知的货币 %s", "unknown currency %s", t.Amount.Currency)
	}
	if t.TenorDays < 1 || t.TenorDays > TenorMax {
		return events.ErrRange.Refusef("/tenor_days", "期限应在 1 至 %d 天之间", "a tenor is between 1 and %d days", TenorMax)
	}
	return checkProceeds(t.Proceeds)
}

func checkProceeds(list []events.ProceedsShare) error {
	if len(list) == 0 || len(list) > ProceedsMax {
		return events.ErrRange.Refusef("/proceeds", "应有 1 至 %d 项用途", "there are 1 to %d uses", ProceedsMax)
	}
	sum := 0
	seen := make(map[string]bool, len(list))
	for i, p := range list {
		at := "/proceeds/" + strconv.Itoa(i)
		if _, ok := codes.Use(p.Use); !ok {
			return events.ErrCode.Refusef(at+"/use", "没有用途 %s", "there is no use of funds %s", p.Use)
		}
		if seen[p.Use] {
			return events.ErrCode.Refusef(at+"/use", "用途 %s 重复", "the use %s is listed twice", p.Use)
		}
		seen[p.Use] = true
		if p.ShareBP < 1 || p.ShareBP > wholeBP {
			return events.ErrRange.Refuse(at+"/share_bp", "比例应在 1 至 10000 之间", "a share is between 1 and 10,000")
		}
		sum += p.ShareBP
	}
	if sum != wholeBP {
		return events.ErrRange.Refusef("/proceeds", "各项用途比例合计 %d，应为 10000 (100%%)", "the shares sum to %d, not 10,000 (100 %%)", sum)
	}
	return nil
}

func checkOffer(s *Bond, id string, o *OfferFacts, now time.Time) error {
	switch {
	case o == nil:
		return events.ErrNotFound.Refusef("/offer", "没有编号为 %s 的产品", "there is no offer %s", id)
	case o.Status != "open" || !now.Before(o.Until):
		return events.ErrState.Refuse("/offer", "该产品当前不可用", "the offer is not live")
	case o.Suspended:
		return events.ErrState.Refuse("/offer", "产品所属机构状态为暂停 (suspended)", "the offer's party is suspended")
	case o.Instrument != s.Instrument:
		return events.ErrMismatch.Refusef("/offer", "该产品的品种是 %s，申请的是 %s", "the offer is of %s, the application of %s", o.Instrument, s.Instrument)
	case o.Currency != s.Amount.Currency:
		return events.ErrCurrency.Refusef("/offer", "该产品以 %s 计", "the offer is in %s", o.Currency)
	case o.Party == s.Issuer:
		return events.ErrForbidden.Refuse("/offer", "发行人不能承销自己的债券", "an issuer does not underwrite its own bond")
	}
	return nil
}

// enhancers are the instruments whose licences cover a kind of enhancement. The risk-sharing tool is the authority's own.
var enhancers = map[string]string{"guarantee": "guarantee", "crmw": "crmw", "risk_sharing_tool": ""}

func checkEnhancement(s *Bond, d *events.BondEnhancement, provider *OtherParty, now time.Time) error {
	instrument, ok := enhancers[d.Kind]
	if !ok {
		return events.ErrCode.Refusef("/kind", "没有增信方式 %s", "there is no enhancement %s", d.Kind)
	}
	if err := checkOther("/provider", d.Provider, provider); err != nil {
		return err
	}
	if instrument != "" && !covers(instrument, provider, now) {
		return events.ErrLicence.Refuse("/provider", "提供机构当日没有相应的有效牌照", "no licence of the provider that is valid today covers it")
	}
	switch {
	case d.Amount.Minor <= 0:
		return events.ErrMoney.Refuse("/amount", "金额应大于零", "the amount is above zero")
	case d.Amount.Currency != s.Amount.Currency:
		return events.ErrCurrency.Refusef("/amount/currency", "货币须为 %s", "the currency must be %s", s.Amount.Currency)
	case d.Amount.Minor > s.Amount.Minor:
		return events.ErrRange.Refuse("/amount", "增信金额大于发行金额", "more is covered than is issued")
	case len(s.Enhancements) >= EnhancementsMax:
		return events.ErrRange.Refusef("", "最多 %d 项增信", "at most %d enhancements", EnhancementsMax)
	}
	return nil
}

func checkRating(d *events.BondRating, agency *OtherParty, now time.Time) error {
	if err := checkOther("/agency", d.Agency, agency); err != nil {
		return err
	}
	day := events.DateOf(now)
	if !slices.ContainsFunc(agency.Licences, func(l events.Licence) bool { return l.Licence == "rating" && licenceValid(l, day) }) {
		return events.ErrLicence.Refuse("/agency", "该机构当日没有有效的评级备案", "the agency has no rating filing that is valid today")
	}
	if err := checkPast("/rated_on", d.RatedOn, now); err != nil {
		return err
	}
	if _, err := d.ValidTo.Start(); d.ValidTo != "" && (err != nil || d.ValidTo.Before(d.RatedOn)) {
		return events.ErrDates.Refuse("/valid_to", "有效期截止日应为真实日期且不早于评级日", "the last day must exist and not be before the rating")
	}
	return nil
}

func checkOther(field, id string, p *OtherParty) error {
	if p == nil {
		return events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的机构", "no party is registered under %s", id)
	}
	if p.Suspended {
		return events.ErrState.Refuse(field, "机构状态为暂停 (suspended)", "the party is suspended")
	}
	return nil
}

func covers(instrument string, p *OtherParty, now time.Time) bool {
	entry, ok := codes.Instrument(instrument)
	day := events.DateOf(now)
	return ok && slices.ContainsFunc(p.Licences, func(l events.Licence) bool { return licenceValid(l, day) && entry.CoveredBy(l.Licence) })
}

func checkIssue(s *Bond, d *events.BondIssue, now time.Time) error {
	switch {
	case d.Amount.Minor <= 0:
		return events.ErrMoney.Refuse("/amount", "金额应大于零", "the amount is above zero")
	case d.Amount.Currency != s.Amount.Currency:
		return events.ErrCurrency.Refusef("/amount/currency", "货币须为 %s", "the currency must be %s", s.Amount.Currency)
	case d.Amount.Minor > s.Amount.Minor:
		return events.ErrRange.Refusef("/amount", "超过申请的 %s", "it is above the %s applied for", s.Amount)
	case d.CouponBP < 0 || d.CouponBP > CouponBPMax:
		return events.ErrRange.Refusef("/coupon_bp", "票面利率应在 0 至 %d 基点之间", "a coupon is between 0 and %d basis points", CouponBPMax)
	}
	if err := checkPast("/issued_on", d.IssuedOn, now); err != nil {
		return err
	}
	switch {
	case d.IssuedOn.Before(s.Registration.RegisteredOn):
		return events.ErrDates.Refusef("/issued_on", "发行早于注册日 %s", "the issue is before the registration on %s", s.Registration.RegisteredOn)
	case d.IssuedOn.After(s.Registration.ValidTo):
		return events.ErrValidity.Refusef("/issued_on", "注册有效期已于 %s 届满", "the registration ended on %s", s.Registration.ValidTo)
	}
	if _, err := d.MaturesOn.Start(); err != nil || !d.MaturesOn.After(d.IssuedOn) {
		return events.ErrDates.Refuse("/matures_on", "到期日应为真实日期且晚于发行日", "the maturity must exist and be after the issue")
	}
	return nil
}

// checkPast wants a day that exists and has begun in Beijing.
func checkPast(field string, day events.Date, now time.Time) error {
	if _, err := day.Start(); err != nil {
		return events.ErrDates.Refuse(field, "日期格式应为 YYYY-MM-DD 且真实存在", "a date is YYYY-MM-DD and must exist")
	}
	if day.After(events.DateOf(now)) {
		return events.ErrDates.Refuse(field, "日期不能晚于今天", "the day has not come yet")
	}
	return nil
}

func checkReasons(reasons []string) error {
	if len(reasons) == 0 || len(reasons) > ReasonsMax {
		return events.ErrRange.Refusef("/reasons", "应有 1 至 %d 项原因", "there are 1 to %d reasons", ReasonsMax)
	}
	for i, code := range reasons {
		if _, ok := codes.ReturnReason(code); !ok || slices.Contains(reasons[:i], code) {
			return events.ErrCode.Refusef("/reasons/"+strconv.Itoa(i), "没有退回原因 %s，或重复", "there is no reason %s, or it is given twice", code)
		}
	}
	return nil
}

func unknown(id string) error {
	return events.ErrNotFound.Refusef("", "没有编号为 %s 的债券申请", "there is no bond application %s", id)
}

func wrongStage(s *Bond, zh, en string) error {
	return events.ErrState.Refuse("", "当前阶段为 "+s.Status+"："+zh, "the stage is "+s.Status+": "+en)
}
