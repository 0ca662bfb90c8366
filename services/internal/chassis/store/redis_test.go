package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/internal/chassis/store/redistest"
	"github.com/jieli-bus/jieli/services/internal/chassis/store/storetest"
)

func openURL(t *testing.T, url string) store.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	s, err := store.Open(ctx, url)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func batch(to uint64, docs ...store.Document) store.Batch {
	return store.Batch{Source: "demand.0", From: storetest.At(to - 1), To: storetest.At(to), Puts: docs}
}

func document(key string, version uint64) store.Document {
	return store.Document{Key: key, Version: version, Body: []byte(`{}`), Indexes: []store.Index{{Name: "at", Value: fmt.Sprint(version)}}}
}

// The subtests share one server; each has its own namespace, as two systems on one server would.
func TestRedis(t *testing.T) {
	server := redistest.Start(t)
	var systems atomic.Int64
	storetest.Run(t, func(t *testing.T) store.Store {
		return openURL(t, fmt.Sprintf("%s?namespace=system-%d", server.URL(), systems.Add(1)))
	})
}

func TestRedisEqualsMemory(t *testing.T) {
	server := redistest.Start(t)
	storetest.RunEqual(t, store.NewMemory(), openURL(t, server.URL()))
}

// A server that loses its last writes is noticed: documents went back, and the position with them.
func TestRedisLostMidway(t *testing.T) {
	server := redistest.Start(t)
	s := openURL(t, server.URL())
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	for n := uint64(1); n <= 6; n++ {
		if err := s.Apply(ctx, "c", batch(n, document("d", n))); err != nil {
			t.Fatal(err)
		}
		if n == 3 {
			server.Save()
		}
	}
	server.Kill()
	calls := map[string]func() error{
		"apply":    func() error { return s.Apply(ctx, "c", batch(7, document("d", 7))) },
		"get":      func() error { _, err := s.Get(ctx, "c", "d"); return err },
		"list":     func() error { _, err := s.List(ctx, "c", store.Query{Limit: 1}); return err },
		"position": func() error { _, err := s.Position(ctx, "c", "demand.0"); return err },
		"count":    func() error { _, err := s.Count(ctx, "c"); return err },
		"dump":     func() error { return s.Dump(ctx, "c", io.Discard) },
		"drop":     func() error { return s.Drop(ctx, "c") },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), server.Password()) {
			t.Errorf("%s without a server: %v", name, err)
		}
	}
	server.Restart()
	err := s.Apply(ctx, "c", batch(7, document("d", 7)))
	var refused *store.PositionError
	if !errors.As(err, &refused) || !refused.Stored.Equal(storetest.At(3)) || refused.Applied() {
		t.Fatalf("after the restart: %v", err)
	}
	if d, err := s.Get(ctx, "c", "d"); err != nil || d.Version != 3 {
		t.Fatalf("the document isn't of the position: %+v, %v", d, err)
	}
	for n := refused.Stored.Sequence + 1; n <= 7; n++ {
		if err := s.Apply(ctx, "c", batch(n, document("d", n))); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.List(ctx, "c", store.Query{Index: "at", Prefix: true, Limit: 10})
	if err != nil || len(page.Documents) != 1 || page.Documents[0].Version != 7 {
		t.Fatalf("caught up: %+v, %v", page, err)
	}
}

// The answer to a batch is lost on the way: the batch applied again is recognised.
func TestRedisAnswerLost(t *testing.T) {
	server := redistest.Start(t)
	wire := newWire(t, server.Addr())
	s := openURL(t, strings.Replace(server.URL(), server.Addr(), wire.addr, 1))
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	if err := s.Apply(ctx, "c", batch(1, document("d", 1))); err != nil {
		t.Fatal(err)
	}
	wire.swallow.Store(true)
	b := batch(2, document("d", 2))
	if err := s.Apply(ctx, "c", b); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a lost answer: %v", err)
	}
	wire.swallow.Store(false)
	var refused *store.PositionError
	if err := s.Apply(ctx, "c", b); !errors.As(err, &refused) || !refused.Applied() {
		t.Fatalf("the same batch again: %v", err)
	}
	if d, err := s.Get(ctx, "c", "d"); err != nil || d.Version != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
}

// wire passes bytes on to a server; while swallow is set, it cuts a connection at its answer.
type wire struct {
	addr    string
	swallow atomic.Bool
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(upstream, client); _ = upstream.Close() }()
			go func() {
				defer client.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := upstream.Read(buf)
					if err != nil || w.swallow.Load() {
						return
					}
					if _, err := client.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return w
}

// A dump that isn't of one state is refused.
func TestRedisDumpChanged(t *testing.T) {
	server := redistest.Start(t)
	s := openURL(t, server.URL())
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	var docs []store.Document
	for i := range 1200 { // several pages
		d := document(fmt.Sprintf("k%04d", i), 1)
		d.Body = []byte(`"` + strings.Repeat("x", 1000) + `"`)
		docs = append(docs, d)
	}
	if err := s.Apply(ctx, "c", batch(1, docs...)); err != nil {
		t.Fatal(err)
	}
	changed := false
	change := writerFunc(func(p []byte) (int, error) {
		if !changed {
			changed = true
			if err := s.Apply(ctx, "c", batch(2, document("k0000", 2))); err != nil {
				t.Errorf("apply: %v", err)
			}
		}
		return len(p), nil
	})
	if err := s.Dump(ctx, "c", change); !errors.Is(err, store.ErrChanged) {
		t.Fatalf("a dump over a change: %v", err)
	}
	if err := s.Dump(ctx, "c", io.Discard); err != nil {
		t.Fatal(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Keys spoilt by somebody else are told as damage, not served.
func TestRedisDamaged(t *testing.T) {
	server := redistest.Start(t)
	s := openURL(t, server.URL())
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	if err := s.Apply(ctx, "c", batch(1, document("d", 1), document("e", 1))); err != nil {
		t.Fatal(err)
	}
	raw := server.Client()
	raw.HDel(ctx, "jieli:{c}:documents", "d")
	if _, err := s.List(ctx, "c", store.Query{Limit: 5}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("an entry without document: %v", err)
	}
	raw.HSet(ctx, "jieli:{c}:documents", "e", "short")
	if _, err := s.Get(ctx, "c", "e"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a short document: %v", err)
	}
	raw.HSet(ctx, "jieli:{c}:positions", "demand.0", "{")
	if _, err := s.Position(ctx, "c", "demand.0"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a spoilt position: %v", err)
	}
	raw.Set(ctx, "jieli:{c}:keys", "text", 0)
	if _, err := s.List(ctx, "c", store.Query{Limit: 5}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("a key of another kind: %v", err)
	}
	if err := s.Drop(ctx, "c"); err != nil {
		t.Fatalf("drop heals: %v", err)
	}
	if err := s.Apply(ctx, "c", batch(1, document("d", 1))); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	const secret = "geheim7"
	for _, url := range []string{
		"", "memory://", "postgres://u:" + secret + "@h/0", "redis//x", "redis://:" + secret + "@127.0.0.1:port/0",
		"redis://u:1/" + secret + "@h", "redis://:" + secret + "@h:1/0?unknown=1", "redis://h:1/0?namespace=a{b}",
		"redis://h:1/0?namespace=", "redis://h:1/" + strings.Repeat("x", 5000), "redis://h:1/0?a=%zz",
	} {
		_, err := store.Open(ctx, url)
		if !errors.Is(err, store.ErrURL) || strings.Contains(err.Error(), secret) {
			t.Errorf("%.60q: %v", url, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	_, err = store.Open(ctx, "redis://:"+secret+"@"+closed+"/0")
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), secret) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestOpenRefusesSettings(t *testing.T) {
	server := redistest.Start(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	_, err := store.Open(t.Context(), server.URL())
	if !errors.Is(err, store.ErrSetting) || !strings.Contains(err.Error(), "allkeys-lru") {
		t.Fatalf("an evicting server: %v", err)
	}
	_, err = store.Open(t.Context(), strings.Replace(server.URL(), server.Password(), "wrong", 1))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a wrong password: %v", err)
	}
}

// A replica that doesn't project itself learns of the position by looking.
func TestWaiterShared(t *testing.T) {
	server := redistest.Start(t)
	projector, reader := openURL(t, server.URL()), openURL(t, server.URL())
	ctx, cancel := context.WithTimeout(context.Background(), storetest.Deadline)
	defer cancel()
	w := store.NewWaiter(reader)
	const waits = 20
	served := make(chan error, waits)
	for n := range waits {
		go func() { served <- w.Wait(ctx, "c", "demand.0", uint64(n%5+1)) }()
	}
	for n := uint64(1); n <= 5; n++ {
		if err := projector.Apply(ctx, "c", batch(n)); err != nil {
			t.Fatal(err)
		}
	}
	for range waits {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	if err := w.Wait(short, "c", "demand.0", 6); !errors.Is(err, store.ErrBehind) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("behind: %v", err)
	}
	server.Kill()
	if err := w.Wait(ctx, "c", "demand.0", 6); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
}
