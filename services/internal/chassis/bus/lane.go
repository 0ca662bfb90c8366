package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// lane handles the messages of some entities, one at a time.
type lane struct {
	sub   *subscription
	queue chan *delivery
}

// laneOf hashes (FNV-1a) the entity's name: the same entity always gets the same lane.
func laneOf(key string, lanes int) int {
	hash := uint32(2166136261)
	for i := range len(key) {
		hash = (hash ^ uint32(key[i])) * 16777619
	}
	return int(hash % uint32(lanes))
}

func (l *lane) run() {
	for {
		select {
		case <-l.sub.closing:
			return // what is queued goes back to the broker, in stream order, by the subscription
		default:
		}
		select {
		case <-l.sub.closing:
			return
		case d := <-l.queue:
			l.process(d)
		}
	}
}

// outcome is what became of one handing over.
type outcome int

const (
	acked     outcome = iota
	nacked            // the handler failed
	refused           // closing: the message was not handed over
	abandoned         // closing: the handler did not answer in time
)

// process hands a message over until it is settled or goes back to the broker.
func (l *lane) process(d *delivery) {
	s := l.sub
	failed := s.progress.failedAttempts(d)
	for inPlace := 1; ; inPlace++ {
		msg, err := decode(s.cfg.Marshaler, d.in)
		if err != nil {
			l.bury(d, death{reason: reasonOf(err), detail: err.Error(), attempts: failed})
			return
		}
		a := &attempt{Delivery: Delivery{
			Stream: d.in.Stream, Durable: s.source.Durable, Sequence: d.in.Sequence,
			Stored: d.in.Stored, Subject: d.in.Subject, Attempt: failed + 1,
		}}
		if planted.On("ack_before_apply") {
			s.answer(d, d.msg.Ack)
		}
		switch l.hand(msg, a) {
		case acked:
			s.counters.acked.Add(1)
			s.settle(d, d.msg.Ack)
			return
		case refused:
			s.release(d, failed, 0)
			return
		case abandoned:
			// The handler may still be at work: the broker gives the message to another only after AckWait.
			s.abandon(d)
			return
		case nacked:
		}

		failed++
		s.counters.nacked.Add(1)
		cause := a.err()
		switch {
		case isPermanent(cause):
			l.bury(d, death{reason: ReasonPermanent, detail: cause.Error(), attempts: failed})
			return
		case s.cfg.MaxAttempts >= 0 && failed >= s.cfg.MaxAttempts:
			detail := "the handler refused it without a reason"
			if cause != nil {
				detail = cause.Error()
			}
			l.bury(d, death{reason: ReasonAttempts, detail: detail, attempts: failed})
			return
		case inPlace >= s.cfg.InPlaceAttempts || s.isClosing():
			s.release(d, failed, s.cfg.Backoff.After(failed))
			return
		}
		if !s.pause(s.cfg.Backoff.After(failed)) {
			s.release(d, failed, 0)
			return
		}
		s.counters.redelivered.Add(1)
	}
}

// hand gives the message to the handler and waits for its answer.
func (l *lane) hand(msg *message.Message, a *attempt) outcome {
	s := l.sub
	ctx, cancel := context.WithCancel(context.WithValue(s.ctx, attemptKey{}, a))
	defer cancel()
	msg.SetContext(ctx)
	select {
	case s.out <- msg:
		s.counters.delivered.Add(1)
	case <-s.closing:
		return refused
	}
	select {
	case <-msg.Acked():
		return acked
	case <-msg.Nacked():
		return nacked
	case <-s.abandoning:
	}
	// An answer that was there already counts.
	select {
	case <-msg.Acked():
		return acked
	case <-msg.Nacked():
		return nacked
	default:
		return abandoned
	}
}

// bury moves a message to the dead letters, and back to the broker when they can't be reached.
func (l *lane) bury(d *delivery, why death) {
	s := l.sub
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), requestTimeout)
	defer cancel()
	if planted.On("dead_letter_dropped") {
		s.settle(d, d.msg.Term)
		return
	}
	if err := bury(ctx, s.js, s.cfg.DeadLetter, s.source.Durable, d.in, why); err != nil {
		s.counters.deadLetterFailures.Add(1)
		s.log.Error("dead letter not stored, the message stays", err, watermill.LogFields{
			"sequence": d.in.Sequence, "reason": why.reason,
		})
		s.release(d, why.attempts, s.cfg.Backoff.After(max(why.attempts, 1)))
		return
	}
	s.counters.deadLettered.Add(1)
	s.log.Info("message moved to the dead letters", watermill.LogFields{"sequence": d.in.Sequence, "reason": why.reason})
	s.settle(d, func() error { return d.msg.TermWithReason(oneLine(why.reason, 64)) })
}

// reasonOf is the reason a Marshaler gives for refusing a message.
func reasonOf(err error) string {
	var malformed *MalformedError
	if errors.As(err, &malformed) && malformed.Reason != "" {
		return malformed.Reason
	}
	return ReasonUndecodable
}

// decode shields the lane from a Marshaler that panics or returns nothing.
func decode(m Marshaler, in Incoming) (msg *message.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			msg, err = nil, &MalformedError{Reason: ReasonUndecodable, Detail: fmt.Sprintf("the decoder panicked: %v", r)}
		}
	}()
	msg, err = m.Unmarshal(in)
	if err == nil && msg == nil {
		err = &MalformedError{Reason: ReasonUndecodable, Detail: "the decoder returned nothing"}
	}
	return msg, err
}

// pause waits between attempts; false: the subscription closes.
func (s *subscription) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closing:
		return false
	}
}
