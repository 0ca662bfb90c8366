package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/portal"
)

// asker is who asks about matching, and what that is counted under: enterprises, not the people who act for them.
type asker struct {
	bucket  string // "": not limited
	version uint64 // of the demand that is asked about
}

func (a asker) limited() bool { return a.bucket != "" }

// admit says whether somebody may ask a question, and counts it. The operator may ask anything; a person about the demands of an
// enterprise that has authorised it, and about drafts for it (which the decision of a publication holds); a party about the leads
// of its own offers.
func (m *matchQueries) admit(ctx context.Context, q *portal.Question) (asker, error) {
	if q.Actor.Trusted() {
		return asker{}, nil
	}
	user, isUser := q.Actor.User()
	party, isParty := q.Actor.Party()
	a := asker{bucket: string(q.Actor)}
	switch {
	case q.Ask == portal.AskLeads && isParty:
		var o struct {
			Party string `json:"party"`
		}
		if _, err := m.document(ctx, "offer", q.ID, &o); err != nil {
			return a, err
		}
		if o.Party != party {
			return a, events.ErrForbidden.Refuse("", "该产品不属于本机构", "the offer belongs to another party")
		}
	case q.Ask == portal.AskDraft && isUser:
	case q.Ask != portal.AskLeads && isUser:
		enterprise, version, err := m.authorised(ctx, q.ID, user)
		if err != nil {
			return a, err
		}
		a.bucket, a.version = "enterprise:"+enterprise, version
	default:
		return a, events.ErrForbidden.Refuse("", "只有运营方、获企业授权的人员可以查询需求，产品所属机构可以查询其商机",
			"demands are for the operator and those whom their enterprise has authorised, leads for the offer's own party")
	}
	return a, m.gate.Ask(string(q.Actor), q.Ask == portal.AskDraft, time.Now())
}

// document reads what is stored of an entity.
func (m *matchQueries) document(ctx context.Context, collection, id string, into any) (version uint64, err error) {
	d, err := m.s.store.Get(ctx, collection, id)
	if errors.Is(err, store.ErrNotFound) {
		return 0, events.ErrNotFound.Refusef("", "没有编号为 %s 的对象", "there is no %s", id)
	}
	if err != nil {
		return 0, err
	}
	return d.Version, json.Unmarshal(d.Body, into)
}

// authorised finds the enterprise of a demand, for which a person must have an authorisation valid today.
func (m *matchQueries) authorised(ctx context.Context, demand, user string) (enterprise string, version uint64, err error) {
	var d struct {
		Enterprise string `json:"enterprise"`
	}
	if version, err = m.document(ctx, "demand", demand, &d); err != nil {
		return "", 0, err
	}
	var e struct {
		Authorisations []events.Authorisation `json:"authorisations"`
	}
	if _, err = m.document(ctx, "enterprise", d.Enterprise, &e); err != nil {
		return "", 0, err
	}
	day := events.DateOf(time.Now())
	for _, a := range e.Authorisations {
		if a.User == user && !day.Before(a.From) && !day.After(a.Until) {
			return d.Enterprise, version, nil
		}
	}
	return "", 0, events.ErrForbidden.Refusef("", "没有企业 %s 当日有效的授权", "no authorisation by enterprise %s is valid today", d.Enterprise)
}
