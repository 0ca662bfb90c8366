package codes

import "sync"

// CurrencyEntry is a currency of ISO 4217.
type CurrencyEntry struct {
	Code string // three capital letters
	// MinorUnits is the number of decimal places of the minor unit: 2 for CNY
	// (分), 0 for JPY, at most 4. It is -1 where the standard has none (gold,
	// the testing code, special drawing rights): no amount of money can be
	// stated in such a unit.
	MinorUnits int
	Name       string // English name of the standard
}

func (e CurrencyEntry) key() string { return e.Code }

var currencies = sync.OnceValue(func() *table[CurrencyEntry] {
	entries := make([]CurrencyEntry, 0, 200)
	for row := range csvRows("currencies.csv", 3) {
		e := CurrencyEntry{Code: row[0], MinorUnits: -1, Name: row[2]}
		if row[1] != "" {
			e.MinorUnits = int(row[1][0] - '0')
		}
		entries = append(entries, e)
	}
	return newTable(standardEditions()["currencies"], entries)
})

// Currency returns the currency of a three-letter code of ISO 4217.
func Currency(code string) (CurrencyEntry, bool) { return currencies().lookup(code) }

// AllCurrencies returns every currency in the order of the codes.
func AllCurrencies() []CurrencyEntry { return currencies().all() }
