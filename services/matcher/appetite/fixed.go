package appetite

import "math/bits"

// Numbers are fixed point: tallies and lifts have 16 bits behind the point (One is one full outcome), logarithms Doubling to a
// doubling. Floating point would be near enough, but explanations promise sums that are exact on every machine.
const (
	One      = 1 << 16
	Doubling = 1 << doublingBits

	doublingBits = 10
)

// halvings are 2^(-1/2), 2^(-1/4) ... 2^(-1/64) with 32 bits behind the point.
var halvings = [...]uint64{3037000500, 3611622603, 3938502376, 4112874773, 4202935003, 4248701965}

// decayed is what is left on one day of a tally of another, rounded down: half after each half-life, in steps of 1/64 of one. The
// steps are those of the calendar, so decaying day by day ends where decaying at once does. Days are counted from 1970.
func decayed(tally int64, from, to, halfLife int) int64 {
	if to <= from || tally == 0 {
		return tally
	}
	steps := to*64/halfLife - from*64/halfLife
	whole, part := steps/64, steps%64
	if whole >= 40 {
		return 0 // a tally of a million outcomes has vanished by then
	}
	factor := uint64(1 << 32)
	for i, h := range halvings {
		if part&(32>>i) != 0 {
			factor = factor * h >> 32
		}
	}
	left := tally
	if left < 0 {
		left = -left
	}
	hi, lo := bits.Mul64(uint64(left), factor)
	left = int64(hi<<32|lo>>32) >> whole
	if tally < 0 {
		return -left
	}
	return left
}

// log2 is the logarithm of a positive number with 16 bits behind the point, in units of 1/Doubling, rounded down.
func log2(x int64) int64 {
	if x < 1 {
		x = 1
	}
	exponent := bits.Len64(uint64(x)) - 1
	m := uint64(x) << (62 - exponent) >> 31 // in [1, 2) with 31 bits
	result := int64(exponent-16) * Doubling
	for bit := int64(Doubling / 2); bit > 0; bit /= 2 {
		if m = m * m >> 31; m >= 1<<32 {
			m >>= 1
			result += bit
		}
	}
	return result
}

// ratio is a * b / c, rounded down, held to limit; 128 bits in between. All are non-negative, c is positive.
func ratio(a, b, c, limit int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return limit
	}
	quotient, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(quotient, uint64(limit)))
}
