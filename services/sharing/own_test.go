package sharing

import (
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

func TestOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, payload, want string
		named               bool
	}{
		{"its own items of a list", `{"id":"d","offers":[{"offer":"a","party":"p"},{"offer":"b","party":"q"},{"party":"p","offer":"c"}]}`, `{"id":"d","offers":[{"offer":"a","party":"p"},{"party":"p","offer":"c"}]}`, true},
		{"others' items only", `{"id":"d","offers":[{"offer":"b","party":"q"}]}`, `{"id":"d","offers":[]}`, false},
		{"an id that begins like it", `{"offers":[{"party":"p1"},{"party":"xp"}]}`, `{"offers":[]}`, false},
		{"itself", `{"party":"p","tags":["p",1,null,{"x":[]}]}`, `{"party":"p","tags":["p",1,null,{"x":[]}]}`, true},
		{"another", `{"party":"q","name":"\"party\":\"p\""}`, `{"party":"q","name":"\"party\":\"p\""}`, false},
		{"a name further in does not count", `{"a":{"party":"p"}}`, `{"a":{"party":"p"}}`, false},
		{"nothing", `{}`, `{}`, false},
		{"an empty list", `{"offers":[]}`, `{"offers":[]}`, false},
	} {
		mine, named, err := own([]byte(c.payload), "p")
		if err != nil || string(mine) != c.want || named != c.named {
			t.Errorf("%s: %s, %v, %v; want %s, %v", c.name, mine, named, err, c.want, c.named)
		}
	}
	for _, broken := range []string{"", "[]", "{", `{"a"`, `{"a":`, `{"a":[`, `{"a":[{`, `{"a":[{"party":`, `{}x`, `{"a":1`, `{"a":[1`} {
		if _, _, err := own([]byte(broken), "p"); err == nil {
			t.Errorf("%s is taken", broken)
		}
	}
}

// TestOwnGrant: beside a grant of its own a party may have one that is not narrowed. Where both show an event that names it, what both
// name is shown of its own items; an event that does not name it is shown by the other grant alone.
func TestOwnGrant(t *testing.T) {
	t.Parallel()
	narrow := Given{Grant: events.Grant{Grant: "own", Own: true, Types: map[string][]string{events.TypeRecommended: {"demand", "offers[].offer"}}}}
	wide := Given{Grant: events.Grant{Grant: "wide", Types: map[string][]string{events.TypeRecommended: {"region"}}}}
	const mixed = `{"demand":"d","region":"330106","offers":[{"offer":"a","party":"p"},{"offer":"b","party":"q"}]}`
	for _, c := range []struct {
		name, payload, want string
		grants              []Given
	}{
		{"its own", mixed, `{"demand":"d","offers":[{"offer":"a"}]}`, []Given{narrow}},
		{"of others", strings.ReplaceAll(mixed, `"p"`, `"r"`), "", []Given{narrow}},
		{"both", mixed, `{"demand":"d","region":"330106","offers":[{"offer":"a"}]}`, []Given{narrow, wide}},
		{"both, the other first", mixed, `{"demand":"d","region":"330106","offers":[{"offer":"a"}]}`, []Given{wide, narrow}},
		{"of others, by the other grant", strings.ReplaceAll(mixed, `"p"`, `"r"`), `{"region":"330106"}`, []Given{narrow, wide}},
	} {
		p := NewPolicy(&Department{ID: "p", Grants: c.grants})
		view, may, err := p.View(&events.Event{ID: "e", Type: events.TypeRecommended, Data: []byte(c.payload)}, events.Position{Context: "match", Sequence: 1})
		if err != nil || may != (c.want != "") || may && string(view.Data) != c.want {
			t.Errorf("%s: %+v, %v, %v", c.name, view, may, err)
		}
	}
}

// TestFirst: a view that holds nothing yet is read for from where its grants begin.
func TestFirst(t *testing.T) {
	t.Parallel()
	from := func(context string, sequence uint64) []events.Cut {
		return []events.Cut{{Context: context, Sequence: sequence}}
	}
	types := map[string][]string{events.TypeRecommended: {"demand"}}
	given := func(cuts []events.Cut) Given { return Given{Grant: events.Grant{Types: types, Cuts: cuts}} }
	for name, c := range map[string]struct {
		grants []Given
		want   uint64
		ok     bool
	}{
		"no grant":             {nil, 0, false},
		"from a cut":           {[]Given{given(from("match", 7))}, 7, true},
		"the earlier of two":   {[]Given{given(from("match", 7)), given(from("match", 3))}, 3, true},
		"no cut: from nothing": {[]Given{given(from("match", 7)), given(from("demand", 3))}, 0, true},
	} {
		if first, ok := NewPolicy(&Department{Grants: c.grants}).first("match"); first != c.want || ok != c.ok {
			t.Errorf("%s: %d, %v", name, first, ok)
		}
		if _, ok := NewPolicy(&Department{Grants: c.grants}).first("offer"); ok {
			t.Errorf("%s: something of another context", name)
		}
	}
}
