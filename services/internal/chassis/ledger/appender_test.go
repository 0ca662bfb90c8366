package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
)

func appendNotes(d *ledger.Derived, from, to uint64) error {
	for n := from; n <= to; n++ {
		e := &events.Event{ID: fmt.Sprint(n), Source: "/test", Type: "jieli.offer.noted.v1", Subject: "acc-1", Data: fmt.Appendf(nil, `{"n":%d}`, n)}
		if err := d.Append("jieli.event.offer.noted", e, events.Position{Context: "offer", Sequence: n}); err != nil {
			return err
		}
	}
	return nil
}

func origins(t *testing.T, d *ledger.Derived) (list []uint64) {
	t.Helper()
	if err := d.Range(within(t), func(m *ledger.Message) error { list = append(list, m.Origin.Sequence); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDerivedAsksSeldom: a long run of appends is stored as it was given, and a few acknowledgements speak for all of it.
func TestDerivedAsksSeldom(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	acks, err := r.embedded.connect(t).SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	d := r.target()
	if _, _, err := d.Resume(within(t)); err != nil {
		t.Fatal(err)
	}
	const n = 10_000
	if err := errors.Join(appendNotes(d, 1, n), d.Flush(within(t))); err != nil {
		t.Fatal(err)
	}
	got := origins(t, d)
	for i, sequence := range got {
		if sequence != uint64(i+1) {
			t.Fatalf("message %d comes from %d", i+1, sequence)
		}
	}
	if len(got) != n {
		t.Fatalf("%d of %d messages are stored", len(got), n)
	}
	asked := 0
	for {
		m, err := acks.NextMsg(100 * time.Millisecond)
		if errors.Is(err, nats.ErrTimeout) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(m.Data), `"stream":"EVENTS_OFFER"`) && strings.Contains(string(m.Data), `"seq":`) {
			asked++
		}
	}
	if asked == 0 || asked > n/100 {
		t.Errorf("%d acknowledgements for %d messages", asked, n)
	}
}

// TestDerivedIntruder: a message that somebody else puts into the stream ends the run at its place; nothing behind it is stored
// over the gap, and the writer hears of it although few of its messages ask for an acknowledgement.
func TestDerivedIntruder(t *testing.T) {
	t.Parallel()
	r := newRelayed(t)
	d := r.target()
	if _, _, err := d.Resume(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(appendNotes(d, 1, 10), d.Flush(within(t))); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(r.conn)
	if err != nil {
		t.Fatal(err)
	}
	intruder := events.ToMsg("jieli.event.offer.noted", &events.Event{ID: "x", Source: "/elsewhere", Type: "jieli.offer.noted.v1"})
	intruder.Header.Set(ledger.HeaderOrigin, events.Position{Context: "offer", Sequence: 10}.Origin())
	if _, err := js.PublishMsg(within(t), intruder); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(appendNotes(d, 11, 20), d.Flush(within(t)))
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != 10070 { // wrong last message id
		t.Fatalf("the writer hears %v", err)
	}
	last, _, err := d.Resume(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(appendNotes(d, last.Sequence+1, 20), d.Flush(within(t))); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(origins(t, d)), "[1 2 3 4 5 6 7 8 9 10 10 11 12 13 14 15 16 17 18 19 20]"; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
}
