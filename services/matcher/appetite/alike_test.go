package appetite

import (
	"testing"

	"github.com/jieli-bus/jieli/events"
)

func TestLikeness(t *testing.T) {
	p := &Parameters{Unlike: Unlike{Industry: 25, Place: 50, Stage: 10, Size: 20, Undeclared: 40}, SizeNear: []int{100, 50}}
	cash := func(minor int64, currency string) *events.Money {
		return &events.Money{Minor: minor, Currency: currency}
	}
	asked := Subject{Industry: []string{"I", "I65"}, Place: []string{"33", "3301"}, Stage: "startup", Amount: cash(1<<20, "CNY")}
	for name, c := range map[string]struct {
		change  func(*Subject)
		percent int64 // of a full outcome
	}{
		"the same":               {func(*Subject) {}, 100},
		"a broader industry":     {func(s *Subject) { s.Industry = s.Industry[:1] }, 100},
		"another industry":       {func(s *Subject) { s.Industry = []string{"I", "I63"} }, 25},
		"no industry":            {func(s *Subject) { s.Industry = nil }, 25},
		"another city":           {func(s *Subject) { s.Place = []string{"33", "3302"} }, 50},
		"another stage":          {func(s *Subject) { s.Stage = "growth" }, 10},
		"one doubling away":      {func(s *Subject) { s.Amount = cash(1<<21, "CNY") }, 60}, // 20 + 80 * 50 %
		"two doublings away":     {func(s *Subject) { s.Amount = cash(1<<22, "CNY") }, 20},
		"another currency":       {func(s *Subject) { s.Amount = cash(1<<20, "USD") }, 20},
		"amount not made known":  {func(s *Subject) { s.Amount = nil }, 40},
		"other place and amount": {func(s *Subject) { s.Place, s.Amount = nil, nil }, 20},
	} {
		other := asked
		c.change(&other)
		got, back, want := likeness(p, &asked, &other), likeness(p, &other, &asked), int64(One)*c.percent/percentWhole
		if got < want-2 || got > want || got != back {
			t.Errorf("%s: %d one way, %d the other, not %d", name, got, back, want)
		}
	}
}

// Two institutions did the same industries and the same amounts equally often, but not together: only the term that looks at
// outcomes as a whole tells them apart.
func TestAlikeKnowsWhatWentTogether(t *testing.T) {
	b := NewBook(plain())
	software, food := []string{"I", "I65"}, []string{"C", "C14"}
	large, small := &events.Money{Minor: 1 << 40, Currency: "CNY"}, &events.Money{Minor: 1 << 20, Currency: "CNY"}
	for range 4 {
		for _, o := range []Outcome{
			{Institution: "fits", Subject: Subject{Industry: software, Amount: large}}, {Institution: "fits", Subject: Subject{Industry: food, Amount: small}},
			{Institution: "not", Subject: Subject{Industry: software, Amount: small}}, {Institution: "not", Subject: Subject{Industry: food, Amount: large}},
		} {
			o.Day = today
			b.Add(o)
		}
	}
	a := b.Ask(Subject{Industry: software, Amount: large}, today)
	fits, not := a.Lifts("fits"), a.Lifts("not")
	for term := range TermCount {
		if term != Alike && fits[term] != not[term] {
			t.Errorf("%s tells them apart: %d and %d", Names[term].Name, fits[term], not[term])
		}
	}
	if fits[Alike] <= not[Alike] {
		t.Errorf("alike: %d where it went together, %d where not", fits[Alike], not[Alike])
	}
}

// Only the latest outcomes are compared one by one; what is older than the ring is gone from this term.
func TestAlikeForgetsTheOldest(t *testing.T) {
	b := NewBook(plain())
	add := func(s Subject) { b.Add(Outcome{Institution: "x", Day: today, Subject: s}) }
	add(software())
	one := b.Ask(software(), today).Lifts("x")[Alike]
	for range pastMax {
		add(farming())
	}
	only := NewBook(plain())
	for range pastMax {
		only.Add(Outcome{Institution: "x", Day: today, Subject: farming()})
	}
	if got, want := b.Ask(software(), today).Lifts("x")[Alike], only.Ask(software(), today).Lifts("x")[Alike]; got != want || got == one {
		t.Errorf("%d, without the first %d, with it alone %d", got, want, one)
	}
}
