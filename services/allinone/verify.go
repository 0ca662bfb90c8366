package allinone

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/app"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
	"github.com/jieli-bus/jieli/services/sharing"
)

// Report is what a verification found.
type Report struct {
	OK         bool                    `json:"ok"`
	Ledgers    map[string]LedgerReport `json:"ledgers"` // by context
	Views      map[string]int          `json:"views"`   // events, by department
	Violations []Violation             `json:"violations"`
	Omitted    int                     `json:"omitted,omitempty"` // violations beyond the first violationsMax
	Seconds    float64                 `json:"seconds"`
}

// LedgerReport counts what was read of one context.
type LedgerReport struct {
	Sequence uint64 `json:"sequence"` // verified up to here
	Commits  int    `json:"commits"`
	Events   int    `json:"events"`
	Commands int    `json:"commands"`
	Refusals int    `json:"refusals"`
	Entities int    `json:"entities"`
}

// Violation is one thing that does not hold. Invariant is a number of docs/reliability: I1 commands once, I2 amounts, I3 read
// models, I4 views, I5 versions, I6 chain and heads, I7 refusals change nothing, and EV for the events streams.
type Violation struct {
	Invariant string `json:"invariant"`
	Where     string `json:"where"`
	What      string `json:"what"`
}

const violationsMax = 100

// verifyCatchUp bounds the wait for what derives from the ledgers to reach the point of verification.
const verifyCatchUp = time.Minute

// chain is a running hash over a list of events: equal lists give equal chains.
type chain struct {
	n   int
	sum [sha256.Size]byte
}

func (c *chain) add(subject string, e *events.Event, origin events.Position) {
	m := events.ToMsg(subject, e)
	h := sha256.New()
	h.Write(c.sum[:])
	write := func(s string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	write(subject)
	write(origin.Origin())
	names := make([]string, 0, len(m.Header))
	for name := range m.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		write(name)
		write(m.Header.Get(name))
	}
	write(string(m.Data))
	h.Sum(c.sum[:0])
	c.n++
}

// verification is one run.
type verification struct {
	s         *System
	report    Report
	progress  func(step string, done, total int)
	to        map[string]uint64 // by context: the sequence up to which everything is compared
	wantEvent map[string]*chain
	wantView  map[[2]string]*chain // recipient, context
	policies  map[string]*sharing.Policy

	recipients []string // who has a view
}

func (v *verification) violation(invariant, where, what string) {
	if len(v.report.Violations) >= violationsMax {
		v.report.Omitted++
		return
	}
	v.report.Violations = append(v.report.Violations, Violation{invariant, where, what})
}

// Verify reads every ledger once and holds everything that derives from them to it, as of the moment it is called; the system
// goes on working meanwhile. The error is for what kept it from looking; what it found is in the report.
func (s *System) Verify(ctx context.Context, progress func(step string, done, total int)) (*Report, error) {
	if progress == nil {
		progress = func(string, int, int) {}
	}
	v := &verification{s: s, progress: progress, to: make(map[string]uint64), wantEvent: make(map[string]*chain), wantView: make(map[[2]string]*chain), policies: make(map[string]*sharing.Policy)}
	v.report = Report{Ledgers: make(map[string]LedgerReport), Views: make(map[string]int), Violations: []Violation{}}
	started := time.Now()
	var err error
	if v.recipients, err = s.recipients(); err != nil {
		return nil, err
	}
	for context, log := range s.logs {
		info, err := log.Info(ctx)
		if err != nil {
			return nil, err
		}
		v.to[context] = info.Last
	}
	// The grants come first: they say what the views must hold.
	order := []app.Service{}
	for _, service := range s.services {
		if service.Machine.Context() == "sharing" {
			order = append([]app.Service{service}, order...)
		} else {
			order = append(order, service)
		}
	}
	for i, service := range order {
		progress("ledger "+service.Machine.Context(), i, len(order))
		if err := v.ledger(ctx, service); err != nil {
			return nil, err
		}
	}
	for i, context := range events.Contexts {
		progress("events "+context, i, len(events.Contexts))
		if err := v.events(ctx, context); err != nil {
			return nil, err
		}
	}
	if err := s.pumpComplete(ctx, v.to); err != nil {
		return nil, err
	}
	for i, recipient := range v.recipients {
		progress("view "+recipient, i, len(v.recipients))
		if err := v.view(ctx, recipient); err != nil {
			return nil, err
		}
	}
	v.report.OK = len(v.report.Violations) == 0
	v.report.Seconds = time.Since(started).Seconds()
	return &v.report, nil
}

// ledger reads one context's log, then compares heads and read model.
func (v *verification) ledger(ctx context.Context, service app.Service) error {
	name := service.Machine.Context()
	want := &chain{}
	v.wantEvent[name] = want
	for _, recipient := range v.recipients {
		v.wantView[[2]string{recipient, name}] = &chain{}
	}
	a := &ledger.Auditor{Machine: service.Machine, Violation: v.violation, Event: func(e *events.Event, origin events.Position) error {
		if origin.Sequence > v.to[name] { // read on only to compare with a read model that has moved on
			return nil
		}
		want.add(events.EventSubject(e), e, origin)
		for _, recipient := range v.recipients {
			policy := v.policies[recipient]
			if policy == nil || !slices.Contains(sharing.Sources, name) {
				continue
			}
			view, may, err := policy.View(e, origin)
			if err != nil {
				return err
			}
			if may {
				v.wantView[[2]string{recipient, name}].add(events.ViewSubject(recipient, view), view, origin)
			}
		}
		return nil
	}}
	if err := a.Read(ctx, v.s.logs[name], v.s.options.Partitions, v.to[name]); err != nil {
		return err
	}
	for i, tip := range a.Tips {
		partition := ledger.PartitionName(name, i)
		if head := v.s.heads.Get(partition); head.Sequence == tip.Sequence && head.Hash != "" && head.Hash != tip.Hash.String() {
			v.violation("I6", partition, fmt.Sprintf("the heads file knows sequence %d with hash %.16s, the log has %.16s", head.Sequence, head.Hash, tip.Hash))
		} else if last, err := v.s.logs[name].Last(ctx, i); err == nil && head.Sequence > last.Sequence {
			v.violation("I6", partition, fmt.Sprintf("the heads file knows sequence %d, the log ends at %d", head.Sequence, last.Sequence))
		}
	}
	if name == "sharing" {
		for _, state := range a.States {
			if err := v.policy(state.Range); err != nil {
				return err
			}
		}
	}
	r := LedgerReport{Sequence: v.to[name], Commits: a.Commits, Events: a.Events, Commands: a.Commands, Refusals: a.Refusals}
	for _, state := range a.States {
		r.Entities += state.Len()
	}
	v.report.Ledgers[name] = r
	return v.readModel(ctx, service, a)
}

// policy compiles what the departments may see from their documents.
func (v *verification) policy(visit func(func(string, uint64, []byte) error) error) error {
	return visit(func(dept string, _ uint64, doc []byte) error {
		policy, err := sharing.PolicyOf(doc)
		v.policies[dept] = policy
		return err
	})
}

// readModel compares the projection with the fold, byte for byte. Both move on under load: the fold follows until the two
// stand at the same place.
func (v *verification) readModel(ctx context.Context, service app.Service, a *ledger.Auditor) error {
	name := service.Machine.Context()
	ctx, cancel := context.WithTimeout(ctx, verifyCatchUp)
	defer cancel()
	for {
		for i, tip := range a.Tips {
			if err := v.s.waiter.Wait(ctx, name, ledger.PartitionName(name, i), tip.Sequence); err != nil {
				v.violation("I3", name, fmt.Sprintf("the read model has not caught up within %s: %s", verifyCatchUp, err))
				return nil
			}
		}
		var have bytes.Buffer
		before, err := v.positions(ctx, name)
		if err != nil {
			return err
		}
		if err := v.s.store.Dump(ctx, name, &have); err != nil {
			if errors.Is(err, store.ErrChanged) {
				continue
			}
			return err
		}
		after, err := v.positions(ctx, name)
		if err != nil {
			return err
		}
		if before == after {
			if err := a.Read(ctx, v.s.logs[name], v.s.options.Partitions, after); err != nil {
				return err
			}
			if a.Last == after {
				return v.compare(ctx, service, a, have.Bytes())
			}
		}
		if ctx.Err() != nil {
			v.violation("I3", name, "the read model could not be compared: it never stood still")
			return nil
		}
	}
}

// positions is the newest sequence that the read model holds of any partition.
func (v *verification) positions(ctx context.Context, name string) (newest uint64, err error) {
	for i := range v.s.options.Partitions {
		at, err := v.s.store.Position(ctx, name, ledger.PartitionName(name, i))
		if err != nil {
			return 0, err
		}
		newest = max(newest, at.Sequence)
	}
	return newest, nil
}

func (v *verification) compare(ctx context.Context, service app.Service, a *ledger.Auditor, have []byte) error {
	name := service.Machine.Context()
	fold := store.NewMemory()
	defer fold.Close()
	at := store.Position{}
	for _, state := range a.States {
		b := store.Batch{Source: "fold"}
		apply := func() error {
			if len(b.Puts) == 0 {
				return nil
			}
			b.From, b.To = at, store.Position{Created: time.Unix(1, 0), Sequence: at.Sequence + 1}
			at = b.To
			err := fold.Apply(ctx, name, b)
			b.Puts = nil
			return err
		}
		err := state.Range(func(subject string, version uint64, doc []byte) error {
			indexes, err := service.Index(doc)
			if err != nil {
				return err
			}
			b.Puts = append(b.Puts, store.Document{Key: subject, Version: version, Body: doc, Indexes: indexes})
			if len(b.Puts) >= 1000 {
				return apply()
			}
			return nil
		})
		if err == nil {
			err = apply()
		}
		if err != nil {
			return err
		}
	}
	var want bytes.Buffer
	if err := fold.Dump(ctx, name, &want); err != nil {
		return err
	}
	if !bytes.Equal(want.Bytes(), have) {
		v.violation("I3", name, "the read model differs from the fold: "+firstDifference(want.Bytes(), have))
	}
	return nil
}

func firstDifference(want, have []byte) string {
	w, h := bytes.Split(want, []byte{'\n'}), bytes.Split(have, []byte{'\n'})
	for i := range max(len(w), len(h)) {
		var a, b []byte
		if i < len(w) {
			a = w[i]
		}
		if i < len(h) {
			b = h[i]
		}
		if !bytes.Equal(a, b) {
			return fmt.Sprintf("line %d: fold %.200q, read model %.200q", i+1, a, b)
		}
	}
	return "nothing"
}

// events compares an EVENTS stream with the ledger it comes from.
func (v *verification) events(ctx context.Context, name string) error {
	wait, cancel := context.WithTimeout(ctx, verifyCatchUp)
	defer cancel()
	if err := v.s.relays[name].Complete(wait, v.to[name]); err != nil {
		v.violation("EV", events.EventsStream(name), fmt.Sprintf("the stream has not caught up within %s: %s", verifyCatchUp, err))
		return nil
	}
	have := &chain{}
	err := v.s.derived[name].Range(ctx, func(m *ledger.Message) error {
		if m.Origin.Sequence <= v.to[name] {
			have.add(m.Subject, &m.Event, m.Origin)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if want := v.wantEvent[name]; *want != *have {
		v.violation("EV", events.EventsStream(name), fmt.Sprintf("the stream is not what the ledger says: %d events there, %d in the ledger", have.n, want.n))
	}
	return nil
}

// view compares one department's view with what its grants make of the ledgers, as one list per source.
func (v *verification) view(ctx context.Context, dept string) error {
	have := make(map[string]*chain)
	for _, context := range events.Contexts {
		have[context] = &chain{}
	}
	stream, err := v.s.views.of(ctx, dept)
	if err != nil {
		return err
	}
	err = stream.Range(ctx, func(m *ledger.Message) error {
		if m.Origin.Sequence <= v.to[m.Origin.Context] {
			have[m.Origin.Context].add(m.Subject, &m.Event, m.Origin)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, context := range events.Contexts {
		want := v.wantView[[2]string{dept, context}]
		v.report.Views[dept] += have[context].n
		if *want != *have[context] {
			v.violation("I4", events.ViewStream(dept), fmt.Sprintf("its events of %s are not what the grants say: %d there, %d by the grants", context, have[context].n, want.n))
		}
	}
	return nil
}
