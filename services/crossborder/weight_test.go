package crossborder

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"pgregory.net/rapid"
)

func yuan(amount string) events.Money { return money(amount, "CNY") }

func money(amount, currency string) events.Money {
	m, err := events.ParseMoney(amount, currency)
	if err != nil {
		panic(err)
	}
	return m
}

// weigh is the weight of one amount of one contract.
func weigh(t testing.TB, r *RuleSet, c *events.FileContract, amount events.Money, rate string) events.Money {
	t.Helper()
	sum := &balance{}
	var fx *events.FXRate
	if rate != "" {
		fx = &events.FXRate{Rate: rate}
	}
	if err := sum.add(r, c, c.Matures, amount.Minor, fx); err != nil {
		t.Fatal(err)
	}
	m, err := sum.money(r.Currency)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestGoldenVectors are those that were computed by hand: net assets of 10 million give a limit of 35 million; a dollar loan worth 14
// million weighs 28 million for six months and 21 million for two years; a yuan loan of 14 million for six months weighs 21 million.
func TestGoldenVectors(t *testing.T) {
	t.Parallel()
	r := sets(t).Last()
	if limit, err := r.limit("firm", yuan("10000000.00")); err != nil || limit != yuan("35000000.00") {
		t.Errorf("limit %s %v", limit, err)
	}
	for _, c := range []struct {
		name            string
		amount          events.Money
		rate            string
		starts, matures events.Date
		category        string
		want            string
	}{
		{"dollars, half a year", money("2000000.00", "USD"), "7", "2026-06-16", "2026-12-16", "on_balance", "28000000.00"},
		{"dollars, two years", money("2000000.00", "USD"), "7", "2026-06-16", "2028-06-16", "on_balance", "21000000.00"},
		{"yuan, half a year", yuan("14000000.00"), "", "2026-06-16", "2026-12-16", "on_balance", "21000000.00"},
		{"yuan, two years", yuan("14000000.00"), "", "2026-06-16", "2028-06-16", "contingent", "14000000.00"},
		{"exactly one year is short", yuan("100.00"), "", "2026-06-16", "2027-06-16", "on_balance", "150.00"},
		{"a year and a day is long", yuan("100.00"), "", "2026-06-16", "2027-06-17", "on_balance", "100.00"},
		{"a day less is short", yuan("100.00"), "", "2026-06-16", "2027-06-15", "on_balance", "150.00"},
		{"from a leap day to the last of February is one year", yuan("100.00"), "", "2028-02-29", "2029-02-28", "on_balance", "150.00"},
		{"from a leap day to March is longer", yuan("100.00"), "", "2028-02-29", "2029-03-01", "on_balance", "100.00"},
		{"over a leap day", yuan("100.00"), "", "2027-03-01", "2028-03-01", "on_balance", "150.00"},
		{"yen have no decimals", money("1000000", "JPY"), "0.0471", "2026-06-16", "2026-12-16", "on_balance", "94200.00"},
		{"dinars have three", money("1000.125", "KWD"), "23.1", "2026-06-16", "2028-06-16", "on_balance", "34654.34"}, // 34654.33125
		{"a cent at any rate is rounded up", money("0.01", "USD"), "0.0000000001", "2026-06-16", "2028-06-16", "on_balance", "0.01"},
		{"a fen for half a year is rounded up", yuan("0.01"), "", "2026-06-16", "2026-12-16", "on_balance", "0.02"},
		{"nothing weighs nothing", yuan("0.00"), "", "2026-06-16", "2026-12-16", "on_balance", "0.00"},
	} {
		f := &events.FileContract{Amount: c.amount, Starts: c.starts, Matures: c.matures, Category: c.category}
		if got := weigh(t, r, f, c.amount, c.rate); got != yuan(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestRoundingIsOnceAndNeverInTheBorrowersFavour: of a sum, not of its parts; a limit down, a balance up.
func TestRoundingIsOnceAndNeverInTheBorrowersFavour(t *testing.T) {
	t.Parallel()
	r := sets(t).Last()
	b := &Borrower{Kind: "bank", Statement: events.NetAssets{NetAssets: yuan("0.05")}, Contracts: map[string]Contract{}}
	for i := range 2 {
		id := fmt.Sprint("c", i)
		b.Contracts[id] = Contract{
			FileContract: events.FileContract{Contract: id, Amount: yuan("1.00"), Category: "on_balance", Starts: "2026-01-01", Matures: "2026-07-01"},
			FiledMatures: "2026-07-01", Draws: map[string]Draw{"d": {Amount: yuan("0.01"), Outstanding: yuan("0.01")}},
		}
	}
	limit, used, err := r.judge(b)
	if err != nil || limit != yuan("0.07") || used != yuan("0.03") { // 0.05 x 0.8 x 1.75 = 0.07; twice 0.015, each alone 0.02
		t.Errorf("limit %s, used %s, %v", limit, used, err)
	}
	b.Statement.NetAssets = yuan("0.04") // 0.056
	if limit, _, _ := r.judge(b); limit != yuan("0.05") {
		t.Errorf("limit %s", limit)
	}
}

func TestWhatMoneyCannotState(t *testing.T) {
	t.Parallel()
	r := sets(t).Last()
	huge := events.Money{Minor: 1 << 62, Currency: "CNY"}
	if _, err := r.limit("firm", huge); err != errBeyond {
		t.Errorf("limit: %v", err)
	}
	c := &events.FileContract{Amount: events.Money{Minor: 1 << 62, Currency: "USD"}, Starts: "2026-01-01", Matures: "2026-02-01", Category: "on_balance"}
	sum := &balance{}
	if err := sum.add(r, c, c.Matures, c.Amount.Minor, &events.FXRate{Rate: "999999.9999999999"}); err != nil {
		t.Fatal(err)
	}
	if _, err := sum.money("CNY"); err != errBeyond {
		t.Errorf("balance: %v", err)
	}
	for _, rate := range []*events.FXRate{nil, {Rate: ""}, {Rate: "0"}, {Rate: "0.0"}, {Rate: "-7"}, {Rate: "7,1"}, {Rate: "1000000"}, {Rate: "7.00000000001"}} {
		if err := sum.add(r, c, c.Matures, 1, rate); err != errRate {
			t.Errorf("rate %+v: %v", rate, err)
		}
	}
	c.Category = "else"
	if err := sum.add(r, c, c.Matures, 1, nil); err != errUnknown {
		t.Errorf("category: %v", err)
	}
	if _, err := r.limit("person", yuan("1")); err != errUnknown {
		t.Errorf("kind: %v", err)
	}
}

// TestWeightsAgainstFractions holds the arithmetic to another one: exact fractions, and terms counted by the calendar's own months.
func TestWeightsAgainstFractions(t *testing.T) {
	t.Parallel()
	r := sets(t).Last()
	places := map[string]int64{"CNY": 100, "USD": 100, "JPY": 1, "KWD": 1000, "CLF": 10000}
	rapid.Check(t, func(t *rapid.T) {
		sum, want := &balance{}, new(big.Rat)
		for range rapid.IntRange(0, 5).Draw(t, "draws") {
			currency := rapid.SampledFrom([]string{"CNY", "USD", "JPY", "KWD", "CLF"}).Draw(t, "currency")
			minor := rapid.Int64Range(0, 1e15).Draw(t, "minor")
			starts := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 1500).Draw(t, "starts"))
			days := rapid.IntRange(360, 371).Draw(t, "days")
			c := &events.FileContract{
				Amount: events.Money{Minor: minor, Currency: currency}, Category: "on_balance",
				Starts: events.Date(starts.Format(time.DateOnly)), Matures: events.Date(starts.AddDate(0, 0, days).Format(time.DateOnly)),
			}
			whole, part := rapid.Int64Range(0, 999_999).Draw(t, "whole"), rapid.Int64Range(1, 9_999_999_999).Draw(t, "part")
			rate := fmt.Sprintf("%d.%010d", whole, part)
			value := new(big.Rat).SetFrac64(minor, places[currency])
			factor := big.NewRat(3, 2)
			if year := starts.AddDate(1, 0, 0); starts.AddDate(0, 0, days).After(year) || starts.Month() == 2 && starts.Day() == 29 && days > 365 {
				factor = big.NewRat(1, 1)
			}
			var fx *events.FXRate
			if currency != "CNY" {
				fx = &events.FXRate{Rate: rate}
				rat, _ := new(big.Rat).SetString(rate)
				value.Mul(value, rat)
				factor.Add(factor, big.NewRat(1, 2))
			}
			want.Add(want, value.Mul(value, factor))
			if err := sum.add(r, c, c.Matures, minor, fx); err != nil {
				t.Fatal(err)
			}
		}
		want.Mul(want, big.NewRat(100, 1))
		up := new(big.Int).Add(want.Num(), new(big.Int).Sub(want.Denom(), big.NewInt(1)))
		up.Quo(up, want.Denom())
		got, err := sum.money("CNY")
		if !up.IsInt64() {
			if err != errBeyond {
				t.Fatalf("%s fen were stated as %s", up, got)
			}
			return
		}
		if err != nil || got.Minor != up.Int64() {
			t.Fatalf("got %s (%v), want %s fen", got, err, up)
		}
	})
}
