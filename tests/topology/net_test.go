package topology

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// network gives each node of the broker a network namespace of its own on a bridge, so that its cable can be pulled: packets vanish,
// and nobody is told, which is what a partition is.
type network struct {
	Hosts []Host
	ports []string // of the bridge, by node
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// newNetwork needs root and iproute2. The addresses are of the block for tests of networks (RFC 2544); nothing leaves the machine.
func newNetwork(t *testing.T) (*network, error) {
	n := &network{}
	number := os.Getpid() % 60_000
	bridge, prefix := fmt.Sprintf("jlb%d", number), fmt.Sprintf("198.18.%d.", number%250)
	ip := func(args ...string) error { return command("ip", args...) }
	t.Cleanup(func() { _ = ip("link", "del", bridge) }) // where it was made
	if err := ip("link", "add", bridge, "type", "bridge"); err != nil {
		return nil, err
	}
	steps := [][]string{{"addr", "add", prefix + "1/24", "dev", bridge}, {"link", "set", bridge, "up"}}
	for i := range Nodes {
		space, outer, inner := fmt.Sprintf("jl%dn%d", number, i+1), fmt.Sprintf("jlo%dn%d", number, i+1), fmt.Sprintf("jli%dn%d", number, i+1)
		t.Cleanup(func() { _ = ip("netns", "del", space) })
		address := prefix + fmt.Sprint(11+i)
		steps = append(steps, []string{"netns", "add", space}, []string{"link", "add", outer, "type", "veth", "peer", "name", inner, "netns", space},
			[]string{"link", "set", outer, "master", bridge, "up"}, []string{"-n", space, "link", "set", "lo", "up"},
			[]string{"-n", space, "addr", "add", address + "/24", "dev", inner}, []string{"-n", space, "link", "set", inner, "up"})
		n.Hosts = append(n.Hosts, Host{IP: address, Wrap: []string{"ip", "netns", "exec", space}})
		n.ports = append(n.ports, outer)
	}
	for _, step := range steps {
		if err := ip(step...); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// plug pulls a node's cable, or puts it back.
func (n *network) plug(node int, in bool) error {
	return command("ip", "link", "set", n.ports[node], map[bool]string{true: "up", false: "down"}[in])
}

// disk is a file system of its own, in memory, for one node's store.
type disk struct{ dir string }

func newDisk(t *testing.T, dir string) (*disk, error) {
	d := &disk{dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := command("mount", "-t", "tmpfs", "-o", "size="+diskSize, "tmpfs", dir); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := command("umount", "-l", dir); err != nil {
			t.Error(err)
		}
	})
	return d, nil
}

const diskSize = "3g"

// fill leaves next to no room; free gives it back.
func (d *disk) fill() error {
	out, err := exec.Command("du", "-sk", d.dir).Output()
	if err != nil {
		return err
	}
	var used int
	if _, err := fmt.Sscan(string(out), &used); err != nil {
		return err
	}
	return command("mount", "-o", fmt.Sprintf("remount,size=%dk", used+64), d.dir)
}

func (d *disk) free() error { return command("mount", "-o", "remount,size="+diskSize, d.dir) }
