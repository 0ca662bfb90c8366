package events

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	natsce "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
)

func TestToMsgGolden(t *testing.T) {
	t.Parallel()
	e := sample()
	e.Subject, e.DataContentType = `需 "1"%`, "application/json"
	m := ToMsg("jieli.event.demand.published.110108.I65", &e)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		lines = append(lines, name+": "+strings.Join(m.Header[name], "|"))
	}
	want := []string{
		"ce-amountwan: 500",
		"ce-causationid: 01890a5d-ac96-774b-bcce-b302099a8057",
		"ce-currency: CNY",
		"ce-dataclass: 3",
		"ce-datacontenttype: application/json",
		"ce-id: 482264d2-080d-8f78-aee4-a2da277c007b",
		"ce-industry: I65",
		"ce-region: 110108",
		"ce-sequence: 0000000001",
		"ce-source: /jieli/demand",
		"ce-specversion: 1.0",
		"ce-subject: %E9%9C%80%20%221%22%25",
		"ce-time: 2026-11-22T14:05:06.789Z",
		"ce-type: jieli.demand.published.v1",
	}
	if !slices.Equal(lines, want) || m.Subject != "jieli.event.demand.published.110108.I65" || !bytes.Equal(m.Data, e.Data) {
		t.Fatalf("%s\n%s", strings.Join(lines, "\n"), m.Data)
	}
	for name := range m.Header {
		if len(m.Header[name]) != 1 || cap(m.Header[name]) != 1 {
			t.Errorf("%s can grow into its neighbour", name)
		}
	}
}

// inHeaders is an event as binary mode can carry it: extensions are strings, and only bytes that are no text are marked binary.
func inHeaders(e Event) Event {
	e.Extensions = slices.Clone(e.Extensions)
	for i := range e.Extensions {
		e.Extensions[i].Kind = String
	}
	e.Binary = len(e.Data) > 0 && !isJSONType(e.DataContentType) && !carriesText(e.Data)
	return e
}

func TestMsgRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := genEvent(genText, allKinds...).Draw(t, "event")
		m := ToMsg("s", &e)
		for name, values := range m.Header {
			if strings.ContainsFunc(values[0], func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
				t.Fatalf("%s: %q", name, values[0])
			}
		}
		got, err := FromMsg(m)
		if err != nil {
			t.Fatal(err)
		}
		want := inHeaders(e)
		requireSame(t, &want, &got)

		if got, err = FromMsg(StructuredMsg("s", &e)); err != nil {
			t.Fatal(err)
		}
		requireSame(t, &e, &got)
	})
}

// The SDK neither encodes nor decodes percent signs, so values are plain here.
func TestToMsgIsReadBySDK(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := genEvent(genPlain, String).Draw(t, "event")
		for i, x := range e.Extensions {
			e.Extensions[i].Value = x.Value + "x" // the SDK's reader of headers knows no empty value
		}
		for mode, m := range map[string]*nats.Msg{"binary": ToMsg("s", &e), "structured": StructuredMsg("s", &e)} {
			sdk, err := binding.ToEvent(context.Background(), natsce.NewMessage(m))
			if err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			got, err := FromSDK(*sdk)
			if err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			want := e
			if mode == "binary" {
				want = inHeaders(e)
				got.Binary = want.Binary // the SDK doesn't look at the bytes
				if u, err := url.Parse(m.Header.Get("ce-source")); err != nil || u.String() != got.Source {
					t.Fatalf("source %q", got.Source)
				}
				want.Source = got.Source
			}
			requireSame(t, &want, &got)
		}
	})
}

func TestFromMsgReadsSDK(t *testing.T) {
	t.Parallel()
	text := func(max int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.SampledFrom([]rune("aZ09-_.:/&<>'中é😀")), 1, max, -1)
	}
	rapid.Check(t, func(t *rapid.T) {
		e := genEvent(text, allKinds...).Draw(t, "event")
		sdk, err := e.ToSDK()
		if err != nil {
			t.Fatal(err)
		}
		for mode, ctx := range map[string]context.Context{
			"binary": binding.WithForceBinary(context.Background()), "structured": binding.WithForceStructured(context.Background())} {
			var body bytes.Buffer
			header, err := natsce.WriteMsg(ctx, binding.ToMessage(&sdk), &body)
			if err != nil {
				t.Fatalf("%s: %v", mode, err)
			}
			got, err := FromMsg(&nats.Msg{Header: header, Data: body.Bytes()})
			if err != nil {
				t.Fatalf("%s: %v\n%q\n%s", mode, err, header, body.Bytes())
			}
			want := e
			if mode == "binary" {
				want = inHeaders(e)
			}
			requireSameMeaning(t, &want, &got) // structured mode goes through encoding/json
		}
	})
}

func ceHeader(more ...string) nats.Header {
	h := nats.Header{"ce-specversion": {"1.0"}, "ce-id": {"1"}, "ce-source": {"s"}, "ce-type": {"t"}}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = append(h[more[i]], more[i+1])
	}
	return h
}

func TestFromMsgAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		m    nats.Msg
		want Event
	}{
		{"HTTP's case and content type", nats.Msg{Header: nats.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "CE-SOURCE": {"s"}, "ce-Type": {"t"}, "Ce-Region": {"110000"}, "Content-Type": {"text/plain"}}, Data: []byte("x")},
			Event{DataContentType: "text/plain", Data: []byte("x"), Extensions: []Extension{{"region", "110000", String}}}},
		{"both content types, equal", nats.Msg{Header: ceHeader("ce-datacontenttype", "text/plain", "content-type", "text/plain")}, Event{DataContentType: "text/plain"}},
		{"others' headers", nats.Msg{Header: ceHeader("Nats-Msg-Id", "x", "X-Own", "y")}, Event{}},
		{"empty body", nats.Msg{Header: ceHeader(), Data: []byte{}}, Event{}},
		{"bytes", nats.Msg{Header: ceHeader("ce-datacontenttype", "application/octet-stream"), Data: []byte{0xff}},
			Event{DataContentType: "application/octet-stream", Binary: true, Data: []byte{0xff}}},
		{"quoted, unneeded encoding, blanks", nats.Msg{Header: ceHeader("ce-subject", ` "a \"b\" %41" `)}, Event{Subject: `a "b" A`}},
		{"lower-case hex, raw UTF-8", nats.Msg{Header: ceHeader("ce-subject", `%e9%9c%80中`)}, Event{Subject: "需中"}},
		{"one round of decoding", nats.Msg{Header: ceHeader("ce-subject", `%2541`)}, Event{Subject: "%41"}},
		{"structured without headers", nats.Msg{Data: []byte(`{` + least + `}`)}, Event{}},
		{"structured with parameters", nats.Msg{Header: nats.Header{"Content-Type": {"Application/CloudEvents+JSON; charset=utf-8"}}, Data: []byte(`{` + least + `}`)}, Event{}},
		{"an event about an event", nats.Msg{Header: ceHeader("ce-datacontenttype", "application/cloudevents+json"), Data: []byte(`{}`)},
			Event{DataContentType: "application/cloudevents+json", Data: []byte(`{}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := FromMsg(&c.m)
			if err != nil {
				t.Fatal(err)
			}
			c.want.ID, c.want.Source, c.want.Type = "1", "s", "t"
			requireSame(t, &c.want, &got)
		})
	}
}

func TestFromMsgRefuses(t *testing.T) {
	t.Parallel()
	crowd := ceHeader()
	for i := range MaxHeaders {
		crowd["x-"+strings.Repeat("a", i+1)] = []string{""}
	}
	without := func(name string) nats.Header { h := ceHeader(); delete(h, name); return h }
	structured := nats.Header{"content-type": {ContentTypeEvent}}
	for _, c := range []struct {
		name  string
		m     nats.Msg
		kind  ProblemKind
		field string
	}{
		{"repeated attribute", nats.Msg{Header: ceHeader("ce-id", "2")}, ErrHeader, "ce-id"},
		{"repeated other", nats.Msg{Header: ceHeader("x-a", "1", "x-a", "1")}, ErrHeader, "x-a"},
		{"no value at all", nats.Msg{Header: nats.Header{"x-a": {}}}, ErrHeader, "x-a"},
		{"another case", nats.Msg{Header: ceHeader("Ce-Id", "1")}, ErrHeader, "ce-id"},
		{"two other cases", nats.Msg{Header: ceHeader("X-A", "1", "x-A", "1")}, ErrHeader, "x-a"},
		{"content type in another case", nats.Msg{Header: ceHeader("Content-Type", "text/plain", "content-type", "text/xml")}, ErrHeader, "content-type"},
		{"two content types", nats.Msg{Header: ceHeader("ce-datacontenttype", "text/plain", "content-type", "text/xml")}, ErrHeader, "content-type"},
		{"both modes", nats.Msg{Header: ceHeader("content-type", ContentTypeEvent), Data: []byte(`{` + least + `}`)}, ErrHeader, "content-type"},
		{"batch", nats.Msg{Header: nats.Header{"content-type": {ContentTypeBatch}}, Data: []byte(`[]`)}, ErrMalformed, "content-type"},
		{"another format", nats.Msg{Header: nats.Header{"content-type": {"application/cloudevents+avro"}}}, ErrMalformed, "content-type"},
		{"neither mode", nats.Msg{Header: nats.Header{"content-type": {"application/json"}}, Data: []byte(`{` + least + `}`)}, ErrMalformed, "specversion"},
		{"nothing", nats.Msg{}, ErrMalformed, ""},
		{"no specversion", nats.Msg{Header: without("ce-specversion")}, ErrMalformed, "specversion"},
		{"another specversion", nats.Msg{Header: nats.Header{"ce-specversion": {"0.3"}}}, ErrMalformed, "specversion"},
		{"no id", nats.Msg{Header: without("ce-id")}, ErrMalformed, "id"},
		{"no type", nats.Msg{Header: without("ce-type")}, ErrMalformed, "type"},
		{"percent alone", nats.Msg{Header: ceHeader("ce-subject", "5%")}, ErrHeader, "subject"},
		{"percent without hex", nats.Msg{Header: ceHeader("ce-subject", "%4g")}, ErrHeader, "subject"},
		{"bad quoting", nats.Msg{Header: ceHeader("ce-subject", `"a"b"`)}, ErrHeader, "subject"},
		{"quoting cut off", nats.Msg{Header: ceHeader("ce-subject", `"a\"`)}, ErrHeader, "subject"},
		{"overlong", nats.Msg{Header: ceHeader("ce-subject", "%C0%A0")}, ErrEncoding, "subject"},
		{"encoded NUL", nats.Msg{Header: ceHeader("ce-subject", "a%00")}, ErrEncoding, "subject"},
		{"encoded line feed", nats.Msg{Header: ceHeader("ce-subject", "a%0d%0ab")}, ErrEncoding, "subject"},
		{"raw invalid UTF-8", nats.Msg{Header: ceHeader("ce-subject", "\xff")}, ErrEncoding, "subject"},
		{"bad name", nats.Msg{Header: ceHeader("ce-a_b", "1")}, ErrMalformed, "a_b"},
		{"data as attribute", nats.Msg{Header: ceHeader("ce-data", "1")}, ErrMalformed, "data"},
		{"bad time", nats.Msg{Header: ceHeader("ce-time", "yesterday")}, ErrMalformed, "time"},
		{"crowd", nats.Msg{Header: crowd}, ErrTooLarge, ""},
		{"long header", nats.Msg{Header: ceHeader("x-a", strings.Repeat("a", MaxHeaderBytes))}, ErrTooLarge, ""},
		{"long value", nats.Msg{Header: ceHeader("ce-subject", strings.Repeat("a", MaxAttributeBytes+1))}, ErrTooLarge, "subject"},
		{"long body", nats.Msg{Header: ceHeader(), Data: make([]byte, MaxDataBytes+MaxHeaderBytes+1)}, ErrTooLarge, ""},
		{"attribute smuggled through data", nats.Msg{Header: ceHeader(), Data: []byte(`{},"id":"2"`)}, ErrMalformed, ""},
		{"duplicate key in data", nats.Msg{Header: ceHeader(), Data: []byte(`{"a":1,"a":2}`)}, ErrDuplicateKey, "/a"},
		{"structured, duplicate", nats.Msg{Header: structured, Data: []byte(`{` + least + `,"id":"1"}`)}, ErrDuplicateKey, "id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := FromMsg(&c.m)
			requireProblem(t, err, c.kind, c.field)
		})
	}
}
