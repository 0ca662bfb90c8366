package webapi

import (
	"errors"
	"net/http"
	"testing"

	"github.com/jieli-bus/jieli/events"
	"github.com/jieli-bus/jieli/services/internal/chassis/step"
	"github.com/jieli-bus/jieli/services/internal/chassis/store"
)

// TestActorOf: only the operator speaks for others.
func TestActorOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		principal, says string
		want            step.Actor // "" refused
	}{
		{OperatorPrincipal, "", step.Operator},
		{OperatorPrincipal, "party:bank-2", "party:bank-2"},
		{OperatorPrincipal, "system", ""},
		{"party:bank-1", "", "party:bank-1"},
		{"party:bank-1", "party:bank-1", "party:bank-1"},
		{"party:bank-1", "party:bank-2", ""},
		{"party:bank-1", "operator", ""},
		{"party:bank-1", "system", ""},
		{"party:bank-1", "user:u-1", ""},
	} {
		h := http.Header{}
		if c.says != "" {
			h.Set(HeaderActor, c.says)
		}
		got, err := actorOf(h, c.principal)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !events.ErrForbidden.Is(err) {
			t.Errorf("%s as %q: %q, %v", c.principal, c.says, got, err)
		}
	}
}

// FuzzCursor: a cursor that nobody signed names no place.
func FuzzCursor(f *testing.F) {
	frame := &frame{Config: Config{CursorKey: []byte("0123456789abcdef0123456789abcdef")}}
	l := &listRequest{collection: "offer", sort: "amount"}
	signed := frame.cursor(l, store.Place{Value: "5", Key: "offer-1"})
	f.Add(signed)
	f.Add("")
	f.Add("AgAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := frame.place(l, text)
		var p *events.Problem
		switch {
		case err == nil && text != signed:
			t.Fatalf("%q is taken as %+v", text, at)
		case err != nil && !errors.As(err, &p):
			t.Fatalf("%q: %v is no refusal", text, err)
		}
	})
}
