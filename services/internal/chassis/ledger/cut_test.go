package ledger_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// envCutSeconds is how long connections are cut; CI sets 60.
const envCutSeconds = "JIELI_CUT_SECONDS"

const cutEvery = 400 * time.Millisecond

func cutDuration(t *testing.T) time.Duration {
	s := os.Getenv(envCutSeconds)
	if s == "" {
		return 5 * time.Second
	}
	seconds, err := strconv.Atoi(s)
	if err != nil || seconds < 1 || seconds > 3600 {
		t.Fatalf("%s=%q is not 1 to 3600", envCutSeconds, s)
	}
	return time.Duration(seconds) * time.Second
}

// cluster starts brokers with a file store and fsync on every message, clustered on loopback, and returns their client addresses.
func cluster(t *testing.T, n int) []string {
	t.Helper()
	var servers []*server.Server
	ports := freePorts(t, n) // the brokers must know each other's before they start
	var routes []*url.URL
	for _, port := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	for i := range n {
		o := &server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoLog: true, NoSigs: true,
		}
		if n > 1 {
			o.Cluster = server.ClusterOpts{Name: "jieli", Host: "127.0.0.1", Port: ports[i]}
			o.Routes = routes
		}
		srv, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		go srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
		servers = append(servers, srv)
	}
	for _, srv := range servers {
		if !srv.ReadyForConnections(deadline) {
			t.Fatal("a broker did not start")
		}
	}
	if n > 1 {
		eventually(t, "the cluster has a leader that knows all", func() bool {
			for _, srv := range servers {
				if srv.JetStreamIsLeader() {
					return len(srv.JetStreamClusterPeers()) == n
				}
			}
			return false
		})
	}
	var addresses []string
	for _, srv := range servers {
		addresses = append(addresses, srv.Addr().String())
	}
	return addresses
}

func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// TestTwoWritersWithCutConnections: two writers who both believe that the partition is theirs, their connections cut again and again.
func TestTwoWritersWithCutConnections(t *testing.T) {
	for _, replicas := range []int{1, 3} {
		t.Run(fmt.Sprintf("R%d", replicas), func(t *testing.T) {
			cutConnections(t, replicas, cutDuration(t))
		})
	}
}

// answers are what the senders heard.
type answers struct {
	mu                                                                sync.Mutex
	accepted, repeated, overloaded, unknown, notDoneAfterAll, refused int
}

func cutConnections(t *testing.T, replicas int, duration time.Duration) {
	addresses := cluster(t, replicas)
	at := func(i int) string { return addresses[i%len(addresses)] }
	direct := jetStream(t, dial(t, "nats://"+at(2)), replicas, time.Second)
	if _, err := direct.OpenLog(within(t), ledgertest.Context, 1); err != nil {
		t.Fatal(err)
	}
	var proxies []*proxy
	var writers []*node
	for i, owner := range []string{"a", "b"} {
		p := startProxy(t, at(i))
		b := jetStream(t, dial(t, p.url()), replicas, time.Second)
		writers = append(writers, openNode(t, ledgertest.Granted{Broker: b}, t.TempDir(), withOwner(owner)))
		proxies = append(proxies, p)
	}
	bank := newBank(t, direct, 1)
	running, stop := context.WithTimeout(context.Background(), duration)
	defer stop()
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		tick := time.NewTicker(cutEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				for _, p := range proxies {
					p.cut()
				}
			case <-running.Done():
				return
			}
		}
	}()
	var heard answers
	for s := range 32 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; running.Err() == nil; i++ {
				insist(t, bank, &heard, fmt.Sprintf("acc-%d", s%3), fmt.Sprintf("s%d-%d", s, i))
			}
		}()
	}
	all.Wait()
	for _, w := range writers {
		w.close()
	}
	audit := bank.audit(direct, 1)
	if audit.Commands != heard.accepted+heard.refused || audit.Events != heard.accepted || audit.Commands != len(bank.accepted)+heard.refused {
		t.Errorf("%d commands and %d events in the log; the senders had %d accepted and %d refused", audit.Commands, audit.Events, heard.accepted, heard.refused)
	}
	if heard.accepted == 0 {
		t.Error("nothing was accepted")
	}
	sum := func(name string) int { return writers[0].count(name) + writers[1].count(name) }
	if sum("doubts_total") == 0 || sum("lost_total") == 0 {
		t.Errorf("%d doubts and %d losses: the writers did not get in each other's way", sum("doubts_total"), sum("lost_total"))
	}
	t.Logf("R%d, %s, cut %d times: %d commands accepted exactly once in %d commits, 0 lost, 0 doubled; doubts %d, found %d, lost to the other %d; answers: overloaded %d, unknown %d, repeated %d, overloaded though done %d",
		replicas, duration, proxies[0].cuts, heard.accepted, audit.Commits, sum("doubts_total"), sum("found_total"), sum("lost_total"),
		heard.overloaded, heard.unknown, heard.repeated, heard.notDoneAfterAll)
}

// insist gives a deposit under one id until it is answered.
func insist(t *testing.T, bank *bank, heard *answers, account, reservation string) {
	c := deposit(account, reservation, 1)
	unknown, overloaded := 0, 0
	giveUp := time.Now().Add(deadline)
	for time.Now().Before(giveUp) {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		a, err := bank.Internal(ctx, c)
		cancel()
		switch {
		case events.ErrUnknown.Is(err):
			unknown++
			continue
		case events.ErrOverloaded.Is(err):
			overloaded++
			continue
		}
		bank.note(c, a, err)
		heard.mu.Lock()
		defer heard.mu.Unlock()
		heard.unknown += unknown
		heard.overloaded += overloaded
		if err != nil {
			heard.refused++
			t.Errorf("deposit %s: %v", reservation, err)
			return
		}
		heard.accepted++
		if a.Repeated {
			heard.repeated++
			if unknown == 0 && overloaded > 0 {
				heard.notDoneAfterAll++
			}
		}
		return
	}
	t.Errorf("deposit %s of %s was not answered within %s", reservation, account, deadline)
}
