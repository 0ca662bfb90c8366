package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The market of the latency run, beside its offers.
const (
	latencyEnterprises = 2000
	latencyParties     = 1250
	latencyDepartment  = "pboc"
	latencyPrefix      = "latency-"
	latencyPatience    = 30 * time.Second // for what is still missing after the last demand
)

// latencyPart publishes demands at a steady rate, whether or not the system keeps up, and reads a department's view with nothing
// but its credential and a stock client.
func (b *bench) latencyPart() ([]table, error) {
	dir, remove, err := b.fresh("latency")
	if err != nil {
		return nil, err
	}
	defer remove()
	s, err := b.startSystem(dir, arrangement{})
	if err != nil {
		return nil, err
	}
	t, err := b.latencyOn(s)
	if ended := s.close(); err == nil {
		err = ended
	}
	settle()
	return []table{t}, err
}

func (b *bench) latencyOn(s *system) (table, error) {
	loaded := 0
	for _, list := range []func(func(command, error) bool){
		enterprises(latencyEnterprises), parties(latencyParties), details(latencyEnterprises), offers(b.offers, latencyParties),
	} {
		n, err := s.loadAll(b.ctx, list)
		if err != nil {
			return table{}, err
		}
		loaded += n
	}
	b.log("%d commands loaded, %d of them offers", loaded, b.offers)
	demands, err := castDemands(min(int(b.latency.Seconds())*b.rate, mouldRows), latencyEnterprises)
	if err != nil {
		return table{}, err
	}
	return b.latencyTable(s, demands, fmt.Sprintf("%s offers of %s institutions, %s enterprises with profiles and titles", number(float64(b.offers)), number(latencyParties), number(latencyEnterprises)))
}

// latencyTable measures on a loaded system, and says with what it is loaded.
func (b *bench) latencyTable(s *system, demands *mould, loaded string) (table, error) {
	t := table{head: []string{"", "p50", "p99", "p99.9", "target"}}
	if err := s.verified(b.ctx); err != nil { // it returns when the views have caught up
		return t, err
	}
	total := int(b.latency.Seconds() * float64(b.rate))
	w, err := watch(b.ctx, s, total)
	if err != nil {
		return t, err
	}
	defer w.stop()
	begin, end := b.profiled("latency")
	if err := together(begin, nil)(); err != nil {
		return t, err
	}
	sent, answered, err := b.steady(s, demands, total)
	if err == nil {
		err = w.complete(b.ctx)
	}
	if stopped := together(end, nil)(); err == nil {
		err = stopped
	}
	if err != nil {
		return t, err
	}
	var answers, views []time.Duration
	for i := range total {
		answers = append(answers, answered[i].Sub(sent[i]))
		views = append(views, w.seen[i].Sub(sent[i]))
	}
	t.row("demand sent to command answered: accepted and on disk", millis(percentile(answers, 0.5)), millis(percentile(answers, 0.99)), millis(percentile(answers, 0.999)), "")
	p99 := percentile(views, 0.99)
	t.row("demand sent to recommendation received from VIEW_PBOC", millis(percentile(views, 0.5)), millis(p99), millis(percentile(views, 0.999)), "p99 "+atMost(p99, time.Second))
	t.note("%d demands a second for %s, sent by the clock whether or not earlier ones are answered; times count from the planned instant of sending.", b.rate, b.latency)
	t.note("%s; all %d recommendations came; verification holds before and after.", loaded, total)
	return t, s.verified(b.ctx)
}

// steady sends demands on time and returns when each was due and when it was answered.
func (b *bench) steady(s *system, m *mould, total int) (due, answered []time.Time, err error) {
	ctx, stop := context.WithTimeout(b.ctx, b.latency+time.Minute)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	due, answered = make([]time.Time, total), make([]time.Time, total)
	var running sync.WaitGroup
	begun := time.Now().Add(50 * time.Millisecond)
	for i := range total {
		due[i] = begun.Add(time.Duration(i) * time.Second / time.Duration(b.rate))
		pause(ctx, time.Until(due[i]))
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			if err := give(ctx, s.conns[i%len(s.conns)], m.command(uint64(i), latencyPrefix+strconv.Itoa(i))); err != nil {
				cancel(err)
			}
			answered[i] = time.Now()
		})
	}
	running.Wait()
	return due, answered, context.Cause(ctx)
}

// watcher notes when the recommendation for each demand of the run arrives in a department's view.
type watcher struct {
	conn *nats.Conn
	read jetstream.ConsumeContext
	seen []time.Time // written by the consumer alone until done is closed
	left int
	done chan struct{}
	fail chan error
}

func watch(ctx context.Context, s *system, total int) (*watcher, error) {
	c, err := s.credential(latencyDepartment)
	if err != nil {
		return nil, err
	}
	conn, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password))
	if err != nil {
		return nil, err
	}
	w := &watcher{conn: conn, seen: make([]time.Time, total), left: total, done: make(chan struct{}), fail: make(chan error, 1)}
	caughtUp := make(chan struct{})
	if err := w.consume(ctx, c.Stream, c.Consumer, caughtUp); err != nil {
		conn.Close()
		return nil, err
	}
	select {
	case <-caughtUp:
		return w, nil
	case err = <-w.fail:
	case <-time.After(latencyPatience):
		err = errors.New("the view's backlog was not read in time")
	case <-ctx.Done():
		err = ctx.Err()
	}
	w.stop()
	return nil, err
}

// consume reads the view: first all that the load has left there, then what comes.
func (w *watcher) consume(ctx context.Context, stream, durable string, caughtUp chan<- struct{}) error {
	js, err := jetstream.New(w.conn)
	if err != nil {
		return err
	}
	consumer, err := js.Consumer(ctx, stream, durable)
	if err != nil {
		return err
	}
	behind := true
	w.read, err = consumer.Consume(func(m jetstream.Msg) {
		at := time.Now()
		if err := m.Ack(); err != nil {
			w.failed(err)
			return
		}
		if behind {
			meta, err := m.Metadata()
			if err != nil {
				w.failed(err)
			} else if meta.NumPending == 0 {
				behind = false
				close(caughtUp)
			}
			return
		}
		if strings.Contains(m.Subject(), ".match.recommended.") {
			w.recommended(m.Headers().Get("ce-subject"), at)
		}
	}, jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { w.failed(err) }))
	return err
}

func (w *watcher) recommended(demand string, at time.Time) {
	i, err := strconv.Atoi(strings.TrimPrefix(demand, latencyPrefix))
	if err != nil || i < 0 || i >= len(w.seen) || !w.seen[i].IsZero() {
		w.failed(fmt.Errorf("a recommendation for %q that nobody waits for", demand))
		return
	}
	w.seen[i] = at
	if w.left--; w.left == 0 {
		close(w.done)
	}
}

func (w *watcher) failed(err error) {
	select {
	case w.fail <- err:
	default:
	}
}

// complete waits for the last recommendation.
func (w *watcher) complete(ctx context.Context) error {
	select {
	case <-w.done:
	case err := <-w.fail:
		return err
	case <-time.After(latencyPatience):
		return fmt.Errorf("recommendations are missing %s after the last demand", latencyPatience)
	case <-ctx.Done():
		return ctx.Err()
	}
	select { // also what went wrong before the end
	case err := <-w.fail:
		return err
	default:
		return nil
	}
}

func (w *watcher) stop() {
	if w.read != nil {
		w.read.Stop()
		<-w.read.Closed()
	}
	w.conn.Close()
}
