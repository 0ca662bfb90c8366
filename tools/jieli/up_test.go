package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jieli-bus/jieli/events"
)

// fakeSystem is a started system whose HTTP face is the fake server.
type fakeSystem struct {
	*fakeServer
	dir    string
	closed bool
}

func (f *fakeSystem) HTTP() string                { return f.URL }
func (f *fakeSystem) NATS() string                { return "" }
func (f *fakeSystem) Dir() string                 { return f.dir }
func (f *fakeSystem) Close(context.Context) error { f.closed = true; return nil }

func TestUpConfigPrecedence(t *testing.T) {
	var got upConfig
	start := func(_ context.Context, c upConfig, _ io.Writer) (system, error) {
		got = c
		return nil, errors.New("not today")
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("jieli.yaml", []byte("dir: from-file\nhttp: 127.0.0.1:1\npartitions: 4\nlog-level: warn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"JIELI_HTTP": "127.0.0.1:2", "JIELI_LOG_LEVEL": "debug"}
	r := runWith(t, start, env, "", "up", "--log-level", "error")
	want := upDefaults()
	want.Dir, want.HTTP, want.Partitions, want.LogLevel = "from-file", "127.0.0.1:2", 4, "error"
	if got != want || r.code != 1 || !strings.Contains(r.err, "not today") {
		t.Errorf("got %+v\nwant %+v\n%d %s", got, want, r.code, r.err)
	}
	for _, args := range [][]string{{"--log-level", "loud"}, {"--log-format", "xml"}, {"--partitions", "many"}, {"--config", "bad.yaml"}} {
		if err := os.WriteFile("bad.yaml", []byte("directory: x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := runWith(t, start, nil, "", append([]string{"up"}, args...)...); r.code != 2 {
			t.Errorf("%v: %d %s", args, r.code, r.err)
		}
	}
	if r := runWith(t, start, nil, "", "up", "--config", "none.yaml"); r.code != 1 {
		t.Errorf("a named file that is not there: %d", r.code)
	}
}

func TestUpDrainsWhenItsContextEnds(t *testing.T) {
	s := &fakeSystem{fakeServer: newFakeServer(t), dir: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	var out lockedBuffer
	c := &cli{in: strings.NewReader(""), out: &out, err: io.Discard, env: func(string) string { return "" },
		start: func(context.Context, upConfig, io.Writer) (system, error) { cancel(); return s, nil }}
	if code := c.run(ctx, []string{"up", "--dir", s.dir}); code != 0 || !s.closed || !strings.Contains(out.String(), s.URL) || !strings.Contains(out.String(), "credentials") {
		t.Errorf("code %d, closed %v, %s", code, s.closed, out.String())
	}
}

func TestDemo(t *testing.T) {
	s := &fakeSystem{fakeServer: newFakeServer(t), dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Join(s.dir, "credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "credentials", "pboc.token"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	published := make(chan string, 100)
	s.refuse = func(path string, body []byte) *events.Problem {
		if path == "/v1/demands" {
			id := string(body[len(`{"id":"`) : len(`{"id":"`)+len("sample-demand-000001")])
			published <- id
		}
		return nil
	}
	s.stream = func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Query().Get("view") != "pboc" {
			problem(w, events.ErrUnauthorised.Refuse("", "", ""))
			return
		}
		w.(http.Flusher).Flush()
		for n := 1; ; n++ {
			select {
			case id := <-published:
				sse(w, fmt.Sprintf("match.0:%d:0", n), events.TypeRecommended, id, 1)
			case <-r.Context().Done():
				return
			}
		}
	}
	s.other = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "sample-demand-000001/recommendations") {
			fmt.Fprint(w, `{"offers":[]}`) // no offer fits: shown, not counted
			return
		}
		fmt.Fprint(w, `{"eligible":1,"offers":[{"rank":1,"party_name":"示例银行","score":88,"reasons":"额度合适 +18"}]}`)
	}
	start := func(context.Context, upConfig, io.Writer) (system, error) { return s, nil }
	r := runWith(t, start, nil, "", "demo", "--exit-after", "3", "--rows", "20", "--interval", "1ms")
	if r.code != 0 || !s.closed {
		t.Fatalf("code %d, closed %v\n%s\n%s", r.code, s.closed, r.out, r.err)
	}
	for _, want := range []string{"示例数据", s.URL, "match sample-demand-000001", "示例银行", "暂无符合条件的产品", "额度合适 +18", "已显示 3 条推荐"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("the demo does not show %q:\n%s", want, r.out)
		}
	}
	if n := strings.Count(r.out, "示例银行"); n != 3 {
		t.Errorf("%d recommendations", n)
	}
	if r := runWith(t, start, nil, "", "demo", "--rows", "1"); r.code != 2 {
		t.Errorf("too few rows: %d", r.code)
	}
}
