package topology

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/allinone"
)

// Of a fault: how long the process is away, as with any supervisor that restarts it, and when all must be as before.
const (
	away        = time.Second
	caughtUpMax = 10 * time.Second
	perSecond   = 200
)

// TestKill ends every service and every node of the broker, and Redis, without warning, once each, while 200 commands a second come:
// no acknowledged command is lost or doubled, and everything has caught up within 10 s.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("thirteen faults, each of some seconds")
	}
	w := Start(t, Config{Partitions: 2})
	l := newLoad(t, w)
	l.run(perSecond)
	var victims []*Process
	for _, service := range allinone.Services {
		victims = append(victims, w.Service[service]...)
	}
	victims = append(append(victims, w.Broker[:]...), w.Redis)
	if only := os.Getenv("JIELI_KILL"); only != "" {
		victims = slices.DeleteFunc(victims, func(p *Process) bool { return !slices.Contains(strings.Split(only, ","), p.Name) })
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-14s %12s %12s  %s\n", "killed", "caught up", "longest gap", "of")
	for i, p := range victims {
		l.steady(t)
		l.gaps()
		p.Kill()
		wait(t, away)
		begun := time.Now()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		l.caughtUp(t, i)
		took := time.Since(begun)
		gap, of := l.gaps()
		fmt.Fprintf(&table, "%-14s %12s %12s  %s\n", p.Name, took.Round(time.Millisecond), gap.Round(time.Millisecond), of)
		if took > caughtUpMax {
			t.Errorf("%s: all has caught up %s after it came back, want %s", p.Name, took, caughtUpMax)
		}
	}
	l.halt()
	t.Logf("%d commands a second, each process away for %s:\n%s", perSecond, away, table.String())
	l.check(t)
}

// wait is for the time that a process is away: there is no signal for that.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// caughtUp waits until what comes now goes all the way: the command is acknowledged, the recommendation stands in the read model, the
// services are ready, and nobody waits for an answer for long any more.
func (l *load) caughtUp(t *testing.T, n int) {
	t.Helper()
	id := fmt.Sprint("probe-", n)
	if err := l.give(t.Context(), probe, demands, l.demand(id, n)); err != nil {
		t.Fatal(err)
	}
	for _, p := range l.w.services() {
		if err := p.Ready(); err != nil {
			t.Fatal(err)
		}
	}
	l.await(t, "the recommendation for "+id, func() error {
		answer, err := l.client.Get(l.w.HTTP() + "/v1/recommendations/" + id)
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s", answer.Status)
		}
		return nil
	})
	l.steady(t)
}

// steady waits until few commands are under way.
func (l *load) steady(t *testing.T) {
	t.Helper()
	l.await(t, "few commands under way", func() error {
		if n := l.waiting.Load(); n > perSecond/10 {
			return fmt.Errorf("%d commands are under way", n)
		}
		return nil
	})
}

func (l *load) await(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for %s: %v", patience, what, err)
		}
	}
}
