package simtest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"
)

// world is the virtual time and the tasks that live in it.
type world struct {
	rand    *rand.Rand
	now     time.Time
	tasks   []*task
	running *task
	steps   int
	trace   []string // the last things that happened
	failure string
	stats   *Counts
}

// task is a coroutine with the virtual time at which it goes on.
type task struct {
	name  string
	owner *node // nil: outside the system
	at    time.Time
	yield func(struct{}) bool
	next  func() (struct{}, bool)
	stop  func()
	done  bool
}

// stepsMax bounds one run: a system that is still busy then does not settle.
const stepsMax = 400_000

// killed ends a task whose process was killed.
type killed struct{}

// spawn begins a task.
func (w *world) spawn(owner *node, name string, run func()) *task {
	t := &task{name: name, owner: owner, at: w.now}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
			}
		}()
		run()
	})
	w.tasks = append(w.tasks, t)
	return t
}

// pause lets others run until the time has come.
func (w *world) pause(d time.Duration) {
	t := w.running
	t.at = w.now.Add(d)
	if !t.yield(struct{}{}) {
		panic(killed{})
	}
}

// wake makes a task go on at once.
func (w *world) wake(t *task) {
	if t != nil && t.at.After(w.now) {
		t.at = w.now
	}
}

// run goes on until until says so or nothing is left to do.
func (w *world) run(until func() bool) {
	for w.failure == "" && !until() {
		if w.steps++; w.steps > stepsMax {
			w.fail("I9", "the system does not settle: %d steps", w.steps)
			return
		}
		var ready []*task
		var first time.Time
		for _, t := range w.tasks {
			if !t.at.After(w.now) {
				ready = append(ready, t)
			} else if first.IsZero() || t.at.Before(first) {
				first = t.at
			}
		}
		if len(ready) == 0 {
			if first.IsZero() {
				return
			}
			w.now = first
			continue
		}
		w.resume(ready[w.rand.IntN(len(ready))])
	}
}

func (w *world) resume(t *task) {
	w.running = t
	if _, more := t.next(); !more {
		t.done = true
		w.drop(func(other *task) bool { return other == t })
	}
	w.running = nil
}

// drop ends tasks where they stand.
func (w *world) drop(which func(t *task) bool) {
	var kept, gone []*task
	for _, t := range w.tasks {
		if which(t) {
			gone = append(gone, t)
		} else {
			kept = append(kept, t)
		}
	}
	w.tasks = kept
	for _, t := range gone {
		t.done = true
		t.stop()
	}
}

const traceMax = 40

func (w *world) tell(format string, args ...any) {
	if len(w.trace) >= traceMax {
		w.trace = w.trace[1:]
	}
	w.trace = append(w.trace, w.now.Format("01-02T15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// fail notes the first thing that does not hold.
func (w *world) fail(invariant, format string, args ...any) {
	if w.failure == "" {
		w.failure = invariant + ": " + fmt.Sprintf(format, args...)
	}
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.rand.IntN(n) == 0 }

// moment is a short random time.
func (w *world) moment(longest time.Duration) time.Duration {
	return time.Duration(w.rand.Int64N(int64(longest) + 1))
}

// nodeClock is the clock of one writer's process. A wait that is over because its context has ended never tells so.
type nodeClock struct {
	w     *world
	n     *node
	ended func() bool
}

func (c *nodeClock) Now() time.Time { return c.w.now.Add(c.n.skew) }

func (c *nodeClock) Wake(t time.Time) (<-chan time.Time, func()) {
	c.w.pause(max(0, t.Sub(c.Now())))
	if c.ended() {
		return nil, func() {}
	}
	come := make(chan time.Time, 1)
	come <- c.Now()
	return come, func() {}
}
