package webapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
)

// deadline bounds every wait for a signal.
const deadline = 20 * time.Second

// listening serves a world on a free loopback port; stop ends it and returns what Serve returned.
func (w *world) listening(t *testing.T) (address string, stop context.CancelFunc, served <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		done <- webapi.Serve(ctx, l, w.handler)
		close(ended)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return l.Addr().String(), cancel, done
}

// wire sends raw bytes and reads one answer.
func wire(t *testing.T, address, text string, halfClose bool) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if halfClose {
		conn.(*net.TCPConn).CloseWrite()
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address, _, _ := w.listening(t)
	head := "POST /v1/demands HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\nConnection: close\r\n"
	for _, tt := range []struct {
		name, text string
		half       bool
		status     int
		problem    string // "": the server itself answered
	}{
		{"whole", head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(publish), publish), false, 201, ""},
		{"chunked", head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(publish), publish), false, 201, ""},
		{"half a body", head + "Content-Length: 500\r\n\r\n" + publish, true, 400, "malformed"},
		{"half a chunk", head + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + publish, true, 400, "malformed"},
		{"announced oversize", head + "Content-Length: 999999999\r\n\r\n" + strings.Repeat(" ", 200<<10), true, 413, "too-large"},
		{"endless chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat(" ", 0x1000)+"\r\n", 40), true, 413, "too-large"},
		{"repeated key", head + "Idempotency-Key: a\r\nidempotency-key: b\r\nContent-Length: 2\r\n\r\n{}", false, 400, "repeated-header"},
		{"repeated type", head + "content-type: application/json\r\nContent-Length: 2\r\n\r\n{}", false, 400, "repeated-header"},
		{"two lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", false, 400, ""},
		{"two hosts", head + "Host: evil.example\r\nContent-Length: 2\r\n\r\n{}", false, 400, ""},
		{"NUL in a header", head + "Idempotency-Key: a\x00b\r\nContent-Length: 2\r\n\r\n{}", false, 400, ""},
		{"NUL in the path", strings.Replace(head, "/v1/demands", "/v1/demands/%00/withdraw", 1) + "Content-Length: 2\r\n\r\n{}", false, 422, "id"},
		{"big headers", head + "X-Big: " + strings.Repeat("a", 60<<10) + "\r\nContent-Length: 2\r\n\r\n{}", true, 431, ""},
		{"absolute form of another host", "GET http://evil.example/v1/demands HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n", false, 403, "forbidden"},
		{"connect", "CONNECT 10.0.0.7:22 HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n", false, 403, "forbidden"},
		{"options *", "OPTIONS * HTTP/1.1\r\nHost: " + address + "\r\nConnection: close\r\n\r\n", false, 404, "not-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.ledger.count()
			resp, body := wire(t, address, tt.text, tt.half)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d: %s", resp.StatusCode, body)
			}
			if tt.problem != "" {
				p, ok := events.DecodeProblem([]byte(body))
				if !ok || p.Type != events.ProblemPrefix+tt.problem {
					t.Fatalf("got %s", body)
				}
			}
			if sent := w.ledger.count() > before; sent != (tt.status == 201) {
				t.Fatalf("sent: %t", sent)
			}
		})
	}
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestServeDrains(t *testing.T) {
	t.Parallel()
	entered, streaming, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	w := newWorld(t, func(c *webapi.Config) {
		c.Extra = []webapi.Route{{Pattern: "GET /v1/follow", Stream: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(200)
			if err := http.NewResponseController(w).Flush(); err != nil {
				ended <- err
				return err
			}
			close(streaming)
			<-r.Context().Done()
			ended <- nil
			return nil
		}}}
	})
	w.ledger.send = func(ctx context.Context, e *events.Event) (*events.Answer, error) {
		close(entered)
		select {
		case <-release:
		case <-ctx.Done():
			return nil, events.ErrUnknown.Refuse("", "", "")
		}
		return accept(ctx, e)
	}
	address, stop, served := w.listening(t)
	stream := get(t, "http://"+address+"/v1/follow")
	answer := make(chan int, 1)
	go func() {
		resp, err := http.Post("http://"+address+"/v1/demands", "application/json", strings.NewReader(publish))
		if err != nil {
			t.Error(err)
			answer <- 0
			return
		}
		resp.Body.Close()
		answer <- resp.StatusCode
	}()
	await(t, streaming, "the stream")
	await(t, entered, "the command")
	stop()
	// The stream ends by itself; the command, which has been sent, gets its answer.
	if err := receive(t, ended, "the end of the stream"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream.Body); err != nil {
		t.Fatalf("the stream was cut: %v", err)
	}
	close(release)
	if status := receive(t, answer, "the command's answer"); status != http.StatusCreated {
		t.Fatalf("status %d", status)
	}
	if err := receive(t, served, "Serve"); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Fatal("the listener is still open")
	}
}

func TestServeTellsWhyItEnded(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := webapi.Serve(t.Context(), l, newWorld(t).handler); err == nil {
		t.Fatal("no error from a closed listener")
	}
}

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(deadline):
		t.Fatalf("%s did not come", what)
	}
}

func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(deadline):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// A server with tiny timeouts cuts an idle upload off; a stream that began before it lives on.
func TestStreamsOutliveTheServersTimeouts(t *testing.T) {
	t.Parallel()
	streaming, goOn := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(c *webapi.Config) {
		c.Extra = []webapi.Route{{Pattern: "GET /v1/follow", Stream: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(200)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
			close(streaming)
			select {
			case <-goOn:
			case <-r.Context().Done():
				return r.Context().Err()
			}
			_, err := io.WriteString(w, "still here")
			return err
		}}}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.handler, ReadTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond}
	go server.Serve(l)
	defer server.Close()
	stream := get(t, "http://"+l.Addr().String()+"/v1/follow")
	await(t, streaming, "the stream")
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	fmt.Fprintf(conn, "POST /v1/demands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
	if _, err := io.ReadAll(conn); err != nil { // until the server gives it up
		t.Fatal(err)
	}
	close(goOn)
	if body, err := io.ReadAll(stream.Body); err != nil || string(body) != "still here" {
		t.Fatalf("%q, %v", body, err)
	}
	if w.ledger.count() != 0 {
		t.Fatal("half a body was sent")
	}
}
