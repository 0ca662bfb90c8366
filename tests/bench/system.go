package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// closeMax is how long a system may take to drain.
const closeMax = time.Minute

// system is a Jieli with clients that hold the operator's credential.
type system struct {
	dir    string
	http   string
	broker string // of a system of separate processes: its broker's addresses
	conns  []*nats.Conn
	*allinone.System
}

// arrangement is what runs in this process, and how clients reach it.
type arrangement struct {
	writersOnly bool // nothing is derived here: other processes would
	inProcess   bool // clients without sockets
}

// startSystem runs a system in this process, on a directory of its own.
func (b *bench) startSystem(dir string, o arrangement) (*system, error) {
	ctx, cancel := context.WithTimeout(b.ctx, closeMax)
	defer cancel()
	log := zerolog.New(os.Stderr).Level(zerolog.WarnLevel).With().Timestamp().Logger()
	s, err := allinone.Start(ctx, allinone.Options{Dir: dir, HTTP: "127.0.0.1:0", NATS: "127.0.0.1:0", WritersOnly: o.writersOnly, Log: log})
	if err != nil {
		return nil, err
	}
	client, err := attach(dir, s.HTTP(), b.conns)
	if err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	client.System = s
	if !o.inProcess {
		return client, nil
	}
	closeAll(client.conns)
	client.conns = nil
	for range b.conns {
		conn, err := s.Connect(ctx, "bench")
		if err != nil {
			return nil, errors.Join(err, client.close())
		}
		client.conns = append(client.conns, conn)
	}
	return client, nil
}

// attach connects to a running system by what its directory says.
func attach(dir, http string, conns int) (*system, error) {
	c, err := credential(dir, "operator")
	if err != nil {
		return nil, err
	}
	list, err := connect(conns, c.URL, nats.UserInfo(c.User, c.Password))
	return &system{dir: dir, http: http, conns: list}, err
}

func credential(dir, name string) (c allinone.NATSCredential, err error) {
	body, err := os.ReadFile(filepath.Join(dir, "credentials", name+".nats.json"))
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	return c, err
}

func (s *system) close() error {
	closeAll(s.conns)
	if s.System == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeMax)
	defer cancel()
	return s.Close(ctx)
}

// command is one command before it has an id.
type command struct {
	typ, subject string
	data         []byte
}

func newCommand(typ, subject string, payload any) (command, error) {
	data, err := json.Marshal(payload)
	return command{typ, subject, data}, err
}

// message is the command as it goes over the wire, in binary mode, with an id of its own.
func (c command) message() *nats.Msg {
	context, _ := events.SplitType(c.typ)
	return events.ToMsg(events.CommandSubject(context, 0), &events.Event{
		ID: events.NewUUID7(time.Now()).String(), Source: "/bench", Type: c.typ, Subject: c.subject, Data: c.data,
	})
}

// give sends a command and takes nothing but a first acceptance as an answer.
func give(ctx context.Context, conn *nats.Conn, c command) error {
	answer, err := conn.RequestMsgWithContext(ctx, c.message())
	if err != nil {
		return fmt.Errorf("%s of %s: %w", c.typ, c.subject, err)
	}
	return accepted(c, answer.Data)
}

// accepted looks at the bytes: decoding every answer would measure the client's JSON library.
func accepted(c command, body []byte) error {
	if bytes.Contains(body, []byte(`"status":"accepted"`)) && bytes.HasSuffix(bytes.TrimSpace(body), []byte(`"repeated":false}`)) {
		return nil
	}
	return fmt.Errorf("%s of %s: %s", c.typ, c.subject, body)
}

// loadAll gives commands, a bounded number at once, and waits for all answers.
func (s *system) loadAll(ctx context.Context, list func(yield func(command, error) bool)) (int, error) {
	const atOnce = 512
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan command, atOnce)
	var running sync.WaitGroup
	for i := range atOnce {
		running.Go(func() {
			for c := range work {
				call, stop := context.WithTimeout(ctx, 30*time.Second)
				err := give(call, s.conns[i%len(s.conns)], c)
				stop()
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	n := 0
	for c, err := range list {
		if err != nil {
			cancel(err)
		}
		if ctx.Err() != nil {
			break
		}
		work <- c
		n++
	}
	close(work)
	running.Wait()
	return n, context.Cause(ctx)
}

// counters reads the system's own counters.
func (s *system) counters() (map[string]float64, error) { return countersOf(s.http) }

func countersOf(address string) (map[string]float64, error) {
	answer, err := http.Get(address + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("metrics: %s", answer.Status)
	}
	return parseCounters(string(body)), err
}

func parseCounters(text string) map[string]float64 {
	found := make(map[string]float64)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			found[name] = v
		}
	}
	return found
}

// perCommit is the mean number of commands in a commit between two readings.
func perCommit(before, after map[string]float64, context string) float64 {
	of := func(name string) float64 {
		name = "jieli_ledger_group_commands_" + name + `{context="` + context + `"}`
		return after[name] - before[name]
	}
	return of("sum") / max(of("count"), 1)
}
