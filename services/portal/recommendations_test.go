package portal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/portal"
)

func TestRecommendations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		target, asked string
		kind          *events.ProblemKind
	}{
		{"/v1/demands/d-1/recommendations", "match operator d-1 20 zh", nil},
		{"/v1/demands/d-1/recommendations?limit=3&lang=en", "match operator d-1 3 en", nil},
		{"/v1/demands/d-1/recommendations?limit=200", "match operator d-1 200 zh", nil},
		{"/v1/demands/d-1/explain/o-2", "explain operator d-1o-2 20 zh", nil},
		{"/v1/demands/d-1/near-misses?limit=7", "near-misses operator d-1 7 zh", nil},
		{"/v1/offers/o-1/leads?lang=en", "leads operator o-1 20 en", nil},
		{"/v1/insight/blocked", "blocked   20 zh", nil},
		{"/v1/insight/blocked?limit=3", "", &events.ErrMalformed},
		{"/v1/demands/d-1/stack", "stack operator d-1 20 zh", nil},
		{"/v1/demands/d.1/stack", "", &events.ErrID},
		{"/v1/demands/d-1/recommendations?limit=0", "", &events.ErrMalformed},
		{"/v1/demands/d-1/recommendations?limit=201", "", &events.ErrMalformed},
		{"/v1/demands/d-1/recommendations?limit=ten", "", &events.ErrMalformed},
		{"/v1/demands/d-1/recommendations?limit=1&limit=2", "", &events.ErrMalformed},
		{"/v1/demands/d-1/recommendations?lang=fr", "", &events.ErrMalformed},
		{"/v1/demands/d-1/recommendations?lang=", "", &events.ErrMalformed},
		{"/v1/demands/d.1/recommendations", "", &events.ErrID},
		{"/v1/demands/%00/recommendations", "", &events.ErrID},
		{"/v1/demands/d-1/explain/%3E", "", &events.ErrID},
		{"/v1/demands/*/explain/o-1", "", &events.ErrID},
	} {
		t.Run(tt.target, func(t *testing.T) {
			w := newWorld(t)
			rec := w.do("GET", tt.target)
			if tt.kind == nil && rec.Code != 200 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			if tt.kind != nil {
				refused(t, rec, *tt.kind)
			}
			if w.match.asked != tt.asked {
				t.Fatalf("asked %q", w.match.asked)
			}
		})
	}
}

func TestMatcherRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		kind events.ProblemKind
	}{
		{events.ErrNotFound.Refuse("", "", ""), events.ErrNotFound},
		{fmt.Errorf("matching: %w", events.ErrState.Refuse("", "", "")), events.ErrState},
		{errors.New("secret: cable cut"), events.ErrInternal},
	} {
		for _, target := range []string{"/v1/demands/d-1/recommendations", "/v1/demands/d-1/explain/o-1", "/v1/demands/d-1/stack"} {
			w := newWorld(t)
			w.match.err = tt.err
			rec := w.do("GET", target)
			refused(t, rec, tt.kind)
			if strings.Contains(rec.Body.String(), "cable") {
				t.Fatal("the cause leaked")
			}
		}
	}
}

func TestDepartmentsMayNotAskTheMatcher(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused(t, w.do("GET", "/v1/demands/d-1/recommendations", pboc), events.ErrForbidden)
	if w.match.asked != "" {
		t.Fatal("it was asked")
	}
}

func TestConfigNamesEverythingMissing(t *testing.T) {
	t.Parallel()
	_, err := portal.Routes(portal.Config{WriteMax: -1})
	if err == nil {
		t.Fatal("an empty config was taken")
	}
	for _, name := range []string{"Streams", "Matcher", "Clock", "Registry", "WriteMax"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}
