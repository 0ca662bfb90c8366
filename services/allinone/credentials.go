package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
	"github.com/jieli-bus/jieli/services/sharing"
)

// PartyCredentials are all that a party needs at the doors: as a user of the broker, and as a bearer over HTTP.
type PartyCredentials struct {
	Party string         `json:"party"`
	NATS  NATSCredential `json:"nats"`
	Token string         `json:"token"`
	// Pending says that the broker is one elsewhere that does not have the account yet: it must be given the accounts and reloaded.
	Pending bool `json:"pending,omitempty"`
}

// handleCredentials gives a party credentials (POST; with {"renew":true} new ones) or ends them (DELETE).
func (s *System) handleCredentials(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		return events.ErrTooLarge.Refuse("", "内容过长", "the content is too long")
	}
	var ask struct {
		Renew bool `json:"renew"`
	}
	if len(body) > 0 && json.Unmarshal(body, &ask) != nil {
		return events.ErrMalformed.Refuse("", `请求内容应为空或 {"renew":true}`, `the body must be empty or {"renew":true}`)
	}
	if err := s.mayHold(r.Context(), id); err != nil {
		return err
	}
	if r.Method == http.MethodDelete {
		if err := s.bar(r.Context(), id); err != nil {
			return err
		}
		return webapi.WriteJSON(w, http.StatusOK, map[string]any{"party": id, "revoked": true})
	}
	c, err := s.admit(r.Context(), id, ask.Renew)
	if err != nil {
		return err
	}
	return webapi.WriteJSON(w, http.StatusOK, c)
}

// mayHold wants a registered party that is no department: those have credentials of their own from the start.
func (s *System) mayHold(ctx context.Context, id string) error {
	if !events.ValidID(id) {
		return events.ErrID.Refuse("", "编号须为 1 至 64 个字母、数字或 _ - ~ :", "an id must be 1 to 64 of letters, digits and _ - ~ :")
	}
	for _, d := range s.departments {
		if d.ID == id {
			return events.ErrExists.Refuse("", "部门的凭证在首次启动时已生成", "a department's credentials are made at the first start")
		}
	}
	_, err := s.store.Get(ctx, "party", id)
	if errors.Is(err, store.ErrNotFound) {
		return events.ErrNotFound.Refusef("", "没有登记编号为 %s 的机构", "no party is registered under %s", id)
	}
	return err
}

func (s *System) admit(ctx context.Context, id string, renew bool) (*PartyCredentials, error) {
	secrets, err := s.dir.admit(id, renew)
	if err != nil {
		return nil, err
	}
	missing, err := s.accountsChanged(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.grantParty(ctx, id); err != nil {
		return nil, err
	}
	return &PartyCredentials{Party: id, Token: secrets.bearer(), Pending: missing > 0, NATS: NATSCredential{
		URL: s.broker.address(), CA: s.broker.ca, User: partyUser(id), Password: secrets.reader, Stream: PartyStream, Consumer: ViewConsumer, Ingress: ingressSubject(id, "<context>"),
	}}, nil
}

// bar ends a party's credentials and what it is granted by them. Its account and view stay: what was shared stays accounted for.
func (s *System) bar(ctx context.Context, id string) error {
	if _, err := s.dir.party(id); err != nil {
		return events.ErrNotFound.Refusef("", "%s 没有凭证", "%s has no credentials", id)
	}
	if err := s.dir.bar(id); err != nil {
		return err
	}
	if _, err := s.accountsChanged(ctx); err != nil {
		return err
	}
	known, err := s.granted(ctx, id)
	if err != nil {
		return err
	}
	for i := range known.Grants {
		if g := &known.Grants[i]; !g.Ended && g.Own {
			if err := s.share(ctx, events.TypeRevokeGrant, id, &events.GrantRef{Grant: g.Grant.Grant, Reason: "凭证已撤销"}); err != nil {
				return err
			}
		}
	}
	return nil
}

// accountsChanged makes the broker and who writes the views know of the parties there are now; missing counts accounts that a broker
// elsewhere does not know yet.
func (s *System) accountsChanged(ctx context.Context) (missing int, err error) {
	var names []string
	for _, d := range s.departments {
		names = append(names, d.ID)
	}
	reload, cancel := context.WithTimeout(ctx, reloadMax)
	defer cancel()
	if err := s.broker.reload(reload, s.dir, s.options.NATS, names, s.options.Log); err != nil {
		if s.broker.server != nil {
			return 0, err
		}
		s.options.Log.Warn().Err(err).Msg("the broker was not asked to read its accounts again: reload it / 未能通知消息代理重新加载账户，请手动重新加载")
	}
	return missing, s.ask(ctx, askParties, struct{}{}, &missing)
}

// reloadMax bounds what a broker elsewhere may take to read its accounts again.
const reloadMax = 15 * time.Second

// granted is what a recipient has been granted, as its ledger says.
func (s *System) granted(ctx context.Context, id string) (*sharing.Department, error) {
	d := &sharing.Department{}
	info, err := s.logs["sharing"].Info(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.projected(ctx, "sharing", info.Last); err != nil {
		return nil, err
	}
	doc, err := s.store.Get(ctx, "sharing", id)
	if errors.Is(err, store.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(doc.Body, d)
}

// grantParty gives a party the grants that every party with credentials has. A grant is never edited: after a revocation it comes back
// under the next number.
func (s *System) grantParty(ctx context.Context, id string) error {
	grants, err := contracts.PartyGrants()
	if err != nil {
		return err
	}
	known, err := s.granted(ctx, id)
	if err != nil {
		return err
	}
	for _, g := range grants {
		name, open := g.Grant, false
		ended := 0
		for i := range known.Grants {
			switch have := &known.Grants[i]; {
			case have.Grant.Grant != name:
			case have.Ended:
				ended++
				name = g.Grant + "-" + strconv.Itoa(ended+1)
			default:
				open = true
			}
		}
		if open {
			continue
		}
		err := s.share(ctx, events.TypeGrant, id, &events.Grant{Grant: name, Purpose: g.Purpose, Basis: g.Basis, Types: g.Types, Own: g.Own})
		if err != nil {
			return err
		}
	}
	return nil
}

// share gives a command of the sharing ledger.
func (s *System) share(ctx context.Context, typ, recipient string, data any) error {
	ctx, cancel := context.WithTimeout(ctx, webapi.SendMax)
	defer cancel()
	_, err := s.sender.Internal(ctx, &step.Command{ID: events.NewUUID7(time.Now()), Type: typ, Subject: recipient, Actor: step.Operator, Data: data})
	if err != nil {
		return fmt.Errorf("allinone: %s for %s: %w", typ, recipient, err)
	}
	return nil
}
