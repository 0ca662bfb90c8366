package demand

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Deps are the ports that the service needs; all are required.
type Deps struct {
	Lookup app.Lookup // reads enterprises, offers, and this context's own documents
}

// New returns the service of context demand.
func New(deps Deps) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider()),
		Path:    Path,
		Create:  Create,
		Amend:   Amend,
		Prepare: (&preparer{Deps: deps, known: make(map[string]knownEnterprise)}).prepare,
		Index:   Index,
		Noun:    "融资需求", NounEN: "funding demand",
		Filters: []app.Filter{
			{Name: "enterprise", About: "企业编号", AboutEN: "id of the enterprise", Example: "91330106MA0000015K"},
			app.StatusFilter("open"),
			{Name: "instrument", About: "金融工具，codes/instruments.json", AboutEN: "instrument, codes/instruments.json", Example: "credit_loan"},
			app.RegionFilter,
			app.IndustryFilter,
			app.CurrencyFilter,
		},
		Sorts: []string{"created", "updated", "amount"},
	}
}

type preparer struct {
	Deps
	mu    sync.Mutex
	known map[string]knownEnterprise
}

// knownEnterprise is a decoded document: one enterprise says several things of one demand, and decoding costs as much as deciding.
type knownEnterprise struct {
	version uint64
	doc     *enterpriseDoc // never changed
}

// knownMax bounds the decoded documents that are kept, about 1 KiB each.
const knownMax = 4096

// decoded returns the document in Go form, from before where it is the same version.
func (p *preparer) decoded(id string, version uint64, doc []byte) (*enterpriseDoc, error) {
	p.mu.Lock()
	known, ok := p.known[id]
	p.mu.Unlock()
	if ok && known.version == version {
		return known.doc, nil
	}
	e := new(enterpriseDoc)
	if err := events.Unmarshal(doc, e); err != nil {
		return nil, fmt.Errorf("demand: document of enterprise %s: %w", id, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= knownMax {
		clear(p.known)
	}
	p.known[id] = knownEnterprise{version, e}
	return e, nil
}

// prepare looks up what a decision rests on: the enterprise of what is published or amended, or for which a user acts; the
// party of an offer for which a party acts.
func (p *preparer) prepare(ctx context.Context, c *step.Command) error {
	_, user := c.Actor.User()
	_, party := c.Actor.Party()
	switch d := c.Data.(type) {
	case *events.PublishDemand:
		if party || !events.ValidID(d.Enterprise) {
			break // Decide refuses
		}
		return p.enterprise(ctx, c, d.Enterprise)
	case *events.AmendDemand:
		return p.ofDemand(ctx, c)
	case *events.Reason:
		if user {
			return p.ofDemand(ctx, c)
		}
	case *events.Hold:
		if party {
			return p.offer(ctx, c, d.Offer)
		}
	case *events.HoldRef:
		if party {
			return p.ofHold(ctx, c, d.Hold)
		}
	case *events.FillDemand:
		if party {
			return p.ofHold(ctx, c, d.Hold)
		}
	}
	return nil
}

// enterpriseDoc is what this service reads of an enterprise's document.
type enterpriseDoc struct {
	Name           string                 `json:"name"`
	Region         string                 `json:"region"`
	Industry       string                 `json:"industry"`
	Stage          string                 `json:"stage"`
	Founded        events.Date            `json:"founded"`
	Focus          []string               `json:"focus"`
	Status         string                 `json:"status"`
	Profiles       []events.Profile       `json:"profiles"` // ascending by fiscal year
	Titles         []events.Title         `json:"titles"`
	Authorisations []events.Authorisation `json:"authorisations"`
}

func (p *preparer) enterprise(ctx context.Context, c *step.Command, id string) error {
	raw, version, position, err := p.Lookup.Document(ctx, "enterprise", id)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef("/enterprise", "没有登记编号为 %s 的企业", "no enterprise is registered under %s", id)
	}
	if err != nil {
		return fmt.Errorf("demand: looking up enterprise %s: %w", id, err)
	}
	doc, err := p.decoded(id, version, raw)
	if err != nil {
		return err
	}
	facts := &Facts{
		Suspended:      doc.Status == "suspended",
		Authorisations: doc.Authorisations,
		Enterprise: events.EnterpriseFacts{
			Position: position, Version: version, Name: doc.Name, Region: doc.Region, Industry: doc.Industry, Stage: doc.Stage,
			Founded: doc.Founded, Focus: doc.Focus, Titles: doc.Titles,
		},
	}
	if n := len(doc.Profiles); n > 0 {
		last := doc.Profiles[n-1]
		f := &facts.Enterprise
		f.Employees, f.Revenue, f.RDExpense, f.Patents = last.Employees, last.Revenue, last.RDExpense, last.Patents
	}
	c.Facts = facts
	return nil
}

// demandDoc is what the edge reads of a demand: what never changes, and the offers behind holds and fills.
type demandDoc struct {
	Enterprise string          `json:"enterprise"`
	Holds      map[string]Hold `json:"holds"`
	Fills      map[string]Fill `json:"fills"`
}

func (p *preparer) demand(ctx context.Context, id string) (demandDoc, error) {
	var doc demandDoc
	err := p.read(ctx, "demand", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return doc, unknown(id)
	}
	return doc, err
}

func (p *preparer) ofDemand(ctx context.Context, c *step.Command) error {
	doc, err := p.demand(ctx, c.Subject)
	if err != nil {
		return err
	}
	return p.enterprise(ctx, c, doc.Enterprise)
}

func (p *preparer) ofHold(ctx context.Context, c *step.Command, hold string) error {
	doc, err := p.demand(ctx, c.Subject)
	if err != nil {
		return err
	}
	offer := doc.Holds[hold].Offer
	if offer == "" {
		offer = doc.Fills[hold].Offer
	}
	if offer == "" {
		return nil // there is none, or it is younger than the document: Decide tells the two apart
	}
	return p.offer(ctx, c, offer)
}

func (p *preparer) offer(ctx context.Context, c *step.Command, id string) error {
	if !events.ValidID(id) {
		return events.ErrID.Refuse("/offer", "产品编号含有不允许的字符", "the offer's id has characters that are not allowed")
	}
	var doc struct {
		Party string `json:"party"`
	}
	err := p.read(ctx, "offer", id, &doc)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef("/offer", "没有编号为 %s 的产品", "there is no offer %s", id)
	}
	if err != nil {
		return err
	}
	c.Facts = &Facts{Offers: map[string]string{id: doc.Party}}
	return nil
}

func (p *preparer) read(ctx context.Context, context, id string, into any) error {
	doc, _, _, err := p.Lookup.Document(ctx, context, id)
	if err != nil {
		return fmt.Errorf("demand: looking up %s %s: %w", context, id, err)
	}
	if err := events.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("demand: document of %s %s: %w", context, id, err)
	}
	return nil
}
