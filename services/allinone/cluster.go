package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts"
	"github.com/jieli-bus/jieli/services/internal/chassis/bus"
)

// BrokerNode is one server of a broker of its own.
type BrokerNode struct {
	Name    string
	Client  string // address for clients, host:port
	Cluster string // address for the other nodes, host:port; not used when the node is alone
	Store   string // directory
}

// BrokerTLS names the files of a broker with TLS: for clients, and between the nodes, which know each other by certificates of the same CA.
type BrokerTLS struct{ CA, Cert, Key string }

// WriteBroker writes nats-server configurations into a directory, <name>.conf for each node, and the passwords they name into its
// folder credentials, which the processes of the system share. What is there already stays: passwords are made once.
func WriteBroker(dir string, nodes []BrokerNode, tls *BrokerTLS) (files []string, err error) {
	departments, err := contracts.Departments()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range departments {
		names = append(names, d.ID)
	}
	credentials := filepath.Join(dir, "credentials")
	if err := os.MkdirAll(credentials, 0o700); err != nil {
		return nil, fmt.Errorf("allinone: broker: %w", err)
	}
	read := func(name string) (string, error) { return secret(filepath.Join(credentials, name)) }
	b := &broker{}
	if err := b.secrets(read, names); err != nil {
		return nil, err
	}
	system, err := read(systemUser + ".nats")
	if err != nil {
		return nil, err
	}
	b.url, b.listening = strings.Join(clients(nodes, tls), ","), true
	if tls != nil {
		b.ca = tls.CA
	}
	if err := b.writeCredentials(credentials); err != nil {
		return nil, err
	}
	for _, d := range append(names, "operator") { // the tokens of the HTTP face, so that no two processes make them
		if _, err := read(d + ".token"); err != nil {
			return nil, err
		}
	}
	disk, err := nodeDisk(dir, len(nodes))
	if err != nil {
		return nil, err
	}
	if err := b.writeAccounts(credentials, names, system); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		path := filepath.Join(dir, n.Name+".conf")
		if err := os.WriteFile(path, []byte(n.text(nodes, disk, tls)+"include credentials/"+accountsFile+"\n"), 0o600); err != nil {
			return nil, fmt.Errorf("allinone: broker: %w", err)
		}
		files = append(files, path)
	}
	return files, nil
}

// accountsFile in the shared credentials is what all nodes include: the accounts, which grow with the parties.
const accountsFile = "accounts.conf"

// writeAccounts writes the accounts of a broker elsewhere, with those of the parties that have credentials now.
func (b *broker) writeAccounts(credentials string, departments []string, system string) error {
	parties, err := (&directory{credentials: credentials}).parties()
	if err != nil {
		return err
	}
	// The system account is the server's own: the nodes speak of their state in it.
	text := strings.Replace(b.accounts(departments, parties), "accounts {\n", fmt.Sprintf("system_account: SYS\naccounts {\n  SYS { users: [ { user: %s, password: %q } ] }\n", systemUser, system), 1)
	path := filepath.Join(credentials, accountsFile)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("allinone: broker: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil { // a node that starts now reads the whole of one of them
		return fmt.Errorf("allinone: broker: %w", err)
	}
	return nil
}

// systemUser may ask the nodes of a broker elsewhere to read their configuration again.
const systemUser = "system"

// reloadElsewhere writes the accounts anew and has every node that can be reached read them. Nodes that do not share the folder of
// credentials read what they have; whoever runs them brings them the file.
func (b *broker) reloadElsewhere(ctx context.Context, d *directory, departments []string, log zerolog.Logger) error {
	system, err := d.secret(systemUser + ".nats")
	if err != nil {
		return err
	}
	if err := b.writeAccounts(d.credentials, departments, system); err != nil {
		return err
	}
	conn, err := b.connect(ctx, systemUser, systemUser, system, &bus.ConnCounters{}, log)
	if err != nil {
		return err
	}
	defer conn.Close()
	nodes, err := conn.SubscribeSync(conn.NewRespInbox())
	if err == nil {
		err = conn.PublishRequest("$SYS.REQ.SERVER.PING.IDZ", nodes.Subject, nil)
	}
	if err != nil {
		return fmt.Errorf("allinone: broker: %w", err)
	}
	for wait := nodesFirst; ; wait = nodesNext {
		m, err := nodes.NextMsg(wait)
		if errors.Is(err, nats.ErrTimeout) && wait == nodesNext {
			return nil
		}
		if err != nil {
			return fmt.Errorf("allinone: broker: its nodes do not answer: %w", err)
		}
		var node struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(m.Data, &node); err != nil || node.ID == "" {
			return fmt.Errorf("allinone: broker: a node answers %.200q", m.Data)
		}
		for range reloads {
			answer, err := conn.RequestWithContext(ctx, "$SYS.REQ.SERVER."+node.ID+".RELOAD", nil)
			if err != nil {
				return fmt.Errorf("allinone: broker: reload of %s: %w", node.ID, err)
			}
			if strings.Contains(string(answer.Data), `"error"`) {
				return fmt.Errorf("allinone: broker: reload of %s: %.300s", node.ID, answer.Data)
			}
		}
	}
}

// Nodes answer a ping together: the first soon, the others right behind it.
const (
	nodesFirst = 5 * time.Second
	nodesNext  = time.Second / 2
)

// nodeDisk is what the streams of one node may take: as an earlier run has noted, else by the room on this disk, as if all nodes were on it.
// The processes read it, too: their limits must be within the nodes'.
func nodeDisk(dir string, nodes int) (int64, error) {
	o := Options{Broker: "elsewhere", Credentials: filepath.Join(dir, "credentials")}
	disk, err := o.disk()
	if err != nil || disk != 0 {
		return disk, err
	}
	have, err := room(dir)
	if err != nil {
		return 0, err
	}
	disk = diskDefault(have / int64(nodes))
	return disk, os.WriteFile(filepath.Join(o.Credentials, diskFile), []byte(strconv.FormatInt(disk, 10)+"\n"), 0o600)
}

// clients are the addresses at which the nodes take clients.
func clients(nodes []BrokerNode, tls *BrokerTLS) (urls []string) {
	scheme := "nats://"
	if tls != nil {
		scheme = "tls://"
	}
	for _, n := range nodes {
		urls = append(urls, scheme+n.Client)
	}
	return urls
}

func (n *BrokerNode) text(nodes []BrokerNode, disk int64, tls *BrokerTLS) string {
	var c strings.Builder
	fmt.Fprintf(&c, "server_name: %s\nlisten: %q\njetstream { store_dir: %s, sync_interval: always, max_file_store: %d }\n", n.Name, n.Client, strconv.Quote(n.Store), disk)
	if tls != nil {
		fmt.Fprintf(&c, "tls { cert_file: %q, key_file: %q, ca_file: %q }\n", tls.Cert, tls.Key, tls.CA)
	}
	if len(nodes) == 1 {
		return c.String()
	}
	fmt.Fprintf(&c, "cluster {\n  name: jieli\n  listen: %q\n  routes: [\n", n.Cluster)
	for _, other := range nodes {
		if other.Name != n.Name {
			fmt.Fprintf(&c, "    \"nats://%s\"\n", other.Cluster)
		}
	}
	c.WriteString("  ]\n")
	if tls != nil {
		fmt.Fprintf(&c, "  tls { cert_file: %q, key_file: %q, ca_file: %q, verify: true }\n", tls.Cert, tls.Key, tls.CA)
	}
	c.WriteString("}\n")
	return c.String()
}
