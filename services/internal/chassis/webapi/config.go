package webapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/trace"
)

// Bounds of the HTTP face.
const (
	BodyBytesMax   = 128 << 10        // a request's body
	HeaderBytesMax = 32 << 10         // a request's headers
	RequestsMax    = 2048             // requests being answered at once, streams not counted; more are told overloaded
	BigBodiesMax   = 64               // bodies over BodyBytesMax being read at once, where a route takes such
	BigBodiesEach  = 16               // of one client
	SendMax        = 4 * time.Second  // until a command's answer is given up as unknown; shorter than a caller waits for a takeover
	ReadMax        = 5 * time.Second  // a read of the store
	WaitMax        = time.Second      // until a read gives up waiting for a position
	ReadyMax       = 2 * time.Second  // until a readiness check counts as failed
	KeyRunesMax    = 200              // Idempotency-Key
	TokenBytesMax  = 512              // bearer token
	PartitionMax   = 1023             // highest partition number a position may name
	ListLimit      = 50               // documents of a page when the request names no limit
	ListLimitMax   = 200              // documents of one page
	PositionsMax   = 64               // positions that a read may carry
	QueryBytesMax  = 8 << 10          // a request's query
	CursorKeyBytes = 16               // at least, of the key that signs cursors
	retryAfter     = 1 * time.Second  // what a 503 asks its client to wait
	drainMax       = 10 * time.Second // requests under way may take that long once the server is asked to stop
)

// OperatorPrincipal may do everything. Every other principal is a department's id, or a party as an actor: "party:<id>".
const OperatorPrincipal = "operator"

// Waiter waits until a projection has reached a ledger position; store.Waiter implements it.
type Waiter interface {
	// Wait returns nil once the collection has read sequence of source ("demand.0"), store.ErrBehind if ctx ends before.
	Wait(ctx context.Context, collection, source string, sequence uint64) error
}

var _ Waiter = (*store.Waiter)(nil)

// Tokens knows the bearer tokens.
type Tokens interface {
	// Lookup returns OperatorPrincipal, a department's id or "party:<id>". It must take the same time for any wrong token.
	Lookup(token string) (principal string, ok bool)
}

// Version is what GET /v1/version tells.
type Version struct {
	Version      string         `json:"version"`
	Go           string         `json:"go"`
	NATSServer   string         `json:"nats_server"`
	StartedAt    time.Time      `json:"started_at"`
	Node         string         `json:"node"`
	FoldVersions map[string]int `json:"fold_versions"` // by context; New fills it from Services
}

// Route is one more route. Its handler returns what went wrong; an *events.Problem in it is what the client is told.
type Route struct {
	Pattern string // of http.ServeMux with its method: "GET /v1/demands/{id}/recommendations"
	// Doc describes it for the API reference. nil hides the route, and takes any query parameter.
	Doc *Doc
	// Reads names the context whose read model the answer comes from: the frame waits for the positions that the request carries and
	// tells the one that was reached.
	Reads  string
	Handle func(w http.ResponseWriter, r *http.Request) error
	// Departments opens the route to the tokens of departments and parties; the handler then checks Principal itself.
	Departments bool
	// Parties opens it to the tokens of parties alone: a command, whose actor is then the party.
	Parties bool
	// BodyBytesMax bounds the content; 0: the frame's BodyBytesMax.
	BodyBytesMax int64
	// Stream says that the answer has no end of its own: the frame lifts the write timeout, does not count it
	// against RequestsMax, and ends the request's context when the server drains.
	Stream bool
}

// Config is what the frame needs.
type Config struct {
	Services []app.Service // those with a Path are served
	Commands app.Commands
	Store    store.Store
	Waiter   Waiter
	// Partitions of every context, at least 1.
	Partitions int
	// CursorKey signs the cursors of lists; processes behind one address share it.
	CursorKey []byte
	Tokens    Tokens
	// Loopback says that the listener can be reached from this machine alone: requests without a token act as the operator.
	Loopback bool
	Ready    func(ctx context.Context) map[string]error // nil errors are passed checks
	Registry *prometheus.Registry
	Clock    func() time.Time
	Version  Version
	Extra    []Route
	// Pages makes further routes of all that are served, such as the pages that describe them. nil: none.
	Pages func(routes []Route, tags []Tag) ([]Route, error)
	// Refused is told of what the face itself refuses: of requests that would change something, and of whoever has no right to ask.
	// What ledgers refuse they record themselves. It must not block; it may be nil.
	Refused func(r *http.Request, principal string, p *events.Problem)
	Trace   *trace.Tracer  // nil: requests are not traced
	Log     zerolog.Logger // the zero value logs nothing
}

// Validate names everything that is missing.
func (c *Config) Validate() error {
	var all []error
	need := func(ok bool, what string) {
		if !ok {
			all = append(all, fmt.Errorf("webapi: %s is required", what))
		}
	}
	need(c.Commands != nil, "Commands")
	need(c.Store != nil, "Store")
	need(c.Waiter != nil, "Waiter")
	need(c.Tokens != nil, "Tokens")
	need(c.Ready != nil, "Ready")
	need(c.Registry != nil, "Registry")
	need(c.Clock != nil, "Clock")
	need(c.Partitions > 0, "Partitions")
	need(len(c.CursorKey) >= CursorKeyBytes, "CursorKey")
	for i, s := range c.Services {
		need(s.Machine != nil, fmt.Sprintf("Services[%d].Machine", i))
	}
	for i, r := range c.Extra {
		need(r.Pattern != "", fmt.Sprintf("Extra[%d].Pattern", i))
		need(r.Handle != nil, fmt.Sprintf("Extra[%d].Handle", i))
	}
	return errors.Join(all...)
}
