package ledger

import (
	"maps"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// Retention is how long a command id is remembered. An older id is refused, so no id is ever decided twice.
const Retention = 30 * 24 * time.Hour

// bodyHash identifies a command's body: the first half of a SHA-256.
type bodyHash [16]byte

// outcomeRef is what is kept of an outcome in memory; the whole of it is in the commit.
type outcomeRef struct {
	body     bodyHash
	sequence uint64
}

// outcomes remembers the commands of the last 30 days by id, by the day of their commit.
type outcomes struct {
	refs map[events.UUID]outcomeRef
	days []outcomeDay // ascending
}

type outcomeDay struct {
	day int64 // days since 1970 of the commit's time
	ids []events.UUID
}

func newOutcomes() *outcomes { return &outcomes{refs: make(map[events.UUID]outcomeRef)} }

func (o *outcomes) get(id events.UUID) (outcomeRef, bool) {
	ref, ok := o.refs[id]
	return ref, ok
}

// add remembers an outcome committed at the given time and forgets those that are out of retention. One day more than the
// retention is kept, as an id may be younger than the commit that decided it.
func (o *outcomes) add(id events.UUID, ref outcomeRef, at time.Time) {
	day := at.Unix() / 86400
	o.refs[id] = ref
	if n := len(o.days); n == 0 || o.days[n-1].day < day {
		o.days = append(o.days, outcomeDay{day: day})
		oldest := day - int64(Retention/(24*time.Hour)) - 1
		if planted.On("dedupe_in_a_window_only") {
			oldest = day
		}
		for len(o.days) > 0 && o.days[0].day < oldest {
			for _, id := range o.days[0].ids {
				delete(o.refs, id)
			}
			o.days = o.days[1:]
		}
	}
	last := &o.days[len(o.days)-1] // commit times never go back within a partition
	last.ids = append(last.ids, id)
}

// freeze returns the outcomes as they are now; ids of a day are only ever appended.
func (o *outcomes) freeze() *outcomes {
	return &outcomes{refs: maps.Clone(o.refs), days: slices.Clone(o.days)}
}
