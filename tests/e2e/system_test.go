// Package e2e drives the product as its users do: over HTTP, NATS and the command line, never through internals.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// patience bounds every wait of these tests: a machine under load is slow, a broken system never answers.
const patience = 60 * time.Second

// place is where a Jieli can be found: all that a stranger needs of it.
type place interface {
	HTTP() string // URL
	NATS() string // URLs, separated by commas
	Dir() string  // its folder credentials has the tokens and the NATS accounts
}

// system is a Jieli with everything a stranger would use of it.
type system struct {
	place
	t     *testing.T
	apart bool // several processes and a broker of three nodes, not all in one
}

// on is the same system for another test.
func (s *system) on(t *testing.T) *system { return &system{s.place, t, s.apart} }

// start starts a system of one process for one test.
func start(t *testing.T, o allinone.Options) *system {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.HTTP == "" {
		o.HTTP = "127.0.0.1:0"
	}
	if o.NATS == "" {
		o.NATS = "127.0.0.1:0"
	}
	// What the system has to say is shown where a test fails.
	o.Log = zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := allinone.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &system{place: s, t: t}
}

// Close ends a system of one process.
func (s *system) Close(ctx context.Context) error { return s.place.(*allinone.System).Close(ctx) }

// client keeps enough connections for the widest of these tests: the default keeps two, and every other request would dial.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}

// call makes a request and returns status, header and body.
func (s *system) call(method, path string, body any, header ...string) (int, http.Header, []byte) {
	s.t.Helper()
	status, h, b, err := s.try(method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, h, b
}

// try is call for goroutines, which may not end the test.
func (s *system) try(method, path string, body any, header ...string) (int, http.Header, []byte, error) {
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return 0, nil, nil, err
		}
		reader = bytes.NewReader(encoded)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.HTTP()+path, reader)
	if err != nil {
		return 0, nil, nil, err
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, b, err
}

// give is do for goroutines: the error is the refusal or what kept the answer away. It does what every client must: told that the
// system is busy or that the outcome is unknown, it repeats the command under its id.
func (s *system) give(method, path string, body any, header ...string) (*events.Answer, error) {
	if !slices.Contains(header, "Idempotency-Key") {
		header = append(slices.Clone(header), "Idempotency-Key", events.NewUUID7(time.Now()).String())
	}
	for deadline := time.Now().Add(patience); ; {
		a, err := s.once(method, path, body, header...)
		if !maybe(err) || time.Now().After(deadline) {
			return a, err
		}
	}
}

// maybe reports whether a command is to be repeated under its id.
func maybe(err error) bool {
	var p *events.Problem
	return errors.As(err, &p) && (p.Type == events.ProblemPrefix+events.ErrUnknown.Code || p.Type == events.ProblemPrefix+events.ErrOverloaded.Code)
}

func (s *system) once(method, path string, body any, header ...string) (*events.Answer, error) {
	status, _, b, err := s.try(method, path, body, header...)
	if err != nil {
		return nil, err
	}
	a, err := events.DecodeReply(b)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("an answer with status %d: %s", status, b)
	}
	return a, err
}

// get reads a document, at the position given ("" for any), into a value and returns its bytes.
func (s *system) get(path, position string, into any) []byte {
	s.t.Helper()
	var header []string
	if position != "" {
		header = []string{"Jieli-Position", position}
	}
	status, _, b := s.call("GET", path, nil, header...)
	if status != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s", path, status, b)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			s.t.Fatalf("GET %s: %v: %s", path, err, b)
		}
	}
	return b
}

// listing is one page of a collection.
type listing struct {
	Items []item `json:"items"`
	Next  string `json:"next"`
	Count int    `json:"count"`
}

type item struct {
	ID       string          `json:"id"`
	Version  uint64          `json:"version"`
	Document json.RawMessage `json:"document"`
}

// atOnce runs n workers at the same time and waits for them; the first error ends the test.
func (s *system) atOnce(n int, work func(i int) error) {
	s.t.Helper()
	var running sync.WaitGroup
	errs := make([]error, n)
	begin := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-begin
			errs[i] = work(i)
		})
	}
	close(begin)
	running.Wait()
	for i, err := range errs {
		if err != nil {
			s.t.Fatalf("worker %d of %d: %v", i, n, err)
		}
	}
}

// do gives a command that must be accepted.
func (s *system) do(method, path string, body any, header ...string) *events.Answer {
	s.t.Helper()
	status, _, b := s.call(method, path, body, header...)
	a, err := events.DecodeReply(b)
	if err != nil || status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	return a
}

// refused gives a command that must be refused with a problem of this kind.
func (s *system) refused(kind events.ProblemKind, method, path string, body any, header ...string) *events.Problem {
	s.t.Helper()
	status, h, b := s.call(method, path, body, header...)
	p, ok := events.DecodeProblem(b)
	if !ok || p.Type != events.ProblemPrefix+kind.Code || status != kind.Status || !strings.HasPrefix(h.Get("Content-Type"), "application/problem+json") {
		s.t.Errorf("%s %s: want %s (%d), got %d %s", method, path, kind.Code, kind.Status, status, b)
		return &events.Problem{}
	}
	if p.Title == "" || p.TitleEN == "" {
		s.t.Errorf("%s %s: a problem speaks Chinese and English: %s", method, path, b)
	}
	return p
}

func (s *system) credential(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir(), "credentials", name))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// verify holds the whole system to its invariants.
func (s *system) verify() *allinone.Report {
	s.t.Helper()
	var last struct {
		Report *allinone.Report `json:"report"`
		Error  *events.Problem  `json:"error"`
	}
	status, _, b := s.call("POST", "/v1/verify", nil)
	for line := range bytes.Lines(b) {
		if err := json.Unmarshal(line, &last); err != nil {
			s.t.Fatalf("verify: %v: %s", err, line)
		}
	}
	if status != http.StatusOK || last.Report == nil {
		s.t.Fatalf("verify: %d %s", status, b)
	}
	for _, v := range last.Report.Violations {
		s.t.Errorf("violation %s at %s: %s", v.Invariant, v.Where, v.What)
	}
	return last.Report
}

// money is an amount of yuan.
func money(amount string) map[string]any { return map[string]any{"amount": amount, "currency": "CNY"} }

// with copies a payload and sets some of its fields; nil takes one out.
func with(payload map[string]any, fields map[string]any) map[string]any {
	out := maps.Clone(payload)
	for name, value := range fields {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// usccOf makes a valid code: the n-th of a region.
func usccOf(region string, n int) string {
	code, err := codes.MakeUSCC(region, fmt.Sprintf("MA2T%04d", n))
	if err != nil {
		panic(err)
	}
	return code
}

// Payloads of a small true-to-life world. n tells several of a kind apart.
func enterprise(n int) (string, map[string]any) {
	id := usccOf("330106", n+1)
	return id, map[string]any{
		"id": id, "name": fmt.Sprintf("示例智造科技有限公司%d号", n), "region": "330106", "industry": "I65", "founded": "2019-03-01", "stage": "growth",
		"contact": map[string]any{"name": "王示例", "phone": "13800000000"},
	}
}

func bank(id string) map[string]any {
	return map[string]any{
		"id": id, "kind": "bank", "name": "示例科技银行", "region": "330100",
		"licences": []any{map[string]any{"licence": "bank", "number": "B0001", "valid_from": "2020-01-01"}},
	}
}

func validUntil() string { return time.Now().Add(90 * 24 * time.Hour).UTC().Format(time.RFC3339) }

func loanOffer(id, party string) map[string]any {
	return map[string]any{
		"id": id, "party": party, "instrument": "credit_loan", "title": "科技信用贷",
		"capacity":    map[string]any{"amount": "100000000.00", "currency": "CNY"},
		"min_ticket":  map[string]any{"amount": "500000.00", "currency": "CNY"},
		"max_ticket":  map[string]any{"amount": "10000000.00", "currency": "CNY"},
		"term_months": map[string]any{"min": 6, "max": 36}, "min_price_bp": 320, "max_price_bp": 450,
		"eligibility": []any{map[string]any{"field": "region", "op": "in", "values": []any{"330000"}}},
		"valid_until": validUntil(),
	}
}

func loanDemand(id, enterprise string) map[string]any {
	return map[string]any{
		"id": id, "enterprise": enterprise, "instruments": []any{"credit_loan"},
		"amount":      map[string]any{"amount": "5000000.00", "currency": "CNY"},
		"term_months": map[string]any{"min": 12, "max": 24}, "max_price_bp": 420, "use": "rnd", "title": "研发投入",
		"valid_until": validUntil(),
	}
}
