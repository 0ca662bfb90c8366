package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/contracts/codes"
)

// Money is an amount of one currency in its minor unit (fen for CNY). In JSON it is
// {"amount":"5000000.00","currency":"CNY"}: a decimal string with exactly the currency's digits or fewer, never a number,
// so that no reader can lose precision.
type Money struct {
	Minor    int64
	Currency string // ISO 4217
}

// Errors of ParseMoney.
var (
	ErrMoneyForm      = errors.New("amount is not a plain decimal number")
	ErrMoneyPrecision = errors.New("amount has more decimals than its currency")
	ErrMoneyRange     = errors.New("amount is out of range")
	ErrMoneyCurrency  = errors.New("currency is not an ISO 4217 code")
)

// ParseMoney reads a decimal string. Negative amounts parse (a refusal names them better than a parser does);
// no sign "+", exponent, blanks or grouping.
func ParseMoney(amount, currency string) (Money, error) {
	c, ok := codes.Currency(currency)
	if !ok || c.MinorUnits < 0 { // gold and the like have no minor unit: they are not money here
		return Money{}, fmt.Errorf("%w: %q", ErrMoneyCurrency, currency)
	}
	digits := amount
	negative := strings.HasPrefix(digits, "-")
	if negative {
		digits = digits[1:]
	}
	whole, fraction, dot := strings.Cut(digits, ".")
	if whole == "" || len(whole) > 1 && whole[0] == '0' || dot && fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return Money{}, fmt.Errorf("%w: %q", ErrMoneyForm, amount)
	}
	if len(fraction) > c.MinorUnits {
		return Money{}, fmt.Errorf("%w: %q has %d decimals, %s has %d", ErrMoneyPrecision, amount, len(fraction), currency, c.MinorUnits)
	}
	minor, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", c.MinorUnits-len(fraction)), 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %q", ErrMoneyRange, amount)
	}
	if negative {
		minor = -minor
	}
	return Money{minor, currency}, nil
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// Amount is the decimal string of the amount, with all the digits of its currency.
func (m Money) Amount() string { return string(m.appendAmount(nil)) }

// minorUnits is 2 for a currency that ParseMoney would not have taken: such an amount can only have been built by hand.
func minorUnits(currency string) int {
	if c, ok := codes.Currency(currency); ok && c.MinorUnits >= 0 {
		return c.MinorUnits
	}
	return 2
}

func (m Money) appendAmount(b []byte) []byte {
	units := minorUnits(m.Currency)
	minor := m.Minor
	if minor < 0 {
		b = append(b, '-')
	}
	u := uint64(minor)
	if minor < 0 {
		u = -u
	}
	var digits [24]byte
	d := strconv.AppendUint(digits[:0], u, 10)
	for len(d) <= units {
		d = append(d, 0)
		copy(d[1:], d)
		d[0] = '0'
	}
	b = append(b, d[:len(d)-units]...)
	if units > 0 {
		b = append(b, '.')
		b = append(b, d[len(d)-units:]...)
	}
	return b
}

// String is for people: "5000000.00 CNY".
func (m Money) String() string { return m.Amount() + " " + m.Currency }

// IsZero reports the absent amount.
func (m Money) IsZero() bool { return m.Minor == 0 && m.Currency == "" }

// Wan is the amount in 10,000 units of its currency, rounded down and held to 32 bits (the amountwan attribute).
func (m Money) Wan() int32 {
	units := minorUnits(m.Currency)
	wan := m.Minor / 10_000
	for ; units > 0; units-- {
		wan /= 10
	}
	return int32(max(min(wan, math.MaxInt32), math.MinInt32))
}

// MarshalJSON writes {"amount":"5000000.00","currency":"CNY"}.
func (m Money) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 48)
	b = append(b, `{"amount":"`...)
	b = m.appendAmount(b)
	b = append(b, `","currency":"`...)
	b = append(b, m.Currency...)
	return append(b, `"}`...), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and every other JSON text of the same meaning.
func (m *Money) UnmarshalJSON(b []byte) error {
	if amount, currency, ok := plainMoney(b); ok {
		parsed, err := ParseMoney(amount, currency)
		if err == nil {
			*m = parsed
		}
		return err
	}
	var raw struct {
		Amount   string `json:"amount"`
		Currency string `json:"currency"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	parsed, err := ParseMoney(raw.Amount, raw.Currency)
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

// plainMoney takes the two members out of the form that MarshalJSON writes; anything else is left to encoding/json. Money is in
// every payload, and this is most of what decoding it costs.
func plainMoney(b []byte) (amount, currency string, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte(`{"amount":"`))
	if !ok {
		return "", "", false
	}
	a, rest, ok := bytes.Cut(rest, []byte(`","currency":"`))
	if !ok {
		return "", "", false
	}
	c, ok := bytes.CutSuffix(rest, []byte(`"}`))
	if !ok || bytes.ContainsAny(a, `"\\`) || bytes.ContainsAny(c, `"\\`) {
		return "", "", false
	}
	return string(a), string(c), true
}
