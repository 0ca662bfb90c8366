package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
)

// Sender gives commands: it finds the partition, and asks again under the same id while a partition changes its writer.
type Sender struct {
	Broker     Broker
	Partitions map[string]int // by context
}

// sendRetry is the pause before a command is sent again to a partition that had no writer.
const sendRetry = 20 * time.Millisecond

// Send delivers a command's CloudEvent and returns the answer, or the refusal as an *events.Problem. When ctx ends first, the
// problem says whether the command is surely not done (overloaded) or may be (unknown).
func (s *Sender) Send(ctx context.Context, e *events.Event) (*events.Answer, error) {
	context, _ := events.SplitType(e.Type)
	n, ok := s.Partitions[context]
	if !ok {
		return nil, events.ErrUnknownType.Refusef("", "类型 %q", "type %q", e.Type)
	}
	partition := events.Partition(e.Subject, n)
	for {
		body, err := s.Broker.Send(ctx, context, partition, e)
		if err == nil {
			return events.DecodeReply(body)
		}
		problem := events.ErrUnknown
		if errors.Is(err, ErrNobody) {
			problem = events.ErrOverloaded // it reached nobody: surely not done
			select {
			case <-time.After(sendRetry):
				continue
			case <-ctx.Done():
			}
		}
		p := problem.Refuse("", "", "")
		p.Instance = e.ID
		return nil, p
	}
}

// Internal gives a command of the system itself.
func (s *Sender) Internal(ctx context.Context, c *step.Command) (*events.Answer, error) {
	e, err := CommandEvent(c)
	if err != nil {
		return nil, err
	}
	return s.Send(ctx, e)
}

// CommandEvent is a command as it travels.
func CommandEvent(c *step.Command) (*events.Event, error) {
	data, err := json.Marshal(c.Data)
	if err != nil {
		return nil, fmt.Errorf("ledger: payload of %s: %w", c.Type, err)
	}
	context, _ := events.SplitType(c.Type)
	e := &events.Event{ID: c.ID.String(), Source: "/jieli/" + context, Type: c.Type, Subject: c.Subject, Data: data, DataContentType: "application/json"}
	e.Set(events.ExtActor, string(c.Actor), events.String)
	if c.Expected != 0 {
		e.Set(events.ExtExpected, strconv.FormatUint(c.Expected, 10), events.String)
	}
	if c.CorrelationID != "" {
		e.Set(events.ExtCorrelation, c.CorrelationID, events.String)
	}
	if c.TraceParent != "" {
		e.Set(events.ExtTraceParent, c.TraceParent, events.String)
	}
	return e, nil
}
