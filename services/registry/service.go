package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// Deps are the ports that the service needs; all are required.
type Deps struct {
	Lookup app.Lookup // reads this context's own documents
	Vault  app.Vault  // keeps contacts
	Clock  clock.Clock
}

// New returns the service of context enterprise.
func New(deps Deps) app.Service {
	return app.Service{
		Machine: step.NewMachine(Decider()),
		Path:    Path,
		Create:  Create,
		Amend:   Amend,
		Prepare: preparer{deps}.prepare,
		Index:   Index,
		Noun:    "科技型企业", NounEN: "technology enterprise",
		Filters: []app.Filter{
			app.RegionFilter,
			app.IndustryFilter,
			app.StatusFilter("active"),
			{Name: "stage", About: "发展阶段，codes/stages.json", AboutEN: "stage of life, codes/stages.json", Example: "growth"},
			{Name: "title", About: "已录入且未到期的资质，codes/titles.json", AboutEN: "title recorded and not expired, codes/titles.json", Example: "high_tech"},
			{Name: "focus", About: "重点领域，codes/focus_areas.json", AboutEN: "focus area, codes/focus_areas.json", Example: "sei_information"},
		},
		Sorts: []string{"created", "updated"},
	}
}

type preparer struct{ Deps }

func (p preparer) prepare(ctx context.Context, c *step.Command) error {
	switch d := c.Data.(type) {
	case *events.RegisterEnterprise:
		return p.putContact(ctx, c, d)
	case *events.Reason:
		if c.Type == events.TypeEraseContact {
			return p.eraseContact(ctx, c)
		}
	}
	return nil
}

// putContact puts a contact away and leaves its reference. It does so only for a registration that can succeed, so that
// refused and repeated ones leave no personal data behind.
func (p preparer) putContact(ctx context.Context, c *step.Command, d *events.RegisterEnterprise) error {
	if d.Contact == nil {
		return nil
	}
	bare := *d // the payload may be shared: it is copied, never changed
	if !planted.On("contact_in_an_event") {
		bare.Contact = nil
	}
	c.Data = &bare
	if !c.Actor.Trusted() || checkRegistration(c.Subject, &bare) != nil {
		return nil // Decide words the refusal
	}
	_, _, _, err := p.Lookup.Document(ctx, "enterprise", c.Subject)
	if err == nil {
		return nil // registered already: Decide compares everything but the contact
	}
	if !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("registry: looking up %s: %w", c.Subject, err)
	}
	content, err := json.Marshal(d.Contact)
	if err != nil {
		return fmt.Errorf("registry: contact: %w", err)
	}
	ref, hash, err := p.Vault.Put(ctx, "enterprise/"+c.Subject+"/"+c.ID.String(), content)
	if err != nil {
		return fmt.Errorf("registry: putting a contact away: %w", err)
	}
	c.Facts = &Facts{Contact: &events.ContactRef{Ref: ref, Hash: hash}}
	return nil
}

// eraseContact erases before the decision. The other order would need a second step after the commit, and a crash between the
// two would leave personal data that the ledger says is gone. This order can only leave a reference to nothing, which the
// repeated command (erasing is idempotent) turns into the recorded fact. Who may not erase is stopped by the same rule that
// Decide applies, asked of the document.
func (p preparer) eraseContact(ctx context.Context, c *step.Command) error {
	doc, _, _, err := p.Lookup.Document(ctx, "enterprise", c.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return unknown(c.Subject) // here and not by Decide: one that is registered in between keeps its contact
	}
	if err != nil {
		return fmt.Errorf("registry: looking up %s: %w", c.Subject, err)
	}
	var e Enterprise
	if err := events.Unmarshal(doc, &e); err != nil {
		return fmt.Errorf("registry: document of %s: %w", c.Subject, err)
	}
	if e.Contact == nil {
		return nil
	}
	if err := allowed(&e, c, p.Clock.Now()); err != nil {
		return err
	}
	if err := p.Vault.Erase(ctx, e.Contact.Ref); err != nil {
		return fmt.Errorf("registry: erasing a contact: %w", err)
	}
	return nil
}
