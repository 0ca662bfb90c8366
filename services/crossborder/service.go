package crossborder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Deps are the ports that the service needs; all are required.
type Deps struct {
	Lookup app.Lookup // reads enterprises, parties, and this context's own documents
	Rules  *RuleSets  // the dated rules
}

// New returns the service of context crossborder.
func New(deps Deps) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider(deps.Rules)),
		Path:    Path,
		Create:  Create,
		Prepare: preparer{deps.Lookup, deps.Rules}.prepare,
		Index:   Index,
		Noun:    "跨境融资主体", NounEN: "borrower from abroad",
		Filters: []app.Filter{
			{Name: "kind", About: "主体类型", AboutEN: "kind of borrower", Example: "firm"},
			{Name: "route", About: "跨境融资方式", AboutEN: "route of borrowing", Example: "macro_prudential"},
			app.StatusFilter("active"),
			app.RegionFilter,
			app.IndustryFilter,
			{Name: "lender_country", About: "未结清合同的债权人所在国家或地区", AboutEN: "country of a lender of an open contract", Example: "HK"},
			{Name: "over", About: "余额是否超过上限", AboutEN: "whether its balance is above the limit", Example: "true"},
		},
		Sorts: []string{"created", "updated"},
	}
}

type preparer struct {
	lookup app.Lookup
	sets   *RuleSets
}

// prepare looks up the borrower in its registry, for an assessment, for what is new business, and for who may act.
func (p preparer) prepare(ctx context.Context, c *step.Command) error {
	kind := ""
	switch d := c.Data.(type) {
	case *events.AssessBorrower:
		kind = d.Kind
	case *events.FileContract, *events.DrawContract, *events.ExtendContract:
	default:
		if c.Actor.Trusted() {
			return nil
		}
	}
	if kind == "" {
		var own struct { // never changes to a kind of another registry
			Kind string `json:"kind"`
		}
		_, _, err := p.read(ctx, "crossborder", c.Subject, &own)
		if errors.Is(err, store.ErrNotFound) {
			return unknown(c.Subject)
		}
		if err != nil {
			return err
		}
		kind = own.Kind
	}
	row, ok := p.sets.Last().borrower(kind) // kinds keep their registry
	if !ok {
		return nil // Decide refuses
	}
	if row.Registry == registryParty {
		return p.party(ctx, c)
	}
	return p.enterprise(ctx, c)
}

func (p preparer) enterprise(ctx context.Context, c *step.Command) error {
	var doc struct {
		Name           string                 `json:"name"`
		Region         string                 `json:"region"`
		Industry       string                 `json:"industry"`
		Status         string                 `json:"status"`
		Authorisations []events.Authorisation `json:"authorisations"`
	}
	version, position, err := p.read(ctx, registryEnterprise, c.Subject, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef("/id", "没有登记编号为 %s 的企业", "no enterprise is registered under %s", c.Subject)
	}
	if err != nil {
		return err
	}
	c.Facts = &Facts{
		Borrower:  events.BorrowerFacts{Position: position, Version: version, Name: doc.Name, Region: doc.Region, Industry: doc.Industry},
		Suspended: doc.Status == "suspended", Authorisations: doc.Authorisations,
	}
	return nil
}

func (p preparer) party(ctx context.Context, c *step.Command) error {
	var doc struct {
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Region string `json:"region"`
		Status string `json:"status"`
	}
	version, position, err := p.read(ctx, registryParty, c.Subject, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef("/id", "没有登记编号为 %s 的机构", "no party is registered under %s", c.Subject)
	}
	if err != nil {
		return err
	}
	c.Facts = &Facts{
		Borrower:  events.BorrowerFacts{Position: position, Version: version, Name: doc.Name, Region: doc.Region, PartyKind: doc.Kind},
		Suspended: doc.Status == "suspended",
	}
	return nil
}

func (p preparer) read(ctx context.Context, context, id string, into any) (version uint64, position string, err error) {
	doc, version, position, err := p.lookup.Document(ctx, context, id)
	if err != nil {
		return 0, "", fmt.Errorf("crossborder: looking up %s %s: %w", context, id, err)
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return 0, "", fmt.Errorf("crossborder: document of %s %s: %w", context, id, err)
	}
	return version, position, nil
}
