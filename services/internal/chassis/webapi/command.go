package webapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// source names this door in the commands' CloudEvents.
const source = "/jieli/http"

// noReason stands in the record of an erasure whose request gave none.
const noReason = `{"reason":"未说明（HTTP DELETE） / none given (HTTP DELETE)"}`

// command gives a command to the entity that the path names.
func (f *frame) command(w http.ResponseWriter, r *http.Request, typ string) error {
	id := r.PathValue("id")
	if !events.ValidID(id) {
		return badID()
	}
	return f.give(w, r, typ, "", func(_ events.UUID, body []byte) (string, []byte) { return id, body })
}

// create gives a command to the entity that the body names, or to a new one.
func (f *frame) create(context, typ, base string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		return f.give(w, r, typ, base, func(id events.UUID, body []byte) (string, []byte) {
			return createSubject(context, id, body)
		})
	}
}

func badID() error {
	return events.ErrID.Refuse("", "编号须为 1 至 64 个字母、数字或 _ - ~ :", "an id must be 1 to 64 of letters, digits and _ - ~ :")
}

// give reads a request, sends its command and answers. base is the collection's path where the command creates.
func (f *frame) give(w http.ResponseWriter, r *http.Request, typ, base string, address func(id events.UUID, body []byte) (string, []byte)) error {
	actor, err := actorOf(r.Header, Principal(r.Context()))
	if err != nil {
		return err
	}
	id, err := commandID(r.Header, actor, f.Clock())
	if err != nil {
		return err
	}
	expected, err := expectedVersion(r.Header, r.Method == http.MethodPut)
	if err != nil {
		return withInstance(err, id)
	}
	body, err := readBody(r)
	if err == nil && body == nil {
		body, err = emptyBody(r.Method, typ)
	}
	if err != nil {
		return withInstance(err, id)
	}
	subject, body := address(id, body)
	e := commandEvent(typ, subject, id, actor, body)
	if expected != "" && !planted.On("if_match_ignored") {
		e.Set(events.ExtExpected, expected, events.String)
	}
	parent := traceParent(r.Header)
	if span := trace.From(r.Context()); span != nil {
		span.Set("jieli.command", id.String())
		parent = span.Parent()
	}
	if parent != "" {
		e.Set(events.ExtTraceParent, parent, events.String)
	}
	ctx, cancel := context.WithTimeout(r.Context(), SendMax)
	defer cancel()
	answer, err := f.Commands.Send(ctx, e)
	if err != nil {
		return f.notAccepted(err, id)
	}
	if line := f.Log.Debug(); line.Enabled() {
		line.Str("request", w.Header().Get(HeaderRequest)).Str("command", id.String()).Str("type", typ).Str("position", answer.Position).
			Strs("events", answer.Events).Str("trace", trace.ID(parent)).Msg("command answered")
	}
	status := http.StatusOK
	if base != "" && len(answer.Events) > 0 {
		status = http.StatusCreated
		w.Header().Set("Location", base+"/"+answer.Subject)
	}
	w.Header().Set("ETag", etag(answer.Version))
	w.Header().Set(HeaderPosition, answer.Position)
	return writeBytes(w, status, "application/json", append(answer.AppendJSON(make([]byte, 0, 512)), '\n'))
}

func commandEvent(typ, subject string, id events.UUID, actor step.Actor, body []byte) *events.Event {
	return &events.Event{ID: id.String(), Source: source, Type: typ, Subject: subject, Data: body, DataContentType: "application/json",
		Extensions: []events.Extension{{Name: events.ExtActor, Value: string(actor)}}}
}

// notAccepted tells a refusal from a failure. A failure may have happened behind the commit: the command may be done.
func (f *frame) notAccepted(err error, id events.UUID) error {
	var problem *events.Problem
	if errors.As(withInstance(err, id), &problem) {
		return recorded{problem}
	}
	f.Log.Error().Err(err).Str("command", id.String()).Msg("no answer to a command")
	return withInstance(events.ErrUnknown.Refuse("", "", ""), id)
}

// withInstance puts the command's id on a problem.
func withInstance(err error, id events.UUID) error {
	var problem *events.Problem
	if errors.As(err, &problem) && problem.Instance == "" {
		copied := *problem
		copied.Instance = id.String()
		return &copied
	}
	return err
}

// emptyBody is what a request without a body says.
func emptyBody(method, typ string) ([]byte, error) {
	entry, _ := events.Lookup(typ)
	switch entry.New().(type) {
	case *events.Empty:
		return []byte("{}"), nil
	case *events.Reason:
		if method == http.MethodDelete {
			return []byte(noReason), nil
		}
	}
	return nil, events.ErrMalformed.Refuse("", "请求内容为空", "the body is empty")
}

// createSubject finds the entity that a create command is about: the body's id, or for some contexts a new one, which is put
// into the body. A body that names none otherwise is sent as it is under an id that belongs to nobody: the ledger's edge
// refuses it and keeps the record, and nothing can come of it, since every create command's id must be its subject.
func createSubject(context string, command events.UUID, body []byte) (string, []byte) {
	id, found, readable := bodyID(body)
	if found && events.ValidID(id) {
		return id, body
	}
	prefix, makes := idPrefixes[context]
	if !makes {
		prefix = "x-"
	}
	made := prefix + shortHash(command)
	if makes && readable && !found {
		return made, withID(body, made)
	}
	return made, body
}

// bodyID reads the top-level "id". readable is false for anything but an object that the edge would take as JSON.
func bodyID(body []byte) (id string, found, readable bool) {
	if events.CheckJSON(body, events.MaxDepth) != nil {
		return "", false, false
	}
	var fields map[string]json.RawMessage // a struct would take "ID" for "id"
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return "", false, false
	}
	raw, found := fields["id"]
	if !found {
		return "", false, true
	}
	if json.Unmarshal(raw, &id) != nil {
		id = ""
	}
	return id, true, true
}

// withID inserts the id as the first field of a JSON object and leaves every other byte alone.
func withID(body []byte, id string) []byte {
	start := bytes.IndexByte(body, '{') + 1
	rest := body[start:]
	field := `"id":"` + id + `"`
	if !bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("}")) {
		field += ","
	}
	out := make([]byte, 0, len(body)+len(field))
	out = append(out, body[:start]...)
	out = append(out, field...)
	return append(out, rest...)
}

// shortHash is 48 bits of the command's id: the same command makes the same id, and ids of other commands meet it once in
// some ten million; the later one is then refused as existing, nothing is lost.
func shortHash(command events.UUID) string {
	sum := sha256.Sum256(command[:])
	return hex.EncodeToString(sum[:6])
}
