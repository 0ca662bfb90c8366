package sample

import (
	"math"
	"strings"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
)

// draw is the source of randomness of one row: splitmix64 written out, because the standard library promises the stream of
// its generators but not what its methods make of it, and the bytes of a sample are a promise.
type draw struct{ state uint64 }

// Rows of different kinds draw from streams of their own.
const (
	streamEnterprise uint64 = iota + 1
	streamProfile
	streamTitle
	streamParty
	streamOffer
	streamDemand
)

func newDraw(seed, stream uint64, i int) *draw {
	d := &draw{state: seed ^ stream<<56}
	d.state = d.next() ^ uint64(i)*0x9e3779b97f4a7c15
	d.next()
	return d
}

func (d *draw) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n is 0 <= result < bound. The bias of the remainder is below 2^-50 for the bounds used here.
func (d *draw) n(bound int) int { return int(d.next() % uint64(bound)) }

// between includes both ends.
func (d *draw) between(low, high int) int { return low + d.n(high-low+1) }

func (d *draw) percent(p int) bool { return d.n(100) < p }

// unit is in [0, 1).
func (d *draw) unit() float64 { return float64(d.next()>>11) / (1 << 53) }

func (d *draw) pick(from []string) string { return from[d.n(len(from))] }

func (d *draw) mix(from []weighted) string {
	total := 0
	for _, w := range from {
		total += w.weight
	}
	at := d.n(total)
	for _, w := range from {
		if at -= w.weight; at < 0 {
			return w.code
		}
	}
	return from[len(from)-1].code
}

// several draws up to count different codes.
func (d *draw) several(count int, from []weighted) []string {
	var out []string
	for range count * 3 { // bounded: a repeated draw is dropped, not drawn again for ever
		code := d.mix(from)
		if !strings.Contains(strings.Join(out, " "), code) {
			out = append(out, code)
		}
		if len(out) == count {
			break
		}
	}
	return out
}

// at reads a distribution: straight lines between the logarithms of its points, flat outside them.
func at(q []quantile, p float64) float64 {
	if p <= q[0].p {
		return q[0].value
	}
	for i := 1; i < len(q); i++ {
		if p <= q[i].p {
			low, high := q[i-1], q[i]
			share := (p - low.p) / (high.p - low.p)
			return math.Exp(math.Log(low.value) + share*(math.Log(high.value)-math.Log(low.value)))
		}
	}
	return q[len(q)-1].value
}

// yuan carries an amount of a dollar distribution over and rounds it as people do: to 10,000 yuan, from 10 million on to 100,000.
func yuan(q []quantile, p float64) events.Money {
	amount := int64(at(q, p) * yuanPerDollar)
	step := int64(10_000)
	if amount >= 10_000_000 {
		step = 100_000
	}
	amount = max((amount+step/2)/step*step, step)
	return fen(amount)
}

func fen(yuan int64) events.Money { return events.Money{Minor: yuan * 100, Currency: "CNY"} }

// months reads a term and rounds it to whole years where it is over one.
func months(p float64) int {
	m := int(at(loanMonths, p))
	if m > 12 {
		m = (m + 6) / 12 * 12
	}
	return m
}

var countiesOf = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for _, r := range codes.AllRegions() {
		if r.Level == codes.County && !r.Revoked {
			province := r.Code[:2] + "0000"
			out[province] = append(out[province], r.Code)
		}
	}
	return out
})

// region draws a county of a province drawn by its share.
func (d *draw) region() string {
	province := d.mix(provinceMix)
	counties := countiesOf()[province]
	if len(counties) == 0 {
		return province
	}
	return d.pick(counties)
}

func province(region string) string { return region[:2] + "0000" }

var (
	epochDay      = must(epoch.Start())
	validUntilDay = must(time.Parse(time.RFC3339, ValidUntil))
)

// must is for constants of this package, which its tests parse.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func day(offset int) events.Date { return events.DateOf(epochDay.AddDate(0, 0, offset)) }

const usccLetters = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// uscc makes a valid code in a region. The organisation part runs through 31^6 values without repeating for one seed and
// stream: multiplying by a number prime to 31 only reorders them.
func uscc(seed, stream uint64, i int, region string) string {
	const space = 31 * 31 * 31 * 31 * 31 * 31
	x := (uint64(i)*0x2545f49 + (seed*0x9e3779b97f4a7c15)>>20 + stream*0x51ed27) % space
	org := []byte{'M', 'A', 0, 0, 0, 0, 0, 0}
	for p := 7; p >= 2; p-- {
		org[p] = usccLetters[x%31]
		x /= 31
	}
	code, err := codes.MakeUSCC(region, string(org))
	if err != nil {
		panic("sample: " + err.Error()) // region and organisation code are made here
	}
	return code
}
