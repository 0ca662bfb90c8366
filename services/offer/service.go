package offer

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
	Lookup app.Lookup // reads parties and this context's own documents
}

// New returns the service of context offer.
func New(deps Deps) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider()),
		Path:    Path,
		Create:  Create,
		Amend:   Amend,
		Prepare: (&preparer{Deps: deps, known: make(map[string]knownParty)}).prepare,
		Index:   Index,
		Noun:    "资金供给", NounEN: "funding offer",
		Filters: []app.Filter{
			{Name: "party", About: "机构编号", AboutEN: "id of the institution", Example: "bank-1"},
			app.StatusFilter("open"),
			{Name: "instrument", About: "金融工具，codes/instruments.json", AboutEN: "instrument, codes/instruments.json", Example: "credit_loan"},
			app.CurrencyFilter,
		},
		Sorts: []string{"created", "updated", "amount"},
	}
}

type preparer struct {
	Deps
	mu    sync.Mutex
	known map[string]knownParty
}

// knownParty is a decoded document: one institution publishes many offers, and its document is many times as long as an offer.
type knownParty struct {
	version uint64
	doc     *partyDoc // never changed
}

// knownMax bounds the decoded documents that are kept.
const knownMax = 1024

// decoded returns the document in Go form, from before where it is the same version.
func (p *preparer) decoded(id string, version uint64, doc []byte) (*partyDoc, error) {
	p.mu.Lock()
	known, ok := p.known[id]
	p.mu.Unlock()
	if ok && known.version == version {
		return known.doc, nil
	}
	read := new(partyDoc)
	if err := events.Unmarshal(doc, read); err != nil {
		return nil, fmt.Errorf("offer: document of party %s: %w", id, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= knownMax {
		clear(p.known)
	}
	p.known[id] = knownParty{version, read}
	return read, nil
}

// prepare looks up the institution of an offer that is published or amended.
func (p *preparer) prepare(ctx context.Context, c *step.Command) error {
	switch d := c.Data.(type) {
	case *events.PublishOffer:
		if !events.ValidID(d.Party) {
			return events.ErrID.Refuse("/party", "机构编号含有不允许的字符", "the party's id has characters that are not allowed")
		}
		return p.party(ctx, c, "/party", d.Party, d.Unit)
	case *events.AmendOffer:
		var doc struct { // neither ever changes
			Party string `json:"party"`
			Unit  string `json:"unit"`
		}
		err := p.read(ctx, "offer", c.Subject, &doc)
		if errors.Is(err, store.ErrNotFound) {
			return unknown(c.Subject)
		}
		if err != nil {
			return err
		}
		return p.party(ctx, c, "", doc.Party, doc.Unit)
	}
	return nil
}

// partyDoc is what this service reads of a party's document.
type partyDoc struct {
	Kind     string           `json:"kind"`
	Name     string           `json:"name"`
	Region   string           `json:"region"`
	Status   string           `json:"status"`
	Licences []events.Licence `json:"licences"`
	Units    []unitDoc        `json:"units"`
}

type unitDoc struct {
	events.Unit
	Closed bool `json:"closed"`
}

func (p *preparer) party(ctx context.Context, c *step.Command, field, id, unit string) error {
	raw, version, position, err := p.Lookup.Document(ctx, "party", id)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef(field, "没有登记编号为 %s 的机构", "no party is registered under %s", id)
	}
	if err != nil {
		return fmt.Errorf("offer: looking up party %s: %w", id, err)
	}
	doc, err := p.decoded(id, version, raw)
	if err != nil {
		return err
	}
	facts := &Facts{Party: events.PartyFacts{
		Position: position, Version: version, Kind: doc.Kind, Name: doc.Name, Region: doc.Region, Licences: doc.Licences,
		Suspended: doc.Status == "suspended",
	}}
	if unit != "" {
		facts.Unit = doc.place(unit, &facts.Party)
	}
	c.Facts = facts
	return nil
}

// place fills in what a unit's offer goes by: its region, and the authority limit that binds it, its own or that of the nearest
// unit above.
func (d *partyDoc) place(unit string, facts *events.PartyFacts) (state string) {
	units := make(map[string]*unitDoc, len(d.Units))
	for i := range d.Units {
		units[d.Units[i].Unit.Unit] = &d.Units[i]
	}
	u, ok := units[unit]
	if !ok {
		return UnitMissing
	}
	facts.Region = u.Region
	state = UnitOpen
	if u.Closed {
		state = UnitClosed
	}
	for range len(units) { // a tree: a path is never longer than its nodes
		if u.AuthorityLimit != nil {
			facts.AuthorityLimit = u.AuthorityLimit
			break
		}
		if u, ok = units[u.Parent]; !ok {
			break
		}
	}
	return state
}

func (p *preparer) read(ctx context.Context, context, id string, into any) error {
	doc, _, _, err := p.Lookup.Document(ctx, context, id)
	if err != nil {
		return fmt.Errorf("offer: looking up %s %s: %w", context, id, err)
	}
	if err := events.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("offer: document of %s %s: %w", context, id, err)
	}
	return nil
}
