package events

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	natsce "github.com/cloudevents/sdk-go/protocol/nats_jetstream/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/nats-io/nats.go"
)

func BenchmarkJSON(b *testing.B) {
	e := sample()
	sdk, err := e.ToSDK()
	if err != nil {
		b.Fatal(err)
	}
	text := AppendJSON(nil, &e)
	var batch []Event
	for range 100 {
		batch = append(batch, e)
	}
	texts := AppendBatch(nil, batch)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		buf := make([]byte, 0, 2*len(text))
		for b.Loop() {
			buf = AppendJSON(buf[:0], &e)
		}
	})
	b.Run("encode/sdk", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		var buf bytes.Buffer
		for b.Loop() {
			buf.Reset()
			if err := event.WriteJson(&sdk, &buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if _, err := DecodeJSON(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/sdk", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			var out event.Event
			if err := json.Unmarshal(text, &out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("batch of 100/range", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(texts)))
		for b.Loop() {
			if err := RangeBatch(texts, func(*Event) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("batch of 100/decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(texts)))
		for b.Loop() {
			if _, err := DecodeBatch(texts, 100); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("check", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(e.Data)))
		for b.Loop() {
			if err := CheckJSON(e.Data, MaxDepth); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := e.Validate(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate/sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := sdk.Validate(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMsg(b *testing.B) {
	e := sample()
	sdk, err := e.ToSDK()
	if err != nil {
		b.Fatal(err)
	}
	m := ToMsg("s", &e)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ToMsg("s", &e)
		}
	})
	b.Run("encode/sdk", func(b *testing.B) {
		b.ReportAllocs()
		ctx := binding.WithForceBinary(context.Background())
		for b.Loop() {
			var body bytes.Buffer
			header, err := natsce.WriteMsg(ctx, binding.ToMessage(&sdk), &body)
			if err != nil {
				b.Fatal(err)
			}
			_ = &nats.Msg{Subject: "s", Header: header, Data: body.Bytes()}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := FromMsg(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode/sdk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := binding.ToEvent(context.Background(), natsce.NewMessage(m)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
