package events

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParseMoney(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount, currency string
		minor            int64
		text             string
		err              error
	}{
		{"5000000.00", "CNY", 500_000_000, "5000000.00", nil},
		{"5000000", "CNY", 500_000_000, "5000000.00", nil},
		{"0.5", "CNY", 50, "0.50", nil},
		{"0", "CNY", 0, "0.00", nil},
		{"-0.01", "CNY", -1, "-0.01", nil},
		{"-0", "CNY", 0, "0.00", nil},
		{"7", "JPY", 7, "7", nil},
		{"1.234", "KWD", 1234, "1.234", nil},
		{"92233720368547758.07", "CNY", math.MaxInt64, "92233720368547758.07", nil},
		{"92233720368547758.08", "CNY", 0, "", ErrMoneyRange},
		{"999999999999999999999999", "CNY", 0, "", ErrMoneyRange},
		{"0.001", "CNY", 0, "", ErrMoneyPrecision},
		{"1.0", "JPY", 0, "", ErrMoneyPrecision},
		{"1", "ABC", 0, "", ErrMoneyCurrency},
		{"1", "cny", 0, "", ErrMoneyCurrency},
		{"1", "", 0, "", ErrMoneyCurrency},
		{"1", "XAU", 0, "", ErrMoneyCurrency}, // gold has no minor unit
		{"", "CNY", 0, "", ErrMoneyForm},
		{"-", "CNY", 0, "", ErrMoneyForm},
		{"--1", "CNY", 0, "", ErrMoneyForm},
		{"+1", "CNY", 0, "", ErrMoneyForm},
		{".5", "CNY", 0, "", ErrMoneyForm},
		{"5.", "CNY", 0, "", ErrMoneyForm},
		{"01", "CNY", 0, "", ErrMoneyForm},
		{"1e3", "CNY", 0, "", ErrMoneyForm},
		{"1,000", "CNY", 0, "", ErrMoneyForm},
		{" 1", "CNY", 0, "", ErrMoneyForm},
		{"1.2.3", "CNY", 0, "", ErrMoneyForm},
		{"１", "CNY", 0, "", ErrMoneyForm},
		{"NaN", "CNY", 0, "", ErrMoneyForm},
	} {
		m, err := ParseMoney(c.amount, c.currency)
		if !errors.Is(err, c.err) || m.Minor != c.minor || c.err == nil && (m.Amount() != c.text || m.Currency != c.currency) {
			t.Errorf("ParseMoney(%q, %q) = %+v, %v; want %d, %v", c.amount, c.currency, m, err, c.minor, c.err)
		}
	}
}

func TestMoneyJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Money{rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "minor"), rapid.SampledFrom([]string{"CNY", "USD", "JPY", "KWD", "CLF"}).Draw(t, "currency")}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Money
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Fatalf("%s: %+v, %v", b, got, err)
		}
	})
	if b, err := json.Marshal(Money{500_000_000, "CNY"}); err != nil || string(b) != `{"amount":"5000000.00","currency":"CNY"}` {
		t.Errorf("%s, %v", b, err)
	}
	for _, in := range []string{`{"amount":5,"currency":"CNY"}`, `{"amount":"5"}`, `"5 CNY"`, `5`, `{"amount":"0.001","currency":"CNY"}`} {
		got := Money{1, "CNY"}
		if err := json.Unmarshal([]byte(in), &got); err == nil || got != (Money{1, "CNY"}) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

func TestMoneyText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m    Money
		text string
		wan  int32
	}{
		{Money{500_000_000, "CNY"}, "5000000.00 CNY", 500},
		{Money{999_999, "CNY"}, "9999.99 CNY", 0},
		{Money{1_000_000, "CNY"}, "10000.00 CNY", 1},
		{Money{10_000, "JPY"}, "10000 JPY", 1},
		{Money{20_000_000, "KWD"}, "20000.000 KWD", 2},
		{Money{math.MaxInt64, "CNY"}, "92233720368547758.07 CNY", math.MaxInt32},
		{Money{math.MinInt64, "CNY"}, "-92233720368547758.08 CNY", math.MinInt32},
		{Money{5, "XAU"}, "0.05 XAU", 0},
	} {
		if c.m.String() != c.text || c.m.Wan() != c.wan {
			t.Errorf("%+v: %q, %d", c.m, c.m.String(), c.m.Wan())
		}
	}
	if !(Money{}).IsZero() || (Money{0, "CNY"}).IsZero() {
		t.Error("IsZero")
	}
}

// TestMoneyReadsEveryForm: the quick reader and encoding/json agree on forms with blanks, another order, escapes and repeated quotes.
func TestMoneyReadsEveryForm(t *testing.T) {
	want := Money{500, "CNY"}
	for _, form := range []string{
		`{"amount":"5.00","currency":"CNY"}`, `{"amount":"5","currency":"CNY"}`, `{ "amount" : "5.00", "currency": "CNY" }`,
		`{"currency":"CNY","amount":"5.00"}`, `{"amount":"\u0035.00","currency":"C\u004eY"}`,
	} {
		var m Money
		if err := json.Unmarshal([]byte(form), &m); err != nil || m != want {
			t.Errorf("%s: %v, %v", form, m, err)
		}
	}
	for _, form := range []string{`{"amount":"5.00","currency":"CNY","x":"}`, `{"amount":"5\"","currency":"CNY"}`, `{"amount":"5.00","currency":"CNY\"}`, `{"amount":"5.00","currency":"CN\\Y"}`, `{}`, `"5.00"`} {
		m := want
		if err := m.UnmarshalJSON([]byte(form)); err == nil {
			t.Errorf("%s was read as %v", form, m)
		}
	}
}
