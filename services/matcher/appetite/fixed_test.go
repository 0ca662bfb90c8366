package appetite

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestDecay(t *testing.T) {
	for _, c := range []struct {
		days int
		want int64
	}{{0, 1000 * One}, {365, 500 * One}, {730, 250 * One}, {3650, 1000 * One / 1024}, {365 * 40, 0}, {-5, 1000 * One}} {
		if got := decayed(1000*One, 16_425, 16_425+c.days, 365); got != c.want {
			t.Errorf("after %d days: %d, not %d", c.days, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		halfLife := rapid.IntRange(halfLifeMin, halfLifeMax).Draw(t, "half-life")
		from := rapid.IntRange(0, 30_000).Draw(t, "from")
		days := rapid.IntRange(0, 3*halfLife).Draw(t, "days")
		tally := int64(rapid.IntRange(-1000*One, 1000*One).Draw(t, "tally"))
		steps := decayed(tally, from, from, halfLife)
		for d := range days {
			steps = decayed(steps, from+d, from+d+1, halfLife)
		}
		once := decayed(tally, from, from+days, halfLife)
		if gap := steps - once; gap < -200 || gap > 200 { // one unit of 1/65,536 is lost at each step at most
			t.Fatalf("day by day %d, at once %d", steps, once)
		}
		exact := float64(tally) * math.Exp2(-float64(days)/float64(halfLife))
		if gap := math.Abs(exact - float64(once)); gap > math.Abs(exact)*0.012+2 { // a step is 1/64 of a half-life: 1.1 %
			t.Fatalf("decayed %d, exactly %f", once, exact)
		}
	})
}

func TestLog2(t *testing.T) {
	for _, c := range [...][2]int64{{One, 0}, {2 * One, Doubling}, {One / 2, -Doubling}, {8 * One, 3 * Doubling}, {1, -16 * Doubling}, {0, -16 * Doubling}} {
		if got := log2(c[0]); got != c[1] {
			t.Errorf("log2(%d) is %d, not %d", c[0], got, c[1])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Int64Range(1, math.MaxInt64).Draw(t, "x")
		exact := math.Log2(float64(x)/One) * Doubling
		if got := float64(log2(x)); got > exact+0.01 || got < exact-1.01 {
			t.Fatalf("log2(%d) is %f, exactly %f", x, got, exact)
		}
		if log2(x) < log2(x-1) {
			t.Fatalf("log2 falls at %d", x)
		}
	})
}

func TestRatio(t *testing.T) {
	for _, c := range [...][5]int64{{6, 7, 2, 100, 21}, {1 << 62, 1 << 62, 1 << 62, math.MaxInt64, 1 << 62}, {1 << 62, 1 << 62, 1, 99, 99}, {7, 1, 2, 100, 3}, {7, 100, 2, 100, 100}} {
		if got := ratio(c[0], c[1], c[2], c[3]); got != c[4] {
			t.Errorf("%d * %d / %d is %d, not %d", c[0], c[1], c[2], got, c[4])
		}
	}
}
