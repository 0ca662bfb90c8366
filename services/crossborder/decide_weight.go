package crossborder

import (
	"errors"
	"math/big"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// The arithmetic is exact: whole numbers of any size, rounded once at the end. A limit is rounded down to the minor unit and a
// balance up, so that rounding never lets anybody borrow more.

// rateDigits is the number of decimals of an exchange rate.
const rateDigits = 10

var (
	errBeyond  = errors.New("beyond what money can state")
	errUnknown = errors.New("a kind or category that the rule set does not have")
	errRate    = errors.New("not a rate")
)

// limit is net assets x leverage x parameter.
func (r *RuleSet) limit(kind string, netAssets events.Money) (events.Money, error) {
	row, ok := r.borrower(kind)
	if !ok {
		return events.Money{}, errUnknown
	}
	n := big.NewInt(netAssets.Minor)
	n.Mul(n, big.NewInt(int64(row.Leverage)))
	n.Mul(n, big.NewInt(int64(row.Parameter)))
	n.Quo(n, big.NewInt(int64(factorOne)*int64(factorOne)))
	if !n.IsInt64() {
		return events.Money{}, errBeyond
	}
	return events.Money{Minor: n.Int64(), Currency: r.Currency}, nil
}

// balance adds up risk-weighted balances in parts of the minor unit so small that nothing is rounded: 10^-(4 + rateDigits + 8).
type balance struct{ parts big.Int }

// partsOf is how many parts the minor unit has: four digits for currencies with less decimals than four, the rate's, and four
// for each of two factors.
var partsOf = new(big.Int).Exp(big.NewInt(10), big.NewInt(4+rateDigits+8), nil)

// add weighs an amount of a contract: x term x category, and in a foreign currency its value x the factor for that once more.
func (s *balance) add(r *RuleSet, c *events.FileContract, filedMatures events.Date, minor int64, rate *events.FXRate) error {
	category, ok := r.category(c.Category)
	if !ok {
		return errUnknown
	}
	term := r.Weights.ShortTerm
	if longer(c.Starts, filedMatures, r.Weights.LongTermOver) {
		term = r.Weights.LongTerm
	}
	factor := int64(term) * int64(category.Factor)
	scaled := int64(1)
	for range rateDigits {
		scaled *= 10
	}
	if c.Amount.Currency != r.Currency {
		factor += int64(r.Weights.ForeignCurrency) * int64(factorOne)
		if rate == nil {
			return errRate
		}
		var err error
		if scaled, err = parseDecimal(rate.Rate, 6, rateDigits); err != nil || scaled == 0 {
			return errRate
		}
	}
	n := big.NewInt(minor)
	n.Mul(n, tens(4+decimals(r.Currency)-decimals(c.Amount.Currency)))
	n.Mul(n, big.NewInt(scaled))
	n.Mul(n, big.NewInt(factor))
	s.parts.Add(&s.parts, n)
	return nil
}

// money rounds the sum up to the minor unit.
func (s *balance) money(currency string) (events.Money, error) {
	n, rest := new(big.Int).QuoRem(&s.parts, partsOf, new(big.Int))
	if rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	if !n.IsInt64() {
		return events.Money{}, errBeyond
	}
	return events.Money{Minor: n.Int64(), Currency: currency}, nil
}

// used is the risk-weighted balance (风险加权余额) of all draws.
func (r *RuleSet) used(b *Borrower) (*balance, error) {
	sum := &balance{}
	for _, c := range b.Contracts {
		for _, d := range c.Draws {
			if d.Outstanding.Minor == 0 {
				continue
			}
			if err := sum.add(r, &c.FileContract, c.FiledMatures, d.Outstanding.Minor, d.Rate); err != nil {
				return nil, err
			}
		}
	}
	return sum, nil
}

// judge computes a borrower's limit and balance.
func (r *RuleSet) judge(b *Borrower) (limit, used events.Money, err error) {
	if limit, err = r.limit(b.Kind, b.Statement.NetAssets); err != nil {
		return limit, used, err
	}
	sum, err := r.used(b)
	if err == nil {
		used, err = sum.money(r.Currency)
	}
	return limit, used, err
}

func tens(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func decimals(currency string) int {
	c, _ := codes.Currency(currency)
	return max(c.MinorUnits, 0)
}

// longer reports whether a term is longer than so many months. The month in which it would end may be too short for its day:
// the term then ends on that month's last day. Exactly so many months are not longer.
func longer(starts, matures events.Date, months int) bool {
	return matures.After(starts.MonthsAfter(months))
}
