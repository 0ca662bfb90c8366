package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/services/matcher"
	"github.com/jieli-bus/jieli/services/matcher/clearing"
)

func TestClear(t *testing.T) {
	c := matcher.Clearing{Demands: []string{"d-0", "d-1"}, Offers: []string{"o-0", "o-1"}, FirstCome: 15, Greedy: 15, RuleSet: "r"}
	c.Batch = clearing.Batch{Demands: 2, Capacities: []int{1, 1}, Edges: []clearing.Edge{{Demand: 0, Offer: 0, Score: 10}, {Demand: 0, Offer: 1, Score: 9}, {Demand: 1, Offer: 0, Score: 9}, {Demand: 1, Offer: 1, Score: 5}}}
	r, err := clearing.Clear(&c.Batch)
	if err != nil {
		t.Fatal(err)
	}
	c.Result = *r
	for i, j := range r.Offers {
		p := matcher.ClearingPlace{Demand: c.Demands[i]}
		p.Offer, p.Score = c.Offers[j], 9
		c.Assigned = append(c.Assigned, p)
	}
	asked := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.Path + " " + string(body)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(c)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "clearing.json")
	out := runCLI(t, s.URL, "", "clear", "--region", "330000", "--per-offer", "3", "--out", file)
	if out.code != 0 || asked != `POST /v1/clearings {"region":"330000","per_offer":3}` || !strings.Contains(out.out, "总匹配度 18") || !strings.Contains(out.out, "已证明最优") {
		t.Fatalf("%d %q %q, asked %s", out.code, out.out, out.err, asked)
	}
	if r := runCLI(t, "http://127.0.0.1:1", "", "clear", "--check", file, "--lang", "en"); r.code != 0 || !strings.Contains(r.out, "proved best") {
		t.Errorf("without a server: %d %q %q", r.code, r.out, r.err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{`"total":18`: `"total":19`, `"demand":"d-1","party_name":"","offer":"o-0"`: `"demand":"d-1","party_name":"","offer":"o-1"`, `"demands":["d-0","d-1"]`: `"demands":["d-0"]`, `{`: `[`} {
		changed := strings.Replace(string(raw), from, to, 1)
		if changed == string(raw) {
			t.Fatalf("%s is not in %s", from, raw)
		}
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := runCLI(t, "http://127.0.0.1:1", "", "clear", "--check", file, "--lang", "en"); r.code != 1 {
			t.Errorf("%s accepted: %q %q", to, r.out, r.err)
		}
	}
}
