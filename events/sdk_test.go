package events

import (
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"pgregory.net/rapid"
)

func TestSDKRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := genEvent(genText, allKinds...).Draw(t, "event")
		sdk, err := want.ToSDK()
		if err != nil {
			t.Fatal(err)
		}
		if err := sdk.Validate(); err != nil {
			t.Fatal(err)
		}
		got, err := FromSDK(sdk)
		if err != nil {
			t.Fatal(err)
		}
		requireSame(t, &want, &got)
	})
}

func TestFromSDKConverts(t *testing.T) {
	t.Parallel()
	sdk := event.New()
	sdk.SetID("1")
	sdk.SetSource("http://example.com/a b")
	sdk.SetType("t")
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, Beijing)
	sdk.SetTime(at)
	sdk.SetExtension("when", at)
	sdk.SetExtension("bytes", []byte{1, 2})
	sdk.SetExtension("uri", types.ParseURI("urn:x"))
	sdk.SetExtension("Upper", 5)
	if err := sdk.SetData("application/json", map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	got, err := FromSDK(sdk)
	if err != nil {
		t.Fatal(err)
	}
	requireSame(t, &Event{ID: "1", Source: "http://example.com/a%20b", Type: "t", Time: at, DataContentType: "application/json", Data: []byte(`{"a":1}`),
		Extensions: []Extension{{"bytes", "AQI=", String}, {"upper", "5", Integer}, {"uri", "urn:x", String}, {"when", "2026-01-01T19:04:05.000000006Z", String}}}, &got)

	old := event.New("0.3")
	old.SetID("1")
	old.SetSource("s")
	old.SetType("t")
	if got, err = FromSDK(old); err != nil || got.Source != "s" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestSDKRefuses(t *testing.T) {
	t.Parallel()
	_, err := FromSDK(event.Event{})
	requireProblem(t, err, ErrMalformed, "")
	_, err = FromSDK(event.New())
	requireProblem(t, err, ErrMalformed, "")
	long := event.New()
	long.SetID("1")
	long.SetSource("s")
	long.SetType("t")
	long.SetExtension("abcdefghijklmnopqrstu", "x")
	_, err = FromSDK(long)
	requireProblem(t, err, ErrMalformed, "abcdefghijklmnopqrstu")
	_, err = (&Event{ID: "1", Source: "s"}).ToSDK()
	requireProblem(t, err, ErrMalformed, "type")
}
