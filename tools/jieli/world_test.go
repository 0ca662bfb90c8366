package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

// fakeServer speaks just enough of the HTTP contract to test what the CLI itself does with answers; what the system does is
// tested with the system.
type fakeServer struct {
	*httptest.Server
	mu       sync.Mutex
	commands map[string][]byte // by Idempotency-Key
	order    []string          // paths, in the order of arrival
	tries    map[string]int
	busy     int                                                 // the first so many tries of each key are answered 503
	refuse   func(path string, body []byte) *events.Problem      // decides about a body
	stream   func(w http.ResponseWriter, r *http.Request, n int) // n counts connections from 0
	streams  int
	other    http.HandlerFunc // GETs and long work
	seen     []http.Header
}

func newFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	f := &fakeServer{commands: map[string][]byte{}, tries: map[string]int{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func problem(w http.ResponseWriter, p *events.Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

func (f *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/v1/stream" && f.stream != nil {
		f.mu.Lock()
		n := f.streams
		f.streams++
		f.seen = append(f.seen, r.Header)
		f.mu.Unlock()
		f.stream(w, r, n)
		return
	}
	if r.Method != http.MethodPost || strings.HasSuffix(r.URL.Path, "/verify") || strings.HasSuffix(r.URL.Path, "/rebuild") {
		if f.other != nil {
			f.other(w, r)
			return
		}
		fmt.Fprint(w, `{}`)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	f.tries[key]++
	if f.tries[key] <= f.busy {
		problem(w, events.ErrOverloaded.Refuse("", "", ""))
		return
	}
	if f.refuse != nil {
		if p := f.refuse(r.URL.Path, body); p != nil {
			problem(w, p)
			return
		}
	}
	_, repeated := f.commands[key]
	if !repeated {
		f.order = append(f.order, r.URL.Path)
		f.commands[key] = body
	}
	var named struct {
		ID string `json:"id"`
	}
	json.Unmarshal(body, &named)
	a := events.Answer{Command: events.DeriveUUID(key).String(), Subject: named.ID, Version: 1, Position: "enterprise.0:1", Events: []string{"e"}, Repeated: repeated}
	w.Write(a.AppendJSON(nil))
}

// result of one command line.
type result struct {
	code     int
	out, err string
}

func runCLI(t *testing.T, server string, in string, args ...string) result {
	t.Helper()
	return runWith(t, nil, map[string]string{"JIELI_SERVER": server}, in, args...)
}

func runWith(t *testing.T, start starter, env map[string]string, in string, args ...string) result {
	t.Helper()
	var out, errs lockedBuffer
	c := &cli{in: strings.NewReader(in), out: &out, err: &errs, env: func(k string) string { return env[k] }, start: start}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return result{c.run(ctx, args), out.String(), errs.String()}
}

// lockedBuffer may be written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
