package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/nats-io/nats.go"
)

// Config says how to reach the broker. Exactly one of URL and InProcess is needed.
type Config struct {
	// URL lists the broker's addresses, separated by commas ("nats://127.0.0.1:4222").
	URL string
	// InProcess is an embedded broker (*server.Server is one): no socket is used.
	InProcess nats.InProcessConnProvider
	// Name is shown in the broker's connection list. Default "jieli".
	Name string
	// ReconnectWait is the pause between two attempts on one address. Default 250 ms.
	ReconnectWait time.Duration
	// ReconnectJitter is the largest random addition to ReconnectWait, so that clients do not return all at once.
	// Default 250 ms.
	ReconnectJitter time.Duration
	// PingInterval is how often a silent connection is probed; two missed answers close it. Default 20 s.
	PingInterval time.Duration
	// Options are added last: credentials, TLS, inbox prefix.
	Options []nats.Option
	// Stats, when set, counts what happens to the connection.
	Stats *ConnCounters
	// Logger hears about lost and restored connections. Default: silent.
	Logger watermill.LoggerAdapter
}

func (c *Config) setDefaults() {
	if c.Name == "" {
		c.Name = "jieli"
	}
	if c.ReconnectWait == 0 {
		c.ReconnectWait = 250 * time.Millisecond
	}
	if c.ReconnectJitter == 0 {
		c.ReconnectJitter = 250 * time.Millisecond
	}
	if c.PingInterval == 0 {
		c.PingInterval = 20 * time.Second
	}
	if c.Stats == nil {
		c.Stats = &ConnCounters{}
	}
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
}

// Validate names every wrong field at once.
func (c Config) Validate() error {
	var complaints []error
	if (c.URL == "") == (c.InProcess == nil) {
		complaints = append(complaints, errors.New("exactly one of URL and InProcess must be set"))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"ReconnectWait", c.ReconnectWait}, {"ReconnectJitter", c.ReconnectJitter}, {"PingInterval", c.PingInterval}} {
		if d.value < 0 {
			complaints = append(complaints, fmt.Errorf("%s is negative (%s)", d.name, d.value))
		}
	}
	return errors.Join(complaints...)
}

// ConnCounters counts a connection's troubles. Safe for concurrent use.
type ConnCounters struct {
	disconnects, reconnects, slowConsumers atomic.Uint64
}

// ConnStats is a reading of ConnCounters.
type ConnStats struct {
	Disconnects   uint64 // connections lost
	Reconnects    uint64 // connections restored
	SlowConsumers uint64 // times the client library dropped messages because a subscription was too slow
}

// Read returns the counters' present values.
func (c *ConnCounters) Read() ConnStats {
	return ConnStats{
		Disconnects:   c.disconnects.Load(),
		Reconnects:    c.reconnects.Load(),
		SlowConsumers: c.slowConsumers.Load(),
	}
}

// Connect reaches the broker and returns once connected. A broker that is not up yet is waited for until ctx ends.
// The connection then never gives up reconnecting, and buffers nothing while it is disconnected: a publish fails at
// once instead of sitting in memory where a crash would lose it.
func Connect(ctx context.Context, cfg Config) (*nats.Conn, error) {
	cfg.setDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("bus: connection settings: %w", err)
	}

	connected := make(chan struct{}, 1)
	options := []nats.Option{
		nats.Name(cfg.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectBufSize(-1),
		nats.ReconnectWait(cfg.ReconnectWait),
		nats.ReconnectJitter(cfg.ReconnectJitter, cfg.ReconnectJitter),
		nats.PingInterval(cfg.PingInterval),
		nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(*nats.Conn) { connected <- struct{}{} }),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) {
			if conn.IsClosed() { // by ourselves: nothing is lost
				return
			}
			cfg.Stats.disconnects.Add(1)
			cfg.Logger.Info("connection to the broker lost", watermill.LogFields{"err": err})
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			cfg.Stats.reconnects.Add(1)
			cfg.Logger.Info("connection to the broker restored", nil)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrSlowConsumer) {
				cfg.Stats.slowConsumers.Add(1)
			}
			fields := watermill.LogFields{}
			if sub != nil {
				fields["subject"] = sub.Subject
			}
			cfg.Logger.Error("broker connection", err, fields)
		}),
	}
	if cfg.InProcess != nil {
		options = append(options, nats.InProcessServer(Buffered(cfg.InProcess)))
	}
	conn, err := nats.Connect(cfg.URL, append(options, cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("bus: connect: %w", err)
	}
	select {
	case <-connected:
		return conn, nil
	case <-ctx.Done():
		cause := errors.Join(ctx.Err(), conn.LastError())
		conn.Close()
		return nil, fmt.Errorf("bus: no broker reached at %q: %w", cfg.URL, cause)
	}
}
