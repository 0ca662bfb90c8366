package events

import (
	"strconv"
	"strings"
)

// Subjects on NATS. Contexts, departments and partitions are single tokens.
const (
	subjectCommand = "jieli.cmd."
	subjectLedger  = "jieli.ledger."
	subjectEvent   = "jieli.event."
	subjectView    = "jieli.view."
)

// Any stands in an event subject where the event has no region or industry.
const Any = "_"

// CommandSubject is where the holder of a partition's lease takes commands.
func CommandSubject(context string, partition int) string {
	return subjectCommand + context + "." + strconv.Itoa(partition)
}

// LedgerSubject is where a partition's commits are stored.
func LedgerSubject(context string, partition int) string {
	return subjectLedger + context + "." + strconv.Itoa(partition)
}

// LedgerStream, EventsStream and ViewStream name the streams of a context or department.
func LedgerStream(context string) string { return "LEDGER_" + strings.ToUpper(context) }

// EventsStream names the stream of a context's events.
func EventsStream(context string) string { return "EVENTS_" + strings.ToUpper(context) }

// ViewStream names the stream that holds what one department may see.
func ViewStream(department string) string {
	return "VIEW_" + strings.ToUpper(strings.ReplaceAll(department, "-", "_"))
}

// EventSubject is where one event of the derived stream is stored: jieli.event.<context>.<what>.<region>.<industry>.
func EventSubject(e *Event) string { return placed(subjectEvent, e) }

// ViewSubject is where a department's copy of an event is stored: jieli.view.<department>.<context>.<what>.<region>.<industry>.
func ViewSubject(department string, e *Event) string {
	return placed(subjectView+department+".", e)
}

func placed(prefix string, e *Event) string {
	context, what := SplitType(e.Type)
	region, industry := e.Get(ExtRegion), e.Get(ExtIndustry)
	if region == "" {
		region = Any
	}
	if industry == "" {
		industry = Any
	}
	return prefix + context + "." + what + "." + region + "." + industry
}

// SplitType takes "jieli.demand.published.v1" apart into "demand" and "published"; both are "" for a type of another form.
func SplitType(typ string) (context, what string) {
	rest, ok := strings.CutPrefix(typ, "jieli.")
	if !ok {
		return "", ""
	}
	context, rest, ok = strings.Cut(rest, ".")
	if !ok {
		return "", ""
	}
	what, _, ok = strings.Cut(rest, ".")
	if !ok || context == "" || what == "" {
		return "", ""
	}
	return context, what
}

// ValidID reports whether an entity id can stand in a subject, a URL and a file name: 1 to 64 of A-Z a-z 0-9 _ - ~ :
func ValidID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '_', c == '-', c == '~', c == ':':
		default:
			return false
		}
	}
	return true
}
