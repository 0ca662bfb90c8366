package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// http compares POST /v1/demands with a handler that reads the body and answers as many bytes, under the same client: one
// keep-alive connection a caller. The client writes and reads bytes itself, so that it does not hide the server behind its own cost.
func (b *bench) http() ([]table, error) {
	demands, err := castDemands(mouldRows, knownEnterprises)
	if err != nil {
		return nil, err
	}
	var empty, system []load
	for n := range b.rounds {
		l, err := b.emptyHandler(demands)
		if err != nil {
			return nil, err
		}
		b.log("round %d: empty handler: %s/s, p50 %s, p99 %s", n+1, number(l.rate), millis(l.p50), millis(l.p99))
		empty = append(empty, l)
		if l, err = b.postDemands(demands, fmt.Sprintf("http-%d", n+1)); err != nil {
			return nil, err
		}
		b.log("round %d: POST /v1/demands: %s/s, p50 %s, p99 %s", n+1, number(l.rate), millis(l.p50), millis(l.p99))
		system = append(system, l)
	}
	t := table{head: []string{fmt.Sprintf("%s keep-alive connections", number(float64(b.requesters))), "per second", "p50", "p99", "CPU each", "ratio"}}
	base, l := medianLoad(empty), medianLoad(system)
	t.row("empty `net/http` handler", number(base.rate), millis(base.p50), millis(base.p99), micros(base.cpu), "1")
	t.row("`POST /v1/demands`, accepted and on disk", number(l.rate), millis(l.p50), millis(l.p99), micros(l.cpu), times(l.rate/base.rate))
	t.note("%d rounds of %s after %s of warm-up; the same bytes are sent to both; no target.", b.rounds, b.run, b.warm)
	return []table{t}, nil
}

// httpAnswer stands in for the system's answer, at its usual length.
var httpAnswer = []byte(`{"command":"` + strings.Repeat("0", 36) + `","status":"accepted","subject":"b1-1","version":1,"position":"demand.0:1","events":["` +
	strings.Repeat("0", 36) + `"],"repeated":false}`)

func (b *bench) emptyHandler(m *mould) (load, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return load{}, err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(httpAnswer) // a client that has gone counts its own failure
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	defer func() {
		server.Close()
		<-ended
		settle()
	}()
	return b.post(listener.Addr().String(), m, nil, nil)
}

func (b *bench) postDemands(m *mould, name string) (load, error) {
	s, done, err := b.knowing(name, arrangement{})
	if err != nil {
		return load{}, err
	}
	begin, end := b.profiled(name)
	l, err := b.post(strings.TrimPrefix(s.http, "http://"), m, begin, end)
	if ended := done(); err == nil {
		err = ended
	}
	return l, err
}

// post has every caller send demands over its own connection, one after another.
func (b *bench) post(address string, m *mould, begin, end func() error) (load, error) {
	type client struct {
		conn net.Conn
		in   *bufio.Reader
		out  bytes.Buffer
	}
	clients := make([]client, b.requesters)
	defer func() {
		for _, c := range clients {
			if c.conn != nil {
				c.conn.Close()
			}
		}
	}()
	for i := range clients {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return load{}, err
		}
		clients[i].conn, clients[i].in = conn, bufio.NewReader(conn)
	}
	deadline := time.Now().Add(b.warm + b.run + time.Minute)
	var count atomic.Uint64
	return b.closedLoop(func(_ context.Context, worker int) error {
		c := &clients[worker]
		n := count.Add(1)
		demand := m.command(n, demandID(worker, n))
		c.out.Reset()
		fmt.Fprintf(&c.out, "POST /v1/demands HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", address, len(demand.data))
		c.out.Write(demand.data)
		if err := c.conn.SetDeadline(deadline); err != nil {
			return err
		}
		if _, err := c.conn.Write(c.out.Bytes()); err != nil {
			return err
		}
		answer, err := http.ReadResponse(c.in, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		if answer.StatusCode != http.StatusCreated {
			return fmt.Errorf("POST /v1/demands: %s %s", answer.Status, body)
		}
		return accepted(demand, body)
	}, begin, end)
}
