package store

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	waitersMax  = 1 << 16                // callers waiting at once; more are told ErrBehind
	sourcesMax  = 1 << 14                // sources known; a caller who asks for yet another is told ErrBehind
	pollMin     = 2 * time.Millisecond   // first pause between looks at a shared store
	pollMax     = 100 * time.Millisecond // longest pause
	pollGrowth  = 2
	noPosition  = uint64(0)
	pollFailMax = 3 // looks that may fail one after another before the waiters hear of it
)

// Positions is what a Waiter asks of a store that another process may be feeding.
type Positions interface {
	Position(ctx context.Context, collection, source string) (Position, error)
}

// Waiter lets a read wait until a projection has reached the position of a write (read your writes). The projector
// calls Advance after each Apply; readers call Wait.
//
// Where another process may be the projector, a Waiter made with a store also looks there: one of the callers waiting
// for a source does, with growing pauses, for all of them.
type Waiter struct {
	shared  Positions // nil: only Advance tells
	mu      sync.Mutex
	sources map[sourceName]*waitQueue
	waiting int
}

type sourceName struct{ collection, source string }

// NewWaiter makes a Waiter. shared is nil when this process is the only projector (the memory store), else the store.
func NewWaiter(shared Positions) *Waiter {
	return &Waiter{shared: shared, sources: map[sourceName]*waitQueue{}}
}

// waitQueue holds the callers that wait for one source, the lowest sequence first.
type waitQueue struct {
	reached uint64
	calls   waitHeap
	looking chan struct{} // holds one token: who takes it looks at the shared store for all
}

type waitCall struct {
	sequence uint64
	done     chan struct{} // closed when reached
	at       int           // place in the heap, -1 once out
}

func (w *Waiter) queue(collection, source string) *waitQueue {
	name := sourceName{collection, source}
	q := w.sources[name]
	if q == nil {
		q = &waitQueue{looking: make(chan struct{}, 1)}
		q.looking <- struct{}{}
		w.sources[name] = q
	}
	return q
}

// Advance tells that the projection of a source is now at sequence. A lower one than before is right when a rebuild
// starts over: from then on readers wait for the rebuilt data.
func (w *Waiter) Advance(collection, source string, sequence uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queue(collection, source)
	q.reached = sequence
	w.wake(q, sequence)
}

func (w *Waiter) wake(q *waitQueue, sequence uint64) {
	for len(q.calls) > 0 && q.calls[0].sequence <= sequence {
		close(heap.Pop(&q.calls).(*waitCall).done)
		w.waiting--
	}
}

// Wait returns when the projection of a source has reached sequence, at once if it has. ErrBehind if ctx ends before
// (with the context's error as cause), or if too many wait; ErrUnavailable and the like if the shared store fails.
func (w *Waiter) Wait(ctx context.Context, collection, source string, sequence uint64) error {
	if sequence == noPosition {
		return nil
	}
	w.mu.Lock()
	if _, known := w.sources[sourceName{collection, source}]; !known && len(w.sources) >= sourcesMax {
		w.mu.Unlock()
		return ErrBehind
	}
	q := w.queue(collection, source)
	if q.reached >= sequence {
		w.mu.Unlock()
		return nil
	}
	if w.waiting >= waitersMax {
		w.mu.Unlock()
		return ErrBehind
	}
	call := &waitCall{sequence: sequence, done: make(chan struct{})}
	heap.Push(&q.calls, call)
	w.waiting++
	w.mu.Unlock()
	defer w.leave(q, call)

	looking := q.looking
	if w.shared == nil {
		looking = nil
	}
	select {
	case <-call.done:
		return nil
	case <-ctx.Done():
		return ErrBehind.because(ctx.Err())
	case <-looking:
		defer func() { q.looking <- struct{}{} }()
		return w.look(ctx, collection, source, q, call)
	}
}

// look asks the shared store until call is served, and wakes everybody whom the answers serve.
func (w *Waiter) look(ctx context.Context, collection, source string, q *waitQueue, call *waitCall) error {
	pause, failed := pollMin, 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-call.done:
			return nil
		case <-ctx.Done():
			return ErrBehind.because(ctx.Err())
		case <-timer.C:
		}
		p, err := w.shared.Position(ctx, collection, source)
		switch {
		case err == nil:
			failed = 0
			// Not kept as reached: an answer under way for long must not overwrite a newer Advance.
			w.mu.Lock()
			w.wake(q, p.Sequence)
			w.mu.Unlock()
		case ctx.Err() != nil:
			return ErrBehind.because(ctx.Err())
		case !errors.Is(err, ErrUnavailable):
			return err
		default:
			if failed++; failed >= pollFailMax {
				return err
			}
		}
		timer.Reset(pause)
		pause = min(pause*pollGrowth, pollMax)
	}
}

// leave takes a call out that wasn't served.
func (w *Waiter) leave(q *waitQueue, call *waitCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if call.at >= 0 {
		heap.Remove(&q.calls, call.at)
		w.waiting--
	}
}

type waitHeap []*waitCall

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].sequence < h[j].sequence }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *waitHeap) Push(x any) {
	call := x.(*waitCall)
	call.at = len(*h)
	*h = append(*h, call)
}

// Pop implements heap.Interface.
func (h *waitHeap) Pop() any {
	last := len(*h) - 1
	call := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	call.at = -1
	return call
}
