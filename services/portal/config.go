package portal

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/clock"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// Bounds of the portal.
const (
	StreamsMax      = 256                    // clients that follow at once; more are told overloaded
	StreamsEachMax  = 32                     // with the same credential: they leave the others theirs, and each of the operator follows every context
	Heartbeat       = 15 * time.Second       // between comments on a quiet stream: below the idle limits of usual proxies
	WriteMax        = 10 * time.Second       // a client that takes nothing for so long is let go
	TypesMax        = 16                     // type filters of one stream
	CursorBytesMax  = 512                    // Last-Event-ID
	MatchLimit      = 20                     // recommendations when the request names no limit
	MatchLimitMax   = 200                    // recommendations of one request
	MatchMax        = 5 * time.Second        // one ranking or explanation
	openGrace       = 100 * time.Millisecond // a stream that is refused at once gets its HTTP status; then the headers go out
	reconnectMillis = 2000                   // what clients are told to wait before they connect again
)

// Config is what the portal needs.
type Config struct {
	Streams  app.Streams
	Matcher  Matcher
	Commands app.Commands
	Clock    clock.Clock
	Registry *prometheus.Registry
	Log      zerolog.Logger // the zero value logs nothing
	WriteMax time.Duration  // default WriteMax
}

func (c *Config) setDefaults() {
	if c.WriteMax == 0 {
		c.WriteMax = WriteMax
	}
}

// Validate names everything that is missing or out of range.
func (c *Config) Validate() error {
	var all []error
	need := func(ok bool, what string) {
		if !ok {
			all = append(all, fmt.Errorf("portal: %s", what))
		}
	}
	need(c.Streams != nil, "Streams is required")
	need(c.Matcher != nil, "Matcher is required")
	need(c.Commands != nil, "Commands is required")
	need(c.Clock != nil, "Clock is required")
	need(c.Registry != nil, "Registry is required")
	need(c.WriteMax > 0, "WriteMax must be positive")
	return errors.Join(all...)
}

// Routes are the portal's routes for webapi.Config.Extra.
func Routes(c Config) ([]webapi.Route, error) {
	c.setDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := newStreams(c)
	if err != nil {
		return nil, err
	}
	return append(Recommendations(c.Matcher),
		webapi.Route{Pattern: "GET /v1/stream", Handle: s.serve, Departments: true, Stream: true, Doc: &streamDoc},
		webapi.Route{Pattern: "POST /v1/events", Handle: c.postEvents, Parties: true, BodyBytesMax: BatchBytesMax, Doc: &eventsDoc},
	), nil
}
