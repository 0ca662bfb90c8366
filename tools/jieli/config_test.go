package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/services/allinone"
)

func TestConfigSources(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("jieli.yaml", []byte("# a comment\ndir: from-file\nhttp: 127.0.0.1:1\nbroker: nats://other:4222\nmax-disk: 2GiB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"JIELI_HTTP": "127.0.0.1:2", "JIELI_STORE": "redis://reader:canary-secret@127.0.0.1:6379/0"}
	r := runWith(t, nil, env, "", "config", "--partitions", "4", "-o", "json")
	var values []allinone.Value
	if err := json.Unmarshal([]byte(r.out), &values); err != nil || r.code != 0 {
		t.Fatalf("%d %v: %s%s", r.code, err, r.out, r.err)
	}
	got := make(map[string]allinone.Value)
	for _, v := range values {
		got[v.Name] = v
	}
	for name, want := range map[string]allinone.Value{
		"dir": {Value: "from-file", Source: "jieli.yaml:2"}, "http": {Value: "127.0.0.1:2", Source: "JIELI_HTTP"}, "partitions": {Value: "4", Source: "--partitions"},
		"nats": {Value: "127.0.0.1:4222", Source: "default"}, "max-disk": {Value: "2GiB", Source: "jieli.yaml:5"},
	} {
		want.Name = name
		if got[name] != want {
			t.Errorf("%s: %+v, want %+v", name, got[name], want)
		}
	}
	if _, there := got["broker"]; there {
		t.Error("up has no broker of its own, and shows one")
	}
	for _, format := range []string{"table", "json", "yaml"} {
		if r := runWith(t, nil, env, "", "config", "-o", format); strings.Contains(r.out+r.err, "canary-secret") || !strings.Contains(r.out, "reader:xxxxx@") {
			t.Errorf("-o %s tells a password, or nothing:\n%s", format, r.out)
		}
	}
	// A process of its own reads the same file by its own settings.
	r = runWith(t, nil, map[string]string{"JIELI_STORE": "redis://127.0.0.1:6379/0"}, "", "config", "demand", "sharing")
	if r.code != 0 || !strings.Contains(r.out, "nats://other:4222") || strings.Contains(r.out, "4222 ") && strings.Contains(r.out, "nats ") {
		t.Errorf("%d:\n%s%s", r.code, r.out, r.err)
	}
}

// TestConfigRefusals: everything that is wrong is named at once, with where it was given; an unknown key with the one that was meant.
func TestConfigRefusals(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("jieli.yaml", []byte("htttp: 127.0.0.1:1\nlog_level: warn\npartitions: [1]\nstore: mysql\nstore: memory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runWith(t, nil, map[string]string{"JIELI_HTTP": "nowhere", "JIELI_LEASE_TTL": "soon"}, "", "up", "--log-level", "loud", "--max-disk", "7 apples", "--partitions", "900", "--lang", "en")
	if r.code != 2 {
		t.Errorf("code %d", r.code)
	}
	for _, want := range []string{
		"jieli.yaml:1", `did you mean http?`, "jieli.yaml:2", `did you mean log-level?`, "jieli.yaml:3", "jieli.yaml:5", "JIELI_HTTP", "JIELI_LEASE_TTL", "--log-level", "--max-disk", "--partitions",
		"mysql", "jieli.yaml:4",
	} {
		if !strings.Contains(r.err, want) {
			t.Errorf("it does not say %s:\n%s", want, r.err)
		}
	}
	for _, services := range [][]string{{"demnd"}, {"demand"}} { // no such service; no directory
		if r := runWith(t, nil, nil, "", append([]string{"config"}, services...)...); r.code != 2 {
			t.Errorf("%v: %d %s", services, r.code, r.err)
		}
	}
}

// TestSettings: every default is right, and every setting says what it is in both languages.
func TestSettings(t *testing.T) {
	for _, p := range []allinone.Program{allinone.Up, allinone.Serve} {
		allinone.Defaults(p)
	}
	for _, s := range allinone.Settings {
		if s.ZH == "" || s.EN == "" || s.For == 0 || !strings.HasPrefix(s.Env(), "JIELI_") {
			t.Errorf("%+v", s)
		}
	}
}
