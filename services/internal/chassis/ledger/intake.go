package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// QueueCommandsMax bounds the commands that wait for a partition's writer; more are refused as overloaded. It lies below
// the client library's own limit of pending messages, so that a sender always gets an answer.
const QueueCommandsMax = 8192

// prepareTimeout bounds what a service may look up before a decision.
const prepareTimeout = 2 * time.Second

// aheadMax is how far a command id's time may lie in the future: clocks of honest senders differ by less.
const aheadMax = 5 * time.Minute

// Validate holds a command's payload to its contract and returns it decoded; the error is an *events.Problem.
type Validate func(typ string, data []byte) (payload any, err error)

// intake is the edge of one partition: what passes it is well formed, known, of the right age and prepared.
type intake struct {
	context  string
	number   int
	count    int // partitions of the context
	validate Validate
	prepare  func(ctx context.Context, c *step.Command) error
	broker   Broker
	clock    clock.Clock
	stats    *Stats
	tracer   *trace.Tracer
	logger   zerolog.Logger
	queue    chan *pending
	aside    func(work func()) // runs what waits for something elsewhere
	slots    chan struct{}     // bounds the commands being prepared
}

// take handles one request; it does not block: what has to wait for something elsewhere does so on its own goroutine.
func (t *intake) take(r *Request) {
	if r.Refused != nil {
		t.refuse(r, r.Refused)
		return
	}
	w, err := t.examine(r)
	if err != nil {
		t.refuse(r, err)
		return
	}
	t.traced(w)
	if t.prepare == nil {
		t.enqueue(r, w)
		return
	}
	select {
	case t.slots <- struct{}{}:
	default:
		w.span.End()
		t.overloaded(r)
		return
	}
	t.aside(func() {
		defer func() { <-t.slots }()
		ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
		defer cancel()
		begun := time.Now()
		err := t.prepare(ctx, w.c)
		w.span.Past("prepare", begun, time.Now())
		if err != nil {
			w.span.Fail("refused at the edge")
			w.span.End()
			t.refuse(r, err)
			return
		}
		t.enqueue(r, w)
	})
}

func (t *intake) enqueue(r *Request, w *pending) {
	select {
	case t.queue <- w:
	default:
		w.span.End()
		t.overloaded(r)
	}
}

// traced begins the span of a command: below what its sender names, else at the top of a trace. What the command causes names it.
func (t *intake) traced(w *pending) {
	if !trace.Valid(w.c.TraceParent) {
		w.c.TraceParent = ""
	}
	if t.tracer == nil {
		return
	}
	context, what := events.SplitType(w.c.Type)
	if w.span = t.tracer.Begin(w.c.TraceParent, context+"."+what, trace.Consumer); w.span != nil {
		w.span.Set("jieli.command", w.c.ID.String())
		w.span.Set("jieli.partition", PartitionName(t.context, t.number))
		w.c.TraceParent = w.span.Parent()
	}
}

func (t *intake) overloaded(r *Request) {
	t.stats.overloaded()
	if r.Respond != nil {
		p := events.ErrOverloaded.Refuse("", "", "")
		p.Instance = r.Event.ID
		r.Respond(problemBody(p))
	}
}

// examine turns a CloudEvent into a command.
func (t *intake) examine(r *Request) (*pending, error) {
	e := &r.Event
	id, err := events.ParseUUID(e.ID)
	if err != nil {
		return nil, events.ErrCommandID.Refuse("", "命令编号（ce-id）须为 UUID", "the command id (ce-id) must be a UUID")
	}
	if err := checkAge(id, t.clock.Now()); err != nil {
		return nil, err
	}
	entry, ok := events.Lookup(e.Type)
	if !ok || entry.Kind != events.Command || entry.Context != t.context {
		return nil, events.ErrUnknownType.Refusef("", "类型 %q 不是 %s 的命令", "%q is not a command of %s", e.Type, t.context)
	}
	if err := checkContentType(e.DataContentType); err != nil {
		return nil, err
	}
	if !events.ValidID(e.Subject) {
		return nil, events.ErrID.Refuse("", "主题（ce-subject）须为 1 至 64 个字母、数字或 _ - ~ :", "the subject (ce-subject) must be 1 to 64 of letters, digits and _ - ~ :")
	}
	if events.Partition(e.Subject, t.count) != t.number {
		return nil, events.ErrMismatch.Refusef("", "主题 %q 不属于分区 %d", "subject %q does not belong to partition %d", e.Subject, t.number)
	}
	actor := step.Actor(e.Get(events.ExtActor))
	if actor == "" {
		actor = step.Operator
	}
	if !actor.Valid() {
		return nil, events.ErrForbidden.Refuse("", "操作人格式不正确", "the actor has no valid form")
	}
	if entry.Internal && actor != step.System && !planted.On("internal_commands_for_everybody") {
		return nil, events.ErrInternalType.Refusef("", "%s", "%s", e.Type)
	}
	var expected uint64
	if v := e.Get(events.ExtExpected); v != "" {
		if expected, err = strconv.ParseUint(v, 10, 64); err != nil {
			return nil, events.ErrMalformed.Refuse("", "期望版本须为非负整数", "the expected version must be a non-negative integer")
		}
	}
	data, err := t.validate(e.Type, e.Data)
	if err != nil {
		return nil, err
	}
	w := &pending{
		c: &step.Command{ID: id, Type: e.Type, Subject: e.Subject, Actor: actor, Expected: expected, Data: data,
			CorrelationID: e.Get(events.ExtCorrelation), TraceParent: e.Get(events.ExtTraceParent)},
		body:    hashBody(e, actor),
		event:   e,
		respond: r.Respond,
	}
	return w, nil
}

// checkContentType takes JSON in UTF-8 and nothing else, as the HTTP face does: a payload that says it is something else may have been
// meant to be read in another way.
func checkContentType(text string) error {
	if text == "" || text == "application/json" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(text)
	if err != nil || kind != "application/json" {
		return events.ErrHeader.Refuse("datacontenttype", "内容类型须为 application/json", "the content type must be application/json")
	}
	for name, value := range params {
		if name != "charset" {
			return events.ErrHeader.Refusef("datacontenttype", "内容类型不接受参数 %.40q", "the content type takes no parameter %.40q", name)
		}
		if !strings.EqualFold(value, "utf-8") {
			return events.ErrEncoding.Refuse("datacontenttype", "字符集须为 utf-8", "the charset must be utf-8")
		}
	}
	return nil
}

// checkAge holds a client's id (version 7) to the time window in which repeats are recognised. Derived ids (version 8) carry no time.
func checkAge(id events.UUID, now time.Time) error {
	switch id.Version() {
	case 8:
		return nil
	case 7:
		at := id.Time()
		if at.Before(now.Add(-Retention)) && !planted.On("forgotten_ids_accepted") {
			return events.ErrExpired.Refusef("", "编号的时间为 %s", "its time is %s", at.Format(time.RFC3339))
		}
		if at.After(now.Add(aheadMax)) {
			return events.ErrCommandID.Refusef("", "编号的时间 %s 在未来", "its time %s lies in the future", at.Format(time.RFC3339))
		}
		return nil
	}
	return events.ErrCommandID.Refusef("", "版本为 %d，须为 7", "its version is %d, it must be 7", id.Version())
}

// hashBody covers what the command says and who says it: a repeat must be the same in all of it.
func hashBody(e *events.Event, actor step.Actor) bodyHash {
	h := sha256.New()
	for _, s := range [...]string{e.Type, e.Subject, string(actor), e.Get(events.ExtExpected)} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(e.Data)
	var sum [sha256.Size]byte
	var b bodyHash
	copy(b[:], h.Sum(sum[:0]))
	return b
}

// refuse answers and records; nothing else changes.
func (t *intake) refuse(r *Request, err error) {
	var problem *events.Problem
	if !errors.As(err, &problem) {
		t.logger.Error().Err(err).Str("command", r.Event.ID).Str("type", r.Event.Type).Msg("command could not be prepared")
		problem = events.ErrUnavailable.Refuse("", "所需数据暂不可读，请稍后重试", "what the command needs cannot be read at the moment; try again later")
	}
	copied := *problem
	copied.Instance = r.Event.ID
	t.stats.refusal(doorOf(&r.Event), &copied)
	if r.Respond != nil {
		r.Respond(problemBody(&copied))
	}
	if planted.On("refusal_not_recorded") {
		return
	}
	t.broker.Audit(AuditOf(&r.Event, t.context, t.clock.Now(), &copied))
}

// AuditOf is the record of a refusal that no commit holds.
func AuditOf(e *events.Event, context string, now time.Time, p *events.Problem) *Audit {
	sum := sha256.Sum256(e.Data)
	return &Audit{Time: now, Context: context, Command: e.ID, Type: e.Type, Subject: e.Subject, Actor: e.Get(events.ExtActor), Body: hex.EncodeToString(sum[:]), Problem: p}
}
