// Package preset maps public record sets to entities of the bus. A preset takes the folder of a set, or one of its files
// (a file of refused rows has the same columns). It invents nothing: a row whose amount is not known is refused with that reason.
//
// Places outside mainland China have no GB/T 2260 code: they get the region 900000 (境外), and their names stay in titles.
package preset

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// Names of the presets.
var Names = []string{"listed-companies", "funding-rounds", "sba-loans"}

const (
	// abroad (境外) is this product's own extension of the region list.
	abroad = "900000"
	// recorded stands for a licence number: the sets name the institutions, not their licences.
	recorded = "as recorded in the data set"
	// capacityTickets is how many of its largest tickets an offer read off past business can serve. No set says; it is an assumption.
	capacityTickets = 20
)

// validUntil is the end of validity of historical demands and offers: the sets are about the past, an import is about trying the
// bus on real shapes. It is fixed so that the same import gives the same commands. The true dates stay in the titles.
var validUntil = time.Date(2035, 12, 31, 15, 59, 59, 0, time.UTC)

// ErrUnknown says that there is no such preset.
var ErrUnknown = errors.New("unknown preset")

// Open reads a set. Limit bounds the rows read of its main file, 0 means all.
func Open(name, path string, limit int) (rows.Source, error) {
	var read func(string, int) ([]*rows.Row, error)
	switch name {
	case "listed-companies":
		read = listedCompanies
	case "funding-rounds":
		read = fundingRounds
	case "sba-loans":
		read = guaranteedLoans
	default:
		return nil, fmt.Errorf("%w: %q, there are %s", ErrUnknown, name, strings.Join(Names, ", "))
	}
	all, err := read(path, limit)
	if err != nil {
		return nil, err
	}
	return list(all), nil
}

// list is a set in memory: the largest has 5,448 rows.
type list []*rows.Row

func (l list) Size() int { return len(l) }

func (l list) Kinds() []rows.Kind {
	var kinds []rows.Kind
	for _, r := range l {
		if !slices.Contains(kinds, r.Kind) {
			kinds = append(kinds, r.Kind)
		}
	}
	return kinds
}

func (l list) Rows() iter.Seq2[*rows.Row, error] {
	return func(yield func(*rows.Row, error) bool) {
		for _, r := range l {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// mainFile is path itself when it is a file, else the named file in the folder.
func mainFile(path, name string) (file string, folder bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false, err
	}
	if info.IsDir() {
		return filepath.Join(path, name), true, nil
	}
	return path, false, nil
}

// table reads at most limit records of a CSV file that must have the named columns.
func table(file string, limit int, columns ...string) ([]*rows.Record, error) {
	var out []*rows.Record
	for record, err := range rows.Records(file) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if record.Line == 1 && record.Cells == nil {
			for _, c := range columns {
				if !slices.Contains(record.Header, c) {
					return nil, fmt.Errorf("%s: column %q is missing; this is not the file that the preset maps", file, c)
				}
			}
			continue
		}
		if limit > 0 && len(out) == limit {
			break
		}
		out = append(out, record)
	}
	return out, nil
}

// made is a row with its payload.
func made(r *rows.Row, payload any) *rows.Row {
	data, err := json.Marshal(payload)
	if err != nil {
		panic("preset: " + err.Error()) // payload types of package events marshal
	}
	r.Data = data
	return r
}

// derived is a row put together from several records.
func derived(file string, kind rows.Kind, payload any) *rows.Row {
	return made(&rows.Row{File: file, Kind: kind}, payload)
}

func refused(r *rows.Row, p *events.Problem) *rows.Row {
	r.Problem = p
	return r
}

// dollars reads a whole amount of US dollars; ok is false when the cell is empty or no positive number.
func dollars(cell string) (events.Money, bool) {
	n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(cell), ".0"), 10, 64)
	if err != nil || n <= 0 || n > 1_000_000_000_000 {
		return events.Money{}, false
	}
	return events.Money{Minor: n * 100, Currency: "USD"}, true
}

// slug makes an id of a name: lower-case letters, digits and hyphens, and a hash where that lost something, so that two names
// never share one.
func slug(prefix, name string) string {
	var b strings.Builder
	lost := false
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		default:
			lost = true
		}
	}
	s := b.String()
	if len(s) > 32 {
		s, lost = s[:32], true
	}
	if lost || s == "" || strings.Contains(name, "-") {
		s += "~" + events.DeriveUUID(name).String()[:8]
	}
	return prefix + s
}

// between is the p-quantile (nearest rank) of sorted values.
func between[T any](sorted []T, percent int) T {
	return sorted[(len(sorted)-1)*percent/100]
}

// slugUpper is slug for names written in capitals: only their case is given up.
func slugUpper(prefix, name string) string { return slug(prefix, strings.ToLower(name)) }
