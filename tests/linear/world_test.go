package linear

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/services/allinone"
)

const patience = 60 * time.Second

// world is one running system and a way to it whose connections can be cut.
type world struct {
	*allinone.System
	t      *testing.T
	direct *http.Client
	random *rand.Rand
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := allinone.Start(ctx, allinone.Options{Dir: t.TempDir(), HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0", Partitions: 2,
		Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	n := *seed
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("seed %d", n)
	return &world{s, t, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * clients}}, rand.New(rand.NewPCG(n, 1))}
}

// face is the way without faults.
func (w *world) face() *face { return &face{w.HTTP(), w.direct, func() {}} }

// do is a command that is accepted.
func (w *world) do(path string, body any) {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	reply, err := w.direct.Post(w.HTTP()+path, "application/json", bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	defer reply.Body.Close()
	if said, _ := io.ReadAll(reply.Body); reply.StatusCode >= 300 {
		w.t.Fatalf("%s: %d %s", path, reply.StatusCode, said)
	}
}

// verify holds the whole log to every invariant.
func (w *world) verify() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*patience)
	defer cancel()
	report, err := w.Verify(ctx, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range report.Violations {
		w.t.Errorf("%s %s: %s", v.Invariant, v.Where, v.What)
	}
}

// cutEvery so many commands all connections are cut: counted, not timed, so that a slow machine leaves no more in doubt than a fast one.
const cutEvery = 60

// cutting is a way to the system whose connections are cut again and again while work runs.
func (w *world) cutting(work func(*face)) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	target := strings.TrimPrefix(w.HTTP(), "http://")
	var mu sync.Mutex
	open := make(map[net.Conn]bool)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", target)
			if err != nil {
				from.Close()
				continue
			}
			mu.Lock()
			open[from], open[to] = true, true
			mu.Unlock()
			for _, way := range [][2]net.Conn{{to, from}, {from, to}} {
				running.Go(func() {
					_, _ = io.Copy(way[0], way[1]) // ends with either side: that is what a cut is
					way[0].Close()
					way[1].Close()
				})
			}
		}
	})
	cutAll := func() {
		mu.Lock()
		defer mu.Unlock()
		for c := range open {
			c.Close()
		}
		clear(open)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 2 * clients}
	var asked, cut atomic.Int64
	work(&face{"http://" + listener.Addr().String(), &http.Client{Transport: transport}, func() {
		if asked.Add(1)%cutEvery == 0 {
			cut.Add(1)
			cutAll()
		}
	}})
	transport.CloseIdleConnections()
	listener.Close()
	cutAll()
	running.Wait()
	return int(cut.Load())
}

func money(yuan int64) map[string]any {
	return map[string]any{"amount": fmt.Sprintf("%d.00", yuan), "currency": "CNY"}
}

// usccOf is a code of an enterprise with a right check digit.
func usccOf(n int) string {
	code, err := codes.MakeUSCC("330106", fmt.Sprintf("MA2T%04d", n))
	if err != nil {
		panic(err)
	}
	return code
}

func sorted(list []string) string {
	list = slices.DeleteFunc(list, func(s string) bool { return strings.TrimSpace(s) == "" })
	slices.Sort(list)
	return "\n" + strings.Join(list, "")
}

func writeFile(path string, b []byte) error { return os.WriteFile(path, b, 0o600) }
