package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/allinone"
)

// TestFullLedger fills a ledger to its limit. Commands are refused as overloaded with a reason that names it, readiness says which stream
// it is, other contexts go on, nothing is lost; with more room everything goes on.
func TestFullLedger(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, allinone.Options{Dir: dir, MaxDisk: allinone.DiskBytesMin})
	s.traded()
	if status, ready := s.ready(); status != http.StatusOK {
		t.Fatalf("with room: %d %v", status, ready)
	}
	var refusal atomic.Pointer[events.Problem]
	rounds := 0
	for refusal.Load() == nil {
		s.atOnce(32, func(i int) error {
			// Amending the same offer grows its ledger and no read model.
			a, err := s.once("POST", "/v1/offers/offer-1/pause", map[string]any{"reason": strings.Repeat("资金安排调整", 16)})
			if err == nil && a != nil {
				_, err = s.once("POST", "/v1/offers/offer-1/resume", nil)
			}
			var p *events.Problem
			if errors.As(err, &p) && p.Type == events.ProblemPrefix+events.ErrOverloaded.Code {
				refusal.Store(p)
			} else if errors.As(err, &p) { // paused already, by another worker
				err = nil
			}
			if p != nil {
				return nil
			}
			return err
		})
		if rounds++; rounds > 5_000 {
			t.Fatal("the ledger does not fill up")
		}
	}
	full := refusal.Load()
	if !strings.Contains(full.DetailEN, "LEDGER_OFFER") || !strings.Contains(full.Detail, "LEDGER_OFFER") {
		t.Errorf("the refusal does not say what is full: %+v", full)
	}
	status, ready := s.ready()
	if status != http.StatusServiceUnavailable || !strings.Contains(ready["ledger offer"], "LEDGER_OFFER") || !strings.Contains(ready["ledger offer"], "--max-disk") {
		t.Errorf("readiness of a full ledger: %d %v", status, ready)
	}
	for name, word := range ready {
		if name != "ledger offer" && word != "ok" {
			t.Errorf("readiness: %s: %s", name, word)
		}
	}
	s.do("POST", "/v1/demands", s.demanded("demand-1")) // another ledger has room
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = start(t, allinone.Options{Dir: dir, MaxDisk: 4 * allinone.DiskBytesMin})
	if status, ready := s.ready(); status != http.StatusOK {
		t.Errorf("with room again: %d %v", status, ready)
	}
	s.do("POST", "/v1/offers", loanOffer("offer-2", "bank-1"))
	s.verify()
	// Less than before is taken as well, down to what is held.
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = start(t, allinone.Options{Dir: dir, MaxDisk: 2 * allinone.DiskBytesMin})
	s.do("POST", "/v1/offers", loanOffer("offer-3", "bank-1"))
}

// ready asks /readyz.
func (s *system) ready() (int, map[string]string) {
	s.t.Helper()
	status, _, b := s.call("GET", "/readyz", nil)
	var answer struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		s.t.Fatalf("%v: %s", err, b)
	}
	return status, answer.Checks
}
