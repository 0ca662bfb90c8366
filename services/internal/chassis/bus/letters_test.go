package bus

import (
	"errors"
	"strings"
	"testing"
)

// redriven is a reader of the world's topic that also takes back what is redriven to it.
func (w *world) redriven(l SubscriberConfig) (*Subscriber, string) {
	w.t.Helper()
	l.Group = "test"
	sub := w.subscriber(l)
	return sub, RedriveTopic("EVENTS_TEST", DurableName("test", topic))
}

// TestRedrive: a letter goes back to the reader that gave it up, once, as it was; when it dies again it tells of the same place.
func TestRedrive(t *testing.T) {
	w := embeddedWorld(t)
	letters, err := OpenLetters(w.ctx(), w.js, DeadLetterConfig{}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	sub, back := w.redriven(SubscriberConfig{MaxAttempts: 1})
	messages, err := sub.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	w.publish(event("m-1", "entity", `{"n":1}`))
	w.next(messages).Nack()
	w.letter(1)

	if err := letters.Redrive(w.ctx(), 1); !errors.Is(err, ErrNoReader) {
		t.Errorf("redriven to nobody: %v", err)
	}
	again, err := sub.Subscribe(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	list, err := letters.List(w.ctx(), 0, 10)
	if err != nil || len(list) != 1 || list[0].Reason != ReasonAttempts || list[0].Stream != "EVENTS_TEST" || list[0].Sequence != 1 || list[0].Body != nil {
		t.Fatalf("%v: %+v", err, list)
	}
	shown, err := letters.Show(w.ctx(), 1)
	if err != nil || string(shown.Body) != `{"n":1}` || shown.Header.Get("ce-subject") != "entity" {
		t.Fatalf("%v: %+v", err, shown)
	}
	if err := letters.Redrive(w.ctx(), 1); err != nil {
		t.Fatal(err)
	}
	m := w.next(again)
	if m.UUID != "m-1" || string(m.Payload) != `{"n":1}` || m.Metadata.Get("ce-subject") != "entity" {
		t.Errorf("it comes back as %s %q %v", m.UUID, m.Payload, m.Metadata)
	}
	m.Nack() // and dies again

	second := w.letter(2)
	expectHeaders(t, second.Header, map[string]string{HeaderDeadStream: "EVENTS_TEST", HeaderDeadSequence: "1", HeaderDeadDurable: list[0].Durable, "ce-subject": "entity"})
	if second.Subject != "jieli.deadletter.EVENTS_TEST."+list[0].Durable || strings.Contains(strings.Join(keys(second.Header), " "), "Redrive") {
		t.Errorf("the second letter is on %s with %v", second.Subject, keys(second.Header))
	}
	if err := letters.Redrive(w.ctx(), 2); err != nil {
		t.Fatal(err)
	}
	w.next(again).Ack()
	if list, err := letters.List(w.ctx(), 0, 10); err != nil || len(list) != 0 {
		t.Errorf("letters that have been redriven are still there: %v %+v", err, list)
	}
	for _, number := range []uint64{1, 2, 9} {
		if err := letters.Redrive(w.ctx(), number); !errors.Is(err, ErrNoLetter) {
			t.Errorf("letter %d: %v", number, err)
		}
	}
	if info, err := w.stream.Info(w.ctx()); err != nil || info.State.LastSeq != 1 {
		t.Errorf("the topic's own stream was written to: %v %+v", err, info)
	}
}

// TestRedriveOfTheLargestMessage: a letter that had no room for its body takes it from the original.
func TestRedriveOfTheLargestMessage(t *testing.T) {
	w := embeddedWorld(t)
	letters, err := OpenLetters(w.ctx(), w.js, DeadLetterConfig{}, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	sub, back := w.redriven(SubscriberConfig{MaxAttempts: 1})
	again, err := sub.Subscribe(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := sub.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	largest := int(w.conn.MaxPayload()) - 450
	w.publish(event("m-1", "e", strings.Repeat("x", largest)))
	w.next(messages).Nack()
	expectHeaders(t, w.letter(1).Header, map[string]string{HeaderDeadBody: "omitted"})
	if err := letters.Redrive(w.ctx(), 1); err != nil {
		t.Fatal(err)
	}
	m := w.next(again)
	if m.Ack(); len(m.Payload) != largest {
		t.Errorf("%d bytes, want %d", len(m.Payload), largest)
	}
}

func keys(header map[string][]string) []string {
	var list []string
	for name := range header {
		list = append(list, name)
	}
	return list
}
