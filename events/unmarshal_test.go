package events

import (
	"encoding/json"
	"io/fs"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/contracts"
)

// TestUnmarshalIsWhatEncodingJSONReads: both decoders read the same of every valid example of the contracts.
func TestUnmarshalIsWhatEncodingJSONReads(t *testing.T) {
	t.Parallel()
	read := 0
	for _, entry := range Catalog {
		context, what := SplitType(entry.Type)
		files, err := fs.Glob(contracts.Examples(), path.Join(context, what, "valid*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := fs.ReadFile(contracts.Examples(), file)
			if err != nil {
				t.Fatal(err)
			}
			got, want := entry.New(), entry.New()
			if err := json.Unmarshal(data, want); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if err := Unmarshal(data, got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, %v; encoding/json reads %+v", file, got, err, want)
			}
			read++
		}
	}
	if read < len(Catalog) {
		t.Errorf("%d examples of %d types", read, len(Catalog))
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{`, `{"id":7}`, `{"amount":{"amount":"1.001","currency":"CNY"}}`, `{"amount":{"amount":"1","currency":"XXX"}}`, `{"id":"a"}{}`} {
		if err := Unmarshal([]byte(text), new(DemandPublished)); err == nil {
			t.Errorf("%s was read", strings.TrimSpace(text))
		}
	}
}
