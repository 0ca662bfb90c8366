package step

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// NewMachine erases the entity type of a decider.
func NewMachine[T any](d Decider[T]) Machine { return machine[T]{d} }

type machine[T any] struct{ d Decider[T] }

func (m machine[T]) Context() string  { return m.d.Context }
func (m machine[T]) FoldVersion() int { return m.d.FoldVersion }

func (m machine[T]) Entity() any { return new(T) }

func (m machine[T]) New() State {
	return &state[T]{d: m.d, entities: make(map[string]entry[T])}
}

func (m machine[T]) Project(doc []byte, e *Applied) ([]byte, error) {
	var current *T
	if doc != nil {
		current = new(T)
		if err := events.Unmarshal(doc, current); err != nil {
			return nil, fmt.Errorf("step: document of %s/%s: %w", m.d.Context, e.Subject, err)
		}
	}
	return json.Marshal(m.d.Evolve(current, e))
}

type entry[T any] struct {
	state   *T
	version uint64
}

type state[T any] struct {
	d        Decider[T]
	entities map[string]entry[T]
	timers   timerHeap
}

func (s *state[T]) Decide(c *Command, now time.Time) ([]Event, error) {
	return s.d.Decide(s.entities[c.Subject].state, c, now)
}

func (s *state[T]) Apply(e *Applied) Undo {
	before := s.entities[e.Subject]
	s.put(e.Subject, entry[T]{s.d.Evolve(before.state, e), e.Version})
	return Undo{e.Subject, before}
}

func (s *state[T]) Undo(u Undo) {
	before := u.entry.(entry[T])
	if before.state == nil {
		delete(s.entities, u.subject)
		return
	}
	s.put(u.subject, before)
}

// put stores an entity and its next timer. Timers of earlier versions stay in the heap and are dropped when they come up.
func (s *state[T]) put(subject string, e entry[T]) {
	s.entities[subject] = e
	if s.d.Due == nil {
		return
	}
	if t := s.d.Due(e.state); !t.At.IsZero() {
		heap.Push(&s.timers, timerAt{t.At, subject, e.version})
		if len(s.timers) > 4*len(s.entities)+1024 {
			s.rebuildTimers()
		}
	}
}

func (s *state[T]) rebuildTimers() {
	s.timers = s.timers[:0]
	for subject, e := range s.entities {
		if t := s.d.Due(e.state); !t.At.IsZero() {
			s.timers = append(s.timers, timerAt{t.At, subject, e.version})
		}
	}
	heap.Init(&s.timers)
}

func (s *state[T]) Version(subject string) uint64 { return s.entities[subject].version }

func (s *state[T]) Check(subject string) error {
	if e, ok := s.entities[subject]; ok && s.d.Check != nil {
		return s.d.Check(e.state)
	}
	return nil
}

func (s *state[T]) Len() int { return len(s.entities) }

// live drops timers at the top whose entity has moved on.
func (s *state[T]) live() bool {
	for len(s.timers) > 0 {
		if t := s.timers[0]; s.entities[t.subject].version == t.version {
			return true
		}
		heap.Pop(&s.timers)
	}
	return false
}

func (s *state[T]) NextDue() (time.Time, bool) {
	if !s.live() {
		return time.Time{}, false
	}
	return s.timers[0].at, true
}

func (s *state[T]) Due(now time.Time, limit int) []*Command {
	var due []*Command
	var kept []timerAt
	for len(due) < limit && s.live() && !s.timers[0].at.After(now) {
		t := heap.Pop(&s.timers).(timerAt)
		// A timer stays until its event has moved the entity on: one that is refused or lost comes up again.
		kept = append(kept, t)
		next := s.d.Due(s.entities[t.subject].state)
		due = append(due, &Command{
			ID:      events.DeriveUUID("timer", s.d.Context, t.subject, strconv.FormatUint(t.version, 10), next.Command, t.at.UTC().Format(time.RFC3339Nano)),
			Type:    next.Command,
			Subject: t.subject,
			Actor:   System,
			Data:    next.Data,
		})
	}
	for _, t := range kept {
		heap.Push(&s.timers, t)
	}
	return due
}

func (s *state[T]) Retime() {
	if s.d.Due != nil {
		s.rebuildTimers()
	}
}

func (s *state[T]) Freeze() State {
	return &state[T]{d: s.d, entities: maps.Clone(s.entities)}
}

func (s *state[T]) Range(visit func(subject string, version uint64, doc []byte) error) error {
	subjects := make([]string, 0, len(s.entities))
	for subject := range s.entities {
		subjects = append(subjects, subject)
	}
	slices.Sort(subjects)
	for _, subject := range subjects {
		e := s.entities[subject]
		doc, err := json.Marshal(e.state)
		if err != nil {
			return fmt.Errorf("step: document of %s/%s: %w", s.d.Context, subject, err)
		}
		if err := visit(subject, e.version, doc); err != nil {
			return err
		}
	}
	return nil
}

func (s *state[T]) Load(subject string, version uint64, doc []byte) error {
	t := new(T)
	if err := events.Unmarshal(doc, t); err != nil {
		return fmt.Errorf("step: document of %s/%s: %w", s.d.Context, subject, err)
	}
	if planted.On("timer_lost_with_a_restart") {
		s.entities[subject] = entry[T]{t, version}
		return nil
	}
	s.put(subject, entry[T]{t, version})
	return nil
}

type timerAt struct {
	at      time.Time
	subject string
	version uint64
}

type timerHeap []timerAt

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].subject < h[j].subject
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timerAt)) }
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
