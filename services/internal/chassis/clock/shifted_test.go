package clock_test

import (
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
)

func TestFromEnvironment(t *testing.T) {
	for text, by := range map[string]time.Duration{"": 0, "-2h": -2 * time.Hour, "90m": 90 * time.Minute, "24h": 24 * time.Hour} {
		c, err := clock.FromEnvironment(func(string) string { return text })
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if off := c.Now().Sub(time.Now().Add(by)).Abs(); off > time.Minute {
			t.Errorf("%q: the clock is %s away from where it should be", text, off)
		}
		wake, stop := c.Wake(c.Now().Add(time.Millisecond))
		select {
		case <-wake:
		case <-time.After(time.Minute):
			t.Errorf("%q: a wait of a millisecond does not end", text)
		}
		stop()
	}
	for _, text := range []string{"2", "yesterday", "25h", "-9000000h"} {
		if _, err := clock.FromEnvironment(func(string) string { return text }); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
