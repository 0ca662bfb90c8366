package portal

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// streams serves GET /v1/stream: one Follow a client, so that a slow one holds up nobody else.
type streams struct {
	Config
	open webapi.Quota
	sent prometheus.Counter
	lost prometheus.Counter
}

func newStreams(c Config) (*streams, error) {
	s := &streams{Config: c, open: webapi.Quota{Total: StreamsMax, Each: StreamsEachMax},
		sent: prometheus.NewCounter(prometheus.CounterOpts{Name: "jieli_stream_events_total", Help: "Events sent to followers."}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "jieli_stream_clients_lost_total", Help: "Followers that could not be written to: gone, or too slow."}),
	}
	clients := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jieli_stream_clients", Help: "Clients that follow now."}, func() float64 { return float64(s.open.Len()) })
	return s, errors.Join(c.Registry.Register(s.sent), c.Registry.Register(s.lost), c.Registry.Register(clients))
}

// request is what a client asks to follow.
type request struct {
	view    string
	cursor  string
	types   []string // none: all
	subject string   // "": all
}

func (q *request) wants(e *events.Event) bool {
	return (len(q.types) == 0 || slices.Contains(q.types, e.Type)) && (q.subject == "" || q.subject == e.Subject)
}

func readRequest(r *http.Request) (*request, error) {
	query := r.URL.Query()
	principal := webapi.Principal(r.Context())
	q := &request{view: query.Get("view"), types: query["type"], subject: query.Get("subject"), cursor: r.Header.Get("Last-Event-ID")}
	if party, ok := step.Actor(principal).Party(); ok {
		principal = party
	}
	if q.view == "" {
		q.view = principal
		if principal == webapi.OperatorPrincipal {
			q.view = app.OperatorView
		}
	}
	switch {
	case len(query["view"]) > 1 || len(query["subject"]) > 1 || len(q.types) > TypesMax:
		return nil, events.ErrMalformed.Refuse("", "查询参数重复或过多", "a query parameter is repeated, or there are too many")
	case principal != webapi.OperatorPrincipal && principal != q.view:
		return nil, events.ErrForbidden.Refuse("", "只能读取本部门或本机构的视图", "a department or party may read its own view only")
	case !events.ValidID(q.view):
		return nil, events.ErrID.Refuse("", "视图名称含有不允许的字符", "the view has characters that are not allowed")
	case query.Has("subject") && !events.ValidID(q.subject):
		return nil, events.ErrID.Refuse("", "subject 含有不允许的字符", "the subject has characters that are not allowed")
	case !validCursor(q.cursor):
		return nil, events.ErrMalformed.Refuse("", "Last-Event-ID 无法识别", "the Last-Event-ID cannot be read")
	}
	for _, t := range q.types {
		if entry, ok := events.Lookup(t); !ok || entry.Kind != events.Fact {
			return nil, events.ErrUnknownType.Refusef("", "没有事件类型 %.80q", "there is no event type %.80q", t)
		}
	}
	return q, nil
}

// validCursor bounds what is handed on; Follow judges what it means.
func validCursor(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= CursorBytesMax
}

// serve follows until the client goes, does not take its events in time, or the server drains.
func (s *streams) serve(w http.ResponseWriter, r *http.Request) error {
	q, err := readRequest(r)
	if err != nil {
		return err
	}
	client := webapi.Principal(r.Context())
	if !s.open.Enter(client) {
		return events.ErrOverloaded.Refusef("", "最多 %d 个订阅连接，同一凭证最多 %d 个", "at most %d clients may follow at once, %d of them with one credential", StreamsMax, StreamsEachMax)
	}
	defer s.open.Leave(client)
	out := newSink(w, s.Config)
	if r.Method == http.MethodHead {
		return out.open()
	}
	ctx, cancel := context.WithCancel(r.Context())
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		defer cancel() // a client that cannot be reached any more
		out.beat(ctx)
	}()
	defer func() { cancel(); <-beating }()
	err = s.Streams.Follow(ctx, q.view, q.cursor, func(cursor string, e *events.Event) error {
		if e == nil {
			return out.position(cursor)
		}
		if !q.wants(e) {
			return nil
		}
		if err := out.event(cursor, e); err != nil {
			return err
		}
		s.sent.Inc()
		return nil
	})
	return s.end(out, err, r.Context().Err() != nil)
}

// end says why a stream is over: with a status while nothing was sent, else with a last event.
func (s *streams) end(out *sink, err error, stopped bool) error {
	var problem *events.Problem
	switch {
	case out.failed() != nil:
		s.lost.Inc()
		return out.failed()
	case stopped: // the client has gone, or the server drains
		return nil
	case errors.As(err, &problem):
	default:
		s.Log.Error().Err(err).Msg("stream interrupted")
		problem = events.ErrUnavailable.Refuse("", "数据流中断，请重新连接", "the stream was interrupted: connect again")
	}
	if !out.opened() {
		return problem
	}
	return out.problem(problem)
}
