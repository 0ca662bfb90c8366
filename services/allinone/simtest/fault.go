package simtest

// Faults that the ports have of themselves, drawn at each call.
const (
	faultNotStored        = "append not stored, no answer"
	faultStoredUnanswered = "append stored, no answer"
	faultStoredLate       = "append stored later than its answer is waited for"
	faultStoredTwice      = "append sent twice"
	faultPausedWriter     = "writer paused before its append"
	faultReadFails        = "read not answered"
	faultReadSlow         = "read slow"
	faultLeasesAway       = "store of leases does not answer"
	faultRequestTwice     = "command delivered twice"
	faultRequestLost      = "command lost"
	faultAnswerLost       = "answer lost"
)

// Faults that the script brings.
const (
	FaultKill       = "process killed and started again"
	FaultLeaseLost  = "lease lost"
	FaultTwoWriters = "two writers"
	FaultFull       = "disk full, said so"
	FaultSilent     = "disk full, silent"
	FaultTail       = "tail lost, sequences handed out again"
	FaultStoreLost  = "read models lost"
	FaultStoreBack  = "read models rolled back"
	FaultClock      = "clock jumps"
	FaultMonth      = "31 days pass"
	FaultMatcher    = "matcher begins again"
	FaultRefeed     = "commits delivered again to the matcher"
	FaultRetime     = "timers asked for again"
	FaultSnapshot   = "snapshot taken"
)

// Faults lists every fault type: a run in which one never occurred proves less than it says.
var Faults = []string{faultNotStored, faultStoredUnanswered, faultStoredLate, faultStoredTwice, faultPausedWriter, faultReadFails, faultReadSlow, faultLeasesAway,
	faultRequestTwice, faultRequestLost, faultAnswerLost, FaultKill, FaultLeaseLost, FaultTwoWriters, FaultFull, FaultSilent, FaultTail, FaultStoreLost, FaultStoreBack,
	FaultClock, FaultMonth, FaultMatcher, FaultRefeed, FaultRetime, FaultSnapshot}

// scripted are those that a script can hold.
var scripted = Faults[11:]

// faults draws what goes wrong at a call.
type faults struct {
	on    bool
	often int // once in so many calls
}

func (f *faults) draw(w *world, kinds ...string) string {
	if !f.on || !w.chance(f.often) {
		return ""
	}
	kind := kinds[w.rand.IntN(len(kinds))]
	w.stats.fault(kind)
	w.tell("fault: %s", kind)
	return kind
}
