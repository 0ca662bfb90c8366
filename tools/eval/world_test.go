package eval

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/appetite"
)

// made is a round made by hand.
func made(id string, day int, company string, firms ...string) *Round {
	return &Round{ID: id, Day: day, Date: events.Date(time.Unix(int64(day)*86_400, 0).UTC().Format(time.DateOnly)), Company: company, Split: Train, Firms: firms}
}

// market is a seeded market in which firms keep to a sector and a stage, with some noise: 900 days of train, 100 of valid.
func market(seed uint64) *Set {
	random := rand.New(rand.NewPCG(seed, 7))
	sectors, cities := []string{"saas_it", "food", "fintech", "healthcare", "other"}, []string{"Bangalore", "Mumbai", "Delhi", ""}
	stages := []string{"seed", "pe"}
	s := &Set{}
	for i := range 1000 {
		kind, place, stage := random.IntN(len(sectors)), random.IntN(len(cities)), random.IntN(2)
		r := made(fmt.Sprintf("R%04d", i), 16_000+i, fmt.Sprint("company-", random.IntN(700)))
		r.Sector, r.City, r.State, r.Stage = sectors[kind], cities[place], cities[place], stages[stage]
		if i >= 900 {
			r.Split = "valid"
		}
		if random.IntN(3) > 0 {
			r.Amount = &events.Money{Minor: int64(1+random.IntN(1000)) * 100_000 * int64(1+99*stage), Currency: "USD"}
		}
		for range random.IntN(3) {
			firm := fmt.Sprintf("firm-%d-%d-%d", kind, stage, random.IntN(8))
			if random.IntN(4) == 0 {
				firm = fmt.Sprintf("firm-%d-%d-%d", random.IntN(5), random.IntN(2), random.IntN(8))
			}
			if !slices.Contains(r.Firms, firm) {
				r.Firms = append(r.Firms, firm)
			}
		}
		slices.Sort(r.Firms)
		s.Rounds = append(s.Rounds, r)
	}
	return s
}

// copied is a set that can be changed without changing the first.
func (s *Set) copied() *Set {
	out := &Set{}
	for _, r := range s.Rounds {
		own := *r
		own.Firms = slices.Clone(r.Firms)
		out.Rounds = append(out.Rounds, &own)
	}
	return out
}

// shuffleFrom deals out everything but id, day and split anew among the rounds of a day and later: the outcomes and the demands.
func (s *Set) shuffleFrom(day int, random *rand.Rand) {
	var later []*Round
	for _, r := range s.Rounds {
		if r.Day >= day {
			later = append(later, r)
		}
	}
	random.Shuffle(len(later), func(i, j int) {
		a, b := later[i], later[j]
		a.Firms, b.Firms = b.Firms, a.Firms
		a.Amount, b.Amount = b.Amount, a.Amount
		a.Company, b.Company = b.Company, a.Company
		a.Sector, b.Sector = b.Sector, a.Sector
		a.City, b.City = b.City, a.City
		a.Stage, b.Stage = b.Stage, a.Stage
	})
}

func scoringRules(t *testing.T) (*matcher.RuleSets, *appetite.Set) {
	t.Helper()
	rules, err := matcher.LoadRules(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	sets, err := appetite.Load(contracts.Rules())
	if err != nil {
		t.Fatal(err)
	}
	return rules, sets.Last()
}

// everyRanker is the product with and without appetite, and the baselines.
func everyRanker(t *testing.T) []Ranker {
	rules, set := scoringRules(t)
	return append([]Ranker{NewProduct(rules, set), NewProduct(rules, nil)}, Baselines(1)...)
}

// realSet finds the real rounds beside the repository. Without them the test skips, in CI it fails.
func realSet(t *testing.T) *Set {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", "funding-rounds")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the real rounds are missing: %v", err)
		}
		t.Skipf("the real rounds are not here: %v", err)
	}
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
