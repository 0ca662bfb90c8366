package events

import (
	"strings"
	"testing"
)

// FuzzParsePosition: what is read is written the same and read again.
func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"demand.0:1", "offer.3:18446744073709551615:2", "demand.00:1", "demand.-1:1", "x.0:1", "demand.0:1:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePosition(s)
		if err != nil {
			return
		}
		for _, text := range []string{p.Origin(), p.String()} {
			again, err := ParsePosition(text)
			if err != nil || again.Context != p.Context || again.Partition != p.Partition || again.Sequence != p.Sequence {
				t.Fatalf("%q is %+v, and %q is %+v: %v", s, p, text, again, err)
			}
		}
	})
}

// FuzzID: an id that is valid is one token of a subject, and its partition is one there is.
func FuzzID(f *testing.F) {
	for _, s := range []string{"d-1", "", "a.b", "*", ">", "a b", "\u4e2d", strings.Repeat("a", 65)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if !ValidID(id) {
			return
		}
		if id == "" || len(id) > 64 || strings.ContainsAny(id, ".*> \t\r\n\x00") {
			t.Fatalf("%q is valid", id)
		}
		if n := Partition(id, 7); n < 0 || n > 6 {
			t.Fatalf("%q is of partition %d", id, n)
		}
	})
}

// FuzzSplitType: a type is split into a context and what happened, or into nothing.
func FuzzSplitType(f *testing.F) {
	for _, s := range []string{TypeDemandPublished, "jieli..v1", "jieli.a.b.c.v1", "", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if context, what := SplitType(s); len(context)+len(what) > len(s) {
			t.Fatalf("%q has %q and %q", s, context, what)
		}
	})
}

// FuzzDecodeReply: an answer is read, or it is an error; never both, never neither.
func FuzzDecodeReply(f *testing.F) {
	f.Add([]byte(`{"command":"x","subject":"d-1","version":1,"position":"demand.0:1","events":["a"]}`))
	f.Add([]byte(`{"type":"https://example.com","status":409}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := DecodeReply(b); (a == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", b, a, err)
		}
	})
}
