// Package intake sends rows to a running system: many at a time, each under a key that follows from its content, in the order in
// which entities need each other, repeating what the server was too busy for.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/client"
	"github.com/jieli-bus/jieli/tools/rows"
)

// Config of one import. Zero values take the defaults.
type Config struct {
	Kinds       []rows.Kind   // that are wanted; none: all
	Concurrency int           // commands under way at once, 1 to 1,024; default 64
	Limit       int           // rows read of each pass; 0: all
	Deadline    time.Duration // how long one row is repeated before it counts as failed; default 2 min
	DryRun      bool          // read and check the rows, send nothing

	Refused  func(*rows.Row, *events.Problem) error // called for each refused or failed row, one at a time; an error ends the import
	Progress func(Summary)                          // called after each row, from many goroutines
}

func (c *Config) setDefaults() {
	if c.Concurrency == 0 {
		c.Concurrency = 64
	}
	if c.Deadline == 0 {
		c.Deadline = 2 * time.Minute
	}
	if c.Refused == nil {
		c.Refused = func(*rows.Row, *events.Problem) error { return nil }
	}
	if c.Progress == nil {
		c.Progress = func(Summary) {}
	}
}

// Validate names everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	if c.Concurrency < 0 || c.Concurrency > 1024 {
		errs = append(errs, fmt.Errorf("concurrency %d is not within 1 and 1024", c.Concurrency))
	}
	if c.Limit < 0 {
		errs = append(errs, fmt.Errorf("limit %d is negative", c.Limit))
	}
	if c.Deadline < 0 {
		errs = append(errs, fmt.Errorf("deadline %s is negative", c.Deadline))
	}
	return errors.Join(errs...)
}

// Summary counts rows. Read = Accepted + Unchanged + Repeated + Refused + Failed once an import has ended.
type Summary struct {
	Read      int64         `json:"read" yaml:"read"`
	Accepted  int64         `json:"accepted" yaml:"accepted"`
	Unchanged int64         `json:"unchanged" yaml:"unchanged"` // accepted, but it was so already
	Repeated  int64         `json:"repeated" yaml:"repeated"`   // this very command had been answered before
	Refused   int64         `json:"refused" yaml:"refused"`
	Failed    int64         `json:"failed" yaml:"failed"`   // no answer within the deadline
	Retries   int64         `json:"retries" yaml:"retries"` // times a row was sent again
	Elapsed   time.Duration `json:"-" yaml:"-"`
}

// Done counts the rows that are settled.
func (s Summary) Done() int64 { return s.Accepted + s.Unchanged + s.Repeated + s.Refused + s.Failed }

// Rate is settled rows a second.
func (s Summary) Rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Done()) / s.Elapsed.Seconds()
}

type run struct {
	config  Config
	client  *client.Client
	started time.Time

	read, accepted, unchanged, repeated, refused, failed, retries atomic.Int64

	mu        sync.Mutex // held while Refused runs and for the positions
	positions map[string]reached
}

// reached is how far a partition had come when it answered, and a document to ask for it.
type reached struct {
	position events.Position
	path     string
}

// Run imports a source. The error is one that ended the import before its end; refused rows are no error.
func Run(ctx context.Context, c *client.Client, source rows.Source, config Config) (Summary, error) {
	if err := config.Validate(); err != nil {
		return Summary{}, err
	}
	config.setDefaults()
	r := &run{config: config, client: c, started: time.Now(), positions: map[string]reached{}}
	first := true
	for _, phase := range rows.Phases {
		if !r.wanted(source.Kinds(), phase) {
			continue
		}
		err := r.phase(ctx, source, phase, first)
		first = false
		if err != nil {
			return r.summary(), err
		}
		if err := r.catchUp(ctx); err != nil {
			return r.summary(), err
		}
	}
	return r.summary(), nil
}

func (r *run) wanted(has, phase []rows.Kind) bool {
	return slices.ContainsFunc(phase, func(k rows.Kind) bool { return slices.Contains(has, k) && rows.Wants(r.config.Kinds, k) })
}

func (r *run) summary() Summary {
	return Summary{
		Read: r.read.Load(), Accepted: r.accepted.Load(), Unchanged: r.unchanged.Load(), Repeated: r.repeated.Load(),
		Refused: r.refused.Load(), Failed: r.failed.Load(), Retries: r.retries.Load(), Elapsed: time.Since(r.started),
	}
}

// phase sends the rows of some kinds. Rows that could not even be read have no kind that counts: the first phase takes them.
func (r *run) phase(ctx context.Context, source rows.Source, kinds []rows.Kind, first bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan *rows.Row, r.config.Concurrency)
	var workers sync.WaitGroup
	for range r.config.Concurrency {
		workers.Go(func() {
			for row := range work {
				if err := r.row(ctx, row); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := r.feed(ctx, source, kinds, first, work)
	close(work)
	workers.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (r *run) feed(ctx context.Context, source rows.Source, kinds []rows.Kind, first bool, work chan<- *rows.Row) error {
	n := 0
	for row, err := range source.Rows() {
		if err != nil {
			return err
		}
		if n++; r.config.Limit > 0 && n > r.config.Limit {
			return nil
		}
		mine := slices.Contains(kinds, row.Kind) && rows.Wants(r.config.Kinds, row.Kind)
		unread := row.Kind == "" && first
		if !mine && !unread {
			continue
		}
		r.read.Add(1)
		select {
		case work <- row:
		case <-ctx.Done():
			r.read.Add(-1) // taken back: it has not been sent
			return nil
		}
	}
	return nil
}

// row settles one row. The error is one that ends the import.
func (r *run) row(ctx context.Context, row *rows.Row) error {
	defer func() { r.config.Progress(r.summary()) }()
	if row.Problem != nil {
		return r.refuse(&r.refused, row, row.Problem)
	}
	if r.config.DryRun {
		r.accepted.Add(1)
		return nil
	}
	answer, err := r.send(ctx, client.Command{Path: row.Path(), Body: row.Data, Key: row.Key()})
	var problem *events.Problem
	switch {
	case err == nil:
		r.settle(row, answer)
		return nil
	case ctx.Err() != nil:
		r.read.Add(-1) // interrupted: its outcome is open, the next import settles it
		return nil
	case client.MaybeDone(err):
		if !errors.As(err, &problem) {
			problem = events.ErrUnavailable.Refuse("", err.Error(), err.Error())
		}
		return r.refuse(&r.failed, row, problem)
	case errors.As(err, &problem):
		return r.refuse(&r.refused, row, problem)
	}
	return err // something else answers there
}

func (r *run) settle(row *rows.Row, answer *events.Answer) {
	switch {
	case answer.Repeated:
		r.repeated.Add(1)
	case len(answer.Events) == 0:
		r.unchanged.Add(1)
	default:
		r.accepted.Add(1)
	}
	p, err := events.ParsePosition(answer.Position)
	if err != nil {
		return // a server that gives no position is not waited for
	}
	partition := fmt.Sprint(p.Context, ".", p.Partition)
	r.mu.Lock()
	defer r.mu.Unlock()
	if have, ok := r.positions[partition]; !ok || have.position.Less(p) {
		collection := row.Path()
		if row.ID != "" {
			collection = "/v1/enterprises"
		}
		r.positions[partition] = reached{p, collection + "/" + answer.Subject}
	}
}

func (r *run) refuse(count *atomic.Int64, row *rows.Row, p *events.Problem) error {
	count.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.Refused(row, p)
}

const (
	pauseFirst = 50 * time.Millisecond
	pauseMax   = 5 * time.Second
)

// send repeats a command under its key until it is answered or the deadline has passed.
func (r *run) send(ctx context.Context, command client.Command) (*events.Answer, error) {
	deadline := time.Now().Add(r.config.Deadline)
	pause := pauseFirst
	for {
		answer, err := r.client.Do(ctx, command)
		if err == nil || !client.MaybeDone(err) {
			return answer, err
		}
		wait := pause/2 + rand.N(pause)
		if time.Now().Add(wait).After(deadline) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		pause = min(pause*2, pauseMax)
		r.retries.Add(1)
	}
}

// catchUp waits until the server can read back what this phase wrote, so that the next one may refer to it.
func (r *run) catchUp(ctx context.Context) error {
	r.mu.Lock()
	positions := r.positions
	r.positions = map[string]reached{}
	r.mu.Unlock()
	for _, at := range positions {
		deadline := time.Now().Add(r.config.Deadline)
		for {
			var document json.RawMessage
			err := r.client.Get(ctx, at.path, at.position.String(), &document)
			if err == nil || !client.MaybeDone(err) || time.Now().After(deadline) {
				break // a document that is not to be had is not worth an import: rows that need it will say so
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pauseFirst):
			}
		}
	}
	return nil
}
