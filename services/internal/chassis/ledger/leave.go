package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/planted"
)

// queued takes what is still in the queue.
func (p *partition) queued() (left []*pending) {
	for {
		select {
		case w, ok := <-p.queue:
			if ok {
				left = append(left, w)
				continue
			}
		default:
		}
		return left
	}
}

// leave answers what the writer has not decided: by the writer that follows, where there is one.
func (p *partition) leave(left []*pending, followed bool) {
	if followed {
		p.forward(left)
		return
	}
	p.refuseAll(left, events.ErrOverloaded)
}

// forward sends commands to whoever serves the partition now; they are surely not done here.
func (p *partition) forward(list []*pending) {
	for _, w := range list {
		if w.event == nil || w.respond == nil {
			continue
		}
		p.aside(func() {
			ctx, cancel := context.WithTimeout(context.Background(), forwardTimeout)
			defer cancel()
			if planted.On("new_id_on_retry") {
				w.event.ID = events.NewUUID7(p.clock.Now()).String()
			}
			body, err := p.broker.Send(ctx, p.machine.Context(), p.number, w.event)
			if err != nil {
				body = problemBody(events.ErrUnknown.Refuse("", "", "")) // the other writer may have taken it
				if errors.Is(err, ErrNobody) {
					body = problemBody(events.ErrOverloaded.Refuse("", "", ""))
				}
			}
			w.answer(body)
		})
	}
}

const forwardTimeout = 5 * time.Second

func (p *partition) refuseAll(list []*pending, kind events.ProblemKind) {
	p.refuse(list, kind.Refuse("", "", ""))
}

// refuseNoRoom says that nothing is done until the operator makes room: to try again at once helps nobody.
func (p *partition) refuseNoRoom(list []*pending) {
	name := events.LedgerStream(p.machine.Context())
	p.refuse(list, events.ErrOverloaded.Refusef("", "账本 %s 已无空间，须由运营方扩容", "the ledger %s has no room left; the operator must give it more", name))
}

func (p *partition) refuse(list []*pending, problem *events.Problem) {
	for _, w := range list {
		copied := *problem
		copied.Instance = w.c.ID.String()
		w.answer(problemBody(&copied))
	}
}
