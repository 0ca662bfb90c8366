package eval

import (
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/rows"
)

// Set is a folder of funding rounds, in order of days and, within a day, of ids.
type Set struct{ Rounds []*Round }

// Round is one funding round: a demand with the firms that met it.
type Round struct {
	ID, Company, Sector, City, State, Stage, Split string
	Date                                           events.Date
	Day                                            int           // days since 1970-01-01
	Amount                                         *events.Money // nil when unknown
	Firms                                          []string      // investors that are firms, sorted, without repetition
}

// Names of splits. Any other name is a part of the set that is only measured.
const Train = "train"

const roundsMax = 1_000_000

// Read reads a folder with rounds.csv and investments.csv. Columns it doesn't know are left aside, n_investors among them: it is an
// outcome. A row that cannot be read is an error, because a measurement must not leave anything out in silence.
func Read(dir string) (*Set, error) {
	s := &Set{}
	byID := make(map[string]*Round)
	err := table(filepath.Join(dir, "rounds.csv"), []string{"round_id", "date", "company", "sector", "city", "state", "stage", "amount_usd", "split"},
		func(r *rows.Record) error {
			round, err := readRound(r)
			switch {
			case err != nil:
				return err
			case byID[round.ID] != nil:
				return fmt.Errorf("round_id %q is there twice", round.ID)
			case len(s.Rounds) == roundsMax:
				return fmt.Errorf("more than %d rounds", roundsMax)
			}
			byID[round.ID] = round
			s.Rounds = append(s.Rounds, round)
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = table(filepath.Join(dir, "investments.csv"), []string{"round_id", "investor", "investor_kind"}, func(r *rows.Record) error {
		round, firm := byID[r.Get("round_id")], r.Get("investor")
		switch kind := r.Get("investor_kind"); {
		case round == nil:
			return fmt.Errorf("there is no round %q", r.Get("round_id"))
		case firm == "":
			return errors.New("the investor is missing")
		case kind == "firm":
			round.Firms = append(round.Firms, firm)
		case kind != "person":
			return fmt.Errorf("investor_kind %q is neither firm nor person", kind)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, r := range s.Rounds {
		slices.Sort(r.Firms)
		r.Firms = slices.Compact(r.Firms)
	}
	s.order()
	return s, nil
}

func (s *Set) order() {
	slices.SortFunc(s.Rounds, func(a, b *Round) int {
		if a.Day != b.Day {
			return a.Day - b.Day
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// table hands every record of a CSV file on, and says file and line of what is wrong.
func table(file string, columns []string, take func(*rows.Record) error) error {
	seen := false
	for r, err := range rows.Records(file) {
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if r.Line == 1 && r.Cells == nil {
			for _, c := range columns {
				if !slices.Contains(r.Header, c) {
					return fmt.Errorf("%s: there is no column %s", file, c)
				}
			}
			seen = true
			continue
		}
		if r.Problem != nil {
			err = r.Problem
		} else {
			err = take(r)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, r.Line, err)
		}
	}
	if !seen {
		return fmt.Errorf("%s: the file is empty", file)
	}
	return nil
}

func readRound(r *rows.Record) (*Round, error) {
	round := &Round{
		ID: r.Get("round_id"), Company: r.Get("company"), Sector: r.Get("sector"), City: r.Get("city"), State: r.Get("state"),
		Stage: r.Get("stage"), Split: r.Get("split"), Date: events.Date(r.Get("date")),
	}
	if round.ID == "" || round.Company == "" || round.Split == "" {
		return nil, errors.New("round_id, company or split is missing")
	}
	day, err := time.Parse(time.DateOnly, string(round.Date))
	if err != nil || day.Unix() < 0 {
		return nil, fmt.Errorf("date %q is no day since 1970, like 2016-03-31", round.Date)
	}
	round.Day = int(day.Unix() / 86_400)
	if round.Amount, err = dollars(r.Get("amount_usd")); err != nil {
		return nil, err
	}
	return round, nil
}

// dollars reads an amount without rounding; "" is none known.
func dollars(text string) (*events.Money, error) {
	if text == "" {
		return nil, nil
	}
	amount, ok := new(big.Rat).SetString(text)
	if ok {
		amount.Mul(amount, big.NewRat(100, 1))
	}
	if !ok || amount.Sign() <= 0 || !amount.IsInt() || !amount.Num().IsInt64() {
		return nil, fmt.Errorf("amount_usd %q is no amount of dollars", text)
	}
	return &events.Money{Minor: amount.Num().Int64(), Currency: "USD"}, nil
}
