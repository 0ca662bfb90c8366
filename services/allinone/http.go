package allinone

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
	"github.com/jieli-bus/jieli/services/portal"
)

// tokens are the bearer tokens of the operator and the departments, compared by their hashes, and those of parties, which come and go.
type tokens struct {
	fixed map[[sha256.Size]byte]string
	dir   *directory
}

// Lookup implements webapi.Tokens.
func (t *tokens) Lookup(token string) (string, bool) {
	if principal, ok := t.fixed[sha256.Sum256([]byte(token))]; ok {
		return principal, true
	}
	party, ok := t.dir.partyOfToken(token)
	return "party:" + party, ok
}

func (s *System) tokens() (*tokens, error) {
	t := &tokens{make(map[[sha256.Size]byte]string), s.dir}
	names := []string{webapi.OperatorPrincipal}
	for _, d := range s.departments {
		names = append(names, d.ID)
	}
	for _, name := range names {
		token, err := s.dir.secret(name + ".token")
		if err != nil {
			return nil, err
		}
		t.fixed[sha256.Sum256([]byte(token))] = name
	}
	return t, nil
}

// serveHTTP starts the HTTP face.
func (s *System) serveHTTP() error {
	if s.options.HTTP == off {
		return nil
	}
	known, err := s.tokens()
	if err != nil {
		return err
	}
	cursorKey, err := s.dir.secret("cursor.key")
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.options.HTTP)
	if err != nil {
		return fmt.Errorf("allinone: HTTP cannot listen on %s (choose another with --http, or end what uses it / 端口被占用，请用 --http 另选): %w", s.options.HTTP, err)
	}
	address, _ := listener.Addr().(*net.TCPAddr)
	handler, err := s.handler(known, cursorKey, address != nil && address.IP.IsLoopback())
	if err != nil {
		listener.Close()
		return err
	}
	s.listener = listener
	serving, cancel := context.WithCancel(context.Background())
	s.stopServing, s.served = cancel, make(chan struct{})
	go func() {
		defer close(s.served)
		if err := webapi.Serve(serving, listener, handler); err != nil && serving.Err() == nil {
			s.options.Log.Error().Err(err).Msg("the HTTP face has ended")
		}
	}()
	return nil
}

// handler is the HTTP face.
func (s *System) handler(known *tokens, cursorKey string, loopback bool) (http.Handler, error) {
	var services []app.Service // without the portal there is only what a machine watches: health, metrics
	var routes []webapi.Route
	var pages func([]webapi.Route, []webapi.Tag) ([]webapi.Route, error)
	if s.options.has("portal") {
		pages = portal.Pages
		services = s.services
		questions, err := s.newMatchQueries()
		if err != nil {
			return nil, err
		}
		routes, err = portal.Routes(portal.Config{Streams: s.streams, Matcher: questions, Commands: s.sender, Clock: s.clock, Registry: s.registry, Log: s.options.Log})
		if err != nil {
			return nil, err
		}
		routes = append(routes,
			webapi.Route{Pattern: "POST /v1/clearings", Handle: s.handleClearings, Doc: &clearingsDoc},
			webapi.Route{Pattern: "POST /v1/backup", Handle: s.handleBackup, Stream: true, Doc: &backupDoc},
			webapi.Route{Pattern: "POST /v1/verify", Handle: s.handleVerify, Stream: true, Doc: &verifyDoc},
			webapi.Route{Pattern: "POST /v1/rebuild", Handle: s.handleRebuild, Stream: true, Doc: &rebuildDoc},
			webapi.Route{Pattern: "POST /v1/parties/{id}/credentials", Handle: s.handleCredentials, Doc: &credentialsDoc},
			webapi.Route{Pattern: "DELETE /v1/parties/{id}/credentials", Handle: s.handleCredentials, Doc: &endCredentialsDoc},
		)
		routes = append(routes, s.letterRoutes()...)
	}
	return webapi.New(webapi.Config{
		Services: services, Commands: s.sender, Store: s.store, Waiter: s.waiter, Tokens: known, Partitions: s.options.Partitions, CursorKey: []byte(cursorKey),
		Loopback: loopback, Ready: s.readiness, Registry: s.registry, Clock: time.Now, Extra: routes, Pages: pages, Refused: s.faceAudit(), Trace: s.tracer("portal"), Log: s.options.Log,
		Version: webapi.Version{Version: s.options.Version, Go: runtime.Version(), NATSServer: natsserver.VERSION, StartedAt: s.started, Node: s.node[:min(8, len(s.node))]},
	})
}

// OpenAPI describes the HTTP face of a whole system, as YAML: it is made of the very routes that Start serves.
func OpenAPI() ([]byte, error) {
	s := fresh(Options{})
	defer s.cancel()
	memory := store.NewMemory()
	defer memory.Close()
	s.store, s.waiter = memory, store.NewWaiter(nil)
	if err := s.assemble(); err != nil {
		return nil, err
	}
	handler, err := s.handler(&tokens{}, strings.Repeat("-", webapi.CursorKeyBytes), false) // answers nobody
	if err != nil {
		return nil, err
	}
	return webapi.DocumentYAML(handler)
}

// stopHTTP lets requests under way finish.
func (s *System) stopHTTP(ctx context.Context) {
	if s.stopServing == nil {
		return
	}
	s.stopServing()
	select {
	case <-s.served:
	case <-ctx.Done():
	}
}

// readiness says what is not ready: partitions without a writer, the broker.
func (s *System) readiness(ctx context.Context) map[string]error {
	checks := make(map[string]error)
	var names []string
	for context := range s.keepers {
		names = append(names, events.LedgerStream(context))
	}
	for _, name := range []string{contactsName, deadName} {
		names = append(names, name)
	}
	written := s.jet.Writable(ctx, s.node[:8], names)
	for context, k := range s.keepers {
		name := events.LedgerStream(context)
		checks["ledger "+context] = errors.Join(k.Ready(ctx), written[name])
		delete(written, name)
	}
	for name, err := range written {
		checks["stream "+name] = err
	}
	checks["broker"] = nil
	if !s.conn.IsConnected() {
		checks["broker"] = fmt.Errorf("not connected: %s", s.conn.Status())
	}
	if s.options.has("matcher") {
		_, checks["matcher"] = s.matcher.current()
	}
	_, err := s.store.Count(ctx, "enterprise")
	checks["store"] = err
	return checks
}

// ndjson writes progress lines as they come and a last line.
type ndjson struct {
	mu sync.Mutex
	w  http.ResponseWriter
}

func (n *ndjson) line(v any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	b, err := json.Marshal(v)
	if err == nil {
		_, err = n.w.Write(append(b, '\n'))
	}
	if err == nil {
		err = http.NewResponseController(n.w).Flush()
	}
	return err
}

type progressLine struct {
	Step  string `json:"step"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

type lastLine struct {
	OK     bool            `json:"ok"`
	Report *Report         `json:"report,omitempty"`
	Error  *events.Problem `json:"error,omitempty"`
}

func (s *System) handleVerify(w http.ResponseWriter, r *http.Request) error {
	// net/http ends the request's context when the client goes away only once the body has been read.
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<10)); err != nil {
		return events.ErrTooLarge.Refuse("", "此操作不需要内容", "this takes no content")
	}
	return stream(w, func(progress func(string, int, int)) lastLine {
		report, err := s.Verify(r.Context(), progress)
		if err != nil {
			s.options.Log.Error().Err(err).Msg("verification could not be finished")
			return lastLine{Error: events.ErrUnavailable.Refusef("", "核验未能完成：%s", "the verification could not be finished: %s", err)}
		}
		return lastLine{OK: report.OK, Report: report}
	})
}

func (s *System) handleRebuild(w http.ResponseWriter, r *http.Request) error {
	var parts Parts
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&parts); err != nil {
		return events.ErrMalformed.Refuse("", `请求内容应为 {"events":true,"views":true,"projections":true} 之类`, `the body must be like {"events":true,"views":true,"projections":true}`)
	}
	return stream(w, func(progress func(string, int, int)) lastLine {
		if err := s.Rebuild(r.Context(), parts, progress); err != nil {
			s.options.Log.Error().Err(err).Msg("rebuild could not be finished")
			return lastLine{Error: events.ErrUnavailable.Refusef("", "重建未能完成：%s", "the rebuild could not be finished: %s", err)}
		}
		return lastLine{OK: true}
	})
}

func stream(w http.ResponseWriter, work func(progress func(string, int, int)) lastLine) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := &ndjson{w: w}
	return out.line(work(func(step string, done, total int) {
		// A client that has gone is noticed by the request's context.
		_ = out.line(progressLine{step, done, total})
	}))
}
