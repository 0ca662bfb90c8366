package clock

import (
	"fmt"
	"time"
)

// Offset is the environment variable that sets a process's clock apart from the machine's: a Go duration such as "-2h" or "90m". It is
// for tests of clocks that jump, of which the machine's own must not be moved; nobody needs it to run the system.
const Offset = "JIELI_CLOCK_OFFSET"

// offsetMax either way: a day is more than any clock that still counts as one is off.
const offsetMax = 24 * time.Hour

// Shifted is the machine's clock, set apart by an amount.
type Shifted struct{ By time.Duration }

// Now is the machine's time, shifted, in UTC.
func (s Shifted) Now() time.Time { return Real{}.Now().Add(s.By) }

// Wake uses a timer of the runtime.
func (s Shifted) Wake(t time.Time) (<-chan time.Time, func()) { return Real{}.Wake(t.Add(-s.By)) }

// FromEnvironment is the machine's clock, or a shifted one where the environment asks for it.
func FromEnvironment(env func(string) string) (Clock, error) {
	text := env(Offset)
	if text == "" {
		return Real{}, nil
	}
	by, err := time.ParseDuration(text)
	if err != nil || by.Abs() > offsetMax {
		return nil, fmt.Errorf("clock: %s=%q is no duration within %s either way / 时钟偏移无效", Offset, text, offsetMax)
	}
	return Shifted{by}, nil
}
