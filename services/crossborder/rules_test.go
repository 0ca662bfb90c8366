package crossborder

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
)

func sets(t testing.TB) *RuleSets {
	t.Helper()
	s, err := LoadRules(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestParametersByDay holds the rule files to the published course of the parameter, on the days before, of and after each change.
func TestParametersByDay(t *testing.T) {
	t.Parallel()
	s := sets(t)
	for _, c := range []struct {
		day                   events.Date
		firm, financial, bank string // leverage x parameter of ten million yuan
		registration          bool
	}{
		{"2017-01-12", "20000000", "10000000", "8000000", false},
		{"2020-03-10", "20000000", "10000000", "8000000", false},
		{"2020-03-11", "25000000", "12500000", "10000000", false},
		{"2020-12-10", "25000000", "12500000", "10000000", false},
		{"2020-12-11", "25000000", "10000000", "8000000", false},
		{"2021-01-06", "25000000", "10000000", "8000000", false},
		{"2021-01-07", "20000000", "10000000", "8000000", false},
		{"2022-10-24", "20000000", "10000000", "8000000", false},
		{"2022-10-25", "25000000", "12500000", "10000000", false},
		{"2023-02-09", "25000000", "12500000", "10000000", false},
		{"2023-02-10", "25000000", "12500000", "10000000", true},
		{"2023-07-19", "25000000", "12500000", "10000000", true},
		{"2023-07-20", "30000000", "15000000", "12000000", true},
		{"2025-01-12", "30000000", "15000000", "12000000", true},
		{"2025-01-13", "35000000", "17500000", "14000000", true},
		{"2026-11-23", "35000000", "17500000", "14000000", true},
	} {
		r, ok := s.At(c.day)
		if !ok {
			t.Errorf("%s: no rules", c.day)
			continue
		}
		for kind, want := range map[string]string{"firm": c.firm, "non_bank": c.financial, "bank": c.bank} {
			limit, err := r.limit(kind, yuan("10000000"))
			if err != nil || limit != yuan(want) {
				t.Errorf("%s %s: limit %s (%v), want %s", c.day, kind, limit, err, want)
			}
		}
		if (r.Registration != nil) != c.registration {
			t.Errorf("%s: registration %+v", c.day, r.Registration)
		}
	}
	if r, ok := s.At("2017-01-11"); ok {
		t.Errorf("rules before there were any: %s", r.ID)
	}
}

func TestUnsureFiguresSaySo(t *testing.T) {
	t.Parallel()
	r := sets(t).Last()
	for kind, want := range map[string]string{"firm": "confirmed", "non_bank": "confirmed", "bank": "unconfirmed"} {
		row, _ := r.borrower(kind)
		if row.Confidence != want {
			t.Errorf("%s is %s, want %s", kind, row.Confidence, want)
		}
	}
	if r.Statement.Confidence != "unconfirmed" || r.Rates.Confidence != "unconfirmed" || r.Weights.Confidence != "confirmed" {
		t.Errorf("statement %s, rates %s, weights %s", r.Statement.Confidence, r.Rates.Confidence, r.Weights.Confidence)
	}
}

// changed is the last rule file with some text in the place of another, alone in its folder.
func changed(t testing.TB, old, with string) fstest.MapFS {
	t.Helper()
	const name = "crossborder.2025-01-13.json"
	data, err := fs.ReadFile(contracts.Rules(), name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("the file has no %s", old)
	}
	return fstest.MapFS{name: {Data: bytes.Replace(data, []byte(old), []byte(with), 1)}}
}

func TestRuleFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, with, says string }{
		"currency":            {`"currency": "CNY"`, `"currency": "XAU"`, "currency"},
		"no routes":           {`["macro_prudential"]`, `[]`, "routes"},
		"a number":            {`"parameter": "1.75"`, `"parameter": 1.75`, "parameter"},
		"five places":         {`"parameter": "1.75"`, `"parameter": "1.75001"`, "behind the point"},
		"too large":           {`"parameter": "1.75"`, `"parameter": "1000.0001"`, "more than 1000"},
		"negative":            {`"parameter": "1.75"`, `"parameter": "-1.75"`, "decimal"},
		"twice":               {`"kind": "bank"`, `"kind": "firm"`, "twice"},
		"registry":            {`"registry": "enterprise"`, `"registry": "party"`, "registry"},
		"kind of party":       {`"leasing"`, `"lessor"`, "lessor"},
		"since later":         {`"since": "2025-01-13"`, `"since": "2025-01-14"`, "since"},
		"confidence":          {`"bank", "registry": "party", "party_kinds": ["bank"], "leverage": "0.8", "parameter": "1.75", "since": "2025-01-13", "document": "中国人民银行、国家外汇管理局公告，2025年1月13日", "confidence": "unconfirmed"`, `"bank", "registry": "party", "party_kinds": ["bank"], "leverage": "0.8", "parameter": "1.75", "since": "2025-01-13", "document": "D", "confidence": "maybe"`, "borrower bank"},
		"category":            {`"contingent"`, `"on_balance"`, "category"},
		"weighs nothing":      {`"short_term": "1.5"`, `"short_term": "0"`, "weights"},
		"industry":            {`["K"]`, `["Z99"]`, "Z99"},
		"nameless":            {`"en": "a real-estate firm"`, `"en": ""`, "both languages"},
		"months":              {`"over_months": 12`, `"over_months": 0`, "registration"},
		"age":                 {`"months_max": 18`, `"months_max": 0`, "statement"},
		"days":                {`"days_max": 10`, `"days_max": 367`, "rates"},
		"unknown field":       {`"home_country"`, `"homeland"`, "homeland"},
		"categories are gone": {`"category": "contingent"`, `"category": "else"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadRules(changed(t, c.old, c.with))
			if c.says == "" {
				if err != nil {
					t.Fatalf("alone it may have other categories: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestLaterRulesKeepWhatContractsRestOn(t *testing.T) {
	t.Parallel()
	before := sets(t).Last()
	for name, c := range map[string]struct {
		change func(*RuleSet)
		says   string
	}{
		"currency": {func(r *RuleSet) { r.Currency = "USD" }, "currency"},
		"borrower": {func(r *RuleSet) { r.Borrowers = r.Borrowers[:2] }, "bank"},
		"category": {func(r *RuleSet) { r.Categories = r.Categories[:1] }, "contingent"},
	} {
		after := *before
		c.change(&after)
		if err := after.Follows(before); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := *before; after.Follows(before) != nil {
		t.Error("the same again may follow")
	}
}

func TestFactorsAreDecimals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Factor{"2": 20_000, "1.75": 17_500, "0.8": 8_000, "0.0001": 1, "1000": 10_000_000, "1.50": 15_000} {
		var f Factor
		if err := json.Unmarshal([]byte(`"`+text+`"`), &f); err != nil || f != want {
			t.Errorf("%s: %d %v", text, f, err)
		}
	}
	for _, text := range []string{`""`, `"."`, `"1."`, `".5"`, `"01"`, `"1e3"`, `"+1"`, `" 1"`, `"1,5"`, `"10000"`, `1`, `null1`} {
		var f Factor
		if err := json.Unmarshal([]byte(text), &f); err == nil {
			t.Errorf("%s was read as %s", text, f)
		}
	}
	for f, want := range map[Factor]string{20_000: "2", 17_500: "1.75", 1: "0.0001", 0: "0", 8_000: "0.8"} {
		if f.String() != want {
			t.Errorf("%d is written %s", int64(f), f)
		}
	}
}
