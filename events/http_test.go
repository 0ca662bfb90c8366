package events

import (
	"net/http"
	"strings"
	"testing"
)

func TestFromHTTP(t *testing.T) {
	const structured = `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"d-1","data":{"a":1}}`
	least := []string{"Ce-Specversion: 1.0", "Ce-Id: 1", "Ce-Source: /s", "Ce-Type: t", "Ce-Subject: d-1"}
	binary := func(more ...string) []string { return append(append([]string{}, least...), more...) }
	for _, tt := range []struct {
		name    string
		headers []string
		body    string
		kind    *ProblemKind
		field   string
	}{
		{"structured", []string{"Content-Type: application/cloudevents+json"}, structured, nil, ""},
		{"structured with a charset", []string{"Content-Type: application/cloudevents+json; charset=UTF-8"}, structured, nil, ""},
		{"binary", binary("Content-Type: application/json"), `{"a":1}`, nil, ""},
		{"binary, percent-encoded", binary("Content-Type: application/json", "Ce-Note: %E4%BC%81%E4%B8%9A"), `{"a":1}`, nil, ""},
		{"other headers twice", binary("Content-Type: application/json", "Accept: a", "Accept: b"), `{"a":1}`, nil, ""},
		{"nothing of an event", []string{"Accept: */*"}, structured, &ErrHeader, "content-type"},
		{"an empty content type", []string{"Content-Type: "}, structured, &ErrHeader, "content-type"},
		{"JSON that is no event", []string{"Content-Type: application/json"}, structured, &ErrMalformed, "specversion"},
		{"both modes", binary("Content-Type: application/cloudevents+json"), structured, &ErrHeader, "content-type"},
		{"a batch", []string{"Content-Type: application/cloudevents-batch+json"}, "[" + structured + "]", &ErrMalformed, "content-type"},
		{"XML", []string{"Content-Type: application/cloudevents+xml"}, "<event/>", &ErrMalformed, "content-type"},
		{"GBK", []string{"Content-Type: application/cloudevents+json; charset=gbk"}, structured, &ErrEncoding, "content-type"},
		{"an attribute twice", binary("Ce-Id: 2", "Content-Type: application/json"), `{"a":1}`, &ErrHeader, "ce-id"},
		{"an old version", []string{"Ce-Specversion: 0.3", "Ce-Id: 1", "Ce-Source: /s", "Ce-Type: t", "Content-Type: application/json"}, `{}`, &ErrMalformed, "specversion"},
		{"bad percent-encoding", binary("Ce-Note: %zz", "Content-Type: application/json"), `{"a":1}`, &ErrHeader, "note"},
		{"a duplicate key", binary("Content-Type: application/json"), `{"a":1,"a":2}`, &ErrDuplicateKey, "/a"},
		{"too long", binary("Content-Type: application/json"), `"` + strings.Repeat("a", MaxDataBytes) + `"`, &ErrTooLarge, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			for _, line := range tt.headers {
				name, value, _ := strings.Cut(line, ": ")
				h.Add(name, value)
			}
			e, err := FromHTTP(h, []byte(tt.body))
			if tt.kind == nil {
				if err != nil || e.ID != "1" || e.Subject != "d-1" || string(e.Data) != `{"a":1}` || tt.name == "binary, percent-encoded" && e.Get("note") != "企业" {
					t.Fatalf("%+v, %v", e, err)
				}
				return
			}
			p, ok := err.(*Problem)
			if !ok || !tt.kind.Is(err) || tt.field != "" && p.Field != tt.field {
				t.Fatalf("%+v, want %s of %q", err, tt.kind.Code, tt.field)
			}
		})
	}
}
