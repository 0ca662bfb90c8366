package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

func TestDeadletter(t *testing.T) {
	s := newFakeServer(t)
	var redriven []string
	s.other = func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/v1/deadletters" && r.URL.Query().Get("after") == "0":
			fmt.Fprint(w, `{"items":[{"number":7,"reason":"permanent_error","error":"no\u001b[31m way","stream":"EVENTS_DEMAND","sequence":3}],"next":7}`)
		case path == "/v1/deadletters":
			fmt.Fprint(w, `{"items":[{"number":9,"reason":"attempts_exhausted","stream":"EVENTS_OFFER","sequence":4}]}`)
		case path == "/v1/deadletters/7":
			fmt.Fprint(w, `{"number":7,"header":{"ce-id":["e-1"]},"body":"eyJuIjoxfQ=="}`)
		default:
			problem(w, events.ErrNotFound.Refuse("", "", ""))
		}
	}
	s.refuse = func(path string, _ []byte) *events.Problem {
		if path != "/v1/deadletters/7/redrive" {
			return events.ErrUnavailable.Refuse("", "读者没有在运行", "its reader is not there")
		}
		redriven = append(redriven, path)
		return nil
	}
	r := runCLI(t, s.URL, "", "deadletter", "list")
	if r.code != 0 || !strings.Contains(r.out, "EVENTS_DEMAND:3") || !strings.Contains(r.out, "attempts_exhausted") || strings.Contains(r.out, "\x1b") {
		t.Errorf("list: %d %q %s", r.code, r.out, r.err)
	}
	if r := runCLI(t, s.URL, "", "deadletter", "show", "7"); r.code != 0 || !strings.Contains(r.out, "ce-id: e-1") || !strings.Contains(r.out, `{"n":1}`) {
		t.Errorf("show: %d %q %s", r.code, r.out, r.err)
	}
	r = runCLI(t, s.URL, "", "deadletter", "redrive", "--all", "--lang", "en")
	if r.code != 1 || len(redriven) != 1 || !strings.Contains(r.out, "7 given back") || !strings.Contains(r.err, "9: ") || !strings.Contains(r.err, "its reader is not there") {
		t.Errorf("redrive: %d %v %q %q", r.code, redriven, r.out, r.err)
	}
	for _, args := range [][]string{{"redrive"}, {"redrive", "7", "--all"}, {"redrive", "x"}, {"show", "0"}, {"show"}, {"burn"}} {
		if r := runCLI(t, s.URL, "", append([]string{"deadletter"}, args...)...); r.code != 2 {
			t.Errorf("%v: %d %s", args, r.code, r.err)
		}
	}
}
