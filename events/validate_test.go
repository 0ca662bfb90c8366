package events

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"pgregory.net/rapid"
)

// sdkAccepts builds the SDK's event without our own checks and asks the SDK.
func sdkAccepts(e *Event) bool {
	source, err := url.Parse(e.Source)
	if err != nil {
		return false
	}
	c := &event.EventContextV1{ID: e.ID, Source: types.URIRef{URL: *source}, Type: e.Type}
	if e.Subject != "" {
		c.Subject = &e.Subject
	}
	if e.DataContentType != "" {
		c.DataContentType = &e.DataContentType
	}
	if e.DataSchema != "" {
		u, err := url.Parse(e.DataSchema)
		if err != nil {
			return false
		}
		c.DataSchema = &types.URI{URL: *u}
	}
	for _, x := range e.Extensions {
		if c.SetExtension(x.Name, x.Value) != nil {
			return false
		}
	}
	return event.Event{Context: c}.Validate() == nil
}

var strictName = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// stricter says, in other words than Validate, whether CloudEvents or our bounds forbid what the SDK lets pass.
func stricter(e *Event) bool {
	if e.Source != "" && strings.TrimSpace(e.Source) == "" { // the SDK looks at it as "%20"
		return true
	}
	values := []string{e.ID, e.Source, e.Type, e.Subject, e.DataContentType, e.DataSchema}
	for i, x := range e.Extensions {
		if !strictName.MatchString(x.Name) || x.Name == "data" || i > 0 && x.Name <= e.Extensions[i-1].Name {
			return true
		}
		values = append(values, x.Value)
	}
	for _, v := range values {
		if len(v) > MaxAttributeBytes || strings.ToValidUTF8(v, "") != v {
			return true
		}
		for _, r := range v {
			if unicode.IsControl(r) || unicode.Is(unicode.Noncharacter_Code_Point, r) {
				return true
			}
		}
	}
	return false
}

func TestValidateAgreesWithSDK(t *testing.T) {
	t.Parallel()
	messy := rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom([]rune(" \t\u00a0\u3000\u0085aZ0:/%.?#[]@-_~;=\"\n中")), 0, 8, -1),
		rapid.SampledFrom([]string{"", "1", "/a", "urn:x", "URN:x:y", "1a:b", "a_b:c", ":a", "http://[::1", "http://h:port/", "x://h/%zz", "//h:1x", "a//b:c", "text/plain", "text/plain; a", "a/b;c=d", "a:", "a/b"}),
		rapid.String())
	good := rapid.Just("urn:x")
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) string { return rapid.OneOf(good, messy).Draw(t, label) }
		e := Event{ID: draw("id"), Source: draw("source"), Type: draw("type"), Subject: draw("subject"), DataSchema: draw("schema"),
			DataContentType: rapid.OneOf(rapid.Just("text/plain"), messy).Draw(t, "content type")}
		for range rapid.IntRange(0, 2).Draw(t, "extensions") {
			name := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "id", "data", "A", "a-b", "specversion", strings.Repeat("a", 20), strings.Repeat("a", 21), "é"}), messy)
			e.Extensions = append(e.Extensions, Extension{Name: name.Draw(t, "name"), Value: draw("value")})
		}
		ours, theirs := e.Validate(), sdkAccepts(&e)
		if ours == nil && !theirs {
			t.Fatalf("we take what the SDK refuses: %+q", []string{e.ID, e.Source, e.Type, e.Subject, e.DataContentType, e.DataSchema})
		}
		if ours != nil && theirs && !stricter(&e) {
			t.Fatalf("we refuse what the SDK takes: %v", ours)
		}
		if ours == nil && stricter(&e) {
			t.Fatal("we take what CloudEvents forbids")
		}
		if ours == nil {
			if _, err := e.ToSDK(); err != nil {
				t.Fatalf("ToSDK: %v", err)
			}
		}
	})
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(e *Event)
		kind  ProblemKind
		field string
	}{
		{"kind", func(e *Event) { e.Extensions = []Extension{{"a", "1", Boolean + 1}} }, ErrMalformed, "a"},
		{"boolean", func(e *Event) { e.Extensions = []Extension{{"a", "TRUE", Boolean}} }, ErrMalformed, "a"},
		{"integer with plus", func(e *Event) { e.Extensions = []Extension{{"a", "+1", Integer}} }, ErrRange, "a"},
		{"integer with zeros", func(e *Event) { e.Extensions = []Extension{{"a", "01", Integer}} }, ErrRange, "a"},
		{"minus zero", func(e *Event) { e.Extensions = []Extension{{"a", "-0", Integer}} }, ErrRange, "a"},
		{"no integer", func(e *Event) { e.Extensions = []Extension{{"a", "", Integer}} }, ErrRange, "a"},
		{"unsorted", func(e *Event) { e.Extensions = []Extension{{"b", "", String}, {"a", "", String}} }, ErrDuplicateKey, "a"},
		{"twice", func(e *Event) { e.Extensions = []Extension{{"a", "", String}, {"a", "", String}} }, ErrDuplicateKey, "a"},
		{"year 10000", func(e *Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, ErrMalformed, "time"},
		{"year -1", func(e *Event) { e.Time = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) }, ErrMalformed, "time"},
		{"data", func(e *Event) { e.Data = make([]byte, MaxDataBytes+1) }, ErrTooLarge, ""},
		{"extensions", func(e *Event) { e.Extensions = make([]Extension, MaxExtensions+1) }, ErrTooLarge, ""},
		{"id", func(e *Event) { e.ID = strings.Repeat("x", MaxAttributeBytes+1) }, ErrTooLarge, "id"},
	} {
		e := sample()
		c.spoil(&e)
		t.Run(c.name, func(t *testing.T) { requireProblem(t, e.Validate(), c.kind, c.field) })
	}
	e := sample()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
}
