package ledger

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jieli-bus/jieli/events"
)

// Memory is the Broker port in one process without a broker: the second implementation of the suite, and the base of simulated ones.
type Memory struct {
	mu      sync.Mutex
	logs    map[string]*memoryLog
	leases  memoryLeases
	serving map[string][]*memoryService
	sent    int // takes turns among several servers of one partition
	audits  []Audit
}

// memoryAudits bounds what Audits can return.
const memoryAudits = 10_000

// NewMemory makes an empty broker whose leases live for ttl.
func NewMemory(ttl time.Duration) *Memory {
	return &Memory{
		logs:    make(map[string]*memoryLog),
		leases:  memoryLeases{ttl: ttl, held: make(map[string]memoryLease)},
		serving: make(map[string][]*memoryService),
	}
}

// OpenLog implements Broker.
func (m *Memory) OpenLog(_ context.Context, context string, partitions int) (Log, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.logs[context]
	if !ok {
		l = &memoryLog{info: LogInfo{Created: time.Now().UTC(), Partitions: partitions}, grown: make(chan struct{})}
		m.logs[context] = l
	}
	if l.info.Partitions != partitions {
		return nil, fmt.Errorf("%w: %s has %d, not %d", ErrPartitions, context, l.info.Partitions, partitions)
	}
	return l, nil
}

// Leases implements Broker.
func (m *Memory) Leases() Leases { return &m.leases }

type memoryService struct {
	handle  func(*Request)
	running sync.WaitGroup
}

// Serve implements Broker.
func (m *Memory) Serve(context string, partition int, handle func(*Request)) (func(), error) {
	name := PartitionName(context, partition)
	s := &memoryService{handle: handle}
	m.mu.Lock()
	m.serving[name] = append(m.serving[name], s)
	m.mu.Unlock()
	return func() {
		m.mu.Lock()
		for i, other := range m.serving[name] {
			if other == s {
				m.serving[name] = append(m.serving[name][:i:i], m.serving[name][i+1:]...)
			}
		}
		m.mu.Unlock()
		s.running.Wait()
	}, nil
}

// Send implements Broker.
func (m *Memory) Send(ctx context.Context, context string, partition int, e *events.Event) ([]byte, error) {
	m.mu.Lock()
	list := m.serving[PartitionName(context, partition)]
	if len(list) == 0 {
		m.mu.Unlock()
		return nil, ErrNobody
	}
	m.sent++
	s := list[m.sent%len(list)]
	s.running.Add(1)
	m.mu.Unlock()
	answer := make(chan []byte, 1)
	s.handle(&Request{Event: *e, Respond: func(b []byte) { answer <- b }})
	s.running.Done()
	select {
	case b := <-answer:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Audit implements Broker.
func (m *Memory) Audit(a *Audit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.audits) < memoryAudits {
		m.audits = append(m.audits, *a)
	}
}

// Audits lists the refusals recorded so far.
func (m *Memory) Audits() []Audit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Audit(nil), m.audits...)
}

type memoryLog struct {
	mu      sync.Mutex
	info    LogInfo
	commits []*Stored // commits[i] has sequence i+1
	grown   chan struct{}
}

func (l *memoryLog) Info(context.Context) (LogInfo, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	info := l.info
	info.Last = uint64(len(l.commits))
	return info, nil
}

func (l *memoryLog) Append(ctx context.Context, partition int, expect uint64, body []byte) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInDoubt, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := l.last(partition); last.Sequence != expect {
		return 0, fmt.Errorf("%w: the last commit is %d, not %d", ErrInDoubt, last.Sequence, expect)
	}
	s := &Stored{Sequence: uint64(len(l.commits)) + 1, Partition: partition, Body: bytes.Clone(body)}
	l.commits = append(l.commits, s)
	close(l.grown)
	l.grown = make(chan struct{})
	return s.Sequence, nil
}

func (l *memoryLog) last(partition int) *Stored {
	for i := len(l.commits) - 1; i >= 0; i-- {
		if l.commits[i].Partition == partition {
			return l.commits[i]
		}
	}
	return &Stored{}
}

func (l *memoryLog) Last(_ context.Context, partition int) (*Stored, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.last(partition); s.Sequence > 0 {
		return s, nil
	}
	return nil, ErrNone
}

func (l *memoryLog) Next(_ context.Context, partition int, after uint64) (*Stored, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, _ := l.next(partition, after); s != nil {
		return s, nil
	}
	return nil, ErrNone
}

// next returns the first commit after a sequence, or the channel that tells of growth.
func (l *memoryLog) next(partition int, after uint64) (*Stored, <-chan struct{}) {
	for i := int(after); i < len(l.commits); i++ {
		if partition < 0 || l.commits[i].Partition == partition {
			return l.commits[i], nil
		}
	}
	return nil, l.grown
}

func (l *memoryLog) Get(_ context.Context, sequence uint64) (*Stored, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sequence == 0 || sequence > uint64(len(l.commits)) {
		return nil, ErrNone
	}
	return l.commits[sequence-1], nil
}

func (l *memoryLog) Follow(ctx context.Context, partition int, after uint64, visit func(*Stored) error) error {
	for {
		l.mu.Lock()
		s, grown := l.next(partition, after)
		l.mu.Unlock()
		if s == nil {
			select {
			case <-grown:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(s); err != nil {
			return err
		}
		after = s.Sequence
	}
}

type memoryLease struct {
	owner   string
	epoch   uint64
	expires time.Time
}

type memoryLeases struct {
	mu    sync.Mutex
	ttl   time.Duration
	epoch uint64
	held  map[string]memoryLease
}

func (l *memoryLeases) TTL() time.Duration { return l.ttl }

func (l *memoryLeases) Acquire(_ context.Context, key, owner string) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.held[key]; ok && held.owner != owner && time.Now().Before(held.expires) {
		return 0, ErrHeld
	}
	return l.take(key, owner), nil
}

func (l *memoryLeases) take(key, owner string) uint64 {
	l.epoch++
	l.held[key] = memoryLease{owner, l.epoch, time.Now().Add(l.ttl)}
	return l.epoch
}

func (l *memoryLeases) Renew(_ context.Context, key, owner string, epoch uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key].epoch != epoch {
		return 0, ErrHeld
	}
	return l.take(key, owner), nil
}

func (l *memoryLeases) Holder(_ context.Context, key string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.held[key]; ok && time.Now().Before(held.expires) {
		return held.owner, nil
	}
	return "", nil
}

func (l *memoryLeases) Release(_ context.Context, key string, epoch uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[key].epoch == epoch {
		delete(l.held, key)
	}
	return nil
}
