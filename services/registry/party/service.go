package party

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
	Lookup app.Lookup // reads this context's own documents
	Vault  app.Vault  // keeps contacts
}

// New returns the service of context party.
func New(deps Deps) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider()),
		Path:    Path,
		Create:  Create,
		Amend:   Amend,
		Prepare: preparer{deps}.prepare,
		Index:   Index,
		Noun:    "机构、部门、联盟或组织方", NounEN: "institution, department, alliance or organiser",
		Filters: []app.Filter{
			{Name: "kind", About: "机构类型，codes/party_kinds.json", AboutEN: "kind of party, codes/party_kinds.json", Example: "bank"},
			app.RegionFilter,
			app.StatusFilter("active"),
		},
		Sorts: []string{"created", "updated"},
	}
}

type preparer struct{ Deps }

func (p preparer) prepare(ctx context.Context, c *step.Command) error {
	switch d := c.Data.(type) {
	case *events.RegisterParty:
		for i, m := range d.Members[:min(len(d.Members), MembersMax)] { // more than that is refused by Decide
			if err := p.exists(ctx, field("/members", i), m); err != nil {
				return err
			}
		}
		return p.putContact(ctx, c, d)
	case *events.MemberRef:
		if c.Type == events.TypeJoinParty {
			return p.exists(ctx, "/member", d.Member)
		}
	case *events.Reason:
		if c.Type == events.TypeErasePartyContact {
			return p.eraseContact(ctx, c)
		}
	}
	return nil
}

// exists refuses a member that is no party. Parties are never deleted, so what was true at the edge holds at the decision.
func (p preparer) exists(ctx context.Context, at, member string) error {
	if !events.ValidID(member) {
		return nil // Decide refuses
	}
	_, _, _, err := p.Lookup.Document(ctx, "party", member)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef(at, "没有登记编号为 %s 的机构", "no party is registered under %s", member)
	}
	if err != nil {
		return fmt.Errorf("party: looking up %s: %w", member, err)
	}
	return nil
}

// putContact puts a contact away and leaves its reference. It does so only for a registration that can succeed, so that
// refused and repeated ones leave no personal data behind.
func (p preparer) putContact(ctx context.Context, c *step.Command, d *events.RegisterParty) error {
	if d.Contact == nil {
		return nil
	}
	bare := *d // the payload may be shared: it is copied, never changed
	bare.Contact = nil
	c.Data = &bare
	if !c.Actor.Trusted() || checkRegistration(c.Subject, &bare) != nil {
		return nil // Decide words the refusal
	}
	_, _, _, err := p.Lookup.Document(ctx, "party", c.Subject)
	if err == nil {
		return nil // registered already: Decide compares everything but the contact
	}
	if !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("party: looking up %s: %w", c.Subject, err)
	}
	content, err := json.Marshal(d.Contact)
	if err != nil {
		return fmt.Errorf("party: contact: %w", err)
	}
	ref, hash, err := p.Vault.Put(ctx, "party/"+c.Subject+"/"+c.ID.String(), content)
	if err != nil {
		return fmt.Errorf("party: putting a contact away: %w", err)
	}
	c.Facts = &Facts{Contact: &events.ContactRef{Ref: ref, Hash: hash}}
	return nil
}

// eraseContact erases before the decision: the other order would need a second step after the commit, and a crash between the two
// would leave personal data that the ledger says is gone. Erasing is idempotent, so the repeated command records the fact.
func (p preparer) eraseContact(ctx context.Context, c *step.Command) error {
	if err := allowed(c); err != nil {
		return err
	}
	doc, _, _, err := p.Lookup.Document(ctx, "party", c.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef("", "没有登记编号为 %s 的机构", "no party is registered under %s", c.Subject)
	}
	if err != nil {
		return fmt.Errorf("party: looking up %s: %w", c.Subject, err)
	}
	var registered Party
	if err := events.Unmarshal(doc, &registered); err != nil {
		return fmt.Errorf("party: document of %s: %w", c.Subject, err)
	}
	if registered.Contact == nil {
		return nil
	}
	if err := p.Vault.Erase(ctx, registered.Contact.Ref); err != nil {
		return fmt.Errorf("party: erasing a contact: %w", err)
	}
	return nil
}
