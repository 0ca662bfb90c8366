package bond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jieli-bus/jieli/contracts/calendar"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/rules"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Deps are the ports that the service needs; all are required.
type Deps struct {
	Lookup app.Lookup           // reads enterprises, parties, offers, and this context's own documents
	Rules  *rules.Sets[RuleSet] // the dated gates
	Course *rules.Sets[CourseRules]
}

// New returns the service of context bond.
func New(deps Deps) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider(deps.Course, calendar.Add)),
		Path:    Path,
		Create:  Create,
		Amend:   Amend,
		Prepare: preparer{deps.Lookup, deps.Rules}.prepare,
		Index:   Index,
		Noun:    "科技型企业债券申请", NounEN: "technology bond application",
		Filters: []app.Filter{
			{Name: "issuer", About: "发行人编号", AboutEN: "id of the issuer", Example: "91330106MA0000015K"},
			{Name: "issuer_kind", About: "发行人类型", AboutEN: "kind of issuer", Example: "technology_firm"},
			app.StatusFilter("triaged"),
			{Name: "venue", About: "发行市场", AboutEN: "venue", Example: "interbank"},
			{Name: "instrument", About: "金融工具，codes/instruments.json", AboutEN: "instrument, codes/instruments.json", Example: "tech_bond"},
			{Name: "clock", About: "当前阶段计时状态：running、unknown、breached", AboutEN: "state of the stage's clock: running, unknown or breached", Example: "breached"},
			{Name: "underwriter", About: "主承销商编号", AboutEN: "id of the underwriter", Example: "broker-1"},
			app.RegionFilter,
			app.CurrencyFilter,
		},
		Sorts: []string{"created", "updated", "amount"},
	}
}

type preparer struct {
	lookup app.Lookup
	rules  *rules.Sets[RuleSet]
}

// prepare looks up what a decision rests on.
func (p preparer) prepare(ctx context.Context, c *step.Command) error {
	facts := &Facts{}
	var err error
	switch d := c.Data.(type) {
	case *events.ApplyBond:
		err = p.issuer(ctx, facts, "/issuer", d.Issuer, d.IssuerKind)
	case *events.ResubmitBond, *events.Empty:
		err = p.ofBond(ctx, c.Subject, facts)
		facts.Rules = p.rules
	case *events.DockBond:
		if err = p.ofUser(ctx, c, facts); err == nil {
			err = p.offer(ctx, facts, d.Offer)
		}
	case *events.BondEnhancement:
		facts.Other, err = p.other(ctx, "/provider", d.Provider)
	case *events.BondRating:
		facts.Other, err = p.other(ctx, "/agency", d.Agency)
	case *events.BondFiling:
		err = p.ofBond(ctx, c.Subject, facts) // whose report it is
	case *events.AllocateBond:
		err = p.allocation(ctx, facts, d)
	case *events.Reason:
		err = p.ofUser(ctx, c, facts)
	default:
		return nil
	}
	c.Facts = facts
	return err
}

// allocation reads what an allocation names.
func (p preparer) allocation(ctx context.Context, facts *Facts, d *events.AllocateBond) error {
	if err := p.enterprise(ctx, facts, "/enterprise", d.Enterprise); err != nil {
		return err
	}
	if d.Offer != "" {
		if err := p.offer(ctx, facts, d.Offer); err != nil {
			return err
		}
	}
	if d.Demand == "" {
		return nil
	}
	if !events.ValidID(d.Demand) {
		return events.ErrID.Refuse("/demand", "需求编号含有不允许的字符", "the demand's id has characters that are not allowed")
	}
	var doc struct {
		Enterprise string `json:"enterprise"`
	}
	_, _, err := p.read(ctx, "demand", d.Demand, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return nil // Decide refuses
	}
	if err != nil {
		return err
	}
	facts.Demand = &DemandFacts{Enterprise: doc.Enterprise}
	return nil
}

// ofUser reads the issuer where a user acts for it.
func (p preparer) ofUser(ctx context.Context, c *step.Command, facts *Facts) error {
	if _, user := c.Actor.User(); !user {
		return nil
	}
	return p.ofBond(ctx, c.Subject, facts)
}

func (p preparer) ofBond(ctx context.Context, id string, facts *Facts) error {
	var doc struct { // neither ever changes
		Issuer     string `json:"issuer"`
		IssuerKind string `json:"issuer_kind"`
	}
	_, _, err := p.read(ctx, "bond", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return unknown(id)
	}
	if err != nil {
		return err
	}
	return p.issuer(ctx, facts, "", doc.Issuer, doc.IssuerKind)
}

func (p preparer) issuer(ctx context.Context, facts *Facts, field, id, kind string) error {
	if !events.ValidID(id) {
		return events.ErrID.Refuse(field, "发行人编号含有不允许的字符", "the issuer's id has characters that are not allowed")
	}
	if kind == events.IssuerTechnology {
		return p.enterprise(ctx, facts, field, id)
	}
	return p.party(ctx, facts, field, id)
}

// enterpriseDoc is what this service reads of an enterprise's document.
type enterpriseDoc struct {
	Name           string                 `json:"name"`
	Region         string                 `json:"region"`
	Industry       string                 `json:"industry"`
	Stage          string                 `json:"stage"`
	Founded        events.Date            `json:"founded"`
	Focus          []string               `json:"focus"`
	Listed         string                 `json:"listed"`
	Status         string                 `json:"status"`
	Profiles       []events.Profile       `json:"profiles"` // ascending by fiscal year
	Titles         []events.Title         `json:"titles"`
	Authorisations []events.Authorisation `json:"authorisations"`
}

func (p preparer) enterprise(ctx context.Context, facts *Facts, field, id string) error {
	var doc enterpriseDoc
	version, position, err := p.read(ctx, "enterprise", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的企业", "no enterprise is registered under %s", id)
	}
	if err != nil {
		return err
	}
	facts.Suspended, facts.Authorisations, facts.Profiles, facts.Listed = doc.Status == "suspended", doc.Authorisations, doc.Profiles, doc.Listed
	f := &events.EnterpriseFacts{
		Position: position, Version: version, Name: doc.Name, Region: doc.Region, Industry: doc.Industry, Stage: doc.Stage,
		Founded: doc.Founded, Focus: doc.Focus, Titles: doc.Titles,
	}
	if n := len(doc.Profiles); n > 0 {
		last := doc.Profiles[n-1]
		f.Employees, f.Revenue, f.RDExpense, f.Patents = last.Employees, last.Revenue, last.RDExpense, last.Patents
	}
	facts.Enterprise = f
	return nil
}

// partyDoc is what this service reads of a party's document.
type partyDoc struct {
	Kind     string           `json:"kind"`
	Name     string           `json:"name"`
	Region   string           `json:"region"`
	Status   string           `json:"status"`
	Licences []events.Licence `json:"licences"`
}

func (p preparer) party(ctx context.Context, facts *Facts, field, id string) error {
	var doc partyDoc
	version, position, err := p.read(ctx, "party", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的机构", "no party is registered under %s", id)
	}
	if err != nil {
		return err
	}
	facts.Party = &events.PartyFacts{
		Position: position, Version: version, Kind: doc.Kind, Name: doc.Name, Region: doc.Region, Licences: doc.Licences,
		Suspended: doc.Status == "suspended",
	}
	return nil
}

func (p preparer) other(ctx context.Context, field, id string) (*OtherParty, error) {
	if !events.ValidID(id) {
		return nil, events.ErrID.Refuse(field, "机构编号含有不允许的字符", "the party's id has characters that are not allowed")
	}
	var doc partyDoc
	_, _, err := p.read(ctx, "party", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // Decide refuses
	}
	if err != nil {
		return nil, err
	}
	return &OtherParty{Kind: doc.Kind, Suspended: doc.Status == "suspended", Licences: doc.Licences}, nil
}

// offer reads an underwriter's offer, and its party as it stands now: the offer's own facts are of its publication.
func (p preparer) offer(ctx context.Context, facts *Facts, id string) error {
	if !events.ValidID(id) {
		return events.ErrID.Refuse("/offer", "产品编号含有不允许的字符", "the offer's id has characters that are not allowed")
	}
	var doc struct {
		Party      string            `json:"party"`
		Instrument string            `json:"instrument"`
		Capacity   events.Money      `json:"capacity"`
		Status     string            `json:"status"`
		ValidUntil time.Time         `json:"valid_until"`
		Facts      events.PartyFacts `json:"facts"`
	}
	version, _, err := p.read(ctx, "offer", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return nil // Decide refuses
	}
	if err != nil {
		return err
	}
	party, err := p.other(ctx, "/offer", doc.Party)
	if err != nil {
		return err
	}
	facts.Offer = &OfferFacts{
		Version: version, Party: doc.Party, PartyName: doc.Facts.Name, Instrument: doc.Instrument, Currency: doc.Capacity.Currency, Status: doc.Status,
		Suspended: party == nil || party.Suspended, Until: doc.ValidUntil,
	}
	return nil
}

func (p preparer) read(ctx context.Context, context, id string, into any) (version uint64, position string, err error) {
	doc, version, position, err := p.lookup.Document(ctx, context, id)
	if err != nil {
		return 0, "", fmt.Errorf("bond: looking up %s %s: %w", context, id, err)
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return 0, "", fmt.Errorf("bond: document of %s %s: %w", context, id, err)
	}
	return version, position, nil
}
