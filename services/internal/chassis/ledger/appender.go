package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// How an appender bounds what is under way.
const (
	derivedWindow = 4096            // messages of a stream not yet known to be stored
	askEvery      = 128             // at least one message of so many asks for an acknowledgement
	ackTimeout    = 5 * time.Second // an acknowledgement that takes longer is a failure
)

var (
	errNoAck  = errors.New("no acknowledgement in time")
	errNoRoom = errors.New("too much under way for too long")
	errRound  = errors.New("appended before the stream was readied")
)

// appender writes one stream without waiting. Every message names the one it must follow, so an acknowledgement of one proves all
// before it: only the last message of a run asks for one, and one of askEvery. (Asking for each is what the JetStream client's
// asynchronous publishing does; the answers then cost as much as the messages.) The newest message is held back until another
// follows or the writer says that none will at once, because only the one that asks can be answered for.
//
// It names it by its id, which is its origin, not by its sequence: a message of another writer that took the place of a refused one
// would fit the sequence of the next, and the refused one would be missing without a trace.
type appender struct {
	conn  *nats.Conn
	inbox string

	mu     sync.Mutex
	round  uint64           // of what was readied last; answers to earlier rounds only end their asking
	next   uint64           // sequence the next message must get
	before string           // id of the message before it, "" when there is none or it is not known
	held   *nats.Msg        // the message before it, when it has not been sent
	memory events.MsgBuffer // of held: sending copies a message, so one after the other is made in it
	acked  uint64           // every message up to this sequence is stored
	silent int              // messages sent since one asked
	sent   uint64           // messages sent in all rounds
	asked  []asking         // oldest first
	timer  *time.Timer      // of the oldest one
	failed error            // the first since the stream was readied
	broken chan struct{}    // closed with it
	moved  chan struct{}    // closed and replaced when acked moves, or when nothing is under way any more
}

type asking struct {
	round, sequence uint64
	by              time.Time // when it has failed
}

func newAppender(conn *nats.Conn) (*appender, error) {
	a := &appender{conn: conn, inbox: conn.NewInbox(), failed: errRound, broken: make(chan struct{}), moved: make(chan struct{})}
	close(a.broken)
	a.timer = time.AfterFunc(ackTimeout, a.late)
	a.timer.Stop()
	_, err := conn.Subscribe(a.inbox+".*.*", a.answered)
	return a, err
}

// ready begins a round: the next message gets the sequence behind last, and follows the message with the id before, "" when that is
// not known. Nothing may be under way.
func (a *appender) ready(last uint64, before string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.round++
	a.next, a.before, a.acked, a.held, a.silent = last+1, before, last, nil, 0
	if a.failed != nil {
		a.failed, a.broken = nil, make(chan struct{})
	}
}

// watch is closed by the first failure since the stream was readied.
func (a *appender) watch() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.broken
}

func (a *appender) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// fail keeps the first failure. The lock is held.
func (a *appender) fail(err error) error {
	if a.failed == nil {
		a.failed = err
		close(a.broken)
		a.wake()
	}
	return a.failed
}

func (a *appender) wake() {
	close(a.moved)
	a.moved = make(chan struct{})
}

// append takes an event; the message before it is sent.
func (a *appender) append(subject string, e *events.Event, origin events.Position) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed != nil {
		return a.failed
	}
	if a.held != nil {
		if err := a.send(a.silent+1 >= askEvery); err != nil {
			return err
		}
	}
	if err := a.room(); err != nil {
		return err
	}
	a.held = a.memory.Fill(subject, e)
	id := origin.Origin()
	a.memory.Set(HeaderOrigin, id)
	a.memory.Set(jetstream.MsgIDHeader, id)
	if planted.On("derived_stream_without_order") {
		a.next, a.before = a.next+1, id
		return nil
	}
	if a.before == "" {
		a.memory.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(a.next-1, 10))
	} else {
		a.memory.Set(jetstream.ExpectedLastMsgIDHeader, a.before)
	}
	a.next, a.before = a.next+1, id
	return nil
}

// settle sends what is held back.
func (a *appender) settle() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil && a.held != nil {
		return a.send(true)
	}
	return a.failed
}

// send sends the message that is held back. The lock is held: what the next one must follow is sent before it.
func (a *appender) send(ask bool) error {
	m := a.held
	a.held = nil
	a.silent++
	a.sent++
	if ask {
		sequence := a.next - 1
		m.Reply = a.inbox + "." + strconv.FormatUint(a.round, 10) + "." + strconv.FormatUint(sequence, 10)
		a.silent = 0
		if len(a.asked) == 0 {
			a.timer.Reset(ackTimeout)
		}
		a.asked = append(a.asked, asking{a.round, sequence, time.Now().Add(ackTimeout)})
	}
	if err := a.conn.PublishMsg(m); err != nil {
		return a.fail(err)
	}
	return nil
}

// room waits while too much is under way. The lock is held, but not while waiting.
func (a *appender) room() error {
	var late <-chan time.Time
	for a.failed == nil && a.next-a.acked > derivedWindow {
		if late == nil {
			timer := time.NewTimer(ackTimeout)
			defer timer.Stop()
			late = timer.C
		}
		moved := a.moved
		a.mu.Unlock()
		select {
		case <-moved:
			a.mu.Lock()
		case <-late:
			a.mu.Lock()
			return a.fail(errNoRoom)
		}
	}
	return a.failed
}

// answered takes an acknowledgement, or why a message was not stored.
func (a *appender) answered(m *nats.Msg) {
	round, sequence, ok := askedFor(m.Subject, len(a.inbox))
	if !ok {
		return
	}
	err := answerOf(m, sequence)
	a.mu.Lock()
	defer a.mu.Unlock()
	// Answers come in the order of the questions, from one stream; what was asked before this one and has no answer gets none.
	n := 0
	for n < len(a.asked) && (a.asked[n].round < round || a.asked[n].round == round && a.asked[n].sequence <= sequence) {
		n++
	}
	a.asked = append(a.asked[:0], a.asked[n:]...)
	a.rest()
	switch {
	case round != a.round:
	case err != nil && !planted.On("lost_append_unnoticed"):
		_ = a.fail(fmt.Errorf("message %d: %w", sequence, err))
	default:
		a.acked = max(a.acked, sequence)
	}
	a.wake()
}

// rest sets the timer to the oldest question. The lock is held.
func (a *appender) rest() {
	if len(a.asked) == 0 {
		a.timer.Stop()
		return
	}
	a.timer.Reset(time.Until(a.asked[0].by))
}

// late gives up on questions that have had no answer in time.
func (a *appender) late() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	n := 0
	for ; n < len(a.asked) && !now.Before(a.asked[n].by); n++ {
		if a.asked[n].round == a.round {
			_ = a.fail(fmt.Errorf("message %d: %w", a.asked[n].sequence, errNoAck))
		}
	}
	a.asked = append(a.asked[:0], a.asked[n:]...)
	a.rest()
	a.wake()
}

// stored waits for everything appended to be stored, or for the failure; ended is closed to give up.
func (a *appender) stored(ended <-chan struct{}) error {
	if err := a.settle(); err != nil {
		return err
	}
	return a.until(ended, func() bool { return a.failed != nil || a.acked == a.next-1 })
}

// quiet waits until no answer is outstanding.
func (a *appender) quiet(ended <-chan struct{}) {
	_ = a.until(ended, func() bool { return len(a.asked) == 0 })
}

func (a *appender) until(ended <-chan struct{}, reached func() bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !reached() {
		moved := a.moved
		a.mu.Unlock()
		select {
		case <-moved:
		case <-ended:
			a.mu.Lock()
			return a.failed
		}
		a.mu.Lock()
	}
	return a.failed
}

// askedFor reads round and sequence behind the inbox.
func askedFor(subject string, inbox int) (round, sequence uint64, ok bool) {
	first, second, _ := strings.Cut(subject[min(inbox+1, len(subject)):], ".")
	round, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	sequence, err = strconv.ParseUint(second, 10, 64)
	return round, sequence, err == nil
}

// answerOf is nil when the answer says that the message is stored as this sequence.
func answerOf(m *nats.Msg, sequence uint64) error {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return jetstream.ErrNoStreamResponse
	}
	var ack struct {
		Sequence uint64              `json:"seq"`
		Error    *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return fmt.Errorf("acknowledgement: %w", err)
	}
	if ack.Error != nil {
		return ack.Error
	}
	if ack.Sequence != sequence {
		return fmt.Errorf("stored as message %d", ack.Sequence)
	}
	return nil
}
