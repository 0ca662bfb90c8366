package topology

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/jieli-bus/jieli/contracts/codes"
	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// load gives commands of every service over HTTP at a steady rate, each under an id of its own, and keeps what was answered. It does
// what every client must: what was not answered, or answered "unknown" or "try again", it repeats under its id.
type load struct {
	w      *Topology
	client *http.Client
	until  string // of everything that is published

	mu       sync.Mutex
	given    map[string]bool      // by command id: acknowledged
	answered map[string]time.Time // by path: the newest acknowledgement
	gap      map[string]time.Duration
	repeats  int
	wrong    []string // answers that nobody may get

	n       atomic.Int64
	waiting atomic.Int64
	running sync.WaitGroup
	stop    context.CancelFunc
}

// Paths of the load. What an enterprise publishes waits until it is registered: the first hundred are there before.
const (
	enterprises = "/v1/enterprises"
	demands     = "/v1/demands"
	offers      = "/v1/offers"
	bonds       = "/v1/bonds"
	borrowers   = "/v1/crossborder"
	grants      = "/v1/grants"
	probe       = "" // what a test asks between
)

const firms = 100

func newLoad(t *testing.T, w *Topology) *load {
	t.Helper()
	l := &load{w: w, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}, Timeout: 20 * time.Second}, until: time.Now().Add(90 * 24 * time.Hour).UTC().Format(time.RFC3339),
		given: make(map[string]bool), answered: make(map[string]time.Time), gap: make(map[string]time.Duration)}
	var seeds sync.WaitGroup
	seed := func(path string, body map[string]any) {
		seeds.Go(func() {
			if err := l.give(t.Context(), path, path, body); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range firms {
		seed(enterprises, firm(i))
	}
	seed("/v1/parties", map[string]any{"id": "bank-1", "kind": "bank", "name": "示例科技银行", "region": "330100",
		"licences": []any{map[string]any{"licence": "bank", "number": "B0001", "valid_from": "2020-01-01"}}})
	seeds.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return l
}

// uscc is the code of the n-th enterprise, n below two million; not every body of a code has a check digit.
func uscc(n int) string {
	for try := range 7 {
		if code, err := codes.MakeUSCC("330106", fmt.Sprintf("M%c%d%05d", "ABCDEFGHJKLMNPQRTUWXY"[n/100_000], 3+try, n%100_000)); err == nil {
			return code
		}
	}
	panic(fmt.Sprintf("no code for enterprise %d", n))
}

func firm(n int) map[string]any {
	return map[string]any{"id": uscc(n), "name": fmt.Sprintf("示例智造科技有限公司%d号", n), "region": "330106", "industry": "I65", "founded": "2019-03-01", "stage": "growth"}
}

func yuan(amount string) map[string]any { return map[string]any{"amount": amount, "currency": "CNY"} }

func (l *load) demand(id string, of int) map[string]any {
	return map[string]any{"id": id, "enterprise": uscc(of % firms), "instruments": []any{"credit_loan"}, "amount": yuan("5000000.00"),
		"term_months": map[string]any{"min": 12, "max": 24}, "max_price_bp": 420, "use": "rnd", "title": "研发投入", "valid_until": l.until}
}

// next is the n-th command: of every service some.
func (l *load) next(n int) (kind, path string, body map[string]any) {
	switch n % 10 {
	case 0, 1:
		return enterprises, enterprises, firm(firms + n)
	case 2, 3:
		return offers, offers, map[string]any{"id": fmt.Sprint("offer-", n), "party": "bank-1", "instrument": "credit_loan", "title": "科技信用贷", "capacity": yuan("100000000.00"),
			"min_ticket": yuan("500000.00"), "max_ticket": yuan("10000000.00"), "term_months": map[string]any{"min": 6, "max": 36}, "min_price_bp": 320, "max_price_bp": 450,
			"eligibility": []any{map[string]any{"field": "region", "op": "in", "values": []any{"330000"}}}, "valid_until": l.until}
	case 4:
		return bonds, bonds, map[string]any{"id": fmt.Sprint("bond:b-", n), "issuer": uscc(n % firms), "issuer_kind": "technology_firm", "venue": "interbank", "instrument": "tech_note",
			"amount": yuan("300000000.00"), "tenor_days": 1095, "proceeds": []any{map[string]any{"use": "rnd", "share_bp": 10000}}}
	case 5:
		day := events.DateOf(time.Now().AddDate(0, 0, -200))
		return borrowers, borrowers, map[string]any{"id": uscc(n % firms), "kind": "firm", "route": "macro_prudential",
			"statement": map[string]any{"day": day, "net_assets": yuan("10000000.00"), "document": "审字示例1号"}}
	case 6:
		if n%1000 == 6 { // each has a view written anew: too late for what is written already
			return grants, grants + "/safe/grant", map[string]any{"grant": fmt.Sprint("g-", n), "purpose": "示例", "basis": "示例〔2026〕3号", "types": map[string]any{events.TypeDemandPublished: []any{"id"}}}
		}
	}
	return demands, demands, l.demand(fmt.Sprint("demand-", n), n)
}

// run gives commands at a rate until halt.
func (l *load) run(perSecond int) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.running.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			kind, path, body := l.next(int(l.n.Add(1)))
			l.waiting.Add(1)
			l.running.Go(func() {
				defer l.waiting.Add(-1)
				if err := l.give(context.Background(), kind, path, body); err != nil {
					l.note(err.Error())
				}
			})
		}
	})
}

// halt ends the load once everything given has been answered.
func (l *load) halt() { l.stop(); l.running.Wait() }

func (l *load) note(wrong string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, wrong)
}

// give gives one command until it is acknowledged.
func (l *load) give(ctx context.Context, kind, path string, body map[string]any) error {
	id := events.NewUUID7(time.Now()).String()
	l.mu.Lock()
	l.given[id] = false
	l.mu.Unlock()
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, said, err := l.once(ctx, path, id, encoded)
		switch {
		case err == nil && status/100 == 2:
			l.acknowledge(kind, id)
			return nil
		case err == nil && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout && status != http.StatusTooManyRequests:
			return fmt.Errorf("POST %s %s: %d %s", path, encoded, status, said)
		}
		l.mu.Lock()
		l.repeats++
		l.mu.Unlock()
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("POST %s: no acknowledgement within %s: %d %s, %w", path, patience, status, said, errors.Join(err, ctx.Err()))
		}
	}
}

func (l *load) once(ctx context.Context, path, id string, body []byte) (int, []byte, error) {
	base := l.w.HTTP()
	if base == "" {
		return 0, nil, errors.New("the portal is away")
	}
	r, err := http.NewRequestWithContext(ctx, "POST", base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", id)
	answer, err := l.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	return answer.StatusCode, said, err
}

func (l *load) acknowledge(kind, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.given[id] = true
	if last, ok := l.answered[kind]; ok {
		l.gap[kind] = max(l.gap[kind], now.Sub(last))
	}
	l.answered[kind] = now
}

// gaps forgets the longest pauses between acknowledgements and returns them: by path, and the longest.
func (l *load) gaps() (longest time.Duration, of string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind, gap := range l.gap {
		if kind != grants && kind != probe && gap > longest { // pauses between these are usual
			longest, of = gap, kind
		}
	}
	l.gap = make(map[string]time.Duration)
	return longest, of
}

func operator(t *testing.T, w *Topology) *nats.Conn {
	t.Helper()
	var c allinone.NATSCredential
	b, err := os.ReadFile(filepath.Join(w.Credentials(), "operator.nats.json"))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	options := []nats.Option{nats.UserInfo(c.User, c.Password), nats.MaxReconnects(-1)}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	conn, err := nats.Connect(c.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// outcomes counts, by command id, how often a command is in the ledgers.
func outcomes(t *testing.T, w *Topology) map[string]int {
	t.Helper()
	js, err := jetstream.New(operator(t, w))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	count := make(map[string]int)
	for _, name := range events.Contexts {
		stream, err := js.Stream(ctx, events.LedgerStream(name))
		if err != nil {
			t.Fatal(err)
		}
		for sequence := uint64(1); sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
			m, err := stream.GetMsg(ctx, sequence)
			if err != nil {
				t.Fatalf("%s, commit %d: %v", name, sequence, err)
			}
			ids, err := commandsOf(m.Data)
			if err != nil {
				t.Fatalf("%s, commit %d: %v", name, sequence, err)
			}
			for _, id := range ids {
				count[id]++
			}
		}
	}
	return count
}

// check holds the ledgers to what was acknowledged, and everything to its invariants.
func (l *load) check(t *testing.T) {
	t.Helper()
	found := outcomes(t, l.w)
	var acknowledged, lost, doubled int
	for id, acked := range l.given {
		if acked {
			acknowledged++
		}
		if acked && found[id] == 0 {
			lost++
		}
		if found[id] > 1 {
			doubled++
		}
	}
	t.Logf("%d commands given, %d acknowledged, %d attempts repeated; of the acknowledged %d lost, of all %d doubled", len(l.given), acknowledged, l.repeats, lost, doubled)
	if lost > 0 || doubled > 0 || acknowledged < len(l.given) {
		t.Errorf("%d of %d acknowledged, %d lost, %d doubled", acknowledged, len(l.given), lost, doubled)
	}
	for i, wrong := range l.wrong {
		if i < 5 {
			t.Errorf("an answer nobody may get: %s", wrong)
		}
	}
	verify(t, l.w)
}

// verify asks the portal for a verification.
func verify(t *testing.T, w *Topology) {
	t.Helper()
	begun := time.Now()
	report, err := verified(w)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range report.Violations {
		t.Errorf("violation %s at %s: %s", v.Invariant, v.Where, v.What)
	}
	n := 0
	for _, r := range report.Ledgers {
		n += r.Commands
	}
	t.Logf("verified: %d commands in the ledgers, %d violations, %s", n, len(report.Violations), time.Since(begun).Round(time.Millisecond))
}

func verified(w *Topology) (*allinone.Report, error) {
	answer, err := http.Post(w.HTTP()+"/v1/verify", "application/json", nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	var last struct {
		OK     bool             `json:"ok"`
		Report *allinone.Report `json:"report"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Report == nil {
		return nil, fmt.Errorf("verify: %s %w", lines[len(lines)-1], err)
	}
	return last.Report, nil
}
