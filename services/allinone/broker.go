package allinone

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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
	Ingress  string `json:"ingress,omitempty"` // where a party's commands go, with a context behind it
	CA       string `json:"ca,omitempty"`      // file with the certificate of who signed the broker's
}

// broker is the NATS server: inside, or elsewhere.
type broker struct {
	server    *server.Server    // nil: elsewhere
	url, ca   string            // of one elsewhere
	core      string            // password of the system's user
	writers   map[string]string // passwords of the view writers, by department
	readers   map[string]string
	listening bool
	disk      int64      // bytes that the one inside may take
	changing  sync.Mutex // one change of the configuration at a time
}

// brokerStart is how long the server may take to be ready.
const brokerStart = 20 * time.Second

// secrets reads the passwords of the broker's users, and makes them at the first start.
func (b *broker) secrets(read func(name string) (string, error), departments []string) (err error) {
	b.writers, b.readers = make(map[string]string), make(map[string]string)
	if b.core, err = read("jieli.nats"); err != nil {
		return err
	}
	for _, dept := range departments {
		if b.writers[dept], err = read(dept + ".writer.nats"); err != nil {
			return err
		}
		if b.readers[dept], err = read(dept + ".nats"); err != nil {
			return err
		}
	}
	return nil
}

// accounts are the accounts and users as the server's configuration has them: one account for the system, one for each department, one
// for each party with credentials.
func (b *broker) accounts(departments []string, parties []partySecrets) string {
	var c strings.Builder
	fmt.Fprintf(&c, "max_payload: 1MB\nwrite_deadline: \"10s\"\n")
	fmt.Fprintf(&c, "accounts {\n  %s { jetstream: enabled, users: [ { user: %s, password: %q } ], exports: [\n", coreAccount, coreUser, b.core)
	for _, p := range parties {
		fmt.Fprintf(&c, "    { service: %q, accounts: [%q] }\n", ingressSubject(p.id, ">"), partyAccount(p.id))
	}
	c.WriteString("  ] }\n")
	for _, p := range parties {
		// The account imports its own door and no other: whatever a party names as its reply stays within its account.
		fmt.Fprintf(&c, "  %q { jetstream: enabled, imports: [ { service: { account: %s, subject: %q } } ], users: [\n", partyAccount(p.id), coreAccount, ingressSubject(p.id, ">"))
		fmt.Fprintf(&c, "    { user: %q, password: %q }\n", partyViewWriter(p.id), p.writer)
		if !p.revoked {
			fmt.Fprintf(&c, "    { user: %q, password: %q, permissions: { publish: { allow: [%q, %s] }, subscribe: { allow: [\"_INBOX.>\"] } } }\n",
				partyUser(p.id), p.reader, ingressSubject(p.id, ">"), reading(PartyStream))
		}
		c.WriteString("  ] }\n")
	}
	for _, dept := range departments {
		stream := events.ViewStream(dept)
		// The department's user reads one named consumer of one stream and can do nothing else: measured, not assumed.
		fmt.Fprintf(&c, "  %s { jetstream: enabled, users: [\n", stream)
		fmt.Fprintf(&c, "    { user: \"%s-%s\", password: %q }\n", dept, viewWriter, b.writers[dept])
		fmt.Fprintf(&c, "    { user: %q, password: %q, permissions: { publish: { allow: [%s] }, subscribe: { allow: [\"_INBOX.>\"] } } }\n  ] }\n",
			dept, b.readers[dept], reading(stream))
	}
	c.WriteString("}\n")
	return c.String()
}

// reading is what a reader of a view publishes on.
func reading(stream string) string {
	return fmt.Sprintf("%q, %q, %q, %q", "$JS.API.STREAM.INFO."+stream, "$JS.API.CONSUMER.INFO."+stream+"."+ViewConsumer,
		"$JS.API.CONSUMER.MSG.NEXT."+stream+"."+ViewConsumer, "$JS.ACK."+stream+"."+ViewConsumer+".>")
}

// openBroker starts a server on the directory's store, or knows one elsewhere. What it acknowledges in a ledger stream is on disk:
// sync_interval always.
func openBroker(d *directory, o *Options, departments []string) (*broker, error) {
	b := &broker{url: o.Broker, ca: o.CA, listening: o.Broker == "" && o.NATS != off}
	if err := b.secrets(d.secret, departments); err != nil {
		return nil, err
	}
	if b.url != "" {
		return b, nil
	}
	have, err := room(d.at("broker"))
	if err != nil {
		return b, err
	}
	if o.MaxDisk == 0 {
		o.MaxDisk = diskDefault(have)
	}
	// The server's own bound is the disk: streams are held to MaxDisk one by one, and a smaller MaxDisk than before must find its way.
	b.disk = max(have, o.MaxDisk)
	return b, b.start(d, o.NATS, departments)
}

// configure writes the configuration of the broker inside and reads it.
func (b *broker) configure(d *directory, address string, departments []string) (*server.Options, error) {
	parties, err := d.parties()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("server_name: jieli\njetstream { store_dir: %s, sync_interval: always, max_file_store: %d }\n", strconv.Quote(d.at("broker")), b.disk) + b.accounts(departments, parties)
	path := d.at("nats.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("allinone: broker: %w", err)
	}
	options, err := server.ProcessConfigFile(path)
	if err != nil {
		return nil, fmt.Errorf("allinone: broker: %w", err)
	}
	options.NoSigs, options.NoLog = true, true
	options.DontListen = !b.listening
	if !b.listening {
		return options, nil
	}
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
	}
	return options, nil
}

// reload gives the broker the accounts of the parties that have credentials now; connections that are still right stay.
func (b *broker) reload(ctx context.Context, d *directory, address string, departments []string, log zerolog.Logger) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	if b.server == nil {
		return b.reloadElsewhere(ctx, d, departments, log)
	}
	for range reloads {
		options, err := b.configure(d, address, departments)
		if err != nil {
			return err
		}
		if err := b.server.ReloadOptions(options); err != nil {
			return fmt.Errorf("allinone: broker: %w", err)
		}
	}
	return nil
}

// reloads of a changed configuration: what an account imports begins to be heard with the first reload that finds the account there
// (nats-server 2.15.2, Server.configureAccounts), so one is not enough for a new account.
const reloads = 2

func (b *broker) start(d *directory, address string, departments []string) error {
	options, err := b.configure(d, address, departments)
	if err != nil {
		return err
	}
	if b.listening && options.Port != server.RANDOM_PORT {
		probe, err := net.Listen("tcp", address)
		if err != nil { // the server itself only logs this
			return fmt.Errorf("allinone: NATS cannot listen on %s (choose another with --nats, or end what uses it / 端口被占用，请用 --nats 另选): %w", address, err)
		}
		probe.Close()
	}
	if b.server, err = server.NewServer(options); err != nil {
		return fmt.Errorf("allinone: broker: %w", err)
	}
	b.server.Start()
	if !b.server.ReadyForConnections(brokerStart) {
		b.server.Shutdown()
		return fmt.Errorf("allinone: the broker was not ready within %s", brokerStart)
	}
	return nil
}

// address is where clients connect, as a URL (several of a broker elsewhere), "" when the broker listens nowhere.
func (b *broker) address() string {
	switch {
	case b.server == nil:
		return b.url
	case !b.listening:
		return ""
	}
	return "nats://" + b.server.Addr().String()
}

// connect opens a connection with an inbox of its own: nobody else of the account can listen to its answers. To the broker inside it
// goes without a socket.
func (b *broker) connect(ctx context.Context, name, user, password string, counters *bus.ConnCounters, log zerolog.Logger) (*nats.Conn, error) {
	c := bus.Config{
		Name:    name,
		Stats:   counters,
		Options: []nats.Option{nats.UserInfo(user, password), nats.CustomInboxPrefix("_INBOX_" + name)},
		Logger:  watermill.NewSlogLogger(slog.New(zerolog.NewSlogHandler(log))),
	}
	if b.server != nil {
		c.InProcess = b.server
	} else {
		c.URL = b.url
		c.PingInterval = pingInterval
		if b.ca != "" {
			c.Options = append(c.Options, nats.RootCAs(b.ca))
		}
	}
	return bus.Connect(ctx, c)
}

// pingInterval notices a broker that has gone without a word: two unanswered pings.
const pingInterval = 2 * time.Second

// writeCredentials stores what stock clients need to connect.
func (b *broker) writeCredentials(dir string) error {
	list := map[string]NATSCredential{"operator": {URL: b.address(), User: coreUser, Password: b.core, CA: b.ca}}
	for dept, password := range b.readers {
		list[dept] = NATSCredential{URL: b.address(), User: dept, Password: password, Stream: events.ViewStream(dept), Consumer: ViewConsumer, CA: b.ca}
	}
	for name, credential := range list {
		body, err := json.MarshalIndent(credential, "", "  ")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".nats.json"), append(body, '\n'), 0o600)
		}
		if err != nil {
			return fmt.Errorf("allinone: credentials: %w", err)
		}
	}
	return nil
}

func (b *broker) stop() {
	if b.server == nil {
		return
	}
	b.server.Shutdown()
	b.server.WaitForShutdown()
}
