package simtest

import (
	"io/fs"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

func money(amount, currency string) map[string]any {
	return map[string]any{"amount": amount, "currency": currency}
}

// plain is a command without repeats, of which the rest of a course depends.
func (a *author) plain(typ, subject string, set map[string]any) *sketch {
	s := a.command(typ, subject, set)
	s.actor, s.late, s.other = "operator", false, false
	return s
}

// whole gives a payload of its own, nothing of an example.
func (a *author) whole(typ, subject string, payload map[string]any) *sketch {
	s := a.plain(typ, subject, nil)
	s.payload = payload
	return s
}

// beginning registers whoever there is and publishes what there is to match.
func (a *author) beginning() []*sketch {
	list := []*sketch{
		a.whole(events.TypeRegisterEnterprise, "x-e1", map[string]any{"id": "x-e1", "scheme": "private", "name": "示例星桥量子器件有限公司", "region": "310115", "industry": "C3976", "stage": "startup", "focus": []any{"future_information"}}),
		a.plain(events.TypeRegisterEnterprise, "x-e2", nil),
		a.whole(events.TypeRegisterParty, "bank-1", map[string]any{"id": "bank-1", "kind": "bank", "name": "示例江海银行", "region": "330100",
			"licences": []any{map[string]any{"licence": "bank", "number": "B1", "valid_from": "2015-03-02"}}}),
		a.whole(events.TypeRegisterParty, "vc-1", map[string]any{"id": "vc-1", "kind": "vc", "name": "示例启明创投", "region": "330100",
			"licences": []any{map[string]any{"licence": "pe_vc_fund_manager", "number": "P1", "valid_from": "2015-03-02"}}}),
	}
	list = append(list, a.offer("o1"), a.demand("d1"))
	if a.r.IntN(2) == 0 {
		list = append(list, a.plain(events.TypeGrant, "pboc", nil))
	}
	return list
}

func (a *author) offer(id string) *sketch {
	if a.r.IntN(3) == 0 {
		return a.plain(events.TypePublishOffer, id, nil)
	}
	return a.whole(events.TypePublishOffer, id, map[string]any{"id": id, "party": "bank-1", "instrument": "credit_loan",
		"capacity": money("9000000.00", "CNY"), "min_ticket": money("1000000.00", "CNY"), "max_ticket": money("8000000.00", "CNY"), "valid_until": a.fill(map[string]any{"until": "2027-06-30T15:59:59Z"}).(map[string]any)["until"]})
}

func (a *author) demand(id string) *sketch {
	return a.whole(events.TypePublishDemand, id, map[string]any{"id": id, "enterprise": pick(a.r, enterprises[:2]), "instruments": []any{"credit_loan"},
		"amount": money("5000000.00", "CNY"), "valid_until": a.fill(map[string]any{"until": "2027-06-30T15:59:59Z"}).(map[string]any)["until"]})
}

// course is a way that a random walk would seldom go to its end.
func (a *author) course() []*sketch {
	until := a.fill(map[string]any{"until": "2027-06-30T15:59:59Z"}).(map[string]any)["until"]
	switch a.r.IntN(9) {
	case 0: // capacity
		o, r := pick(a.r, offers), pick(a.r, pools["reservation"])
		amount := money("3000000.00", "CNY")
		list := []*sketch{a.offer(o), a.whole(events.TypeReserveCapacity, o, map[string]any{"reservation": r, "demand": pick(a.r, demands), "amount": amount, "until": until})}
		if a.r.IntN(2) == 0 {
			return append(list, a.whole(events.TypeCommitCapacity, o, map[string]any{"reservation": r, "amount": pick(a.r, []map[string]any{amount, money("1000000.00", "CNY")})}))
		}
		return append(list, a.whole(events.TypeReleaseCapacity, o, map[string]any{"reservation": r}))
	case 1: // a demand that is filled
		d, h := pick(a.r, demands), pick(a.r, pools["hold"])
		amount := pick(a.r, []map[string]any{money("3000000.00", "CNY"), money("5000000.00", "CNY")})
		return []*sketch{a.demand(d), a.whole(events.TypeHoldDemand, d, map[string]any{"hold": h, "offer": "o1", "amount": amount, "until": until}),
			a.whole(events.TypeFillDemand, d, map[string]any{"hold": h, "amount": amount})}
	case 2: // the whole capacity
		o := pick(a.r, offers)
		amount := money("8000000.00", "CNY")
		return []*sketch{a.offer(o),
			a.whole(events.TypeReserveCapacity, o, map[string]any{"reservation": "r1", "demand": "d1", "amount": amount, "until": until}),
			a.whole(events.TypeCommitCapacity, o, map[string]any{"reservation": "r1", "amount": amount}),
			a.whole(events.TypeReserveCapacity, o, map[string]any{"reservation": "r2", "demand": "d1", "amount": money("1000000.00", "CNY"), "until": until}),
			a.whole(events.TypeCommitCapacity, o, map[string]any{"reservation": "r2", "amount": money("1000000.00", "CNY")})}
	case 3: // a borrower from abroad
		e, c := pick(a.r, enterprises), pick(a.r, pools["contract"])
		rate := map[string]any{"rate": "7.0000", "source": "cfets_central_parity", "day": relative{-48 * time.Hour, true}}
		usd := money("100000.00", "USD")
		list := []*sketch{a.whole(events.TypeAssessBorrower, e, map[string]any{"id": e, "kind": "firm", "route": "macro_prudential", "statement": map[string]any{
			"day": "2025-12-31", "net_assets": money("10000000.00", "CNY"), "document": "审字〔2026〕第 0123 号"}}),
			a.whole(events.TypeFileContract, e, map[string]any{"contract": c, "lender": "Example Bank (Hong Kong) Limited", "lender_country": "HK", "category": "on_balance",
				"amount": money("200000.00", "USD"), "starts": relative{-24 * time.Hour, true}, "matures": relative{180 * 24 * time.Hour, true}, "rate": rate})}
		contract := map[string]any{"contract": c}
		reason := map[string]any{"contract": c, "reason": "融资计划调整", "document": "董事会决议〔2026〕3号"}
		why := map[string]any{"reason": "情况已变化", "document": "示例〔2026〕1号"}
		switch a.r.IntN(6) {
		case 0:
			return append(list, a.whole(events.TypeCancelContract, e, reason), a.whole(events.TypeWithdrawBorrower, e, why))
		case 1:
			return append(list, a.whole(events.TypeRefuseContract, e, reason))
		case 2:
			return append(list, a.whole(events.TypeExcludeBorrower, e, why), a.whole(events.TypeReadmitBorrower, e, why))
		case 3:
			list = append(list, a.whole(events.TypeExtendContract, e, map[string]any{"contract": c, "matures": relative{300 * 24 * time.Hour, true}}))
		}
		list = append(list,
			a.whole(events.TypeDraw, e, map[string]any{"contract": c, "draw": "w1", "amount": usd, "rate": rate}),
			a.whole(events.TypeRepay, e, map[string]any{"contract": c, "draw": "w1", "amount": usd}))
		if a.r.IntN(2) == 0 {
			list = append(list, a.whole(events.TypeCloseContract, e, contract))
		}
		return list
	case 4: // a bond
		b := pick(a.r, bonds)
		amount := money("300000000.00", "CNY")
		list := []*sketch{
			a.whole(events.TypeRegisterParty, "rating-1", map[string]any{"id": "rating-1", "kind": "rating_agency", "name": "示例评级", "region": "110000", "licences": []any{map[string]any{"licence": "rating", "number": "R1", "valid_from": "2015-03-02"}}}),
			a.whole(events.TypeRegisterParty, "under-1", map[string]any{"id": "under-1", "kind": "underwriter", "name": "示例证券", "region": "110000", "licences": []any{map[string]any{"licence": "securities", "number": "S1", "valid_from": "2015-03-02"}}}),
			a.whole(events.TypeTitleEnterprise, "x-e1", map[string]any{"title": "high_tech", "certificate": "GR1", "issuer": "上海市科学技术委员会", "valid_from": "2025-11-12", "valid_to": "2028-11-11"}),
			a.whole(events.TypePublishOffer, "o3", map[string]any{"id": "o3", "party": "under-1", "instrument": "tech_note", "capacity": money("900000000.00", "CNY"), "min_ticket": money("1000000.00", "CNY"), "max_ticket": money("800000000.00", "CNY"), "valid_until": until}),
			a.whole(events.TypeApplyBond, b, map[string]any{"id": b, "issuer": "x-e1", "issuer_kind": "technology_firm", "venue": "interbank", "instrument": "tech_note", "amount": amount, "tenor_days": 1095,
				"proceeds": []any{map[string]any{"use": "rnd", "share_bp": 10000}}, "title": "2026年度第一期科创票据"}),
			a.plain(events.TypeTriageBond, b, nil),
			a.whole(events.TypeDockBond, b, map[string]any{"offer": "o3"}),
			a.plain(events.TypeEnhanceBond, b, map[string]any{"provider": "bank-1"}),
			a.plain(events.TypeRateBond, b, map[string]any{"agency": "rating-1"}),
		}
		if a.r.IntN(3) == 0 {
			return append(list, a.plain(events.TypeReturnBond, b, nil), a.plain(events.TypeResubmitBond, b, nil))
		}
		return append(list, a.plain(events.TypeFileBond, b, nil), a.plain(events.TypeRegisterBond, b, nil), a.plain(events.TypeIssueBond, b, map[string]any{"amount": amount}))
	case 5: // what is taken back
		typ := pick(a.r, [][2]string{{events.TypeAddKey, events.TypeRevokeKey}, {events.TypeConsent, events.TypeWithdrawConsent}, {events.TypeAuthoriseUser, events.TypeRevokeAuthorisation},
			{events.TypeLicenseParty, events.TypeRevokeLicence}, {events.TypeGrant, events.TypeRevokeGrant}, {events.TypeSuspendParty, events.TypeReinstateParty}, {events.TypeSuspendEnterprise, events.TypeReinstateEnterprise}, {events.TypeAddUnit, events.TypeCloseUnit}, {events.TypeJoinParty, events.TypeLeaveParty}, {events.TypePauseOffer, events.TypeResumeOffer}, {events.TypeExcludeBorrower, events.TypeReadmitBorrower}})
		context, _ := events.SplitType(typ[0])
		subject := subjects[context][0]
		first := a.plain(typ[0], subject, nil)
		second := a.plain(typ[1], subject, nil)
		for k, v := range first.payload { // what is taken back is what was given
			if _, ok := second.payload[k]; ok {
				second.payload[k] = v
			}
		}
		return []*sketch{first, second}
	case 6: // an alliance, and a contact
		return []*sketch{
			a.whole(events.TypeRegisterParty, "alliance-1", map[string]any{"id": "alliance-1", "kind": "alliance", "name": "示例长三角科技金融联盟", "members": []any{"bank-1"}}),
			a.whole(events.TypeJoinParty, "alliance-1", map[string]any{"member": "vc-1"}),
			a.whole(events.TypeLeaveParty, "alliance-1", map[string]any{"member": "vc-1"}),
			a.whole(events.TypeRegisterParty, "bank-2", map[string]any{"id": "bank-2", "kind": "bank", "name": "示例银行", "region": "330100", "contact": map[string]any{"name": "示例联系人"},
				"licences": []any{map[string]any{"licence": "bank", "number": "B2", "valid_from": "2015-03-02"}}}),
			a.plain(events.TypeErasePartyContact, "bank-2", nil),
		}
	case 7: // an offer that changes
		o := pick(a.r, offers)
		first := a.whole(events.TypePublishOffer, o, a.offer(o).payload)
		changed := maps.Clone(first.payload)
		for _, k := range []string{"id", "party", "unit", "source"} {
			delete(changed, k)
		}
		return []*sketch{first, a.whole(events.TypeAmendOffer, o, changed)}
	default: // a rule set, one after the other
		var list []*sketch
		for _, f := range bondRules() {
			list = append(list, a.whole(events.TypeAdoptRuleSet, "bond", map[string]any{"id": f.id, "content": f.content}))
		}
		last := bondRules()[len(bondRules())-1]
		day := strings.TrimPrefix(last.id, "bond.")
		return append(list, a.whole(events.TypeAdoptRuleSet, "bond", map[string]any{"id": "bond.2030-01-01", "content": strings.ReplaceAll(last.content, day, "2030-01-01")}))
	}
}

type ruleFile struct{ id, content string }

// bondRules are the rule files of one subject, in order of days.
var bondRules = sync.OnceValue(func() (list []ruleFile) {
	files, err := fs.Glob(contracts.Rules(), "bond.*.json")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, name := range files {
		b, err := fs.ReadFile(contracts.Rules(), name)
		if err != nil {
			panic(err) // embedded
		}
		list = append(list, ruleFile{strings.TrimSuffix(name, ".json"), string(b)})
	}
	return list
})
