package events

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
)

var envelopeSeeds = []string{
	sampleJSON, `{` + least + `}`, `{` + least + `,"data":{"a":[1,2.5e3,"\ud83d\ude00",null,true]}}`,
	`{` + least + `,"datacontenttype":"text/plain","data":"\u4e2d\n"}`, `{` + least + `,"data_base64":"AP8=","x":true,"y":-1,"z":null}`,
	`{` + least + `,"time":"2020-06-18T19:24:53.123456789+02:00","subject":"","dataschema":"urn:x"}`,
	`{` + least + `,"\u0069d":"1"}`, `{` + least + `,"data":1,"data_base64":""}`, `{` + least + `,"data":[[[[{"a":{"a":1,"a":2}}]]]]}`, ` { } `, `[`, "\xff",
}

func FuzzDecodeJSON(f *testing.F) {
	for _, s := range envelopeSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeJSON(b)
		if err != nil {
			requireTyped(t, err)
			return
		}
		requireSound(t, b, &e)
	})
}

func requireTyped(t *testing.T, err error) {
	t.Helper()
	p, ok := err.(*Problem)
	if !ok || p.Status < 400 || p.Title == "" || p.TitleEN == "" {
		t.Fatalf("not a typed refusal: %#v", err)
	}
	if b, err := json.Marshal(p); err != nil || CheckJSON(b, MaxDepth) != nil {
		t.Fatalf("the refusal itself is not clean JSON: %s, %v", b, err)
	}
}

// requireSound: what was accepted is valid JSON and a valid event, and comes back equal from our encoder, through us and the SDK.
func requireSound(t *testing.T, in []byte, e *Event) {
	t.Helper()
	if !json.Valid(in) {
		t.Fatal("accepted what is not JSON")
	}
	if err := e.Validate(); err != nil {
		t.Fatalf("accepted what Validate refuses: %v", err)
	}
	out := AppendJSON(nil, e)
	again, err := DecodeJSON(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	requireSame(t, e, &again)
	media, _, _ := strings.Cut(e.DataContentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "", "application/json", "text/json", "text/plain":
	default:
		return // the SDK draws the line between JSON and text elsewhere
	}
	want, err := e.ToSDK()
	if err != nil {
		t.Fatal(err)
	}
	var sdk event.Event
	if err := json.Unmarshal(out, &sdk); err != nil {
		t.Fatalf("the SDK refuses ours: %v\n%s", err, out)
	}
	a, err := FromSDK(want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := FromSDK(sdk)
	if err != nil {
		t.Fatal(err)
	}
	requireSame(t, &a, &b)
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte(`[]`))
	for _, s := range envelopeSeeds {
		f.Add([]byte(`[` + s + `]`))
		f.Add([]byte(`[{` + least + `},` + s + `]`))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 4
		batch, err := DecodeBatch(b, limit)
		n := 0
		ranged := RangeBatch(b, func(e *Event) error {
			if err == nil {
				requireSame(t, &batch[n], e)
			}
			n++
			return nil
		})
		if err != nil {
			requireTyped(t, err)
			return
		}
		if ranged != nil || n != len(batch) || n > limit {
			t.Fatalf("RangeBatch reads %d of %d: %v", n, len(batch), ranged)
		}
		again, err := DecodeBatch(AppendBatch(nil, batch), limit)
		if err != nil || len(again) != len(batch) {
			t.Fatalf("%d of %d: %v", len(again), len(batch), err)
		}
		for i := range batch {
			requireSame(t, &batch[i], &again[i])
		}
	})
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range envelopeSeeds {
		f.Add([]byte(s))
	}
	for _, s := range []string{`[1,-0,0.5,1e5,1E-5,9007199254740993]`, `{"a":{"b":[{}]},"a":1}`, `"\u0000"`, `"\ud800"`, strings.Repeat("[", 70), `[NaN]`, "\"\x00\"", `{"":"",""`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { requireJudged(t, b) })
}

func FuzzFromMsg(f *testing.F) {
	e := sample()
	var head strings.Builder
	for name, values := range ToMsg("s", &e).Header {
		head.WriteString(name + ": " + values[0] + "\r\n")
	}
	f.Add(head.String(), e.Data)
	f.Add("content-type: application/cloudevents+json\r\n", []byte(sampleJSON))
	f.Add("ce-id: 1\r\nCe-Id: 1\r\nce-specversion: 1.0\r\n", []byte(`{}`))
	f.Add("ce-id: 1\r\nce-specversion: 1.0\r\nce-source: s\r\nce-type: \"a\\\"%20\"\r\ncontent-type: text/plain\r\n", []byte{0, 1})
	f.Add("", []byte(`{`+least+`}`))
	f.Fuzz(func(t *testing.T, head string, body []byte) {
		header, err := nats.DecodeHeadersMsg([]byte("NATS/1.0\r\n" + head + "\r\n"))
		if err != nil {
			return // the client library refuses it before us
		}
		e, err := FromMsg(&nats.Msg{Header: header, Data: body})
		if err != nil {
			requireTyped(t, err)
			return
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("accepted what Validate refuses: %v", err)
		}
		if !json.Valid(AppendJSON(nil, &e)) {
			t.Fatalf("an event that is no JSON: %q", AppendJSON(nil, &e))
		}
		again, err := FromMsg(ToMsg("s", &e))
		if err != nil {
			t.Fatal(err)
		}
		want := inHeaders(e)
		if len(want.Data) == 0 {
			want.Data = nil // an empty body and none are the same in a message
		}
		requireSame(t, &want, &again)
	})
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"5000000.00", "0", "-0.01", "92233720368547758.08", "1e3", "", "01", "1.2.3", "１"} {
		f.Add(s, "CNY")
		f.Add(s, "JPY")
		f.Add(s, "XAU")
	}
	f.Fuzz(func(t *testing.T, amount, currency string) {
		m, err := ParseMoney(amount, currency)
		if err != nil {
			if m != (Money{}) {
				t.Fatalf("%+v beside %v", m, err)
			}
			return
		}
		if again, err := ParseMoney(m.Amount(), m.Currency); err != nil || again != m {
			t.Fatalf("%q became %q, %v", amount, m.Amount(), err)
		}
	})
}

func FuzzParseUUID(f *testing.F) {
	for _, s := range []string{"01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-AC96-774B-BCCE-B302099A8057", "", "01890a5dac96774bbcceb302099a8057", "é1890a5d-ac96-774b-bcce-b302099a805"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseUUID(s)
		if err == nil && u.String() != strings.ToLower(s) {
			t.Fatalf("%q became %s", s, u)
		}
		if err != nil && u != (UUID{}) {
			t.Fatalf("%s beside %v", u, err)
		}
	})
}
