package portal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Bounds of POST /v1/events. An event's data is bounded by events.MaxDataBytes.
const (
	BatchEventsMax = 256
	BatchBytesMax  = 4 << 20
	BatchMax       = 20 * time.Second // what has not been sent by then is not
	batchAtOnce    = 16               // entities whose commands of one batch are under way at once
)

// result is what became of one event of a batch.
type result struct {
	Status  int             `json:"status"` // as if it had come alone
	Answer  *events.Answer  `json:"answer,omitempty"`
	Problem *events.Problem `json:"problem,omitempty"`
}

func refusedWith(err error) result {
	var p *events.Problem
	if !errors.As(err, &p) {
		p = events.ErrUnknown.Refuse("", "", "") // behind the door: it may have been done
	}
	return result{Status: p.Status, Problem: p}
}

// postEvents takes commands as CloudEvents over HTTP: one in binary or structured mode, or a batch.
func (c Config) postEvents(w http.ResponseWriter, r *http.Request) error {
	body, err := webapi.ReadBody(r)
	if err != nil {
		return err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == events.ContentTypeBatch {
		return c.postBatch(w, r, body)
	}
	e, err := events.FromHTTP(r.Header, body)
	if err != nil {
		return err
	}
	command, err := admitHTTP(r, &e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), webapi.SendMax)
	defer cancel()
	answer, err := c.Commands.Send(ctx, command)
	if err != nil {
		return refusedWith(err).Problem
	}
	w.Header().Set(webapi.HeaderPosition, answer.Position)
	return webapi.WriteJSON(w, http.StatusOK, answer)
}

// admitHTTP turns an event into the command that is sent on.
func admitHTTP(r *http.Request, e *events.Event) (*events.Event, error) {
	speaker, named, err := webapi.ActorOf(r)
	if err != nil {
		return nil, err
	}
	of, _ := events.SplitType(e.Type)
	if webapi.Principal(r.Context()) != webapi.OperatorPrincipal {
		return Admit(speaker, of, e)
	}
	if !events.IsContext(of) {
		return nil, events.ErrUnknownType.Refusef("type", "未知的类型 %.80q", "unknown type %.80q", e.Type)
	}
	if !printable(e.ID) {
		return nil, badEventID()
	}
	// The operator may speak for others, in the event or in the header, but not for two.
	if said := step.Actor(e.Get(events.ExtActor)); said != "" {
		switch {
		case named && said != speaker:
			return nil, events.ErrForbidden.Refuse(events.ExtActor, "事件与 Jieli-Actor 报文头所称的操作人不同", "the event and the Jieli-Actor header name different actors")
		case said == step.System:
			return nil, events.ErrForbidden.Refuse(events.ExtActor, "不得以系统身份发出命令", "nobody may speak as the system")
		}
		speaker = said
	}
	command := commandOf(speaker, e)
	if span := trace.From(r.Context()); span != nil && command.Get(events.ExtTraceParent) == "" {
		command.Set(events.ExtTraceParent, span.Parent(), events.String)
	}
	return command, nil
}

// postBatch gives the commands of a batch and answers for each, in their order. Those about one entity are given one after another;
// there is no transaction: each is accepted or refused by itself.
func (c Config) postBatch(w http.ResponseWriter, r *http.Request, body []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return events.ErrMalformed.Refuse("", "一批事件须为 JSON 数组", "a batch must be a JSON array")
	}
	if len(raw) > BatchEventsMax {
		return events.ErrTooLarge.Refusef("", "一批最多 %d 个事件", "at most %d events in a batch", BatchEventsMax)
	}
	results := make([]result, len(raw))
	commands := make([]*events.Event, len(raw))
	bySubject := make(map[string][]int)
	var subjects []string // in the order they come
	for i, text := range raw {
		e, err := events.DecodeJSON(text)
		if err == nil {
			commands[i], err = admitHTTP(r, &e)
		}
		if err != nil {
			results[i] = refusedWith(err)
			continue
		}
		if bySubject[e.Subject] == nil {
			subjects = append(subjects, e.Subject)
		}
		bySubject[e.Subject] = append(bySubject[e.Subject], i)
	}
	ctx, cancel := context.WithTimeout(r.Context(), BatchMax)
	defer cancel()
	var running sync.WaitGroup
	slots := make(chan struct{}, batchAtOnce)
	for _, subject := range subjects {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			c.inOrder(ctx, commands, bySubject[subject], results)
		})
	}
	running.Wait()
	status := http.StatusOK
	for _, one := range results {
		if one.Problem != nil {
			status = http.StatusMultiStatus
		}
	}
	return webapi.WriteJSON(w, status, map[string]any{"results": results})
}

// inOrder gives the commands about one entity. After one whose outcome is open none of the rest is given: it might overtake.
func (c Config) inOrder(ctx context.Context, commands []*events.Event, which []int, results []result) {
	open := false
	for _, i := range which {
		if open || ctx.Err() != nil {
			p := events.ErrOverloaded.Refuse("", "", "")
			p.Instance = commands[i].ID
			results[i] = refusedWith(p)
			continue
		}
		send, cancel := context.WithTimeout(ctx, webapi.SendMax)
		answer, err := c.Commands.Send(send, commands[i])
		cancel()
		if err != nil {
			results[i] = refusedWith(err)
			results[i].Problem.Instance = cmp.Or(results[i].Problem.Instance, commands[i].ID)
			open = events.ErrUnknown.Is(results[i].Problem) || events.ErrOverloaded.Is(results[i].Problem)
			continue
		}
		results[i] = result{Status: http.StatusOK, Answer: answer}
	}
}
