package allinone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/ledger"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/webapi"
	"github.com/jieli-bus/jieli/services/portal"
)

// Bounds of what is under way at the doors of parties at once; more is answered as overloaded.
const (
	ingressMax      = 2048
	ingressPartyMax = 256 // of one party: it takes no other's place
)

// ingressSubject is where a party's commands of a context go: jieli.in.<party>.<context>. On the broker a party's account imports its own
// and nothing else, so the subject says who speaks.
func ingressSubject(party, context string) string { return "jieli.in." + party + "." + context }

// ingress takes the commands of parties over NATS.
type ingress struct {
	*System
	mu       sync.Mutex
	underway map[string]int // by party
	sum      int
}

// serveIngress begins to take what parties send. Processes with a portal share the work.
func (s *System) serveIngress() error {
	if !s.options.has("portal") {
		return nil
	}
	in := &ingress{System: s, underway: make(map[string]int)}
	sub, err := s.ingress.QueueSubscribe(ingressSubject("*", "*"), "ingress", in.take)
	if err == nil {
		err = sub.SetPendingLimits(4*ingressMax, 64<<20)
	}
	if err != nil {
		return fmt.Errorf("allinone: ingress: %w", err)
	}
	return nil
}

func (in *ingress) take(m *nats.Msg) {
	tokens := strings.Split(m.Subject, ".")
	party, of := tokens[2], tokens[3]
	if !in.enter(party) {
		in.answer(m, nil, events.ErrOverloaded.Refuse("", "", ""))
		return
	}
	if !in.begin() {
		in.leave(party)
		return
	}
	go func() {
		defer in.running.Done()
		defer in.leave(party)
		answer, err := in.command(step.Actor("party:"+party), of, m)
		in.answer(m, answer, err)
	}()
}

func (in *ingress) enter(party string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.sum >= ingressMax || in.underway[party] >= ingressPartyMax {
		return false
	}
	in.sum++
	in.underway[party]++
	return true
}

func (in *ingress) leave(party string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.sum--
	if in.underway[party]--; in.underway[party] == 0 {
		delete(in.underway, party)
	}
}

// command gives what came through a door to its ledger. What is refused before that is recorded here.
func (in *ingress) command(actor step.Actor, of string, m *nats.Msg) (*events.Answer, error) {
	e, err := events.FromMsg(m)
	var command *events.Event
	if err == nil {
		command, err = portal.Admit(actor, of, &e)
	}
	if err != nil {
		p := *refusal(err)
		p.Instance, _ = portal.CommandID(actor, e.ID)
		record := events.Event{ID: p.Instance, Type: e.Type, Subject: e.Subject, Data: m.Data}
		record.Set(events.ExtActor, string(actor), events.String)
		if !events.IsContext(of) {
			of = "in" // a name of the sender's choice is no place in AUDIT
		}
		in.jet.Audit(ledger.AuditOf(&record, of, time.Now().UTC(), &p))
		return nil, &p
	}
	ctx, cancel := context.WithTimeout(in.background, webapi.SendMax)
	defer cancel()
	answer, err := in.sender.Send(ctx, command)
	if err != nil {
		p := *refusal(err)
		p.Instance = command.ID
		return nil, &p
	}
	return answer, nil
}

// refusal is what a sender is told of an error.
func refusal(err error) *events.Problem {
	var p *events.Problem
	if !errors.As(err, &p) {
		p = events.ErrUnknown.Refuse("", "", "") // behind the door: it may have been done
	}
	return p
}

// answer sends what HTTP would give as its body.
func (in *ingress) answer(m *nats.Msg, answer *events.Answer, err error) {
	if m.Reply == "" {
		return
	}
	var body []byte
	if err == nil {
		body = answer.AppendJSON(make([]byte, 0, 512))
	} else if body, err = json.Marshal(refusal(err)); err != nil { // strings only: cannot be
		in.options.Log.Error().Err(err).Msg("a refusal could not be encoded")
		return
	}
	if err := m.Respond(body); err != nil {
		in.options.Log.Warn().Err(err).Str("subject", m.Subject).Msg("an answer was not sent")
	}
}
