package app

import (
	"context"

	"github.com/jieli-bus/jieli/events"
)

// Commands gives commands to their context's ledger. ledger.Sender implements it.
type Commands interface {
	// Send returns the answer, or the refusal as an *events.Problem.
	Send(ctx context.Context, e *events.Event) (*events.Answer, error)
}

// Streams lets callers follow what they may see.
type Streams interface {
	// Follow visits events of a view in order: first what is stored behind the cursor, then new ones, until ctx ends or visit
	// fails. cursor "" begins with new events, "0" with the oldest stored. Each event comes with the cursor behind it; with cursor ""
	// the first visit has no event, only the cursor of the beginning ("" while nothing is stored).
	// view is a department's id or OperatorView. An unknown view or forged cursor is an *events.Problem.
	Follow(ctx context.Context, view, cursor string, visit func(cursor string, e *events.Event) error) error
}

// OperatorView is every event, uncut: for the operator alone.
const OperatorView = "operator"
