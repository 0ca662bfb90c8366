// Package linear holds concurrent histories of the running system, recorded over its public face, to a sequential model of what the
// decisions say: some order of the commands must explain every answer, and respect what had ended before what began.
package linear

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/jieli-bus/jieli/events"
)

// The size of a run, after -args: -histories 1000 -ops 2000.
var (
	histories = flag.Int("histories", 10, "histories recorded by each of the two tests")
	ops       = flag.Int("ops", 500, "commands of a history")
	seed      = flag.Uint64("seed", 0, "of the commands; 0: a new one")
)

const (
	clients   = 8
	entities  = 5                // of a history; each is judged by itself
	judgeMax  = 60 * time.Second // for the order of one history; no verdict is a failure
	answerMax = 10 * time.Second
)

// command is what a client asks.
type command struct {
	entity string
	id     string // of the command
	what   string // the path behind the entity
	key    string // reservation or draw
	amount int64  // yuan
	body   map[string]any
}

// answer is what a client hears. An open one may or may not have happened.
type answer struct {
	open    bool
	problem string // type of a refusal
	version uint64 // of the entity afterwards
	events  int
}

func (a answer) String() string {
	switch {
	case a.open:
		return "unknown"
	case a.problem != "":
		return "refused: " + a.problem
	}
	return fmt.Sprintf("version %d, %d events", a.version, a.events)
}

// face is how the clients reach the system.
type face struct {
	url    string
	client *http.Client
	asked  func() // told of every request that is about to be sent
}

// give sends a command once. Surely not done is told apart from an unknown outcome.
func (f *face) give(collection string, c *command) (a answer, notDone bool) {
	body, err := json.Marshal(c.body)
	if err != nil {
		panic(err) // maps of texts
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerMax)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/"+collection+"/"+c.entity+"/"+c.what, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", c.id)
	// Without this the client library sends a request that failed again by itself: it would be one call with two chances.
	r.GetBody = nil
	f.asked()
	reply, err := f.client.Do(r)
	if err != nil {
		return answer{open: true}, false
	}
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	if err != nil {
		return answer{open: true}, false
	}
	if reply.StatusCode < 300 {
		var done events.Answer
		if json.Unmarshal(b, &done) != nil {
			return answer{open: true}, false
		}
		return answer{version: done.Version, events: len(done.Events)}, false
	}
	var p events.Problem
	if json.Unmarshal(b, &p) != nil || !strings.HasPrefix(p.Type, events.ProblemPrefix) {
		return answer{open: true}, false
	}
	switch kind := strings.TrimPrefix(p.Type, events.ProblemPrefix); kind {
	case events.ErrUnknown.Code:
		return answer{open: true}, false
	case events.ErrOverloaded.Code:
		return answer{}, true
	default:
		return answer{problem: kind}, false
	}
}

// insist gives a command and repeats it under its id while its outcome is open, as every client must; the attempts are one operation, which
// is open when the last of them is. known is false for one that is surely not done.
func (f *face) insist(collection string, c *command, repeats int, begun time.Time) (o porcupine.Operation, known bool) {
	o = porcupine.Operation{Input: c, Call: time.Since(begun).Nanoseconds()}
	open := false
	for range 1 + repeats {
		a, notDone := f.give(collection, c)
		if !a.open && !notDone {
			o.Output, o.Return = a, time.Since(begun).Nanoseconds()
			return o, true
		}
		open = open || a.open
	}
	o.Output, o.Return = answer{open: true}, math.MaxInt64 // it may happen at any later time
	return o, open
}

// record has the clients ask at once and returns what they heard. plan gives the next command of a client.
func record(f *face, collection string, n int, random *rand.Rand, plan func(r *rand.Rand) *command) []porcupine.Operation {
	var mu sync.Mutex
	var history []porcupine.Operation
	begun := time.Now()
	var running sync.WaitGroup
	for client := range clients {
		r := rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))
		running.Go(func() {
			for i := 0; i < n/clients; i++ {
				c := plan(r)
				if o, known := f.insist(collection, c, r.IntN(3), begun); known {
					o.ClientId = client
					mu.Lock()
					history = append(history, o)
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	return history
}

// sequential is the model of one entity: comparable, so that equal states are ==.
type sequential interface {
	step(c *command) (sequential, answer)
}

// remembering is a state with the outcomes of the commands that were given more than once: a repeat gets the first outcome.
type remembering struct {
	entity sequential
	known  string
}

// model judges the commands of one entity. repeated are the ids that occur more than once in the history.
func model(first sequential, repeated map[string]bool) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			by := make(map[string][]porcupine.Operation)
			for _, o := range history {
				entity := o.Input.(*command).entity
				by[entity] = append(by[entity], o)
			}
			var parts [][]porcupine.Operation
			for _, part := range by {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return remembering{entity: first} },
		Step: func(state, input, output any) (bool, any) {
			s, c, heard := state.(remembering), input.(*command), output.(answer)
			mark := "\n" + c.id + " "
			if _, rest, found := strings.Cut(s.known, mark); found {
				first, _, _ := strings.Cut(rest, "\n")
				return heard.open || heard.String() == first, s
			}
			next, want := s.entity.step(c)
			if !heard.open && heard != want {
				return false, s
			}
			s.entity = next
			if repeated[c.id] {
				s.known = insert(s.known, mark+want.String())
			}
			return true, s
		},
		DescribeOperation: func(input, output any) string {
			c := input.(*command)
			return fmt.Sprintf("%s %s %s %d: %s", c.entity, c.what, c.key, c.amount, output.(answer))
		},
	}
}

// insert keeps the lines in order: states that know the same are the same.
func insert(lines, line string) string {
	list := append(strings.SplitAfter(lines, "\n"), line[1:]+"\n")
	return sorted(list)
}

// judge fails unless the history has an order.
func judge(t *testing.T, history []porcupine.Operation, first sequential) {
	t.Helper()
	count := make(map[string]int)
	for _, o := range history {
		count[o.Input.(*command).id]++
	}
	repeated := make(map[string]bool)
	for id, n := range count {
		if n > 1 {
			repeated[id] = true
		}
	}
	m := model(first, repeated)
	result, info := porcupine.CheckOperationsVerbose(m, history, judgeMax)
	if result == porcupine.Ok {
		return
	}
	var picture bytes.Buffer
	path := t.TempDir() + "/history.html"
	err := errors.Join(porcupine.Visualize(m, info, &picture), writeFile(path, picture.Bytes()))
	t.Fatalf("no order explains the answers (%s); picture %s (%v)\n%s", result, path, err, lines(m, history))
}

func lines(m porcupine.Model, history []porcupine.Operation) string {
	var b strings.Builder
	for i, o := range history {
		if i == 200 {
			fmt.Fprintf(&b, "and %d more\n", len(history)-i)
			break
		}
		fmt.Fprintf(&b, "%12d %12d client %d %s\n", o.Call, o.Return, o.ClientId, m.DescribeOperation(o.Input, o.Output))
	}
	return b.String()
}
