package bond

import (
	"slices"

	"github.com/jieli-bus/jieli/events"
)

// checkReport holds a filing to the financial report that it rests on (财务报告有效期), by the rules of the filing's day.
func checkReport(s *Bond, f *events.BondFiling, facts *Facts, rules *CourseRules) error {
	r := f.Report
	if r == nil {
		if rules.Reports.Required {
			return events.ErrPolicy.Refuse("/report", "申报应写明所依据的财务报告", "a filing names the financial report that it rests on")
		}
		return nil
	}
	i := slices.IndexFunc(rules.Reports.Kinds, func(row ReportRow) bool { return row.Kind == r.Kind })
	if i < 0 {
		return events.ErrCode.Refusef("/report/kind", "规则 %s 不接受 %s 报告", "the rules %s take no report of kind %s", rules.ID, r.Kind)
	}
	row := &rules.Reports.Kinds[i]
	if len(row.Issuers) > 0 && !slices.ContainsFunc(row.Issuers, func(c Clause) bool { return c.judge(s, facts, f.FiledOn).Passed }) {
		return events.ErrPolicy.Refusef("/report/kind", "发行人不符合以 %s 报告申报的条件（规则 %s）", "this issuer may not file on a report of kind %s (rules %s)", r.Kind, rules.ID)
	}
	ends, errEnds := dayOf(r.FiscalYear, row.PeriodEnd)
	valid, errValid := dayOf(r.FiscalYear+1, row.ValidTo)
	switch {
	case errEnds != nil || errValid != nil:
		return events.ErrRange.Refusef("/report/fiscal_year", "没有 %d 年度的报告", "there is no report of the year %d", r.FiscalYear)
	case !f.FiledOn.After(ends):
		return events.ErrDates.Refusef("/report/fiscal_year", "报告期至 %s，尚未结束", "the report's period ends on %s, not before the filing", ends)
	case f.FiledOn.After(valid):
		return events.ErrValidity.Refusef("/report", "%d 年度报告有效期至 %s（规则 %s）", "the report of %d counts until %s (rules %s)", r.FiscalYear, valid, rules.ID)
	}
	return nil
}

// checkRatingStands wants a rating, where there is one, to count on the day of the filing.
func checkRatingStands(r *events.BondRating, day events.Date, rules *CourseRules) error {
	if r == nil {
		return nil
	}
	last := r.ValidTo
	if last == "" {
		last = r.RatedOn.MonthsAfter(rules.Rating.Months)
	}
	if day.After(last) {
		return events.ErrValidity.Refusef("/filed_on", "评级有效期至 %s，请先重新评级", "the rating counts until %s: rate the bond anew first", last)
	}
	return nil
}

// checkRegistration bounds how long a registration lasts.
func checkRegistration(s *Bond, r *events.BondRegistration, rules *CourseRules) error {
	for _, row := range rules.Registrations {
		if last := r.RegisteredOn.MonthsAfter(row.Months); row.Venue == s.Venue && r.ValidTo.After(last) {
			return events.ErrValidity.Refusef("/valid_to", "注册有效期最长 %d 个月，至 %s（规则 %s）", "a registration lasts %d months at most, until %s (rules %s)", row.Months, last, rules.ID)
		}
	}
	return nil
}
