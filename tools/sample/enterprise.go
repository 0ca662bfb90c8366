package sample

import (
	"fmt"
	"strconv"

	"github.com/jieli-bus/jieli/events"
)

// Enterprise is row i of the sample enterprises (示例企业), 0 <= i < 31^6.
func Enterprise(seed uint64, i int) events.RegisterEnterprise {
	d := newDraw(seed, streamEnterprise, i)
	region := d.region()
	industry := d.mix(industryMix)
	stage := d.mix(stageMix)
	shape := stageShapes[stage]
	e := events.RegisterEnterprise{
		ID:       uscc(seed, streamEnterprise, i, region),
		Name:     d.pick(brands) + trades[industry] + "有限公司（示例" + strconv.Itoa(i+1) + "）",
		Region:   region,
		Industry: industry,
		Founded:  day(-365*d.between(shape.ageYearsMin, shape.ageYearsMax) - d.between(30, 360)),
		Stage:    stage,
	}
	if d.percent(60) {
		e.Focus = []string{focusOf[industry]}
	}
	return e
}

// EnterpriseProfile is the profile of enterprise i for the fiscal year before the sample's epoch. Headcount follows the
// stage, revenue the headcount, research expense the revenue.
func EnterpriseProfile(seed uint64, i int) events.Profile {
	e := Enterprise(seed, i)
	d := newDraw(seed, streamProfile, i)
	shape := stageShapes[e.Stage]
	employees := d.between(shape.employeesMin, shape.employeesMax)
	revenueYuan := int64(employees) * int64(d.between(200, 900)) * 1_000
	if e.Stage == "seed" {
		revenueYuan /= 10 // mostly before their first sales
	}
	revenue := fen(revenueYuan)
	research := fen(revenueYuan * int64(d.between(3, 15)) / 100)
	assets := fen(revenueYuan * int64(d.between(60, 180)) / 100)
	return events.Profile{
		FiscalYear: 2025,
		Employees:  employees,
		RDStaff:    employees * d.between(8, 45) / 100,
		Revenue:    &revenue,
		RDExpense:  &research,
		Assets:     &assets,
		Stage:      e.Stage,
		Patents:    d.n(1 + min(employees/10, 60)),
	}
}

// EnterpriseTitles are the dated titles (资质) of enterprise i, none to three.
func EnterpriseTitles(seed uint64, i int) []events.Title {
	e := Enterprise(seed, i)
	d := newDraw(seed, streamTitle, i)
	var out []events.Title
	add := func(code, issuer string, chance int) {
		if !d.percent(chance) {
			return
		}
		from := day(-d.between(0, 700))
		start, _ := from.Start() // day makes valid dates
		out = append(out, events.Title{
			Title:       code,
			Certificate: fmt.Sprintf("示例-%s-%06d", code, i+1),
			Issuer:      issuer,
			ValidFrom:   from,
			ValidTo:     events.DateOf(start.AddDate(3, 0, -1)),
		})
	}
	switch e.Stage {
	case "seed":
		add("technology_sme", "most", 30)
	case "startup":
		add("technology_sme", "most", 60)
		add("innovative_sme", "miit", 20)
	case "growth":
		add("technology_sme", "most", 50)
		add("high_tech", "most", 55)
		add("specialised_new", "miit", 20)
	default:
		add("high_tech", "most", 75)
		add("specialised_new", "miit", 25)
		add("little_giant", "miit", 10)
	}
	return out
}
