package sharing

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

// TestCutsWaitForOpening: while the views are being opened the pump does not know what they hold, and a change prepared then would
// govern from the beginning of everything. It was so once: a view that was just being written anew let a grant in for all history.
func TestCutsWaitForOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := NewPump(nil, nil, zerolog.Nop())
		if cuts, err := p.Cuts(t.Context()); !events.ErrUnavailable.Is(err) {
			t.Fatalf("%v %v before the views are open", cuts, err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if cuts, err := p.Cuts(gone); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v %v for a caller who is gone", cuts, err)
		}
		answered := make(chan []events.Cut)
		go func() {
			cuts, err := p.Cuts(t.Context())
			if err != nil {
				t.Error(err)
			}
			answered <- cuts
		}()
		synctest.Wait()
		p.read["demand"] = 7
		p.opened()
		if cuts := <-answered; len(cuts) != 1 || cuts[0] != (events.Cut{Context: "demand", Sequence: 8}) {
			t.Fatalf("cuts %v", cuts)
		}
	})
}

// TestOvertaken: a change without a cut for a source governs that source from its beginning.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read map[string]uint64
		cuts []events.Cut
		want bool
	}{
		"nothing is written":            {want: false},
		"before its cut":                {map[string]uint64{"demand": 7}, []events.Cut{{Context: "demand", Sequence: 8}}, false},
		"at its cut":                    {map[string]uint64{"demand": 8}, []events.Cut{{Context: "demand", Sequence: 8}}, true},
		"no cut, nothing of it written": {map[string]uint64{"demand": 7, "offer": 0}, []events.Cut{{Context: "demand", Sequence: 8}}, false},
		"no cut, something written":     {map[string]uint64{"demand": 7, "offer": 1}, []events.Cut{{Context: "demand", Sequence: 8}}, true},
	} {
		p := NewPump(nil, nil, zerolog.Nop())
		p.read = c.read
		if got := p.overtaken(c.cuts); got != c.want {
			t.Errorf("%s: overtaken %v, want %v", name, got, c.want)
		}
	}
}

// broken is a ledger that says it holds commits and cannot be read.
type broken struct{ ledger.Log }

var errBroken = errors.New("no leader")

func (broken) Info(context.Context) (ledger.LogInfo, error) { return ledger.LogInfo{Last: 3}, nil }
func (broken) Follow(context.Context, int, uint64, func(*ledger.Stored) error) error {
	return errBroken
}

// TestGrantsThatCannotBeRead: the pump ends with what went wrong, to begin again. It waited for ever once for grants that nobody read any
// more: after a broker node's fault the views stood still, and nobody answered for them.
func TestGrantsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if err := NewPump(broken{}, nil, zerolog.Nop()).once(t.Context()); !errors.Is(err, errBroken) {
			t.Errorf("%v", err)
		}
	})
}
