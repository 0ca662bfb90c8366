package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// relayWindow is how many messages the raw publisher has under way, as many as the relay.
const relayWindow = 4096

// relayed is the context whose events stream is deleted and filled again.
const relayed = "enterprise"

// relayPart deletes an events stream and has it filled from its ledger, against publishing the very same messages from memory
// into a stream of the same kind.
func (b *bench) relayPart() ([]table, error) {
	dir, remove, err := b.fresh("relay")
	if err != nil {
		return nil, err
	}
	defer remove()
	s, err := b.startSystem(dir, arrangement{})
	if err != nil {
		return nil, err
	}
	t, err := b.relayOn(s)
	if ended := s.close(); err == nil {
		err = ended
	}
	settle()
	return []table{t}, err
}

func (b *bench) relayOn(s *system) (table, error) {
	t := table{head: []string{fmt.Sprintf("%s events", number(float64(b.relay))), "per second", "ratio", "target"}}
	if _, err := s.loadAll(b.ctx, enterprises(b.relay)); err != nil {
		return t, err
	}
	// It returns when everything that derives from the ledgers has caught up, and says whether it is right.
	if err := s.verified(b.ctx); err != nil {
		return t, err
	}
	js, err := jetstream.New(s.conns[0], jetstream.WithPublishAsyncMaxPending(relayWindow))
	if err != nil {
		return t, err
	}
	messages, err := readAll(b.ctx, js, events.EventsStream(relayed))
	if err != nil {
		return t, err
	}
	size := 0
	for _, m := range messages {
		size += m.Size()
	}
	var rebuilt, rawTCP, rawInside []float64
	for n := range b.rounds {
		took, err := publishAll(b.ctx, s.conns[0], messages)
		if err != nil {
			return t, err
		}
		rawTCP = append(rawTCP, float64(len(messages))/took.Seconds())
		if took, err = b.publishAllInside(messages); err != nil {
			return t, err
		}
		rawInside = append(rawInside, float64(len(messages))/took.Seconds())
		begin, end := b.profiled(fmt.Sprintf("relay-%d", n+1))
		if took, err = s.rebuild(b.ctx, begin, end); err != nil {
			return t, err
		}
		rebuilt = append(rebuilt, float64(len(messages))/took.Seconds())
		b.log("round %d: raw tcp %s/s, raw in-process %s/s, rebuilt %s/s", n+1, number(rawTCP[n]), number(rawInside[n]), number(rebuilt[n]))
	}
	base, ratio := median(rawInside), median(rebuilt)/median(rawInside)
	t.row("raw async publish, in-process connection, a broker of its own", number(base), "1", "")
	t.row("raw async publish, TCP, the same broker", number(median(rawTCP)), times(median(rawTCP)/base), "")
	t.row("EVENTS stream deleted and filled from the ledger (in-process)", number(median(rebuilt)), times(ratio), atLeast(ratio, 0.6))
	t.note("The same messages (%d bytes on average) into one-replica streams with asynchronous persistence, at most %d unacknowledged, every acknowledgement checked.",
		size/max(len(messages), 1), relayWindow)
	t.note("The time of the rebuild includes the deletion. The departments' views notice and follow meanwhile.")
	return t, s.verified(b.ctx)
}

// verified holds the whole system to its invariants; one in other processes over HTTP.
func (s *system) verified(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if s.System == nil {
		return s.verifiedElsewhere(ctx)
	}
	report, err := s.Verify(ctx, nil)
	if err == nil && !report.OK {
		err = fmt.Errorf("verification: %+v", report.Violations)
	}
	return err
}

func (s *system) verifiedElsewhere(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+"/v1/verify", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && !bytes.Contains(text, []byte(`"ok":true`)) {
		err = fmt.Errorf("verification: %s: %s", answer.Status, text[max(0, len(text)-2048):])
	}
	return err
}

// rebuild makes all events streams anew and returns the time of the one with the load.
func (s *system) rebuild(ctx context.Context, profileBegin, profileEnd func() error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := together(profileBegin, nil)(); err != nil {
		return 0, err
	}
	var begun, ended time.Time
	err := s.Rebuild(ctx, allinone.Parts{Events: true}, func(step string, _, _ int) {
		switch {
		case step == "events "+relayed:
			begun = time.Now()
		case !begun.IsZero() && ended.IsZero(): // the next step begins
			ended = time.Now()
		}
	})
	if stopped := together(profileEnd, nil)(); err == nil {
		err = stopped
	}
	if err == nil && ended.IsZero() {
		err = fmt.Errorf("the rebuild did not tell about %s", relayed)
	}
	if err == nil {
		err = s.filledSince(ctx, begun)
	}
	return ended.Sub(begun), err
}

// filledSince says whether the stream's messages really are new ones.
func (s *system) filledSince(ctx context.Context, begun time.Time) error {
	js, err := jetstream.New(s.conns[0])
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, events.EventsStream(relayed))
	if err != nil {
		return err
	}
	if first := stream.CachedInfo().State.FirstTime; first.Before(begun) {
		return fmt.Errorf("%s holds messages stored at %s, before its rebuild began at %s", events.EventsStream(relayed), first, begun)
	}
	return nil
}

// readAll reads a stream's messages into memory, to be published again.
func readAll(ctx context.Context, js jetstream.JetStream, stream string) ([]*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	st, err := js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	info, err := st.Info(ctx)
	if err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	reading, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer reading.Stop()
	var list []*nats.Msg
	for uint64(len(list)) < info.State.Msgs {
		m, err := reading.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		list = append(list, &nats.Msg{Header: m.Headers(), Data: m.Data()})
	}
	return list, nil
}

// publishAllInside publishes over an in-process connection to a broker of its own, as the relay's connection is.
func (b *bench) publishAllInside(messages []*nats.Msg) (time.Duration, error) {
	dir, remove, err := b.fresh("raw")
	if err != nil {
		return 0, err
	}
	defer remove()
	broker, err := startBroker(dir)
	if err != nil {
		return 0, err
	}
	defer broker.stop()
	conns, err := broker.connections(1, false)
	if err != nil {
		return 0, err
	}
	defer closeAll(conns)
	return publishAll(b.ctx, conns[0], messages)
}

var rawStreams atomic.Int64

// publishAll makes a stream like a derived one, fills it as fast as one publisher can, and removes it.
func publishAll(ctx context.Context, conn *nats.Conn, messages []*nats.Msg) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	failed := make(chan error, 1)
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(relayWindow),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			select {
			case failed <- err:
			default:
			}
		}))
	if err != nil {
		return 0, err
	}
	// A name of its own: a server that is still removing an earlier stream of the same name does not really delete the next one.
	name := "RAW_" + strconv.FormatInt(rawStreams.Add(1), 10)
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{"bench.raw"}, PersistMode: jetstream.AsyncPersistMode, AllowDirect: true})
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	for _, m := range messages {
		m := &nats.Msg{Subject: "bench.raw", Header: m.Header, Data: m.Data}
		if _, err := js.PublishMsgAsync(m, jetstream.WithStallWait(10*time.Second)); err != nil {
			return 0, err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	took = time.Since(begun)
	select {
	case err := <-failed:
		return 0, err
	default:
	}
	return took, js.DeleteStream(ctx, name)
}
