package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger/ledgertest"
)

// relayed is a ledger with its EVENTS stream on one embedded broker.
type relayed struct {
	*embedded
	t      *testing.T
	conn   *nats.Conn
	broker *ledger.JetStream
	log    ledger.Log
	bank   *bank
	given  int
}

func newRelayed(t *testing.T) *relayed {
	t.Helper()
	e := startEmbedded(t, 0)
	r := &relayed{embedded: e, t: t, conn: e.connect(t)}
	r.broker = jetStream(t, r.conn, 1, time.Second)
	openNode(t, r.broker, t.TempDir(), withPartitions(2))
	r.bank = newBank(t, r.broker, 2)
	var err error
	if r.log, err = r.broker.OpenLog(within(t), ledgertest.Context, 2); err != nil {
		t.Fatal(err)
	}
	return r
}

// more commits n commands, refusals among them, with one to three events each.
func (r *relayed) more(n int) {
	r.t.Helper()
	for range n {
		r.given++
		subject := fmt.Sprintf("acc-%d", r.given%5)
		switch r.given % 4 {
		case 0:
			r.bank.refusedAs(events.ErrState, note(subject, "refuse:10"))
		case 1:
			r.bank.must(note(subject, "events:3:20"))
		default:
			r.bank.must(deposit(subject, fmt.Sprintf("r%d", r.given), 1))
		}
	}
}

func (r *relayed) last() uint64 {
	r.t.Helper()
	info, err := r.log.Info(within(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	return info.Last
}

func (r *relayed) target() *ledger.Derived {
	r.t.Helper()
	d, err := ledger.OpenDerived(within(r.t), r.conn, r.conn, "EVENTS_OFFER", "test", 0, "jieli.event.offer.>")
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// relay runs a relay until stop.
func (r *relayed) relay(d *ledger.Derived) (relay *ledger.Relay, stop func()) {
	relay = &ledger.Relay{Context: ledgertest.Context, Source: r.log, Target: d, Log: logger(r.t)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = relay.Run(ctx)
	}()
	stop = func() { cancel(); <-done }
	r.t.Cleanup(stop)
	return relay, stop
}

func (r *relayed) complete(relay *ledger.Relay) {
	r.t.Helper()
	if err := relay.Complete(within(r.t), r.last()); err != nil {
		r.t.Fatal(err)
	}
}

// all reads the stream as it is stored: subject, headers and data of every message.
func (r *relayed) all() []string {
	r.t.Helper()
	js, err := jetstream.New(r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	stream, err := js.Stream(within(r.t), "EVENTS_OFFER")
	if err != nil {
		r.t.Fatal(err)
	}
	info, err := stream.Info(within(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	var list []string
	for sequence := info.State.FirstSeq; sequence > 0 && sequence <= info.State.LastSeq; sequence++ {
		m, err := stream.GetMsg(within(r.t), sequence)
		if err != nil {
			r.t.Fatal(err)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s\n", m.Subject)
		for _, name := range slices.Sorted(maps(m.Header)) {
			if name != "Nats-Time-Stamp" { // when it was stored, which the server adds to its answer
				fmt.Fprintf(&b, "%s: %q\n", name, m.Header[name])
			}
		}
		b.Write(m.Data)
		list = append(list, b.String())
	}
	return list
}

// difference is the first one.
func difference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("message %d was\n%s\nand is\n%s", i+1, a[i], b[i])
		}
	}
	return "one is longer"
}

func maps(h nats.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range h {
			if !yield(name) {
				return
			}
		}
	}
}

// origins of what the ledger holds, in order: what the stream must hold.
func (r *relayed) origins() []string {
	r.t.Helper()
	var list []string
	a := &ledger.Auditor{Machine: ledgertest.NewAccount(1), Violation: func(i, at, what string) { r.t.Errorf("%s at %s: %s", i, at, what) },
		Event: func(_ *events.Event, origin events.Position) error { list = append(list, origin.Origin()); return nil }}
	if err := a.Read(within(r.t), r.log, 2, r.last()); err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *relayed) check(d *ledger.Derived) {
	r.t.Helper()
	var got []string
	if err := d.Range(within(r.t), func(m *ledger.Message) error {
		if want := events.EventSubject(&m.Event); m.Subject != want {
			r.t.Errorf("%s is stored under %s, not %s", m.Origin.Origin(), m.Subject, want)
		}
		got = append(got, m.Origin.Origin())
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	if want := r.origins(); !slices.Equal(got, want) {
		r.t.Errorf("the stream holds\n%v\nthe ledger\n%v", got, want)
	}
}

// TestRelayRebuild: deleted, the stream comes back byte for byte.
func TestRelayRebuild(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	r.more(40)
	d := r.target()
	relay, _ := r.relay(d)
	r.complete(relay)
	r.check(d)
	before := r.all()
	if err := d.Delete(within(t)); err != nil {
		t.Fatal(err)
	}
	relay.Restart()
	r.complete(relay)
	if after := r.all(); !slices.Equal(before, after) {
		t.Errorf("%d messages before, %d after, not the same: %s", len(before), len(after), difference(before, after))
	}
	r.more(10)
	r.complete(relay)
	r.check(d)
}

// TestRelayNoticesLostAppend: an append that fails after it was sent is noticed without a further commit.
func TestRelayNoticesLostAppend(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	r.more(10)
	d := r.target()
	relay, _ := r.relay(d)
	r.complete(relay)
	js, err := jetstream.New(r.conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(within(t), "EVENTS_OFFER"); err != nil { // behind the relay's back
		t.Fatal(err)
	}
	r.bank.must(note("a", "x")) // the last commit for long
	r.complete(relay)
	r.check(d)
}

// TestRelayResumes: a stream that has lost its end, as after a power failure, is filled up behind what is left.
func TestRelayResumes(t *testing.T) {
	t.Parallel()
	t.Run("older files", func(t *testing.T) {
		r := newRelayed(t)
		r.more(12)
		d := r.target()
		relay, stop := r.relay(d)
		r.complete(relay)
		stop()
		streamDir := filepath.Join(r.dir, "jetstream", "$G", "streams", "EVENTS_OFFER")
		r.embedded.stop()
		older := t.TempDir()
		if err := os.CopyFS(older, os.DirFS(streamDir)); err != nil {
			t.Fatal(err)
		}
		r.start()
		reconnected(t, r.conn.IsConnected)
		r.more(12)
		relay, stop = r.relay(d)
		r.complete(relay)
		stop()
		before := r.all()
		r.embedded.stop()
		if err := os.RemoveAll(streamDir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(streamDir, os.DirFS(older)); err != nil {
			t.Fatal(err)
		}
		r.start()
		reconnected(t, r.conn.IsConnected)
		if n := len(r.all()); n == 0 || n >= len(before) {
			t.Fatalf("%d of %d messages are left: nothing was lost", n, len(before))
		}
		relay, _ = r.relay(d)
		r.complete(relay)
		r.check(d)
		if after := r.all(); !slices.Equal(before, after) {
			t.Errorf("%d messages before, %d after, not the same: %s", len(before), len(after), difference(before, after))
		}
	})
	t.Run("last messages deleted", func(t *testing.T) {
		r := newRelayed(t)
		r.more(12)
		d := r.target()
		relay, stop := r.relay(d)
		r.complete(relay)
		stop()
		_, last, err := d.Len(within(t))
		if err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(r.conn)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := js.Stream(within(t), "EVENTS_OFFER")
		if err != nil {
			t.Fatal(err)
		}
		for sequence := last - 2; sequence <= last; sequence++ {
			if err := stream.DeleteMsg(within(t), sequence); err != nil {
				t.Fatal(err)
			}
		}
		relay, _ = r.relay(d)
		r.complete(relay)
		r.check(d)
	})
}

// TestTwoRelays: two writers on one derived stream get in each other's way and double nothing.
func TestTwoRelays(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	r.more(20)
	one, two := r.target(), r.target()
	first, _ := r.relay(one)
	second, _ := r.relay(two)
	for range 5 {
		r.more(8)
		r.complete(first)
		r.complete(second)
	}
	r.check(one)
}

// TestDerivedReadersDuringRebuild: readers and the writer share a stream that is deleted and made anew.
func TestDerivedReadersDuringRebuild(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	r.more(12)
	d := r.target()
	relay, _ := r.relay(d)
	r.complete(relay)
	ctx, cancel := context.WithCancel(within(t))
	var readers sync.WaitGroup
	for range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for ctx.Err() == nil { // errors are fine while the stream is away; races are not
				_, _, _ = d.Len(ctx)
				_, _, _ = d.LastOf(ctx, "jieli.event.offer.>")
				_, _ = d.SequenceOf(ctx, ">", events.Position{Context: "offer", Sequence: 3})
			}
		}()
	}
	for range 3 {
		if err := d.Delete(within(t)); err != nil {
			t.Fatal(err)
		}
		relay.Restart()
		r.complete(relay)
	}
	cancel()
	readers.Wait()
	r.check(d)
}

// TestSequenceOf: the mapping from a place in the ledger to the stream, for every place.
func TestSequenceOf(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	d := r.target()
	if sequence, err := d.SequenceOf(within(t), ">", events.Position{Context: "offer", Sequence: 9}); err != nil || sequence != 0 {
		t.Errorf("in an empty stream: %d, %v", sequence, err)
	}
	r.more(15)
	relay, _ := r.relay(d)
	r.complete(relay)
	var origins []events.Position
	if err := d.Range(within(t), func(m *ledger.Message) error { origins = append(origins, m.Origin); return nil }); err != nil {
		t.Fatal(err)
	}
	for sequence := uint64(0); sequence <= r.last()+1; sequence++ {
		for index := range 4 {
			place := events.Position{Context: "offer", Sequence: sequence, Index: index}
			want := uint64(0)
			for i, origin := range origins {
				if !place.Less(origin) {
					want = uint64(i + 1)
				}
			}
			if got, err := d.SequenceOf(within(t), ">", place); err != nil || got != want {
				t.Errorf("%s: %d, %v; want %d", place.Origin(), got, err, want)
			}
		}
	}
}

// TestDurablesOutliveRebuild: a durable consumer goes on at the first message it had not acknowledged.
func TestDurablesOutliveRebuild(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	r.more(20)
	d := r.target()
	relay, stop := r.relay(d)
	r.complete(relay)
	js, err := jetstream.New(r.conn)
	if err != nil {
		t.Fatal(err)
	}
	all := r.origins()
	acked := map[string]int{"none": 0, "some": 7, "all": len(all)}
	for name, n := range acked {
		if err := d.EnsureConsumer(within(t), jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
			t.Fatal(err)
		}
		if err := d.EnsureConsumer(within(t), jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		r.fetch(js, name, n)
	}
	list, err := d.Durables(within(t))
	if err != nil || len(list) != len(acked) {
		t.Fatalf("%d durables, %v", len(list), err)
	}
	stop()
	if err := d.Delete(within(t)); err != nil {
		t.Fatal(err)
	}
	relay, _ = r.relay(d)
	r.complete(relay)
	if err := d.Restore(within(t), list); err != nil {
		t.Fatal(err)
	}
	r.more(3)
	r.complete(relay)
	all = r.origins()
	for name, n := range acked {
		if got := r.fetch(js, name, len(all)-n); !slices.Equal(got, all[n:]) {
			t.Errorf("%s: got\n%v\nwant\n%v", name, got, all[n:])
		}
	}
}

// fetch takes and acknowledges n messages and returns their origins.
func (r *relayed) fetch(js jetstream.JetStream, durable string, n int) []string {
	r.t.Helper()
	consumer, err := js.Consumer(within(r.t), "EVENTS_OFFER", durable)
	if err != nil {
		r.t.Fatal(err)
	}
	var origins []string
	for len(origins) < n {
		m, err := consumer.Next(jetstream.FetchContext(within(r.t)))
		if err == nil {
			err = m.DoubleAck(within(r.t))
		}
		if err != nil {
			r.t.Fatal(errors.Join(fmt.Errorf("%s: %d of %d", durable, len(origins), n), err))
		}
		origins = append(origins, m.Headers().Get(ledger.HeaderOrigin))
	}
	return origins
}
