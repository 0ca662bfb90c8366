package matcher

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// oracle judges pairs from the payloads themselves and the rule file read as plain JSON: no compiled form, no bit set, no shared
// function. It is slow and says what the rules say.
type oracle struct {
	weight map[string]int64
	p      map[string]any
}

func newOracle(t testing.TB) *oracle {
	t.Helper()
	data, err := fs.ReadFile(contracts.Rules(), "matching.2024-06-28.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Weights    map[string]int64
		Parameters map[string]any
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return &oracle{file.Weights, file.Parameters}
}

func (x *oracle) n(name string) int64 { return int64(x.p[name].(float64)) }
func (x *oracle) of(name, key string) int64 {
	return int64(x.p[name].(map[string]any)[key].(float64))
}
func (x *oracle) list(name string) (out []string) {
	for _, v := range x.p[name].([]any) {
		out = append(out, v.(string))
	}
	return out
}

// pair is one demand and one offer, with what has happened to them since.
type pair struct {
	d            *events.DemandPublished
	o            *events.OfferPublished
	held, filled int64
	used         int64
	paused       bool
	at           time.Time
}

func (p pair) open() int64 { return max(0, p.d.Amount.Minor-p.held-p.filled) }

func (p pair) region() string { return cmp.Or(p.d.Region, p.d.Facts.Region) }

func (p pair) industry() string { return cmp.Or(p.d.Industry, p.d.Facts.Industry) }

func inRegion(code, ancestor string) bool {
	e, ok := codes.RegionNearest(code)
	return ok && codes.RegionWithin(e.Code, ancestor)
}

func (p pair) titles() (out []string) {
	day := p.at.In(events.Beijing).Format(time.DateOnly)
	for _, t := range p.d.Facts.Titles {
		if _, ok := codes.Title(t.Title); ok && string(t.ValidFrom) <= day && day <= string(t.ValidTo) {
			out = append(out, t.Title)
		}
	}
	return out
}

func (p pair) focus() (out []string) {
	for _, f := range slices.Concat(p.d.Focus, p.d.Facts.Focus) {
		if e, ok := codes.FocusArea(f); ok {
			out = append(out, f)
			if e.Parent != "" {
				out = append(out, e.Parent)
			}
		}
	}
	return out
}

func (p pair) security() (out []string) {
	for _, s := range p.d.Security {
		if _, ok := codes.Security(s); ok {
			out = append(out, s)
		}
	}
	return out
}

// age is in full months, -1 when unknown.
func (p pair) age() int64 {
	founded, err := time.Parse(time.DateOnly, string(p.d.Facts.Founded))
	if err != nil {
		return -1
	}
	local := p.at.In(events.Beijing)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	if today.Before(founded) {
		return -1
	}
	n := int64(0)
	for {
		y, m := founded.Year(), int(founded.Month())+int(n)+1
		y, m = y+(m-1)/12, (m-1)%12+1
		// The n+1st month is full when that day of the month has come; a day that a month lacks comes with the next month.
		if y > today.Year() || y == today.Year() && (m > int(today.Month()) || m == int(today.Month()) && founded.Day() > today.Day()) {
			return n
		}
		n++
	}
}

// eligible is the whole of the hard rules.
func (x *oracle) eligible(p pair) bool {
	d, o := p.d, p.o
	if !p.at.Before(d.ValidUntil) || !p.at.Before(o.ValidUntil) || p.open() <= 0 || p.paused || o.Facts.Suspended {
		return false
	}
	if !slices.Contains(d.Instruments, o.Instrument) || d.Amount.Currency != o.Capacity.Currency {
		return false
	}
	// Is there any amount that suits both?
	low, high := max(o.MinTicket.Minor, 1), min(o.MaxTicket.Minor, o.Capacity.Minor-p.used, p.open())
	if d.MinAmount != nil {
		low = max(low, min(d.MinAmount.Minor, p.open()))
	}
	if low > high {
		return false
	}
	if d.TermMonths != nil && o.TermMonths != nil {
		ok := false
		for m := 0; m <= 600; m++ {
			ok = ok || m >= d.TermMonths.Min && m >= o.TermMonths.Min && (d.TermMonths.Max == 0 || m <= d.TermMonths.Max) && (o.TermMonths.Max == 0 || m <= o.TermMonths.Max)
		}
		if !ok {
			return false
		}
	}
	if d.MaxPriceBP != nil && o.MinPriceBP != nil && *o.MinPriceBP > *d.MaxPriceBP {
		return false
	}
	covering, valid := 0, 0
	instrument, _ := codes.Instrument(o.Instrument)
	for _, l := range o.Facts.Licences {
		if slices.Contains(instrument.Licences, l.Licence) {
			covering++
			if l.ValidTo == "" || p.at.In(events.Beijing).Format(time.DateOnly) <= string(l.ValidTo) {
				valid++
			}
		}
	}
	if covering > 0 && valid == 0 {
		return false
	}
	return !slices.ContainsFunc(o.Eligibility, func(c events.Clause) bool { return !x.holds(p, c) })
}

func (x *oracle) holds(p pair, c events.Clause) bool {
	d := p.d
	in := func(have string, known bool) bool {
		return c.Op == events.OpIn && known && slices.Contains(c.Values, have)
	}
	sets := func(have []string) bool {
		contains := func(v string) bool { return slices.Contains(have, v) }
		switch c.Op {
		case events.OpAny:
			return slices.ContainsFunc(c.Values, contains)
		case events.OpAll:
			return len(have) > 0 && !slices.ContainsFunc(c.Values, func(v string) bool { return !contains(v) })
		}
		return false
	}
	// numbers are fractions, so that nothing is rounded
	number := func(num, den int64, known bool) bool {
		if !known || c.Number == nil {
			return false
		}
		left := big.NewRat(num, max(den, 1))
		right := new(big.Rat).SetInt64(*c.Number)
		switch c.Op {
		case events.OpMin:
			return left.Cmp(right) >= 0
		case events.OpMax:
			return left.Cmp(right) <= 0
		}
		return false
	}
	switch f := d.Facts; c.Field {
	case events.FieldRegion:
		return c.Op == events.OpIn && slices.ContainsFunc(c.Values, func(v string) bool { return inRegion(p.region(), v) })
	case events.FieldIndustry:
		return c.Op == events.OpIn && slices.ContainsFunc(c.Values, func(v string) bool { return codes.IndustryWithin(p.industry(), v) })
	case events.FieldStage:
		_, known := codes.Stage(f.Stage)
		return in(f.Stage, known)
	case events.FieldUse:
		_, known := codes.Use(d.Use)
		return in(d.Use, known)
	case events.FieldTitle:
		return sets(p.titles())
	case events.FieldFocus:
		return sets(p.focus())
	case events.FieldSecurity:
		return sets(p.security())
	case events.FieldEmployees:
		return number(int64(f.Employees), 1, f.Employees > 0)
	case events.FieldRevenue:
		return f.Revenue != nil && number(f.Revenue.Minor, 1, f.Revenue.Currency == p.o.Capacity.Currency)
	case events.FieldRDRatio:
		if f.Revenue == nil || f.RDExpense == nil || f.Revenue.Minor == 0 || f.Revenue.Currency != f.RDExpense.Currency || c.Number == nil {
			return false
		}
		ratio := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(f.RDExpense.Minor), big.NewInt(10_000)), big.NewInt(f.Revenue.Minor))
		sign := ratio.Cmp(new(big.Rat).SetInt64(*c.Number))
		return c.Op == events.OpMin && sign >= 0 || c.Op == events.OpMax && sign <= 0
	case events.FieldPatents:
		return number(int64(f.Patents), 1, f.Employees > 0 || f.Patents > 0 || f.Revenue != nil || f.RDExpense != nil)
	case events.FieldAge:
		return number(p.age(), 1, p.age() >= 0)
	}
	return false
}

// score is the whole of the soft rules, for eligible pairs.
func (x *oracle) score(p pair) (total int, terms map[string]int) {
	d, o := p.d, p.o
	instrument, _ := codes.Instrument(o.Instrument)
	leg := string(instrument.Leg)
	percent := map[string]int64{}
	part := func(a, b int64) int64 {
		return new(big.Int).Quo(new(big.Int).Mul(big.NewInt(min(a, b)), big.NewInt(100)), big.NewInt(b)).Int64()
	}
	yes := func(name string, b bool) {
		if b {
			percent[name] = 100
		}
	}

	open := p.open()
	log := func(n int64) int64 { return int64(bits.Len64(uint64(n))) }
	away := 2*log(open) - log(o.MinTicket.Minor) - log(o.MaxTicket.Minor)
	away = max(away, -away)
	centre := x.n("size_centre_percent")
	percent["size_fit"] = (part(o.MaxTicket.Minor, open)*(100-centre) + max(0, 100-away*x.n("size_doubling_percent")/2)*centre) / 100

	percent["term_fit"] = x.n("neutral_percent")
	if d.TermMonths != nil && o.TermMonths != nil {
		var wanted, common int64
		for m := 0; m <= 600; m++ {
			if m >= d.TermMonths.Min && (d.TermMonths.Max == 0 || m <= d.TermMonths.Max) {
				wanted++
				if m >= o.TermMonths.Min && (o.TermMonths.Max == 0 || m <= o.TermMonths.Max) {
					common++
				}
			}
		}
		percent["term_fit"] = part(common, wanted)
	}

	percent["region"] = x.of("region_percent", "national")
	mine, _ := codes.RegionNearest(p.region())
	theirs, _ := codes.RegionNearest(o.Facts.Region)
	for _, a := range codes.RegionPath(mine.Code) {
		if r, _ := codes.Region(a); slices.Contains(codes.RegionPath(theirs.Code), a) && (!strings.Contains(r.Name, "直辖县级") || a == mine.Code) {
			percent["region"] = x.of("region_percent", string(r.Level))
			break
		}
	}

	var sectors, stages []string
	for _, pref := range o.Appetite {
		for _, v := range pref.Values {
			if pref.Field == events.FieldIndustry && codes.IndustryValid(v) {
				sectors = append(sectors, v)
			}
			if _, ok := codes.Stage(v); ok && pref.Field == events.FieldStage {
				stages = append(stages, v)
			}
		}
	}
	percent["industry"] = x.n("neutral_percent")
	if len(sectors) > 0 {
		percent["industry"] = 0
		names := map[int]string{1: "section", 3: "division", 4: "group", 5: "class"}
		for _, s := range sectors {
			if codes.IndustryWithin(p.industry(), s) {
				percent["industry"] = max(percent["industry"], x.of("industry_within_percent", names[len(s)]))
				continue
			}
			for a := codes.IndustryParent(s); a != ""; a = codes.IndustryParent(a) {
				if codes.IndustryWithin(p.industry(), a) {
					percent["industry"] = max(percent["industry"], x.of("industry_near_percent", names[len(a)]))
					break
				}
			}
		}
	}

	if stage, known := codes.Stage(d.Facts.Stage); known {
		switch {
		case slices.Contains(stages, d.Facts.Stage):
			percent["stage"] = 100
		case len(stages) > 0:
			for _, s := range stages {
				if e, _ := codes.Stage(s); e.Order == stage.Order+1 || e.Order == stage.Order-1 {
					percent["stage"] = x.n("stage_adjacent_percent")
				}
			}
		case leg == "beside":
			percent["stage"] = x.n("neutral_percent")
		default:
			for _, l := range stage.Legs {
				if string(l) == leg {
					percent["stage"] = x.n("stage_leg_percent")
				}
			}
		}
	}

	percent["price"] = x.n("neutral_percent")
	if d.MaxPriceBP != nil && o.MinPriceBP != nil {
		percent["price"] = 100
		if *d.MaxPriceBP > 0 {
			percent["price"] = int64((*d.MaxPriceBP - *o.MinPriceBP) * 100 / *d.MaxPriceBP)
		}
	}

	titles, focus := p.titles(), p.focus()
	met := func(pref events.Preference, only []string) bool {
		return slices.ContainsFunc(pref.Values, func(v string) bool {
			if only != nil && !slices.Contains(only, v) {
				return false
			}
			switch pref.Field {
			case events.FieldRegion:
				return inRegion(p.region(), v)
			case events.FieldIndustry:
				return codes.IndustryWithin(p.industry(), v)
			case events.FieldStage:
				_, known := codes.Stage(v)
				return known && v == d.Facts.Stage
			case events.FieldTitle:
				return slices.Contains(titles, v)
			}
			return slices.Contains(focus, v)
		})
	}
	percent["appetite"] = x.n("neutral_percent")
	if len(o.Appetite) > 0 {
		var sum, all int64
		for _, pref := range o.Appetite {
			all += int64(pref.Weight)
			if met(pref, nil) {
				sum += int64(pref.Weight)
			}
		}
		percent["appetite"] = sum * 100 / all
	}

	meets := func(a []string, b ...string) bool {
		return slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
	}
	_, staged := codes.Stage(d.Facts.Stage)
	early := meets(x.list("early_stages"), d.Facts.Stage) || !staged && p.age() >= 0 && p.age() <= x.n("early_age_months")
	yes("early", early && (meets(x.list("early_legs"), leg) || meets(stages, x.list("early_stages")...)))
	small := d.Facts.Employees > 0 && int64(d.Facts.Employees) <= x.n("small_employees") || meets(titles, x.list("small_titles")...)
	least := new(big.Int).Mul(big.NewInt(o.MinTicket.Minor), big.NewInt(100))
	yes("small", small && least.Cmp(new(big.Int).Mul(big.NewInt(open), big.NewInt(x.n("small_min_ticket_percent")))) <= 0)
	yes("long_term", meets(x.list("long_term_legs"), leg) ||
		o.TermMonths != nil && (o.TermMonths.Max == 0 || int64(o.TermMonths.Max) >= x.n("long_term_months")))
	if meets(focus, x.list("hard_focus")...) || meets(titles, x.list("hard_titles")...) {
		percent["hard_tech"] = x.n("neutral_percent")
		for _, pref := range o.Appetite {
			if pref.Field == events.FieldFocus && met(pref, nil) || pref.Field == events.FieldTitle && met(pref, x.list("hard_titles")) {
				percent["hard_tech"] = 100
			}
		}
	}
	for _, tool := range o.PolicyTools {
		e, _ := codes.PolicyTool(tool)
		yes("policy_tool", percent["policy_tool"] > 0 || slices.Contains(e.Instruments, o.Instrument))
	}

	terms = map[string]int{}
	for name, w := range x.weight {
		terms[name] = int(w * percent[name] / 100)
		total += terms[name]
	}
	return total, terms
}

// world is some offers and what has happened to them.
type world struct {
	offers map[string]pair // the offer's half of a pair
}

func (x *oracle) top(w world, half pair, k int) (ranked []events.RankedOffer, eligible int) {
	for id, o := range w.offers {
		p := half
		p.o, p.used, p.paused = o.o, o.used, o.paused
		if x.eligible(p) {
			score, _ := x.score(p)
			ranked = append(ranked, events.RankedOffer{Offer: id, Score: score})
		}
	}
	slices.SortFunc(ranked, func(a, b events.RankedOffer) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Offer, b.Offer))
	})
	return ranked[:min(k, len(ranked))], len(ranked)
}
