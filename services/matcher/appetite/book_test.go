package appetite

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/jieli-bus/jieli/events"
)

// plain is a set whose terms are easy to follow by hand: each counts 1000 points a doubling.
func plain() *Set {
	return &Set{
		Weights: Weights{Active: 1000, Recent: 1000, Industry: 1000, Place: 1000, Stage: 1000, Size: 1000, Undeclared: 1000, Alike: 1000},
		Parameters: Parameters{
			HalfLife: 365, RecentHalfLife: 30, ActivePrior: 100, RecentPrior: 100, IndustryPrior: 100, PlacePrior: 100, StagePrior: 100,
			SizePrior: 100, UndeclaredPrior: 100, SizeNear: []int{100, 50}, AlikePrior: 100,
			Unlike:  Unlike{Industry: 20, Place: 50, Stage: 20, Size: 10, Undeclared: 50},
			Outcome: map[string]int{"disbursed": 100, "accepted": 50, "declined": -100},
		},
	}
}

const today = 20_000

func software() Subject {
	return Subject{Industry: []string{"I", "I65", "I651"}, Place: []string{"440000", "440300"}, Stage: "startup", Amount: &events.Money{Minor: 1 << 20, Currency: "CNY"}}
}

func farming() Subject {
	return Subject{Industry: []string{"A", "A01"}, Place: []string{"230000", "230100"}, Stage: "mature", Amount: &events.Money{Minor: 1 << 30, Currency: "CNY"}}
}

// world has a software house, a farm bank and many others, each with ten outcomes today.
func world() *Book {
	b := NewBook(plain())
	for i := range 10 {
		b.Add(Outcome{Institution: "soft", Day: today, Subject: software()})
		b.Add(Outcome{Institution: "farm", Day: today, Subject: farming()})
		b.Add(Outcome{Institution: fmt.Sprint("other-", i), Day: today, Subject: farming()})
		b.Add(Outcome{Institution: fmt.Sprint("other-", i), Day: today, Subject: software()})
	}
	return b
}

func TestWhatItDidCounts(t *testing.T) {
	a := world().Ask(software(), today)
	soft, farm := a.Lifts("soft"), a.Lifts("farm")
	for _, term := range []Term{Industry, Place, Stage, Size} {
		if soft[term] <= 0 || farm[term] >= 0 {
			t.Errorf("%s: the software house has %d, the farm bank %d", Names[term].Name, soft[term], farm[term])
		}
	}
	if soft[Active] != farm[Active] || soft[Active] != log2(11*One) {
		t.Errorf("activity: %d and %d, not both the logarithm of 11", soft[Active], farm[Active])
	}
	if newcomer := a.Lifts("newcomer"); newcomer != [TermCount]int64{} {
		t.Errorf("a newcomer has %v", newcomer)
	}
}

// Half of all do software (smoothed 21/50 of the tallies); who did ten of ten is (10 * 50/21 + 1) / 11 times as keen.
func TestLiftByHand(t *testing.T) {
	b := world()
	a := b.Ask(Subject{Stage: "startup"}, today)
	want := log2(ratio(10*One*50/21+One, 1, 11, liftMax))
	if got := a.Lifts("soft")[Stage]; got < want-2 || got > want+2 {
		t.Errorf("the stage's lift is %d, by hand %d", got, want)
	}
}

func TestNearSectorsPartlyCount(t *testing.T) {
	b := world()
	for range 5 {
		b.Add(Outcome{Institution: "hardware", Day: today, Subject: Subject{Industry: []string{"I", "I63"}}})
	}
	a := b.Ask(Subject{Industry: []string{"I", "I65"}}, today)
	own, near, far := a.Lifts("soft")[Industry], a.Lifts("hardware")[Industry], a.Lifts("farm")[Industry]
	if own <= near || near <= far {
		t.Errorf("own %d, same section %d, another section %d", own, near, far)
	}
}

func TestAmountsNearPartlyCount(t *testing.T) {
	b := world()
	lift := func(minor int64, currency string) int64 {
		return b.Ask(Subject{Amount: &events.Money{Minor: minor, Currency: currency}}, today).Lifts("soft")[Size]
	}
	same, near, far := lift(1<<20+5, "CNY"), lift(1<<21, "CNY"), lift(1<<25, "CNY")
	if same <= 0 || near <= 0 || far >= 0 {
		t.Errorf("same doubling %d, next %d, five away %d", same, near, far)
	}
	if other := lift(1<<20, "USD"); other >= 0 {
		t.Errorf("another currency has %d: nothing may be converted", other)
	}
}

func TestTimeAndKinds(t *testing.T) {
	b := NewBook(plain())
	add := func(institution string, kind Kind, age int) {
		b.Add(Outcome{Institution: institution, Kind: kind, Day: today - age, Subject: software()})
	}
	for range 4 {
		add("old", Disbursed, 365)
		add("new", Disbursed, 0)
		add("willing", Accepted, 0)
		add("unwilling", Disbursed, 0)
		add("never", Declined, 0)
	}
	for range 3 {
		add("unwilling", Declined, 0)
	}
	a := b.Ask(software(), today)
	for institution, outcomes := range map[string]int64{"old": 2, "new": 4, "willing": 2, "unwilling": 1, "never": 0} {
		if got, want := a.Lifts(institution)[Active], log2((outcomes+1)*One); got != want {
			t.Errorf("%s is active by %d, not %d (%d outcomes)", institution, got, want, outcomes)
		}
	}
	if old, fresh := a.Lifts("old")[Recent], a.Lifts("new")[Recent]; old > Doubling/100 || fresh != log2(5*One) {
		t.Errorf("recent activity: %d a year ago, %d today", old, fresh)
	}
}

// Late news counts what is left of it, as if it had come in its time.
func TestLateNews(t *testing.T) {
	early, late := NewBook(plain()), NewBook(plain())
	old := Outcome{Institution: "x", Day: today - 365, Subject: software()}
	recent := Outcome{Institution: "x", Day: today, Subject: software()}
	early.Add(old)
	early.Add(recent)
	late.Add(recent)
	late.Add(old)
	if a, b := early.Ask(software(), today).Lifts("x"), late.Ask(software(), today).Lifts("x"); a != b {
		t.Errorf("in order %v, late %v", a, b)
	}
}

func outcomes(t *rapid.T) []Outcome {
	subject := rapid.Custom(func(t *rapid.T) Subject {
		s := []Subject{software(), farming(), {}, {Stage: "startup"}, {Industry: []string{"I", "I63"}}}[rapid.IntRange(0, 4).Draw(t, "subject")]
		if rapid.Bool().Draw(t, "sized") {
			s.Amount = &events.Money{Minor: rapid.Int64Min(0).Draw(t, "minor"), Currency: "CNY"}
		}
		return s
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Outcome {
		return Outcome{
			Institution: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "institution"), Kind: Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind")),
			Day: rapid.IntRange(0, 30_000).Draw(t, "day"), Subject: subject.Draw(t, "subject"),
		}
	}), 1, 60).Draw(t, "outcomes")
}

func TestPointsOfAnyWorld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := outcomes(t)
		one, again := NewBook(plain()), NewBook(plain())
		for _, o := range list {
			one.Add(o)
			again.Add(o)
		}
		day := rapid.IntRange(0, 40_000).Draw(t, "asked on")
		for _, institution := range []string{"a", "b", "c", "nobody"} {
			a := one.Ask(list[0].Subject, day)
			points, sum := a.Points(institution), 0
			for term, p := range points {
				if term != int(Active) && term != int(Recent) && (p < -7000 || p > 7000) {
					t.Fatalf("%s gets %d points for %s", institution, p, Names[term].Name)
				}
				if (term == int(Active) || term == int(Recent)) && p < 0 {
					t.Fatalf("%s gets %d points for being active", institution, p)
				}
				sum += p
			}
			if sum != a.Total(institution) || a.Total(institution) != again.Ask(list[0].Subject, day).Total(institution) {
				t.Fatalf("%s: the terms sum to %d, the total is %d", institution, sum, a.Total(institution))
			}
		}
	})
}
