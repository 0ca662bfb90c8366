package portal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Admit turns a CloudEvent that came through a party's own door, for a context, into the command as it is sent on. The actor is the party,
// whatever the event says; an event that says another is refused rather than read in a way its sender did not mean. The command's id is
// the event's where that is a UUID of version 7, else it is derived from it and the party, as an Idempotency-Key over HTTP: both doors
// make the same command of the same key. Payload, age and rights are judged where all commands are: at the ledger's edge and by its
// decisions. The error is an *events.Problem.
func Admit(actor step.Actor, context string, e *events.Event) (*events.Event, error) {
	if !events.IsContext(context) {
		return nil, events.ErrUnknownType.Refusef("", "没有业务域 %.40q", "there is no context %.40q", context)
	}
	if of, _ := events.SplitType(e.Type); of != context {
		return nil, events.ErrUnknownType.Refusef("type", "类型 %.80q 不是 %s 的命令", "%.80q is not a command of %s", e.Type, context)
	}
	if said := e.Get(events.ExtActor); said != "" && said != string(actor) && !planted.On("actor_taken_from_the_event") {
		return nil, events.ErrForbidden.Refusef(events.ExtActor, "本凭证属于 %s，不得代他方操作", "this credential belongs to %s, which may not act for another", actor)
	}
	if !actor.OwnsSource(e.Source) {
		id, _ := actor.Party()
		return nil, events.ErrForbidden.Refusef("source", "来源（source）须为 /parties/%s 或其下级路径", "the source must be /parties/%s or below it", id)
	}
	if !printable(e.ID) {
		return nil, badEventID()
	}
	return commandOf(actor, e), nil
}

// commandOf is the command as it is sent on.
func commandOf(actor step.Actor, e *events.Event) *events.Event {
	id, _ := CommandID(actor, e.ID)
	command := &events.Event{ID: id, Source: e.Source, Type: e.Type, Subject: e.Subject, Data: e.Data, DataContentType: e.DataContentType}
	if said := e.Get(events.ExtActor); said != "" && planted.On("actor_taken_from_the_event") {
		actor = step.Actor(said)
	}
	command.Set(events.ExtActor, string(actor), events.String)
	for _, name := range []string{events.ExtExpected, events.ExtCorrelation, events.ExtTraceParent} {
		if v := e.Get(name); v != "" {
			command.Set(name, v, events.String)
		}
	}
	return command
}

func badEventID() error {
	return events.ErrCommandID.Refuse("id", "事件编号须为 1 至 200 个可显示字符", "the event's id must be 1 to 200 printable characters")
}

// CommandID is the id of the command that a party gives as an event with this id; ok is false where it can be none.
func CommandID(actor step.Actor, event string) (id string, ok bool) {
	if !printable(event) {
		return "", false
	}
	given, err := events.ParseUUID(event)
	if err != nil || given.Version() != 7 {
		given = webapi.DerivedID(actor, event)
	}
	return given.String(), true
}

func printable(id string) bool {
	n := utf8.RuneCountInString(id)
	return n > 0 && n <= webapi.KeyRunesMax && utf8.ValidString(id) && !strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) })
}
