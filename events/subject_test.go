package events

import (
	"slices"
	"strings"
	"testing"
)

func TestSubjectsGolden(t *testing.T) {
	t.Parallel()
	e := sample()
	bare := Event{Type: "jieli.match.recommended.v1"}
	for want, got := range map[string]string{
		"jieli.cmd.demand.3":                          CommandSubject("demand", 3),
		"jieli.ledger.offer.0":                        LedgerSubject("offer", 0),
		"LEDGER_DEMAND":                               LedgerStream("demand"),
		"EVENTS_MATCH":                                EventsStream("match"),
		"VIEW_PBOC_BEIJING":                           ViewStream("pboc-beijing"),
		"jieli.event.demand.published.110108.I65":     EventSubject(&e),
		"jieli.event.match.recommended._._":           EventSubject(&bare),
		"jieli.view.pboc.demand.published.110108.I65": ViewSubject("pboc", &e),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSplitType(t *testing.T) {
	t.Parallel()
	for typ, want := range map[string][2]string{
		"jieli.demand.published.v1":   {"demand", "published"},
		"jieli.offer.release.v12":     {"offer", "release"},
		"":                            {},
		"jieli":                       {},
		"jieli.demand":                {},
		"jieli.demand.published":      {},
		"jieli..published.v1":         {},
		"jieli.demand..v1":            {},
		"com.example.order.placed.v1": {},
	} {
		if context, what := SplitType(typ); context != want[0] || what != want[1] {
			t.Errorf("SplitType(%q) = %q, %q", typ, context, what)
		}
	}
	for _, e := range Catalog {
		context, what := SplitType(e.Type)
		if !IsContext(context) || !ValidID(what) || strings.Contains(what, ".") {
			t.Errorf("%s: %q, %q", e.Type, context, what)
		}
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"d-1": true, "x-~_:A9": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a.b": false, "a*": false, "a>": false, "a b": false, "a/b": false, "需": false, "a\x00": false, "a\n": false, "%41": false,
	} {
		if ValidID(id) != want {
			t.Errorf("ValidID(%q) = %v", id, !want)
		}
	}
}

func TestSetKeepsOrderAndSharedSlices(t *testing.T) {
	t.Parallel()
	a := Event{Extensions: []Extension{{"b", "1", String}, {"d", "2", String}}}
	b := a
	b.Set("c", "3", String)
	b.Set("a", "0", Integer)
	b.Set("e", "5", String)
	b.Set("b", "true", Boolean)
	if want := []Extension{{"a", "0", Integer}, {"b", "true", Boolean}, {"c", "3", String}, {"d", "2", String}, {"e", "5", String}}; !slices.Equal(b.Extensions, want) {
		t.Errorf("%v", b.Extensions)
	}
	if want := []Extension{{"b", "1", String}, {"d", "2", String}}; !slices.Equal(a.Extensions, want) {
		t.Errorf("the other event changed: %v", a.Extensions)
	}
	if b.Get("c") != "3" || b.Get("x") != "" {
		t.Error("Get")
	}
}
