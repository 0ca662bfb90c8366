package registry

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// checkRegistration holds what a schema cannot say and no clock is needed for: Prepare asks it before it puts a contact away.
func checkRegistration(subject string, d *events.RegisterEnterprise) error {
	if d.ID != subject {
		return events.ErrMismatch.Refuse("/id", "命令主题应为企业编号", "the command's subject is the enterprise's id")
	}
	if err := checkID(d); err != nil {
		return err
	}
	if _, ok := codes.Region(d.Region); !ok {
		return events.ErrRegion.Refusef("/region", "行政区划 %s 不存在", "there is no region %s", d.Region)
	}
	if !codes.IndustryValid(d.Industry) {
		return events.ErrIndustry.Refusef("/industry", "行业 %s 不存在", "there is no industry %s", d.Industry)
	}
	if d.Founded != "" {
		if _, err := d.Founded.Start(); err != nil {
			return badDate("/founded")
		}
	}
	if err := checkStage(d.Stage); err != nil {
		return err
	}
	if len(d.Focus) > FocusMax {
		return tooMany("/focus", FocusMax)
	}
	for i, f := range d.Focus {
		if _, ok := codes.FocusArea(f); !ok {
			return events.ErrCode.Refusef("/focus/"+strconv.Itoa(i), "没有重点领域 %s", "there is no focus area %s", f)
		}
	}
	return nil
}

// checkID admits a USCC whose check digit holds, one whose check digit a named document stands in for (length and alphabet
// must hold all the same), or a private id.
func checkID(d *events.RegisterEnterprise) error {
	switch d.Scheme {
	case events.SchemePrivate:
		if !strings.HasPrefix(d.ID, "x-") || !events.ValidID(d.ID) {
			return events.ErrID.Refuse("/id", "自编编号须以 x- 开头，且只含允许的字符", `a private id begins with "x-" and has only the characters allowed`)
		}
		if d.Override != nil {
			return events.ErrUSCC.Refuse("/override", "自编编号没有校验位", "a private id has no check digit to override")
		}
		return nil
	case events.SchemeUSCC, "":
	default:
		return events.ErrCode.Refuse("/scheme", "编号体系应为 uscc 或 private", "the scheme is uscc or private")
	}
	err := codes.CheckUSCC(d.ID)
	if err == nil {
		return nil
	}
	var wrong *codes.USCCError
	if !errors.As(err, &wrong) {
		return events.ErrUSCC.Refuse("/id", err.Error(), err.Error())
	}
	if wrong.Reason == codes.USCCCheckDigit && d.Override != nil {
		if strings.TrimSpace(d.Override.Document) == "" {
			return events.ErrUSCC.Refuse("/override/document", "须写明依据的文件", "the document that it rests on must be named")
		}
		return nil
	}
	text := wrong.Text()
	return events.ErrUSCC.Refuse("/id", text.Zh, text.En)
}

func checkStage(stage string) error {
	if stage == "" {
		return nil
	}
	if _, ok := codes.Stage(stage); !ok {
		return events.ErrCode.Refusef("/stage", "没有发展阶段 %s", "there is no stage %s", stage)
	}
	return nil
}

func checkProfile(s *Enterprise, d *events.Profile, now time.Time) error {
	if year := now.In(events.Beijing).Year(); d.FiscalYear < fiscalYearMin || d.FiscalYear > year {
		return events.ErrRange.Refusef("/fiscal_year", "年度应在 %d 至 %d 之间", "the fiscal year is between %d and %d", fiscalYearMin, year)
	}
	for _, n := range []struct {
		field string
		value int
	}{{"/employees", d.Employees}, {"/rd_staff", d.RDStaff}, {"/patents", d.Patents}, {"/software_copyrights", d.SoftwareCopyrights}} {
		if n.value < 0 {
			return events.ErrRange.Refuse(n.field, "不能为负数", "it may not be negative")
		}
	}
	if d.RDStaff > d.Employees {
		return events.ErrRange.Refuse("/rd_staff", "研发人员多于职工总数", "more R&D staff than employees")
	}
	currency := ""
	for _, m := range []struct {
		field string
		value *events.Money
	}{{"/revenue", d.Revenue}, {"/rd_expense", d.RDExpense}, {"/assets", d.Assets}, {"/tech_revenue", d.TechRevenue}, {"/liabilities", d.Liabilities}} {
		if m.value == nil {
			continue
		}
		if m.value.Minor < 0 {
			return events.ErrMoney.Refuse(m.field, "金额不能为负数", "the amount may not be negative")
		}
		if _, ok := codes.Currency(m.value.Currency); !ok || currency != "" && m.value.Currency != currency {
			return events.ErrCurrency.Refuse(m.field+"/currency", "同一年度的金额须为同一种已知货币", "the amounts of one year are in one known currency")
		}
		currency = m.value.Currency
	}
	if d.TechRevenue != nil && d.Revenue != nil && d.TechRevenue.Minor > d.Revenue.Minor {
		return events.ErrRange.Refuse("/tech_revenue", "科技收入多于营业收入", "more technology revenue than revenue")
	}
	if s.Founded != "" && len(s.Founded) >= 4 && strconv.Itoa(d.FiscalYear) < string(s.Founded[:4]) {
		return events.ErrDates.Refuse("/fiscal_year", "年度早于成立年份", "the fiscal year is before the founding")
	}
	return checkStage(d.Stage)
}

func checkTitle(d *events.Title, now time.Time) error {
	if _, ok := codes.Title(d.Title); !ok {
		return events.ErrCode.Refusef("/title", "没有资质 %s", "there is no title %s", d.Title)
	}
	if err := checkDays("/valid_from", d.ValidFrom, "/valid_to", d.ValidTo); err != nil {
		return err
	}
	if d.ValidTo.Before(events.DateOf(now)) {
		return events.ErrValidity.Refuse("/valid_to", "资质已过期", "the title has expired already")
	}
	return nil
}

// checkDays wants two days in order; the same day twice is one day.
func checkDays(fieldFrom string, from events.Date, fieldTo string, to events.Date) error {
	if _, err := from.Start(); err != nil {
		return badDate(fieldFrom)
	}
	if _, err := to.Start(); err != nil {
		return badDate(fieldTo)
	}
	if to.Before(from) {
		return events.ErrDates.Refuse(fieldTo, "截止日早于起始日", "the last day is before the first")
	}
	return nil
}

func active(s *Enterprise) error {
	if s.Status == StatusSuspended {
		return events.ErrState.Refuse("", "企业状态为暂停 (suspended)", "the enterprise is suspended")
	}
	return nil
}

func badDate(field string) error {
	return events.ErrDates.Refuse(field, "日期格式应为 YYYY-MM-DD 且真实存在", "a date is YYYY-MM-DD and must exist")
}

func tooMany(field string, limit int) error {
	return events.ErrRange.Refusef(field, "最多 %d 项", "at most %d", limit)
}

func sameProfile(a, b *events.Profile) bool {
	x, y := *a, *b
	for _, m := range [...][2]**events.Money{
		{&x.Revenue, &y.Revenue}, {&x.RDExpense, &y.RDExpense}, {&x.Assets, &y.Assets}, {&x.TechRevenue, &y.TechRevenue}, {&x.Liabilities, &y.Liabilities},
	} {
		if !sameMoney(*m[0], *m[1]) {
			return false
		}
		*m[0], *m[1] = nil, nil
	}
	return x == y
}

func sameMoney(a, b *events.Money) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func unknown(id string) error {
	return events.ErrNotFound.Refusef("", "没有登记编号为 %s 的企业", "no enterprise is registered under %s", id)
}
