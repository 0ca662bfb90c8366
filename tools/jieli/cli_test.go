package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jieli-bus/jieli/events"
)

type htmlPage struct{}

func (htmlPage) ServeHTTP(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }

func TestExitCodesAndLanguages(t *testing.T) {
	s := newFakeServer(t)
	s.other = func(w http.ResponseWriter, r *http.Request) {
		problem(w, events.ErrNotFound.Refuse("", "没有编号为 x 的需求", "there is no demand x"))
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"match", "x"}, 1, "对象不存在：没有编号为 x 的需求（there is no such thing: there is no demand x）"},
		{[]string{"match", "x", "--lang", "en"}, 1, "error: there is no such thing: there is no demand x (对象不存在"},
		{[]string{"match", "x"}, 1, "怎么办："},
		{[]string{"match"}, 2, "需求编号"},
		{[]string{"match", "x", "--limit", "0"}, 2, "--limit"},
		{[]string{"nothing"}, 2, `没有命令 "nothing"`},
		{[]string{"codes", "nothing"}, 2, `没有命令 "nothing"`},
		{[]string{"match", "x", "--bogus"}, 2, "--bogus"},
		{[]string{"match", "x", "-o", "xml"}, 2, "-o"},
		{[]string{"match", "x", "--lang", "fr"}, 2, "--lang"},
		{[]string{"match", "x", "--server", "nowhere"}, 2, "--server"},
		{[]string{"match", "x", "--server", "http://127.0.0.1:1"}, 1, "jieli up"},
		{[]string{"match", "x", "--token-file", "/none"}, 1, "令牌文件"},
		{[]string{"sample", "bonds"}, 2, "bonds"},
		{[]string{"sub", "--filter", "((("}, 2, "CESQL"},
		{[]string{"codes", "show", "ZZZ"}, 1, "ZZZ"},
	} {
		if r := runCLI(t, s.URL, "", c.args...); r.code != c.code || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: code %d, stderr %q; want %d and %q", c.args, r.code, r.err, c.code, c.want)
		}
	}
	if r := runCLI(t, s.URL, "", "--help"); r.code != 0 || !strings.Contains(r.out, "用法：") {
		t.Errorf("help: %d %q", r.code, r.out)
	}
	if r := runWith(t, nil, map[string]string{"JIELI_LANG": "en"}, "", "--help"); !strings.Contains(r.out, "Usage:") {
		t.Errorf("English help: %q", r.out)
	}
	if r := runCLI(t, s.URL, "", "completion", "bash"); r.code != 0 || !strings.Contains(r.out, "jieli") {
		t.Error("no completion")
	}
}

func TestMatchAndExplain(t *testing.T) {
	s := newFakeServer(t)
	score := 30
	s.other = func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/explain/") {
			fmt.Fprintf(w, `{"demand":"d","offer":"o","party_name":"示例银行","eligible":true,"clauses":[{"field":"region","name":{"zh":"地区","en":"region"},"op":"in","bound":"330000","value":"330106","node_name":"浙江省","passed":true,"visibility":"public"},{"field":"revenue","op":"min","bound":"private","value":"private","passed":true,"visibility":"private"}],"terms":[{"term":"size_fit","name":{"zh":"额度合适","en":"size"},"points":18,"most":18},{"term":"region","name":{"zh":"同省","en":"same province"},"points":12,"most":12}],"score":%d,"rule_set":"r","rule_set_hash":"abc","as_of":"2026-11-22T00:00:00Z","positions":["demand.0:1"]}`, score)
			return
		}
		fmt.Fprint(w, `{"demand":"d","version":1,"as_of":"2026-11-22T00:00:00Z","rule_set":"r","eligible":1,"offers":[{"rank":1,"offer":"o","party":"p","party_name":"示例\u001b[31m银行","instrument":"credit_loan","score":30,"reasons":"额度合适 +18"}]}`)
	}
	r := runCLI(t, s.URL, "", "match", "d")
	if r.code != 0 || !strings.Contains(r.out, "信用贷款") || strings.Contains(r.out, "\x1b") {
		t.Errorf("%d %q %q", r.code, r.out, r.err)
	}
	if r := runCLI(t, s.URL, "", "match", "d", "-o", "yaml"); !strings.HasPrefix(r.out, "demand: d\nversion: 1\nas_of: \"2026-11-22T00:00:00Z\"\n") {
		t.Errorf("yaml %q", r.out)
	}
	r = runCLI(t, s.URL, "", "explain", "d", "o")
	if r.code != 0 || !strings.Contains(r.out, "不公开") || !strings.Contains(r.out, "匹配度 30") {
		t.Errorf("%d %q %q", r.code, r.out, r.err)
	}
	box := 0
	for line := range strings.Lines(r.out) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "┌"):
			box = width(line)
		case strings.HasPrefix(line, "│") && width(line) != box:
			t.Errorf("the box does not line up: %q", line)
		}
	}
	score = 31
	if r := runCLI(t, s.URL, "", "explain", "d", "o"); r.code != 1 || !strings.Contains(r.err, "30 与匹配度 31 不符") {
		t.Errorf("a wrong sum: %d %q", r.code, r.err)
	}
}

func TestStack(t *testing.T) {
	s := newFakeServer(t)
	s.other = func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"demand":"d","demand_version":2,"open":{"amount":"100.00","currency":"CNY"},"covered":{"amount":"90.00","currency":"CNY"},"score":61,"cost_bp":405,"layers":[{"offer":"o","party":"p","party_name":"示例\u001b[31m银行","instrument":"guaranteed_loan","amount":{"amount":"90.00","currency":"CNY"},"reasons":{"zh":"提供","en":"brings"}},{"offer":"g","party":"p2","instrument":"guarantee","amount":{"amount":"72.00","currency":"CNY"},"support":"loan_guarantee","reasons":{"zh":"承担","en":"stands behind"}}],"candidates":7,"sets":28,"proved":true,"rule_set":"stack.2024-06-28","as_of":"2026-11-22T00:00:00Z"}`)
	}
	r := runCLI(t, s.URL, "", "stack", "d")
	if r.code != 0 || !strings.Contains(r.out, "缺口 100.00 CNY") || !strings.Contains(r.out, "(72.00 CNY)") || !strings.Contains(r.out, "每年 4.05%") || !strings.Contains(r.out, "已证明最优") || strings.Contains(r.out, "\x1b") {
		t.Errorf("%d %q %q", r.code, r.out, r.err)
	}
	if r := runCLI(t, s.URL, "", "stack", "d", "--lang", "en"); !strings.Contains(r.out, "stands behind") || !strings.Contains(r.out, "proved best") {
		t.Errorf("%q", r.out)
	}
}

func TestPublish(t *testing.T) {
	s := newFakeServer(t)
	r := runCLI(t, s.URL, "{\"id\":\"d1\"}\n{\n\"id\":\"d2\"}", "publish", "demand", "-f", "-")
	if r.code != 0 || strings.Count(r.out, "已接受") != 2 || s.order[0] != "/v1/demands" {
		t.Errorf("%d %q %q %v", r.code, r.out, r.err, s.order)
	}
	event := writeFile(t, "c.json", `{"specversion":"1.0","id":"0198c0de-0000-7000-8000-000000000001","source":"x","type":"jieli.demand.withdraw.v1","subject":"d1","data":{"reason":"不再需要"}}`)
	if r := runCLI(t, s.URL, "", "publish", "-f", event); r.code != 0 || s.order[len(s.order)-1] != "/v1/demands/d1/withdraw" || s.commands["0198c0de-0000-7000-8000-000000000001"] == nil {
		t.Errorf("%d %q %v", r.code, r.err, s.order)
	}
	internal := writeFile(t, "i.json", `{"specversion":"1.0","id":"1","source":"x","type":"jieli.match.recommend.v1","subject":"d1","data":{}}`)
	if r := runCLI(t, s.URL, "", "publish", "-f", internal); r.code != 1 || !strings.Contains(r.err, "unknown-type") {
		t.Errorf("%d %q", r.code, r.err)
	}
	if r := runCLI(t, s.URL, "{}", "publish", "-f", "-"); r.code != 2 {
		t.Errorf("no kind: %d %q", r.code, r.err)
	}
	s.refuse = func(string, []byte) *events.Problem { return events.ErrMoney.Refuse("/amount", "", "") }
	if r := runCLI(t, s.URL, "{}", "publish", "offer", "-f", "-"); r.code != 1 || !strings.Contains(r.err, "/amount") {
		t.Errorf("%d %q", r.code, r.err)
	}
}

func sse(w http.ResponseWriter, id, typ, subject string, amount int) {
	fmt.Fprintf(w, ": heartbeat\n\nid: %s\nevent: %s\ndata: {\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"t\",\"type\":\"%s\",\"subject\":\"%s\",\"time\":\"2026-11-22T01:02:03Z\",\"region\":\"330106\",\"amountwan\":%d,\"currency\":\"CNY\"}\n\n", id, typ, id, typ, subject, amount)
	w.(http.Flusher).Flush()
}

func TestSubResumesAndFilters(t *testing.T) {
	s := newFakeServer(t)
	s.stream = func(w http.ResponseWriter, r *http.Request, n int) {
		switch n {
		case 0: // breaks after one event
			sse(w, "demand.0:1:0", "jieli.demand.published.v1", "small", 5)
			sse(w, "demand.0:2:0", "jieli.demand.published.v1", "big", 500)
		case 1:
			problem(w, events.ErrUnavailable.Refuse("", "", ""))
		default:
			sse(w, "demand.0:3:0", "jieli.demand.published.v1", "bigger", 900)
		}
	}
	r := runCLI(t, s.URL, "", "sub", "--type", "demand.published", "--filter", "amountwan > 100", "--count", "2")
	if r.code != 0 || !strings.Contains(r.out, "融资需求已发布") || !strings.Contains(r.out, "big ") || !strings.Contains(r.out, "bigger") || strings.Contains(r.out, "small") {
		t.Fatalf("%d %q %q", r.code, r.out, r.err)
	}
	if !strings.Contains(r.out, "09:02:03") || !strings.Contains(r.out, "西湖区") || !strings.Contains(r.out, "500 万 CNY") {
		t.Errorf("line %q", r.out)
	}
	if len(s.seen) != 3 || s.seen[0].Get("Last-Event-ID") != "" || s.seen[1].Get("Last-Event-ID") != "demand.0:2:0" || s.seen[2].Get("Last-Event-ID") != "demand.0:2:0" {
		t.Errorf("resumed at %q", s.seen)
	}
	s.stream = func(w http.ResponseWriter, r *http.Request, _ int) {
		problem(w, events.ErrUnauthorised.Refuse("", "", ""))
	}
	if r := runCLI(t, s.URL, "", "sub", "--view", "pboc"); r.code != 1 || !strings.Contains(r.err, "--token-file") {
		t.Errorf("refused: %d %q", r.code, r.err)
	}
}

func TestVerifyAndRebuild(t *testing.T) {
	s := newFakeServer(t)
	ok, rest := "true", ""
	s.other = func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "{\"step\":\"ledger demand\",\"done\":1,\"total\":2}\n{\"ok\":%s,\"report\":{\"violations\":[]}%s}\n", ok, rest)
	}
	if r := runCLI(t, s.URL, "", "verify"); r.code != 0 || !strings.Contains(r.out, "✓ 核对通过") {
		t.Errorf("%d %q %q", r.code, r.out, r.err)
	}
	ok, rest = "false", `,"error":{"type":"urn:jieli:problem:unavailable","status":503,"title":"服务不可用","title_en":"x"}`
	if r := runCLI(t, s.URL, "", "rebuild", "--events"); r.code != 1 || !strings.Contains(r.out, "✗ 重建失败") || !strings.Contains(r.err, "服务不可用") {
		t.Errorf("%d %q %q", r.code, r.out, r.err)
	}
	s.other = func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, `{"step":"x","done":1,"total":2}`) }
	if r := runCLI(t, s.URL, "", "verify"); r.code != 1 || !strings.Contains(r.err, "结果之前中断") {
		t.Errorf("cut off: %d %q", r.code, r.err)
	}
}

func TestDoctorAndVersion(t *testing.T) {
	s := newFakeServer(t)
	s.other = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			fmt.Fprintln(w, `jieli_build_info 1`)
			return
		}
		fmt.Fprint(w, `{"status":"ok","version":"dev"}`)
	}
	dir := t.TempDir()
	r := runCLI(t, s.URL, "", "doctor", "--dir", dir, "-o", "json")
	var found []finding
	if err := json.Unmarshal([]byte(r.out), &found); err != nil || r.code != 0 || len(found) != 11 {
		t.Fatalf("%d %v %s", r.code, err, r.out)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"pid":999999999,"http":"http://127.0.0.1:9"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.other = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		fmt.Fprint(w, `{"version":"v9"}`)
	}
	r = runCLI(t, s.URL, "", "doctor", "--dir", dir)
	if r.code != 1 || !strings.Contains(r.out, "NTP") || !strings.Contains(r.out, "同一版本") {
		t.Errorf("%d %s", r.code, r.out)
	}
	r = runCLI(t, "http://127.0.0.1:1", "", "doctor", "--dir", dir)
	if r.code != 1 || !strings.Contains(r.out, "jieli up") || !strings.Contains(r.out, "没有正常结束") {
		t.Errorf("%d %s", r.code, r.out)
	}
	if r := runCLI(t, s.URL, "", "version", "-o", "json"); r.code != 0 || !strings.Contains(r.out, `"v9"`) {
		t.Errorf("%d %s", r.code, r.out)
	}
}

func TestCodes(t *testing.T) {
	env := map[string]string{"JIELI_CONFIG_DIR": t.TempDir()}
	if r := runWith(t, nil, env, "", "codes", "list"); r.code != 0 || !strings.Contains(r.out, "GB/T 2260") {
		t.Errorf("%d %s", r.code, r.out)
	}
	for list := range newCLI().codeLists() {
		if r := runWith(t, nil, env, "", "codes", "list", list, "-o", "json"); r.code != 0 || len(r.out) < 50 {
			t.Errorf("%s: %d %s", list, r.code, r.err)
		}
	}
	if r := runWith(t, nil, env, "", "codes", "show", "330106"); !strings.Contains(r.out, "浙江省 杭州市 西湖区") {
		t.Errorf("%s", r.out)
	}
	if r := runWith(t, nil, env, "", "codes", "load", writeFile(t, "i.csv", "code,level,name,parent\nI,section,x,\n")); r.code != 1 || !strings.Contains(r.err, "未装入") {
		t.Errorf("a list that is not complete: %d %s", r.code, r.err)
	}
}

func TestFilterBounds(t *testing.T) {
	for _, bad := range []string{"", "(((", "a = ", strings.Repeat("(", 100) + "TRUE" + strings.Repeat(")", 100), strings.Repeat("NOT ", 100) + "TRUE", strings.Repeat("x", 5000), "\x00", "'"} {
		if f, err := parseFilter(bad); err == nil {
			t.Errorf("%.20q was taken: %v", bad, f)
		}
	}
	f, err := parseFilter("type = 'a' AND EXISTS region")
	if err != nil {
		t.Fatal(err)
	}
	if !f.passes([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"a","region":"330000"}`)) || f.passes([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"a"}`)) || f.passes([]byte(`nonsense`)) {
		t.Error("the filter decides wrongly")
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"a = 1", "NOT (x LIKE '%')", "EXISTS a OR b IN ('x', 2)", "LENGTH(subject) > 3"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if parsed, err := parseFilter(text); err == nil {
			parsed.passes([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"a","amountwan":3}`))
		}
	})
}

func TestWidths(t *testing.T) {
	if width("接力 Jieli") != 10 || width(pad("接力", 7)) != 7 || cut("科技型企业", 7) != "科技型…" || width(cut("科技型企业", 6)) > 6 {
		t.Errorf("%d %d %q %d", width("接力 Jieli"), width(pad("接力", 7)), cut("科技型企业", 7), width(cut("科技型企业", 6)))
	}
	var b strings.Builder
	table := newTable("名称", "n").alignRight(1)
	table.add("甲公司", "1")
	table.add("Acme\x1b[31m", "1000")
	table.write(&b)
	want := `┌──────────┬──────┐
│ 名称     │    n │
├──────────┼──────┤
│ 甲公司   │    1 │
│ Acme[31m │ 1000 │
└──────────┴──────┘
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
