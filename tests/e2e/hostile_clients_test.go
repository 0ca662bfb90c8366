package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// What misbehaving clients hold at once. More than 2,048 requests with half a body: as many as are answered at once.
const (
	halfBodies   = 2100
	slowHeaders  = 300
	neverReaders = 100
	manyStreams  = 2000
	goodCommands = 200
	goodWithin   = 5 * time.Second // the slowest answer that a well-behaved client may get, on a machine under load
)

// Clients that send half a body, never read, open 2,000 streams, dribble headers or send rubbish harm nobody else: commands, reads and a
// department's stream go on, and nothing stays behind once they are gone.
func TestHostileClientsHarmNobodyElse(t *testing.T) {
	s := start(t, allinone.Options{})
	id, body := enterprise(1)
	s.do("POST", "/v1/enterprises", body)
	s.do("POST", "/v1/demands", loanDemand("hostile-0", id))
	before := s.goroutines()
	h := &hostiles{system: s, enterprise: id, address: strings.TrimPrefix(s.HTTP(), "http://")}
	h.halfBodies()
	h.slowHeaders()
	h.neverReaders()
	h.garbage()
	refusedStreams := h.streams()
	if refusedStreams < manyStreams/2 {
		t.Errorf("only %d of %d streams were refused", refusedStreams, manyStreams)
	}
	h.forgedCursors()
	slowest := h.goodClient()
	t.Logf("%d connections misbehave; slowest good answer %s; %d of %d streams refused", len(h.conns), slowest, refusedStreams, manyStreams)
	if slowest > goodWithin {
		t.Errorf("a well-behaved client waited %s", slowest)
	}
	h.leave()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if now := s.goroutines(); now <= before+before/10+20 {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", before, now)
		}
	}
}

type hostiles struct {
	*system
	address    string
	enterprise string
	mu         sync.Mutex // over conns
	conns      []net.Conn
}

var goroutinesLine = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

func (s *system) goroutines() int {
	s.t.Helper()
	client.CloseIdleConnections()
	_, _, body := s.call("GET", "/metrics", nil)
	m := goroutinesLine.FindSubmatch(body)
	if m == nil {
		s.t.Fatal("/metrics does not tell the goroutines")
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// open sends something and keeps the connection.
func (h *hostiles) open(n int, text string) {
	h.t.Helper()
	for range n {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			h.t.Fatal(err)
		}
		h.conns = append(h.conns, conn)
		if _, err := io.WriteString(conn, text); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *hostiles) halfBodies() {
	h.open(halfBodies, "POST /v1/demands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"id\":")
	h.open(50, "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/cloudevents-batch+json\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n[")
}

func (h *hostiles) slowHeaders() {
	h.open(slowHeaders, "GET /v1/demands HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
}

func (h *hostiles) neverReaders() {
	h.open(neverReaders, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 50)) // 25 MB each
}

// garbage: what is no HTTP is answered by 400 or nothing, and ends the connection; so do headers of 10 MB, which are not read to the end.
func (h *hostiles) garbage() {
	for _, text := range []string{
		"GET /v1/demands HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\xff\x16\x03\x01 rubbish\r\n\r\nGET / HTTP/9.9\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /v1/demands HTTP/1.1\r\nHost: localhost\r\nX-Big: " + strings.Repeat("a", 10<<20) + "\r\n\r\n",
		strings.Repeat("A", 1<<20),
	} {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			h.t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		go func() { // the server may stop reading before the end
			io.WriteString(conn, text)
			if tcp, ok := conn.(*net.TCPConn); ok {
				tcp.CloseWrite()
			}
		}()
		got, _ := io.ReadAll(conn) // a reset is an end, too
		conn.Close()
		if bytes.Contains(got, []byte("goroutine ")) || bytes.Count(got, []byte("HTTP/1.1 200")) > 1 {
			h.t.Errorf("%.40q was answered by %.200q", text, got)
		}
	}
}

// streams opens streams as one client and says how many were refused, each by a problem.
func (h *hostiles) streams() int {
	var refused, following atomic.Int64
	var opening sync.WaitGroup
	slots := make(chan struct{}, 64)
	for range manyStreams {
		slots <- struct{}{}
		opening.Go(func() {
			defer func() { <-slots }()
			conn, err := net.Dial("tcp", h.address)
			if err != nil {
				h.t.Error(err)
				return
			}
			fmt.Fprint(conn, "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				h.t.Error(err)
				return
			}
			h.mu.Lock()
			h.conns = append(h.conns, conn)
			h.mu.Unlock()
			if answer.StatusCode == http.StatusOK {
				following.Add(1)
				return
			}
			body, err := io.ReadAll(answer.Body)
			if p, ok := events.DecodeProblem(body); err != nil || !ok || p.Type != events.ProblemPrefix+events.ErrOverloaded.Code || answer.Header.Get("Retry-After") == "" {
				h.t.Errorf("a stream was refused by %d %s", answer.StatusCode, body)
			}
			refused.Add(1)
		})
	}
	opening.Wait()
	if following.Load() == 0 {
		h.t.Error("no stream was opened")
	}
	return int(refused.Load())
}

func (h *hostiles) forgedCursors() {
	for _, cursor := range []string{"forged", "AgAAAAAAAAAAAAAAAAAAAAAAAGE", "AW5vdCBtaW5l"} {
		h.refused(events.ErrCursor, "GET", "/v1/demands?cursor="+cursor, nil)
	}
}

// goodClient goes on: commands, reads of what was written, and a department's stream that shows them. It says how long the slowest
// answer took.
func (h *hostiles) goodClient() (slowest time.Duration) {
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", h.HTTP()+"/v1/stream?type="+events.TypeDemandPublished, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.credential("pboc.token"))
	stream, err := client.Do(r)
	if err != nil || stream.StatusCode != http.StatusOK {
		h.t.Fatalf("a department cannot follow its view: %v %v", stream, err)
	}
	defer stream.Body.Close()
	timed := func(f func()) {
		begun := time.Now()
		f()
		slowest = max(slowest, time.Since(begun))
	}
	for i := range goodCommands {
		id := fmt.Sprintf("hostile-%d", i+1)
		timed(func() { h.do("POST", "/v1/demands", loanDemand(id, h.enterprise)) })
	}
	timed(func() { h.call("GET", "/v1/demands?status=open&limit=200", nil) })
	timed(func() { h.call("GET", "/docs", nil) })
	seen := 0
	for lines := bufio.NewScanner(stream.Body); seen < goodCommands && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "event: "+events.TypeDemandPublished) {
			seen++
		}
	}
	if seen != goodCommands {
		h.t.Errorf("the department saw %d of %d", seen, goodCommands)
	}
	return slowest
}

func (h *hostiles) leave() {
	for _, conn := range h.conns {
		conn.Close()
	}
}
