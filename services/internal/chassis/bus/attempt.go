package bus

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Delivery says where a message being handled comes from.
type Delivery struct {
	Stream   string
	Durable  string
	Sequence uint64 // in the stream
	Stored   time.Time
	Subject  string
	Attempt  int // 1 for the first time this process hands it over
}

// DeliveryOf returns the delivery of a message's context; false for a message that did not come through a Subscriber.
func DeliveryOf(ctx context.Context) (Delivery, bool) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return Delivery{}, false
	}
	return a.Delivery, true
}

type attemptKey struct{}

// attempt is one handing over of a message. Watermill's Nack carries no reason: KeepErrors leaves it here.
type attempt struct {
	Delivery
	failure atomic.Pointer[error]
}

func (a *attempt) err() error {
	if p := a.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// KeepErrors is a Watermill middleware that tells the Subscriber why a handler failed: the error is written on a dead
// letter, and a Permanent one makes the message a dead letter at once.
func KeepErrors(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := next(msg)
		if err != nil {
			if a, ok := msg.Context().Value(attemptKey{}).(*attempt); ok {
				a.failure.Store(&err)
			}
		}
		return produced, err
	}
}

// Permanent marks an error that no further attempt can mend. It needs the middleware KeepErrors.
func Permanent(err error) error { return permanentError{err} }

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func isPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}
