package codes

import (
	"regexp"
	"slices"
	"testing"
	"unicode"
)

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// hasNames checks what every entry of every list has.
func hasNames(t *testing.T, list, code string, texts ...Text) {
	t.Helper()
	if !codeForm.MatchString(code) {
		t.Errorf("%s: code %q", list, code)
	}
	for _, x := range texts {
		isHan := func(r rune) bool { return unicode.Is(unicode.Han, r) }
		if !slices.ContainsFunc([]rune(x.Zh), isHan) || x.En == "" || slices.ContainsFunc([]rune(x.En), isHan) {
			t.Errorf("%s %s: text %+v", list, code, x)
		}
	}
}

func oneOf(t *testing.T, list, code, field, value string, allowed ...string) {
	t.Helper()
	if !slices.Contains(allowed, value) {
		t.Errorf("%s %s: %s is %q, want one of %q", list, code, field, value, allowed)
	}
}

// departments are the codes of issuers and authorities: the seven departments
// of the work plan and the other bodies that grant something.
var departments = []string{
	"pboc", "most", "ndrc", "miit", "nfra", "csrc", "safe",
	"mof", "sasac", "amac", "local_finance", "none",
}

func TestInstruments(t *testing.T) {
	for _, e := range AllInstruments() {
		hasNames(t, "instruments", e.Code, e.Text, e.AmountMeans, e.PriceMeans)
		oneOf(t, "instruments", e.Code, "leg", string(e.Leg), "angel", "vc", "pe", "bank_loan", "capital_market", "beside")
		oneOf(t, "instruments", e.Code, "price_unit", string(e.PriceUnit), "bp_per_year", "bp_once", "none")
		if e.PriceUnit == BPPerYear && !e.HasTerm {
			t.Errorf("%s: a yearly price without a term", e.Code)
		}
		if len(e.Licences) == 0 {
			t.Errorf("%s: no licence covers it", e.Code)
		}
		for _, l := range e.Licences {
			if _, ok := Licence(l); !ok {
				t.Errorf("%s: unknown licence %q", e.Code, l)
			}
		}
	}
	for _, code := range []string{
		"angel_equity", "vc_equity", "pe_equity", "warrant", "aic_equity", "fund_commitment", "fund_share_transfer",
		"credit_loan", "secured_loan", "ip_pledge_loan", "guaranteed_loan", "ma_loan", "leasing", "guarantee",
		"insurance_loan_guarantee", "insurance_rnd_cost", "insurance_ip", "insurance_first_set", "tech_bond", "tech_note",
		"convertible_bond", "star_ipo", "chinext_ipo", "bse_ipo", "neeq_listing", "regional_equity", "crossborder_loan",
	} {
		if _, ok := Instrument(code); !ok {
			t.Errorf("%s is missing", code)
		}
	}
	for code, private := range map[string]bool{"vc_equity": true, "warrant": true, "fund_commitment": true, "credit_loan": false, "star_ipo": false} {
		if e, _ := Instrument(code); e.PrivatePlacement != private {
			t.Errorf("%s: private placement %v", code, e.PrivatePlacement)
		}
	}
}

func TestInstrumentCoveredBy(t *testing.T) {
	loan, _ := Instrument("credit_loan")
	if !loan.CoveredBy("insurer", "bank") {
		t.Error("a bank cannot lend")
	}
	if loan.CoveredBy() || loan.CoveredBy("insurer", "pe_vc_fund_manager", "") {
		t.Error("somebody without a banking licence can lend")
	}
	if equity, _ := Instrument("vc_equity"); equity.CoveredBy("bank") {
		t.Error("a bank can buy equity itself")
	}
}

func TestNextLeg(t *testing.T) {
	chain := []Leg{LegAngel}
	for next, ok := NextLeg(LegAngel); ok; next, ok = NextLeg(next) {
		chain = append(chain, next)
	}
	if want := []Leg{"angel", "vc", "pe", "bank_loan", "capital_market"}; !slices.Equal(chain, want) {
		t.Errorf("chain %v, want %v", chain, want)
	}
	for _, leg := range []Leg{LegBeside, "", "loan"} {
		if next, ok := NextLeg(leg); ok {
			t.Errorf("%q is followed by %q", leg, next)
		}
	}
}

func TestLicencesAndPartyKinds(t *testing.T) {
	held := map[string]bool{}
	for _, e := range AllPartyKinds() {
		hasNames(t, "party_kinds", e.Code, e.Text)
		oneOf(t, "party_kinds", e.Code, "role", e.Role, "institution", "authority", "alliance", "organiser", "agent")
		if (e.Role == "institution") != (len(e.Licences) > 0) {
			t.Errorf("%s: role %s with licences %q", e.Code, e.Role, e.Licences)
		}
		for _, l := range e.Licences {
			held[l] = true
			if _, ok := Licence(l); !ok {
				t.Errorf("%s: unknown licence %q", e.Code, l)
			}
		}
		if e, ok := PartyKind(e.Code); !ok || e.Zh == "" {
			t.Errorf("PartyKind(%s) = %+v, %v", e.Code, e, ok)
		}
	}
	for _, e := range AllLicences() {
		hasNames(t, "licences", e.Code, e.Text, e.Note)
		oneOf(t, "licences", e.Code, "kind", e.Kind, "licence", "registration", "filing", "none")
		oneOf(t, "licences", e.Code, "issuer", e.Issuer, departments...)
		if (e.Kind == "none") != (e.Issuer == "none") {
			t.Errorf("%s: kind %s from issuer %s", e.Code, e.Kind, e.Issuer)
		}
		if !held[e.Code] {
			t.Errorf("%s: no kind of party holds it", e.Code)
		}
	}
}

func TestTitles(t *testing.T) {
	for _, e := range AllTitles() {
		hasNames(t, "titles", e.Code, e.Text)
		oneOf(t, "titles", e.Code, "issuer", e.Issuer, departments...)
		oneOf(t, "titles", e.Code, "confidence", e.Confidence, "confirmed", "unconfirmed")
		if y := e.ValidityYears; y != nil && (*y < 1 || *y > 10) {
			t.Errorf("%s: %d years", e.Code, *y)
		}
	}
	if e, ok := Title("high_tech"); !ok || e.Zh != "高新技术企业" || e.ValidityYears == nil || *e.ValidityYears != 3 {
		t.Errorf("high_tech: %+v", e)
	}
}

func TestStages(t *testing.T) {
	reached := map[Leg]bool{}
	for i, e := range AllStages() {
		hasNames(t, "stages", e.Code, e.Text)
		if e.Order != i+1 {
			t.Errorf("%s: order %d at place %d", e.Code, e.Order, i+1)
		}
		for _, leg := range e.Legs {
			reached[leg] = true
			if !slices.Contains(relay[:], leg) {
				t.Errorf("%s: %q is not a leg of the relay", e.Code, leg)
			}
		}
	}
	if len(reached) != len(relay) {
		t.Errorf("legs that some stage reaches: %v", reached)
	}
	if e, ok := Stage("seed"); !ok || e.Zh != "种子期" {
		t.Errorf("seed: %+v", e)
	}
}

func TestFocusAreas(t *testing.T) {
	fields := map[string]int{}
	for _, e := range AllFocusAreas() {
		hasNames(t, "focus_areas", e.Code, e.Text)
		oneOf(t, "focus_areas", e.Code, "confidence", e.Confidence, "confirmed", "unconfirmed")
		if parent, ok := FocusArea(e.Parent); e.Parent != "" && (!ok || parent.Parent != "") {
			t.Errorf("%s: parent %q is not an area", e.Code, e.Parent)
		}
		fields[e.Parent]++
	}
	if fields[""] != 6 || fields["strategic_emerging"] != 9 || fields["future_industries"] != 6 {
		t.Errorf("areas and fields %v", fields)
	}
}

func TestPolicyTools(t *testing.T) {
	for _, e := range AllPolicyTools() {
		hasNames(t, "policy_tools", e.Code, e.Text)
		oneOf(t, "policy_tools", e.Code, "authority", e.Authority, departments...)
		oneOf(t, "policy_tools", e.Code, "paid_to", e.PaidTo, "lender", "investor", "guarantor", "issuer", "borrower", "none")
		for _, i := range e.Instruments {
			if _, ok := Instrument(i); !ok {
				t.Errorf("%s: unknown instrument %q", e.Code, i)
			}
		}
		if _, ok := PolicyTool(e.PartOf); e.PartOf != "" && !ok {
			t.Errorf("%s: part of unknown %q", e.Code, e.PartOf)
		}
	}
	// A relending rate is the lender's cost and never shown as a borrower's price.
	for _, code := range []string{"relending_tech", "relending_small", "relending_private"} {
		if e, ok := PolicyTool(code); !ok || e.PaidTo != "lender" {
			t.Errorf("%s: %+v", code, e)
		}
	}
}

func TestSecuritiesAndUses(t *testing.T) {
	for _, e := range AllSecurities() {
		hasNames(t, "securities", e.Code, e.Text)
		oneOf(t, "securities", e.Code, "kind", e.Kind, "none", "pledge", "mortgage", "surety")
	}
	for _, e := range AllUses() {
		hasNames(t, "uses", e.Code, e.Text)
	}
	for _, e := range AllReturnReasons() {
		hasNames(t, "return_reasons", e.Code, e.Text)
	}
	for _, code := range []string{"none", "credit", "ip_pledge", "equity_pledge", "receivables", "real_estate", "equipment", "guarantee"} {
		if _, ok := Security(code); !ok {
			t.Errorf("security %s is missing", code)
		}
	}
	for _, code := range []string{"rnd", "equipment", "working_capital", "expansion", "ma", "refinancing", "technical_renovation"} {
		if _, ok := Use(code); !ok {
			t.Errorf("use %s is missing", code)
		}
	}
	if _, ok := Use("RND"); ok {
		t.Error("codes are found in capitals")
	}
}
