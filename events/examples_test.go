package events

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// partial lists the examples of the specification that are deliberately no events, with the refusal they get.
var partial = map[string]struct {
	kind  ProblemKind
	field string
}{
	"json-format-00.json": {ErrMalformed, "data_base64"}, // "... base64 encoded string ..." stands for the bytes
}

// examplesFolder is ../shared/data beside the workspace. It is no part of the repository: without it the test skips, except in CI.
func examplesFolder(t *testing.T) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			t.Fatal("no go.work above the test")
		}
		root = filepath.Dir(root)
	}
	folder := filepath.Join(root, "..", "shared", "data", "cloudevents", "examples")
	if _, err := os.Stat(folder); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI must have the examples: %v", err)
		}
		t.Skipf("the specification's examples are not here: %v", err)
	}
	return folder
}

func TestExamplesOfTheSpecification(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(examplesFolder(t), "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		name := filepath.Base(file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			if p, ok := partial[name]; ok {
				_, err := DecodeJSON(text)
				requireProblem(t, err, p.kind, p.field)
				return
			}
			if text[0] != '[' {
				requireExample(t, text)
				return
			}
			var members []json.RawMessage
			if err := json.Unmarshal(text, &members); err != nil {
				t.Fatal(err)
			}
			// The first event of the batch has the same placeholder for its bytes: refused, and the batch with it.
			_, err := DecodeBatch(text, 10)
			requireProblem(t, err, ErrMalformed, "data_base64")
			for _, member := range members[1:] {
				requireExample(t, member)
			}
		})
	}
	for name := range partial {
		if !seen[name] {
			t.Errorf("%s is listed and gone", name)
		}
	}
}

// requireExample decodes as the SDK does, and encodes to the same meaning, in JSON and through NATS headers.
func requireExample(t *testing.T, text []byte) {
	t.Helper()
	got, err := DecodeJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer // the SDK stumbles over a blank before base64 when there is no datacontenttype
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	var sdk event.Event
	if err := json.Unmarshal(compact.Bytes(), &sdk); err != nil {
		t.Fatal(err)
	}
	theirs, err := FromSDK(sdk)
	if err != nil {
		t.Fatal(err)
	}
	requireSameMeaning(t, &theirs, &got)
	if want, have := meaning(t, text), meaning(t, AppendJSON(nil, &got)); !reflect.DeepEqual(want, have) {
		t.Fatalf("want %v\nhave %v", want, have)
	}
	again, err := FromMsg(ToMsg("s", &got))
	if err != nil {
		t.Fatal(err)
	}
	want := inHeaders(got)
	requireSame(t, &want, &again)
}

// meaning is the event as a map, without absent attributes and with its time in UTC.
func meaning(t *testing.T, text []byte) map[string]any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	for name, value := range m {
		if value == nil || value == "" {
			delete(m, name)
		}
	}
	if s, ok := m["time"].(string); ok {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		m["time"] = at.UTC().Format(time.RFC3339Nano)
	}
	return m
}
