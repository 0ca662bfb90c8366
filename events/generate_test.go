package events

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"

	"time"

	"pgregory.net/rapid"
)

// Runes that make trouble somewhere: quotes, escapes, percent signs, line separators, wide and astral characters.
var troubleRunes = []rune("aZ09-_.~:/ \"\\%<>&'+,;=@#?[]{}|^`中文企業éß\u2028\u2029\u00a0\ufeff😀𠮷")

func genText(max int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom(troubleRunes), 1, max, -1).Filter(func(s string) bool { return !blank(s) })
}

func genPlain(max int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("abcXYZ0189-_.:/")), 1, max, -1)
}

// genSource gives what net/url spells as it found it: the SDK keeps sources parsed.
func genSource() *rapid.Generator[string] {
	fixed := rapid.SampledFrom([]string{"/jieli/demand", "urn:jieli:party:icbc", "https://example.com/a?b=c#d", "//host/x", "mailto:a@b.c", "a/b"})
	return rapid.OneOf(fixed, genPlain(40)).Filter(func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.String() == s
	})
}

// genJSONText leaves out NUL and lone surrogates, and keeps numbers within 2^53.
func genJSONValue(depth int) *rapid.Generator[any] {
	leaf := []*rapid.Generator[any]{
		rapid.Map(rapid.StringOfN(rapid.SampledFrom(append([]rune("\n\t\r\x01\x7f"), troubleRunes...)), 0, 12, -1), func(s string) any { return s }),
		rapid.Map(rapid.Int64Range(-maxSafeInteger, maxSafeInteger), func(n int64) any { return n }),
		rapid.Map(rapid.Float64Range(-1e6, 1e6), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Just(any(nil)),
	}
	if depth > 0 {
		in := rapid.Deferred(func() *rapid.Generator[any] { return genJSONValue(depth - 1) })
		leaf = append(leaf,
			rapid.Map(rapid.SliceOfN(in, 0, 4), func(s []any) any { return s }),
			rapid.Map(rapid.MapOfN(genText(6), in, 0, 20), func(m map[string]any) any { return m }))
	}
	return rapid.OneOf(leaf...)
}

func genJSONText() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		b, err := json.Marshal(genJSONValue(3).Draw(t, "json"))
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "indent") {
			var out bytes.Buffer
			if err := json.Indent(&out, b, "", " "); err != nil {
				t.Fatal(err)
			}
			b = out.Bytes()
		}
		return b
	})
}

func genTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		sec := rapid.Int64Range(-62135596799, 253402300799).Draw(t, "sec")
		return time.Unix(sec, rapid.Int64Range(0, 999_999_999).Draw(t, "nano")).UTC()
	})
}

// genEvent draws a valid event; text draws its free texts, names says which kinds of values extensions have.
func genEvent(text func(max int) *rapid.Generator[string], kinds ...ValueKind) *rapid.Generator[Event] {
	return rapid.Custom(func(t *rapid.T) Event {
		e := Event{
			ID:     text(30).Draw(t, "id"),
			Source: genSource().Draw(t, "source"),
			Type:   rapid.OneOf(rapid.Just(TypeDemandPublished), text(20)).Draw(t, "type"),
			Time:   genTime().Draw(t, "time"),
		}
		if rapid.Bool().Draw(t, "with subject") {
			e.Subject = text(20).Draw(t, "subject")
		}
		if rapid.Bool().Draw(t, "with schema") {
			e.DataSchema = "urn:jieli:schema:" + rapid.StringMatching(`[a-z0-9.]{1,20}`).Draw(t, "schema")
		}
		switch rapid.IntRange(0, 5).Draw(t, "data") {
		case 0:
		case 1:
			e.Data = genJSONText().Draw(t, "json")
		case 2:
			e.Data, e.DataContentType = genJSONText().Draw(t, "json"), "application/json;charset=utf-8"
		case 3:
			e.DataContentType = "text/plain"
			e.Data = []byte(rapid.StringOfN(rapid.SampledFrom(append([]rune("\n\t\x01"), troubleRunes...)), 1, 50, -1).Draw(t, "text"))
		case 4:
			e.DataContentType, e.Binary = "application/octet-stream", true
			e.Data = rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "bytes")
		case 5:
			e.DataContentType, e.Data = "application/json", genJSONText().Draw(t, "json")
		}
		names := rapid.SliceOfNDistinct(rapid.OneOf(
			rapid.SampledFrom([]string{ExtRegion, ExtIndustry, ExtAmountWan, ExtSequence, ExtTraceParent, "schemaurl"}),
			rapid.StringMatching(`[a-z0-9]{1,20}`).Filter(validName[string])), 0, 10, rapid.ID).Draw(t, "names")
		slices.Sort(names)
		for _, name := range names {
			x := Extension{Name: name, Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
			switch x.Kind {
			case Integer:
				x.Value = strconv.Itoa(rapid.IntRange(math.MinInt32, math.MaxInt32).Draw(t, "int"))
			case Boolean:
				x.Value = strconv.FormatBool(rapid.Bool().Draw(t, "bool"))
			default:
				x.Value = rapid.OneOf(rapid.Just(""), text(20)).Draw(t, "value")
			}
			e.Extensions = append(e.Extensions, x)
		}
		return e
	})
}

var allKinds = []ValueKind{String, Integer, Boolean}

// requireSame compares two events, data byte by byte.
func requireSame(t failer, want, got *Event) {
	t.Helper()
	requireSameAttributes(t, want, got)
	if !bytes.Equal(want.Data, got.Data) || (want.Data == nil) != (got.Data == nil) {
		t.Fatalf("data:\nwant %q\ngot  %q", want.Data, got.Data)
	}
}

// requireSameMeaning is requireSame for encoders that spell JSON data in their own way.
func requireSameMeaning(t failer, want, got *Event) {
	t.Helper()
	requireSameAttributes(t, want, got)
	if want.Binary || !isJSONType(want.DataContentType) || want.Data == nil {
		requireSame(t, want, got)
		return
	}
	var a, b bytes.Buffer
	if err := json.Compact(&a, want.Data); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&b, got.Data); err != nil {
		t.Fatal(err)
	}
	var x, y bytes.Buffer
	json.HTMLEscape(&x, a.Bytes())
	json.HTMLEscape(&y, b.Bytes())
	if !bytes.Equal(x.Bytes(), y.Bytes()) {
		t.Fatalf("data:\nwant %s\ngot  %s", x.Bytes(), y.Bytes())
	}
}

func requireSameAttributes(t failer, want, got *Event) {
	t.Helper()
	a, b := *want, *got
	if !a.Time.Equal(b.Time) {
		t.Fatalf("time: want %v, got %v", a.Time, b.Time)
	}
	if !slices.Equal(a.Extensions, b.Extensions) {
		t.Fatalf("extensions:\nwant %q\ngot  %q", a.Extensions, b.Extensions)
	}
	type rest struct {
		id, source, typ, subject, contentType, schema string
		binary                                        bool
	}
	x := rest{a.ID, a.Source, a.Type, a.Subject, a.DataContentType, a.DataSchema, a.Binary}
	y := rest{b.ID, b.Source, b.Type, b.Subject, b.DataContentType, b.DataSchema, b.Binary}
	if x != y {
		t.Fatalf("attributes:\nwant %+v\ngot  %+v", x, y)
	}
}

// requireProblem checks a refusal's kind and field.
func requireProblem(t failer, err error, kind ProblemKind, field string) {
	t.Helper()
	p, ok := err.(*Problem)
	if !ok {
		t.Fatalf("want a problem %s, got %v", kind.Code, err)
	}
	if !kind.Is(err) || p.Field != field {
		t.Fatalf("want %s at %q, got %s at %q (%s)", kind.Code, field, p.Type, p.Field, p.DetailEN)
	}
}

// sample is a typical event of the bus, about 600 bytes as JSON.
func sample() Event {
	return Event{
		ID:      "482264d2-080d-8f78-aee4-a2da277c007b",
		Source:  "/jieli/demand",
		Type:    TypeDemandPublished,
		Subject: "d-20261122-000123",
		Time:    time.Date(2026, 11, 22, 14, 5, 6, 789_000_000, time.UTC),
		Data: []byte(`{"id":"d-20261122-000123","enterprise":"91110108MA01ABCD2E","instruments":["loan.credit"],` +
			`"amount":{"amount":"5000000.00","currency":"CNY"},"term_months":{"min":12,"max":36},"title":"量产线扩建","valid_until":"2027-05-31T16:00:00Z"}`),
		Extensions: []Extension{
			{ExtAmountWan, "500", Integer},
			{ExtCausation, "01890a5d-ac96-774b-bcce-b302099a8057", String},
			{ExtCurrency, "CNY", String},
			{ExtDataClass, "3", Integer},
			{ExtIndustry, "I65", String},
			{ExtRegion, "110108", String},
			{ExtSequence, "0000000001", String},
		},
	}
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}
