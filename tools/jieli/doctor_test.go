package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoctorFindings: what is wrong with a system is found by name, each with what to do, in both languages.
func TestDoctorFindings(t *testing.T) {
	s := newFakeServer(t)
	s.other = func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"status":"unavailable","checks":{"ledger offer":"stream LEDGER_OFFER is full: 9 of 10 bytes; give it more with --max-disk","store":"no","broker":"ok"}}`)
		case "/metrics":
			fmt.Fprint(w, `# TYPE jieli_follower_lag_seconds gauge
jieli_follower_lag_seconds{follower="views",name="demand",source="EVENTS_DEMAND"} 77
# TYPE jieli_follower_lag_messages gauge
jieli_follower_lag_messages{follower="views",name="demand",source="EVENTS_DEMAND"} 5
# TYPE jieli_stream_bytes gauge
jieli_stream_bytes{stream="LEDGER_OFFER"} 95
# TYPE jieli_stream_limit_bytes gauge
jieli_stream_limit_bytes{stream="LEDGER_OFFER"} 100
# TYPE jieli_stream_messages gauge
jieli_stream_messages{stream="DEADLETTER"} 3
# TYPE jieli_broker_connected gauge
jieli_broker_connected{connection="core"} 0
`)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"status":"ok","version":"other"}`)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "credentials", "operator.token"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "credentials", "operator.token"), 0o644); err != nil {
		t.Fatal(err)
	}
	for lang, wants := range map[string][]string{
		"en": {"LEDGER_OFFER is full", "larger --max-disk", "look at Redis", "77.0 s", "views demand", "95.0 %", "the connection core is down", "jieli deadletter list", "operator.token (644)", "chmod -R go=", "fsync takes", "open files", "GB free at"},
		"zh": {"加大 --max-disk", "检查 Redis", "最久 77.0 秒", "最满的 LEDGER_OFFER", "连接 core 已断开", "他人可读", "落盘", "打开文件"},
	} {
		r := runCLI(t, s.URL, "", "doctor", "--dir", dir, "--lang", lang)
		if r.code != 1 {
			t.Errorf("code %d", r.code)
		}
		for _, want := range wants {
			if !strings.Contains(r.out, want) || strings.Contains(r.out, "%!") {
				t.Errorf("%s: it does not say %q:\n%s%s", lang, want, r.out, r.err)
			}
		}
	}
}
