package allinone

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
)

// The accounts of the embedded broker: one for the system, one for each department.
const (
	coreAccount = "JIELI"
	coreUser    = "jieli"
	viewWriter  = "writer"
	// ViewConsumer is the one durable consumer through which a department reads its view.
	ViewConsumer = "reader"
)

// NATSCredential is what a department (or the operator) needs to connect: credentials/<name>.nats.json.
type NATSCredential struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
	Stream   string `json:"stream,omitempty"`
	Consumer string `json:"consumer,omitempty"`
}

// broker is the embedded NATS server.
type broker struct {
	server    *server.Server
	core      string            // password of the system's user
	writers   map[string]string // passwords of the view writers, by department
	readers   map[string]string
	listening bool
}

// brokerStart is how long the server may take to be ready.
const brokerStart = 20 * time.Second

// startBroker runs a server on the directory's store. What it acknowledges in a ledger stream is on disk: sync_interval always.
func startBroker(d *directory, address string, departments []string) (*broker, error) {
	b := &broker{writers: make(map[string]string), readers: make(map[string]string), listening: address != off}
	var err error
	if b.core, err = d.secret("jieli.nats"); err != nil {
		return nil, err
	}
	var c strings.Builder
	fmt.Fprintf(&c, "server_name: jieli\njetstream { store_dir: %s, sync_interval: always }\n", strconv.Quote(d.at("broker")))
	fmt.Fprintf(&c, "max_payload: 1MB\nwrite_deadline: \"10s\"\n")
	fmt.Fprintf(&c, "accounts {\n  %s { jetstream: enabled, users: [ { user: %s, password: %q } ] }\n", coreAccount, coreUser, b.core)
	for _, dept := range departments {
		if b.writers[dept], err = d.secret(dept + ".writer.nats"); err != nil {
			return nil, err
		}
		if b.readers[dept], err = d.secret(dept + ".nats"); err != nil {
			return nil, err
		}
		stream := events.ViewStream(dept)
		// The department's user reads one named consumer of one stream and can do nothing else: measured, not assumed.
		fmt.Fprintf(&c, "  %s { jetstream: enabled, users: [\n", stream)
		fmt.Fprintf(&c, "    { user: \"%s-%s\", password: %q }\n", dept, viewWriter, b.writers[dept])
		fmt.Fprintf(&c, "    { user: %q, password: %q, permissions: { publish: { allow: [%q, %q, %q, %q] }, subscribe: { allow: [\"_INBOX.>\"] } } }\n  ] }\n",
			dept, b.readers[dept],
			"$JS.API.STREAM.INFO."+stream, "$JS.API.CONSUMER.INFO."+stream+"."+ViewConsumer,
			"$JS.API.CONSUMER.MSG.NEXT."+stream+"."+ViewConsumer, "$JS.ACK."+stream+"."+ViewConsumer+".>")
	}
	c.WriteString("}\n")
	path := d.at("nats.conf")
	if err := os.WriteFile(path, []byte(c.String()), 0o600); err != nil {
		return nil, fmt.Errorf("allinone: broker: %w", err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		return nil, fmt.Errorf("allinone: broker: %w", err)
	}
	options.NoSigs, options.NoLog = true, true
	options.DontListen = !b.listening
	if b.listening {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("allinone: broker: %w", err)
		}
		options.Host = host
		if options.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("allinone: broker: port %q", port)
		}
		if options.Port == 0 {
			options.Port = server.RANDOM_PORT
		} else if probe, err := net.Listen("tcp", address); err != nil {
			// The server itself only logs this.
			return nil, fmt.Errorf("allinone: NATS cannot listen on %s (choose another with --nats, or end what uses it / 端口被占用，请用 --nats 另选): %w", address, err)
		} else {
			probe.Close()
		}
	}
	if b.server, err = server.NewServer(options); err != nil {
		return nil, fmt.Errorf("allinone: broker: %w", err)
	}
	b.server.Start()
	if !b.server.ReadyForConnections(brokerStart) {
		b.server.Shutdown()
		return nil, fmt.Errorf("allinone: the broker was not ready within %s", brokerStart)
	}
	return b, nil
}

// address is where clients connect, "" when the broker listens nowhere.
func (b *broker) address() string {
	if !b.listening {
		return ""
	}
	return b.server.Addr().String()
}

// connect opens an in-process connection with an inbox of its own: nobody else of the account can listen to its answers.
func (b *broker) connect(ctx context.Context, name, user, password string, log zerolog.Logger) (*nats.Conn, error) {
	return bus.Connect(ctx, bus.Config{
		InProcess: b.server,
		Name:      name,
		Options:   []nats.Option{nats.UserInfo(user, password), nats.CustomInboxPrefix("_INBOX_" + name)},
		Logger:    watermill.NewSlogLogger(slog.New(zerolog.NewSlogHandler(log))),
	})
}

// writeCredentials stores what stock clients need to connect.
func (b *broker) writeCredentials(d *directory) error {
	url := "nats://" + b.address()
	list := map[string]NATSCredential{"operator": {URL: url, User: coreUser, Password: b.core}}
	for dept, password := range b.readers {
		list[dept] = NATSCredential{url, dept, password, events.ViewStream(dept), ViewConsumer}
	}
	for name, credential := range list {
		body, err := json.MarshalIndent(credential, "", "  ")
		if err == nil {
			err = os.WriteFile(d.at("credentials", name+".nats.json"), append(body, '\n'), 0o600)
		}
		if err != nil {
			return fmt.Errorf("allinone: credentials: %w", err)
		}
	}
	return nil
}

func (b *broker) stop() {
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
