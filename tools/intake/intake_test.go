package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/tools/client"
	"github.com/jieli-bus/jieli/tools/rows"
)

type source []*rows.Row

func (s source) Size() int          { return len(s) }
func (s source) Kinds() []rows.Kind { return []rows.Kind{rows.Enterprise, rows.Demand} }
func (s source) Rows() iter.Seq2[*rows.Row, error] {
	return func(yield func(*rows.Row, error) bool) {
		for _, r := range s {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func numbered(n int) source {
	var s source
	for i := range n {
		kind := rows.Enterprise
		if i%2 == 1 {
			kind = rows.Demand
		}
		s = append(s, &rows.Row{Kind: kind, Line: i + 1, Data: fmt.Appendf(nil, `{"id":"x-%d"}`, i)})
	}
	return s
}

func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, "", 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func answer(w http.ResponseWriter, position string) {
	a := events.Answer{Command: "c", Subject: "x-1", Version: 1, Position: position, Events: []string{"e"}}
	w.Write(a.AppendJSON(nil))
}

func refuse(w http.ResponseWriter, p *events.Problem) {
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

// The next phase may refer to what this one wrote: it begins only after the read side has caught up with the last position.
func TestPhasesWaitForTheReadSide(t *testing.T) {
	var reads, stale atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/v1/enterprises/x-1" && r.Header.Get("Jieli-Position") == "enterprise.0:7":
			if stale.Add(1) <= 2 {
				refuse(w, events.ErrStale.Refuse("", "", ""))
				return
			}
			reads.Add(1)
			fmt.Fprint(w, `{}`)
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `{}`)
		case r.URL.Path == "/v1/enterprises":
			answer(w, "enterprise.0:7")
		default:
			if reads.Load() == 0 {
				t.Error("a demand was sent before the enterprises could be read")
			}
			answer(w, "demand.0:9")
		}
	})
	s, err := Run(t.Context(), c, numbered(20), Config{})
	if err != nil || s.Accepted != 20 || s.Read != 20 || reads.Load() != 1 {
		t.Errorf("%+v %v, %d reads", s, err, reads.Load())
	}
}

func TestCountsAndKeys(t *testing.T) {
	var mu sync.Mutex
	keys := map[string]bool{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		mu.Lock()
		again := keys[key]
		keys[key] = true
		mu.Unlock()
		n := len(key)
		a := events.Answer{Command: "c", Subject: "x", Version: 1, Repeated: again}
		if n == 0 {
			t.Error("a command without a key")
		}
		w.Write(a.AppendJSON(nil))
	})
	in := numbered(10)
	s, err := Run(t.Context(), c, in, Config{})
	if err != nil || s.Unchanged != 10 {
		t.Errorf("%+v %v", s, err)
	}
	if s, err = Run(t.Context(), c, in, Config{Kinds: []rows.Kind{rows.Demand}}); err != nil || s.Repeated != 5 || s.Read != 5 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // a server watches for the end of the connection behind the body only
		cancel()
		<-r.Context().Done()
	})
	s, err := Run(ctx, c, numbered(1000), Config{Concurrency: 4})
	if !errors.Is(err, context.Canceled) || s.Read != s.Done() {
		t.Errorf("%+v %v: every row read is settled or taken back", s, err)
	}
}

func TestRefusalThatCannotBeKeptEndsTheImport(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { refuse(w, events.ErrUSCC.Refuse("/id", "", "")) })
	full := errors.New("disk full")
	_, err := Run(t.Context(), c, numbered(50), Config{Refused: func(*rows.Row, *events.Problem) error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

func TestConfigNamesEverythingThatIsWrong(t *testing.T) {
	err := Config{Concurrency: -1, Limit: -1, Deadline: -time.Second}.Validate()
	for _, want := range []string{"concurrency", "limit", "deadline"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
