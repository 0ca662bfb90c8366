package allinone

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jieli-bus/jieli/contracts"
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
	system, err := read("system.nats")
	if err != nil {
		return nil, err
	}
	for _, d := range append(names, "operator") { // the tokens of the HTTP face, so that no two processes make them
		if _, err := read(d + ".token"); err != nil {
			return nil, err
		}
	}
	// The system account is the server's own: the nodes speak of their state in it.
	accounts := strings.Replace(b.accounts(names), "accounts {\n", fmt.Sprintf("system_account: SYS\naccounts {\n  SYS { users: [ { user: system, password: %q } ] }\n", system), 1)
	for _, n := range nodes {
		path := filepath.Join(dir, n.Name+".conf")
		if err := os.WriteFile(path, []byte(n.text(nodes, tls)+accounts), 0o600); err != nil {
			return nil, fmt.Errorf("allinone: broker: %w", err)
		}
		files = append(files, path)
	}
	return files, nil
}

func (n *BrokerNode) text(nodes []BrokerNode, tls *BrokerTLS) string {
	var c strings.Builder
	fmt.Fprintf(&c, "server_name: %s\nlisten: %q\njetstream { store_dir: %s, sync_interval: always }\n", n.Name, n.Client, strconv.Quote(n.Store))
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
