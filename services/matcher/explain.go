package matcher

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// Explanation says why an offer fits a demand or does not. It is the outward form: of the conditions that are private, and of those
// shown only to the matched where the pair does not match, it says no more than that all of them hold, or that one does not. It shows the demand's own facts, so it is for
// the enterprise of the demand.
type Explanation struct {
	Demand        string         `json:"demand"`
	DemandVersion uint64         `json:"demand_version"`
	Offer         string         `json:"offer"`
	OfferVersion  uint64         `json:"offer_version"`
	Party         string         `json:"party"`
	PartyName     string         `json:"party_name"`
	Instrument    string         `json:"instrument"`
	Eligible      bool           `json:"eligible"`
	Clauses       []ClauseResult `json:"clauses"`
	Terms         []ScoreTerm    `json:"terms,omitempty"` // of eligible pairs only; their points sum to Score
	Score         int            `json:"score"`           // orders matches; not a credit score
	RuleSet       string         `json:"rule_set"`
	RuleSetHash   string         `json:"rule_set_hash"`
	AsOf          time.Time      `json:"as_of"`
	Epoch         string         `json:"epoch,omitempty"`     // of the positions
	Positions     []string       `json:"positions,omitempty"` // of the ledgers that had been read
	Notice        codes.Text     `json:"notice"`
}

// ClauseResult is one condition and how it came out.
type ClauseResult struct {
	Field      string     `json:"field"` // "private" for the line that stands for all private conditions
	Name       codes.Text `json:"name"`
	Op         string     `json:"op"`
	Bound      string     `json:"bound"` // "private" for the line that stands for all private conditions
	Value      string     `json:"value"` // of the demand; "unknown" where the facts do not say
	Node       string     `json:"node,omitempty"`
	NodeName   string     `json:"node_name,omitempty"` // the node of the region or industry tree that matched
	Passed     bool       `json:"passed"`
	Explicit   bool       `json:"explicit"` // of the offer's own list, not of every offer
	Visibility string     `json:"visibility"`
}

// ScoreTerm is one term of the sum. Most is what the rule set lets it give.
type ScoreTerm struct {
	Term     string     `json:"term"`
	Name     codes.Text `json:"name"`
	Points   int        `json:"points"`
	Most     int        `json:"most"`
	Node     string     `json:"node,omitempty"` // smallest common region; nearest preferred industry
	NodeName string     `json:"node_name,omitempty"`
}

// Words of clause results that are no values.
const (
	Withheld = "private"
	Unknown  = "unknown"
	none     = "none"
)

// notACreditScore goes along with every score: supplying credit scores is a licensed business (征信业务管理办法, 2021).
var notACreditScore = codes.Text{Zh: "匹配度只用于撮合排序，不是信用评分", En: "the score orders matches only; it is not a credit score"}

// Explain judges one pair at an instant, clause by clause, by the same functions as the index.
func (s *RuleSets) Explain(d *Demand, o *Offer, asOf time.Time) *Explanation {
	q := newQuery(d, s, asOf)
	e := s.explain(&q, o, asOf)
	e.Clauses, e.Eligible = shown(e.Clauses)
	if e.Eligible {
		e.terms(&q, o)
	}
	return e
}

// explain is an explanation whose conditions are not withheld yet.
func (s *RuleSets) explain(q *query, o *Offer, asOf time.Time) *Explanation {
	d := q.d
	return &Explanation{
		Demand: d.ID, DemandVersion: d.Version, Offer: o.ID, OfferVersion: o.Version, Party: o.Party, PartyName: o.Facts.Name,
		Instrument: o.Terms.Instrument, RuleSet: q.rules.ID, RuleSetHash: q.rules.Hash, AsOf: asOf.UTC(), Notice: notACreditScore, Clauses: q.judged(o),
	}
}

// terms says how the score comes about.
func (e *Explanation) terms(q *query, o *Offer) {
	for i, points := range q.points(o) {
		t := ScoreTerm{
			Term: termNames[i].name, Name: codes.Text{Zh: termNames[i].zh, En: termNames[i].en},
			Points: int(points), Most: int(q.rules.compiled.weights[i]),
		}
		q.place(&t, i, o)
		e.Terms = append(e.Terms, t)
		e.Score += t.Points
	}
}

// judged lists every condition of a pair, nothing withheld: it never leaves this package as it is.
func (q *query) judged(o *Offer) []ClauseResult {
	list := q.implicit(o)
	for i := range o.clauses {
		list = append(list, q.explicit(&o.clauses[i], o.Terms.Eligibility[i], o))
	}
	return list
}

// shown is what may be seen of the conditions. Those that are not public to this pair become one line at the end, without field,
// bound or value, and so does how much capacity is left, which every offer has: that there is such a line tells nothing. It says
// "failed" only where nothing else failed, because then the refusal itself says it; beside a public failure it is left out, since
// whether private conditions would hold is nothing one may find out by failing elsewhere.
func shown(judged []ClauseResult) (list []ClauseResult, eligible bool) {
	eligible = !slices.ContainsFunc(judged, func(c ClauseResult) bool { return !c.Passed })
	failed := false
	for _, c := range judged {
		if c.seen(eligible) {
			list = append(list, c)
			failed = failed || !c.Passed
		}
	}
	if !failed {
		list = append(list, ClauseResult{
			Field: Withheld, Name: fieldNames[Withheld], Bound: Withheld, Value: Withheld, Passed: eligible, Visibility: events.VisiblePrivate,
		})
	}
	return list, eligible
}

// seen says whether a condition is public to a pair.
func (c *ClauseResult) seen(eligible bool) bool {
	return c.Visibility == events.VisiblePublic || c.Visibility == events.VisibleMatched && eligible || planted.On("private_bound_shown")
}

// implicit lists the conditions that every offer has.
func (q *query) implicit(o *Offer) []ClauseResult {
	d, r := q.d, &o.rec
	cash := func(minor int64, m events.Money) string {
		return events.Money{Minor: minor, Currency: m.Currency}.String()
	}
	open := cash(q.open, d.Terms.Amount)
	least := "any" // part helps
	if d.Terms.MinAmount != nil {
		least = cash(q.need, d.Terms.Amount)
	}
	instrument := slices.Contains(d.instruments, o.Terms.Instrument)
	currency := d.Terms.Amount.Currency == o.Terms.Capacity.Currency
	status := "live"
	switch {
	case o.Suspended:
		status = "suspended"
	case o.Paused:
		status = "paused"
	}
	list := []ClauseResult{
		clauseResult("demand_validity", "before", instant(d.Terms.ValidUntil), instant(time.Unix(0, q.at)), q.demandValid()),
		clauseResult("demand_open", "above", "0", open, q.demandOpen()),
		clauseResult("offer_status", "is", "live", status, q.live(r)),
		clauseResult("offer_validity", "before", instant(o.Terms.ValidUntil), instant(time.Unix(0, q.at)), q.offerValid(r)),
		clauseResult("licence", "before", until(r.licensedUntil), instant(time.Unix(0, q.at)), q.licensed(r)),
		clauseResult("instrument", events.OpIn, o.Terms.Instrument, strings.Join(d.instruments, ","), instrument),
		clauseResult("currency", "is", o.Terms.Capacity.Currency, d.Terms.Amount.Currency, currency),
		clauseResult("ticket_min", events.OpMin, cash(r.minTicket, o.Terms.Capacity), open, currency && q.ticketMin(r)),
		clauseResult("ticket_max", events.OpMax, cash(r.maxTicket, o.Terms.Capacity), least, currency && q.ticketMax(r)),
		clauseResult("capacity", events.OpMax, cash(r.remaining, o.Terms.Capacity), least, currency && q.capacity(r)),
		clauseResult("term", "overlaps", months(o.Terms.TermMonths), months(d.Terms.TermMonths), q.term(r)),
		clauseResult("price", events.OpMin, basisPoints(o.Terms.MinPriceBP), basisPoints(d.Terms.MaxPriceBP), q.price(r)),
	}
	for i := range list {
		if list[i].Field == "capacity" {
			// What is left tells how much others took.
			list[i].Visibility = events.VisiblePrivate
		}
	}
	return list
}

func clauseResult(field, op, bound, value string, passed bool) ClauseResult {
	return ClauseResult{Field: field, Name: fieldNames[field], Op: op, Bound: bound, Value: value, Passed: passed, Visibility: events.VisiblePublic}
}

// explicit describes one of the offer's own conditions.
func (q *query) explicit(c *clause, source events.Clause, o *Offer) ClauseResult {
	out := clauseResult(source.Field, source.Op, strings.Join(source.Values, ","), q.value(c, o), q.holds(c, o))
	out.Explicit = true
	if name := (codes.Text{Zh: source.Field, En: source.Field}); out.Name == (codes.Text{}) {
		out.Name = name
	}
	// A visibility that is not understood withholds.
	switch source.Visibility {
	case "", events.VisiblePublic:
	case events.VisibleMatched:
		out.Visibility = events.VisibleMatched
	default:
		out.Visibility = events.VisiblePrivate
	}
	if source.Number != nil {
		out.Bound = strconv.FormatInt(*source.Number, 10)
		if c.field == fieldRevenue {
			out.Bound = events.Money{Minor: *source.Number, Currency: o.Terms.Capacity.Currency}.String()
		}
	}
	if c.op == within {
		switch c.field {
		case fieldRegion:
			if i := onPath(q.d.region[:], c.nodes); i >= 0 {
				out.Node, out.NodeName = source.Values[i], codes.RegionName(source.Values[i], " ")
			}
		case fieldIndustry:
			if i := onPath(q.d.industry[:], c.nodes); i >= 0 {
				out.Node, out.NodeName = source.Values[i], industryName(source.Values[i])
			}
		}
	}
	return out
}

// value is what the demand has for a clause, as text.
func (q *query) value(c *clause, o *Offer) string {
	switch d := q.d; c.field {
	case fieldRegion:
		return known(d.Region)
	case fieldIndustry:
		return known(d.Industry)
	case fieldStage:
		return known(d.Facts.Stage)
	case fieldUse:
		return known(d.Terms.Use)
	case fieldTitle:
		return known(q.titleCodes())
	case fieldFocus:
		return known(strings.Join(slices.Concat(d.Terms.Focus, d.Facts.Focus), ","))
	case fieldSecurity:
		return known(strings.Join(d.Terms.Security, ","))
	}
	n := q.number(c, o)
	if n < 0 {
		return Unknown
	}
	if c.field == fieldRevenue {
		return events.Money{Minor: n, Currency: o.Terms.Capacity.Currency}.String()
	}
	return strconv.FormatInt(n, 10)
}

// titleCodes lists the titles that count on the day. An enterprise without any is known to have none.
func (q *query) titleCodes() string {
	var held []string
	for _, t := range q.d.Facts.Titles {
		if q.titles&bitsOf().titles[t.Title] != 0 && !slices.Contains(held, t.Title) {
			held = append(held, t.Title)
		}
	}
	if len(held) == 0 {
		return none
	}
	return strings.Join(held, ",")
}

// place names the tree node on which a term rests.
func (q *query) place(t *ScoreTerm, term int, o *Offer) {
	switch term {
	case termRegion:
		level := q.commonRegion(o)
		t.Name = regionLevels[level]
		if level > 0 {
			t.Node = strconv.Itoa(int(o.place[level-1]))
			t.NodeName = codes.RegionName(t.Node, " ")
		}
	case termIndustry:
		for code := q.d.Industry; code != "" && len(o.sectors) > 0; code = codes.IndustryParent(code) {
			path := pathOfIndustry(code)
			depth := path.depth()
			if depth > 0 && slices.ContainsFunc(o.sectors, func(s industryPath) bool { return s[depth-1] == path[depth-1] }) {
				t.Node, t.NodeName = code, industryName(code)
				return
			}
		}
	}
}

var regionLevels = [4]codes.Text{
	{Zh: "全国", En: "nationwide"},
	{Zh: "同省", En: "same province"},
	{Zh: "同市", En: "same prefecture"},
	{Zh: "同县区", En: "same county"},
}

func known(s string) string {
	if s == "" {
		return Unknown
	}
	return s
}

// industryName is the name of the code or of its nearest named ancestor.
func industryName(code string) string {
	for ; code != ""; code = codes.IndustryParent(code) {
		if name := codes.IndustryName(code); name != "" {
			return name
		}
	}
	return ""
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func until(at int64) string {
	if at == forever {
		return none
	}
	return instant(time.Unix(0, at))
}

// months is a range of terms: "12-36", "12-" without upper end, "none" where any will do.
func months(m *events.Months) string {
	switch {
	case m == nil:
		return none
	case m.Max == 0:
		return strconv.Itoa(m.Min) + "-"
	}
	return strconv.Itoa(m.Min) + "-" + strconv.Itoa(m.Max)
}

func basisPoints(bp *int) string {
	if bp == nil {
		return none
	}
	return strconv.Itoa(*bp)
}
